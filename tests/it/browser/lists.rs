//! The filter builder and the column chooser in a browser: in their dialog, from the keyboard, and without a script.

use super::driver::{Browser, Script};
use crate::support::{Org, PASSWORD, TestApp};
use thirtyfour::prelude::*;

async fn fill(app: &TestApp, org: &Org) {
    app.sql(&format!(
        "INSERT INTO companies (org_id, id, name, employees, city) VALUES ('{0}', gen_random_uuid(), 'Small Ltd', 3, 'Ghent'),
           ('{0}', gen_random_uuid(), 'Large Ltd', 300, 'Bruges')",
        org.id
    ))
    .await;
}

async fn enter(browser: &Browser) {
    browser.go("/login").await;
    browser.fill("email", "admin@lists.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_and_columns_from_the_keyboard() {
    let app = TestApp::start().await;
    let org = app.org("lists").await;
    fill(&app, &org).await;
    let browser = Browser::open(&app.base, Script::On).await;
    enter(&browser).await;
    browser.go("/companies").await;
    browser.click(".list-search summary").await;
    browser.click(".list-search [data-open-panel]").await;
    browser.until("the dialog is open", "document.querySelector('[data-list-panel]').open").await;
    browser.click("#rule-to-").await;
    browser.until("the new rule has the focus", "document.activeElement.id === 'k-0'").await;
    browser.choose("k", "Employees").await;
    browser.until("it has the comparisons of numbers", "document.querySelector('#op-0 [value=ge]')").await;
    // The form comes anew after every choice.
    browser.js("document.querySelector('#op-0').dataset.old = 'yes'").await;
    browser.choose("op", "is at least").await;
    browser.until("the comparison is kept", "document.querySelector('#op-0:not([data-old])')?.value === 'ge'").await;
    let value = browser.find("#v-0-1").await;
    value.send_keys("100").await.unwrap();
    value.send_keys(Key::Enter).await.unwrap();
    browser.until("the list is narrowed", "location.search.includes('filter=')").await;
    browser.until("only the large one is there", "document.querySelectorAll('#rows tr').length === 1").await;
    assert!(browser.text().await.contains("Large Ltd"));

    // Columns: the city comes first after the name, by its buttons; a head made wider by the arrow keys.
    browser.go("/companies").await;
    browser.click("a[href*='/columns']").await;
    browser.until("the chooser is open", "document.querySelector('[data-columns]')").await;
    browser.click("[data-id=city] input").await;
    for _ in 0..40 {
        browser.click("[data-id=city] [data-up]").await;
    }
    browser.submit("Save columns").await;
    let heads = "return [...document.querySelectorAll('th[data-column]')].map((th) => th.dataset.column)";
    assert_eq!(browser.js(heads).await[1], "city");
    let handle = browser.find("th[data-column=city] .col-size").await;
    let before = browser.js("return Number(document.querySelectorAll('col[width]')[1].getAttribute('width'))").await;
    for _ in 0..2 {
        handle.send_keys(Key::Right).await.unwrap();
    }
    browser
        .until(
            "the width is kept",
            "document.querySelector('th[data-column=city] .col-size').getAttribute('aria-valuenow') !== null",
        )
        .await;
    let wider = before.as_i64().unwrap() + 32;
    for _ in 0..50 {
        if app.value("SELECT value FROM preferences WHERE key = 'list.companies'").await.contains(&wider.to_string()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    browser.go("/companies").await;
    let now = browser.js("return Number(document.querySelectorAll('col[width]')[1].getAttribute('width'))").await;
    assert_eq!(now.as_i64(), Some(wider));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
