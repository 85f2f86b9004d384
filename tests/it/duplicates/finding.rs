//! Duplicates found while typing, by the search of everything and as records change; judged one after the other, also by keyboard alone.

use super::{merge, one, undo};
use crate::support::TestApp;
use pipewright::features::duplicates;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn found_while_typing_and_by_the_search_and_judged() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let ours = app.belongings(&org).await;
    let theirs = app.belongings(&other).await;
    let (admin, viewer) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "viewer").await);
    let add = |name: (&str, &str), email: &str, others: &str, phone: &str, city: &str| {
        app.alter(&format!(
            "INSERT INTO contacts (org_id, id, first_name, last_name, email, other_emails, phone, city, owner_id)
             VALUES ('{}', gen_random_uuid(), '{}', '{}', nullif('{email}', ''), '{{{others}}}', nullif('{phone}', ''), nullif('{city}', ''), '{}')",
            org.id, name.0, name.1, org.rep
        ));
    };
    add(("María", "Rossi"), "maria@rossi.test", "m@rossi.test", "+31201234567", "Roma");
    add(("Rossi", "Maria"), "", "", "", "roma");
    add(("Someone", "Else"), "m@rossi.test", "", "", "Oslo");
    add(("Marco", "Bianchi"), "marco@bianchi.test", "", "+31207654321", "Roma");
    add(("Unique", "Person"), "unique@nobody.test", "", "", "Roma");
    app.alter(&format!(
        "INSERT INTO companies (org_id, id, name, owner_id) VALUES ('{0}', gen_random_uuid(), 'Müller Werke GmbH', '{1}'),
           ('{0}', gen_random_uuid(), 'MULLER WERKE Ltd.', '{1}'), ('{0}', gen_random_uuid(), 'Müller Bau', '{1}')",
        org.id, org.rep
    ));

    // While typing: any address, a phone, a name the other way round; nothing for what is nobody's or another organisation's.
    let typed = |query: &'static str| admin.get_partial(query);
    let page = typed("/duplicates/likely/contacts?email=M%40rossi.test").await;
    assert!(page.contains("same e-mail") && page.contains("Rossi") && page.contains("Someone Else"), "{}", page.body);
    assert!(typed("/duplicates/likely/contacts?phone=%2B31+20+123+4567").await.contains("same phone"));
    let page = typed("/duplicates/likely/contacts?first_name=Rossi&last_name=Maria").await;
    assert!(page.contains("María Rossi") && page.contains("same name"), "{}", page.body);
    assert!(typed("/duplicates/likely/companies?name=muller+werke").await.contains("Müller Werke GmbH"));
    for nothing in [
        "email=contact%40borealis.test",
        "email=not+an+address",
        "first_name=%27%3B--&last_name=%25",
        "company_id=x",
        "first_name=Zoë&last_name=Nobody",
        "email=",
        "phone=1",
    ] {
        let page = admin.get_partial(&format!("/duplicates/likely/contacts?{nothing}")).await;
        assert!(page.status() == 200 && page.body.trim().is_empty(), "{nothing}: {}", page.body);
    }
    assert_eq!(admin.get("/duplicates/likely/contacts?first_name=%00").await.status(), 400);
    assert!(admin.get("/contacts/new").await.contains("/duplicates/likely/contacts"));

    // The search of everything finds what was planted, and no more.
    assert!(admin.get("/duplicates?type=contact").await.contains("never searched"));
    for _ in 0..2 {
        assert_eq!(admin.post("/duplicates/scans", &[("type", "contact")]).await.status(), 303);
    }
    assert_eq!(admin.post("/duplicates/scans", &[("type", "company")]).await.status(), 303);
    assert_eq!(admin.post("/duplicates/scans", &[("type", "deal")]).await.status(), 400);
    assert_eq!(viewer.post("/duplicates/scans", &[("type", "contact")]).await.status(), 403);
    app.run_jobs().await;
    let pairs = |record: &str, name: &str| {
        app.texts(&format!(
            "SELECT least(a.{name}, b.{name}) || ' = ' || greatest(a.{name}, b.{name}) AS value FROM duplicate_pairs p
             JOIN {record} a ON a.id = p.a_id JOIN {record} b ON b.id = p.b_id WHERE p.status = 'open' ORDER BY p.confidence DESC, 1"
        ))
    };
    assert_eq!(pairs("contacts", "name_key"), ["maria rossi = someone else", "maria rossi = rossi maria"]);
    assert_eq!(pairs("companies", "name_key"), ["muller werke gmbh = muller werke ltd."]);
    let queue = admin.get("/duplicates?type=contact").await;
    for text in ["85 %", "same e-mail", "same city", "2 pairs found", "Not a duplicate"] {
        assert!(queue.contains(text), "{text}: {}", queue.body);
    }
    assert!(
        viewer.get("/duplicates").await.contains("same e-mail")
            && !viewer.get("/duplicates").await.contains("Not a duplicate")
    );

    // Judged: not a duplicate is not asked again, unless it is taken back; merged is answered, and asked again when undone.
    let first = queue.between("hx-post=\"/duplicates/", "/dismissal\"").unwrap().to_owned();
    assert_eq!(viewer.post(&format!("/duplicates/{first}/dismissal"), &[]).await.status(), 403);
    assert_eq!(admin.post(&format!("/duplicates/{}/dismissal", theirs.duplicate), &[]).await.status(), 404);
    for _ in 0..2 {
        assert_eq!(admin.post(&format!("/duplicates/{first}/dismissal"), &[]).await.status(), 303);
    }
    admin.post("/duplicates/scans", &[("type", "contact")]).await;
    app.run_jobs().await;
    assert_eq!(pairs("contacts", "name_key"), ["maria rossi = rossi maria"]);
    assert_eq!(admin.post(&format!("/duplicates/{first}/dismissal/undo"), &[]).await.status(), 303);
    assert_eq!(pairs("contacts", "name_key").len(), 2);
    let id = |sql: &str| one(&app, sql);
    let (a, b) = (
        id("SELECT id FROM contacts WHERE first_name = 'María'"),
        id("SELECT id FROM contacts WHERE first_name = 'Rossi'"),
    );
    let picks = [("survivor", "a"), ("pick-first_name", "a"), ("pick-last_name", "a")];
    let done = merge(&admin, "contacts", &a, &b, &picks).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    assert_eq!(pairs("contacts", "name_key"), ["maria rossi = someone else"]);
    assert_eq!(undo(&admin, &format!("/contacts/{a}")).await.status(), 303);
    assert_eq!(pairs("contacts", "name_key").len(), 2);

    // Only pairs of which the reader sees both.
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    app.alter(&format!("UPDATE contacts SET owner_id = '{}' WHERE first_name = 'Someone'", org.manager));
    let rep = app.signed_in(&org, "rep").await;
    let queue = rep.get("/duplicates?type=contact").await;
    assert!(!queue.contains("Someone Else") && queue.contains("Rossi Maria"), "{}", queue.body);
    assert_eq!(rep.post(&format!("/duplicates/{first}/dismissal"), &[]).await.status(), 404);
    assert!(!rep.get_partial("/duplicates/likely/contacts?email=m%40rossi.test").await.contains("Someone Else"));
    for bad in ["/duplicates?type=deal", "/duplicates?type=x"] {
        assert_eq!(admin.get(bad).await.status(), 404);
    }
    assert_eq!(admin.get("/duplicates?after=x").await.status(), 400);
    assert_eq!(
        app.signed_in(&other, "admin")
            .await
            .get("/duplicates?type=contact")
            .await
            .between("class=\"duplicates\"", "</ul>"),
        None
    );
    let _ = ours;
    app.stop().await;
}

/// The bar moves from the first step to the last: while records are gathered as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_says_how_far_it_is() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    app.sql(&format!(
        "CREATE TABLE public.steps (n serial, percent bigint);
         CREATE FUNCTION public.note_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
           IF NEW.status = 'running' THEN
             INSERT INTO steps (percent) VALUES (NEW.gathered / 2 + NEW.done * 50 / greatest(NEW.total, 1));
           END IF;
           RETURN NULL;
         END $$;
         CREATE TRIGGER note_step AFTER INSERT OR UPDATE ON duplicate_scans FOR EACH ROW EXECUTE FUNCTION public.note_step();
         INSERT INTO contacts (org_id, id, first_name, last_name, email, owner_id)
           SELECT '{0}', gen_random_uuid(), 'Eva', 'Nova', 'eva@nova.test', '{1}' FROM generate_series(1, 3)",
        org.id, org.rep
    ))
    .await;
    assert_eq!(admin.post("/duplicates/scans", &[("type", "contact")]).await.status(), 303);
    assert!(admin.get("/duplicates?type=contact").await.contains("max=\"100\" value=\"0\""));
    app.run_jobs().await;
    let steps: Vec<i64> = app
        .texts("SELECT percent::text AS value FROM public.steps ORDER BY n")
        .iter()
        .map(|percent| percent.parse().unwrap())
        .collect();
    assert!(steps.is_sorted() && steps.last() == Some(&100), "{steps:?}");
    assert!(steps.iter().filter(|percent| (1..50).contains(*percent)).count() >= 4, "{steps:?}");
    for (set, percent, told) in [
        ("gathered = 60, total = 0, done = 0", 30, "Reading all contacts: 60 % done"),
        ("gathered = 100, total = 200, done = 50", 62, "50 of 200 candidates compared"),
    ] {
        app.sql(&format!("UPDATE duplicate_scans SET status = 'running', {set}")).await;
        let page = admin.get("/duplicates?type=contact").await;
        assert!(page.contains(&format!("max=\"100\" value=\"{percent}\"")) && page.contains(told), "{}", page.body);
    }
    app.stop().await;
}

/// What the sweeps do every minute.
async fn follow(app: &TestApp) {
    app.alter(duplicates::SWEEP);
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_follows_what_people_do_and_leads_from_pair_to_pair() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = app.signed_in(&org, "admin").await;
    let person = |first: &'static str, last: &'static str, email: &'static str| {
        let admin = &admin;
        async move {
            let added = admin.post("/contacts", &[("first_name", first), ("last_name", last), ("email", email)]).await;
            assert_eq!(added.status(), 303, "{}", added.body);
            added.location.unwrap()
        }
    };
    // The first time everything is searched; from then on what changes is compared.
    let ann = person("Ann", "Bell", "ann@bell.test").await;
    person("Bob", "Stone", "bob@stone.test").await;
    follow(&app).await;
    assert_eq!(one(&app, "SELECT status FROM duplicate_scans WHERE record_type = 'contact'"), "done");
    let stranger = app.signed_in(&other, "admin").await;
    stranger.post("/contacts", &[("first_name", "Ann"), ("last_name", "Bell"), ("email", "ann@bell.test")]).await;
    let open = "SELECT count(*) FROM duplicate_pairs WHERE status = 'open'";
    follow(&app).await;
    assert_eq!(one(&app, open), "0", "nobody is compared with another organisation's");
    let again = person("Anne", "Bell", "anne@bell.test").await;
    person("Robert", "Stone", "r@stone.test").await;
    let phones = |phone: &'static str| {
        app.alter(&format!("UPDATE contacts SET phone = '{phone}' WHERE last_name = 'Stone'"));
    };
    phones("+31201234567");
    follow(&app).await;
    assert_eq!(one(&app, open), "1", "alike in name and domain");
    // Written by a hand that left no event, then touched: compared again.
    for (which, pairs) in [("r@stone.test", "2"), ("bob@stone.test", "2")] {
        let id = one(&app, &format!("SELECT id FROM contacts WHERE email = '{which}'"));
        let noted = format!(
            "INSERT INTO events (org_id, kind, record_type, record_id, version) VALUES ('{}', 'contact.updated', 'contact', '{id}', 1)",
            org.id
        );
        app.alter("UPDATE contacts SET first_name = 'Bob' WHERE email = 'r@stone.test'");
        app.alter(&noted);
        follow(&app).await;
        assert_eq!(one(&app, open), pairs);
    }
    // What is not alike any more is not asked.
    phones("");
    app.alter("UPDATE contacts SET phone = NULL, first_name = 'Zoltan', last_name = 'Kiss', email = 'z@kiss.test' WHERE email = 'r@stone.test'");
    app.alter(&format!(
        "INSERT INTO events (org_id, kind, record_type, record_id, version) SELECT '{}', 'contact.updated', 'contact', id, 1 FROM contacts WHERE email = 'z@kiss.test'",
        org.id
    ));
    follow(&app).await;
    assert_eq!(one(&app, open), "1");

    // From the queue to both side by side, and from there to the next.
    person("Ann", "Bell", "bell@home.test").await;
    app.alter("UPDATE contacts SET city = 'Gent' WHERE last_name = 'Bell'");
    admin.post("/duplicates/scans", &[("type", "contact")]).await;
    app.run_jobs().await;
    assert_eq!(one(&app, open), "2");
    let queue = admin.get("/duplicates?type=contact").await;
    let merging = queue.between("data-merge href=\"", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = admin.get(&merging).await;
    assert!(page.contains("Not a duplicate") && page.contains("Later") && page.contains("same"), "{}", page.body);
    let pair = page.between("name=\"pair\" value=\"", "\"").unwrap().to_owned();
    let later = admin.get(&format!("/duplicates/{pair}/next")).await;
    assert!(later.location.as_deref().is_some_and(|to| to.contains("&pair=") && !to.contains(&pair)), "{later:?}");
    assert_eq!(stranger.get(&format!("/duplicates/{pair}/next")).await.status(), 404);
    let (a, b) = merging.strip_prefix("/contacts/").unwrap().split_once("/merge?with=").unwrap();
    let b = b.split('&').next().unwrap();
    let done = merge(&admin, "contacts", a, b, &[("pair", &pair)]).await;
    let next = done.location.clone().unwrap();
    assert!(done.status() == 303 && next.contains("/merge?with="), "{done:?}");
    let page = admin.get(&next).await;
    assert!(page.contains("merged into") && page.contains("/undo"), "told, with Undo: {}", page.body);
    let pair = page.between("name=\"pair\" value=\"", "\"").unwrap().to_owned();
    let over = admin.post(&format!("/duplicates/{pair}/dismissal"), &[("next", "1")]).await;
    assert_eq!(over.location.as_deref(), Some("/duplicates?type=contact"), "that was the last");
    assert!(admin.get("/duplicates?type=contact").await.contains("No duplicates to look at"));
    let answer = admin.post_partial(&format!("/duplicates/{pair}/dismissal"), &[]).await;
    assert!(answer.status() == 200 && answer.header("hx-trigger").is_some_and(|told| told.contains("dismissal/undo")));
    // A pair that is not of these two is nothing to the merge.
    let odd = admin.get(&format!("{ann}/merge?with={}&pair={pair}", again.rsplit('/').next().unwrap())).await;
    assert!([200, 404].contains(&odd.status()) || odd.status() == 303, "{}", odd.status());
    app.stop().await;
}
