//! The next step in two clicks, done where one stands, and taken back: what only a browser shows.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_step_is_planned_done_and_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("steps").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM activities").await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@steps.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // Two clicks: Activity, Schedule.
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.click("[data-tab=composer-activity]").await;
    browser
        .until(
            "the form",
            "!document.getElementById('composer-activity').hidden && document.getElementById('composer-note').hidden",
        )
        .await;
    browser.submit("Schedule").await;
    browser.until("what is next", "document.querySelector('#plan .act-subject')?.textContent === 'Call'").await;
    browser.until("the fact", "document.getElementById('facts').textContent.includes('Call')").await;

    // Done: the page asks what comes next.
    browser.click("#plan .act-check").await;
    browser
        .until(
            "what comes next",
            "document.getElementById('composer-activity')?.textContent.includes('What comes next')",
        )
        .await;
    assert_eq!(app.value("SELECT status FROM activities").await, "done");
    browser.click("#toasts [data-toast] form button").await;
    browser.until("it is back", "document.querySelector('#plan .act-check')").await;

    // In the list a line changes where it stands.
    browser.go("/activities").await;
    browser.click(".acts .act-check").await;
    browser.until("the line, done", "document.querySelector('.act.is-closed')").await;
    assert_eq!(app.value("SELECT status FROM activities").await, "done");
    browser.click(".act.is-closed .act-check").await;
    browser.until("the line, open", "document.querySelector('.act:not(.is-closed)')").await;
    assert_eq!(app.value("SELECT status FROM activities").await, "open");
    // Ticked, and put off.
    browser.click(".acts .row-check").await;
    browser.click("#bulk [value=until-week]").await;
    browser
        .until("the message", "document.querySelector('[data-toast]')?.textContent.includes('1 activity put off')")
        .await;

    // The card says what is next.
    browser.go("/pipeline").await;
    browser
        .until("the card's next step", "document.querySelector('.deal-next.is-good')?.textContent.includes('Call')")
        .await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
