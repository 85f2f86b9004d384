//! Contacts and their companies through HTTP: several e-mails and phones, companies by name, visibility, isolation, hostile input.

use crate::support::{Client, Org, TestApp};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

async fn add(client: &Client, fields: &[(&str, &str)]) -> String {
    let page = client.post("/contacts", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap()
}

/// Signed in, with the token of a page.
async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_and_the_company_named_with_it() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    assert!(rep.post("/contacts", &[("title", "CFO")]).await.contains("or an e-mail address"));
    let wrong = rep
        .post(
            "/contacts",
            &[("last_name", "Rossi"), ("other_emails", "ok@a.example\nnot one"), ("company", "Left Behind Ltd")],
        )
        .await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.contains("not one") && wrong.contains("value=\"Left Behind Ltd\""), "{}", wrong.body);
    // An owner who is no member is found out by the command, after the company was added: nothing of it may stay.
    let wrong = rep
        .post("/contacts", &[("last_name", "Rossi"), ("company", "Left Behind Ltd"), ("owner_id", &org.id.to_string())])
        .await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.contains("is not an active member"), "{}", wrong.body);
    assert!(rep.get("/companies").await.contains("No companies yet"));

    let path = add(
        &rep,
        &[
            ("first_name", "Chiara"),
            ("last_name", "Rossi"),
            ("title", "Head of logistics"),
            ("email", "Chiara@Brightwater.example"),
            ("other_emails", "c.rossi@home.example"),
            ("other_emails", "chiara@brightwater.example"),
            ("phone", "020 7946 0018"),
            ("other_phones", "+31 20 123 4567\n+442079460018"),
            ("company", "Brightwater Foods"),
            ("lifecycle", "qualified"),
            ("do_not_contact", ""),
        ],
    )
    .await;
    let page = rep.get(&path).await;
    for told in [
        "Chiara Rossi",
        "mailto:chiara@brightwater.example",
        "mailto:c.rossi@home.example",
        "tel:+442079460018",
        "020 7946 0018",
        "+31 20 123 4567",
        "Brightwater Foods",
        "Qualified",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    assert_eq!(page.body.matches("tel:+442079460018").count(), 2, "once in the facts, once in the details");
    // The same company again, by other case; and from the combobox.
    add(&rep, &[("first_name", "Dirk"), ("company", "BRIGHTWATER foods")]).await;
    assert!(rep.get("/companies").await.contains("1 company"));
    let options = rep.get_partial("/companies/options?q=brightwater+foods").await;
    assert!(options.contains("Brightwater Foods") && !options.contains("Add “"), "{}", options.body);
    assert!(rep.get_partial("/companies/options?q=brightwater+x").await.contains("Add “brightwater x”"));
    assert!(rep.get_partial("/contacts/options?q=chi").await.contains("Chiara Rossi"));
    let company = options.between("data-value=\"", "\"").unwrap().to_owned();
    let page = rep.get(&format!("/companies/{company}")).await;
    assert!(page.contains("Chiara Rossi") && page.contains("Dirk"), "{}", page.body);

    // In place: the company by a new name, do not contact.
    let field = rep.get_partial(&format!("{path}/fields/company_id")).await;
    let v = field.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let value = rep
        .post_partial(
            &format!("{path}/fields/company_id"),
            &[("version", &v), ("company_id", &company), ("company", "Halden Optics")],
        )
        .await;
    assert_eq!(value.status(), 200, "{}", value.body);
    assert!(value.contains("Halden Optics"), "{}", value.body);
    let v = value.between("data-version=\"", "\"").unwrap().to_owned();
    assert_eq!(
        rep.post_partial(&format!("{path}/fields/do_not_contact"), &[("version", &v), ("do_not_contact", "true")])
            .await
            .status(),
        200
    );
    let page = rep.get(&path).await;
    assert!(!page.contains("mailto:") && page.contains("Asked not to be contacted"), "{}", page.body);
    assert!(page.contains("Company: Brightwater Foods → Halden Optics"), "{}", page.body);

    // Stale: both sides are shown, the second submit overwrites knowingly.
    let admin = enter(&app, &org, "admin").await;
    let v = admin.get(&format!("{path}/edit")).await.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let mine = [("first_name", "Chiara"), ("last_name", "Rossi-Bianchi"), ("title", "CFO")];
    let theirs =
        rep.post(&path, &[("version", &v), ("first_name", "Chiara"), ("last_name", "Rossi"), ("title", "COO")]).await;
    assert_eq!(theirs.status(), 303, "{}", theirs.body);
    let stale = admin.post(&path, &[&[("version", v.as_str())], &mine[..]].concat()).await;
    assert_eq!(stale.status(), 409);
    for told in ["Rep aurelia changed this", "COO", "value=\"CFO\"", "Rossi-Bianchi"] {
        assert!(stale.contains(told), "{told}: {}", stale.body);
    }
    assert!(rep.get(&path).await.contains("COO"), "nothing was overwritten");
    let v = stale.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    assert_eq!(admin.post(&path, &[&[("version", v.as_str())], &mine[..]].concat()).await.status(), 303);
    assert!(rep.get(&path).await.contains("Rossi-Bianchi"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visibility_isolation_and_hostile_input() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let rep = enter(&app, &org, "rep").await;
    let admin = enter(&app, &org, "admin").await;
    let stranger = enter(&app, &other, "admin").await;
    let viewer = enter(&app, &org, "viewer").await;
    let (rep_id, admin_id) = (org.rep.to_string(), org.admin.to_string());

    let mine = add(&rep, &[("first_name", "Mine"), ("owner_id", &rep_id)]).await;
    let theirs = add(&admin, &[("first_name", "Theirs"), ("owner_id", &admin_id)]).await;
    let company = admin.post("/companies", &[("name", "Secret Ltd"), ("owner_id", &admin_id)]).await.location.unwrap();
    let company_id = company.rsplit('/').next().unwrap().to_owned();

    // Another organisation: not found, and not to be referred to.
    for path in [&mine, &theirs, &company] {
        for rest in ["", "/edit", "/fields/phone", "/fields/phone/value", "/timeline"] {
            assert_eq!(stranger.get(&format!("{path}{rest}")).await.status(), 404, "{path}{rest}");
        }
        for rest in ["", "/archival", "/archival/undo", "/deletion", "/deletion/undo", "/fields/phone"] {
            assert_eq!(
                stranger.post(&format!("{path}{rest}"), &[("version", "1"), ("name", "x")]).await.status(),
                404,
                "{path}{rest}"
            );
        }
    }
    for fields in [
        [("first_name", "X"), ("company_id", company_id.as_str())],
        [("first_name", "X"), ("owner_id", rep_id.as_str())],
    ] {
        assert_eq!(stranger.post("/contacts", &fields).await.status(), 422, "{fields:?}");
    }
    assert_eq!(stranger.post("/companies", &[("name", "X"), ("parent_id", &company_id)]).await.status(), 422);
    assert_eq!(
        stranger
            .post(
                "/notes",
                &[("record_type", "contact"), ("record_id", mine.rsplit('/').next().unwrap()), ("body", "hi")]
            )
            .await
            .status(),
        404
    );
    assert!(!stranger.get_partial("/companies/options?q=secret").await.contains("Secret Ltd"));

    // A viewer reads.
    assert_eq!(viewer.get(&mine).await.status(), 200);
    assert!(!viewer.get(&mine).await.contains("data-inline-edit"));
    for path in [format!("{mine}/edit"), "/contacts/new".to_owned(), format!("{mine}/fields/phone")] {
        assert_eq!(viewer.get(&path).await.status(), 403, "{path}");
    }
    for rest in ["", "/archival", "/deletion", "/fields/phone"] {
        assert_eq!(viewer.post(&format!("{mine}{rest}"), &[("version", "1")]).await.status(), 403, "{rest}");
    }

    // Own records only.
    let url = app.database_url().to_owned();
    tokio::task::spawn_blocking(move || {
        let mut conn = PgConnection::establish(&url).unwrap();
        sql_query("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").execute(&mut conn).unwrap();
    })
    .await
    .unwrap();
    assert_eq!(rep.get(&theirs).await.status(), 404);
    assert_eq!(rep.get(&company).await.status(), 404);
    assert_eq!(rep.post(&format!("{theirs}/deletion"), &[]).await.status(), 404);
    let list = rep.get("/contacts").await;
    assert!(list.contains("1 contact") && list.contains("Mine") && !list.contains("Theirs"), "{}", list.body);
    assert!(!rep.get(&format!("/contacts?owner={admin_id}")).await.contains("Theirs"));
    assert_eq!(rep.post("/contacts", &[("first_name", "X"), ("company_id", &company_id)]).await.status(), 422);
    assert!(!rep.get_partial("/companies/options?q=secret").await.contains("Secret Ltd"));

    // Hostile input: a clear 4xx, never a 500.
    let long = "x".repeat(10 * 1024 * 1024);
    assert_eq!(admin.post("/contacts", &[("first_name", &long)]).await.status(), 413);
    assert_eq!(admin.post("/contacts", &[("first_name", "a\0b")]).await.status(), 400);
    assert_eq!(admin.post("/contacts", &[("first_name", &"x".repeat(101))]).await.status(), 422);
    for path in [
        "/contacts?after=%00",
        "/contacts?after=bm9wZQ",
        "/contacts?sort=phone",
        "/contacts?lifecycle=x",
        "/contacts?owner=x",
        "/contacts?q=%FF",
        "/contacts?q=a%00",
        "/companies?after=WyJhIiwiYiJd",
    ] {
        assert_eq!(admin.get(path).await.status(), 400, "{path}");
    }
    for path in [
        "/contacts/not-an-id",
        "/contacts/00000000-0000-0000-0000-000000000000",
        "/notes/00000000-0000-0000-0000-000000000000/edit",
    ] {
        assert_eq!(admin.get(path).await.status(), 404, "{path}");
    }
    for q in ["%", "_", "\\", "'", "(", "مرحبا", "😀"] {
        let query: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
        assert_eq!(admin.get(&format!("/contacts?q={query}&archived=1")).await.status(), 200, "{q}");
        assert_eq!(admin.get(&format!("/contacts?q={query}")).await.status(), 200, "{q}");
        assert_eq!(admin.get(&format!("/companies/options?q={query}")).await.status(), 200, "{q}");
    }
    let path = add(&admin, &[("first_name", "שלום <b>"), ("last_name", "😀\u{202e}")]).await;
    let page = admin.get(&path).await;
    assert!(page.contains("שלום &#60;b&#62;") && !page.contains("<b>"), "{}", page.body);

    // Handed to somebody beyond their reach: to the list, which says so.
    let given = add(&rep, &[("first_name", "Given"), ("owner_id", &rep_id)]).await;
    let saved = rep
        .post(&given, &[("version", "1"), ("first_name", "Given"), ("lifecycle", "lead"), ("owner_id", &admin_id)])
        .await;
    assert_eq!((saved.status(), saved.location.as_deref()), (303, Some("/contacts")), "{}", saved.body);
    assert!(rep.get("/contacts").await.contains("new owner"));
    let placed = add(&rep, &[("first_name", "Placed"), ("owner_id", &rep_id)]).await;
    let saved =
        rep.post_partial(&format!("{placed}/fields/owner_id"), &[("version", "1"), ("owner_id", &admin_id)]).await;
    assert_eq!((saved.status(), saved.header("HX-Redirect")), (200, Some("/contacts")), "{}", saved.body);
    assert_eq!(rep.get(&placed).await.status(), 404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paging_visits_each_row_once() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = enter(&app, &org, "admin").await;
    let (url, id) = (app.database_url().to_owned(), org.id);
    tokio::task::spawn_blocking(move || {
        let mut conn = PgConnection::establish(&url).unwrap();
        let sql = format!("INSERT INTO contacts (org_id, id, first_name, lifecycle, created_at) SELECT '{id}', gen_random_uuid(), CASE WHEN n % 3 = 0 THEN 'Same' ELSE 'Name ' || n % 7 END, CASE WHEN n % 2 = 0 THEN 'customer' ELSE 'lead' END, now() - (n % 5) * interval '1 hour' FROM generate_series(1, 230) n");
        sql_query(sql).execute(&mut conn).unwrap();
    })
    .await
    .unwrap();
    for (address, expected) in [
        ("/contacts", 230),
        ("/contacts?sort=-name", 230),
        ("/contacts?sort=-created_at", 230),
        ("/contacts?sort=created_at&lifecycle=customer", 115),
        ("/contacts?owner=none", 230),
    ] {
        let mut seen = std::collections::BTreeSet::new();
        let (mut next, mut rows, mut pages) = (Some(address.to_owned()), 0, 0);
        while let Some(path) = next {
            let page = if pages == 0 { admin.get(&path).await } else { admin.get_partial(&path).await };
            assert_eq!(page.status(), 200, "{path}: {}", page.body);
            for part in page.body.split("<tr id=\"contact-").skip(1) {
                seen.insert(part[..36].to_owned());
                rows += 1;
            }
            next = page.between("hx-get=\"", "\"").map(|href| href.replace("&#38;", "&"));
            pages += 1;
        }
        assert_eq!((rows, seen.len()), (expected, expected), "{address}");
        assert_eq!(pages, expected.div_ceil(50), "{address}");
    }
    assert!(admin.get("/contacts").await.contains("230 contacts"));
    assert!(admin.get("/contacts?lifecycle=customer").await.contains("115 contacts"));
    app.stop().await;
}
