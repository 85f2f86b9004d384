//! Custom fields through HTTP: every kind from its settings page to forms, fields in place, history and the catalogue; required,
//! unique and default; who sees and edits; renaming, retiring, restoring; formulas; hostile input; other organisations.

mod changes;
mod formulas;

use crate::support::{Client, Org, Page, TestApp};
use pipewright::features::fields::{Catalogue, Kind};
use pipewright::kernel::RecordType;

const ROLES: [&str; 4] = ["administrator", "manager", "rep", "viewer"];

/// A field of the everyday sort, with more said about it.
async fn try_define(admin: &Client, record: &str, kind: &str, label: &str, more: &[(&str, &str)]) -> Page {
    let mut form = vec![("type", record), ("kind", kind), ("label", label)];
    for name in ["viewers", "editors"] {
        if !more.iter().any(|(n, _)| *n == name) {
            form.extend(ROLES.map(|role| (name, role)));
        }
    }
    form.extend_from_slice(more);
    admin.post("/settings/fields", &form).await
}

async fn define(admin: &Client, record: &str, kind: &str, label: &str, more: &[(&str, &str)]) {
    let page = try_define(admin, record, kind, label, more).await;
    assert_eq!(page.status(), 303, "{label}: {}", page.body);
}

async fn id_of(app: &TestApp, org: &Org, key: &str) -> String {
    app.value(&format!("SELECT id FROM custom_fields WHERE org_id = '{}' AND key = '{key}'", org.id)).await
}

async fn custom(app: &TestApp, org: &Org, table: &str) -> String {
    app.value(&format!("SELECT custom FROM {table} WHERE org_id = '{}' ORDER BY id DESC LIMIT 1", org.id)).await
}

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

async fn add(client: &Client, fields: &[(&str, &str)]) -> String {
    let page = client.post("/contacts", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_from_its_definition_to_history() {
    let app = TestApp::start().await;
    let org = app.org("kinds").await;
    let admin = enter(&app, &org, "admin").await;
    assert!(admin.get("/settings/fields?type=contact").await.contains("No fields of your own yet"));
    assert!(admin.get("/settings/fields/new?type=contact").await.contains("kind=choices"));
    for kind in ["text", "long_text", "integer", "decimal", "money", "date", "date_time", "bool", "choice", "choices"]
        .into_iter()
        .chain(["email", "phone", "url", "member", "record", "formula"])
    {
        let page = admin.get(&format!("/settings/fields/new?type=contact&kind={kind}")).await;
        assert_eq!(page.status(), 200, "{kind}: {}", page.body);
        let label = format!("The {}", kind.replace('_', " "));
        let more: &[(&str, &str)] = match kind {
            "choice" | "choices" => &[("new_choices", "Gold\nSilver, plated\nBronze"), ("section", "Standing")],
            "money" => &[("own_currency", "true")],
            "record" => &[("record", "company")],
            "formula" => &[("formula", "first_name + \"/\" + last_name"), ("result", "text")],
            _ => &[("help", "Ask them")],
        };
        define(&admin, "contact", kind, &label, more).await;
    }
    let form = admin.get("/contacts/new").await;
    for told in [
        "name=\"c_the_text\"",
        "Standing",
        "Ask them",
        "Silver, plated",
        "name=\"c_the_money__currency\"",
        ">USD</option>",
    ] {
        assert!(form.contains(told), "{told}: {}", form.body);
    }
    assert!(!form.contains("name=\"c_the_formula\""));
    let company = admin.post("/companies", &[("name", "Linked Ltd")]).await.location.unwrap();
    let company = company.rsplit('/').next().unwrap();
    let member = org.rep.to_string();
    let path = add(
        &admin,
        &[
            ("first_name", "Ada"),
            ("last_name", "Verhoeven"),
            ("c_the_text", "  =cmd() \u{202e}العربية 🙂 "),
            ("c_the_long_text", "one\ntwo"),
            ("c_the_integer", "-1,204"),
            ("c_the_decimal", "0.1000000001"),
            ("c_the_money", "1.234,50"),
            ("c_the_money__currency", "USD"),
            ("c_the_date", "2026-02-28"),
            ("c_the_date_time", "2026-07-01T10:30"),
            ("c_the_bool", "false"),
            ("c_the_choice", "silver_plated"),
            ("c_the_choices", ""),
            ("c_the_choices", "bronze"),
            ("c_the_choices", "gold"),
            ("c_the_email", "Ada@Example.COM"),
            ("c_the_phone", "020 7946 0018"),
            ("c_the_url", "example.com/x?y=1"),
            ("c_the_member", &member),
            ("c_the_record", "Linked Ltd"),
            ("c_the_record__id", company),
        ],
    )
    .await;
    let kept: serde_json::Value = serde_json::from_str(&custom(&app, &org, "contacts").await).unwrap();
    assert_eq!(
        kept,
        serde_json::json!({
            "c_the_text": "=cmd() \u{202e}العربية 🙂", "c_the_long_text": "one\ntwo", "c_the_integer": -1204,
            "c_the_decimal": "0.1000000001", "c_the_money": { "amount": "1234.5", "currency": "USD" },
            "c_the_date": "2026-02-28", "c_the_date_time": "2026-07-01T08:30:00Z", "c_the_bool": false,
            "c_the_choice": "silver_plated", "c_the_choices": ["gold", "bronze"], "c_the_email": "ada@example.com",
            "c_the_phone": "+442079460018", "c_the_url": "https://example.com/x?y=1", "c_the_member": member,
            "c_the_record": company, "c_the_formula": "Ada/Verhoeven",
        })
    );
    let page = admin.get(&path).await;
    for told in [
        "<span class=\"dot c-",
        "Silver, plated",
        "Gold",
        "$1,234.50",
        "−1,204",
        "0.1000000001",
        " 10:30",
        "Rep kinds",
        "Linked Ltd",
        "Ada/Verhoeven",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    in_place(&admin, &path, company).await;
    read_by_sql(&app, &org).await;
    app.stop().await;
}

/// Each field in place: its control, a value, what history says.
async fn in_place(admin: &Client, path: &str, company: &str) {
    for (field, value, shown) in [
        ("c_the_text", "other", "other"),
        ("c_the_integer", "7", "7"),
        ("c_the_decimal", "2.50", "2.5"),
        ("c_the_date", "2026-03-01", "1 Mar"),
        ("c_the_bool", "true", "Yes"),
        ("c_the_choice", "gold", "Gold"),
        ("c_the_choices", "silver_plated", "Silver, plated"),
        ("c_the_email", "b@example.com", "b@example.com"),
        ("c_the_url", "https://b.example/", "https://b.example/"),
        ("c_the_money", "9", "$9.00"),
        ("c_the_record", "", ""),
    ] {
        let at = format!("{path}/fields/{field}");
        let edit = admin.get_partial(&at).await;
        assert_eq!(edit.status(), 200, "{field}: {}", edit.body);
        let version = edit.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
        let form = [("version", version.as_str()), (field, value), ("c_the_money__currency", "USD")];
        let saved = admin.post_partial(&at, &form).await;
        assert_eq!(saved.status(), 200, "{field}: {}", saved.body);
        assert!(saved.contains(shown), "{field}: {}", saved.body);
        let stale = admin.post_partial(&at, &[("version", version.as_str()), (field, value)]).await;
        assert_eq!(stale.status(), 409, "{field}: {}", stale.body);
    }
    for (field, value, told) in [
        ("c_the_integer", "1.5", "whole number"),
        ("c_the_decimal", "many", "must be a number"),
        ("c_the_date", "2026-02-30", "must be a date"),
        ("c_the_choice", "platinum", "not one of the choices"),
        ("c_the_url", "javascript:alert(1)", "web address"),
        ("c_the_member", company, "not an active member"),
        ("c_the_record", "Nobody Ltd", "is no company"),
        ("c_the_text", &"x".repeat(256), "too long"),
    ] {
        let at = format!("{path}/fields/{field}");
        let version = admin.get_partial(&at).await.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
        let refused = admin.post_partial(&at, &[("version", version.as_str()), (field, value)]).await;
        assert_eq!(refused.status(), 422, "{field}: {}", refused.body);
        assert!(refused.contains(told), "{field}: {}", refused.body);
    }
    assert_eq!(admin.get_partial(&format!("{path}/fields/c_the_formula")).await.status(), 404);
    assert_eq!(admin.get_partial(&format!("{path}/fields/c_nothing")).await.status(), 404);
    let history = admin.get(&format!("{path}?timeline=changes")).await;
    for told in
        ["The choice: ", "Silver, plated → Gold", "The record cleared, was Linked Ltd", "The integer −1,204 → 7"]
    {
        assert!(history.contains(told), "{told}: {}", history.body);
    }
}

/// The catalogue's SQL reads every value, and never raises whatever stands in `custom`.
async fn read_by_sql(app: &TestApp, org: &Org) {
    let actor = app.actor(org, org.admin).await;
    let mut entries = Vec::new();
    for record in RecordType::ALL {
        let who = actor.clone();
        let catalogue = app.db.org(&org.id, move |tx| Catalogue::load(tx, &who, record)).await.unwrap();
        entries.extend(catalogue.entries.into_iter().map(|entry| (record.noun(), entry)));
    }
    for (table, entry) in &entries {
        app.value(&format!("SELECT count({}) FROM {table} r", entry.expr)).await;
    }
    let custom: Vec<_> = entries.iter().filter(|(_, entry)| entry.is_custom()).collect();
    assert_eq!(custom.len(), 16);
    for junk in
        ["\"2026-02-31\"", "\"x\"", "{}", "[]", "[1, null]", "true", "1e400", "\"9999-99-99T99:99:99Z\"", "null"]
    {
        for (table, entry) in &custom {
            app.value(&format!(
                "SELECT count({}) FROM (SELECT '{{\"{}\": {junk}}}'::jsonb AS custom) r, (SELECT '{table}') t",
                entry.expr, entry.key
            ))
            .await;
        }
    }
    let number = custom.iter().find(|(_, entry)| entry.kind == Kind::Money).unwrap();
    assert_eq!(app.value(&format!("SELECT {} FROM contacts r", number.1.expr)).await, "9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn required_unique_and_default() {
    let app = TestApp::start().await;
    let org = app.org("rules").await;
    let admin = enter(&app, &org, "admin").await;
    let rep = enter(&app, &org, "rep").await;
    let old = add(&rep, &[("last_name", "Before")]).await;
    define(&admin, "contact", "text", "Badge", &[("required", "true"), ("unique", "true"), ("searchable", "true")])
        .await;
    define(&admin, "contact", "choice", "Tier", &[("new_choices", "A\nB"), ("default", "b")]).await;
    assert!(rep.post("/contacts", &[("last_name", "Rossi")]).await.contains("is required"));
    let refused = rep.post("/contacts", &[("last_name", "Rossi"), ("c_badge", " "), ("email", "not one")]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("is required") && refused.contains("f-email-error"), "both at once: {}", refused.body);
    assert!(rep.get("/contacts/new").await.contains("<option value=\"b\" selected>"));
    let first = add(&rep, &[("last_name", "Rossi"), ("c_badge", "B-77x")]).await;
    assert_eq!(custom(&app, &org, "contacts").await, r#"{"c_tier": "b", "c_badge": "B-77x"}"#);
    let taken = rep.post("/contacts", &[("last_name", "Bianchi"), ("c_badge", "b-77X")]).await;
    assert_eq!(taken.status(), 422);
    assert!(taken.contains("is already that of another contact"), "{}", taken.body);

    // A record from before may be edited in place elsewhere; its whole form asks.
    let version = rep
        .get_partial(&format!("{old}/fields/title"))
        .await
        .between("name=\"version\" value=\"", "\"")
        .unwrap()
        .to_owned();
    let saved = rep.post_partial(&format!("{old}/fields/title"), &[("version", &version), ("title", "CFO")]).await;
    assert_eq!(saved.status(), 200, "{}", saved.body);
    let whole =
        rep.post(&old, &[("version", "2"), ("last_name", "Before"), ("lifecycle", "lead"), ("c_badge", "")]).await;
    assert!(whole.status() == 422 && whole.contains("is required"), "{}", whole.body);

    // Two at once: the index decides.
    let posts: Vec<_> =
        (0..6).map(|_| rep.post("/contacts", &[("last_name", "Race"), ("c_badge", "only one")])).collect();
    let answers = futures_util::future::join_all(posts).await;
    let made = answers.iter().filter(|page| page.status() == 303).count();
    assert_eq!(made, 1, "{:?}", answers.iter().map(|page| page.status()).collect::<Vec<_>>());
    assert!(answers.iter().all(|page| matches!(page.status(), 303 | 422)));

    // Deleting gives the value up, coming back asks for it again; search knows it.
    let hits = rep.get("/search?q=b-77x").await;
    assert!(hits.contains("Rossi"), "{}", hits.body);
    assert_eq!(admin.post(&format!("{first}/deletion"), &[]).await.status(), 303);
    add(&rep, &[("last_name", "Bianchi"), ("c_badge", "b-77X")]).await;
    let back = admin.post(&format!("{first}/deletion/undo"), &[]).await;
    assert_eq!(back.status(), 422, "{}", back.body);

    // What occurs twice cannot become unique; what does not, can.
    define(&admin, "contact", "text", "Desk", &[]).await;
    for badge in ["d1", "d2"] {
        add(&rep, &[("last_name", "Desk"), ("c_badge", badge), ("c_desk", "Same")]).await;
    }
    let desk = format!("/settings/fields/{}", id_of(&app, &org, "c_desk").await);
    let mut form = vec![("kind", "text"), ("label", "Desk"), ("version", "1"), ("unique", "true")];
    form.extend(ROLES.map(|role| ("viewers", role)));
    form.extend(ROLES.map(|role| ("editors", role)));
    let refused = admin.post(&desk, &form).await;
    assert!(refused.status() == 422 && refused.contains("“Same”"), "{}", refused.body);
    app.sql("UPDATE contacts SET custom = jsonb_set(custom, '{c_desk}', '\"Other\"') WHERE custom->>'c_badge' = 'd2'")
        .await;
    assert_eq!(admin.post(&desk, &form).await.status(), 303);
    let taken = rep.post("/contacts", &[("last_name", "Desk"), ("c_badge", "d3"), ("c_desk", "other")]).await;
    assert_eq!(taken.status(), 422);
    app.stop().await;
}
