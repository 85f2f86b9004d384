//! Real files through the wizard with whatever it suggests, against a count of our own (../shared/data; skipped where that is not here);
//! and a large one, with errors and with itself repeated.

use super::{
    import, texts,
    wizard::{accept, begin, tiles},
};
use crate::support::{Client, TestApp};
use pipewright::kernel::RecordType;
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

fn file(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    bytes
}

/// The cells of a column, read without any of our code.
fn column(bytes: &[u8], heading: &str) -> Vec<String> {
    let text = encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let at =
        reader.headers().unwrap().iter().position(|h| h.trim_start_matches('\u{feff}').ends_with(heading)).unwrap();
    reader.records().map(|row| row.unwrap().get(at).unwrap_or_default().to_owned()).collect()
}

/// Accepts what is suggested; the trial and the import say the same.
async fn through(app: &TestApp, client: &Client, record: &str, name: &str, bytes: &[u8]) -> Vec<i64> {
    let here = begin(client, record, name.rsplit('/').next().unwrap(), bytes).await;
    let check = accept(app, client, &here).await;
    let tried = tiles(&check);
    assert_eq!(client.post(&format!("{here}/start"), &[]).await.status(), 303);
    app.run_jobs().await;
    let done = client.get(&here).await;
    assert_eq!(tiles(&done), tried, "{name}: {}", done.body);
    tried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_of_other_programs() {
    let app = TestApp::start().await;
    // What kind of record, which file, and which column tells its records apart.
    let files = [
        ("contact", "05-contact-exports/google-contacts-old-layout_roundcube.csv", "E-mail 1 - Value"),
        ("contact", "05-contact-exports/thunderbird_roundcube.csv", "Primary Email"),
        ("contact", "05-contact-exports/outlook-emails-only_roundcube.csv", "E-mail Address"),
        ("company", "05-contact-exports/salesforce-dataloader-accounts.csv", "ID"),
        ("deal", "05-contact-exports/salesforce-dataloader-opportunities.csv", "ID"),
        ("company", "05-contact-exports/hubspot-import-shape_companies.csv", "Company ID"),
        ("contact", "05-contact-exports/hubspot-import-shape_contacts.csv", "Contact ID"),
        ("deal", "05-contact-exports/hubspot-import-shape_deals.csv", "Deal ID"),
        ("company", "03-northwind/customers.csv", "customerID"),
        ("contact", "03-northwind/customers.csv", "customerID"),
        ("lead", "02-lead-scoring-xeducation/Leads.csv", "Prospect ID"),
    ];
    for (n, (record, name, key)) in files.into_iter().enumerate() {
        let Some(bytes) = file(name) else { continue };
        let org = app.org(&format!("{record}-{n}")).await;
        let client = app.signed_in(&org, "admin").await;
        let ids = column(&bytes, key);
        let distinct = ids.iter().collect::<HashSet<_>>().len() as i64;
        let rows = ids.len() as i64;
        let first = through(&app, &client, record, name, &bytes).await;
        assert_eq!((first[0], first[3]), (distinct, 0), "{name}");
        assert_eq!(first.iter().sum::<i64>(), rows, "{name}");
        let again = begin(&client, record, "again.csv", &bytes).await;
        assert_eq!(tiles(&accept(&app, &client, &again).await), [0, 0, rows, 0], "{name} again");
        if name.ends_with("hubspot-import-shape_deals.csv") {
            let people = column(&bytes, "Associated Contact Email").iter().filter(|e| !e.is_empty()).count();
            let links = "SELECT count(*)::text AS t FROM deal_contacts d JOIN organisations o ON o.id = d.org_id";
            assert_eq!(texts(&app, links).await, [people.to_string()]);
        }
    }
    let deleted = "05-contact-exports/outlook_google-shared-contacts-client.csv";
    if let Some(bytes) = file(deleted) {
        let org = app.org("outlook").await;
        let client = app.signed_in(&org, "admin").await;
        let kept = column(&bytes, "Action").iter().filter(|action| *action != "delete").count() as i64;
        assert_eq!(through(&app, &client, "contact", deleted, &bytes).await, [kept, 0, 1, 0]);
    }
    for (n, name) in ["ANDROID", "GMAIL", "IPHONE", "MS_OUTLOOK"].into_iter().enumerate() {
        let name = format!("05-contact-exports/vcard/John_Doe_{name}.vcf");
        let Some(bytes) = file(&name) else { continue };
        let org = app.org(&format!("cards-{n}")).await;
        let client = app.signed_in(&org, "admin").await;
        let cards = String::from_utf8_lossy(&bytes).matches("BEGIN:VCARD").count() as i64;
        assert_eq!(through(&app, &client, "contact", &name, &bytes).await, [cards, 0, 0, 0], "{name}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_rows_add_up() {
    const ROWS: usize = 200_000;
    let app = TestApp::start().await;
    let org = app.org("large").await;
    let client = app.signed_in(&org, "admin").await;
    let mut text = String::from("email,first name,title\n");
    // Address → first title; what a later row says else is an update.
    let mut known: HashMap<usize, usize> = HashMap::new();
    let (mut created, mut updated, mut skipped, mut failed) = (0, 0, 0, 0);
    for row in 0..ROWS {
        if row % 20 == 7 {
            text.push_str(&format!("not an address {row},N{row},T\n"));
            failed += 1;
            continue;
        }
        // Every tenth row is an earlier one again, every other of them with another title.
        let (person, title) = if row % 10 == 9 { (row / 3, row % 4) } else { (row, 0) };
        text.push_str(&format!("p{person}@x.test,N{person},T{title}\n"));
        match known.get(&person) {
            None => {
                known.insert(person, title);
                created += 1;
            }
            Some(first) if *first == title => skipped += 1,
            Some(_) => updated += 1,
        }
    }
    let here = begin(&client, "contact", "large.csv", text.as_bytes()).await;
    assert_eq!(tiles(&accept(&app, &client, &here).await), [created, updated, skipped, failed]);
    // Through the engine, so that nobody waits for so many search documents.
    let counts = import(&app, &org, RecordType::Contact, text.as_bytes()).await;
    assert_eq!(counts, Ok((created, updated, skipped, failed)));
    assert_eq!(created + updated + skipped + failed, ROWS as i64);
    texts(&app, "DELETE FROM jobs RETURNING kind AS t").await;
    assert_eq!(texts(&app, "SELECT count(*)::text AS t FROM contacts").await, [created.to_string()]);
    app.stop().await;
}
