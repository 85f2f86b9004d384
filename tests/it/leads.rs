//! Leads through HTTP: the list and the form, editing in place, what roles may, isolation; and conversion: found and made, sent
//! twice, taken back, refused when it no longer can be.

mod conversion;

use crate::support::{Client, Org, Page, TestApp, TestDatabase, sql};
use uuid::Uuid;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/leads").await;
    client
}

async fn add(client: &Client, fields: &[(&str, &str)]) -> String {
    let page = client.post("/leads", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap()
}

async fn say(client: &Client, on: &str, on_id: &str, body: &str) -> Page {
    let id = Uuid::now_v7().to_string();
    client.post("/comments", &[("on", on), ("on_id", on_id), ("id", &id), ("body", body)]).await
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_is_added_found_edited_archived_and_brought_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    assert!(rep.get("/leads").await.contains("No leads yet"));
    let nothing = rep.post("/leads", &[("title", "CFO"), ("score", "many"), ("other_emails", "not one")]).await;
    assert_eq!(nothing.status(), 422);
    for told in ["or a company, or an e-mail address", "must be a whole number", "“not one” must be"] {
        assert!(nothing.contains(told), "{told}: {}", nothing.body);
    }
    let path = add(
        &rep,
        &[
            ("first_name", "Oskar"),
            ("last_name", "Brenner"),
            ("company_name", "Hafenkontor"),
            ("title", "Buyer"),
            ("email", "O.Brenner@Hafenkontor.example"),
            ("other_emails", "oskar@home.example\no.brenner@hafenkontor.example"),
            ("phone", "020 7946 0018"),
            ("domain", "https://www.hafenkontor.example/team"),
            ("source", "Trade fair"),
            ("score", "72"),
            ("estimated_value", "12500.50"),
            ("currency", "USD"),
            ("owner_id", &org.rep.to_string()),
        ],
    )
    .await;
    let page = rep.get(&path).await;
    for told in [
        "Oskar Brenner",
        "Hafenkontor",
        "mailto:o.brenner@hafenkontor.example",
        "oskar@home.example",
        "tel:+442079460018",
        "https://hafenkontor.example",
        "Trade fair",
        "12,500.50",
        "New",
        "Convert",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    // A company alone, and an address alone.
    add(&rep, &[("company_name", "Moulin de la Lys"), ("status", "working")]).await;
    add(&rep, &[("email", "info@tatra.example")]).await;
    let list = rep.get("/leads").await;
    for told in ["3 leads", "Oskar Brenner", "Moulin de la Lys", "info@tatra.example"] {
        assert!(list.contains(told), "{told}: {}", list.body);
    }
    assert!(list.body.find("info@tatra").unwrap() < list.body.find("Moulin").unwrap(), "sorted by what each is called");
    let working = rep.get("/leads?status=working").await;
    assert!(working.contains("1 lead") && !working.contains("Oskar"), "{}", working.body);
    assert!(rep.get("/leads?q=hafenkont").await.contains("Oskar Brenner"));
    assert!(rep.get("/search?q=brenner+oskar").await.contains(&path), "the global search finds it");

    // In place, with history; stale is told.
    let field = rep.get_partial(&format!("{path}/fields/status")).await;
    let v = field.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let value = rep.post_partial(&format!("{path}/fields/status"), &[("version", &v), ("status", "nurturing")]).await;
    assert!(value.status() == 200 && value.contains("Nurturing"), "{}", value.body);
    assert!(rep.get(&path).await.contains("Status: New → Nurturing"));
    let stale = rep.post(&path, &[("version", &v), ("last_name", "Brenner"), ("company_name", "Mine")]).await;
    assert_eq!(stale.status(), 409);
    assert!(stale.contains("changed this") && stale.contains("value=\"Mine\""), "{}", stale.body);

    // Notes, archive, delete, and back.
    let note =
        rep.post("/notes", &[("record_type", "lead"), ("record_id", id(&path)), ("body", "Rings on Monday")]).await;
    assert_eq!(note.status(), 303, "{}", note.body);
    assert!(rep.get(&path).await.contains("Rings on Monday"));
    for (step, listed) in [("archival", false), ("archival/undo", true), ("deletion", false), ("deletion/undo", true)] {
        assert_eq!(rep.post(&format!("{path}/{step}"), &[]).await.status(), 303, "{step}");
        let list = rep.get("/leads").await;
        assert_eq!(list.contains(&format!("id=\"lead-{}\"", id(&path))), listed, "{step}");
        assert!(list.contains(if listed { "3 leads" } else { "2 leads" }), "{step}: {}", list.body);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_visibility_and_other_organisations() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (rep, admin) = (enter(&app, &org, "rep").await, enter(&app, &org, "admin").await);
    let (viewer, stranger) = (enter(&app, &org, "viewer").await, enter(&app, &other, "admin").await);
    let (rep_id, admin_id) = (org.rep.to_string(), org.admin.to_string());
    let mine = add(&rep, &[("last_name", "Mine"), ("owner_id", &rep_id)]).await;
    let theirs = add(&admin, &[("last_name", "Theirs"), ("owner_id", &admin_id), ("email", "t@theirs.example")]).await;
    for path in [&mine, &theirs] {
        for rest in ["", "/edit", "/conversion", "/fields/phone", "/timeline"] {
            assert_eq!(stranger.get(&format!("{path}{rest}")).await.status(), 404, "{path}{rest}");
        }
        for rest in ["", "/conversion", "/conversion/undo", "/archival", "/deletion", "/fields/phone"] {
            let page = stranger.post(&format!("{path}{rest}"), &[("version", "1"), ("last_name", "x")]).await;
            assert_eq!(page.status(), 404, "{path}{rest}");
        }
    }
    assert_eq!(stranger.post("/leads", &[("last_name", "X"), ("owner_id", &rep_id)]).await.status(), 422);
    // Neither contact nor company of another organisation can be linked.
    let lead = add(&stranger, &[("last_name", "Own"), ("company_name", "Own Ltd")]).await;
    let contact = admin.post("/contacts", &[("last_name", "Secret")]).await.location.unwrap();
    let company = admin.post("/companies", &[("name", "Secret Ltd")]).await.location.unwrap();
    for (field, value) in [("contact", id(&contact)), ("company_id", id(&company))] {
        let page = stranger.post(&format!("{lead}/conversion"), &[("version", "1"), (field, value)]).await;
        assert_eq!(page.status(), 422, "{field}: {}", page.body);
        assert!(page.contains("is not one of your") && !page.contains("Secret"), "{}", page.body);
    }

    assert_eq!(viewer.get(&mine).await.status(), 200);
    assert!(!viewer.get(&mine).await.contains("/conversion"));
    for path in [format!("{mine}/edit"), format!("{mine}/conversion"), "/leads/new".into()] {
        assert_eq!(viewer.get(&path).await.status(), 403, "{path}");
    }
    app.sql("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    assert_eq!(rep.get(&theirs).await.status(), 404);
    assert_eq!(rep.get(&format!("{theirs}/conversion")).await.status(), 404);
    let list = rep.get("/leads").await;
    assert!(list.contains("1 lead") && !list.contains("Theirs"), "{}", list.body);
    assert!(!rep.get("/search?q=theirs").await.contains(&theirs));

    for path in
        ["/leads?sort=phone", "/leads?status=converted", "/leads?owner=x", "/leads?q=a%00", "/leads?after=bm9wZQ"]
    {
        assert_eq!(admin.get(path).await.status(), 400, "{path}");
    }
    assert_eq!(admin.post("/leads", &[("last_name", "a\0b")]).await.status(), 400);
    let hostile = add(&admin, &[("company_name", "שלום <b>\u{202e}😀")]).await;
    assert!(admin.get(&hostile).await.contains("שלום &#60;b&#62;"));
    // What a member who leaves owned is handed over.
    let page =
        admin.post(&format!("/settings/members/{rep_id}/deactivation"), &[("hand_over_to", admin_id.as_str())]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    assert_eq!(app.value(&format!("SELECT owner_id FROM leads WHERE id = '{}'", id(&mine))).await, admin_id);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversion_makes_what_is_missing_once_and_is_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    let path = add(
        &rep,
        &[
            ("first_name", "Eva"),
            ("last_name", "Novotná"),
            ("company_name", "Ohře Papers"),
            ("domain", "ohre.example"),
            ("email", "eva@ohre.example"),
            ("phone", "+420 601 123 456"),
            ("source", "Webinar"),
            ("estimated_value", "9000"),
            ("do_not_contact", "true"),
            ("owner_id", &org.rep.to_string()),
        ],
    )
    .await;
    rep.post("/notes", &[("record_type", "lead"), ("record_id", id(&path)), ("body", "Wants samples")]).await;
    assert_eq!(say(&rep, "leads", id(&path), "Met at the fair").await.status(), 303);
    let sent = crate::files::send(&rep, &format!("{path}/files"), "b", &[("samples wanted.txt", b"A4")]).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let manager = enter(&app, &org, "manager").await;
    for (client, standing) in [(&manager, "follow"), (&rep, "mute")] {
        let said = client.post("/follows", &[("about", "lead"), ("id", id(&path)), ("standing", standing)]).await;
        assert_eq!(said.status(), 303, "{}", said.body);
    }
    let form = rep.get(&format!("{path}/conversion")).await;
    for told in ["value=\"Ohře Papers\"", "A new contact: Eva Novotná", "value=\"9000\"", "Qualified"] {
        assert!(form.contains(told), "{told}: {}", form.body);
    }
    let stage = app.value("SELECT id FROM stages ORDER BY position LIMIT 1").await;
    let at = format!("{path}/conversion");
    let wrong =
        rep.post(&at, &[("version", "1"), ("company", "Ohře Papers"), ("contact", "new"), ("with_deal", "true")]).await;
    assert_eq!(wrong.status(), 422);
    assert_eq!(rep.post(&at, &[("version", "1")]).await.status(), 422, "nothing would come of it");
    assert_eq!(app.value("SELECT count(*) FROM companies").await, "0", "a refused conversion leaves nothing behind");
    assert_eq!(rep.post(&at, &[("version", "0"), ("contact", "new")]).await.status(), 409);

    let fields = [
        ("version", "1"),
        ("company", "Ohře Papers"),
        ("contact", "new"),
        ("with_deal", "true"),
        ("deal_name", "Ohře: samples"),
        ("amount", "9000"),
        ("currency", "EUR"),
        ("stage_id", stage.as_str()),
    ];
    let done = rep.post(&at, &fields).await;
    assert_eq!((done.status(), done.location.as_deref()), (303, Some(path.as_str())), "{}", done.body);
    let again = rep.post(&at, &fields).await;
    assert_eq!(again.status(), 303);
    assert_eq!(
        app.value("SELECT concat_ws(' ', (SELECT count(*) FROM companies), (SELECT count(*) FROM contacts), (SELECT count(*) FROM deals), (SELECT count(*) FROM lead_conversions))").await,
        "1 1 1 1"
    );
    assert_eq!(
        app.value("SELECT concat_ws('|', p.email, p.phone, p.do_not_contact, p.lifecycle, c.domain, d.source, d.amount::int, dc.role)
                   FROM contacts p JOIN companies c ON c.id = p.company_id JOIN deals d ON d.company_id = c.id
                   JOIN deal_contacts dc ON dc.deal_id = d.id AND dc.contact_id = p.id").await,
        "eva@ohre.example|+420601123456|t|qualified|ohre.example|Webinar|9000|other"
    );
    let page = rep.get(&path).await;
    for told in ["Converted", "Eva Novotná", "Ohře Papers", "Ohře: samples", "Undo conversion"] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    // What was said and filed is the person's now, in its place in their timeline; each can go on being said and filed there.
    let person = format!("/contacts/{}", app.value("SELECT id FROM contacts").await);
    let brought = ["Wants samples", "Met at the fair", "samples wanted.txt", "Added samples wanted.txt"];
    let contact = rep.get(&person).await;
    for told in brought {
        assert!(contact.contains(told) && !page.contains(told), "{told}: {}", contact.body);
    }
    // On the deal a seller looks for it too, and is led there.
    let deal = rep.get(&format!("/deals/{}", app.value("SELECT id FROM deals").await)).await;
    let from = deal.between("<h2>Came from</h2>", "</section>").unwrap();
    let (note, file) = (app.value("SELECT id FROM notes").await, app.value("SELECT id FROM files").await);
    for told in ["Wants samples", "Met at the fair", "samples wanted.txt", &format!("{person}#note-{note}")] {
        assert!(from.contains(told), "{told}: {from}");
    }
    assert!(from.contains(&format!("href=\"/files/{file}\"")), "{from}");
    assert!(!contact.between("<h2>Came from</h2>", "</section>").unwrap().contains("Wants samples"), "once is enough");
    // Who followed or muted it does so to the person and the deal; who took part in writing here follows besides.
    let deal = format!("/deals/{}", app.value("SELECT id FROM deals").await);
    for came in [&person, &deal] {
        assert!(manager.get(came).await.contains("aria-label=\"Following\""), "{came}");
        assert!(rep.get(came).await.contains("aria-label=\"Muted\""), "{came}");
    }
    let comment = app.value("SELECT id FROM comments").await;
    assert_eq!(
        rep.post(&format!("/comments/{comment}/pin"), &[]).await.location.unwrap().split('#').next(),
        Some(person.as_str())
    );
    let file = app.value("SELECT id FROM files").await;
    assert!(rep.get(&format!("/files/{file}")).await.contains(&person));
    // A word that the contact got since keeps the conversion from being taken back.
    assert_eq!(say(&rep, "contacts", id(&person), "Later").await.status(), 303);
    rep.post(&format!("{at}/undo"), &[]).await;
    assert!(rep.get(&path).await.contains("has comments, so the conversion cannot be undone"));
    app.sql("DELETE FROM comments WHERE body_html LIKE '%Later%'").await;
    assert!(!page.contains(&format!("{path}/fields/")) && !page.contains(&format!("{path}/edit")), "{}", page.body);
    assert!(rep.get("/leads").await.contains("No leads yet"));
    assert!(rep.get("/leads?archived=1").await.contains("Eva Novotná"));
    assert_eq!(rep.post(&format!("{path}/archival/undo"), &[]).await.status(), 409);
    assert_eq!(rep.post(&path, &[("version", "2"), ("last_name", "X")]).await.status(), 409);
    // Each leads back to it, and says so in its history.
    for table in ["contacts", "companies", "deals"] {
        let record = app.value(&format!("SELECT id FROM {table}")).await;
        let page = rep.get(&format!("/{table}/{record}")).await;
        assert!(page.contains(&path) && page.contains("Lead Eva Novotná converted"), "{table}: {}", page.body);
    }

    // Taken back: all of it, and the lead is as it was. Twice changes nothing more.
    for _ in 0..2 {
        assert_eq!(rep.post(&format!("{at}/undo"), &[]).await.status(), 303);
    }
    assert_eq!(
        app.value("SELECT concat_ws(' ', (SELECT count(*) FROM companies WHERE deleted_at IS NULL), (SELECT count(*) FROM contacts WHERE deleted_at IS NULL), (SELECT count(*) FROM deals WHERE deleted_at IS NULL), (SELECT status FROM leads), (SELECT version FROM leads))").await,
        "0 0 0 new 3"
    );
    assert!(rep.get("/leads").await.contains("1 lead"));
    assert!(rep.get("/search?q=novotn").await.contains(&path));
    assert!(rep.get("/contacts").await.contains("No contacts yet"));
    let kept = "SELECT string_agg(record_type || ' ' || muted, ', ' ORDER BY muted) FROM follows";
    assert_eq!(app.value(kept).await, "lead false, lead true");
    let page = rep.get(&path).await;
    assert!(page.contains("Reopened"), "{}", page.body);
    for told in brought {
        assert!(page.contains(told), "{told} came back: {}", page.body);
    }
    app.stop().await;
}

/// Roles of an organisation older than leads.
#[test]
fn the_migration_gives_roles_what_they_have_for_contacts() {
    let database = TestDatabase::create_now();
    let mut conn = sql::connect(&database.url);
    let up = include_str!("../../migrations/2026-11-20-000010_leads/up.sql");
    let roles = up.split_once("-- Roles:").unwrap().1.split_once('\n').unwrap().1;
    let mut run = |sql: &str| diesel::connection::SimpleConnection::batch_execute(&mut conn, sql).unwrap();
    run("INSERT INTO organisations (id, slug, name, currency, locale, time_zone) VALUES (gen_random_uuid(), 'old', 'Old', 'EUR', 'en-GB', 'UTC');
         INSERT INTO roles (org_id, id, key, name, permissions, visibility, position)
         SELECT id, gen_random_uuid(), 'rep', 'Rep', '{deals.view,contacts.view,contacts.edit,contacts.import}', 'own', 0 FROM organisations");
    run(&format!("SET ROLE pipewright_owner; {roles} RESET ROLE"));
    run(&format!("SET ROLE pipewright_owner; {roles} RESET ROLE"));
    assert_eq!(
        sql::value(&mut conn, "SELECT array_to_string(permissions, ' ') FROM roles"),
        "deals.view contacts.view contacts.edit contacts.import leads.view leads.edit leads.import"
    );
}
