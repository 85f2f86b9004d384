//! A stage that asks for something, on the board: the dialog that a dragged card meets, filled in and cancelled.

use super::{
    accessibility::violations,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};

/// The card of a deal into another column.
async fn drag(browser: &Browser, id: &str, stage: &str) {
    let card = format!("[data-deal-id=\"{id}\"] .deal-company");
    browser.drag(&card, &format!("[data-stage-id=\"{stage}\"] .cards")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_that_asks_is_answered_on_the_board_or_the_card_goes_back() {
    let app = TestApp::start().await;
    let org = app.org("asking").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let id = rep.add_deal(&stages[0], "Cold chain", &[("company", "Brightwater Foods")]).await;
    app.sql(&format!("UPDATE stages SET required_fields = ARRAY['amount'] WHERE id = '{}'", stages[1])).await;
    let kept = format!("SELECT concat_ws(' ', stage_id, trim_scale(amount)) FROM deals WHERE id = '{id}'");
    let browser = Browser::open(&app.base, Script::On).await;
    browser.go("/login").await;
    browser.fill("email", "rep@asking.test").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
    browser.go(&format!("/pipeline/{pipeline}")).await;
    let card = format!("[data-deal-id=\"{id}\"]");
    browser.until("the script", &format!("document.querySelector('{card}')?.tabIndex === 0")).await;
    let stands = |stage: &str| {
        format!(
            "document.querySelector('{card}:not(.saving)')?.closest('[data-stage-id]')?.dataset.stageId === '{stage}'"
        )
    };
    let (open, closed) = (
        "document.querySelector('#passing-dialog[open] [data-passing]')",
        "!document.querySelector('#passing-dialog[open]')",
    );

    // Cancelled, the card goes back and nothing is written.
    drag(&browser, &id, &stages[1]).await;
    browser.until("the dialog", open).await;
    assert!(browser.find("#passing-dialog").await.text().await.unwrap().contains("Amount"));
    assert_eq!(violations(&browser).await, Vec::<String>::new());
    browser.click("#passing-dialog [data-close]").await;
    browser.until("no dialog", closed).await;
    browser.until("the card at home", &stands(&stages[0])).await;
    assert_eq!(app.value(&kept).await, stages[0]);

    // What is still missing keeps the dialog open; filled in, the card arrives and stays.
    drag(&browser, &id, &stages[1]).await;
    browser.until("the dialog again", open).await;
    browser.click("#passing-dialog .btn-primary").await;
    browser
        .until(
            "the field that is missing",
            "document.querySelector('#passing-dialog [name=amount][aria-invalid=true]')",
        )
        .await;
    browser.find("#passing-dialog [name=amount]").await.send_keys("12000").await.unwrap();
    browser.click("#passing-dialog .btn-primary").await;
    browser.until("no dialog", closed).await;
    browser.until("the card in its stage", &stands(&stages[1])).await;
    assert_eq!(app.value(&kept).await, format!("{} 12000", stages[1]));
    browser.go(&format!("/pipeline/{pipeline}")).await;
    browser.until("the card in its stage still", &stands(&stages[1])).await;
    let refused = |entry: &String| !entry.contains("422");
    assert_eq!(browser.complaints().await.into_iter().filter(refused).collect::<Vec<_>>(), Vec::<String>::new());
    browser.close().await;
    app.stop().await;
}
