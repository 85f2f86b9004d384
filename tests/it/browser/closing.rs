//! A deal's end in a browser: refused, the dialog stays and Back leads back; and the deal's pages without a script leave no empty boxes.

use super::driver::{Browser, Script};
use crate::support::{PASSWORD, TestApp};

async fn enter(browser: &Browser) {
    browser.go("/login").await;
    browser.fill("email", "rep@ending.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_loss_keeps_the_dialog_and_the_way_back() {
    let app = TestApp::start().await;
    let org = app.org("ending").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let deal = rep.add_deal(&app.stages(&org).1[0], "Pilot", &[]).await;
    let browser = Browser::open(&app.base, Script::On).await;
    enter(&browser).await;
    browser.go("/deals").await;
    browser.go(&format!("/deals/{deal}")).await;
    browser.click("[data-dialog=lost-dialog]").await;
    browser.choose("lost_reason", "Other").await;
    browser.js("document.body.dataset.same = 'page'").await;
    browser.click("#lost-form .btn-danger").await;
    browser.until("what is missing", "document.querySelector('#lost-dialog[open] #f-lost_note-error')").await;
    assert_eq!(
        browser.js("return document.querySelector('#lost-form label[for=f-lost_note]').textContent").await,
        "Note"
    );
    assert_eq!(browser.js("return document.body.dataset.same").await, "page", "no page of its own to go back to");

    // Lost by a colleague meanwhile: the words come to the form that changes the reason.
    let lost = [("outcome", "lost"), ("lost_reason", "Price"), ("lost_note", "Too dear")];
    assert_eq!(manager.post(&format!("/deals/{deal}/closure"), &lost).await.status(), 303);
    browser.js("document.querySelector('#f-lost_note').value = 'Moved abroad'").await;
    browser.click("#lost-form .btn-danger").await;
    let told = "document.querySelector('#main #why[open] .form-errors')?.textContent.includes('Lost already')";
    browser.until("what the first said", told).await;
    assert_eq!(browser.js("return document.querySelector('#why [name=lost_note]').value").await, "Moved abroad");
    assert_eq!(browser.js("return document.querySelectorAll('main, #lost-dialog').length").await, 1);
    browser.js("history.back()").await;
    browser.until("the list", "location.pathname === '/deals'").await;
    browser.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_script_nothing_is_an_empty_box() {
    let app = TestApp::start().await;
    let org = app.org("ending").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let deal = rep.add_deal(&stages[0], "Pilot", &[("amount", "100"), ("expected_close_on", "2031-03-04")]).await;
    rep.post(&format!("/deals/{deal}/position"), &[("stage_id", &stages[1])]).await;
    let browser = Browser::open(&app.base, Script::Off).await;
    enter(&browser).await;
    browser.go(&format!("/deals/{deal}")).await;
    assert!(!browser.find("#deal-values .chart").await.is_displayed().await.unwrap());
    let (panel, file) = (browser.find("#files").await, browser.find("#files [type=file]").await);
    let button = browser.find("#files .upload > .btn").await;
    let (outer, inner) = (panel.rect().await.unwrap(), file.rect().await.unwrap());
    assert!(inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width, "{inner:?} in {outer:?}");
    let under = button.rect().await.unwrap();
    assert!(under.y + under.height <= outer.y + outer.height, "{under:?} in {outer:?}");
    browser.go(&format!("/pipeline/{pipeline}/calendar")).await;
    assert!(!browser.find(".deal-cal").await.is_displayed().await.unwrap());
    browser.close().await;
    app.stop().await;
}
