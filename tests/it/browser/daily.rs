//! What people do all day and only a browser shows: editing in place, quick add, undo, the palette, a choice from a list as one types.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};
use std::time::Duration;
use thirtyfour::error::WebDriverErrorInner;

const ESCAPE: &str = "\u{E00C}";
const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";
const RIGHT: &str = "\u{E014}";
const F2: &str = "\u{E032}";

/// To what has the focus; again when it is replaced at that very moment.
async fn press(browser: &Browser, keys: &str) {
    for _ in 0..40 {
        let pressed = browser.driver.active_element().await.unwrap().send_keys(keys).await;
        let Err(error) = pressed else { return };
        let passing = matches!(
            error.as_inner(),
            WebDriverErrorInner::StaleElementReference(_) | WebDriverErrorInner::ElementNotInteractable(_)
        );
        assert!(passing, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing took {keys:?}");
}

/// A list is one tab stop; arrows go from cell to cell, Enter and F2 edit, Escape leaves things as they were.
async fn in_a_list(browser: &Browser) {
    let here = "document.activeElement";
    browser.go("/contacts").await;
    browser
        .until("the table's tab stop", "document.querySelectorAll('table[role=grid] td[tabindex=\"0\"]').length === 1")
        .await;
    browser.js("document.querySelector('td[tabindex=\"0\"]').focus()").await;
    press(browser, ENTER).await;
    browser.find("td .inline-form input[name=title]:focus").await;
    press(browser, "CFO").await;
    press(browser, ENTER).await;
    browser.until("the value, focused", &format!("{here}.tagName === 'TD' && {here}.textContent === 'CFO'")).await;
    for _ in 0..2 {
        press(browser, RIGHT).await;
    }
    press(browser, F2).await;
    browser.find("td .inline-form input[name=email]:focus").await;
    press(browser, "nobody@").await;
    press(browser, ESCAPE).await;
    browser.until("nothing changed", &format!("{here}.tagName === 'TD' && !{here}.textContent")).await;
    browser.click("tr td.edit").await;
    browser.find("td .inline-form input[name=title]:focus").await;
    press(browser, ESCAPE).await;
    browser.until("the form is gone", "!document.querySelector('.inline-form')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_at_the_board_and_on_a_deal() {
    let app = TestApp::start().await;
    let org = app.org("daily").await;
    let rep = app.signed_in(&org, "rep").await;
    rep.post("/contacts", &[("first_name", "Chiara"), ("last_name", "Rossi")]).await;
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@daily.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;

    // Added in a column: the card is really there, and can be picked up at once.
    browser.go("/pipeline").await;
    browser.click("[data-quick-add]").await;
    browser.find(".quick-add input[name=name]:focus").await;
    press(&browser, "Lens order").await;
    press(&browser, ENTER).await;
    let card = "document.querySelector('[data-name=\"Lens order\"]')";
    browser.until("the new card", &format!("{card} && !document.querySelector('.quick-add [name=name]').value")).await;
    press(&browser, ESCAPE).await;
    browser.js(&format!("{card}.focus()")).await;
    for key in [" ", "\u{E014}", " "] {
        press(&browser, key).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let second = "document.querySelectorAll('[data-stage-id]')[1]";
    browser
        .until(
            "the new card, a column on",
            &format!("{second}.contains({card}) && !{card}.classList.contains('saving')"),
        )
        .await;
    assert_eq!(app.value("SELECT count(*) FROM events WHERE kind = 'deal.moved'").await, "1");

    // Won from its menu, and taken back where one stands; what is said above the board follows, as it does when another wins.
    app.sql("UPDATE deals SET amount = 250").await;
    app.sql(&format!(
        "INSERT INTO targets (org_id, id, measure, unit, starts_on, value) \
         VALUES ('{}', app.uuid7(), 'amount', 'month', date_trunc('month', now()), 1000)",
        org.id
    ))
    .await;
    browser.go("/pipeline").await;
    let above = |open: u8, won: &str| {
        format!(
            "document.querySelector('#board-summary').textContent.includes('{open} open deals') && \
             document.querySelector('#board-aim').textContent.includes('({won})')"
        )
    };
    browser.until("the board", &format!("{card}?.tabIndex === 0 && {}", above(1, "0 %"))).await;
    browser.js(&format!("{card}.querySelector('[data-deal-menu]').click()")).await;
    browser.click("#deal-menu [data-do=won]").await;
    browser.until("what is won", &above(0, "25 %")).await;
    browser.click("#toasts [data-toast] form button").await;
    browser.until("the card is back", card).await;
    browser.until("nothing won", &above(1, "0 %")).await;
    assert_eq!(app.value("SELECT status FROM deals").await, "open");
    let closure = format!("/deals/{}/closure", app.value("SELECT id FROM deals").await);
    rep.post(&closure, &[("outcome", "won")]).await;
    browser.until("what another wins", &above(0, "25 %")).await;
    rep.post(&format!("{closure}/undo"), &[]).await;
    browser.until("what another takes back", &above(1, "0 %")).await;

    // Edited in place: facts and timeline follow.
    let deal = app.value("SELECT id FROM deals").await;
    browser.go(&format!("/deals/{deal}")).await;
    browser.click("#deal-amount").await;
    browser.find(".inline-form input[name=amount]").await;
    press(&browser, "1234").await;
    press(&browser, ENTER).await;
    browser.until("the value", "document.getElementById('deal-amount')?.textContent.includes('1,234')").await;
    browser
        .until("the timeline", "document.querySelector('#timeline-entries li')?.textContent.includes('1,234')")
        .await;
    // A contact chosen from the list by keyboard.
    browser.click("[aria-labelledby=deal-contacts] summary.link-btn").await;
    browser.click("#f-contact").await;
    press(&browser, "chia").await;
    browser.find(".combo-list:not([hidden]) [role=option]").await;
    press(&browser, DOWN).await;
    press(&browser, ENTER).await;
    browser.until("a contact is chosen", "document.querySelector('[name=contact_id]').value").await;
    browser.submit("Add contact").await;
    assert_eq!(app.value("SELECT count(*) FROM deal_contacts").await, "1");

    // The palette opens again right after Escape, and knows what people call things.
    for _ in 0..5 {
        press(&browser, "/").await;
        browser.until("the palette", "document.getElementById('palette').open").await;
        press(&browser, "chi").await;
        tokio::time::sleep(Duration::from_millis(120)).await;
        press(&browser, ESCAPE).await;
    }
    press(&browser, "/").await;
    press(&browser, "new contact").await;
    browser
        .until("Create: Contact", "document.querySelector('#palette [role=option]')?.dataset.href === '/contacts/new'")
        .await;
    press(&browser, ENTER).await;
    browser.until("the form", "location.pathname === '/contacts/new'").await;
    in_a_list(&browser).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
