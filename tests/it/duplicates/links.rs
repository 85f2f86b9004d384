//! Links in fields of the organisation's own follow a merge and go back with its undo.

use super::{merge, one, undo};
use crate::support::TestApp;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_of_ones_own_follow_a_merge_and_go_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let roles =
        ["administrator", "manager", "rep", "viewer"].map(|role| [("viewers", role), ("editors", role)]).concat();
    for (holder, label) in [("contact", "Mentor"), ("deal", "Referrer"), ("lead", "Sent by")] {
        let mut form = vec![("type", holder), ("kind", "record"), ("label", label), ("record", "contact")];
        form.extend(roles.iter().copied());
        let page = admin.post("/settings/fields", &form).await;
        assert_eq!(page.status(), 303, "{}", page.body);
    }
    let key = |holder: &str| {
        one(&app, &format!("SELECT key FROM custom_fields WHERE record_type = '{holder}' AND kind = 'record'"))
    };
    let (mentor, referrer, sent) = (key("contact"), key("deal"), key("lead"));
    let (a, b, pupil) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    // Each is the other's mentor; the pupil is the second's, as are a deal and a lead.
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, owner_id, custom) VALUES
           ('{0}', '{a}', 'Maria', 'Rossi', '{1}', jsonb_build_object('{mentor}', '{b}')),
           ('{0}', '{b}', 'M.', 'Rossi', '{1}', jsonb_build_object('{mentor}', '{a}')),
           ('{0}', '{pupil}', 'Pia', 'Pupil', '{1}', jsonb_build_object('{mentor}', '{b}'))",
        org.id, org.rep
    ));
    app.alter(&format!("UPDATE deals SET custom = jsonb_build_object('{referrer}', '{b}') WHERE id = '{}'", ours.deal));
    app.alter(&format!("UPDATE leads SET custom = jsonb_build_object('{sent}', '{b}') WHERE id = '{}'", ours.lead));
    // How complete a record is, is measured anew; the rows above never were.
    let all = || {
        one(
            &app,
            "SELECT jsonb_agg(x ORDER BY x) FROM (SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' AS x FROM contacts c
               UNION ALL SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' FROM deals c UNION ALL SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' FROM leads c) t",
        )
    };
    let linked =
        |noun: &str, key: &str, id: &str| one(&app, &format!("SELECT custom->>'{key}' FROM {noun} WHERE id = '{id}'"));
    let before = all();

    let done = merge(&admin, "contacts", &a, &b, &[("survivor", "a")]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    assert_eq!(linked("contacts", &mentor, &pupil), a);
    assert_eq!(linked("deals", &referrer, &ours.deal.to_string()), a);
    assert_eq!(linked("leads", &sent, &ours.lead.to_string()), a);
    assert_eq!(linked("contacts", &mentor, &a), "", "nobody is their own mentor");
    assert!(admin.get(&format!("/contacts/{pupil}")).await.contains("Maria Rossi"), "told in the history too");
    assert_eq!(undo(&admin, &format!("/contacts/{a}")).await.status(), 303);
    assert_eq!(all(), before);

    // Moved on since: that stays, and is told.
    assert_eq!(merge(&admin, "contacts", &a, &b, &[("survivor", "a")]).await.status(), 303);
    app.alter(&format!("UPDATE leads SET custom = jsonb_build_object('{sent}', '{pupil}') WHERE id = '{}'", ours.lead));
    assert_eq!(undo(&admin, &format!("/contacts/{a}")).await.status(), 303);
    assert!(admin.get(&format!("/contacts/{a}")).await.contains("1 related records were moved on"));
    assert_eq!(linked("leads", &sent, &ours.lead.to_string()), pupil);
    assert_eq!(linked("contacts", &mentor, &pupil), b);
    app.stop().await;
}
