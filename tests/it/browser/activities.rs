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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_counted_given_and_dragged() {
    let app = TestApp::start().await;
    let org = app.org("drag").await;
    app.sql(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, status, owner_id)
         SELECT org_id, gen_random_uuid(), id, 'task', s, 'open', '{}' FROM activity_types, unnest('{{Draw,Build}}'::text[]) s WHERE org_id = '{}' AND key = 'task'",
        org.rep, org.id
    ))
    .await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@drag.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // How many are ticked, one by one and all at once.
    browser.go("/tasks").await;
    browser.click(".acts .row-check").await;
    browser.until("one", "document.querySelector('#bulk [data-selected-count]').textContent === '1 selected'").await;
    browser.click("#bulk .all-check").await;
    browser.until("both", "document.querySelector('#bulk [data-selected-count]').textContent === '2 selected' && document.querySelectorAll('.acts .row-check:checked').length === 2").await;
    // Given to nobody: the field asks, and what is ticked stays ticked.
    browser.click("#bulk [value=assign]").await;
    browser.until("the question", "document.activeElement?.id === 'f-owner_id' && document.querySelectorAll('.acts .row-check:checked').length === 2").await;

    // Dragged to another state, which the menu of its card can do, too.
    browser.go("/tasks?view=board").await;
    browser
        .until("it can be dragged", "window.Sortable?.get(document.querySelector('[data-state=in_progress]'))")
        .await;
    browser.drag("[data-state=open] .task-card", "[data-state=in_progress]").await;
    browser
        .until("the card in its column", "document.querySelector('#task-board section:nth-child(2) .column-count').textContent === '1' && document.querySelector('[data-state=in_progress] .task-card .menu [value=open]')")
        .await;
    assert_eq!(app.value("SELECT string_agg(status, ',' ORDER BY status) FROM activities").await, "in_progress,open");

    // The length follows the type, until it is said.
    browser.go("/activities/new").await;
    browser.choose("type_id", "Meeting").await;
    browser.until("an hour", "document.querySelector('[name=minutes]').value === '60'").await;
    browser.fill("minutes", "25").await;
    browser.choose("type_id", "Call").await;
    browser.until("as said", "document.querySelector('[name=type_id]').selectedOptions[0].text === 'Call' && document.querySelector('[name=minutes]').value === '25'").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
