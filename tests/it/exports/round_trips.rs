//! What was exported as CSV, imported into another organisation through the real engine, gives the same records: whatever they hold.

use super::{download, enter, whole};
use crate::{
    imports::{import, import_with},
    support::{Org, TestApp},
};
use pipewright::{
    features::{
        contacts::{self, NewContact},
        imports::Options,
    },
    kernel::RecordType,
    web::Allow,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

const PIECES: &[&str] = &[
    "=",
    "+",
    "-",
    "@",
    "'",
    "\"",
    "\"\"",
    ",",
    ";",
    "\n",
    "\r\n",
    "\t",
    "\\",
    "|",
    "<b>",
    "é",
    "ß",
    "İ",
    "שלום",
    "مرحبا",
    "\u{202e}",
    "😀",
    "👩‍👩‍👧",
    "\u{feff}",
    "\u{a0}",
    "a",
    "Z",
    "0",
    "1.234,56",
    " ",
    "NULL",
    "%s",
    "\u{1}",
    "\u{fffd}",
];

/// Whole cells that other programs' files hold for nothing, and what could be taken for a quotation mark.
const WORDS: &[&str] = &["NULL", "\\N", "(null)", "#N/A", "'NULL", "''\\N", "='", "'='", "-'", "Total", "N/A", "null"];

/// Texts that have broken importers: quotes, line ends, other scripts, formulas, apostrophes.
fn hostile() -> impl Strategy<Value = String> {
    let any = proptest::collection::vec(proptest::sample::select(PIECES), 0..7)
        // As every form keeps it: ends trimmed, line ends of one kind.
        .prop_map(|parts| parts.concat().replace("\r\n", "\n").trim().to_owned());
    let words = proptest::sample::select(WORDS).prop_map(str::to_owned);
    prop_oneof![5 => any, 1 => words]
}

fn nasty() -> impl Strategy<Value = NewContact> {
    let text = || hostile().prop_map(|text| Some(text).filter(|t| !t.is_empty()));
    let email = proptest::option::of("[a-z]{1,8}\\.[a-z0-9]{1,5}@[a-z]{2,9}\\.example");
    let others = proptest::collection::vec("[a-z]{3,8}@other\\.example", 0..3);
    let people = (hostile(), hostile(), text(), text(), text(), text());
    (people, email, others, proptest::sample::select(&["lead", "customer", "former"][..]), any::<bool>()).prop_map(
        |((first_name, last_name, title, street, city, description), email, mut others, lifecycle, do_not_contact)| {
            others.sort();
            others.dedup();
            NewContact {
                first_name,
                last_name,
                title,
                street,
                city,
                description,
                other_emails: others.into_iter().map(Some).collect(),
                email,
                phone: do_not_contact.then(|| "+31201234567".to_owned()),
                country: do_not_contact.then(|| "NL".to_owned()),
                lifecycle: lifecycle.to_owned(),
                do_not_contact,
                ..NewContact::default()
            }
        },
    )
}

const EVERYTHING: &str = "SELECT string_agg(x, E'\\n' ORDER BY x) FROM (SELECT concat_ws('␟', first_name, last_name, coalesce(p.title, '∅'),
    coalesce(email, '∅'), other_emails, coalesce(p.phone, '∅'), coalesce(c.name, '∅'), coalesce(p.street, '∅'), coalesce(p.city, '∅'),
    coalesce(p.country, '∅'), lifecycle, do_not_contact, coalesce(p.description, '∅')) AS x
  FROM contacts p LEFT JOIN companies c ON c.id = p.company_id WHERE p.org_id = ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_imported_as_it_was() {
    let app = TestApp::start().await;
    let mut runner = TestRunner::default();
    for n in 0..12 {
        let (org, copy) = (app.org(&format!("from-{n}")).await, app.org(&format!("to-{n}")).await);
        let mut people = proptest::collection::vec(nasty(), 1..20).new_tree(&mut runner).unwrap().current();
        for (i, person) in people.iter_mut().enumerate() {
            // No two are the same person.
            person.last_name = format!("{}{i}", person.last_name);
            person.email = person.email.as_ref().map(|email| format!("{i}{email}"));
            // Whoever has one address only, has it first.
            if person.email.is_none() {
                person.other_emails.clear();
            }
        }
        let actor = app.actor(&org, org.admin).await;
        app.db
            .org(&actor.clone(), move |tx| {
                let by = Allow::check(&actor)?;
                for person in &people {
                    contacts::create(tx, &by, person)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let admin = enter(&app, &org, "admin").await;
        for bom in ["true", ""] {
            let file = download(&admin, &[whole("contact", "csv"), vec![("bom", bom)]].concat()).await;
            let counts = import(&app, &copy, RecordType::Contact, &file).await.unwrap();
            assert_eq!(counts.3, 0, "{counts:?} of\n{}", String::from_utf8_lossy(&file));
            let (before, after) = (
                app.value(&format!("{EVERYTHING}'{}') y", org.id)).await,
                app.value(&format!("{EVERYTHING}'{}') y", copy.id)).await,
            );
            assert_eq!(before, after, "of\n{}", String::from_utf8_lossy(&file));
        }
    }
    app.stop().await;
}

/// Whom other programs would read as nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_for_nothing_are_words_in_our_own_files() {
    let app = TestApp::start().await;
    let org = app.org("from").await;
    let admin = enter(&app, &org, "admin").await;
    for (first, last, title) in
        [("NULL", "\\N", "(null)"), ("#N/A", "NULL", "'NULL"), ("'='", "='", "-'"), ("\\N", "Null", "'=1")]
    {
        let fields = [("first_name", first), ("last_name", last), ("title", title), ("city", first)];
        assert_eq!(admin.post("/contacts", &fields).await.status(), 303);
    }
    for format in ["csv", "xlsx"] {
        let copy = app.org(format).await;
        let file = download(&admin, &whole("contact", format)).await;
        let name = format!("contacts.{format}");
        let counts = import_with(&app, &copy, RecordType::Contact, &name, &file, Options::default()).await.unwrap();
        assert_eq!(counts, (4, 0, 0, 0));
        let everything = |org: &Org| format!("{EVERYTHING}'{}') y", org.id);
        assert_eq!(app.value(&everything(&org)).await, app.value(&everything(&copy)).await, "{format}");
    }
    // Elsewhere they are nothing.
    let other = app.org("northwind").await;
    let file = b"name,region,fax\nAnn,NULL,NULL\nBob,NULL,NULL\n";
    assert_eq!(import(&app, &other, RecordType::Contact, file).await.unwrap(), (2, 0, 0, 0));
    let none = format!("SELECT count(*)::text FROM contacts WHERE org_id = '{}' AND region IS NOT NULL", other.id);
    assert_eq!(app.value(&none).await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companies_leads_and_deals_come_back_too() {
    let app = TestApp::start().await;
    let (org, copy) = (app.org("from").await, app.org("to").await);
    let admin = enter(&app, &org, "admin").await;
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    for fields in [
        vec![("name", "@Ohře \"Papers\""), ("employees", "12"), ("annual_revenue", "1.5"), ("domain", "ohre.example")],
        vec![("name", "'=2+2"), ("phone", "+420 601 123 456"), ("parent", "@Ohře \"Papers\""), ("country", "CZ")],
    ] {
        assert_eq!(admin.post("/companies", &fields).await.status(), 303);
    }
    let lead = [
        ("first_name", "-"),
        ("company_name", "=1"),
        ("score", "5"),
        ("estimated_value", "1234.5678"),
        ("status", "working"),
        ("currency", "JPY"),
    ];
    assert_eq!(admin.post("/leads", &lead).await.status(), 303);
    let deal = [
        ("name", "+Deal"),
        ("stage_id", &*stage),
        ("amount", "99.99"),
        ("currency", "USD"),
        ("company", "'=2+2"),
        ("expected_close_on", "2027-03-04"),
    ];
    assert_eq!(admin.post("/deals/new", &deal).await.status(), 303);
    let all = |table: &str, columns: &str, org: &Org| {
        format!(
            "SELECT string_agg(x::text, ' | ' ORDER BY x::text) FROM (SELECT {columns} FROM {table} r WHERE org_id = '{}') x",
            org.id
        )
    };
    for (record, table, columns) in [
        (
            RecordType::Company,
            "companies",
            "name, employees, annual_revenue, domain, phone, country, (SELECT p.name FROM companies p WHERE p.id = r.parent_id)",
        ),
        (RecordType::Lead, "leads", "first_name, company_name, score, estimated_value, status, currency"),
        (
            RecordType::Deal,
            "deals",
            "name, amount, currency, expected_close_on, status, (SELECT s.name FROM stages s WHERE s.id = r.stage_id), (SELECT c.name FROM companies c WHERE c.id = r.company_id)",
        ),
    ] {
        let file = download(&admin, &whole(record.key(), "csv")).await;
        // Its people are not members there.
        let file = String::from_utf8(file).unwrap().replace("admin@from.test", "");
        let counts = import(&app, &copy, record, file.as_bytes()).await.unwrap();
        assert_eq!(counts.3, 0, "{counts:?} of {file}");
        let (before, after) =
            (app.value(&all(table, columns, &org)).await, app.value(&all(table, columns, &copy)).await);
        assert_eq!(before, after, "of {file}");
    }
    app.stop().await;
}
