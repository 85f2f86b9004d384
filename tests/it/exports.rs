//! Exports: what the list shows and nothing else, in every format, read back by readers that are not ours; large ones by a job.

mod beside_deals;
mod round_trips;
mod unchanged;

use crate::support::{Client, Org, TestApp};
use calamine::{Data, Reader, Xlsx};
use calcard::vcard::{VCard, VCardProperty, VCardValue};
use std::io::Cursor;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

/// The bytes of an export that is answered at once.
async fn download(client: &Client, fields: &[(&str, &str)]) -> Vec<u8> {
    let token = client.csrf().await;
    let mut all = vec![("csrf_token", token.as_str())];
    all.extend_from_slice(fields);
    let response = client.http().post(client.url("/exports")).form(&all).send().await.unwrap();
    assert_eq!(response.status(), 200, "{fields:?}");
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
    response.bytes().await.unwrap().to_vec()
}

fn whole<'a>(record: &'a str, format: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("record_type", record), ("scope", "matching"), ("matching", ""), ("columns", "all"), ("format", format)]
}

fn records(file: &[u8]) -> Vec<csv::StringRecord> {
    csv::ReaderBuilder::new().has_headers(false).from_reader(file).into_records().map(Result::unwrap).collect()
}

fn cell(rows: &[csv::StringRecord], row: usize, heading: &str) -> String {
    let at = rows[0].iter().position(|h| h == heading).unwrap_or_else(|| panic!("{heading}: {:?}", rows[0]));
    rows[row][at].to_owned()
}

async fn contact(client: &Client, fields: &[(&str, &str)]) -> String {
    let page = client.post("/contacts", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page.location.unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_says_what_the_list_says() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = enter(&app, &org, "admin").await;
    contact(&enter(&app, &other, "admin").await, &[("last_name", "Hidden")]).await;
    let ada = contact(
        &admin,
        &[
            ("first_name", "=cmd|' /C calc'!A0"),
            ("last_name", "O\"Brien, the \u{202b}مرحبا"),
            ("email", "ada@brightwater.example"),
            ("other_emails", "a.b@home.example\nc@home.example"),
            ("phone", "+31 20 123 4567"),
            ("company", "Bright; Water, Ltd"),
            ("description", "one\ntwo \\ three"),
            ("street", "Havenstraat 1"),
            ("country", "NL"),
            ("owner_id", &org.rep.to_string()),
            ("do_not_contact", "true"),
        ],
    )
    .await;
    let ben = contact(&admin, &[("last_name", "Ben"), ("lifecycle", "customer")]).await;

    // CSV: formulas behind an apostrophe, everything else as it is.
    let file = download(&admin, &[whole("contact", "csv"), vec![("bom", "true")]].concat()).await;
    assert!(file.starts_with("\u{feff}".as_bytes()));
    let rows = records(&file[3..]);
    assert_eq!(rows.len(), 3);
    let text = String::from_utf8(file).unwrap();
    assert!(!text.contains("Hidden"));
    assert_eq!(cell(&rows, 1, "First name"), "'=cmd|' /C calc'!A0");
    assert_eq!(cell(&rows, 1, "Last name"), "O\"Brien, the \u{202b}مرحبا");
    assert_eq!(cell(&rows, 1, "Phone"), "'+31201234567");
    assert_eq!(cell(&rows, 1, "Other e-mails"), "a.b@home.example; c@home.example");
    assert_eq!(cell(&rows, 1, "Company"), "Bright; Water, Ltd");
    assert_eq!(cell(&rows, 1, "Owner"), "rep@aurelia.test");
    assert_eq!(cell(&rows, 1, "Do not contact"), "true");
    assert_eq!(cell(&rows, 1, "Description"), "one\ntwo \\ three");
    assert_eq!(cell(&rows, 2, "Lifecycle"), "Customer");

    // The list's own columns; a filter; ticked rows.
    let shown = download(&admin, &[("record_type", "contact"), ("scope", "matching"), ("format", "csv")]).await;
    let shown = records(&shown);
    assert_eq!((&shown[0][0], shown[0].len() < rows[0].len()), ("Name", true));
    let fields =
        [("record_type", "contact"), ("scope", "matching"), ("matching", "lifecycle=customer"), ("format", "csv")];
    assert_eq!(records(&download(&admin, &fields).await).len(), 2);
    let ticked = [("record_type", "contact"), ("ids", ada.as_str()), ("columns", "all"), ("format", "csv")];
    assert_eq!(records(&download(&admin, &ticked).await).len(), 2);

    // XLSX: types, and nothing that calculates.
    admin
        .post(
            "/leads",
            &[("company_name", "Tatra"), ("estimated_value", "1234.5"), ("currency", "USD"), ("score", "7")],
        )
        .await;
    let file = download(&admin, &whole("lead", "xlsx")).await;
    let mut book = Xlsx::new(Cursor::new(file)).unwrap();
    let sheet = book.worksheet_range("Leads").unwrap();
    let at = |heading: &str| {
        let heading = Data::String(heading.to_owned());
        let column = sheet.rows().next().unwrap().iter().position(|cell| *cell == heading).unwrap();
        sheet.get((1, column)).cloned().unwrap_or(Data::Empty)
    };
    assert_eq!((at("Company"), at("Currency")), (Data::String("Tatra".into()), Data::String("USD".into())));
    assert_eq!((at("Estimated value"), at("Score")), (Data::Float(1234.5), Data::Float(7.0)));
    assert_eq!(at("Do not contact"), Data::Bool(false));
    assert!(matches!(at("Added"), Data::DateTime(_)), "{:?}", at("Added"));
    let file = download(&admin, &whole("contact", "xlsx")).await;
    let mut book = Xlsx::new(Cursor::new(file)).unwrap();
    let formulas = book.worksheet_formula("Contacts").unwrap();
    assert_eq!(formulas.used_cells().count(), 0);
    let sheet = book.worksheet_range("Contacts").unwrap();
    assert!(sheet.used_cells().any(|(_, _, cell)| *cell == Data::String("=cmd|' /C calc'!A0".into())));

    // JSON Lines: an object a line.
    let file = String::from_utf8(download(&admin, &whole("contact", "jsonl")).await).unwrap();
    let lines: Vec<serde_json::Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0]["id"].as_str(), lines[1]["id"].as_str()), (Some(ada.as_str()), Some(ben.as_str())));
    assert_eq!(lines[0]["first_name"], "=cmd|' /C calc'!A0");
    assert_eq!(lines[0]["other_emails"], serde_json::json!(["a.b@home.example", "c@home.example"]));
    assert_eq!(lines[0]["company_id"]["name"], "Bright; Water, Ltd");
    assert_eq!(lines[1]["lifecycle"], "customer");

    // vCard, by a reader of its own.
    let file = String::from_utf8(download(&admin, &whole("contact", "vcard")).await).unwrap();
    assert!(file.split("\r\n").all(|line| line.len() <= 75), "{file}");
    let cards: Vec<&str> = file.split_inclusive("END:VCARD\r\n").collect();
    assert_eq!(cards.len(), 2);
    let card = VCard::parse(cards[0]).unwrap();
    let of = |property: VCardProperty| -> Vec<String> {
        let entries = card.entries.iter().filter(|entry| entry.name == property);
        let text = |value: &VCardValue| match value {
            VCardValue::Text(text) => vec![text.clone()],
            VCardValue::Component(parts) => parts.clone(),
            other => vec![format!("{other:?}")],
        };
        entries.flat_map(|entry| entry.values.iter().flat_map(text)).collect()
    };
    assert_eq!(of(VCardProperty::Fn), ["=cmd|' /C calc'!A0 O\"Brien, the \u{202b}مرحبا"]);
    assert_eq!(of(VCardProperty::N)[..2], ["O\"Brien, the \u{202b}مرحبا", "=cmd|' /C calc'!A0"]);
    assert_eq!(of(VCardProperty::Org), ["Bright; Water, Ltd"]);
    assert_eq!(of(VCardProperty::Email), ["ada@brightwater.example", "a.b@home.example", "c@home.example"]);
    assert_eq!(of(VCardProperty::Note), ["one\ntwo \\ three"]);
    assert_eq!(of(VCardProperty::Tel), ["+31201234567"]);

    // Each is written down.
    assert_eq!(
        app.value("SELECT string_agg(DISTINCT data->>'format', ' ' ORDER BY data->>'format') FROM events WHERE kind = 'export.made'").await,
        "csv jsonl vcard xlsx"
    );
    assert_eq!(
        app.value("SELECT concat_ws(' ', data->'selection'->>'filter', data->>'rows') FROM events WHERE kind = 'export.made' AND data->'selection'->>'filter' <> ''").await,
        "lifecycle=customer 1"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_and_only_what_they_see() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let mine = contact(&admin, &[("last_name", "Mine"), ("owner_id", &org.rep.to_string())]).await;
    let theirs = contact(&admin, &[("last_name", "Theirs"), ("owner_id", &org.admin.to_string())]).await;
    for path in ["/exports", "/exports/new", "/exports/new?record_type=contact"] {
        assert_eq!(rep.get(path).await.status(), 403, "{path}");
    }
    assert_eq!(rep.post("/exports", &whole("contact", "csv")).await.status(), 403);
    assert!(!rep.get("/contacts").await.contains("/exports/new"));
    assert!(admin.get("/contacts").await.contains("/exports/new?record_type=contact"));
    let dialog = admin.get("/exports/new?record_type=contact&matching=lifecycle%3Dlead").await;
    for told in ["2 contacts", "vCard 4.0", "value=\"lifecycle=lead\"", "Name, Title, Company"] {
        assert!(dialog.contains(told), "{told}: {}", dialog.body);
    }
    assert!(!admin.get("/exports/new?record_type=deal").await.contains("vCard 4.0</option>"), "deals are no people");
    assert_eq!(admin.post("/exports", &whole("deal", "vcard")).await.status(), 422);
    assert_eq!(admin.post("/exports", &whole("contact", "pdf")).await.status(), 422);
    assert_eq!(admin.post("/exports", &whole("nothing", "csv")).await.status(), 404);
    let damaged = [("record_type", "contact"), ("scope", "matching"), ("matching", "owner=x"), ("format", "csv")];
    assert_eq!(admin.post("/exports", &damaged).await.status(), 400);
    assert_eq!(
        admin.post("/exports", &[("record_type", "contact"), ("format", "csv")]).await.status(),
        422,
        "nothing ticked"
    );

    // The right to export is the administrator's to give, and does not widen what a role sees.
    app.sql("UPDATE roles SET visibility = 'own', permissions = permissions || '{contacts.export}' WHERE key = 'rep'")
        .await;
    let file = String::from_utf8(download(&rep, &whole("contact", "jsonl")).await).unwrap();
    assert!(file.contains(&mine) && !file.contains(&theirs), "{file}");
    let ticked =
        [("record_type", "contact"), ("ids", &*format!("{mine},{theirs}")), ("columns", "all"), ("format", "jsonl")];
    let file = String::from_utf8(download(&rep, &ticked).await).unwrap();
    assert!(file.contains(&mine) && !file.contains(&theirs), "{file}");
    assert_eq!(rep.post("/exports", &whole("lead", "csv")).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_ones_are_made_by_a_job_for_who_asked_until_they_expire() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (admin, manager) = (enter(&app, &org, "admin").await, enter(&app, &org, "manager").await);
    app.sql(&format!("INSERT INTO contacts (org_id, id, first_name, last_name) SELECT '{}', gen_random_uuid(), 'N', 'Contact ' || n FROM generate_series(1, 5321) n", org.id)).await;
    let begin = async || {
        let page = admin.post("/exports", &whole("contact", "csv")).await;
        assert_eq!(page.status(), 303, "{}", page.body);
        page.location.unwrap()
    };
    let path = begin().await;
    assert!(admin.get(&path).await.contains("Waiting"));
    assert_eq!(admin.get(&format!("{path}/file")).await.status(), 404);
    app.run_jobs().await;
    let page = admin.get(&path).await;
    assert!(page.contains("The file is ready") && page.contains("5,321 rows"), "{}", page.body);
    assert!(admin.get("/exports").await.contains(&format!("{path}/file")));
    let file = admin.get(&format!("{path}/file")).await;
    assert_eq!((file.status(), file.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let rows = records(file.body.as_bytes());
    let mut names: Vec<&str> = rows[1..].iter().map(|row| &row[2]).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((rows.len(), names.len()), (5322, 5321), "each record once");
    assert_eq!(app.value("SELECT data->>'rows' FROM events WHERE kind = 'export.made'").await, "5321");
    // Nobody else's.
    for rest in ["", "/file"] {
        assert_eq!(manager.get(&format!("{path}{rest}")).await.status(), 404);
    }
    assert_eq!(manager.post(&format!("{path}/cancellation"), &[]).await.status(), 404);
    assert!(!manager.get("/exports").await.contains(&path));
    // The right is asked for again at the download.
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'contacts.export') WHERE key = 'administrator'")
        .await;
    assert_eq!(admin.get(&format!("{path}/file")).await.status(), 403);
    app.sql("UPDATE roles SET permissions = permissions || '{contacts.export}' WHERE key = 'administrator'").await;
    // A week later.
    app.sql("UPDATE jobs SET run_at = now() WHERE kind = 'exports.expire'").await;
    app.run_jobs().await;
    assert_eq!(admin.get(&format!("{path}/file")).await.status(), 404);
    assert!(admin.get(&path).await.contains("Expired"));

    // Cancelled before it began, and one whose asker left.
    let path = begin().await;
    assert_eq!(admin.post(&format!("{path}/cancellation"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert!(admin.get(&path).await.contains("Cancelled"));
    let page = manager.post("/exports", &whole("contact", "xlsx")).await;
    app.sql("UPDATE roles SET permissions = array_remove(permissions, 'contacts.export') WHERE key = 'manager'").await;
    app.run_jobs().await;
    let page = manager.get(&page.location.unwrap()).await;
    assert!(page.contains("No file was made") && page.contains("export contacts"), "{}", page.body);
    app.stop().await;
}
