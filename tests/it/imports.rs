//! Importing CSV files: encodings, matching, errors, repetition, tenancy; through the upload page and through the engine.

mod acceptance;
mod exports;
mod laws;
mod maven;
mod named;
mod own_fields;
mod products;
mod related;
mod touched;
mod unclear;
mod undo;
mod wizard;

use crate::support::{Client, Org, Page, TestApp};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types};
use pipewright::{
    features::imports::{self, NewImport, Options},
    kernel::{ImportId, RecordType},
};

/// Created, updated, skipped, failed.
pub type Counts = (i64, i64, i64, i64);

/// Imports text through the engine, as the command line does.
pub async fn import(app: &TestApp, org: &Org, record: RecordType, text: &[u8]) -> Result<Counts, String> {
    import_with(app, org, record, "test.csv", text, Options::default()).await
}

pub async fn import_with(
    app: &TestApp,
    org: &Org,
    record: RecordType,
    name: &str,
    text: &[u8],
    options: Options,
) -> Result<Counts, String> {
    let (db, org, text) = (app.db.clone(), org.id, text.to_vec());
    let new =
        NewImport { id: ImportId::new(), record, file_name: name.into(), file_path: None, options, file_size: None };
    tokio::task::spawn_blocking(move || imports::run_now(&db, org, &new, text.as_slice()))
        .await
        .unwrap()
        .map(|c| (c.created, c.updated, c.skipped, c.failed))
        .map_err(|e| e.to_string())
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    t: String,
}

/// What a query that selects one text column `t` gives, as the database's superuser.
pub async fn texts(app: &TestApp, sql: &str) -> Vec<String> {
    let (url, sql) = (app.database_url().to_owned(), sql.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut conn = PgConnection::establish(&url).unwrap();
        let rows: Vec<Text> = sql_query(sql).load(&mut conn).unwrap();
        rows.into_iter().map(|r| r.t).collect()
    })
    .await
    .unwrap()
}

pub async fn upload(client: &Client, fields: &[(&str, &str)], file: &[u8]) -> Page {
    let mut form = reqwest::multipart::Form::new().text("csrf_token", client.csrf().await);
    for (name, value) in fields {
        form = form.text((*name).to_owned(), (*value).to_owned());
    }
    let part = reqwest::multipart::Part::bytes(file.to_vec()).file_name("people.csv").mime_str("text/csv").unwrap();
    let request = client.http().post(client.url("/imports/new")).header("Accept", "text/html");
    client.read(request.multipart(form.part("file", part)).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_job_and_result() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let other = app.org("globex").await;
    let client = app.signed_in(&org, "manager").await;
    assert!(client.get("/imports").await.contains("Nothing imported yet"));
    let form = client.get("/imports/new?type=contacts").await;
    assert!(form.contains("<option value=\"contact\" selected>"), "{}", form.body);

    let csv = "First name;Last name;E-mail;Phone;Company;Country;Owner;Shoe size\r\n\
               Élodie;Brûlé;elodie@brule.fr;+33 1 42 68 53 00;Brûlé SA;France;rep@acme.test;38\r\n\
               José;\"Müller\nJr\";jose@mueller.de;;BRULE SA;DE;Rep acme;39\r\n\
               =cmd|x;Bad;not an address;12;X;Atlantis;Nobody;1\r\n\
               Short;row\r\n";
    let latin1 = encoding_rs::WINDOWS_1252.encode(csv).0.into_owned();
    let sent = upload(&client, &[("record_type", "contact")], &latin1).await;
    assert_eq!(sent.status(), 303, "{}", sent.body);
    let here = sent.location.unwrap();
    let waiting = client.get(&here).await;
    assert!(waiting.contains("Waiting") && waiting.contains("every 1s"), "{}", waiting.body);
    app.run_jobs().await;

    let done = client.get(&here).await;
    for part in [
        "windows-1252, semicolons",
        "4 rows read",
        "must be an e-mail address",
        "must be a country",
        "no active member is called Nobody",
        "To bring them in without one",
        "has 2 columns, the header has 8",
        "Shoe size",
        "not imported",
    ] {
        assert!(done.contains(part), "{part} is missing: {}", done.body);
    }
    assert!(!done.contains("every 1s"));
    assert!(client.get_partial(&here).await.body.trim_start().starts_with("<div class=\"stack\""));
    assert!(client.get("/imports").await.contains("Done, with errors"));
    let people = texts(&app, "SELECT concat_ws('|', first_name, last_name, c.email, c.phone, c.country, k.name, m.name) AS t FROM contacts c \
        JOIN companies k ON k.id = c.company_id JOIN members m ON m.id = c.owner_id AND m.org_id = c.org_id ORDER BY c.email").await;
    assert_eq!(
        people,
        [
            "Élodie|Brûlé|elodie@brule.fr|+33142685300|FR|Brûlé SA|Rep acme",
            "José|Müller\nJr|jose@mueller.de|DE|Brûlé SA|Rep acme"
        ]
    );
    let events = texts(&app, "SELECT kind || ' ' || (actor_id IS NOT NULL) || ' ' || (data ? 'import_id') || ' ' || (changes ? 'company_id') AS t \
        FROM events WHERE kind LIKE 'co%' ORDER BY 1").await;
    assert_eq!(
        events,
        ["company.created true true false", "contact.created true true true", "contact.created true true true"]
    );
    assert_eq!(texts(&app, "SELECT title AS t FROM search_documents ORDER BY 1").await.len(), 3);

    // The rows in error, mended, are a file to import.
    let errors = client.get(&format!("{here}/errors.csv")).await;
    assert!(errors.body.contains("'=cmd|x,Bad,not an address"), "{}", errors.body);
    assert!(errors.body.contains("Owner: no active member"), "{}", errors.body);
    let mended = errors
        .body
        .replace("not an address", "bad@x.test")
        .replace("Atlantis", "NL")
        .replace("Nobody", "")
        .replace(",12,", ",,");
    let sent = upload(&client, &[("record_type", "contact")], mended.as_bytes()).await;
    app.run_jobs().await;
    let again = client.get(&sent.location.unwrap()).await;
    assert!(again.contains("2 rows read"), "{}", again.body);
    assert_eq!(texts(&app, "SELECT first_name AS t FROM contacts WHERE email = 'bad@x.test'").await, ["=cmd|x"]);

    // Refusals: no file, no kind, not allowed, not theirs.
    let empty = upload(&client, &[("record_type", "")], b"").await;
    assert_eq!(empty.status(), 422);
    assert!(empty.contains("choose what the file holds") && empty.contains("choose a file that is not empty"));
    assert_eq!(app.signed_in(&org, "rep").await.get("/imports").await.status(), 403);
    let stranger = app.signed_in(&other, "admin").await;
    assert_eq!(stranger.get(&here).await.status(), 404);
    assert_eq!(stranger.get(&format!("{here}/errors.csv")).await.status(), 404);
    assert_eq!(client.get("/imports/nonsense").await.status(), 404);
    let bad = upload(&client, &[("record_type", "contact")], b"\x00\x01\x02PNG").await.location.unwrap();
    app.run_jobs().await;
    let bad = client.get(&bad).await;
    assert!(bad.contains("Nothing was imported") && bad.contains("NUL"), "{}", bad.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_too_large_are_told_so() {
    let app = TestApp::start_with(&[("MAX_UPLOAD_MB", "1")]).await;
    let org = app.org("acme").await;
    let client = app.signed_in(&org, "admin").await;
    client.get("/imports/new").await;
    let large = [b"email\n".to_vec(), b"a@example.com\n".repeat(100_000)].concat();
    let sent = upload(&client, &[("record_type", "contact")], &large).await;
    assert_eq!(sent.status(), 422);
    assert!(sent.contains("is larger than 1 MB"), "{}", sent.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encodings_and_repetition() {
    let app = TestApp::start().await;
    let text =
        "Name\tEmail\tCompany\r\nZoë Ångström\tzoe@x.test\tÅngström & Co\r\nNo Mail\t\tÅngström & Co\r\n\t\t\r\n";
    let utf16 = |big: bool| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    let files = [
        text.as_bytes().to_vec(),
        [b"\xEF\xBB\xBF".to_vec(), text.as_bytes().to_vec()].concat(),
        [b"\xFF\xFE".to_vec(), utf16(false)].concat(),
        utf16(true),
        encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        text.replace("\r\n", "\r").into_bytes(),
        text.replace('\t', "|").into_bytes(),
    ];
    let org = app.org("first").await;
    for (n, file) in files.iter().enumerate() {
        let counts = import(&app, &org, RecordType::Contact, file).await;
        let expected = if n == 0 { (2, 0, 0, 1) } else { (0, 0, 2, 1) };
        assert_eq!(counts, Ok(expected), "file {n}");
    }
    let names = texts(&app, "SELECT first_name || '|' || last_name AS t FROM contacts ORDER BY 1").await;
    assert_eq!(names, ["No|Mail", "Zoë|Ångström"]);
    // One organisation's records are nothing to another's import.
    let second = app.org("second").await;
    let with_ids = b"Record ID,Name,Domain,Parent company\n7,Initech,initech.com,Initrode\n8,Initrode,,\n";
    assert_eq!(import(&app, &org, RecordType::Company, with_ids).await, Ok((2, 0, 0, 0)));
    assert_eq!(import(&app, &second, RecordType::Company, with_ids).await, Ok((2, 0, 0, 0)));
    assert_eq!(import(&app, &org, RecordType::Company, with_ids).await, Ok((0, 0, 2, 0)));
    let parents = texts(&app, "SELECT DISTINCT c.name || ' < ' || p.name AS t FROM companies c JOIN companies p ON p.org_id = c.org_id AND p.id = c.parent_id").await;
    assert_eq!(parents, ["Initech < Initrode"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matching_updates_and_duplicates() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let contacts = |text: &'static str| import(&app, &org, RecordType::Contact, text.as_bytes());
    // The same address thrice in one file is one contact; the last word counts, empty cells say nothing.
    let first = "email,first name,last name,phone,e-mail 2\nA@x.test,Ann,,,b@x.test\na@x.test,Anna,Bell,,\na@x.test,,,,c@x.test\na@x.test,Anna,,,\n";
    assert_eq!(contacts(first).await, Ok((1, 3, 0, 0)));
    assert_eq!(contacts(first).await, Ok((0, 0, 4, 0)));
    let state = "SELECT concat_ws('|', first_name, last_name, other_emails::text, version::text) AS t FROM contacts";
    assert_eq!(texts(&app, state).await, ["Anna|Bell|{c@x.test}|1"]);
    assert_eq!(contacts("email,last name,e-mail 2\na@x.test,Bell-Orr,b@x.test\n").await, Ok((0, 1, 0, 0)));
    assert_eq!(texts(&app, state).await, ["Anna|Bell-Orr|{c@x.test,b@x.test}|2"]);
    let change = texts(&app, "SELECT changes::text AS t FROM events WHERE kind = 'contact.updated'").await;
    assert_eq!(
        change,
        [r#"{"last_name": ["Bell", "Bell-Orr"], "other_emails": [["c@x.test"], ["c@x.test", "b@x.test"]]}"#]
    );
    // An id is given to a contact found by address, and leads to it from then on; deleted, it comes back.
    assert_eq!(contacts("contact id,email\n77,a@x.test\n").await, Ok((0, 1, 0, 0)));
    texts(&app, "UPDATE contacts SET deleted_at = now() RETURNING id::text AS t").await;
    assert_eq!(contacts("contact id,email,title\n77,new@x.test,CEO\n").await, Ok((0, 1, 0, 0)));
    let back = texts(&app, "SELECT email || (deleted_at IS NULL) AS t FROM contacts").await;
    assert_eq!(back, ["new@x.testtrue"]);

    let companies = |text: &'static str| import(&app, &org, RecordType::Company, text.as_bytes());
    let circle = "name,parent company,employees\nA,B,1\nB,C,2\nC,A,3\nD,A,4\nE,E,5\nF,G,6\nG,,-7\nH,G,8\n";
    assert_eq!(companies(circle).await, Ok((2, 0, 0, 6)));
    assert_eq!(companies("company,website\nF,https://www.f.example/about\n").await, Ok((0, 1, 0, 0)));
    assert_eq!(companies("company,website\nÉff,f.example\n").await, Ok((0, 1, 0, 0)));
    let named = texts(&app, "SELECT concat_ws('|', name, domain) AS t FROM companies ORDER BY name_key").await;
    assert_eq!(named, ["Éff|f.example", "G", "H"]);
    // Nothing of a file that breaks off in the middle stays, and its row says why.
    let broken = [b"name\nNew one\n".to_vec(), b"\"x\n".to_vec(), b"y\n".repeat(1_500)].concat();
    let error = import(&app, &org, RecordType::Company, &broken).await;
    assert_eq!(error, Err("The file cannot be read at line 3: a quotation mark is opened and not closed.".into()));
    assert_eq!(texts(&app, "SELECT name AS t FROM companies WHERE name = 'New one'").await.len(), 0);
    let failed = texts(&app, "SELECT error AS t FROM imports WHERE status = 'failed'").await;
    assert!(failed[0].contains("line 3"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_find_their_stage() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let deals = |text: &'static str| import(&app, &org, RecordType::Deal, text.as_bytes());
    // Stages that the team's pipeline has stay there, whatever the case.
    let known = "deal name,company,stage,amount,probability,deal owner\nOne,Acme,proposal,\"1,000.50\",40%,rep@acme.test\nTwo,Acme,NEGOTIATION,,,\nThree,,Closed Won,7,,\n";
    assert_eq!(deals(known).await, Ok((3, 0, 0, 0)));
    assert_eq!(deals(known).await, Ok((0, 0, 3, 0)));
    let state = "SELECT concat_ws('|', d.number::text, d.name, p.name, s.name, d.status, trim_scale(d.amount)::text, d.currency) AS t FROM deals d \
        JOIN pipelines p ON p.id = d.pipeline_id JOIN stages s ON s.id = d.stage_id ORDER BY d.number";
    let rows = texts(&app, state).await;
    assert_eq!(
        rows,
        [
            "1001|One|New business|Proposal|open|1000.5|EUR",
            "1002|Two|New business|Negotiation|open|EUR",
            "1003|Three|New business|Contract sent|won|7|EUR"
        ]
    );
    // Moved, won, reopened: each with its own event, and never two cards in one place.
    let moved = "deal name,company,stage,amount\nOne,Acme,Negotiation,1000.5\nTwo,Acme,Lost,\nThree,,Qualified,7\nFour,,Negotiation,1\n";
    assert_eq!(deals(moved).await, Ok((1, 3, 0, 0)));
    let kinds =
        texts(&app, "SELECT kind AS t FROM events WHERE record_type = 'deal' AND kind <> 'deal.created' ORDER BY 1")
            .await;
    assert_eq!(kinds, ["deal.lost", "deal.moved", "deal.reopened"]);
    let totals =
        texts(&app, "SELECT sum(deals)::text || ' ' || trim_scale(sum(amount))::text AS t FROM deal_totals").await;
    assert_eq!(totals, ["3 1008.5"]);
    // One new word among known stages does not send the file away from the team's pipeline; a file of foreign stages goes its own way.
    let mixed = "deal name,company,stage,amount\nFive,,Proposal,1\nSix,,Qualified,1\nSeven,,Security review,1\n";
    assert_eq!(deals(mixed).await, Ok((3, 0, 0, 0)));
    let places = "SELECT d.name || '|' || p.name || '|' || s.name AS t FROM deals d JOIN pipelines p ON p.id = d.pipeline_id \
        JOIN stages s ON s.id = d.stage_id WHERE d.name IN ('Five', 'Seven', 'Eight') ORDER BY d.number";
    assert_eq!(texts(&app, places).await, ["Five|New business|Proposal", "Seven|New business|Security review"]);
    let strange = "deal name,company,stage,amount\nEight,,Proposal,1\nNine,,Scoping,1\n";
    assert_eq!(deals(strange).await, Ok((2, 0, 0, 0)));
    let eight = texts(&app, places).await.pop().unwrap_or_default();
    assert!(eight.starts_with("Eight|") && !eight.contains("New business"), "{eight}");
    // Unknown stages make a pipeline of their own, named as told, in the order deals pass them.
    let foreign = b"opportunity id,name,stage\na,A,Negotiation/Review\nb,B,Prospecting\nc,C,Value proposition\n";
    let options = Options { pipeline: Some("Old CRM".into()), ..Options::default() };
    assert_eq!(import_with(&app, &org, RecordType::Deal, "x.csv", foreign, options).await, Ok((3, 0, 0, 0)));
    let stages = texts(&app, "SELECT s.name AS t FROM stages s JOIN pipelines p ON p.id = s.pipeline_id WHERE p.name = 'Old CRM' ORDER BY s.position").await;
    assert_eq!(stages, ["Prospecting", "Value proposition", "Negotiation/Review"]);
    app.stop().await;
}
