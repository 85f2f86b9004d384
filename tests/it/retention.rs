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

/// Everything that any table of the organisation keeps, as text.
fn everything(app: &TestApp, org: &Org) -> String {
    let tables = app.texts(
        "SELECT c.relname::text AS value FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1",
    );
    let rows = |table: &String| {
        app.texts(&format!(
            "SELECT coalesce(string_agg(t::text, ' '), '') AS value FROM {table} t WHERE t.org_id = '{}'",
            org.id
        ))
        .remove(0)
    };
    tables.iter().map(|table| format!("{table}: {}\n", rows(table))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_anonymised_and_nobody_remembers_their_names() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let person = [
        ("first_name", "Zebedee"),
        ("last_name", "Quixley"),
        ("email", "zeb@quixley.test"),
        ("phone", "+31 20 123 4567"),
        ("title", "Quixologist"),
        ("street", "Quix Lane 1"),
        ("city", "Utrecht"),
        ("description", "Likes quixes"),
        ("lifecycle", "customer"),
    ];
    for label in ["Nickname", "Shoes"] {
        let mut form =
            vec![("type", "contact"), ("kind", if label == "Shoes" { "integer" } else { "text" }), ("label", label)];
        form.extend(
            ["administrator", "manager", "rep", "viewer"].iter().flat_map(|r| [("viewers", *r), ("editors", *r)]),
        );
        assert_eq!(admin.post("/settings/fields", &form).await.status(), 303);
    }
    let company = ours.company.to_string();
    let own = [("c_nickname", "Quix"), ("c_shoes", "43"), ("company_id", &*company)];
    let sent = admin.post("/contacts", &[&person[..], &own[..]].concat()).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let id = one(&app, "SELECT id FROM contacts WHERE email = 'zeb@quixley.test'");
    // Spoken of everywhere: a note, a deal that has them, an activity, a bulk change, somebody merged into them.
    admin.post(&format!("/contacts/{id}/notes"), &[("body_html", "<div>Quixley called</div>")]).await;
    let at_deal =
        admin.post(&format!("/deals/{}/contacts", ours.deal), &[("contact_id", &*id), ("role", "champion")]).await;
    assert_eq!(at_deal.status(), 303, "{}", at_deal.body);
    app.alter(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, description, owner_id, contact_id, due_on)
         SELECT org_id, gen_random_uuid(), type_id, class, 'Call Zebedee Quixley', 'About quixes', owner_id, '{id}', current_date FROM activities WHERE org_id = '{}' LIMIT 1",
        org.id
    ));
    let call = one(&app, "SELECT id FROM activities WHERE subject = 'Call Zebedee Quixley'");
    for (on, on_id) in [("contacts", &id), ("activities", &call)] {
        let comment = one(&app, "SELECT gen_random_uuid()");
        let said = [("on", on), ("on_id", on_id.as_str()), ("id", comment.as_str()), ("body", "Zebedee Quixley again")];
        let sent = admin.post("/comments", &said).await;
        assert_eq!(sent.status(), 303, "{}", sent.body);
    }
    let changed = one(&app, "SELECT id FROM comments WHERE contact_id IS NOT NULL AND body_html LIKE '%Quixley%'");
    assert_eq!(
        admin.post(&format!("/comments/{changed}"), &[("version", "1"), ("body", "Of quixes")]).await.status(),
        303
    );
    for place in [format!("/contacts/{id}/files"), format!("/activities/{call}/files")] {
        let sent = crate::files::send(&admin, &place, &place, &[("Quixley passport.txt", b"x")]).await;
        assert_eq!(sent.status(), 303, "{}", sent.body);
    }
    // They take part in, and are guests of, what is about others; once somebody typed their address without their record.
    let taking = format!("/activities/{}/participants", ours.activity);
    assert_eq!(admin.post(&taking, &[("contact_id", &*id), ("contact", "Zebedee Quixley")]).await.status(), 303);
    let part = one(&app, &format!("SELECT id FROM activity_participants WHERE contact_id = '{id}'"));
    assert_eq!(admin.post(&format!("{taking}/removal"), &[("participant", &*part)]).await.status(), 303);
    assert_eq!(admin.post(&taking, &[("contact_id", &*id), ("contact", "Zebedee Quixley")]).await.status(), 303);
    for (activity, contact) in [(call.clone(), format!("'{id}'")), (ours.activity.to_string(), "NULL".to_owned())] {
        app.alter(&format!(
            "INSERT INTO activity_invitations (org_id, activity_id, organiser_id, told, message) VALUES ('{0}', '{activity}', '{1}', 'x', 'Come, all of you')",
            org.id, org.rep
        ));
        app.alter(&format!(
            "INSERT INTO activity_guests (org_id, id, activity_id, contact_id, name, email) VALUES ('{}', gen_random_uuid(), '{activity}', {contact}, 'Zebedee Quixley', 'zeb@quixley.test')",
            org.id
        ));
    }
    // A mail to them alone, one in which they stand beside another, what the server said of their address.
    app.alter(&format!(
        "INSERT INTO mail_messages (org_id, id, author_id, status, subject, body_html, message_header, thread_id, sent_at)
         SELECT '{0}', m.id, '{1}', 'sent', m.subject, m.subject, m.id::text, m.id, now()
         FROM (VALUES ('00000000-0000-7000-8000-000000000001'::uuid, 'Only Quixley'), ('00000000-0000-7000-8000-000000000002', 'To both')) m (id, subject)",
        org.id, org.rep
    ));
    app.alter(&format!(
        "INSERT INTO mail_recipients (org_id, id, message_id, kind, name, email, contact_id, status)
         SELECT '{0}', gen_random_uuid(), r.m::uuid, 'to', r.name, r.email, r.contact::uuid, 'sent'
         FROM (VALUES ('00000000-0000-7000-8000-000000000001', 'Zebedee Quixley', 'zeb@quixley.test', '{id}'),
           ('00000000-0000-7000-8000-000000000002', 'Zebedee Quixley', 'zeb@quixley.test', '{id}'),
           ('00000000-0000-7000-8000-000000000002', 'Another', 'another@else.test', NULL)) r (m, name, email, contact)",
        org.id
    ));
    app.alter(&format!(
        "INSERT INTO mail_addresses (org_id, email, refused_at, refusal) VALUES ('{}', 'zeb@quixley.test', now(), 'no Quixley here')",
        org.id
    ));
    let bulk = [
        ("record_type", "contact"),
        ("action", "edit"),
        ("field", "title"),
        ("value", "Quixologist in chief"),
        ("ids", &*id),
    ];
    assert_eq!(admin.post("/operations", &bulk).await.status(), 303);
    let twin = one(&app, "SELECT gen_random_uuid()");
    app.alter(&format!("INSERT INTO contacts (org_id, id, last_name, email, owner_id, lifecycle) VALUES ('{}', '{twin}', 'Quixley', 'z2@quixley.test', '{}', 'customer')", org.id, org.rep));
    let versions = one(&app, &format!("SELECT version FROM contacts WHERE id = '{id}'"));
    let merge = [("with", &*twin), ("version_a", &*versions), ("version_b", "1"), ("survivor", "a")];
    let merged = admin.post(&format!("/contacts/{id}/merge"), &merge).await;
    assert_eq!(merged.status(), 303, "{}", merged.body);
    app.alter(&format!("UPDATE contacts SET updated_at = now() - interval '400 days' WHERE id = '{id}'"));
    let spoken = everything(&app, &org);
    assert!(spoken.matches("Quixley").count() > 5, "{spoken}");

    // Only people; what it would take is seen before; the other organisation's are its own.
    let rule = |what| [("what", what), ("days", "365"), ("action", "anonymise")];
    let refused = admin.post("/settings/retention/rules", &rule("company:any")).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("only contacts and leads can be anonymised"), "{}", refused.body);
    let made = admin.post("/settings/retention/rules", &rule("contact:any")).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let at = made.location.unwrap();
    let preview = admin.get(&at).await;
    for part in ["anonymise", ">1 contact<", "This cannot be undone"] {
        assert!(preview.contains(part), "{part} is missing: {}", preview.body);
    }
    assert_eq!(admin.post(&format!("{at}/activation"), &[]).await.status(), 303);
    let before = one(&app, "SELECT count(*) FROM contacts");
    round(&app, &org).await;
    app.run_jobs().await;

    let now = "SELECT concat_ws('|', first_name, last_name, email, phone, title, street, city, lifecycle, company_id IS NOT NULL, custom::text, deleted_at) FROM contacts";
    assert_eq!(one(&app, &format!("{now} WHERE id = '{id}'")), "|Anonymised|Utrecht|customer|t|{\"c_shoes\": 43}");
    let left = everything(&app, &org);
    for word in ["Quixley", "quixley", "Zebedee", "Quixolog", "quixes", "31201234567"] {
        let at = left.find(word).map(|at| left[at.saturating_sub(300)..].chars().take(500).collect::<String>());
        assert_eq!(at, None, "{word} is remembered");
    }
    let beside = "SELECT string_agg(m.subject || ': ' || r.name, ', ' ORDER BY r.name) FROM mail_recipients r JOIN mail_messages m ON m.id = r.message_id WHERE m.subject IN ('To both', 'Only Quixley')";
    assert_eq!(one(&app, beside), "To both: , To both: Another", "what went to others stays with them");
    assert_eq!(one(&app, &format!("SELECT count(*) FROM activity_participants WHERE contact_id = '{id}'")), "1");
    // The deal still has its contact, under no name; history says that it happened; there is nothing to undo.
    let deal = admin.get(&format!("/deals/{}/history", ours.deal)).await;
    assert!(deal.contains("Anonymised contact"), "{}", deal.body);
    assert_eq!(one(&app, &format!("SELECT count(*) FROM deal_contacts WHERE contact_id = '{id}'")), "1");
    assert!(admin.get(&format!("/contacts/{id}")).await.contains("Anonymised"));
    let operation = one(&app, "SELECT id FROM operations WHERE kind = 'anonymise'");
    let page = admin.get(&format!("/operations/{operation}")).await;
    assert!(
        page.contains("Retention: Contacts not changed for 365 days, anonymised") && !page.contains("/undo"),
        "{}",
        page.body
    );
    assert_eq!(admin.post(&format!("/operations/{operation}/undo"), &[]).await.status(), 409);
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    assert!(before.parse::<i64>().unwrap() > 1);
    // Once is enough, also after they were not changed for a year again.
    app.alter("UPDATE contacts SET updated_at = now() - interval '400 days' WHERE last_name = 'Anonymised'");
    round(&app, &org).await;
    assert_eq!(one(&app, "SELECT count(*) FROM operations WHERE kind = 'anonymise'"), "1");
    assert_eq!(
        one(&app, &format!("SELECT count(*) FROM forgotten_names WHERE org_id IN ('{}', '{}')", org.id, other.id)),
        "0"
    );

    // Deleted for good, a person's name goes from others' history too.
    let lead = [("first_name", "Wanda"), ("last_name", "Wexcombe"), ("company_name", "Wex Works")];
    assert_eq!(admin.post("/leads", &lead).await.status(), 303);
    let person = [("first_name", "Wilma"), ("last_name", "Wexcombe")];
    assert_eq!(admin.post("/contacts", &person).await.status(), 303);
    let wilma = one(&app, "SELECT id FROM contacts WHERE first_name = 'Wilma'");
    admin.post(&format!("/deals/{}/contacts", ours.deal), &[("contact_id", &*wilma), ("role", "user")]).await;
    assert_eq!(admin.post(&format!("/contacts/{wilma}/deletion"), &[]).await.status(), 303);
    let gone = [("record_type", "contact"), ("ids", &*wilma), ("confirm", "delete")];
    assert_eq!(admin.post("/bin/purge", &gone).await.status(), 303);
    app.run_jobs().await;
    let deal = admin.get(&format!("/deals/{}/history", ours.deal)).await;
    assert!(deal.contains("Deleted contact") && !deal.contains("Wilma"), "{}", deal.body);
    assert!(!everything(&app, &org).contains("Wilma"), "{}", everything(&app, &org));
    app.stop().await;
}

/// Deleted by hand, or put aside by a rule that changed: gone for good after the days of the bin, with all that remembers it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_activities_go_for_good() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let admin = app.signed_in(&org, "admin").await;
    admin.get("/contacts").await;
    let kind = ours.activity_type.to_string();
    let today = one(&app, "SELECT current_date");
    let weekly =
        [("type_id", &*kind), ("subject", "Round"), ("on", &*today), ("repeat", "weekly"), ("repeat_end", "never")];
    let made = admin.post("/activities", &weekly).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let first = made.location.unwrap();
    let version = one(&app, "SELECT version FROM activities WHERE subject = 'Round' ORDER BY occurs_on LIMIT 1");
    let fewer = [
        ("version", &*version),
        ("type_id", &*kind),
        ("subject", "Round"),
        ("on", &*today),
        ("repeat", "weekly"),
        ("repeat_end", "count"),
        ("repeat_count", "3"),
        ("scope", "all"),
    ];
    let saved = admin.post(&first, &fewer).await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    let standing = "SELECT count(*) FILTER (WHERE deleted_at IS NULL) || ' ' || (count(*) FILTER (WHERE deleted_at IS NOT NULL) > 40) FROM activities WHERE subject = 'Round'";
    assert_eq!(one(&app, standing), "3 true");
    assert_eq!(admin.post(&format!("/activities/{}/deletion", ours.activity), &[]).await.status(), 303);
    round(&app, &org).await;
    assert_eq!(one(&app, standing), "3 true", "not yet");
    app.alter("UPDATE activities SET deleted_at = deleted_at - interval '31 days' WHERE deleted_at IS NOT NULL");
    app.alter(&format!(
        "UPDATE activities SET deleted_at = now() - interval '60 days' WHERE id = '{}'",
        theirs.activity
    ));
    round(&app, &org).await;
    assert_eq!(one(&app, standing), "3 false");
    for (table, column) in [("activities", "id"), ("events", "record_id"), ("activity_checklist", "activity_id")] {
        assert_eq!(
            one(&app, &format!("SELECT count(*) FROM {table} WHERE {column} = '{}'", ours.activity)),
            "0",
            "{table}"
        );
    }
    assert_eq!(
        one(&app, &format!("SELECT count(*) FROM activities WHERE id = '{}'", theirs.activity)),
        "1",
        "another's round"
    );
    app.stop().await;
}
