//! Real exports of other programs import without hand work (../shared/data; skipped where that is not here).

use super::{Counts, import_with, texts};
use crate::support::{Org, TestApp};
use pipewright::{features::imports::Options, kernel::RecordType};
use std::path::PathBuf;

fn file(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    bytes
}

async fn run(app: &TestApp, org: &Org, record: RecordType, name: &str) -> Result<Counts, String> {
    let bytes = file(name).ok_or("not here")?;
    let name = name.rsplit('/').next().unwrap_or(name);
    import_with(app, org, record, name, &bytes, Options::default()).await
}

/// The first run gives `expected`; a second one changes nothing.
async fn twice(app: &TestApp, org: &Org, record: RecordType, name: &str, expected: Counts) {
    if file(name).is_none() {
        return;
    }
    let errors = "SELECT concat_ws(' ', i.file_name, e.line::text, e.field, e.message) AS t FROM import_errors e JOIN imports i ON i.id = e.import_id";
    let before = texts(app, errors).await.len();
    let counts = run(app, org, record, name).await;
    let told = texts(app, errors).await;
    assert_eq!(counts, Ok(expected), "{name}: {:#?}", &told[before.min(told.len())..]);
    let (created, updated, skipped, failed) = expected;
    assert_eq!(run(app, org, record, name).await, Ok((0, 0, created + updated + skipped, failed)), "{name} again");
}

/// `TEL;TYPE=home:x` of an expected card, by property; values of one property in the order of the card.
fn card(name: &str) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8(file(name)?).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    Some(lines.map(|(head, value)| (head.split(';').next().unwrap_or_default().to_owned(), value.to_owned())).collect())
}

/// Everything the expected card says is somewhere on the one contact.
async fn as_expected(app: &TestApp, card: &[(String, String)]) {
    let contact = texts(
        app,
        "SELECT concat_ws(E'\\n', 'N:' || last_name || ';' || first_name, 'TITLE:' || title, 'ORG:' || k.name, c.email, \
           array_to_string(other_emails, E'\\n'), c.street, c.city, c.region, c.postal_code, \
           CASE c.country WHEN 'PL' THEN 'Poland' END, c.description) AS t \
         FROM contacts c LEFT JOIN companies k ON k.id = c.company_id",
    )
    .await;
    assert_eq!(contact.len(), 1, "{contact:?}");
    for (property, value) in card {
        let parts: Vec<&str> = value.split(';').filter(|part| !part.is_empty()).collect();
        let parts = match property.as_str() {
            "BEGIN" | "END" | "VERSION" | "FN" | "CATEGORIES" => continue,
            // Year, month and day have columns of their own in one of the files.
            "BDAY" => value.split('-').collect(),
            _ => parts,
        };
        let missing: Vec<&&str> = parts.iter().filter(|part| !contact[0].contains(**part)).collect();
        assert!(missing.is_empty(), "{property} {missing:?} of\n{}", contact[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_books() {
    let app = TestApp::start().await;
    for name in ["google-contacts-old-layout_roundcube", "thunderbird_roundcube"] {
        let org = app.org(name.split(['-', '_']).next().unwrap_or(name)).await;
        twice(&app, &org, RecordType::Contact, &format!("05-contact-exports/{name}.csv"), (1, 0, 0, 0)).await;
        if let Some(card) = card(&format!("05-contact-exports/{name}.expected.vcf")) {
            as_expected(&app, &card).await;
        }
        texts(&app, "WITH gone AS (DELETE FROM contacts RETURNING 1) SELECT ''::text AS t FROM gone").await;
    }
    let org = app.org("outlook").await;
    twice(&app, &org, RecordType::Contact, "05-contact-exports/outlook-emails-only_roundcube.csv", (1, 0, 0, 0)).await;
    // The file says of one of the three that it is to be deleted.
    twice(
        &app,
        &org,
        RecordType::Contact,
        "05-contact-exports/outlook_google-shared-contacts-client.csv",
        (2, 0, 1, 0),
    )
    .await;
    if file("05-contact-exports/outlook_google-shared-contacts-client.csv").is_some() {
        let people = "SELECT concat_ws('|', first_name, last_name, title, email, other_emails::text, street) AS t FROM contacts ORDER BY email COLLATE \"C\"";
        let expected = [
            "Adam|Glacius|Sales Planner|adam.glacius@anycom.com|{adam.g@example.com,ag@glacius.com}|8999 Corporate Way",
            "Duncan|Amey|Supervisor|duncanamey@dreamt.com|{}",
            "|||test1@domain.tld|{test2@domain.tld,test3@domain.tld}",
        ];
        let found: Vec<String> = texts(&app, people).await.into_iter().map(|p| p.replace("||{", "|{")).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[..2], expected[..2]);
        assert!(found[2].ends_with("test1@domain.tld|{test2@domain.tld,test3@domain.tld}"), "{found:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards() {
    let app = TestApp::start().await;
    for (n, (name, cards)) in [
        ("John_Doe_GMAIL", 1),
        ("John_Doe_IPHONE", 1),
        ("John_Doe_MS_OUTLOOK", 1),
        ("rfc6350-example", 1),
        ("John_Doe_ANDROID", 6),
    ]
    .into_iter()
    .enumerate()
    {
        let org = app.org(&format!("cards-{n}")).await;
        twice(&app, &org, RecordType::Contact, &format!("05-contact-exports/vcard/{name}.vcf"), (cards, 0, 0, 0)).await;
    }
    if file("05-contact-exports/vcard/rfc6350-example.vcf").is_some() {
        let person = "SELECT concat_ws('|', first_name, c.email, c.phone, other_phones::text, c.city, c.country, k.name) AS t FROM contacts c \
            JOIN companies k ON k.id = c.company_id AND k.org_id = c.org_id WHERE last_name = 'Perreault'";
        let expected = "Simon|simon.perreault@viagenie.ca|+14186569254|{+14182626501}|Quebec|CA|Viagenie";
        assert_eq!(texts(&app, person).await, [expected]);
        let accents = texts(&app, "SELECT name AS t FROM companies WHERE name LIKE 'Ñ%' LIMIT 1").await;
        assert_eq!(accents.len(), 1);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_crms() {
    let app = TestApp::start().await;
    let org = app.org("salesforce").await;
    let folder = "05-contact-exports/";
    twice(&app, &org, RecordType::Company, &format!("{folder}salesforce-dataloader-accounts.csv"), (423, 0, 0, 0))
        .await;
    twice(&app, &org, RecordType::Deal, &format!("{folder}salesforce-dataloader-opportunities.csv"), (38, 0, 0, 0))
        .await;
    if file("05-contact-exports/salesforce-dataloader-opportunities.csv").is_some() {
        let sums = "SELECT concat_ws(' ', trim_scale(sum(amount))::text, (count(*) FILTER (WHERE status = 'won'))::text) AS t FROM deals";
        assert_eq!(texts(&app, sums).await, ["6270000 8"]);
    }
    let org = app.org("hubspot").await;
    twice(&app, &org, RecordType::Company, &format!("{folder}hubspot-import-shape_companies.csv"), (200, 0, 0, 0))
        .await;
    twice(&app, &org, RecordType::Contact, &format!("{folder}hubspot-import-shape_contacts.csv"), (950, 0, 0, 0)).await;
    twice(&app, &org, RecordType::Deal, &format!("{folder}hubspot-import-shape_deals.csv"), (500, 0, 0, 0)).await;
    // Activities are none of the kinds of record, and are not taken for one.
    if file("05-contact-exports/hubspot-import-shape_activities.csv").is_some() {
        let refused =
            run(&app, &org, RecordType::Contact, &format!("{folder}hubspot-import-shape_activities.csv")).await;
        assert!(refused.as_ref().is_err_and(|told| told.contains("it holds activities")), "{refused:?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn northwind_and_bare_layouts() {
    let app = TestApp::start().await;
    let org = app.org("northwind").await;
    twice(&app, &org, RecordType::Company, "03-northwind/customers.csv", (91, 0, 0, 0)).await;
    twice(&app, &org, RecordType::Contact, "03-northwind/customers.csv", (91, 0, 0, 0)).await;
    if file("03-northwind/customers.csv").is_some() {
        let sums = "SELECT concat_ws(' ', count(*)::text, count(region)::text, (SELECT count(*) FROM contacts WHERE company_id IS NOT NULL)::text) AS t \
            FROM companies";
        assert_eq!(texts(&app, sums).await, ["91 31 91"]);
    }
    // Layouts of which only the headings are known, with a row of our own under them.
    let org = app.org("layouts").await;
    for (name, row, found) in [
        (
            "google-contacts-2024-layout",
            "Ann,M,Bell,,,,,,,,Acme,CEO,,,Hi,,Friends,Work,a1@x.test ::: a2@x.test,,a3@x.test,,,,,Fax,+31201234567",
            "Ann M|Bell|CEO|a1@x.test|{a2@x.test,a3@x.test}|Acme|Hi\nPhone (Fax): +31201234567",
        ),
        (
            "pipedrive-sample-import",
            "Bo Diaz,,,+31 20 123 4567,b@x.test,b2@x.test,Beta BV,\"Street 1, 1000 AA, City\",A deal,100.0,Call,45631.0,A note",
            "Bo|Diaz||b@x.test|{b2@x.test}|Beta BV|A note",
        ),
    ] {
        let Some(header) = file(&format!("05-contact-exports/vendor-headers/{name}.header.csv")) else { continue };
        let text = format!("{}\n{row}\n", String::from_utf8_lossy(&header).trim());
        let counts = import_with(&app, &org, RecordType::Contact, name, text.as_bytes(), Options::default()).await;
        assert_eq!(counts, Ok((1, 0, 0, 0)), "{name}");
        let person = format!(
            "SELECT concat_ws('|', first_name, last_name, coalesce(title, ''), c.email, other_emails::text, k.name, c.description) AS t FROM contacts c \
             JOIN companies k ON k.id = c.company_id WHERE c.email = '{}'",
            found.split('|').nth(3).unwrap_or_default()
        );
        assert_eq!(texts(&app, &person).await, [found]);
        if name.starts_with("pipedrive") {
            let company = import_with(&app, &org, RecordType::Company, name, text.as_bytes(), Options::default()).await;
            assert_eq!(company, Ok((0, 1, 0, 0)));
            let deal = import_with(&app, &org, RecordType::Deal, name, text.as_bytes(), Options::default()).await;
            assert_eq!(deal, Ok((1, 0, 0, 0)));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leads() {
    let app = TestApp::start().await;
    let org = app.org("xeducation").await;
    twice(&app, &org, RecordType::Lead, "02-lead-scoring-xeducation/Leads.csv", (9_240, 0, 0, 0)).await;
    if file("02-lead-scoring-xeducation/Leads.csv").is_some() {
        let sums = "SELECT concat_ws(' ', count(*)::text, count(DISTINCT last_name)::text, count(source)::text, \
            (count(*) FILTER (WHERE do_not_contact))::text, (count(*) FILTER (WHERE city = 'Select'))::text) AS t FROM leads";
        let rows = String::from_utf8(file("02-lead-scoring-xeducation/Leads.csv").unwrap()).unwrap();
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_reader(rows.as_bytes()).records().map(Result::unwrap).collect();
        let sources = rows.iter().filter(|r| !r[3].is_empty()).count();
        let silent = rows.iter().filter(|r| &r[4] == "Yes" || &r[5] == "Yes").count();
        assert_eq!(texts(&app, sums).await, [format!("9240 9240 {sources} {silent} 0")]);
    }
    let people = app.org("people").await;
    let contacts = "05-contact-exports/hubspot-import-shape_contacts.csv";
    twice(&app, &people, RecordType::Lead, contacts, (950, 0, 0, 0)).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workbook_is_a_list_too() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (at, heading) in
        ["Deal name", "Company", "Amount", "Close date", "Probability", "Currency"].into_iter().enumerate()
    {
        sheet.write(0, at as u16, heading).unwrap();
    }
    let day = rust_xlsxwriter::ExcelDateTime::from_ymd(2026, 12, 31).unwrap();
    let look = |pattern: &str| rust_xlsxwriter::Format::new().set_num_format(pattern);
    sheet.write(1, 0, "Big one").unwrap();
    sheet.write(1, 1, "Müller & Söhne").unwrap();
    sheet.write(1, 2, 1234.567).unwrap();
    sheet.write(1, 5, "KWD").unwrap();
    sheet.write_datetime_with_format(1, 3, &day, &look("d.m.yyyy")).unwrap();
    sheet.write_with_format(1, 4, 0.35, &look("0%")).unwrap();
    sheet.write(2, 0, "Other").unwrap();
    sheet.write(2, 2, "US$ 1,200.50").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let run = || import_with(&app, &org, RecordType::Deal, "deals.xlsx", &bytes, Options::default());
    assert_eq!(run().await, Ok((2, 0, 0, 0)));
    assert_eq!(run().await, Ok((0, 0, 2, 0)));
    let deals = "SELECT concat_ws('|', d.name, k.name, trim_scale(amount)::text, currency, expected_close_on::text, probability::text) AS t \
        FROM deals d LEFT JOIN companies k ON k.id = d.company_id ORDER BY d.name";
    assert_eq!(texts(&app, deals).await, ["Big one|Müller & Söhne|1234.567|KWD|2026-12-31|35", "Other|1200.5|USD"]);
    let imports = texts(&app, "SELECT delimiter AS t FROM imports LIMIT 1").await;
    assert_eq!(imports, ["xlsx"]);
    app.stop().await;
}
