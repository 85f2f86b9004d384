//! Lines of a deal in a browser: added from the list of products, changed and ordered in place from the keyboard, taken off and back; and
//! the same without a script.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use thirtyfour::prelude::*;

async fn enter(browser: &Browser) {
    browser.go("/login").await;
    browser.fill("email", "rep@lines.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

const ADD: &str = "#deal-lines details .line-form .btn-primary";
const NAMES: &str = "return [...document.querySelectorAll('.lines-table tbody .main-cell')].map((c) => c.firstElementChild.textContent)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_added_changed_ordered_and_taken_off_in_place() {
    let app = TestApp::start().await;
    let org = app.org("lines").await;
    let ours = app.belongings(&org).await;
    let at = format!("/deals/{}", ours.deal);
    let browser = Browser::open(&app.base, Script::On).await;
    enter(&browser).await;
    browser.go(&at).await;
    browser.js("document.body.dataset.same = 'page'").await;
    browser.click("#deal-lines details summary").await;
    let product = browser.find("#n-product").await;
    product.send_keys("prod").await.unwrap();
    browser.until("products are offered", "document.querySelector('#deal-lines .combo-list [role=option]')").await;
    product.send_keys(Key::Down).await.unwrap();
    product.send_keys(Key::Enter).await.unwrap();
    browser.find("#n-quantity").await.send_keys("2").await.unwrap();
    browser.click(ADD).await;
    browser.until("two lines", "document.querySelectorAll('.lines-table tbody tr').length === 2").await;
    browser.click("#deal-lines details summary").await;
    browser.find("#n-product").await.send_keys("Delivery").await.unwrap();
    browser.click(ADD).await;
    browser.until("a price is asked for", "document.querySelector('#n-unit_price-error')").await;
    browser.find("#n-unit_price").await.send_keys("40").await.unwrap();
    browser.click(ADD).await;
    browser.until("three lines", "document.querySelectorAll('.lines-table tbody tr').length === 3").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());

    // By the arrow keys: the last goes up, and stays there.
    let handle = browser.find(".lines-table tbody tr:last-child [data-handle]").await;
    handle.send_keys(Key::Up).await.unwrap();
    browser
        .until(
            "it is told",
            "[...document.querySelectorAll('[aria-live]')].some((l) => l.textContent.includes('Position 2'))",
        )
        .await;
    let order = "SELECT string_agg(l.name, ', ' ORDER BY l.position) FROM deal_lines l JOIN organisations o ON o.id = l.org_id WHERE o.slug = 'lines'";
    for _ in 0..100 {
        if app.value(order).await.starts_with("Product of lines, Delivery") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(app.value(order).await, "Product of lines, Delivery, Product of lines");
    assert_eq!(browser.js(NAMES).await[1], "Delivery");

    // Changed in place; taken off, and back by the message's button.
    browser.click(".lines-table tbody tr:nth-child(2) .line-acts a").await;
    browser.until("its form is there", "document.querySelector('#e-unit_price')").await;
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    browser.find("#e-quantity").await.clear().await.unwrap();
    browser.find("#e-quantity").await.send_keys("3").await.unwrap();
    browser.click(".lines-table .line-form .btn-primary").await;
    browser
        .until(
            "it comes to more",
            "document.querySelector('.lines-table tbody tr:nth-child(2)').textContent.includes('€120.00')",
        )
        .await;
    browser.click(".lines-table tbody tr:nth-child(2) .line-acts form button").await;
    browser.until("two lines are left", "document.querySelectorAll('.lines-table tbody tr').length === 2").await;
    assert_eq!(browser.js("return document.body.dataset.same").await, "page", "all of it without another page");
    browser.click("[data-toast] form button").await;
    browser.until("it is back", "document.querySelectorAll('.lines-table tbody tr').length === 3").await;
    assert_eq!(browser.complaints().await.iter().filter(|c| !c.contains("422")).count(), 0);
    browser.close().await;
    app.stop().await;
}

/// The deal's amount set by hand above, here or by a colleague: the panel says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panel_follows_an_amount_set_in_place() {
    let app = TestApp::start().await;
    let org = app.org("lines").await;
    let ours = app.belongings(&org).await;
    let rep = app.signed_in(&org, "rep").await;
    let at = format!("/deals/{}", ours.deal);
    assert_eq!(rep.post(&format!("{at}/amount"), &[("from", "lines")]).await.status(), 303);
    let browser = Browser::open(&app.base, Script::On).await;
    enter(&browser).await;
    browser.go(&at).await;
    let says =
        |choice: &str| format!("document.querySelector('#deal-lines [aria-current]')?.textContent === '{choice}'");
    let fixed = |amount: &str| {
        format!(
            "document.querySelector('#deal-lines .line-totals')?.textContent.includes('Amount, fixed by hand{amount}')"
        )
    };
    browser.until("it follows the lines", &says("Follows the lines")).await;
    browser.js("document.body.dataset.same = 'page'").await;
    browser.click("#deal-amount").await;
    let field = browser.find(".inline-form input[name=amount]").await;
    field.clear().await.unwrap();
    field.send_keys("1234").await.unwrap();
    field.send_keys(Key::Enter).await.unwrap();
    browser.until("the amount in the panel", &fixed("€1,234.00")).await;
    browser.until("it is fixed", &says("Fixed by hand")).await;
    let version = app.value(&format!("SELECT version FROM deals WHERE id = '{}'", ours.deal)).await;
    let sent = rep.post_partial(&format!("{at}/fields/amount"), &[("version", &version), ("amount", "77")]).await;
    assert_eq!(sent.status(), 200, "{}", sent.body);
    browser.until("a colleague's", &fixed("€77.00")).await;
    assert_eq!(rep.post(&format!("{at}/amount"), &[("from", "lines")]).await.status(), 303);
    browser.until("it follows again", &says("Follows the lines")).await;
    assert_eq!(browser.js("return document.body.dataset.same").await, "page", "all of it without another page");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_without_a_script() {
    let app = TestApp::start().await;
    let org = app.org("lines").await;
    let ours = app.belongings(&org).await;
    let browser = Browser::open(&app.base, Script::Off).await;
    enter(&browser).await;
    browser.go(&format!("/deals/{}", ours.deal)).await;
    browser.click("#deal-lines details summary").await;
    browser.fill("unit_price", "12.50").await;
    browser.submit("Add line").await;
    browser.find("#n-product-error").await;
    browser.find("#n-product").await.send_keys("Delivery").await.unwrap();
    browser.submit("Add line").await;
    browser.click(".lines-table tbody tr:nth-child(2) .line-acts a").await;
    browser.find("#e-quantity").await.clear().await.unwrap();
    browser.find("#e-quantity").await.send_keys("2").await.unwrap();
    browser.submit("Save line").await;
    assert!(browser.text().await.contains("€25.00"));
    assert_eq!(app.value("SELECT trim_scale(net) FROM deal_lines WHERE name = 'Delivery'").await, "25");
    browser.close().await;
    app.stop().await;
}
