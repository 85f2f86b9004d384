//! Formulas, checked and computed; definitions that make no sense.

use super::{add, custom, define, enter, id_of, try_define};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn formulas_are_checked_and_computed() {
    let app = TestApp::start().await;
    let org = app.org("sums").await;
    let admin = enter(&app, &org, "admin").await;
    define(&admin, "deal", "decimal", "Discount", &[]).await;
    for (formula, result, told) in [
        ("amount *", "decimal", "something is missing at the end"),
        ("amount ) 2", "decimal", "“)” cannot stand there"),
        ("amount # 2", "decimal", "“#” means nothing here"),
        ("amount * nonsense", "decimal", "no field of this type"),
        ("name + 1", "text", "cannot use +"),
        ("amount > 1", "decimal", "gives yes or no, not a number"),
        ("[1,2].map(x, x)", "decimal", "must not loop"),
        ("", "decimal", "is required"),
        ("amount", "money", "not one of the results"),
    ] {
        let page = try_define(&admin, "deal", "formula", "Net", &[("formula", formula), ("result", result)]).await;
        assert!(page.status() == 422 && page.contains(told), "{formula}: {}", page.body);
    }
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    let deal: &[(&str, &str)] =
        &[("name", "Pilot"), ("stage_id", &stage), ("amount", "100.10"), ("c_discount", "12.5")];
    assert_eq!(admin.post("/deals/new", deal).await.status(), 303);
    define(&admin, "deal", "text", "Order code", &[("required", "true")]).await;
    assert!(
        admin
            .get(&format!("/pipeline/{}", app.value("SELECT id FROM pipelines LIMIT 1").await))
            .await
            .contains("c_order_code")
    );
    let refused = admin.post_partial("/deals/new", &[("name", "Quick"), ("stage_id", &stage)]).await;
    assert!(refused.status() == 422 && refused.contains("code is required"), "{}", refused.body);
    let net = [("formula", "round(amount * (100 - coalesce(c_discount, 0)) / 100, 2)"), ("result", "decimal")];
    define(&admin, "deal", "formula", "Net", &net).await;
    define(&admin, "deal", "formula", "Days open", &[("formula", "days(created_at, today())"), ("result", "integer")])
        .await;
    app.run_jobs().await;
    let kept = |key: &'static str| {
        let (app, id) = (&app, org.id);
        async move { app.value(&format!("SELECT custom->>'{key}' FROM deals WHERE org_id = '{id}'")).await }
    };
    assert_eq!(kept("c_net").await, "87.59", "87.5875, half away from zero");
    assert!(kept("c_days_open").await.parse::<i64>().is_ok());
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE key LIKE 'fields.formulas:%' AND run_at > now()").await, "1");
    let path = format!("/deals/{}", app.value("SELECT id FROM deals").await);
    let edit = admin.get_partial(&format!("{path}/fields/amount")).await;
    let version = edit.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let form = [("version", version.as_str()), ("amount", "200"), ("currency", "EUR")];
    assert_eq!(admin.post_partial(&format!("{path}/fields/amount"), &form).await.status(), 200);
    assert_eq!(kept("c_net").await, "175");
    assert!(admin.get(&path).await.contains("175"));

    let over = try_define(&admin, "deal", "formula", "Twice", &[("formula", "c_net * 2"), ("result", "decimal")]).await;
    assert!(over.status() == 422 && over.contains("is a formula itself"), "{}", over.body);
    let discount = format!("/settings/fields/{}/retirement", id_of(&app, &org, "c_discount").await);
    let used = admin.post(&discount, &[]).await;
    assert!(used.status() == 409 && used.contains("is used by the formula Net"), "{}", used.body);
    assert!(used.contains("<h1 class=\"record-title\" dir=\"auto\">Discount"), "{}", used.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_refuse_what_makes_no_sense() {
    let app = TestApp::start().await;
    let org = app.org("odd").await;
    let admin = enter(&app, &org, "admin").await;
    for (kind, label, more, told) in [
        ("text", "", &[][..], "is required"),
        ("text", "E-mail", &[], "built-in field"),
        ("nonsense", "X", &[], ""),
        ("choice", "X", &[], "at least one choice"),
        ("choice", "X", &[("new_choices", "A\na")], "same choice twice"),
        ("choice", "X", &[("new_choices", "A"), ("default", "B")], "not one of the choices"),
        ("integer", "X", &[("default", "many")], "must be a number"),
        ("bool", "X", &[("unique", "true")], ""),
        ("record", "X", &[("record", "users")], "types of record"),
        ("text", "X", &[("viewers", "nobody")], "at least one role"),
        ("text", "\u{202e}id", &[], "direction"),
    ] {
        let page = try_define(&admin, "contact", kind, label, more).await;
        assert!(matches!(page.status(), 422 | 404), "{kind} {label}: {}", page.status());
        assert!(page.contains(told), "{kind} {label}: {}", page.body);
    }
    assert_eq!(try_define(&admin, "invoice", "text", "X", &[]).await.status(), 404);
    for label in ["'; DROP TABLE contacts; --", "<script>alert(1)</script>", "日本語", "ID!", "Customer id"] {
        define(&admin, "contact", "text", label, &[]).await;
    }
    assert_eq!(
        app.value("SELECT string_agg(key, ' ' ORDER BY position) FROM custom_fields").await,
        "c_drop_table_contacts c_script_alert_1_script c_field c_id c_customer_id"
    );
    let page = admin.get("/contacts/new").await;
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{}", page.body);
    assert!(try_define(&admin, "contact", "text", "日本語", &[]).await.contains("name of another field"));
    add(&admin, &[("last_name", "A"), ("c_customer_id", "17"), ("c_customer_id__id", "x"), ("c_unknown", "y")]).await;
    assert_eq!(custom(&app, &org, "contacts").await, r#"{"c_customer_id": "17"}"#);
    app.stop().await;
}
