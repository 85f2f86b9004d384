//! Retention: rules that delete by themselves, looked at before they are switched on, applied daily, undone like any bulk change.

use crate::support::{Org, TestApp};

fn one(app: &TestApp, query: &str) -> String {
    app.texts(&format!("SELECT coalesce(({query})::text, '') AS value")).remove(0)
}

/// The daily round, now.
async fn round(app: &TestApp, org: &Org) {
    app.alter(&format!(
        "INSERT INTO jobs (org_id, kind, key) VALUES ('{}', 'retention.daily', 'retention.daily')",
        org.id
    ));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_looked_at_switched_on_applied_and_undone() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (_ours, _theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    for o in [&org, &other] {
        app.alter(&format!(
            "INSERT INTO leads (org_id, id, last_name, currency, owner_id, status, created_at, updated_at)
             SELECT '{}', gen_random_uuid(), 'Lead ' || n, 'EUR', '{}', CASE WHEN n <= 250 THEN 'disqualified' ELSE 'new' END,
               now() - interval '200 days', now() - CASE WHEN n % 2 = 0 THEN interval '100 days' ELSE interval '2 days' END
             FROM generate_series(1, 500) n",
            o.id, o.rep
        ));
    }
    let deleted = |o: &Org| {
        one(&app, &format!("SELECT count(*) FROM leads WHERE org_id = '{}' AND deleted_at IS NOT NULL", o.id))
    };

    assert_eq!(rep.get("/settings/retention").await.status(), 403);
    for wrong in [
        ("", "90"),
        ("lead:nothing", "90"),
        ("deal:disqualified", "90"),
        ("lead:disqualified", ""),
        ("lead:disqualified", "0"),
        ("lead:disqualified", "many"),
    ] {
        let page = admin.post("/settings/retention/rules", &[("what", wrong.0), ("days", wrong.1)]).await;
        assert_eq!(page.status(), 422, "{wrong:?}: {}", page.body);
    }
    let made = admin.post("/settings/retention/rules", &[("what", "lead:disqualified"), ("days", "90")]).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let at = made.location.unwrap();
    let preview = admin.get(&at).await;
    assert!(preview.contains("Leads disqualified and not changed for 90 days"), "{}", preview.body);
    assert!(preview.contains(">125 leads<"), "{}", preview.body);
    let list = preview.between("<a href=\"/leads?", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    assert!(admin.get(&format!("/leads?{list}")).await.contains("125"), "the list shows them");
    assert_eq!(
        admin.post("/settings/retention/rules", &[("what", "lead:disqualified"), ("days", "30")]).await.status(),
        422
    );

    // Off, it does nothing.
    round(&app, &org).await;
    assert_eq!(deleted(&org), "0");
    assert_eq!(admin.post(&format!("{at}/activation"), &[]).await.status(), 303);
    assert_eq!(rep.post(&format!("{at}/activation"), &[]).await.status(), 403);
    assert_eq!(app.signed_in(&other, "admin").await.get(&at).await.status(), 404);
    round(&app, &org).await;
    assert_eq!((deleted(&org), deleted(&other)), ("125".to_owned(), "0".to_owned()));
    let bin = admin.get("/bin?type=lead").await;
    assert!(bin.contains("Retention: Leads disqualified"), "{}", bin.body);
    // A bulk change like any other: undone, and done again the next day to what still fits.
    let operation = one(&app, "SELECT operation_id FROM retention_rules WHERE condition = 'disqualified'");
    assert!(admin.get("/settings/retention").await.contains(&operation));
    assert_eq!(admin.post(&format!("/operations/{operation}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(deleted(&org), "0");
    round(&app, &org).await;
    assert_eq!(deleted(&org), "0", "the undo changed them: ninety days begin again");
    assert_eq!(
        one(&app, "SELECT string_agg(kind, ',' ORDER BY at, id) FROM events WHERE record_type = 'retention'"),
        "retention.created,retention.activated"
    );

    // Archived contacts; a rule whose administrator left is switched off.
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id, archived_at, updated_at) VALUES ('{}', gen_random_uuid(), 'Old', '{}', now(), now() - interval '40 days')",
        org.id, org.rep
    ));
    let made = admin
        .post("/settings/retention/rules", &[("what", "contact:archived"), ("days", "30")])
        .await
        .location
        .unwrap();
    assert!(admin.get(&made).await.contains(">1 contact<"));
    admin.post(&format!("{made}/activation"), &[]).await;
    admin.post(&format!("{at}/activation/undo"), &[]).await;
    app.alter(&format!("UPDATE members SET deactivated_at = now() WHERE id = '{}'", org.admin));
    round(&app, &org).await;
    assert_eq!(one(&app, "SELECT count(*) FROM contacts WHERE last_name = 'Old' AND deleted_at IS NOT NULL"), "0");
    assert_eq!(one(&app, "SELECT count(*) FROM retention_rules WHERE active"), "0");
    app.alter(&format!("UPDATE members SET deactivated_at = NULL WHERE id = '{}'", org.admin));
    let admin = app.signed_in(&org, "admin").await;
    admin.post(&format!("{made}/activation"), &[]).await;
    round(&app, &org).await;
    assert_eq!(one(&app, "SELECT count(*) FROM contacts WHERE last_name = 'Old' AND deleted_at IS NOT NULL"), "1");
    assert_eq!(admin.post(&format!("{made}/deletion"), &[]).await.status(), 303);
    assert_eq!(admin.get(&made).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bin_and_refused_rows_are_kept_as_long_as_was_said() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    for wrong in [("31", ""), ("0", ""), ("", ""), ("7", "0"), ("7", "x")] {
        let page = admin.post("/settings/retention", &[("bin_days", wrong.0), ("import_days", wrong.1)]).await;
        assert_eq!(page.status(), 422, "{wrong:?}");
    }
    app.alter(&format!("UPDATE imports SET finished_at = now() - interval '20 days' WHERE id = '{}'", ours.import));
    app.alter(&format!(
        "INSERT INTO import_errors (org_id, import_id, line, field, message, record) VALUES ('{}', '{}', 2, 'email', 'is wrong', '{{x}}')",
        org.id, ours.import
    ));
    app.alter(&format!("UPDATE contacts SET deleted_at = now() - interval '8 days' WHERE id = '{}'", ours.contact));
    round(&app, &org).await;
    assert_eq!(one(&app, "SELECT count(*) FROM import_errors"), "1");
    assert_eq!(admin.post("/settings/retention", &[("bin_days", "7"), ("import_days", "14")]).await.status(), 303);
    let page = admin.get("/settings/retention").await;
    assert!(page.contains("value=\"7\"") && page.contains("value=\"14\""), "{}", page.body);
    assert!(admin.get("/bin").await.contains("for 7 days"));
    round(&app, &org).await;
    assert_eq!(one(&app, "SELECT count(*) FROM import_errors"), "0");
    assert_eq!(one(&app, &format!("SELECT count(*) FROM contacts WHERE id = '{}'", ours.contact)), "0");
    app.stop().await;
}
