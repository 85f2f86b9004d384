//! Reminders before what is planned, word of what is overdue: at the member's time or the activity's, once.

use super::unread;
use crate::support::{Belongings, Org, TestApp};
use pipewright::features::notifications::{self, reminders};
use uuid::Uuid;

/// As the sweep does it, an hour after the last time.
async fn remind(app: &TestApp) {
    app.sql("UPDATE reminder_clocks SET reached = now() - interval '1 hour'").await;
    again(app).await;
}

async fn again(app: &TestApp) {
    app.sql(&format!("SET ROLE pipewright_system; {}; RESET ROLE", reminders::SWEEP)).await;
}

async fn plan(app: &TestApp, org: &Org, ours: &Belongings, class: &str, subject: &str, when: &str) -> Uuid {
    let id = Uuid::now_v7();
    let (start, due) = if when.contains("date") { ("NULL", when) } else { (when, "NULL") };
    app.sql(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at, due_on)
         VALUES ('{}', '{id}', '{}', '{class}', '{subject}', '{}', {start}, {due})",
        org.id, ours.activity_type, org.rep
    ))
    .await;
    id
}

async fn told(app: &TestApp, who: impl std::fmt::Display) -> String {
    app.value(&format!(
        "SELECT coalesce(string_agg(n.kind || ' ' || a.subject, ', ' ORDER BY a.subject, n.kind), '')
         FROM notices n JOIN activities a ON a.id = n.record_id WHERE n.member_id = '{who}'"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminded_once_each_at_their_own_time() {
    let app = TestApp::start().await;
    let org = app.org("due").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices; DELETE FROM activities").await;
    again(&app).await;
    let call = plan(&app, &org, &ours, "activity", "Call", "now() + interval '14 minutes'").await;
    let silent = plan(&app, &org, &ours, "activity", "Silent", "now() + interval '14 minutes'").await;
    let early = plan(&app, &org, &ours, "activity", "Early", "now() + interval '100 minutes'").await;
    plan(&app, &org, &ours, "activity", "Later", "now() + interval '40 minutes'").await;
    let done = plan(&app, &org, &ours, "activity", "Done", "now() + interval '14 minutes'").await;
    app.sql(&format!(
        "UPDATE activities SET status = 'done', closed_at = now() WHERE id = '{done}';
         INSERT INTO activity_participants (org_id, id, activity_id, member_id) VALUES ('{}', gen_random_uuid(), '{call}', '{}')",
        org.id, org.manager
    ))
    .await;
    let rep = app.signed_in(&org, "rep").await;
    let page = rep.get(&format!("/activities/{call}")).await;
    assert!(page.contains("As usual: 15 minutes before"), "{}", page.body);
    for (id, lead) in [(silent, "none"), (early, "120")] {
        assert_eq!(rep.post(&format!("/activities/{id}/reminder"), &[("lead", lead)]).await.status(), 303);
    }
    assert_eq!(rep.post(&format!("/activities/{early}/reminder"), &[("lead", "7")]).await.status(), 422);
    remind(&app).await;
    assert_eq!(told(&app, org.rep).await, "reminder Call, reminder Early");
    assert_eq!(told(&app, org.manager).await, "reminder Call");
    remind(&app).await;
    again(&app).await;
    assert_eq!(told(&app, org.rep).await, "reminder Call, reminder Early", "once");
    assert_eq!(unread(&rep).await, "2");
    // Put off, it is another time.
    app.sql(&format!("UPDATE activities SET start_at = start_at - interval '1 minute' WHERE id = '{call}'")).await;
    remind(&app).await;
    assert_eq!(told(&app, org.rep).await, "reminder Call, reminder Call, reminder Early");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_told_in_the_morning_where_one_is_and_tasks_when_they_are_overdue() {
    let app = TestApp::start().await;
    let org = app.org("morning").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices; DELETE FROM activities").await;
    again(&app).await;
    // The last morning that was, in Amsterdam.
    let day = "(app.last_morning('Europe/Amsterdam', false) AT TIME ZONE 'Europe/Amsterdam')::date";
    plan(&app, &org, &ours, "activity", "Deadline", day).await;
    plan(&app, &org, &ours, "task", "Offer", &format!("{day} - 1")).await;
    plan(&app, &org, &ours, "task", "Next week", &format!("{day} + 7")).await;
    let task = plan(&app, &org, &ours, "task", "Timed", "now() - interval '90 minutes'").await;
    app.sql("UPDATE reminder_clocks SET reached = now() - interval '1 day'").await;
    again(&app).await;
    // Timed was told of before it began and an hour after: the clock stood a day back.
    assert_eq!(told(&app, org.rep).await, "reminder Deadline, overdue Offer, overdue Timed, reminder Timed");
    let rep = app.signed_in(&org, "rep").await;
    let page = rep.get("/notifications").await;
    assert!(page.contains("was due") && page.contains("Offer"), "{}", page.body);
    assert_eq!(
        rep.get(&format!(
            "/notifications/{}",
            app.value(&format!("SELECT id FROM notices WHERE record_id = '{task}' LIMIT 1")).await
        ))
        .await
        .location,
        Some(format!("/activities/{task}"))
    );
    // Each in the ways of its kind, which the function in the database has to know too.
    for kind in [notifications::Kind::Reminder, notifications::Kind::Overdue] {
        let ways = kind.ways();
        let query = format!(
            "SELECT DISTINCT centre || ' ' || browser || ' ' || mail FROM notices WHERE kind = '{}'",
            kind.key()
        );
        assert_eq!(app.value(&query).await, format!("{} {} {}", ways.centre, ways.browser, ways.mail.key()));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_is_chosen_with_the_plan_and_for_a_whole_series() {
    let app = TestApp::start().await;
    let org = app.org("planned").await;
    let rep = app.signed_in(&org, "rep").await;
    let form = rep.get("/activities/new").await;
    assert!(form.contains("As usual: 15 minutes before") && form.contains("name=\"reminder\""), "{}", form.body);
    let kind = app.value("SELECT id FROM activity_types WHERE key = 'call'").await;
    let day = app.value("SELECT current_date + 1").await;
    let own = org.rep.to_string();
    let with = |more: &[(&'static str, &'static str)]| {
        let mut form = vec![
            ("type_id", kind.as_str()),
            ("subject", "Call"),
            ("on", day.as_str()),
            ("time", "9:00"),
            ("owner_id", own.as_str()),
        ];
        form.extend_from_slice(more);
        form
    };
    let wrong = rep.post("/activities", &with(&[("reminder", "7")])).await;
    assert!(wrong.status() == 422 && wrong.contains("is not one of the choices"), "{}", wrong.body);
    for form in [with(&[("reminder", "120")]), with(&[("reminder", "usual")]), with(&[])] {
        assert_eq!(rep.post("/activities", &form).await.status(), 303);
    }
    assert_eq!(app.value("SELECT string_agg(minutes::text, ',') FROM activity_reminders").await, "120");
    // A series: each of its occurrences, those that are made later, too; changed on one of them for that one, or for all.
    app.sql("DELETE FROM activities").await;
    let weekly = with(&[("reminder", "60"), ("repeat", "weekly"), ("repeat_end", "never")]);
    let first = rep.post("/activities", &weekly).await.location.unwrap();
    let by_lead = "SELECT string_agg(n || ' of ' || coalesce(minutes::text, 'none'), ', ' ORDER BY minutes) FROM (SELECT minutes, count(*) AS n FROM activity_reminders GROUP BY 1) r";
    let total: i64 = app.value("SELECT count(*) FROM activities").await.parse().unwrap();
    assert!(total > 50, "{total}");
    assert_eq!(app.value(by_lead).await, format!("{total} of 60"));
    assert!(rep.get(&first).await.contains("For the whole series"));
    assert_eq!(rep.post(&format!("{first}/reminder"), &[("lead", "5")]).await.status(), 303);
    assert_eq!(app.value(by_lead).await, format!("1 of 5, {} of 60", total - 1));
    assert_eq!(rep.post(&format!("{first}/reminder"), &[("lead", "30"), ("scope", "series")]).await.status(), 303);
    assert_eq!(app.value(by_lead).await, format!("{total} of 30"));
    app.stop().await;
}
