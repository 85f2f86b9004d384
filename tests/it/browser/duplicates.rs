//! Duplicates by keyboard alone: the queue, both side by side, merging and the next pair; and the hint while a form is typed.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};

const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";
const RIGHT: &str = "\u{E014}";

async fn press(browser: &Browser, keys: &str) {
    browser.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_are_judged_and_merged_by_keyboard() {
    let app = TestApp::start().await;
    let org = app.org("keys").await;
    let admin = app.signed_in(&org, "admin").await;
    for (first, email, city) in [
        ("Ann", "ann@bell.test", "Gent"),
        ("Anne", "ann@bell.test", "Gent"),
        ("Zoltan", "z@kiss.test", "Pécs"),
        ("Z.", "z@kiss.test", "Pécs"),
    ] {
        let last = if first.starts_with('A') { "Bell" } else { "Kiss" };
        admin.post("/contacts", &[("first_name", first), ("last_name", last), ("email", email), ("city", city)]).await;
    }
    for (name, email) in [("Eve", "office@x.test"), ("Olaf", "office@x.test")] {
        admin.post("/contacts", &[("first_name", name), ("last_name", "Unlike"), ("email", email)]).await;
    }
    admin.post("/duplicates/scans", &[("type", "contact")]).await;
    app.run_jobs().await;
    let open = "SELECT count(*) FROM duplicate_pairs WHERE status = 'open'";
    assert_eq!(app.value(open).await, "3");

    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "admin@keys.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go("/duplicates?type=contact").await;
    browser
        .until("the first pair has the focus", "document.activeElement?.matches('li:first-child [data-merge]')")
        .await;
    press(&browser, DOWN).await;
    press(&browser, DOWN).await;
    browser.until("the third pair has it", "document.activeElement?.matches('li:nth-child(3) [data-merge]')").await;
    press(&browser, "x").await;
    browser.until("the pair is gone", "document.querySelectorAll('[data-duplicates] > li').length === 2").await;
    browser
        .until("the one before has the focus", "document.activeElement?.matches('li:nth-child(2) [data-merge]')")
        .await;
    assert_eq!(app.value("SELECT count(*) FROM duplicate_pairs WHERE status = 'dismissed'").await, "1");

    // Enter opens the two; an arrow chooses which stays, Enter merges; the next pair follows.
    browser.js("document.querySelector('li:first-child [data-merge]').focus()").await;
    press(&browser, ENTER).await;
    browser.until("which stays has the focus", "document.activeElement?.name === 'survivor'").await;
    let first = browser.path().await;
    press(&browser, RIGHT).await;
    press(&browser, ENTER).await;
    browser
        .until(
            "the next pair",
            &format!("location.pathname !== '{first}' && document.activeElement?.name === 'survivor'"),
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM merges").await, "1");
    press(&browser, ENTER).await;
    browser
        .until(
            "the queue is done",
            "location.pathname === '/duplicates' && document.body.textContent.includes('No duplicates to look at')",
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM merges").await, "2");

    // While a new one is typed: who it may be, with a link.
    for (path, typed) in [("/contacts/new", "ann@bell.test"), ("/leads/new", "z@kiss.test")] {
        browser.go(path).await;
        browser.fill("email", typed).await;
        let hint = "document.querySelector('#likely a[href^=\"/contacts/\"]')";
        if path.starts_with("/contacts") {
            browser.until("the hint", hint).await;
        }
    }
    assert!(browser.complaints().await.is_empty());
    browser.close().await;
    app.stop().await;
}
