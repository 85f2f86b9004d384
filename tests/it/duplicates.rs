//! Duplicates: two records merged side by side, apart again, found while typing and by a search; within one organisation.

mod finding;
mod links;

use crate::support::{Client, Org, Page, TestApp};
use uuid::Uuid;

struct Pair {
    a: String,
    b: String,
}

/// Two contacts of the rep's that are the same person, with something hanging on each.
fn contacts(app: &TestApp, org: &Org, deal: Uuid) -> Pair {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let (o, rep) = (org.id, org.rep);
    for statement in [
        format!(
            "INSERT INTO contacts (org_id, id, first_name, last_name, email, phone, title, owner_id, created_at, updated_at)
             VALUES ('{o}', '{a}', 'Maria', 'Rossi', 'maria@rossi.test', '+31201234567', 'CFO', '{rep}', now() - interval '2 days', now() - interval '2 days'),
                    ('{o}', '{b}', 'M.', 'Rossi', 'm.rossi@rossi.test', NULL, 'Finance director', '{rep}', now() - interval '1 day', now() - interval '1 day')"
        ),
        format!(
            "INSERT INTO notes (org_id, id, contact_id, author_id, body_html) VALUES ('{o}', gen_random_uuid(), '{b}', '{rep}', 'Of the second')"
        ),
        format!(
            "INSERT INTO deal_contacts (org_id, deal_id, contact_id, role) VALUES ('{o}', '{deal}', '{a}', 'other'), ('{o}', '{deal}', '{b}', 'champion')"
        ),
        format!(
            "INSERT INTO events (org_id, actor_id, kind, record_type, record_id, version, changes) VALUES ('{o}', '{rep}', 'contact.updated', 'contact', '{b}', 1, '{{\"city\": [null, \"Old town of the second\"]}}')"
        ),
    ] {
        app.alter(&statement);
    }
    Pair { a: a.to_string(), b: b.to_string() }
}

/// Posts the merge as the page offers it, `more` on top.
async fn merge(client: &Client, noun: &str, a: &str, b: &str, more: &[(&str, &str)]) -> Page {
    let page = client.get(&format!("/{noun}/{a}/merge?with={b}")).await;
    assert_eq!(page.status(), 200, "{}", page.body);
    let version = |which: &str| page.between(&format!("name=\"version_{which}\" value=\""), "\"").unwrap().to_owned();
    let (va, vb) = (version("a"), version("b"));
    let mut fields = vec![("with", b), ("version_a", &va), ("version_b", &vb)];
    fields.extend_from_slice(more);
    client.post(&format!("/{noun}/{a}/merge"), &fields).await
}

fn one(app: &TestApp, query: &str) -> String {
    app.texts(&format!("SELECT coalesce(({query})::text, '') AS value")).remove(0)
}

/// Everything of a contact but when and how often it was changed.
fn image(app: &TestApp, noun: &str, id: &str) -> String {
    one(app, &format!("SELECT to_jsonb(r) - 'version' - 'updated_at' - 'completeness' FROM {noun} r WHERE id = '{id}'"))
}

/// The undo of the last merge, as the survivor's page offers it.
async fn undo(client: &Client, at: &str) -> Page {
    let page = client.get(at).await;
    let id =
        page.between("action=\"/merges/", "/undo\"").unwrap_or_else(|| panic!("no undo: {}", page.body)).to_owned();
    client.post(&format!("/merges/{id}/undo"), &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_become_one_and_two_again() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let Pair { a, b } = contacts(&app, &org, ours.deal);
    app.alter(&format!(
        "INSERT INTO record_tags (org_id, record_type, record_id, tag_id) VALUES ('{}', 'contact', '{b}', '{}')",
        org.id, ours.tag
    ));
    let (admin, rep, viewer) =
        (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await, app.signed_in(&org, "viewer").await);
    // Both take part in one activity, the second in another; two colleagues follow the second, one of them mutes the first.
    let alone = Uuid::now_v7().to_string();
    app.alter(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id) SELECT org_id, '{alone}', type_id, class, 'Lunch', owner_id FROM activities WHERE id = '{}'",
        ours.activity
    ));
    app.alter(&format!(
        "INSERT INTO activity_participants (org_id, id, activity_id, contact_id) SELECT '{}', gen_random_uuid(), v.a::uuid, v.c::uuid
           FROM (VALUES ('{}', '{a}'), ('{1}', '{b}'), ('{alone}', '{b}')) v (a, c)",
        org.id, ours.activity
    ));
    app.alter(&format!(
        "INSERT INTO follows (org_id, member_id, record_type, record_id, muted) VALUES ('{0}', '{1}', 'contact', '{b}', false),
           ('{0}', '{2}', 'contact', '{b}', false), ('{0}', '{2}', 'contact', '{a}', true)",
        org.id, org.admin, org.manager
    ));
    let around = || {
        let taking = "SELECT coalesce(string_agg(a.subject || ' ' || c.first_name, ', ' ORDER BY a.subject, c.first_name), '')
           FROM activity_participants p JOIN activities a ON a.id = p.activity_id JOIN contacts c ON c.id = p.contact_id";
        let following = format!(
            "SELECT string_agg(m.name || ' ' || (f.record_id = '{a}') || ' ' || f.muted, ', ' ORDER BY m.name, f.record_id = '{a}')
               FROM follows f JOIN members m ON m.id = f.member_id WHERE f.record_type = 'contact'"
        );
        (one(&app, &format!("{taking} WHERE c.id IN ('{a}', '{b}')")), one(&app, &following))
    };
    let around_before = around();
    let (was_a, was_b) = (image(&app, "contacts", &a), image(&app, "contacts", &b));

    // Choosing the other one.
    let at = format!("/contacts/{a}");
    assert!(admin.get(&at).await.contains("Merge with…"), "the record's menu offers it");
    let choose = admin.get(&format!("{at}/merge")).await;
    assert!(choose.status() == 200 && choose.contains("Nothing is changed yet"), "{}", choose.body);
    assert_eq!(admin.get(&format!("{at}/merge?with={a}")).await.status(), 422, "not with itself");
    assert_eq!(admin.get(&format!("{at}/merge?with=nobody+at+all")).await.status(), 422);
    app.alter("DELETE FROM search_documents");
    app.alter(&format!("SELECT app.reindex('{}', 'contact', ARRAY['{a}', '{b}']::uuid[])", org.id));
    let found = admin.get(&format!("{at}/merge?with=m.+rossi")).await;
    assert!(found.contains(&format!("merge?with={b}")) && !found.contains("merge?with={a}"), "{}", found.body);
    let options = admin.get_partial(&format!("{at}/merge/options?q=rossi")).await;
    assert!(options.contains(&b) && !options.contains(&a), "{}", options.body);

    // Side by side; hostile ids; roles.
    let page = admin.get(&format!("{at}/merge?with={b}")).await;
    for text in ["CFO", "Finance director", "maria@rossi.test", "m.rossi@rossi.test", "1 note", "1 deal"] {
        assert!(page.contains(text), "{text}: {}", page.body);
    }
    for with in [theirs.contact.to_string(), Uuid::now_v7().to_string(), ours.company.to_string()] {
        assert_eq!(admin.get(&format!("{at}/merge?with={with}")).await.status(), 404);
        let fields = [("with", with.as_str()), ("version_a", "1"), ("version_b", "1")];
        assert_eq!(admin.post(&format!("{at}/merge"), &fields).await.status(), 404);
    }
    assert_eq!(admin.post(&format!("{at}/merge"), &[("with", "x")]).await.status(), 404);
    assert_eq!(
        admin.post(&format!("{at}/merge"), &[("with", &a), ("version_a", "1"), ("version_b", "1")]).await.status(),
        422
    );
    assert_eq!(admin.post(&format!("{at}/merge"), &[("with", &b), ("survivor", "c")]).await.status(), 400);
    assert_eq!(viewer.get(&format!("{at}/merge?with={b}")).await.status(), 403);
    assert_eq!(viewer.post(&format!("{at}/merge"), &[("with", &b)]).await.status(), 403);
    let stale = admin.post(&format!("{at}/merge"), &[("with", &b), ("version_a", "7"), ("version_b", "1")]).await;
    assert!(stale.status() == 409 && stale.contains("Nothing is merged yet"), "{}", stale.body);

    // Merged: the chosen values, both addresses, everything that hung on either.
    let picks = [("survivor", "a"), ("pick-title", "b"), ("pick-first_name", "a"), ("pick-email", "a")];
    let done = merge(&admin, "contacts", &a, &b, &picks).await;
    assert_eq!((done.status(), done.location.as_deref()), (303, Some(at.as_str())), "{}", done.body);
    let row = one(
        &app,
        &format!(
            "SELECT first_name || '|' || title || '|' || email || '|' || array_to_string(other_emails, ',') || '|' || phone FROM contacts WHERE id = '{a}'"
        ),
    );
    assert_eq!(row, "Maria|Finance director|maria@rossi.test|m.rossi@rossi.test|+31201234567");
    assert_eq!(one(&app, &format!("SELECT count(*) FROM notes WHERE contact_id = '{a}'")), "1");
    assert_eq!(
        one(
            &app,
            &format!(
                "SELECT string_agg(role, ',') FROM deal_contacts WHERE deal_id = '{}' AND contact_id IN ('{a}', '{b}')",
                ours.deal
            )
        ),
        "champion"
    );
    assert_eq!(one(&app, &format!("SELECT count(*) FROM record_tags WHERE record_id = '{a}'")), "1");
    let (taking, following) = around();
    assert_eq!(taking, "Activity of aurelia Maria, Lunch Maria", "in each once");
    assert!(
        following.contains("Admin aurelia true false") && following.contains("Manager aurelia true true"),
        "{following}"
    );
    assert_eq!(one(&app, &format!("SELECT count(*) FROM search_documents WHERE record_id = '{b}'")), "0");

    // Sent twice is once, whichever way round.
    for (x, y) in [(&a, &b), (&b, &a)] {
        let fields = [("with", y.as_str()), ("version_a", "1"), ("version_b", "1")];
        let again = admin.post(&format!("/contacts/{x}/merge"), &fields).await;
        assert_eq!((again.status(), again.location.as_deref()), (303, Some(at.as_str())), "{}", again.body);
    }
    assert_eq!(one(&app, &format!("SELECT count(*) FROM merges WHERE survivor_id = '{a}'")), "1");

    // The old address leads to the survivor, whose page tells both histories.
    let gone = rep.get(&format!("/contacts/{b}")).await;
    assert_eq!((gone.status(), gone.location.as_deref()), (303, Some(at.as_str())));
    let form = rep.get(&format!("/contacts/{b}/edit")).await;
    assert_eq!((form.status(), form.location.as_deref()), (303, Some(at.as_str())));
    let page = admin.get(&at).await;
    for text in ["Merged with M. Rossi", "Merged from", "Old town of the second", "Undo merge"] {
        assert!(page.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.contains("Merged into"), "told once");
    assert_eq!(
        admin.post(&format!("/contacts/{b}/deletion/undo"), &[]).await.status(),
        409,
        "only by undoing the merge"
    );
    let stranger = app.signed_in(&other, "admin").await;
    assert_eq!(stranger.get(&format!("/contacts/{b}")).await.status(), 404);
    let id = one(&app, &format!("SELECT id FROM merges WHERE survivor_id = '{a}'"));
    assert_eq!(stranger.post(&format!("/merges/{id}/undo"), &[]).await.status(), 404);
    assert_eq!(viewer.post(&format!("/merges/{id}/undo"), &[]).await.status(), 403);

    // Undone: both are exactly what they were; twice is once.
    assert_eq!(undo(&admin, &at).await.status(), 303);
    assert_eq!((image(&app, "contacts", &a), image(&app, "contacts", &b)), (was_a.clone(), was_b.clone()));
    assert_eq!(one(&app, &format!("SELECT count(*) FROM notes WHERE contact_id = '{b}'")), "1");
    assert_eq!(around(), around_before);
    let roles = format!(
        "SELECT string_agg(role, ',' ORDER BY role) FROM deal_contacts WHERE deal_id = '{}' AND contact_id IN ('{a}', '{b}')",
        ours.deal
    );
    assert_eq!(one(&app, &roles), "champion,other");
    assert_eq!(one(&app, &format!("SELECT count(*) FROM record_tags WHERE record_id = '{b}'")), "1");
    assert_eq!(admin.post(&format!("/merges/{id}/undo"), &[]).await.status(), 303);
    assert_eq!(image(&app, "contacts", &b), was_b);
    assert_eq!(admin.get(&format!("/contacts/{b}")).await.status(), 200);
    let page = admin.get(&at).await;
    assert!(page.contains("Merge with M. Rossi undone") && !page.contains("Old town of the second"), "{}", page.body);

    // Changed since: that is kept, and told; the rest goes back.
    let done = merge(&admin, "contacts", &a, &b, &picks).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    app.alter(&format!("UPDATE contacts SET title = 'Partner', version = version + 1 WHERE id = '{a}'"));
    assert_eq!(undo(&admin, &at).await.status(), 303);
    let told = admin.get(&at).await;
    assert!(told.contains("so kept: Title"), "{}", told.body);
    let row = one(&app, &format!("SELECT title || '|' || cardinality(other_emails) FROM contacts WHERE id = '{a}'"));
    assert_eq!(row, "Partner|0");
    assert_eq!(image(&app, "contacts", &b), was_b);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_companies_leads_and_what_one_does_not_see() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let id = Uuid::now_v7;
    let (a, b, c, d) = (id().to_string(), id().to_string(), id().to_string(), id().to_string());
    // D under B under C; people and a deal at B.
    app.alter(&format!(
        "INSERT INTO companies (org_id, id, name, domain, parent_id, owner_id, external_id) VALUES
           ('{0}', '{a}', 'Nordwind', 'nordwind.test', NULL, '{1}', NULL), ('{0}', '{c}', 'Nordwind Group', NULL, NULL, '{1}', NULL),
           ('{0}', '{b}', 'Nordwind GmbH', NULL, '{c}', '{1}', 'crm-7'), ('{0}', '{d}', 'Nordwind Süd', NULL, '{b}', '{1}', NULL)",
        org.id, org.rep
    ));
    app.alter(&format!("UPDATE contacts SET company_id = '{b}' WHERE id = '{}'", ours.contact));
    app.alter(&format!("UPDATE deals SET company_id = '{b}' WHERE id = '{}'", ours.deal));
    let all = |app: &TestApp| {
        one(
            app,
            "SELECT jsonb_agg(x ORDER BY x) FROM (SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' AS x FROM companies c UNION ALL SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' FROM contacts c UNION ALL SELECT to_jsonb(c) - 'version' - 'updated_at' - 'completeness' FROM deals c) t",
        )
    };
    let before = all(&app);
    // The subsidiary survives its parent: it moves up, not into a circle.
    let done = merge(&admin, "companies", &d, &b, &[("survivor", "a"), ("pick-name", "a")]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    assert_eq!(
        one(&app, &format!("SELECT parent_id || '|' || external_id FROM companies WHERE id = '{d}'")),
        format!("{c}|crm-7")
    );
    assert_eq!(one(&app, &format!("SELECT count(*) FROM contacts WHERE company_id = '{d}'")), "1");
    assert_eq!(one(&app, &format!("SELECT count(*) FROM deals WHERE company_id = '{d}'")), "1");
    assert!(admin.get(&format!("/deals/{}", ours.deal)).await.contains("Nordwind Süd"));
    // Into another still: the chain of addresses and histories holds.
    let done = merge(&admin, "companies", &a, &d, &[("survivor", "a"), ("pick-name", "a")]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    for old in [&b, &d] {
        let page = admin.get(&format!("/companies/{old}")).await;
        assert_eq!(page.location.as_deref(), Some(format!("/companies/{a}").as_str()), "{}", page.body);
    }
    assert!(admin.get(&format!("/companies/{a}")).await.contains("Merged with Nordwind GmbH"));
    let first = one(&app, "SELECT id FROM merges WHERE record_type = 'company' ORDER BY id LIMIT 1");
    assert_eq!(admin.post(&format!("/merges/{first}/undo"), &[]).await.status(), 409, "the later one first");
    assert_eq!(undo(&admin, &format!("/companies/{a}")).await.status(), 303);
    assert_eq!(undo(&admin, &format!("/companies/{d}")).await.status(), 303);
    assert_eq!(all(&app), before);
    assert!(app.totals_differ().is_empty());

    // Leads: a converted one is what it became.
    let lead = id().to_string();
    app.alter(&format!("INSERT INTO leads (org_id, id, last_name, email, currency, owner_id) VALUES ('{}', '{lead}', 'Second', 'second@aurelia.test', 'EUR', '{}')", org.id, org.rep));
    let ours_lead = ours.lead.to_string();
    let done = merge(&admin, "leads", &ours_lead, &lead, &[]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    let survivor = done.location.unwrap();
    assert_eq!(undo(&admin, &survivor).await.status(), 303);
    app.alter(&format!("INSERT INTO lead_conversions (org_id, lead_id, contact_id, status_before) VALUES ('{}', '{lead}', '{}', 'new')", org.id, ours.contact));
    let done = merge(&admin, "leads", &ours_lead, &lead, &[]).await;
    assert_eq!(done.status(), 409, "{}", done.body);

    // What one may not see cannot be merged; a role that may not delete cannot merge.
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    app.alter(&format!("UPDATE companies SET owner_id = '{}' WHERE id = '{b}'", org.manager));
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.get(&format!("/companies/{a}/merge?with={b}")).await.status(), 404);
    let fields = [("with", b.as_str()), ("version_a", "1"), ("version_b", "1")];
    assert_eq!(rep.post(&format!("/companies/{a}/merge"), &fields).await.status(), 404);
    app.alter("UPDATE roles SET permissions = array_remove(permissions, 'companies.delete') WHERE key = 'rep'");
    let rep = app.signed_in(&org, "rep").await;
    assert_eq!(rep.get(&format!("/companies/{a}/merge")).await.status(), 403);
    assert!(!rep.get(&format!("/companies/{a}")).await.contains("Merge with…"));
    app.stop().await;
}
