//! The forecast and the calendar of deals in a browser: dragged and by keyboard, taken back, refused.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use std::time::Duration;
use thirtyfour::Key;

async fn until(app: &TestApp, sql: &str, then: &str) {
    for _ in 0..100 {
        if app.value(sql).await == then {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(app.value(sql).await, then, "{sql}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dragged_between_periods_and_days() {
    let app = TestApp::start().await;
    let org = app.org("planned").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let id = rep.add_deal(&stages[0], "Lens order", &[("amount", "900"), ("expected_close_on", "2031-03-05")]).await;
    let when =
        format!("SELECT expected_close_on || ' ' || coalesce(forecast_override, '-') FROM deals WHERE id = '{id}'");
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@planned.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // By mouse into the next month and another category; the sums follow.
    browser.go(&format!("/pipeline/{pipeline}/forecast?from=2031-03-01")).await;
    let card = format!("[data-deal-id=\"{id}\"]");
    browser.until("the script", &format!("document.querySelector('{card}')?.tabIndex === 0")).await;
    let cell =
        |period: &str, category: &str| format!("[data-cell][data-period=\"{period}\"][data-category={category}]");
    let aim = cell("2031-04-01", "best_case");
    browser.drag(&format!("{card} .deal-amount"), &aim).await;
    until(&app, &when, "2031-04-05 best_case").await;
    browser
        .until("the sums", &format!("document.querySelector('{aim} .fore-head strong')?.textContent === '€900'"))
        .await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    // Taken back where one stands.
    browser.click("#toasts [data-toast] form button").await;
    until(&app, &when, "2031-03-05 -").await;
    let home = cell("2031-03-01", "pipeline");
    browser.until("the card at home", &format!("document.querySelector('{home} {card}')")).await;

    // By keyboard: picked up, a month on, dropped; picked up and put back.
    for keys in [vec![" ", "\u{E014}", " "], vec![" ", "\u{E014}", "\u{E00C}"]] {
        browser.until("a quiet table", &format!("!document.querySelector('{card}.saving')")).await;
        browser.js(&format!("document.querySelector('{card}').focus()")).await;
        for key in keys {
            browser.driver.action_chain().send_keys(key).perform().await.unwrap();
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        until(&app, &when, "2031-04-05 -").await;
    }
    // Refused: it goes back, and says why.
    app.sql(&format!("UPDATE deals SET archived_at = now() WHERE id = '{id}'")).await;
    browser.js(&format!("document.querySelector('{card} [data-deal-menu]').click()")).await;
    browser.click("#deal-menu [data-do=period][data-value=\"2031-05-01\"]").await;
    browser.until("why not", "document.querySelector('.snack-danger')?.textContent.includes('archived')").await;
    app.sql(&format!("UPDATE deals SET archived_at = NULL WHERE id = '{id}'")).await;
    let refused = browser.complaints().await;
    assert!(refused.iter().all(|c| c.contains("409")), "{refused:?}");

    // In the calendar: dragged two days on, and back by keyboard.
    browser.go(&format!("/pipeline/{pipeline}/calendar?date=2031-04-01")).await;
    let event = format!(".fc-event[data-id=\"{id}\"]");
    browser.drag(&event, "[data-date=\"2031-04-08\"] .fc-daygrid-day-number").await;
    until(&app, &when, "2031-04-08 -").await;
    browser.until("its day", &format!("document.querySelector('[data-date=\"2031-04-08\"] {event}')")).await;
    // Once it is drawn anew, for this tab and for what others did, it has the focus again.
    tokio::time::sleep(Duration::from_millis(900)).await;
    browser.until("a quiet calendar", &format!("document.activeElement?.dataset.id === '{id}'")).await;
    let keys = browser.driver.action_chain().key_down(Key::Alt).send_keys(Key::Up).key_up(Key::Alt);
    keys.perform().await.unwrap();
    until(&app, &when, "2031-04-01 -").await;
    browser.until("its focus", &format!("document.activeElement?.dataset.id === '{id}'")).await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    // The line under the title follows what others do.
    browser.js("document.body.dataset.same = 'page'").await;
    let (line, version) =
        ("document.getElementById('board-summary').textContent", "SELECT version FROM deals WHERE id = ");
    let version = app.value(&format!("{version}'{id}'")).await;
    let sent =
        rep.post_partial(&format!("/deals/{id}/fields/amount"), &[("version", &version), ("amount", "98765")]).await;
    assert_eq!(sent.status(), 200, "{}", sent.body);
    browser.until("what a colleague changed", &format!("{line}.includes('98.8k')")).await;
    assert_eq!(browser.js("return document.body.dataset.same").await, "page");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
