//! The bin: what was deleted, by whom, for how long; back again, or gone for good with all that hung on it.

use crate::support::{Belongings, Org, TestApp};

fn one(app: &TestApp, query: &str) -> String {
    app.texts(&format!("SELECT coalesce(({query})::text, '') AS value")).remove(0)
}

fn delete_all(app: &TestApp, ours: &Belongings, days: u32) {
    for (table, id) in
        [("companies", ours.company), ("contacts", ours.contact), ("leads", ours.lead), ("deals", ours.deal)]
    {
        app.alter(&format!(
            "UPDATE {table} SET deleted_at = now() - interval '{days} days', version = version + 1 WHERE id = '{id}'"
        ));
    }
}

/// Rows anywhere in the organisation that still name the record.
fn traces(app: &TestApp, org: &Org, id: &str) -> Vec<String> {
    let tables = app.texts(
        "SELECT c.table_name AS value FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE c.table_schema = 'public' AND c.column_name = 'org_id' AND t.table_type = 'BASE TABLE' AND c.table_name !~ '^events_'
         GROUP BY 1 ORDER BY 1",
    );
    let mut found = Vec::new();
    for table in tables {
        let row = one(
            app,
            &format!(
                "SELECT string_agg(left(x::text, 200), ' | ') FROM {table} x WHERE x.org_id = '{}' AND x::text LIKE '%{id}%'",
                org.id
            ),
        );
        if !row.is_empty() {
            found.push(format!("{table}: {row}"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_records_are_listed_and_come_back() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let (rep, admin, viewer) =
        (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await, app.signed_in(&org, "viewer").await);
    assert!(admin.get("/bin").await.contains("Nothing in the bin"));
    assert_eq!(viewer.get("/bin").await.status(), 403);
    assert_eq!(rep.post(&format!("/contacts/{}/deletion", ours.contact), &[]).await.status(), 303);
    delete_all(&app, &theirs, 1);
    let bin = rep.get("/bin").await;
    assert!(bin.contains("Contact of aurelia") && bin.contains("30 days") && !bin.contains("borealis"), "{}", bin.body);
    let who = one(&app, &format!("SELECT name FROM members WHERE id = '{}'", org.rep));
    assert!(bin.contains(&who), "who did it: {}", bin.body);
    assert!(admin.get("/settings/tags").await.contains("href=\"/bin\""), "the menu leads there");

    // Back, one or many; what is not in the bin is passed by; nothing of others'.
    let ids = [ours.contact.to_string(), ours.lead.to_string(), theirs.contact.to_string()];
    let form: Vec<(&str, &str)> =
        std::iter::once(("record_type", "contact")).chain(ids.iter().map(|id| ("ids", id.as_str()))).collect();
    assert_eq!(rep.post("/bin/restoration", &form).await.status(), 303);
    assert_eq!(one(&app, &format!("SELECT deleted_at FROM contacts WHERE id = '{}'", ours.contact)), "");
    assert_ne!(one(&app, &format!("SELECT deleted_at FROM contacts WHERE id = '{}'", theirs.contact)), "");
    assert_eq!(
        one(&app, &format!("SELECT kind FROM events WHERE record_id = '{}' ORDER BY at DESC LIMIT 1", ours.contact)),
        "contact.undeleted"
    );
    assert!(rep.get("/search?q=contact+of").await.contains("Contact of aurelia"));
    assert_eq!(rep.post("/bin/restoration", &[("record_type", "contact")]).await.status(), 303);
    assert_eq!(rep.post("/bin/restoration", &[("record_type", "nothing"), ("ids", "x")]).await.status(), 400);
    assert_eq!(rep.post("/bin/restoration", &[("record_type", "contact"), ("ids", "x")]).await.status(), 400);
    // A rep who sees only their own sees only those here.
    app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id));
    app.alter(&format!(
        "UPDATE contacts SET deleted_at = now(), owner_id = '{}' WHERE id = '{}'",
        org.admin, ours.contact
    ));
    let bin = rep.get("/bin?type=contact").await;
    assert!(!bin.contains("Contact of aurelia"), "{}", bin.body);
    rep.post("/bin/restoration", &form).await;
    rep.post("/bin/purge", &[form.as_slice(), &[("confirm", "delete")]].concat()).await;
    assert_eq!(
        one(&app, &format!("SELECT count(*) FROM contacts WHERE id = '{}' AND deleted_at IS NOT NULL", ours.contact)),
        "1"
    );
    // Whoever may not delete contacts has no bin of them.
    app.alter("UPDATE roles SET permissions = array_remove(permissions, 'contacts.delete') WHERE key = 'rep'");
    assert!(!rep.get("/bin").await.contains("type=contact"));
    assert_eq!(rep.post("/bin/restoration", &form).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gone_for_good_takes_everything_along_after_the_word_is_typed() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let admin = app.signed_in(&org, "admin").await;
    let at = format!("/contacts/{}", ours.contact);
    let (id, field) = (ours.contact.to_string(), "lifecycle");
    // A history, a note, a bulk change, a place in a deal, a visit, an import's images, a list.
    admin.post(&format!("{at}/notes"), &[("body_html", "<div>About the person</div>")]).await;
    admin.get(&at).await;
    admin
        .post(
            "/operations",
            &[("record_type", "contact"), ("action", "edit"), ("field", field), ("value", "customer"), ("ids", &id)],
        )
        .await;
    app.alter(&format!(
        "INSERT INTO deal_contacts (org_id, deal_id, contact_id, role) VALUES ('{}', '{}', '{id}', 'other')",
        org.id, ours.deal
    ));
    app.alter(&format!("INSERT INTO import_changes (org_id, import_id, record_type, record_id, before, version_after) VALUES ('{}', '{}', 'contact', '{id}', '{{}}', 2)", org.id, ours.import));
    app.alter(&format!(
        "INSERT INTO segment_members (org_id, segment_id, record_id) VALUES ('{}', '{}', '{id}')",
        org.id, ours.segment
    ));
    assert_eq!(admin.post(&format!("{at}/deletion"), &[]).await.status(), 303);

    let question = admin.post("/bin/purge/new", &[("record_type", "contact"), ("ids", &id)]).await;
    assert!(question.contains("Delete 1 contact for good?"), "{}", question.body);
    for wrong in ["", "yes", "contact"] {
        let page = admin.post("/bin/purge", &[("record_type", "contact"), ("ids", &id), ("confirm", wrong)]).await;
        assert_eq!(page.status(), 422, "{}", page.body);
    }
    // What is not in the bin stays, whatever the form says.
    let form = [("record_type", "company"), ("ids", &ours.company.to_string()), ("confirm", "delete")];
    admin.post("/bin/purge", &form).await;
    assert_eq!(one(&app, &format!("SELECT count(*) FROM companies WHERE id = '{}'", ours.company)), "1");
    let gone = admin.post("/bin/purge", &[("record_type", "contact"), ("ids", &id), ("confirm", " Delete ")]).await;
    assert_eq!(gone.status(), 303, "{}", gone.body);
    app.run_jobs().await;
    let left = traces(&app, &org, &id);
    assert!(left.len() == 1 && left[0].starts_with("events: ") && left[0].contains("contact.purged"), "{left:#?}");
    assert!(!left[0].contains("aurelia"), "the event names nobody: {left:?}");
    assert_eq!(app.totals_differ(), Vec::<String>::new());

    // All of a type, the whole bin; others' is others'.
    delete_all(&app, &ours, 0);
    delete_all(&app, &theirs, 0);
    for record in ["deal", "lead", "company"] {
        let question = admin.post("/bin/purge/new", &[("record_type", record), ("all", "1")]).await;
        assert!(question.contains("Delete 1 "), "{}", question.body);
        let gone = admin.post("/bin/purge", &[("record_type", record), ("all", "1"), ("confirm", "delete")]).await;
        assert_eq!(gone.status(), 303, "{}", gone.body);
    }
    assert!(admin.get("/bin").await.contains("Nothing in the bin"));
    for (table, id) in [("companies", theirs.company), ("leads", theirs.lead), ("deals", theirs.deal)] {
        assert_eq!(one(&app, &format!("SELECT count(*) FROM {table} WHERE id = '{id}'")), "1");
    }
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    // Many go by a job.
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, last_name, deleted_at) SELECT '{}', gen_random_uuid(), 'Many ' || n, now() FROM generate_series(1, 1203) n",
        org.id
    ));
    admin.post("/bin/purge", &[("record_type", "contact"), ("all", "1"), ("confirm", "delete")]).await;
    app.run_jobs().await;
    assert_eq!(one(&app, &format!("SELECT count(*) FROM contacts WHERE org_id = '{}'", org.id)), "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_thirty_days_the_daily_round_empties_it() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    delete_all(&app, &ours, 31);
    let (o, rep) = (org.id, org.rep);
    // One that is not due; one that was merged into what is due, and one merged into what stays.
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id, deleted_at) VALUES
           ('{o}', '01990000-0000-7000-8000-000000000001', 'Young', '{rep}', now() - interval '29 days'),
           ('{o}', '01990000-0000-7000-8000-000000000002', 'Merged away', '{rep}', now() - interval '50 days'),
           ('{o}', '01990000-0000-7000-8000-000000000003', 'Merged and kept', '{rep}', now() - interval '50 days'),
           ('{o}', '01990000-0000-7000-8000-000000000004', 'Alive', '{rep}', NULL)"
    ));
    for (survivor, merged) in
        [(ours.contact.to_string(), "2"), ("01990000-0000-7000-8000-000000000004".to_owned(), "3")]
    {
        app.alter(&format!(
            "INSERT INTO merges (org_id, id, record_type, survivor_id, merged_id, before, after, survivor_version)
             VALUES ('{o}', gen_random_uuid(), 'contact', '{survivor}', '01990000-0000-7000-8000-00000000000{merged}', '{{}}', '{{}}', 1)"
        ));
    }
    app.alter(&format!("INSERT INTO jobs (org_id, kind, key) VALUES ('{o}', 'retention.daily', 'retention.daily')"));
    app.run_jobs().await;
    assert_eq!(
        one(&app, "SELECT string_agg(last_name, ',' ORDER BY last_name) FROM contacts"),
        "Alive,Merged and kept,Young"
    );
    for table in ["companies", "leads", "deals"] {
        assert_eq!(one(&app, &format!("SELECT count(*) FROM {table} WHERE deleted_at IS NOT NULL")), "0", "{table}");
    }
    assert_eq!(one(&app, "SELECT count(*) FROM events WHERE kind LIKE '%.purged'"), "5");
    assert_eq!(one(&app, "SELECT count(*) FROM retention_settings WHERE ran_at IS NOT NULL"), "1");
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    app.stop().await;
}
