//! Targets pasted from a spreadsheet, and the waterfall that leads to its deals; the same figures without a script.

use super::{
    accessibility,
    driver::{Browser, Script},
};
use crate::support::{PASSWORD, TestApp};
use serde_json::json;

async fn sign_in(browser: &Browser, email: &str) {
    browser.go("/login").await;
    browser.fill("email", email).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_pasted_and_a_step_of_the_waterfall_opens() {
    let app = TestApp::start().await;
    let org = app.org("figures").await;
    let admin = app.signed_in(&org, "admin").await;
    let (pipeline, stages) = app.stages(&org);
    for name in ["One", "Two"] {
        admin.add_deal(&stages[0], name, &[("amount", "1500")]).await;
    }
    let browser = Browser::open(&app.base, Script::On).await;
    sign_in(&browser, "admin@figures.test").await;
    browser.go("/targets/edit").await;
    // Two rows of three cells, pasted into the second cell of the first row, spread to the right and down.
    let cells = browser
        .js("const rows = [...document.querySelectorAll('[data-paste-grid] tbody tr')].map((row) => [...row.querySelectorAll('input')]);
             const data = new DataTransfer();
             data.setData('text/plain', '1\\t2\\t3\\r\\n4\\t5\\t6\\r\\n');
             rows[0][1].dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
             return rows.slice(0, 2).map((row) => row.slice(0, 5).map((field) => field.value));")
        .await;
    assert_eq!(cells, json!([["", "1", "2", "3", ""], ["", "4", "5", "6", ""]]));
    browser.submit("Save targets").await;
    browser.until("the toast", "document.body.textContent.includes('6 targets saved')").await;
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM targets"), ["6"]);

    browser.go(&format!("/pipeline/{pipeline}/changes")).await;
    browser.until("the chart", "document.querySelector('[data-chart] canvas')").await;
    browser.click("a[href*='step=new']").await;
    browser.until("the deals", "document.querySelector('#deals')?.textContent.includes('Two')").await;
    let mut wrong = accessibility::look(&browser, &format!("/pipeline/{pipeline}/changes?step=new")).await;
    wrong.extend(accessibility::look(&browser, &format!("/pipeline/{pipeline}/history")).await);
    wrong.extend(accessibility::look(&browser, "/reports/sales?when=ever").await);
    browser.close().await;

    let plain = Browser::open(&app.base, Script::Off).await;
    sign_in(&plain, "admin@figures.test").await;
    plain.go(&format!("/pipeline/{pipeline}/changes?step=new")).await;
    assert!(plain.text().await.contains("€3,000.00"), "{}", plain.text().await);
    plain.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    app.stop().await;
}
