//! What repeats, by keyboard alone: planned, changed for later ones, and the question seen by axe.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use thirtyfour::Key;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_ones_are_meant_is_answered_by_keyboard() {
    let app = TestApp::start().await;
    app.org("keys").await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@keys.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    browser.go("/activities/new").await;
    browser.until("how often is hidden", "!document.querySelector('[name=repeat_every]').checkVisibility()").await;
    browser.fill("subject", "Stand-up").await;
    browser.choose("repeat", "By weeks").await;
    browser.until("the days", "document.querySelector('[name=repeat_days]').checkVisibility() && !document.querySelector('[name=repeat_rule]').checkVisibility()").await;
    browser.choose("repeat_end", "After so many times").await;
    browser.fill("repeat_count", "4").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    browser.submit("Save").await;
    assert_eq!(app.value("SELECT count(*) FROM activities").await, "4");

    // Later ones: Enter in the form, Tab to the second answer, Enter.
    let second = app.value("SELECT id FROM activities ORDER BY occurs_on OFFSET 1 LIMIT 1").await;
    browser.go(&format!("/activities/{second}/edit")).await;
    let subject = browser.find("[name=subject]").await;
    subject.send_keys(" at ten" + Key::Enter).await.unwrap();
    browser.until("the question", "document.activeElement?.value === 'this'").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    let here = browser.driver.active_element().await.unwrap();
    here.send_keys(Key::Tab + "").await.unwrap();
    browser.until("the second answer", "document.activeElement?.value === 'later'").await;
    browser.driver.active_element().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
    browser
        .until("the page of the activity", "document.getElementById('record-title')?.textContent === 'Stand-up at ten'")
        .await;
    let subjects = "SELECT string_agg(subject, ', ' ORDER BY occurs_on) FROM activities";
    assert_eq!(app.value(subjects).await, "Stand-up, Stand-up at ten, Stand-up at ten, Stand-up at ten");

    // All of them are deleted, and brought back by the toast.
    browser.js("document.querySelector('form[action$=\"/deletion\"] button').click()").await;
    browser.until("the question", "document.activeElement?.value === 'this'").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    browser.find("button[value=all]").await.send_keys(Key::Enter + "").await.unwrap();
    browser.until("the message", "document.querySelector('[data-toast]')?.textContent.includes('4 deleted')").await;
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE deleted_at IS NULL").await, "0");
    browser.click("#toasts [data-toast] form button").await;
    browser.until("they are back", "document.body.textContent.includes('4 of the series are back')").await;
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE deleted_at IS NULL").await, "4");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
