//! Global search: what finds a record, who may, and what nonsense does no harm.

use crate::support::{Org, TestApp};
use diesel::{Connection, PgConnection, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types};

/// Companies, contacts and deals as rows, with their documents.
fn fill(app: &TestApp, org: &Org) {
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    let (id, rep, admin) = (org.id, org.rep, org.admin);
    conn.batch_execute(&format!(
        "SET ROLE pipewright_system; SET app.org_id = '{id}';
         INSERT INTO companies (id, name, domain, phone, city, owner_id) VALUES
           ('00000000-0000-7000-8000-000000000001', 'Brightwater Foods {slug}', 'brightwater-{slug}.example', '+31209771234', 'Ghent', '{rep}');
         INSERT INTO contacts (id, first_name, last_name, email, other_emails, phone, other_phones, company_id, owner_id) VALUES
           ('00000000-0000-7000-8000-000000000002', 'Élodie', 'Sørensen', 'elodie@{slug}.example', '{{second@{slug}.example}}', '+31612345678', '{{+32470111222}}', '00000000-0000-7000-8000-000000000001', '{admin}');
         INSERT INTO deals (id, number, name, company_id, pipeline_id, stage_id, position, currency, owner_id)
           SELECT '00000000-0000-7000-8000-000000000003', 1042, 'Cold chain pilot', '00000000-0000-7000-8000-000000000001', pipeline_id, id, 'a0', 'EUR', '{rep}'
           FROM stages WHERE org_id = '{id}' AND position = 0;
         SELECT app.reindex('{id}', 'company', '{{00000000-0000-7000-8000-000000000001}}');
         SELECT app.reindex('{id}', 'contact', '{{00000000-0000-7000-8000-000000000002}}');
         SELECT app.reindex('{id}', 'deal', '{{00000000-0000-7000-8000-000000000003}}');",
        slug = org.slug
    ))
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_by_every_handle_and_only_in_its_own_organisation() {
    let app = TestApp::start().await;
    let (acme, other) = (app.org("acme").await, app.org("other").await);
    fill(&app, &acme);
    fill(&app, &other);
    let admin = app.signed_in(&acme, "admin").await;
    let (company, contact, deal) = ("Brightwater Foods acme", "Élodie Sørensen", "Cold chain pilot");
    for (q, found) in [
        ("bright", company),
        ("water", company),
        ("brigthwater", company),
        ("brightwater-acme.example", company),
        ("https%3A%2F%2Fwww.brightwater-acme.example%2F", company),
        ("020 977 1234", company),
        ("elodie", contact),
        ("SORENSEN", contact),
        ("s%C3%B8rensen+%C3%A9lo", contact),
        ("sorens", contact),
        ("sorenssen", contact),
        ("second%40acme", contact),
        ("%2B31 6 1234 5678", contact),
        ("%2B31 (0)6 1234 5678", contact),
        ("%2B31 (0)612345678", contact),
        ("(0)20 977 1234", company),
        ("470111", contact),
        ("elodie bright", contact),
        ("D-1042", deal),
        ("1042", deal),
        ("chain cold", deal),
        ("pilot brightw", deal),
        // As one writes and pastes them, with punctuation that is no part of a word.
        ("S%C3%B8rensen, %C3%89lodie", contact),
        ("%C3%89lodie S%C3%B8rensen <elodie%40acme.example>", contact),
        ("Sorensen/bright", contact),
        ("(bright)", company),
        ("%22brightwater foods%22!", company),
        ("brightwater %26 foods", company),
        ("(020) 977-1234;", company),
        ("pilot [D-1042],", deal),
    ] {
        let page = admin.get(&format!("/search?q={}", q.replace(' ', "+"))).await;
        assert_eq!(page.status(), 200, "{q}");
        assert!(page.contains(found), "{q} does not find {found}: {}", page.body);
        assert!(!page.contains("Brightwater Foods other") && !page.contains("other.example"), "{q} leaks");
    }
    assert!(admin.get("/contacts?q=S%C3%B8rensen,+(elodie)").await.contains(contact), "a list is searched alike");
    assert!(
        admin.get(&format!("/pipeline/{}?q=pilot,+(cold)", app.stages(&acme).0)).await.contains(deal),
        "and the board"
    );
    assert!(admin.get("/search?q=quite+another+thing").await.contains("Nothing found"));
    let palette = admin.get_partial("/search?q=bright").await;
    assert!(palette.body.trim_start().starts_with("<ul role=\"listbox\""), "{}", palette.body);
    assert!(palette.contains("href=\"/companies/00000000-0000-7000-8000-000000000001\""));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_only_what_the_role_sees_and_survives_nonsense() {
    let app = TestApp::start().await;
    let org = app.org("acme").await;
    fill(&app, &org);
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    let rep = app.signed_in(&org, "rep").await;
    assert!(rep.get("/search?q=sorensen").await.contains("Élodie"));
    conn.batch_execute("UPDATE roles SET visibility = 'own' WHERE key = 'rep'").unwrap();
    assert!(rep.get("/search?q=sorensen").await.contains("Nothing found"), "the contact is the administrator's");
    assert!(rep.get("/search?q=bright").await.contains("Brightwater"));
    conn.batch_execute("UPDATE roles SET visibility = 'team' WHERE key = 'rep'; INSERT INTO teams (org_id, id, name) SELECT id, id, 'T' FROM organisations;
        INSERT INTO team_members (org_id, team_id, member_id) SELECT m.org_id, m.org_id, m.id FROM members m JOIN roles r ON r.id = m.role_id WHERE r.key IN ('rep', 'administrator')").unwrap();
    assert!(rep.get("/search?q=sorensen").await.contains("Élodie"), "of the same team");
    conn.batch_execute("UPDATE roles SET permissions = array_remove(permissions, 'deals.view') WHERE key = 'rep'")
        .unwrap();
    assert!(!rep.get("/search?q=1042").await.contains("Cold chain"));
    let long = "x".repeat(10_000);
    for q in [
        "%25",
        "_",
        "%5C",
        "%27%3B--",
        "a",
        "%00",
        "%E2%80%8B",
        "%F0%9F%98%80",
        "%25%25%25%25",
        "+++",
        "%2B",
        "(",
        "0",
        long.as_str(),
    ] {
        let page = rep.get(&format!("/search?q={q}")).await;
        assert!([200, 400, 414].contains(&page.status()), "{q} gives {}", page.status());
    }
    assert!(rep.get("/search?q=%25").await.contains("Nothing found"), "a wildcard is a character");
    assert!(rep.get("/search?q=%FF%FE").await.status() < 500, "invalid UTF-8");
    assert_eq!(app.get("/search?q=a").await.status(), 303);
    app.stop().await;
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Under row-level security a plain LIKE scans; app.search must not, whether the organisation is a part of the table or most of it. One
/// like it in another organisation stays there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fragment_is_found_through_the_trigram_index() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("acme").await, app.org("other").await);
    let mut conn = PgConnection::establish(app.database_url()).unwrap();
    conn.batch_execute(&format!(
        "INSERT INTO search_documents (org_id, record_type, record_id, title, folded_title, haystack)
         SELECT '{}', 'contact', gen_random_uuid(), 'Person ' || i, 'person ' || i, ' person ' || i || ' zq' || md5(i::text) || ' '
         FROM generate_series(1, 20000) i;
         INSERT INTO search_documents (org_id, record_type, record_id, title, folded_title, haystack)
         SELECT '{}', 'contact', gen_random_uuid(), 'Foreign', 'foreign', ' foreign zq' || md5('4242') || ' '; ANALYZE search_documents",
        org.id, other.id
    ))
    .unwrap();
    let scans = |conn: &mut PgConnection, what: &str| {
        sql_query(format!("SELECT pg_stat_get_xact_numscans('{what}'::regclass) AS n"))
            .get_result::<Count>(conn)
            .unwrap()
            .n
    };
    for records in [100, 20_000] {
        conn.batch_execute(&format!(
            "INSERT INTO record_totals (org_id, record_type, records) VALUES ('{0}', 'contacts', {records});
             BEGIN; SET LOCAL ROLE pipewright_app; SET LOCAL app.org_id = '{0}'",
            org.id
        ))
        .unwrap();
        // md5 of 4242 ends in these characters.
        let found: Count =
            sql_query("SELECT count(*) AS n FROM app.search(substr(md5('4242'), 20), '{contact}', NULL, 5)")
                .get_result(&mut conn)
                .unwrap();
        assert_eq!(found.n, 1);
        assert!(scans(&mut conn, "search_documents_contact_trgm") > 0, "the trigram index was not used");
        assert_eq!(scans(&mut conn, "search_documents"), 0, "the table was scanned");
        conn.batch_execute("ROLLBACK").unwrap();
    }
    drop(conn);
    app.stop().await;
}
