//! Segments: by filter and by hand, opened as lists, worked on in bulk; within one organisation and one's own sight.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_filter_and_by_hand() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id, lifecycle) VALUES
         ('{0}', gen_random_uuid(), 'Own Customer', '{1}', 'customer'), ('{0}', gen_random_uuid(), 'Hidden Customer', '{2}', 'customer')",
        org.id, org.rep, org.admin
    ));

    // Dynamic: a list's filter, saved from the list.
    let list = rep.get("/contacts?lifecycle=customer").await;
    let save = list.between("href=\"/segments/new?", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let form = rep.get(&format!("/segments/new?{save}")).await;
    assert!(form.contains("Lifecycle is Customer"), "{}", form.body);
    let filter = form.between("name=\"filter\" value=\"", "\"").unwrap().replace("&#34;", "\"").replace("&quot;", "\"");
    let wrong = rep.post("/segments", &[("record_type", "contact"), ("filter", &filter), ("name", "")]).await;
    assert!(wrong.status() == 422 && wrong.contains("is required"), "{}", wrong.body);
    let made = rep.post("/segments", &[("record_type", "contact"), ("filter", &filter), ("name", "Customers")]).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let customers = made.location.unwrap();
    let page = rep.get(&customers).await;
    assert!(page.contains("Own Customer") && !page.contains("Contact of aurelia"), "{}", page.body);
    assert!(!page.contains("Hidden Customer"), "what the reader may not see is in no segment of theirs");
    assert!(page.contains("Segment is Customers"), "{}", page.body);
    assert!(admin.get(&customers).await.contains("Hidden Customer"));
    let again = rep.post("/segments", &[("record_type", "contact"), ("filter", &filter), ("name", "CUSTOMERS")]).await;
    assert_eq!(again.status(), 422);
    // Not built on another, not damaged, not of somebody else's.
    let id = app.texts("SELECT id::text AS value FROM segments WHERE name = 'Customers'").remove(0);
    let nested = format!("{{\"all\":[{{\"rule\":{{\"key\":\"segment\",\"op\":\"any_of\",\"values\":[\"{id}\"]}}}}]}}");
    let page = rep.post("/segments", &[("record_type", "contact"), ("filter", &nested), ("name", "Nested")]).await;
    assert_eq!(page.status(), 422, "{}", page.body);
    let page = rep.post("/segments", &[("record_type", "contact"), ("filter", "{"), ("name", "Damaged")]).await;
    assert_eq!(page.status(), 400);
    let foreign = customers.replace(&id, &theirs.segment.to_string());
    assert!(rep.get(&foreign).await.contains("There is no such segment any more"));

    // Static: put in from a list, taken out, undone.
    let contact = ours.contact.to_string();
    let fields = [("record_type", "contact"), ("action", "segment"), ("ids", contact.as_str())];
    let chooser = rep.post("/operations/new", &fields).await;
    assert!(chooser.contains("Segment of aurelia") && !chooser.contains("borealis"), "{}", chooser.body);
    let with = |more: &[(&'static str, &'static str)]| [&fields[..], more].concat();
    assert_eq!(rep.post("/operations", &with(&[("value", "Customers")])).await.status(), 422, "it fills itself");
    assert_eq!(rep.post("/operations", &with(&[("value", "Nobody"), ("mode", "remove")])).await.status(), 422);
    assert_eq!(rep.post("/operations", &with(&[("value", "Fair 2026")])).await.status(), 303);
    let told = rep.get("/contacts").await;
    assert!(told.contains("1 contact added"), "{}", told.body);
    let id = app.texts("SELECT id::text AS value FROM segments WHERE name = 'Fair 2026'").remove(0);
    let fair = nested_list(&id);
    assert!(rep.get(&fair).await.contains("Contact of aurelia"));
    assert!(rep.get(&format!("/contacts/{contact}")).await.contains("Added to the segment Fair 2026"));
    let undo = told.between("<form method=\"post\" action=\"/operations/", "\"").unwrap();
    assert_eq!(rep.post(&format!("/operations/{undo}"), &[]).await.status(), 303);
    assert!(rep.get(&fair).await.contains("Nothing matches"));
    assert_eq!(rep.post("/operations", &with(&[("value", "fair 2026")])).await.status(), 303);
    assert_eq!(rep.post("/operations", &with(&[("value", "fair 2026"), ("mode", "remove")])).await.status(), 303);
    assert!(rep.get("/contacts").await.contains("1 contact taken out"));

    // Its page, its name, its end.
    let index = rep.get("/segments").await;
    assert!(
        index.contains("Customers") && index.contains("Fair 2026") && !index.contains("borealis"),
        "{}",
        index.body
    );
    let manager = app.signed_in(&org, "manager").await;
    let renamed = [("name", "Trade fair"), ("description", "Hall 4")];
    assert_eq!(manager.post(&format!("/segments/{id}"), &renamed).await.status(), 403, "not theirs to rename");
    assert_eq!(rep.post(&format!("/segments/{id}"), &[("name", "customers")]).await.status(), 422);
    assert_eq!(rep.post(&format!("/segments/{id}"), &renamed).await.status(), 303);
    assert!(rep.get(&format!("/segments/{id}")).await.contains("Hall 4"));
    assert_eq!(rep.post(&format!("/segments/{id}/deletion"), &[]).await.status(), 303);
    assert!(rep.get(&fair).await.contains("There is no such segment any more"));
    assert_eq!(rep.post(&format!("/segments/{id}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(rep.get(&fair).await.status(), 200);
    app.stop().await;
}

fn nested_list(id: &str) -> String {
    let filter = format!("{{\"all\":[{{\"rule\":{{\"key\":\"segment\",\"op\":\"any_of\",\"values\":[\"{id}\"]}}}}]}}");
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
    format!("/contacts?{query}")
}
