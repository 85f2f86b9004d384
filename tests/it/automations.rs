//! Stage automation through HTTP: set up, tried out, turned on; what deals set off, once each; what goes wrong, and what is taken back.

use crate::support::{Client, Org, Page, TestApp};

fn last(page: &Page) -> String {
    let path = page.location.as_deref().unwrap_or_else(|| panic!("{} {}", page.status(), page.body));
    path.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn automation(client: &Client, pipeline: &str, name: &str, event: &str, stage: &str) -> String {
    let form = [("name", name), ("event", event), ("stage_id", stage)];
    last(&client.post(&format!("/settings/pipelines/{pipeline}/automations"), &form).await)
}

async fn does(client: &Client, id: &str, form: &[(&str, &str)]) {
    let added = client.post(&format!("/settings/automations/{id}/actions"), form).await;
    assert_eq!(added.status(), 303, "{form:?}: {}", added.body);
}

async fn turn_on(client: &Client, id: &str) {
    assert_eq!(client.post(&format!("/settings/automations/{id}/activation"), &[]).await.status(), 303);
}

async fn move_to(client: &Client, deal: &str, stage: &str) {
    let moved = client.post(&format!("/deals/{deal}/position"), &[("stage_id", stage)]).await;
    assert_eq!(moved.status(), 303, "{}", moved.body);
}

/// A set of two tasks.
async fn template(client: &Client, app: &TestApp, org: &Org) -> String {
    let set = last(&client.post("/settings/activity-templates", &[("name", "Send the offer"), ("kind", "set")]).await);
    let task = app.value(&format!("SELECT id FROM activity_types WHERE org_id = '{}' AND key = 'task'", org.id)).await;
    for subject in ["Write the offer", "Call about it"] {
        let step = [("subject", subject), ("type_id", &task), ("days", "1"), ("assignee", "me")];
        let at = format!("/settings/activity-templates/{set}/steps");
        assert_eq!(client.post(&at, &step).await.status(), 303);
    }
    set
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_that_comes_into_a_stage_sets_off_every_kind_of_action_once() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let (pipeline, stages) = app.stages(&org);
    let set = template(&admin, &app, &org).await;
    let team = last_team(&app, &org).await;
    let at = format!("/settings/pipelines/{pipeline}/automations");

    // Who may not change pipelines may not look either; what is wrong is said at its field.
    assert_eq!(rep.get(&at).await.status(), 403);
    assert!(admin.get(&at).await.contains("No automations yet"));
    let refused = admin.post(&at, &[("name", "Kept <b>"), ("event", "stayed")]).await;
    assert!(refused.status() == 422 && refused.contains("value=\"Kept &#60;b&#62;\""), "{}", refused.body);
    let id = automation(&admin, &pipeline, "Offer", "entered", &stages[2]).await;
    let page = format!("/settings/automations/{id}");
    let nothing = admin.post(&format!("{page}/activation"), &[]).await;
    assert_eq!(nothing.status(), 303);
    assert!(admin.get(&page).await.contains("It does nothing yet"));
    for (form, told) in [
        (vec![("do", "plan"), ("template", "x")], "is not one of the templates"),
        (vec![("do", "set"), ("field", "probability"), ("value", "many")], "Probability"),
        (vec![("do", "notify")], "Choose whom to tell"),
        (vec![("do", "assign"), ("to", "team:x")], "is not one of the choices"),
    ] {
        let refused = admin.post(&format!("{page}/actions"), &form).await;
        assert!(refused.status() == 422 && refused.contains(told), "{form:?}: {} {}", refused.status(), refused.body);
    }
    let admin_id = org.admin.to_string();
    let to_team = format!("team:{team}");
    does(&admin, &id, &[("do", "plan"), ("template", &set)]).await;
    does(&admin, &id, &[("do", "set"), ("field", "probability"), ("value", "65")]).await;
    does(&admin, &id, &[("do", "set"), ("field", "expected_close_on"), ("value", "+30")]).await;
    does(&admin, &id, &[("do", "tag"), ("tags", "Offered; Warm")]).await;
    does(&admin, &id, &[("do", "notify"), ("member", &admin_id), ("message", "look at <this>")]).await;
    does(&admin, &id, &[("do", "assign"), ("to", &to_team)]).await;
    let shown = admin.get(&page).await;
    for told in
        ["Plan “Send the offer”", "Set Probability to 65", "30 days later", "Add the tags Offered, Warm", "in turn"]
    {
        assert!(shown.contains(told), "{told}: {}", shown.body);
    }

    // Off, it does nothing; tried out, it says what it would do, and does nothing.
    let deal =
        admin.add_deal(&stages[0], "Lens order", &[("owner_id", &org.admin.to_string()), ("amount", "900")]).await;
    move_to(&admin, &deal, &stages[2]).await;
    move_to(&admin, &deal, &stages[0]).await;
    app.run_jobs().await;
    let before = app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM automation_inbox) FROM events").await;
    let tried = admin.get(&format!("{page}?deal=d-1001")).await;
    for told in
        ["Lens order", "Write the offer", "Probability", "Added the tags Offered, Warm", "1 person", "Gave it to"]
    {
        assert!(tried.contains(told), "{told}: {}", tried.body);
    }
    assert!(admin.get(&format!("{page}?deal=D-77")).await.contains("There is no such deal"));
    let after = app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM automation_inbox) FROM events").await;
    assert_eq!(after, before);
    assert_eq!(app.value("SELECT count(*) FROM activities").await, "0");

    // On: once, as the automation's own doing, however often the job runs.
    turn_on(&admin, &id).await;
    move_to(&admin, &deal, &stages[2]).await;
    app.run_jobs().await;
    app.run_jobs().await;
    assert_eq!(
        app.texts(
            "SELECT concat_ws(' ', subject, owner_id = '{}') AS value FROM activities ORDER BY subject"
                .replace("{}", &org.admin.to_string())
                .as_str()
        ),
        ["Call about it t", "Write the offer t"]
    );
    let found = format!(
        "SELECT concat_ws(' ', probability, expected_close_on - (now() AT TIME ZONE 'Europe/Amsterdam')::date, owner_id = '{}' OR owner_id = '{}',
           (SELECT count(*) FROM record_tags t WHERE t.record_id = d.id)) FROM deals d",
        org.rep, org.manager
    );
    assert_eq!(app.value(&found).await, "65 30 t 2");
    let notices = "SELECT member_id || ' ' || (params->>'message') AS value FROM notices WHERE kind = 'automation'";
    assert_eq!(app.texts(notices), [format!("{} look at <this>", org.admin)]);
    assert!(admin.get("/notifications").await.contains("tells you about"));
    let doers = app.texts("SELECT DISTINCT coalesce(actor_id::text, '-') || ' ' || (data->'automation'->>'name') AS value FROM events WHERE data ? 'automation'");
    assert_eq!(doers, ["- Offer"]);
    assert!(admin.get(&format!("/deals/{deal}")).await.contains("Automation “Offer”"));
    assert!(admin.get(&format!("/deals/{deal}/history")).await.contains("Automation “Offer”"));
    assert_eq!(app.texts("SELECT status || cardinality(outcome) AS value FROM automation_runs"), ["done6"]);
    let log = admin.get(&format!("{page}/runs")).await;
    assert!(log.contains("Lens order") && log.contains("Probability"), "{}", log.body);

    // Moved back: what nobody touched is taken back, and what was begun stays.
    let task = app.value("SELECT id FROM activities WHERE subject = 'Call about it'").await;
    admin.get(&format!("/activities/{task}")).await;
    assert_eq!(admin.post(&format!("/activities/{task}/status"), &[("status", "in_progress")]).await.status(), 303);
    move_to(&admin, &deal, &stages[0]).await;
    app.run_jobs().await;
    assert_eq!(app.texts("SELECT subject AS value FROM activities WHERE deleted_at IS NULL"), ["Call about it"]);
    assert_eq!(app.texts("SELECT status AS value FROM automation_runs"), ["taken_back"]);

    // Another organisation's deals set nothing off here, and its administrator sees none of it.
    let stranger = app.signed_in(&other, "admin").await;
    let (_, theirs) = app.stages(&other);
    stranger.add_deal(&theirs[2], "Elsewhere", &[]).await;
    app.run_jobs().await;
    assert_eq!(stranger.get(&page).await.status(), 404);
    assert_eq!(app.value("SELECT count(*) FROM automation_runs").await, "1");
    assert!(app.totals_differ().is_empty());
    app.stop().await;
}

/// A team of the manager and the rep.
async fn last_team(app: &TestApp, org: &Org) -> String {
    app.sql(&format!(
        "INSERT INTO teams (org_id, id, name) VALUES ('{0}', gen_random_uuid(), 'Benelux');
         INSERT INTO team_members (org_id, team_id, member_id) SELECT org_id, id, m FROM teams, unnest(ARRAY['{1}', '{2}']::uuid[]) m WHERE org_id = '{0}'",
        org.id, org.manager, org.rep
    ))
    .await;
    app.value(&format!("SELECT id FROM teams WHERE org_id = '{}'", org.id)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn circles_end_failures_are_told_and_tried_again_and_turns_are_fair() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (pipeline, stages) = app.stages(&org);

    // Two that send a deal to and fro.
    let there = automation(&admin, &pipeline, "There", "entered", &stages[1]).await;
    let back = automation(&admin, &pipeline, "Back", "entered", &stages[2]).await;
    does(&admin, &there, &[("do", "move"), ("to_stage", &stages[2])]).await;
    does(&admin, &back, &[("do", "move"), ("to_stage", &stages[1])]).await;
    turn_on(&admin, &there).await;
    turn_on(&admin, &back).await;
    let deal = admin.add_deal(&stages[1], "Pendulum", &[]).await;
    for _ in 0..12 {
        app.run_jobs().await;
    }
    let runs = "SELECT status || depth AS value FROM automation_runs ORDER BY depth";
    assert_eq!(app.texts(runs), ["done0", "done1", "done2", "done3", "done4", "stopped5"]);
    assert_eq!(app.value("SELECT count(*) FROM automation_inbox").await, "0");
    assert!(admin.get(&format!("/settings/automations/{back}/runs")).await.contains("so that this ends"));
    for id in [&there, &back] {
        assert_eq!(admin.post(&format!("/settings/automations/{id}/activation/undo"), &[]).await.status(), 303);
    }

    // Nobody of the team is at work: nothing of it happens, the log says why, and once mended it is tried again.
    let team = last_team(&app, &org).await;
    let shared = automation(&admin, &pipeline, "Share out", "won", "").await;
    does(&admin, &shared, &[("do", "tag"), ("tags", "Won")]).await;
    does(&admin, &shared, &[("do", "assign"), ("to", &format!("team:{team}"))]).await;
    turn_on(&admin, &shared).await;
    app.sql("UPDATE members SET deactivated_at = now() WHERE id IN (SELECT member_id FROM team_members)").await;
    assert_eq!(admin.post(&format!("/deals/{deal}/closure"), &[("outcome", "won")]).await.status(), 303);
    app.run_jobs().await;
    let failed =
        format!("SELECT status || ' ' || error AS value FROM automation_runs WHERE automation_id = '{shared}'");
    assert_eq!(app.texts(&failed), ["failed Nobody of the team is at work."]);
    assert_eq!(app.value("SELECT count(*) FROM record_tags").await, "0");
    app.sql("UPDATE members SET deactivated_at = NULL").await;
    let run = app.value(&format!("SELECT id FROM automation_runs WHERE automation_id = '{shared}'")).await;
    let log = format!("/settings/automations/{shared}/runs");
    assert!(admin.get(&log).await.contains("Try again"));
    let retry = format!("/settings/automation-runs/{run}/retry");
    assert_eq!(admin.post(&retry, &[]).await.status(), 303);
    assert_eq!(admin.post(&retry, &[]).await.status(), 409);
    assert_eq!(app.value("SELECT count(*) FROM record_tags").await, "1");

    // Turns are fair, and one who left has none.
    for n in 0..6 {
        let deal = admin.add_deal(&stages[0], &format!("Deal {n}"), &[]).await;
        admin.post(&format!("/deals/{deal}/closure"), &[("outcome", "won")]).await;
    }
    app.run_jobs().await;
    let each = "SELECT count(*)::text AS value FROM deals WHERE status = 'won' GROUP BY owner_id ORDER BY 1";
    assert_eq!(app.texts(each), ["3", "4"]);

    // Left over by a job that ended while a dying worker still held the event: found by the sweep, which asks once.
    let left = admin.add_deal(&stages[0], "Left lying", &[]).await;
    admin.post(&format!("/deals/{left}/closure"), &[("outcome", "won")]).await;
    app.sql("DELETE FROM jobs WHERE kind = 'automations.run'").await;
    for _ in 0..2 {
        app.sql(pipewright::features::automations::SWEEP_LEFT).await;
    }
    assert_eq!(app.value("SELECT count(*) FROM jobs WHERE kind = 'automations.run'").await, "1");
    app.run_jobs().await;
    assert_eq!(app.texts(each), ["4", "4"]);

    // Whoever lent it their rights has left: it stops, and says so.
    app.sql(&format!("UPDATE automations SET saved_by = NULL WHERE id = '{shared}'")).await;
    let last = admin.add_deal(&stages[0], "Too late", &[]).await;
    admin.post(&format!("/deals/{last}/closure"), &[("outcome", "won")]).await;
    app.run_jobs().await;
    assert!(admin.get(&log).await.contains("is no longer a member"));
    assert!(admin.get(&format!("/settings/automations/{shared}")).await.contains("has left"));

    // Some days in a stage: those who came to it lately, once.
    let wait = [("name", "Quiet"), ("event", "stayed"), ("stage_id", stages[0].as_str()), ("after_days", "7")];
    let quiet = last_of(&admin, &pipeline, &wait).await;
    does(&admin, &quiet, &[("do", "tag"), ("tags", "Quiet")]).await;
    turn_on(&admin, &quiet).await;
    for (name, age) in [("Fresh", "6 days"), ("Quiet", "7 days 1 hour"), ("Forgotten", "40 days")] {
        let id = admin.add_deal(&stages[0], name, &[]).await;
        app.sql(&format!("UPDATE deals SET stage_entered_at = now() - interval '{age}' WHERE id = '{id}'")).await;
    }
    app.sql(&format!("UPDATE automations SET active_since = now() - interval '30 days' WHERE id = '{quiet}'")).await;
    for _ in 0..2 {
        app.sql(pipewright::features::automations::SWEEP).await;
        app.run_jobs().await;
    }
    let tagged = "SELECT d.name AS value FROM record_tags r JOIN tags t ON t.id = r.tag_id AND t.name = 'Quiet' JOIN deals d ON d.id = r.record_id";
    assert_eq!(app.texts(tagged), ["Quiet"]);

    // In another order, changed, and gone with its log.
    let order = format!("{quiet},{shared}");
    assert_eq!(
        admin.post(&format!("/settings/pipelines/{pipeline}/automations/order"), &[("order", &order)]).await.status(),
        303
    );
    let list = admin.get(&format!("/settings/pipelines/{pipeline}/automations")).await;
    assert!(list.body.find(">Quiet<").unwrap() < list.body.find(">Share out<").unwrap());
    let stale = [("name", "Loud"), ("event", "won"), ("version", "1")];
    assert_eq!(admin.post(&format!("/settings/automations/{quiet}"), &stale).await.status(), 409);
    let gone = admin.post(&format!("/settings/automations/{quiet}/deletion"), &[]).await;
    assert_eq!(gone.status(), 303);
    assert_eq!(app.value(&format!("SELECT count(*) FROM automation_runs WHERE automation_id = '{quiet}'")).await, "0");
    app.stop().await;
}

async fn last_of(client: &Client, pipeline: &str, form: &[(&str, &str)]) -> String {
    last(&client.post(&format!("/settings/pipelines/{pipeline}/automations"), form).await)
}
