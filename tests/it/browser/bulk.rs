//! Many records at once in a browser, from the keyboard: ticked with the space bar, all that match, the job's progress, undo.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};
use thirtyfour::prelude::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_of_the_board_are_chosen_by_keys() {
    let app = TestApp::start().await;
    let org = app.org("keys").await;
    let rep = app.signed_in(&org, "rep").await;
    for name in ["Alpha", "Beta", "Gamma"] {
        rep.add_deal(&app.stages(&org).1[0], name, &[]).await;
    }
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@keys.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go("/pipeline").await;
    browser.find("#board-bulk").await;
    browser.js("document.querySelector('[data-deal-id]').focus()").await;
    let press = async |keys: &str| browser.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    // X and X again; X and the one below it; the whole column; nothing.
    for (keys, chosen) in
        [("x", 1), ("x", 0), ("x", 1), ("\u{E008}\u{E015}\u{E000}", 2), ("\u{E009}a\u{E000}", 3), ("\u{E00C}", 0)]
    {
        press(keys).await;
        let counted = format!("document.querySelectorAll('[data-deal-id].chosen').length === {chosen}");
        browser.until(&format!("{chosen} chosen by {keys:?}"), &counted).await;
    }
    press("?").await;
    browser.until("the keys are told", "document.getElementById('board-keys').open").await;
    assert!(browser.text().await.contains("Choose the card, for several at once"));
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticked_by_keys_then_all_that_match_with_progress_and_undo() {
    let app = TestApp::start().await;
    let org = app.org("bulk").await;
    app.sql(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id, lifecycle) SELECT '{}', gen_random_uuid(), 'Nr ' || lpad(n::text, 3, '0'), '{}', 'lead'
         FROM generate_series(1, 260) n",
        org.id, org.admin
    ))
    .await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "admin@bulk.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    let archived = "SELECT count(*) FROM contacts WHERE archived_at IS NOT NULL";

    // Two rows by the space bar; Archive by Enter; Undo in the message.
    browser.go("/contacts?sort=name").await;
    for row in 1..=2 {
        browser.find(&format!("#rows tr:nth-child({row}) .row-check")).await.send_keys(" ").await.unwrap();
    }
    browser
        .until("two are counted", "document.querySelector('[data-selected-count]').textContent === '2 selected'")
        .await;
    browser.find(".bulk button[value=archive]").await.send_keys(Key::Enter).await.unwrap();
    browser.until("it is told", "document.querySelector('.snack')?.textContent.includes('2 contacts archived')").await;
    assert_eq!(app.value(archived).await, "2");
    browser.find(".snack .link-btn").await.send_keys(Key::Enter).await.unwrap();
    browser.until("it is undone", "document.querySelector('.snack')?.textContent.includes('Undone: 2 contacts')").await;
    assert_eq!(app.value(archived).await, "0");

    // Shift and a click take in what lies between, and leave it out again.
    browser.go("/contacts?sort=name").await;
    let row = |n: usize| format!("#rows tr:nth-child({n}) .row-check");
    let reach = async |n: usize, many: usize| {
        let chain = browser.driver.action_chain().key_down(Key::Shift).click_element(&browser.find(&row(n)).await);
        chain.key_up(Key::Shift).perform().await.unwrap();
        let counted = format!("document.querySelector('[data-selected-count]').textContent === '{many} selected'");
        browser.until(&format!("{many} are chosen"), &counted).await;
    };
    browser.find(&row(1)).await.click().await.unwrap();
    reach(5, 5).await;
    reach(4, 3).await;
    assert_eq!(browser.js("return getSelection().toString()").await, "");

    // All that match, a field: the chooser from the keyboard, the job with its progress, undo to the end.
    browser.go("/contacts?sort=name").await;
    browser.find("#rows tr:nth-child(1) .row-check").await.send_keys(" ").await.unwrap();
    browser.find("[data-select-matching]").await.send_keys(" ").await.unwrap();
    browser.find(".bulk button[value=edit]").await.send_keys(Key::Enter).await.unwrap();
    browser
        .until("the chooser says how many", "document.querySelector('h1')?.textContent.includes('260 contacts')")
        .await;
    browser.choose("field", "Lifecycle").await;
    browser.until("it asks for the value", "document.querySelector('#f-value')").await;
    browser.choose("value", "Customer").await;
    browser.submit("Go ahead").await;
    browser
        .until(
            "its progress is shown",
            "location.pathname.startsWith('/operations/') && document.querySelector('progress')",
        )
        .await;
    app.run_jobs().await;
    browser
        .until(
            "the page hears of the end",
            "!document.querySelector('progress') && document.body.textContent.includes('Done')",
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM contacts WHERE lifecycle = 'customer'").await, "260");
    browser.submit("Undo").await;
    browser.until("the undo shows its progress", "document.querySelector('progress')").await;
    app.run_jobs().await;
    browser
        .until(
            "all are restored",
            "!document.querySelector('progress') && document.body.textContent.includes('Restored by undo')",
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM contacts WHERE lifecycle = 'customer'").await, "0");
    assert!(browser.text().await.contains("260"));

    // One change of one of them, undone from its history; deleted and back from the bin.
    let id = app.value("SELECT id FROM contacts WHERE last_name = 'Nr 007'").await;
    browser.go(&format!("/contacts/{id}/history")).await;
    browser.find("#history-entries button").await.send_keys(Key::Enter).await.unwrap();
    browser
        .until("the undo is undone", "document.querySelector('.snack')?.textContent.includes('Change undone')")
        .await;
    assert_eq!(app.value(&format!("SELECT lifecycle FROM contacts WHERE id = '{id}'")).await, "customer");
    app.sql(&format!("UPDATE contacts SET deleted_at = now() WHERE id = '{id}'")).await;
    browser.go("/bin").await;
    browser.find(".row-check").await.send_keys(" ").await.unwrap();
    browser.find(".bulk button").await.send_keys(Key::Enter).await.unwrap();
    browser.until("it is back", "document.querySelector('.snack')?.textContent.includes('1 contact restored')").await;
    assert_eq!(
        app.value(&format!("SELECT count(*) FROM contacts WHERE id = '{id}' AND deleted_at IS NULL")).await,
        "1"
    );
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
