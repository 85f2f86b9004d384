//! What a role sees when it opens a list: chosen by an administrator in a browser, met by somebody else in another, left and taken
//! away again.

use super::driver::Browser;
use crate::support::{PASSWORD, TestApp};

async fn enter(browser: &Browser, who: &str) {
    browser.go("/login").await;
    browser.fill("email", &format!("{who}@views.test")).await;
    browser.fill("password", PASSWORD).await;
    browser.submit("Sign in").await;
}

async fn rows(browser: &Browser) -> i64 {
    browser.js("return document.querySelectorAll('#rows tr').length").await.as_i64().unwrap_or(-1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_opens_the_list_that_was_chosen_for_it() {
    let app = TestApp::start().await;
    let org = app.org("views").await;
    app.sql(&format!(
        "INSERT INTO companies (org_id, id, name, industry, owner_id) VALUES ('{0}', gen_random_uuid(), 'Bakery', 'Food', '{1}'),
           ('{0}', gen_random_uuid(), 'Brewery', 'Food', '{1}'), ('{0}', gen_random_uuid(), 'Foundry', 'Steel', '{1}')",
        org.id, org.rep
    ))
    .await;
    let (admin, rep) = Browser::open_two(&app.base).await;
    enter(&admin, "admin").await;
    enter(&rep, "rep").await;
    rep.go("/companies").await;
    assert_eq!(rows(&rep).await, 3);

    // Saved as a view from the list, for everybody, and the first thing that reps see.
    let filter = r#"{"all":[{"rule":{"key":"industry","op":"is","values":["food"]}}]}"#;
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    admin.go(&format!("/companies?{query}")).await;
    assert_eq!(rows(&admin).await, 2);
    let list: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("list", &query).finish();
    admin.go(&format!("/views/new?record=company&{list}")).await;
    admin.fill("name", "Food makers").await;
    admin.choose("sharing", "Everybody").await;
    let tick = "[...document.querySelectorAll('main [name=role]')].find((box) => box.parentElement.textContent.trim() === 'Rep')";
    admin.js(&format!("{tick}.focus()")).await;
    admin.js(&format!("{tick}.click()")).await;
    admin.submit("Save view").await;
    assert!(admin.text().await.contains("Food makers"));

    // By the menu, not by the view's address; what else there is stays one step away.
    rep.go("/").await;
    rep.click("nav a[href='/companies']").await;
    rep.until("the view is there", "document.body.textContent.includes('Food makers')").await;
    rep.until("only its rows are", "document.querySelectorAll('#rows tr').length === 2").await;
    rep.go("/companies?view=all").await;
    assert_eq!(rows(&rep).await, 3);
    // Its address shows a colleague what they may see.
    let address = app.value("SELECT '/companies?view=' || id FROM saved_views").await;
    rep.go(&address).await;
    assert_eq!(rows(&rep).await, 2);
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    app.sql(&format!("UPDATE companies SET owner_id = '{}' WHERE name = 'Brewery'", org.admin)).await;
    rep.go(&address).await;
    assert_eq!(rows(&rep).await, 1);

    // The administrator's own list is as it was; unticked, so is the rep's.
    admin.go("/companies").await;
    assert_eq!(rows(&admin).await, 3);
    let edit = app.value("SELECT '/views/' || id || '/edit' FROM saved_views").await;
    admin.go(&edit).await;
    assert_eq!(admin.js(&format!("return {tick}.checked")).await.as_bool(), Some(true));
    admin.js(&format!("{tick}.click()")).await;
    admin.submit("Save view").await;
    rep.go("/companies").await;
    assert_eq!(rows(&rep).await, 2, "those that they see");
    assert_eq!(admin.complaints().await, Vec::<String>::new());
    assert_eq!(rep.complaints().await, Vec::<String>::new());
    admin.close().await;
    rep.close().await;
    app.stop().await;
}
