//! Who gets a lead that comes without an owner: rules, turns, and those that wait to be taken.

use super::{SITE, Stranger, make};
use crate::{
    imports::import,
    support::{Client, Org, Page, TestApp},
};
use pipewright::kernel::RecordType;

async fn send(app: &TestApp, form: &str, n: usize) -> u16 {
    let stranger = Stranger::new(app, &format!("198.51.100.{n}"));
    let email = format!("lead{n}@example.com");
    stranger.post(form, Some(SITE), &[("last_name", "Lead"), ("email", &email)]).await.status().as_u16()
}

async fn rule(admin: &Client, fields: &[(&str, &str)]) -> Page {
    let page = admin.post("/settings/assignment", fields).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    page
}

async fn team(app: &TestApp, org: &Org, members: &[&str]) -> String {
    let id = uuid::Uuid::now_v7();
    app.sql(&format!("INSERT INTO teams (org_id, id, name) VALUES ('{}', '{id}', 'North')", org.id)).await;
    for member in members {
        app.sql(&format!(
            "INSERT INTO team_members (org_id, team_id, member_id) VALUES ('{}', '{id}', '{member}')",
            org.id
        ))
        .await;
    }
    id.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_leads_are_assigned_by_the_first_rule_that_fits_and_in_turn() {
    let app = TestApp::start().await;
    let org = app.org("assigned").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, form) = make(&admin, &[]).await;
    let form_id = app.value("SELECT id FROM web_forms").await;
    let (a, m, r) = (org.admin.to_string(), org.manager.to_string(), org.rep.to_string());
    let north = team(&app, &org, &[&a, &m, &r]).await;
    let wrong = admin.post("/settings/assignment", &[("to", "member:nobody"), ("country", "XX")]).await;
    assert_eq!(wrong.status(), 422, "{}", wrong.body);
    rule(&admin, &[("to", &format!("member:{m}"))]).await;
    rule(&admin, &[("to", &format!("team:{north}")), ("form_id", &form_id), ("source", "WEBSITE")]).await;
    // The default was made first, but the list has an order.
    let second = app.value("SELECT id FROM assignment_rules WHERE team_id IS NOT NULL").await;
    assert_eq!(admin.post(&format!("/settings/assignment/{second}/place"), &[("to", "up")]).await.status(), 303);
    let page = admin.get("/settings/assignment").await;
    assert!(page.contains("North") && page.contains("Every other lead"), "{}", page.body);

    // Twelve at once: four each, nobody passed over.
    let sent = futures_util::future::join_all((1..=12).map(|n| send(&app, &form, n))).await;
    assert!(sent.iter().all(|status| *status == 303), "{sent:?}");
    let shares = "SELECT string_agg(n::text, ',') FROM (SELECT count(*) AS n FROM leads GROUP BY owner_id) x";
    assert_eq!(app.value(shares).await, "4,4,4");
    // Who left gets none.
    app.sql(&format!("UPDATE members SET deactivated_at = now() WHERE id = '{r}'")).await;
    for n in 13..=16 {
        assert_eq!(send(&app, &form, n).await, 303);
    }
    assert_eq!(app.value(&format!("SELECT count(*) FROM leads WHERE owner_id = '{r}'")).await, "4");
    assert_eq!(app.value("SELECT count(*) FROM leads WHERE owner_id IS NULL").await, "0");
    // By hand without an owner: the default. With one: theirs.
    admin.post("/leads", &[("last_name", "By hand")]).await;
    assert_eq!(app.value("SELECT owner_id FROM leads WHERE last_name = 'By hand'").await, m);
    admin.post("/leads", &[("last_name", "Kept"), ("owner_id", &a)]).await;
    assert_eq!(app.value("SELECT owner_id FROM leads WHERE last_name = 'Kept'").await, a);
    // Changed and taken away.
    let saved = admin
        .post(&format!("/settings/assignment/{second}"), &[("to", &format!("member:{a}")), ("campaign", "Spring")])
        .await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    assert!(admin.get(&format!("/settings/assignment/{second}")).await.contains("Spring"));
    assert_eq!(admin.post(&format!("/settings/assignment/{second}/deletion"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM assignment_rules").await, "1");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imports_leads_are_shared_out_in_the_same_turns() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("shared").await, app.org("untouched").await);
    let admin = app.signed_in(&org, "admin").await;
    let (a, m, r) = (org.admin.to_string(), org.manager.to_string(), org.rep.to_string());
    let north = team(&app, &org, &[&a, &m, &r]).await;
    rule(&admin, &[("to", &format!("team:{north}")), ("source", "trade FAIR")]).await;
    rule(&admin, &[("to", &format!("member:{m}")), ("country", "DE")]).await;
    let rows =
        |from: usize, to: usize, rest: &str| (from..to).map(|n| format!("Lead {n},{rest}\n")).collect::<String>();
    let head = "Last name,Source,Country\n";
    let file = format!("{head}{}{}{}", rows(0, 7, "Trade fair,NL"), rows(7, 9, "Web,DE"), rows(9, 10, "Web,NL"));
    assert_eq!(import(&app, &org, RecordType::Lead, file.as_bytes()).await, Ok((10, 0, 0, 0)));
    let shares = "SELECT string_agg(n::text, ',' ORDER BY n) FROM (SELECT count(*) AS n FROM leads WHERE source = 'Trade fair' GROUP BY owner_id) x";
    assert_eq!(app.value(shares).await, "2,2,3");
    assert_eq!(app.value(&format!("SELECT count(*) FROM leads WHERE country = 'DE' AND owner_id = '{m}'")).await, "2");
    assert_eq!(app.value("SELECT string_agg(last_name, ',') FROM leads WHERE owner_id IS NULL").await, "Lead 9");
    assert_eq!(app.value("SELECT count(*) FROM events WHERE kind = 'lead.assigned'").await, "9");
    assert_eq!(app.value("SELECT max(version) FROM leads").await, "1", "the import can still be undone");
    // The next file goes on where this one ended.
    let more = format!("{head}{}", rows(10, 12, "Trade fair,NL"));
    assert_eq!(import(&app, &org, RecordType::Lead, more.as_bytes()).await, Ok((2, 0, 0, 0)));
    assert_eq!(app.value(shares).await, "3,3,3");
    let lead = app.value("SELECT id FROM leads WHERE last_name = 'Lead 0'").await;
    assert!(admin.get(&format!("/leads/{lead}")).await.contains("Owner: "), "its history says who got it");
    // Nobody else's rules, nobody else's people.
    assert_eq!(import(&app, &other, RecordType::Lead, more.as_bytes()).await, Ok((2, 0, 0, 0)));
    assert_eq!(app.value(&format!("SELECT count(owner_id) FROM leads WHERE org_id = '{}'", other.id)).await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unassigned_lead_is_taken_by_one_and_the_other_is_told() {
    let app = TestApp::start().await;
    let org = app.org("taken").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    assert!(rep.get("/leads/unassigned").await.contains("Nothing waits"));
    let lead = rep.post("/leads", &[("last_name", "Waiting"), ("source", "Fair")]).await.location.unwrap();
    let inbox = rep.get("/leads/unassigned").await;
    assert!(inbox.contains("Waiting") && inbox.contains("Take it"), "{}", inbox.body);
    let (path, nothing) = (format!("{lead}/ownership"), []);
    let (one, two) = tokio::join!(rep.post(&path, &nothing), manager.post(&path, &nothing));
    let mut answers = [one.status(), two.status()];
    answers.sort();
    assert_eq!(answers, [303, 409], "{}{}", one.body, two.body);
    let told = if one.status() == 409 { one } else { two };
    assert!(told.contains("took this lead"), "{}", told.body);
    assert_eq!(app.value("SELECT count(*) FROM events WHERE kind = 'lead.updated'").await, "1");
    assert!(!rep.get("/leads/unassigned").await.contains("Take it"));
    app.sql("UPDATE leads SET owner_id = NULL; UPDATE roles SET visibility = 'own' WHERE key = 'rep'").await;
    assert!(!rep.get("/leads/unassigned").await.contains("Take it"), "who sees their own sees no unowned ones");
    assert_eq!(rep.post(&path, &nothing).await.status(), 404);
    app.stop().await;
}
