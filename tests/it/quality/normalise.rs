//! Normalisation: previewed, done, undone; what is in order stays; nobody reaches further than their role.

use super::*;
use crate::imports::texts;

const ALL: &str = "SELECT concat_ws('|', first_name, last_name, phone, array_to_string(other_phones, ','), country) AS t FROM contacts ORDER BY 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_previewed_done_and_undone() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, viewer) = (enter(&app, &org, "admin").await, enter(&app, &org, "viewer").await);
    let add = |org: &Org, first: &str, last: &str, phone: &str, country: &str| {
        app.alter(&format!(
            "INSERT INTO contacts (org_id, id, first_name, last_name, phone, other_phones, country) \
             VALUES ('{}', gen_random_uuid(), '{first}', '{last}', '{phone}', ARRAY['{phone}'], '{country}')",
            org.id
        ));
    };
    add(&org, "  ADA ", "VAN DER BERG", "020 123 4567", "nl");
    add(&org, "Ian", "McDonald", "+441632960961", "GB");
    add(&org, "mary", "o''brien", "020 7946 0961", "UK");
    add(&org, "Odd", "One", "call me", "XX");
    add(&other, "BOB", "FOREIGN", "020", "nl");
    let before = texts(&app, ALL).await;

    assert_eq!(viewer.get("/quality/normalisation?type=contact").await.status(), 403);
    assert_eq!(viewer.post("/quality/normalisation", &[("type", "contact"), ("part", "names")]).await.status(), 403);
    assert_eq!(admin.get("/quality/normalisation?type=deal").await.status(), 404);
    assert!(admin.get("/quality/normalisation?type=contact").await.contains("name=\"part\" value=\"phones\" checked"));
    let preview = admin.get("/quality/normalisation?type=contact&part=names&part=phones&part=countries").await;
    for told in [">van der Berg<", ">Mary<", ">O&#39;Brien<", "+31201234567", ">GB<", "of 4 contacts"] {
        assert!(preview.contains(told), "{told}: {}", preview.body);
    }
    assert!(!preview.contains(">McDonald<") && !preview.contains("FOREIGN"), "{}", preview.body);
    assert_eq!(texts(&app, ALL).await, before, "a preview changes nothing");

    let key = preview.between("name=\"request_key\" value=\"", "\"").unwrap().to_owned();
    let form =
        [("type", "contact"), ("part", "names"), ("part", "phones"), ("part", "countries"), ("request_key", &key)];
    let begun = admin.post("/quality/normalisation", &form).await;
    assert_eq!(begun.status(), 303, "{}", begun.body);
    let again = admin.post("/quality/normalisation", &form).await;
    assert_eq!(again.location, begun.location, "the same form is one operation");
    app.run_jobs().await;
    assert_eq!(
        texts(&app, ALL).await,
        [
            "Ada|van der Berg|+31201234567|+31201234567|NL",
            "BOB|FOREIGN|020|020|nl",
            "Ian|McDonald|+441632960961|+441632960961|GB",
            "Mary|O'Brien|+442079460961|+442079460961|GB",
            "Odd|One|call me|call me|XX",
        ]
    );
    let here = begun.location.unwrap();
    let shown = admin.get(&here).await;
    assert!(shown.contains("Put names, phone numbers, countries of contacts in order"), "{}", shown.body);
    assert!(shown.contains("in order already"), "{}", shown.body);
    let twice = admin.get("/quality/normalisation?type=contact&part=names&part=phones&part=countries").await;
    assert!(twice.contains("Nothing to change"), "{}", twice.body);
    assert_eq!(
        texts(&app, "SELECT kind || ' ' || count(*) AS t FROM events WHERE kind LIKE 'contact%' GROUP BY kind").await,
        ["contact.updated 2"]
    );

    assert_eq!(admin.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, ALL).await, before);

    // Companies: names, domains; what is asked for alone is done.
    app.alter(&format!(
        "INSERT INTO companies (org_id, id, name, domain) VALUES ('{}', gen_random_uuid(), 'ACME HOLDINGS BV', 'https://WWW.Acme.test/x')",
        org.id
    ));
    let begun = admin.post("/quality/normalisation", &[("type", "company"), ("part", "domains")]).await;
    assert_eq!(begun.status(), 303, "{}", begun.body);
    app.run_jobs().await;
    assert_eq!(texts(&app, "SELECT name || ' ' || domain AS t FROM companies").await, ["ACME HOLDINGS BV acme.test"]);
    let none = admin.post("/quality/normalisation", &[("type", "company")]).await;
    assert_eq!(none.location.as_deref(), Some("/quality/normalisation?type=company"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_a_job_and_only_ones_own() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = enter(&app, &org, "rep").await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, owner_id) SELECT '{}', gen_random_uuid(), 'JAN', 'NUMBER ' || n, \
         CASE WHEN n % 2 = 0 THEN '{}'::uuid END FROM generate_series(1, 1400) n",
        org.id, org.rep
    ));
    let begun = rep.post("/quality/normalisation", &[("type", "contact"), ("part", "names")]).await;
    let here = begun.location.unwrap();
    assert!(rep.get(&here).await.contains("Waiting"));
    app.run_jobs().await;
    let counts = "SELECT first_name || ' ' || (owner_id IS NULL) || ' ' || count(*) AS t FROM contacts GROUP BY first_name, owner_id ORDER BY 1";
    assert_eq!(texts(&app, counts).await, ["JAN true 700", "Jan false 700"]);
    assert_eq!(rep.post(&format!("{here}/undo"), &[]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(texts(&app, counts).await, ["JAN false 700", "JAN true 700"]);
}
