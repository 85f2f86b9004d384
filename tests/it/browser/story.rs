//! The story of a first afternoon: sign up, invite, sell together.

use super::driver::{Browser, Script};
use crate::support::TestApp;
use std::time::Duration;

const SECRET: &str = "correct harbour lantern 42";

/// The path of the link in the newest kept mail to that address.
async fn link(app: &TestApp, to: &str) -> String {
    app.run_jobs().await;
    let body = app
        .value(&format!("SELECT body_text FROM mails WHERE recipient = '{to}' ORDER BY created_at DESC LIMIT 1"))
        .await;
    let start = body.find("http://pipewright.test/").unwrap_or_else(|| panic!("no link in the mail to {to}: {body:?}"));
    let link = body[start..].split_whitespace().next().unwrap();
    link.strip_prefix("http://pipewright.test").unwrap().to_owned()
}

async fn sign_up(app: &TestApp, browser: &Browser) {
    browser.go("/signup").await;
    browser.fill("organisation", "Aurelia Optics").await;
    browser.fill("name", "Anna Admin").await;
    browser.fill("email", "anna@aurelia.test").await;
    browser.fill("password", SECRET).await;
    browser.submit("Create organisation").await;
    browser.go(&link(app, "anna@aurelia.test").await).await;
    browser.submit("Confirm address").await;
    sign_in_if_asked(browser, "anna@aurelia.test").await;
}

async fn sign_in_if_asked(browser: &Browser, email: &str) {
    if browser.path().await == "/" {
        return;
    }
    browser.go("/login").await;
    if browser.path().await == "/login" {
        browser.fill("email", email).await;
        browser.fill("password", SECRET).await;
        browser.submit("Sign in").await;
    }
}

async fn add_deal(browser: &Browser, name: &str) -> String {
    browser.go("/deals/new").await;
    browser.fill("name", name).await;
    browser.fill("amount", "12500").await;
    browser.submit("Add deal").await;
    browser.path().await.rsplit('/').next().unwrap().to_owned()
}

/// Which column a card is in, as that browser shows it.
fn stage_of(id: &str) -> String {
    format!("document.querySelector('[data-deal-id=\"{id}\"]')?.closest('[data-stage-id]')?.dataset.stageName")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_sell_together() {
    let app = TestApp::start().await;
    let (anna, ben) = Browser::open_two(&app.base).await;
    sign_up(&app, &anna).await;

    anna.go("/settings/invitations/new").await;
    anna.fill("email", "ben@aurelia.test").await;
    anna.choose("role_id", "Rep").await;
    let button = anna.find("main form button.btn-primary, main form button[type=submit]").await.text().await.unwrap();
    anna.submit(&button).await;
    ben.go(&link(&app, "ben@aurelia.test").await).await;
    ben.fill("name", "Ben Rep").await;
    ben.fill("password", SECRET).await;
    ben.submit("Join").await;
    sign_in_if_asked(&ben, "ben@aurelia.test").await;

    anna.go("/companies/new").await;
    anna.fill("name", "Nordlicht GmbH").await;
    anna.submit("Save company").await;
    anna.go("/contacts/new").await;
    anna.fill("first_name", "Clara").await;
    anna.fill("last_name", "Contact").await;
    anna.submit("Save contact").await;
    let lens = add_deal(&anna, "Lens order").await;
    let mirror = add_deal(&anna, "Mirror order").await;

    for browser in [&anna, &ben] {
        browser.go("/pipeline").await;
    }
    // A rep sees their own deals; these are Anna's, so hand the cards to Ben for the shared board.
    app.sql("UPDATE deals SET owner_id = (SELECT id FROM members WHERE email = 'ben@aurelia.test')").await;
    for browser in [&anna, &ben] {
        browser.go("/pipeline").await;
        browser.find(&format!("[data-deal-id=\"{lens}\"]")).await;
        browser.until("the live stream", "document.readyState === 'complete'").await;
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    let names =
        anna.js("return [...document.querySelectorAll('[data-stage-id]')].map((c) => c.dataset.stageName)").await;
    let names: Vec<String> = names.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect();

    // By mouse, from the first column into the third.
    let column = format!("[data-stage-name=\"{}\"] .cards", names[2]);
    anna.drag(&format!("[data-deal-id=\"{lens}\"] .deal-amount"), &column).await;
    anna.until("the card in its new column", &format!("{} === '{}'", stage_of(&lens), names[2])).await;
    ben.until("the card moves before Ben's eyes", &format!("{} === '{}'", stage_of(&lens), names[2])).await;
    assert_eq!(
        app.value(&format!("SELECT s.name FROM deals d JOIN stages s ON s.id = d.stage_id WHERE d.id = '{lens}'"))
            .await,
        names[2]
    );

    // By keyboard: Space, right (U+E014 in WebDriver), Space.
    ben.js(&format!("document.querySelector('[data-deal-id=\"{mirror}\"]').focus()")).await;
    for key in [" ", "\u{E014}", " "] {
        ben.driver.active_element().await.unwrap().send_keys(key).await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    ben.until("the card one column on", &format!("{} === '{}'", stage_of(&mirror), names[1])).await;
    anna.until("the card moves before Anna's eyes", &format!("{} === '{}'", stage_of(&mirror), names[1])).await;
    assert_eq!(
        app.value(&format!("SELECT s.name FROM deals d JOIN stages s ON s.id = d.stage_id WHERE d.id = '{mirror}'"))
            .await,
        names[1]
    );

    // Won.
    ben.go(&format!("/deals/{lens}")).await;
    ben.submit("Won").await;
    assert_eq!(app.value(&format!("SELECT status FROM deals WHERE id = '{lens}'")).await, "won");
    anna.until("the won card leaves the board", &format!("!document.querySelector('[data-deal-id=\"{lens}\"]')")).await;
    for browser in [&anna, &ben] {
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    }
    anna.close().await;
    ben.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_works_without_javascript() {
    let app = TestApp::start().await;
    let browser = Browser::open(&app.base, Script::Off).await;
    sign_up(&app, &browser).await;
    browser.go("/companies/new").await;
    browser.fill("name", "").await;
    browser.fill("domain", "nordlicht.example").await;
    let company = browser.find("main form [name=name]").await;
    company.send_keys("Nordlicht GmbH").await.unwrap();
    browser.submit("Save company").await;
    assert!(browser.text().await.contains("Nordlicht GmbH"));
    let deal = add_deal(&browser, "Paper order").await;
    assert!(browser.text().await.contains("Paper order"));
    // A mistake brings the form back with what was typed.
    browser.go("/deals/new").await;
    browser.fill("name", "Strange order").await;
    browser.fill("amount", "a lot").await;
    browser.submit("Add deal").await;
    assert_eq!(browser.find("[name=amount]").await.prop("value").await.unwrap().as_deref(), Some("a lot"));
    assert!(browser.find("[name=amount]").await.attr("aria-invalid").await.unwrap().is_some());
    // Moved by the stage steps of its page, then won.
    browser.go(&format!("/deals/{deal}")).await;
    browser.click("button.stage-step[name=stage_id]:last-of-type").await;
    browser.go(&format!("/deals/{deal}")).await;
    browser.submit("Won").await;
    assert_eq!(app.value(&format!("SELECT status FROM deals WHERE id = '{deal}'")).await, "won");
    browser.close().await;
    app.stop().await;
}
