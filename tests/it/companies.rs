//! Companies through HTTP: create, view, edit whole and in place, conflicts, archive and delete, isolation, paging.

use crate::support::{Client, Page, TestApp};

/// Creates a company and answers its path.
pub async fn add(client: &Client, fields: &[(&str, &str)]) -> String {
    let page = client.post("/companies", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap()
}

fn version(page: &Page) -> String {
    page.between("name=\"version\" value=\"", "\"").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_from_form_to_deletion_and_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;

    let list = rep.get("/companies").await;
    assert!(list.contains("No companies yet"), "{}", list.body);
    let wrong = rep
        .post(
            "/companies",
            &[
                ("name", ""),
                ("employees", "99999999999"),
                ("domain", "no domain"),
                ("annual_revenue", "1e400"),
                ("country", "Atlantis"),
                ("phone", "12"),
            ],
        )
        .await;
    assert_eq!(wrong.status(), 422);
    for told in ["is required", "is too large", "web domain", "must be a number", "must be a country", "phone number"] {
        assert!(wrong.contains(told), "{told}: {}", wrong.body);
    }
    assert!(wrong.contains("value=\"no domain\""), "the user's text is kept");

    let path = add(
        &rep,
        &[
            ("name", "Brightwater Foods"),
            ("domain", "https://www.Brightwater.example/about"),
            ("industry", "Food"),
            ("employees", "1,200"),
            ("annual_revenue", "2.5"),
            ("phone", "+31 20 123 4567"),
            ("country", "NL"),
            ("description", "Line one\nline two"),
        ],
    )
    .await;
    let page = rep.get(&path).await;
    assert_eq!(page.status(), 200);
    for told in [
        "Brightwater Foods",
        "https://brightwater.example",
        "1,200",
        "€2.50",
        "Netherlands",
        "tel:+31201234567",
        "Created",
        "Company added",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }

    // The whole form.
    let form = rep.get(&format!("{path}/edit")).await;
    let v = version(&form);
    let saved = rep
        .post(
            &path,
            &[
                ("version", &v),
                ("name", "Brightwater Foods"),
                ("industry", "Retail"),
                ("domain", "brightwater.example"),
            ],
        )
        .await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    let page = rep.get(&format!("{path}?timeline=changes")).await;
    assert!(page.contains("<del>Food</del>") && page.contains("<ins>Retail</ins>"), "{}", page.body);

    // One field in place: form, error, value.
    let field = rep.get_partial(&format!("{path}/fields/industry")).await;
    assert!(field.contains("name=\"industry\" value=\"Retail\""), "{}", field.body);
    let v = version(&field);
    let wrong = rep.post_partial(&format!("{path}/fields/employees"), &[("version", &v), ("employees", "many")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.contains("whole number") && wrong.contains("value=\"many\""), "{}", wrong.body);
    let value =
        rep.post_partial(&format!("{path}/fields/industry"), &[("version", &v), ("industry", "Food & drink")]).await;
    assert_eq!(value.status(), 200, "{}", value.body);
    assert!(value.contains("id=\"company-industry\"") && value.contains("Food &#38; drink"), "{}", value.body);
    let page = rep.get(&path).await;
    assert!(page.contains("Industry: Retail → Food &#38; drink"), "{}", page.body);
    let stale = rep.post_partial(&format!("{path}/fields/industry"), &[("version", &v), ("industry", "Mine")]).await;
    assert_eq!(stale.status(), 409);
    assert!(stale.contains("value=\"Mine\"") && stale.contains("Food &#38; drink"), "{}", stale.body);
    assert_eq!(rep.get_partial(&format!("{path}/fields/created_at")).await.status(), 404);

    // Archive, restore, delete, undo.
    assert_eq!(rep.post(&format!("{path}/archival"), &[]).await.location.as_deref(), Some(path.as_str()));
    assert!(rep.get(&path).await.contains("is archived"));
    assert!(!rep.get("/companies").await.contains("<td class=\"main-cell\">"));
    assert!(rep.get("/companies?archived=1&q=bright").await.contains("Brightwater Foods"));
    assert_eq!(rep.post(&format!("{path}/archival/undo"), &[]).await.status(), 303);
    let list = rep.get("/companies").await;
    assert!(list.contains("1 company"), "{}", list.body);
    assert!(rep.get("/companies?q=brightw").await.contains("Brightwater Foods"));
    let deleted = rep.post(&format!("{path}/deletion"), &[]).await;
    assert_eq!(deleted.location.as_deref(), Some("/companies"), "{}", deleted.body);
    assert!(rep.get("/companies").await.contains("/deletion/undo"));
    assert_eq!(rep.get(&path).await.status(), 404);
    assert_eq!(rep.post(&format!("{path}/archival"), &[]).await.status(), 404);
    assert_eq!(rep.post(&format!("{path}/deletion/undo"), &[]).await.status(), 303);
    let page = rep.get(&path).await;
    assert!(page.contains("Deletion taken back"), "{}", page.body);
    app.stop().await;
}
