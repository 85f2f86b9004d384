//! That rules which few records obey are answered by an index, as an organisation's own transaction sees it: the plans themselves, and
//! that the list finds the same.

use super::{listed, query};
use crate::support::{Org, TestApp, sql};
use diesel::{QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};
use pipewright::{
    features::records::filter::{self, Filter, Schema},
    kernel::RecordType,
};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    step: String,
}

/// The plan of a page of a list, under row-level security.
async fn plan(app: &TestApp, org: &Org, table: &str, condition: &str) -> String {
    let (url, org, statement) = (
        app.database_url().to_owned(),
        org.id,
        format!(
            "EXPLAIN SELECT r.id FROM {table} r WHERE r.archived_at IS NULL AND r.deleted_at IS NULL AND ({condition}) ORDER BY r.name_key, r.id LIMIT 51"
        ),
    );
    tokio::task::spawn_blocking(move || {
        let mut conn = sql::connect(&url);
        conn.batch_execute(&format!("SET ROLE pipewright_app; SET app.org_id = '{org}'")).unwrap();
        let steps: Vec<Step> = sql_query(statement).load(&mut conn).unwrap();
        steps.into_iter().map(|step| step.step + "\n").collect::<String>()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_few_records_obey_is_looked_up() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    for o in [&org, &other] {
        app.sql(&format!(
            "INSERT INTO companies (org_id, id, name, industry) SELECT '{0}', gen_random_uuid(), 'Company ' || n, 'Food' FROM generate_series(1, 2000) n;
             INSERT INTO contacts (org_id, id, last_name, email, phone, city, country, company_id, owner_id, custom)
             SELECT '{0}', gen_random_uuid(), 'Person ' || lpad(n::text, 5, '0'), CASE WHEN n <> 4000 THEN 'p' || n || '@x.test' END, '+3120' || n,
               CASE WHEN n = 5000 THEN 'Rare Town' ELSE 'Common' END, 'NL', c.id, '{1}', jsonb_build_object('c_tier', CASE WHEN n = 6000 THEN 'gold' ELSE 'tin' END)
             FROM generate_series(1, 8000) n JOIN (SELECT id, row_number() OVER () AS at FROM companies WHERE org_id = '{0}') c ON c.at = 1 + n % 1999",
            o.id, o.admin
        ))
        .await;
    }
    app.sql("ANALYZE contacts, companies").await;
    let admin = app.signed_in(&org, "admin").await;
    let mut form = vec![("type", "contact"), ("kind", "choice"), ("label", "Tier"), ("new_choices", "Gold\nTin")];
    form.extend(["administrator", "manager", "rep", "viewer"].iter().flat_map(|r| [("viewers", *r), ("editors", *r)]));
    assert_eq!(admin.post("/settings/fields", &form).await.status(), 303);

    for (table, condition, index) in [
        ("contacts", "r.email IS NULL OR r.email = ''", "contacts_no_email"),
        ("contacts", "r.phone IS NULL OR r.phone = ''", "contacts_no_phone"),
        ("contacts", "r.company_id IS NULL", "contacts_no_company"),
        ("contacts", "r.owner_id IS NULL", "contacts_no_owner"),
        ("contacts", "r.do_not_contact IS TRUE", "contacts_silent"),
        ("companies", "r.domain IS NULL OR r.domain = ''", "companies_no_domain"),
    ] {
        let plan = plan(&app, &org, table, condition).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{condition}: {plan}");
    }
    let rule = |key: &str, op: &str, value: &str| {
        let values = if value.is_empty() { String::new() } else { format!(r#","values":["{value}"]"#) };
        format!("/contacts?{}", query(&format!(r#"{{"all":[{{"rule":{{"key":"{key}","op":"{op}"{values}}}}}]}}"#)))
    };
    for (path, found) in [
        (rule("city", "is", "rare town"), vec!["Person 05000"]),
        (rule("city", "is", "Nowhere"), vec![]),
        (rule("c_tier", "is", "gold"), vec!["Person 06000"]),
        (rule("email", "empty", ""), vec!["Person 04000"]),
        (rule("country", "is", "DE"), vec![]),
    ] {
        assert_eq!(listed(&admin, &path).await, found, "{path}");
    }
    // What many obey is walked, and all of it is there; what is asked beside it counts too.
    assert_eq!(listed(&admin, &rule("city", "is", "common")).await.len(), 50);
    let both = query(
        r#"{"all":[{"rule":{"key":"city","op":"is","values":["RARE TOWN"]}},{"rule":{"key":"c_tier","op":"is","values":["gold"]}}]}"#,
    );
    assert_eq!(listed(&admin, &format!("/contacts?{both}")).await, Vec::<String>::new());
    let either = query(
        r#"{"any":[{"rule":{"key":"city","op":"is","values":["RARE TOWN"]}},{"rule":{"key":"c_tier","op":"is","values":["gold"]}}]}"#,
    );
    assert_eq!(listed(&admin, &format!("/contacts?{either}")).await, ["Person 05000", "Person 06000"]);
    // Alternatives are looked up together; with one that many obey they are walked.
    let by = app.actor(&org, org.admin).await;
    for (with, few) in [("gold", Some(2)), ("tin", None)] {
        let alternatives = format!(
            r#"{{"all":[{{"any":[{{"rule":{{"key":"city","op":"is","values":["RARE TOWN"]}}}},{{"all":[{{"rule":{{"key":"c_tier","op":"is","values":["{with}"]}}}}]}}]}}]}}"#
        );
        let filter: Filter = serde_json::from_str(&alternatives).unwrap();
        let actor = by.clone();
        let found = app.db.org(&by, move |tx| {
            let schema = Schema::load(tx, &actor, RecordType::Contact, &filter)?;
            let lookups = filter::lookups(&filter, RecordType::Contact, &schema, &actor);
            filter::candidates(tx, RecordType::Contact, &lookups, true)
        });
        assert_eq!(found.await.unwrap().map(|ids| ids.len()), few, "{with}");
    }
    let none = query(r#"{"all":[{"related":{"relation":"contacts","has":false,"filter":{"all":[]}}}]}"#);
    assert_eq!(listed(&admin, &format!("/companies?{none}")).await.len(), 1);
    // What the deals of companies are is in the index by which they are found.
    let (pipeline, stages) = app.stages(&org);
    // What is not flushed yet is not known to be visible to all, and then an index alone does not do.
    app.sql(&format!(
        "SET synchronous_commit = on;
         INSERT INTO deals (org_id, id, number, name, company_id, pipeline_id, stage_id, position, currency)
         SELECT '{0}', gen_random_uuid(), n, 'Deal ' || n, c.id, '{pipeline}', '{1}', 'p' || n, 'EUR'
         FROM generate_series(1, 4000) n JOIN (SELECT id, row_number() OVER (ORDER BY name_key) AS at FROM companies WHERE org_id = '{0}') c
           ON c.at = 1 + n % 1997",
        org.id, stages[0]
    ))
    .await;
    app.sql("VACUUM (ANALYZE) deals").await;
    let idle = "NOT EXISTS (SELECT 1 FROM (SELECT r.company_id AS link FROM deals r WHERE r.archived_at IS NULL AND r.deleted_at IS NULL AND (r.status = 'open')) x WHERE x.link = r.id)";
    let steps = plan(&app, &org, "companies", idle).await;
    assert!(steps.contains("Index Only Scan using deals_of_company"), "{steps}");
    let idle = query(
        r#"{"all":[{"related":{"relation":"deals","has":false,"filter":{"all":[{"rule":{"key":"status","op":"is","values":["open"]}}]}}}]}"#,
    );
    assert_eq!(listed(&admin, &format!("/companies?{idle}")).await.len(), 3);
    app.stop().await;
}
