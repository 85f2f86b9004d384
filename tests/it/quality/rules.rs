//! Validation rules: where they are asked, what they say, what they leave alone.

use super::*;
use crate::imports::{import, texts};
use pipewright::kernel::RecordType;

const CONDITION: &[(&str, &str)] =
    &[("kind", "expression"), ("expression", "empty(email) == false || empty(phone) == false")];
const TOLD: &str = "Give an e-mail address or a phone number.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_fields_in_place_and_bulk_edits_obey() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let old = add(&rep, "contacts", &[("last_name", "Old"), ("lifecycle", "lead")]).await;
    assert!(admin.get("/settings/rules?type=contact").await.contains("No rules yet"));
    rule(&app, &admin, "contact", "phone", "give an e-mail address or a phone number.", CONDITION).await;
    let own = [("kind", "format"), ("format", "pattern"), ("pattern", "[A-Z]{2}-[0-9]+")];
    rule(&app, &admin, "contact", "postal_code", "Write it like AB-12.", &own).await;

    // A new record obeys every rule; the message stands at its field, the text is kept.
    let page = rep.post("/contacts", &[("last_name", "Nobody"), ("postal_code", "12"), ("lifecycle", "lead")]).await;
    assert_eq!(page.status(), 422);
    let at = |page: &Page, field: &str| page.between(&format!("id=\"f-{field}-error\">"), "</p>").map(str::to_owned);
    assert_eq!(at(&page, "phone").as_deref(), Some(TOLD), "{}", page.body);
    assert_eq!(at(&page, "postal_code").as_deref(), Some("Write it like AB-12."));
    assert!(page.contains("value=\"Nobody\""));
    let good = add(&rep, "contacts", &[("last_name", "Good"), ("email", "g@x.test"), ("lifecycle", "lead")]).await;

    // One that broke the rule before can be changed elsewhere, not in what the rule reads.
    let set = |key: &'static str, value: &'static str, path: String, version: &'static str| {
        let rep = &rep;
        async move { rep.post_partial(&format!("{path}/fields/{key}"), &[("version", version), (key, value)]).await }
    };
    let page = set("title", "Buyer", old.clone(), "1").await;
    assert_eq!(page.status(), 200, "{}", page.body);
    let page = set("email", "", good.clone(), "1").await;
    assert_eq!((page.status(), page.contains(TOLD)), (422, true), "{}", page.body);
    let page = set("postal_code", "x", old.clone(), "2").await;
    assert_eq!((page.status(), page.contains("Write it like AB-12.")), (422, true), "{}", page.body);
    let page = set("postal_code", "AB-1", old.clone(), "2").await;
    assert_eq!(page.status(), 200, "{}", page.body);

    // In bulk those that would break it are left, with the message; and lists tell who breaks it.
    let (good_id, old_id) = (id(&good), id(&old));
    let form = [("record_type", "contact"), ("action", "edit"), ("ids", good_id), ("ids", old_id), ("field", "email")];
    let page = rep.post("/operations", &[&form[..], &[("mode", "clear")]].concat()).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    let toast = rep.get(&page.location.unwrap()).await;
    assert!(toast.contains("Nothing changed, 1 already so, 1 Give an e-mail"), "{}", toast.body);
    let index = admin.get("/settings/rules?type=contact").await;
    assert!(index.contains("1 contact</a>"), "{}", index.body);
    let href = index
        .between("<td class=\"end num\" data-label=\"Broken by\"><a href=\"", "\"")
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#38;", "&");
    let list = admin.get(&href).await;
    assert!(list.contains(">Old<") && !list.contains(">Good<"), "{}", list.body);
    assert_eq!(set("phone", "+31201234567", old.clone(), "3").await.status(), 200);
    assert!(!admin.get(&href).await.contains(">Old<"));

    // Off: nobody is asked. Deleted and brought back: asked again.
    let rule = app.value("SELECT id FROM validation_rules WHERE kind = 'expression'").await;
    let off = [("version", "1"), ("field", "phone"), ("message", TOLD), CONDITION[0], CONDITION[1]];
    let page = admin.post(&format!("/settings/rules/{rule}"), &off).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    assert_eq!(admin.post(&format!("/settings/rules/{rule}"), &off).await.status(), 409, "an older version");
    add(&rep, "contacts", &[("last_name", "Free"), ("lifecycle", "lead")]).await;
    let on = [&off[1..], &[("version", "2"), ("active", "true")]].concat();
    assert_eq!(admin.post(&format!("/settings/rules/{rule}"), &on).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM rule_breaks").await, ["1"]);
    assert_eq!(admin.post(&format!("/settings/rules/{rule}/deletion"), &[]).await.status(), 303);
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM rule_breaks").await, ["0"]);
    assert_eq!(rep.post("/contacts", &[("last_name", "Two"), ("lifecycle", "lead")]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/rules/{rule}/deletion/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(rep.post("/contacts", &[("last_name", "Three"), ("lifecycle", "lead")]).await.status(), 422);
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM rule_breaks").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_conversions_and_imports_obey() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let other = app.org("borealis").await;
    let admin = enter(&app, &org, "admin").await;
    let (_, stages) = app.stages(&org);
    let won = [("kind", "expression"), ("expression", "status != \"won\" || amount > 0")];
    rule(&app, &admin, "deal", "amount", "A won deal needs an amount.", &won).await;
    let deal = add(&admin, "deals/new", &[("name", "Big"), ("stage_id", &stages[0])]).await;
    let page = admin.post_partial(&format!("{deal}/closure"), &[("outcome", "won")]).await;
    assert_eq!(page.status(), 422, "{}", page.body);
    assert!(page.contains("A won deal needs an amount.") && !page.contains("Amount A won"), "{}", page.body);
    let page = admin.post_partial(&format!("{deal}/fields/amount"), &[("version", "1"), ("amount", "12")]).await;
    assert_eq!(page.status(), 200, "{}", page.body);
    assert_eq!(admin.post(&format!("{deal}/closure"), &[("outcome", "won")]).await.status(), 303);
    assert_eq!(admin.post(&format!("{deal}/closure/undo"), &[]).await.status(), 303);
    let owned = [("kind", "expression"), ("expression", "owner_id != null || stage_id == null")];
    rule(&app, &admin, "deal", "owner_id", "A deal that moves needs an owner.", &owned).await;
    app.sql("UPDATE deals SET owner_id = NULL").await;
    let page = admin.post_partial(&format!("{deal}/position"), &[("stage_id", &stages[1])]).await;
    assert_eq!((page.status(), page.contains("A deal that moves needs an owner.")), (422, true), "{}", page.body);
    let bulk =
        [("record_type", "deal"), ("action", "edit"), ("field", "stage_id"), ("ids", id(&deal)), ("value", &stages[1])];
    let page = admin.post("/operations", &bulk).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    let stage = app.value("SELECT stage_id FROM deals").await;
    assert_eq!(stage, stages[0], "a bulk move leaves it, too");
    app.sql("DELETE FROM validation_rules WHERE field = 'owner_id'").await;

    // A lead's conversion makes a contact: its rule is said on the form, and nothing is left behind.
    rule(
        &app,
        &admin,
        "contact",
        "title",
        "Every contact needs a title.",
        &[("kind", "expression"), ("expression", "title != null")],
    )
    .await;
    let lead = add(&admin, "leads", &[("last_name", "Brenner"), ("company_name", "Hafen"), ("status", "new")]).await;
    let form = [("version", "1"), ("company", "Hafen"), ("contact", "new")];
    let page = admin.post(&format!("{lead}/conversion"), &form).await;
    assert_eq!((page.status(), page.contains("Every contact needs a title.")), (422, true), "{}", page.body);
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM companies").await, ["0"]);

    // Of a file the rows that break a rule are refused, new or known; rows that say nothing of it are not asked.
    let known = "INSERT INTO contacts (org_id, id, first_name, last_name, email) VALUES";
    app.sql(&format!("{known} ('{}', gen_random_uuid(), 'Ada', 'Known', 'ada@x.test')", org.id)).await;
    let csv = "First name,Last name,E-mail,Job title,City\nAda,Known,ada@x.test,,Utrecht\nBob,New,bob@x.test,,Oslo\nCleo,Fine,cleo@x.test,CEO,Rome\n";
    let counts = import(&app, &org, RecordType::Contact, csv.as_bytes()).await;
    assert_eq!(counts, Ok((1, 1, 0, 1)));
    let errors = texts(&app, "SELECT line || ' ' || field || ': ' || message AS t FROM import_errors").await;
    assert_eq!(errors, ["3 Title: Every contact needs a title."]);
    // Another organisation has rules of its own.
    assert_eq!(import(&app, &other, RecordType::Contact, csv.as_bytes()).await, Ok((3, 0, 0, 0)));
    let deals = "Deal name,Stage,Amount,Status\nOne,Lead in,,won\nTwo,Lead in,5,won\nThree,Lead in,,open\n";
    let counts = import(&app, &org, RecordType::Deal, deals.as_bytes()).await;
    assert_eq!(counts.map(|c| (c.0, c.3)), Ok((2, 1)));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_make_rules_that_can_be_asked() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    let manager = enter(&app, &org, "manager").await;
    assert_eq!(manager.get("/settings/rules").await.status(), 403);
    assert_eq!(try_rule(&manager, "contact", "phone", TOLD, CONDITION).await.status(), 403);
    let long = "a".repeat(3_000);
    let deep = "(".repeat(300);
    for (field, more) in [
        ("expression", [("kind", "expression"), ("expression", "phone +")]),
        ("expression", [("kind", "expression"), ("expression", "amount > 1")]),
        ("expression", [("kind", "expression"), ("expression", "phone")]),
        ("expression", [("kind", "expression"), ("expression", "1 == 1")]),
        ("expression", [("kind", "expression"), ("expression", &long)]),
        ("format", [("kind", "format"), ("format", "poem")]),
        ("pattern", [("kind", "format"), ("format", "pattern")]),
    ] {
        let page = try_rule(&admin, "contact", "phone", TOLD, &more).await;
        assert_eq!(page.status(), 422, "{more:?}");
        assert!(page.contains(&format!("id=\"f-{field}-error\"")), "{more:?}: {}", page.body);
    }
    for pattern in ["(", "a{900}{900}", &deep, &long] {
        let page = try_rule(
            &admin,
            "contact",
            "phone",
            TOLD,
            &[("kind", "format"), ("format", "pattern"), ("pattern", pattern)],
        )
        .await;
        assert_eq!((page.status(), page.contains("f-pattern-error")), (422, true), "{}", page.body);
    }
    for (field, message) in [("nothing", TOLD), ("lifecycle", TOLD), ("phone", "")] {
        let page = try_rule(&admin, "contact", field, message, &[("kind", "format"), ("format", "digits")]).await;
        assert_eq!(page.status(), 422, "{field}: {}", page.body);
    }
    assert_eq!(try_rule(&admin, "ship", "phone", TOLD, CONDITION).await.status(), 404);
    // A field that a rule reads is not retired.
    let field = [
        ("type", "contact"),
        ("kind", "text"),
        ("label", "Code"),
        ("viewers", "administrator"),
        ("editors", "administrator"),
    ];
    assert_eq!(admin.post("/settings/fields", &field).await.status(), 303);
    rule(&app, &admin, "contact", "c_code", "Digits only.", &[("kind", "format"), ("format", "digits")]).await;
    let id = app.value("SELECT id FROM custom_fields").await;
    let page = admin.post(&format!("/settings/fields/{id}/retirement"), &[]).await;
    assert_eq!((page.status(), page.contains("Digits only.")), (409, true), "{}", page.body);
    let form = [("last_name", "A"), ("lifecycle", "lead"), ("c_code", "x1")];
    assert!(admin.post("/contacts", &form).await.contains("id=\"f-c_code-error\">Digits only."));
}
