//! A column of two thousand cards: what is in the page is counted, not timed. Scrolled, dragged, walked by keyboard, chosen and archived,
//! followed in every look.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use std::time::Duration;
use thirtyfour::Key;

const CARDS: &str = "document.querySelectorAll('#board [data-deal-id]').length";
const FIRST: &str = "[...document.querySelectorAll('[data-stage-id]')][0].querySelector('.cards')";

async fn number(browser: &Browser, script: &str) -> i64 {
    browser.js(&format!("return {script}")).await.as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_cards_in_a_column() {
    let app = TestApp::start().await;
    let org = app.org("crowded").await;
    let (pipeline, stages) = app.stages(&org);
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id)
         SELECT '{}', app.uuid7(), n, 'Deal ' || n, '{pipeline}', '{}', 'c' || lpad(n::text, 8, '0') || '1', n, 'EUR', '{}' FROM generate_series(1, 2000) n",
        org.id, stages[0], org.rep
    ));
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@crowded.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&format!("/pipeline/{pipeline}")).await;
    browser.until("a page of cards", &format!("{CARDS} === 20")).await;
    assert!(number(&browser, "document.querySelectorAll('*').length").await < 2_500);
    // Scrolling brings a page at a time.
    for page in 2..=4 {
        browser.js(&format!("const list = {FIRST}; list.scrollTop = list.scrollHeight")).await;
        browser.until("the next page", &format!("{CARDS} >= {}", page * 20)).await;
    }
    assert!(number(&browser, CARDS).await <= 150);
    assert!(number(&browser, "document.querySelectorAll('*').length").await < 6_000);

    // Dragged from the middle of it; walked to its end and moved from there.
    browser.js(&format!("{FIRST}.scrollTop = 0")).await;
    let card = browser.find("[data-name=\"Deal 2\"] .deal-amount").await;
    let target = browser.find(&format!("[data-stage-id=\"{}\"] .cards", stages[1])).await;
    let pace = Some(Duration::from_millis(25));
    let actions = browser.driver.action_chain_with_delay(pace, pace);
    let held = actions.move_to_element_center(&card).click_and_hold().move_by_offset(8, 8).move_by_offset(30, 10);
    held.move_to_element_center(&target).move_by_offset(4, 4).move_by_offset(-4, -4).release().perform().await.unwrap();
    let second = format!("document.querySelector('[data-stage-id=\"{}\"]')", stages[1]);
    browser.until("the dragged card", &format!("{second}.querySelector('[data-name=\"Deal 2\"]:not(.saving)')")).await;
    browser.js("document.querySelector('[data-name=\"Deal 1\"]').focus()").await;
    for key in ["\u{E010}", " ", "\u{E014}", " "] {
        browser.driver.action_chain().send_keys(key).perform().await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    browser
        .until(
            "the last card moved on",
            &format!("{second}.querySelectorAll('[data-deal-id]:not(.saving)').length === 2"),
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM events WHERE kind = 'deal.moved'").await, "2");

    // Three chosen by keyboard and mouse, archived, and taken back.
    browser.js(&format!("{FIRST}.scrollTop = 0; document.querySelector('[data-name=\"Deal 1\"]').focus()")).await;
    browser.driver.action_chain().send_keys("x").perform().await.unwrap();
    let keys = browser.driver.action_chain().key_down(Key::Shift).send_keys(Key::Down).key_up(Key::Shift);
    keys.perform().await.unwrap();
    let fifth = browser.find("[data-name=\"Deal 5\"] .deal-amount").await;
    let click = browser.driver.action_chain().key_down(Key::Control).move_to_element_center(&fifth).click();
    click.key_up(Key::Control).perform().await.unwrap();
    browser.until("three chosen", "document.querySelector('[data-selected-count]').textContent === '3 deals'").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    browser.click("#board-bulk button[value=archive]").await;
    browser.until("they are gone", "document.readyState === 'complete' && document.querySelector('#board') && !document.querySelector('[data-name=\"Deal 5\"]')").await;
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE archived_at IS NOT NULL").await, "3");
    browser.click("#toasts [data-toast] form button").await;
    browser.until("they are back", "document.querySelector('[data-name=\"Deal 5\"]')").await;

    // The keys, told; and another look, in which others' moves still arrive.
    browser.js("document.querySelector('[data-deal-id]').focus()").await;
    browser.driver.action_chain().send_keys("?").perform().await.unwrap();
    browser.until("the keys", "document.getElementById('board-keys').open").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    let rep = app.signed_in(&org, "rep").await;
    let list = format!("kind=board&pipeline={pipeline}");
    let look = [("list", list.as_str()), ("order", "amount"), ("lanes", "owner"), ("field", "amount"), ("do", "me")];
    assert_eq!(rep.post(&format!("/pipeline/{pipeline}/look"), &look).await.status(), 303);
    browser.go(&format!("/pipeline/{pipeline}?reset=1")).await;
    browser
        .until("the largest first", "document.querySelector('[data-row] [data-deal-id]')?.dataset.name === 'Deal 2000'")
        .await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(700)).await;
    let largest = app.value("SELECT id FROM deals WHERE name = 'Deal 2000'").await;
    rep.post_partial(&format!("/deals/{largest}/position"), &[("stage_id", &stages[2])]).await;
    let third = format!("document.querySelector('[data-row] [data-stage-id=\"{}\"]')", stages[2]);
    browser.until("it moves before one's eyes", &format!("{third}.querySelector('[data-name=\"Deal 2000\"]')")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
