//! Files of our own, imported again where they came from, change nothing: times in workbooks, leads that are a company.

use super::{download, enter, whole};
use crate::{
    imports::{import, import_with},
    support::{Org, TestApp},
};
use pipewright::{features::imports::Options, kernel::RecordType};

/// To the microsecond, midnight too, wherever whoever reads the workbook is: nothing changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moments_come_back_from_a_workbook_as_they_were() {
    let app = TestApp::start().await;
    let org = app.org("from").await;
    let admin = enter(&app, &org, "admin").await;
    let field = [
        ("type", "deal"),
        ("kind", "date_time"),
        ("label", "Demo"),
        ("section", "More"),
        ("viewers", "administrator"),
        ("editors", "administrator"),
    ];
    let made = admin.post("/settings/fields", &field).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let stage = app.value("SELECT id FROM stages ORDER BY position LIMIT 1").await;
    for name in ["Won", "Lost"] {
        assert_eq!(admin.post("/deals/new", &[("name", name), ("stage_id", &*stage)]).await.status(), 303);
    }
    app.sql(
        "UPDATE organisations SET time_zone = 'Europe/Amsterdam';
         UPDATE deals SET status = lower(name), closed_at = '2026-04-24 21:08:59.999123Z', custom = '{\"c_demo\": \"2026-05-04T22:00:00Z\"}';
         UPDATE deals SET closed_at = '2026-09-07 00:00:00Z', lost_reason = 'Price', custom = '{\"c_demo\": \"2026-12-31T00:00:00Z\"}' WHERE name = 'Lost'",
    )
    .await;
    let all =
        "SELECT string_agg(concat_ws(' ', name, status, closed_at, custom, version), ' | ' ORDER BY name) FROM deals";
    let before = app.value(all).await;
    let file = download(&admin, &whole("deal", "xlsx")).await;
    for zone in ["Europe/Amsterdam", "UTC", "America/New_York"] {
        app.sql(&format!("UPDATE organisations SET time_zone = '{zone}'")).await;
        let counts = import_with(&app, &org, RecordType::Deal, "deals.xlsx", &file, Options::default()).await;
        let (now, told) =
            (app.value(all).await, app.value("SELECT coalesce(string_agg(message, ' '), '') FROM import_errors").await);
        assert_eq!(counts, Ok((0, 0, 2, 0)), "{zone}: {before} / {now} {told}");
        assert_eq!(now, before, "{zone}");
    }
    app.stop().await;
}

/// Leads that are a company and nothing else, and those with a website: as cards and as rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leads_come_back_unchanged() {
    let app = TestApp::start().await;
    let (org, copy) = (app.org("from").await, app.org("to").await);
    let admin = enter(&app, &org, "admin").await;
    for lead in [
        vec![("company_name", "Bodensee Optik"), ("domain", "bodensee.example")],
        vec![("email", "someone@there.example"), ("source", "Fair")],
        vec![
            ("first_name", "Jan"),
            ("last_name", "van der Berg"),
            ("company_name", "Berg"),
            ("domain", "berg.example"),
        ],
    ] {
        assert_eq!(admin.post("/leads", &lead).await.status(), 303);
    }
    let all = |org: &Org| {
        format!(
            "SELECT string_agg(concat_ws('|', first_name, last_name, company_name, email, domain, description, source), ' / ' \
               ORDER BY company_name, email) FROM leads WHERE org_id = '{}'",
            org.id
        )
    };
    let before = app.value(&all(&org)).await;
    for (format, name) in [("csv", "leads.csv"), ("xlsx", "leads.xlsx"), ("vcard", "leads.vcf")] {
        let file = download(&admin, &whole("lead", format)).await;
        let counts = import_with(&app, &org, RecordType::Lead, name, &file, Options::default()).await;
        assert_eq!(counts, Ok((0, 0, 3, 0)), "{name}: {before} / {}", app.value(&all(&org)).await);
        assert_eq!(app.value(&all(&org)).await, before, "{name}");
    }
    let file = String::from_utf8(download(&admin, &whole("lead", "csv")).await).unwrap();
    let file = file.replace("admin@from.test", "");
    assert_eq!(import(&app, &copy, RecordType::Lead, file.as_bytes()).await, Ok((3, 0, 0, 0)));
    assert_eq!(app.value(&all(&copy)).await, before);
    // Names in one cell.
    let names = b"name,email\nJan van der Meer,a@n.test\n\"Meer, Jan van der\",b@n.test\nRobert Downey Jr.,c@n.test\n";
    assert_eq!(import(&app, &copy, RecordType::Contact, names).await, Ok((3, 0, 0, 0)));
    let split = "SELECT string_agg(first_name || '|' || last_name, ' / ' ORDER BY email) FROM contacts WHERE email LIKE '%@n.test'";
    assert_eq!(app.value(split).await, "Jan|van der Meer / Jan|van der Meer / Robert|Downey Jr.");
    app.stop().await;
}
