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

/// Deals of one name at one company, people who share an address: told apart by their own ids, here and in another organisation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shares_a_name_or_an_address_stays_apart() {
    let app = TestApp::start().await;
    let (org, copy) = (app.org("from").await, app.org("to").await);
    let admin = enter(&app, &org, "admin").await;
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    for amount in ["10", "20", "30"] {
        let deal = [("name", "Renewal"), ("stage_id", &*stage), ("company", "Acme"), ("amount", amount)];
        assert_eq!(admin.post("/deals/new", &deal).await.status(), 303);
    }
    for first in ["Ann", "Bob", "Cid"] {
        assert_eq!(admin.post("/contacts", &[("first_name", first), ("last_name", "Bell")]).await.status(), 303);
    }
    assert_eq!(admin.post("/settings/tags", &[("name", "VIP"), ("color", "blue")]).await.status(), 303);
    let past = format!(
        "UPDATE contacts SET email = 'info@acme.example' WHERE org_id = '{0}' AND first_name <> 'Cid'; \
         INSERT INTO record_tags (org_id, record_type, record_id, tag_id) SELECT c.org_id, 'contact', c.id, t.id \
           FROM contacts c JOIN tags t ON t.org_id = c.org_id WHERE c.org_id = '{0}' AND c.first_name = 'Bob'; \
         UPDATE deals SET status = 'won', closed_at = now(), won_reason = 'Price', won_note = 'In May' \
           WHERE org_id = '{0}' AND amount = 20; \
         UPDATE deals SET status = 'lost', closed_at = now(), lost_reason = 'Other', lost_note = 'In June' \
           WHERE org_id = '{0}' AND amount = 30",
        org.id
    );
    app.sql(&past).await;
    let deals = |org: &Org| {
        format!(
            "SELECT string_agg(concat_ws(' ', amount, status, won_reason, won_note, lost_reason, lost_note), ' | ' ORDER BY amount) \
             FROM deals WHERE org_id = '{}'",
            org.id
        )
    };
    let people = |org: &Org| {
        format!(
            "SELECT string_agg(concat_ws(' ', c.first_name, c.email, c.external_id, (SELECT t.name FROM record_tags x \
               JOIN tags t ON t.id = x.tag_id WHERE x.record_id = c.id)), ' | ' ORDER BY c.first_name) FROM contacts c WHERE org_id = '{}'",
            org.id
        )
    };
    for (record, format, name, all) in [
        (RecordType::Deal, "csv", "deals.csv", deals(&org)),
        (RecordType::Contact, "csv", "contacts.csv", people(&org)),
        (RecordType::Contact, "xlsx", "contacts.xlsx", people(&org)),
        (RecordType::Contact, "vcard", "contacts.vcf", people(&org)),
    ] {
        let before = app.value(&all).await;
        let file = download(&admin, &whole(record.key(), format)).await;
        let counts = import_with(&app, &org, record, name, &file, Options::default()).await;
        assert_eq!(counts, Ok((0, 0, 3, 0)), "{name}");
        assert_eq!(app.value(&all).await, before, "{name}");
    }
    for (record, (here, there)) in
        [(RecordType::Deal, (deals(&org), deals(&copy))), (RecordType::Contact, (people(&org), people(&copy)))]
    {
        let file = String::from_utf8(download(&admin, &whole(record.key(), "csv")).await).unwrap();
        let file = file.replace("admin@from.test", "");
        assert_eq!(import(&app, &copy, record, file.as_bytes()).await, Ok((3, 0, 0, 0)), "{file}");
        assert_eq!(app.value(&there).await, app.value(&here).await, "{file}");
        assert_eq!(import(&app, &copy, record, file.as_bytes()).await, Ok((0, 0, 3, 0)), "{file}");
    }
    // Cards that another organisation wrote keep their ids as another system's, apart all the same.
    let third = app.org("third").await;
    let cards = download(&admin, &whole("contact", "vcard")).await;
    for counts in [(3, 0, 0, 0), (0, 0, 3, 0)] {
        let done = import_with(&app, &third, RecordType::Contact, "c.vcf", &cards, Options::default()).await;
        assert_eq!(done, Ok(counts));
    }
    // A row whose record went into another one is told, not written over it.
    let file = download(&admin, &whole("contact", "csv")).await;
    let merge = format!(
        "UPDATE contacts SET deleted_at = now() WHERE org_id = '{0}' AND first_name = 'Bob'; \
         INSERT INTO merges (org_id, id, record_type, survivor_id, merged_id, before, after, moved, survivor_version) \
         SELECT '{0}', gen_random_uuid(), 'contact', kept.id, gone.id, '{{}}', '{{}}', '{{}}', 2 FROM contacts gone, contacts kept \
         WHERE gone.org_id = '{0}' AND gone.first_name = 'Bob' AND kept.org_id = '{0}' AND kept.first_name = 'Ann'",
        org.id
    );
    app.sql(&merge).await;
    assert_eq!(import(&app, &org, RecordType::Contact, &file).await, Ok((0, 0, 2, 1)));
    let told = app.value("SELECT message FROM import_errors ORDER BY message LIMIT 1").await;
    assert!(told.starts_with("was merged into another record"), "{told}");
    app.stop().await;
}
