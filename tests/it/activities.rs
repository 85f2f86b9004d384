//! Activities and tasks through HTTP: planned in two clicks, done from anywhere with what came of it, taken back, seen by the right
//! people, and next on every deal.

mod bulk;
mod laws;
mod next;
mod others;
mod search;
mod series;
mod tasks;
mod templates;

use crate::support::{Client, Org, Page, TestApp};
use pipewright::kernel::MemberId;

async fn enter(app: &TestApp, org: &Org, who: &str) -> Client {
    let client = app.signed_in(org, who).await;
    client.get("/contacts").await;
    client
}

async fn type_id(app: &TestApp, org: &Org, key: &str) -> String {
    app.value(&format!("SELECT id FROM activity_types WHERE org_id = '{}' AND key = '{key}'", org.id)).await
}

/// A deal of that name and owner; its id.
async fn deal(client: &Client, app: &TestApp, org: &Org, owner: MemberId, name: &str) -> String {
    let stage =
        app.value(&format!("SELECT id FROM stages WHERE org_id = '{}' ORDER BY position LIMIT 1", org.id)).await;
    let owner = owner.to_string();
    let said = [("name", name), ("stage_id", &stage), ("amount", "5000"), ("currency", "EUR"), ("owner_id", &owner)];
    last(&client.post("/deals/new", &said).await)
}

fn last(page: &Page) -> String {
    let path = page.location.as_deref().unwrap_or_else(|| panic!("{} {}", page.status(), page.body));
    path.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// As a browser on that page.
async fn post_from(client: &Client, from: &str, path: &str, fields: &[(&str, &str)]) -> Page {
    let token = client.csrf().await;
    let mut all = vec![("csrf_token", token.as_str())];
    all.extend_from_slice(fields);
    let request =
        client.http().post(client.url(path)).header("Accept", "text/html").header("Referer", client.url(from));
    client.read(request.form(&all).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planned_done_and_taken_back_on_a_deal() {
    let app = TestApp::start().await;
    let org = app.org("doing").await;
    let rep = enter(&app, &org, "rep").await;
    let call = type_id(&app, &org, "call").await;
    let deal = deal(&rep, &app, &org, org.rep, "Lens order").await;
    let page = format!("/deals/{deal}");

    // Nothing is planned, and the page says so, here and on the board.
    let shown = rep.get(&page).await;
    assert!(shown.contains("No next step") && shown.contains("composer-activity"), "{}", shown.body);
    let board = rep.get(rep.get("/pipeline").await.location.as_deref().unwrap()).await;
    assert!(board.contains("No next step"), "{}", board.body);
    assert!(rep.get("/deals?status=open&next=none").await.contains("Lens order"));
    assert!(rep.get("/").await.contains(&format!("/deals/{deal}?compose=activity")));

    // The quick form: its type and its day are there already.
    let form = rep.get(&format!("{page}?compose=activity")).await;
    let quick = form.between("id=\"composer-activity\"", "</form>").unwrap();
    let of = |name: &str| {
        let at = quick.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name} in {quick}"));
        quick[at..].split('"').nth(3).unwrap().to_owned()
    };
    let (id, on, back) = (of("id"), of("on"), of("back"));
    let fields = [
        ("id", id.as_str()),
        ("deal_id", deal.as_str()),
        ("type_id", call.as_str()),
        ("on", on.as_str()),
        ("owner_id", &org.rep.to_string()),
        ("back", back.as_str()),
    ];
    let planned = rep.post("/activities", &fields).await;
    assert_eq!(planned.location.as_deref(), Some(format!("{page}#plan").as_str()), "{}", planned.body);
    // Sent twice, planned once.
    assert_eq!(rep.post("/activities", &fields).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activities").await, "1");
    assert_eq!(app.value("SELECT subject FROM activities").await, "Call");
    assert_eq!(app.value("SELECT kind FROM events WHERE record_type = 'activity'").await, "activity.created");
    let shown = rep.get(&page).await;
    assert!(shown.contains(&format!("/activities/{id}/completion")) && shown.contains("Today"), "{}", shown.body);
    assert!(rep.get("/activities").await.contains(&id) && rep.get("/activities?when=today").await.contains(&id));
    assert!(!rep.get("/tasks").await.contains(&id) && !rep.get("/activities?when=overdue").await.contains(&id));
    let board = rep.get(rep.get("/pipeline").await.location.as_deref().unwrap()).await;
    assert!(board.contains("Call today") && board.contains("is-warn"), "{}", board.body);
    assert!(!rep.get("/deals?status=open&next=none").await.contains("Lens order"));
    assert!(rep.get("/deals?status=open&next=today").await.contains("Lens order"));

    // Done with what came of it: the page then asks what comes next.
    let done =
        post_from(&rep, &page, &format!("/activities/{id}/completion"), &[("outcome", "Budget is confirmed")]).await;
    let next = done.location.clone().unwrap();
    assert_eq!(next, format!("{page}?compose=activity&after_done=1#composer"));
    let shown = rep.get(next.split('#').next().unwrap()).await;
    assert!(
        shown.contains("What comes next?") && shown.contains("Budget is confirmed") && shown.contains("No next step"),
        "{}",
        shown.body
    );
    let undo = shown.between("form method=\"post\" action=\"/activities/", "\"").unwrap().to_owned();
    assert!(undo.contains("completion/undo?status=open"), "{undo}");
    assert!(rep.get(&format!("{page}?timeline=activities")).await.contains("Budget is confirmed"));
    assert!(!rep.get(&format!("{page}?timeline=notes")).await.contains("Budget is confirmed"));
    assert!(rep.get("/activities?when=done").await.contains(&id));

    // Taken back, from any page.
    let undone = post_from(&rep, "/activities?when=done", &format!("/activities/{undo}"), &[]).await;
    assert_eq!(undone.location.as_deref(), Some("/activities?when=done"));
    assert_eq!(app.value("SELECT status || coalesce(closed_at::text, '') FROM activities").await, "open");
    assert!(rep.get(&page).await.contains(&format!("/activities/{id}/completion")));

    // Put off, and back.
    let off = rep.post(&format!("/activities/{id}/snooze"), &[("until", "2031-03-03")]).await;
    assert_eq!(app.value("SELECT due_on FROM activities").await, "2031-03-03", "{}", off.body);
    let back = rep.get(&format!("/activities/{id}")).await;
    let undo = back.between("action=\"/activities/", "\"").map(str::to_owned);
    let undo = undo.filter(|path| path.contains("snooze/undo")).or_else(|| {
        back.body
            .match_indices("/snooze/undo?on=")
            .next()
            .map(|(at, _)| format!("{id}{}", back.body[at..].split('"').next().unwrap()))
    });
    assert_eq!(rep.post(&format!("/activities/{}", undo.unwrap().replace("&amp;", "&")), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT due_on FROM activities").await, on);
    assert_eq!(rep.post(&format!("/activities/{id}/snooze"), &[("until", "some day")]).await.status(), 422);

    // Edited over someone else's edit: told, and nothing is lost.
    let version = app.value("SELECT version FROM activities").await;
    let edit = |version: &str, subject: &str| {
        [("version", version), ("subject", subject), ("type_id", &call), ("on", "2026-12-01"), ("time", "14:30")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    };
    let send = async |fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        rep.post(&format!("/activities/{id}"), &fields).await
    };
    assert_eq!(send(&edit(&version, "Call the buyer")).await.status(), 303);
    // Winter time in Amsterdam.
    assert_eq!(app.value("SELECT start_at AT TIME ZONE 'UTC' FROM activities").await, "2026-12-01 13:30:00");
    assert_eq!(
        app.value("SELECT count(*) FROM activities WHERE deal_id IS NOT NULL").await,
        "1",
        "a form without links keeps them"
    );
    let stale = send(&edit(&version, "Mine")).await;
    assert_eq!(stale.status(), 409);
    assert!(stale.contains("Someone else changed this") && stale.contains("value=\"Mine\""));

    // Deleted, and back.
    assert_eq!(rep.post(&format!("/activities/{id}/deletion"), &[]).await.location.as_deref(), Some("/activities"));
    assert_eq!(rep.get(&format!("/activities/{id}")).await.status(), 404);
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE next_activity_at IS NOT NULL").await, "0");
    assert_eq!(rep.post(&format!("/activities/{id}/deletion/undo"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM deals WHERE next_activity_at = '2026-12-01 13:30Z'").await, "1");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_told_at_its_field_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("careful").await, app.org("foreign").await);
    let theirs = app.belongings(&other).await;
    let rep = enter(&app, &org, "rep").await;
    let call = type_id(&app, &org, "call").await;
    let foreign_type = type_id(&app, &other, "call").await;
    let (long, member) = ("x".repeat(201), other.rep.to_string());
    let (deal, contact, company) = (theirs.deal.to_string(), theirs.contact.to_string(), theirs.company.to_string());
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("type_id", ""), ("subject", "Kept words")], "is required"),
        (vec![("type_id", "nonsense"), ("subject", "Kept words")], "is not one of the choices"),
        (vec![("type_id", &foreign_type), ("subject", "Kept words")], "is not one of the types"),
        (vec![("type_id", &call), ("subject", &long)], "at most 200 characters"),
        (vec![("type_id", &call), ("subject", "Kept words"), ("on", "99999-01-01")], "must"),
        (vec![("type_id", &call), ("subject", "Kept words"), ("on", ""), ("time", "14:30")], "is needed with a time"),
        (
            vec![("type_id", &call), ("subject", "Kept words"), ("on", "2026-12-01"), ("time", "27:99")],
            "must be a time",
        ),
        (vec![("type_id", &call), ("subject", "Kept words"), ("minutes", "-5")], "must be a whole number"),
        (
            vec![("type_id", &call), ("subject", "Kept words"), ("minutes", "99999999999999999999")],
            "must be a whole number",
        ),
        (vec![("type_id", &call), ("subject", "Kept words"), ("owner_id", &member)], "is not"),
        (vec![("type_id", &call), ("subject", "Kept words"), ("deal_id", &deal)], "is not one of your deals"),
        (vec![("type_id", &call), ("subject", "Kept words"), ("contact_id", &contact)], "is not one of your contacts"),
        (
            vec![("type_id", &call), ("subject", "Kept words"), ("company", "Nobody Inc"), ("company_id", &company)],
            "is not one of your companies",
        ),
        (vec![("type_id", &call), ("subject", "Kept words"), ("lead", "Who?")], "is not one of your leads"),
        (
            vec![("type_id", &call), ("subject", "Kept words"), ("video_url", "javascript:alert(1)")],
            "must be a web address",
        ),
        (vec![("type_id", &call), ("subject", "Kept words"), ("priority", "huge")], "is not one of the choices"),
    ];
    for (fields, told) in &cases {
        let page = rep.post("/activities", fields).await;
        assert_eq!(page.status(), 422, "{fields:?}: {}", page.body);
        assert!(page.contains(told), "{fields:?} does not say {told:?}: {}", page.body);
        assert!(page.contains("Kept words") || fields[1].1 == long, "{fields:?} lost what was typed");
    }
    assert_eq!(rep.post("/activities", &[("type_id", &call), ("subject", "a\0b")]).await.status(), 400);
    let path = format!("/activities/{}", theirs.activity);
    for rest in ["/completion", "/snooze", "/status", "/deletion", "/participants", "/checklist", "/dependencies"] {
        let page =
            rep.post(&format!("{path}{rest}"), &[("text", "x"), ("until", "tomorrow"), ("status", "waiting")]).await;
        assert_ne!(page.status(), 303, "{rest}");
    }
    let ids = [("action", "done"), ("ids", &theirs.activity.to_string()), ("ids", "nonsense")];
    assert_eq!(rep.post("/activities/bulk", &ids).await.status(), 303);
    assert_eq!(app.value(&format!("SELECT status FROM activities WHERE id = '{}'", theirs.activity)).await, "open");
    for address in ["?when=never", "?who=nobody", "?type=x", "?after=zzz", "?when=done&after=W10"] {
        assert_eq!(rep.get(&format!("/activities{address}")).await.status(), 400, "{address}");
    }
    assert_eq!(rep.get(&format!("/activities?who={member}")).await.status(), 200, "nobody's here, so nothing");
    // What is written is shown as it was written, and runs nowhere.
    let hostile = "<script>alert(1)</script>\u{202e}\"'";
    let made = rep
        .post(
            "/activities",
            &[
                ("type_id", &call),
                ("subject", hostile),
                ("description", "<div>Hi <img src=x onerror=alert(2)></div>"),
                ("on", "2026-12-01"),
            ],
        )
        .await;
    let page = rep.get(made.location.as_deref().unwrap()).await;
    assert!(!page.contains("<script>alert(1)") && !page.contains("onerror") && page.contains("Hi "), "{}", page.body);
    assert!(!rep.get("/activities").await.contains("<script>alert(1)"));
    // An address of somebody else's is no way back.
    let back = rep.post("/activities", &[("type_id", &call), ("on", "2026-12-01"), ("back", "//evil.example/x")]).await;
    assert!(back.location.as_deref().unwrap().starts_with("/activities/"), "{:?}", back.location);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seen_by_whoever_does_it_takes_part_or_sees_what_it_is_about() {
    let app = TestApp::start().await;
    let org = app.org("sight").await;
    let admin = enter(&app, &org, "admin").await;
    let meeting = type_id(&app, &org, "meeting").await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let rep = enter(&app, &org, "rep").await;
    let plan = async |subject: &str, owner: &str, deal: &str| {
        let made = admin
            .post(
                "/activities",
                &[
                    ("type_id", &meeting),
                    ("subject", subject),
                    ("owner_id", owner),
                    ("on", "2026-12-01"),
                    ("deal_id", deal),
                ],
            )
            .await;
        last(&made)
    };
    let (boss, own) = (org.admin.to_string(), org.rep.to_string());
    let hidden = plan("Board meeting", &boss, "").await;
    let theirs = plan("Site visit", &own, "").await;
    let shared = plan("Kick-off", &boss, "").await;
    assert_eq!(rep.get(&format!("/activities/{hidden}")).await.status(), 404);
    assert_eq!(rep.post(&format!("/activities/{hidden}/completion"), &[]).await.status(), 404);
    assert_eq!(rep.get(&format!("/activities/{theirs}")).await.status(), 200);
    assert_eq!(rep.get(&format!("/activities/{shared}")).await.status(), 404);
    assert_eq!(admin.post(&format!("/activities/{shared}/participants"), &[("member_id", &own)]).await.status(), 303);
    assert_eq!(rep.get(&format!("/activities/{shared}")).await.status(), 200);
    let list = rep.get("/activities?who=all").await;
    assert!(
        list.contains("Site visit") && list.contains("Kick-off") && !list.contains("Board meeting"),
        "{}",
        list.body
    );
    assert_eq!(rep.get(&format!("/activities?who={boss}")).await.status(), 404);
    assert!(admin.get("/activities?who=all").await.contains("Board meeting"));
    // About a deal of theirs: they see who does it; about another's: they see neither deal nor name.
    let deals = deal(&rep, &app, &org, org.rep, "Own deal").await;
    let about = plan("About own deal", &boss, &deals).await;
    assert_eq!(rep.get(&format!("/activities/{about}")).await.status(), 200);
    let secret = deal(&admin, &app, &org, org.admin, "Secret deal").await;
    let mine = plan("Mine about a secret", &own, &secret).await;
    let page = rep.get(&format!("/activities/{mine}")).await;
    assert!(page.status() == 200 && !page.contains("Secret deal"), "{}", page.body);
    assert!(!rep.get("/activities").await.contains("Secret deal"));
    // Their form keeps the deal they do not see.
    let form = rep.get(&format!("/activities/{mine}/edit")).await;
    assert!(!form.contains("Secret deal"));
    let version = app.value(&format!("SELECT version FROM activities WHERE id = '{mine}'")).await;
    let saved = rep
        .post(
            &format!("/activities/{mine}"),
            &[
                ("version", &version),
                ("type_id", &meeting),
                ("subject", "Renamed"),
                ("owner_id", &own),
                ("on", "2026-12-01"),
                ("deal", "(not yours to see)"),
                ("deal_id", &secret),
            ],
        )
        .await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    assert_eq!(app.value(&format!("SELECT deal_id FROM activities WHERE id = '{mine}'")).await, secret);
    // They give things to nobody they do not see.
    let given = rep.post("/activities", &[("type_id", &meeting), ("owner_id", &boss), ("on", "2026-12-01")]).await;
    assert!(given.status() == 422 && given.contains("is not one of the people you work with"), "{}", given.body);
    let viewer = enter(&app, &org, "viewer").await;
    assert_eq!(viewer.get("/activities").await.status(), 200);
    assert_eq!(viewer.post("/activities", &[("type_id", &meeting)]).await.status(), 403);
    assert!(!viewer.get(&format!("/deals/{deals}")).await.contains("composer-activity"));
    // "My team" is those of the reader's teams, and nobody else.
    plan("Elsewhere", &org.manager.to_string(), "").await;
    app.sql(&format!(
        "INSERT INTO teams (org_id, id, name) VALUES ('{0}', '{0}', 'Ours');
         INSERT INTO team_members (org_id, team_id, member_id) VALUES ('{0}', '{0}', '{boss}'), ('{0}', '{0}', '{own}')",
        org.id
    ))
    .await;
    let (team, all) = (admin.get("/activities?who=team").await, admin.get("/activities?who=all").await);
    assert!(team.contains("Site visit") && team.contains("Board meeting") && all.contains(">Elsewhere<"));
    assert!(!team.contains(">Elsewhere<"), "{}", team.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_are_the_organisations_own() {
    let app = TestApp::start().await;
    let org = app.org("kinds").await;
    let admin = enter(&app, &org, "admin").await;
    let page = admin.get("/settings/activity-types").await;
    assert!(
        ["Call", "Meeting", "E-mail", "Demo", "Lunch", "Deadline", "Task"].iter().all(|name| page.contains(name)),
        "{}",
        page.body
    );
    let new = [("name", "Site visit"), ("class", "activity"), ("icon", "car"), ("color", "green"), ("minutes", "120")];
    assert_eq!(admin.post("/settings/activity-types", &new).await.status(), 303);
    let again =
        admin.post("/settings/activity-types", &[("name", "SITE VISIT"), ("icon", "car"), ("color", "green")]).await;
    assert!(
        again.status() == 422 && again.contains("is that of another type") && again.contains("SITE VISIT"),
        "{}",
        again.body
    );
    let id = app.value("SELECT id FROM activity_types WHERE name = 'Site visit'").await;
    let path = format!("/settings/activity-types/{id}");
    assert_eq!(admin.post(&path, &[("name", "Visit"), ("icon", "map-pin"), ("color", "teal")]).await.status(), 303);
    let wrong = admin.post(&path, &[("name", ""), ("icon", "bomb"), ("color", "teal")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(admin.get("/activities/new").await.contains(">Visit<"));
    let made = admin.post("/activities", &[("type_id", &id), ("on", "2026-12-01")]).await;
    let activity = last(&made);
    assert_eq!(admin.post(&format!("{path}/retirement"), &[]).await.status(), 303);
    assert!(!admin.get("/activities/new").await.contains(">Visit<"));
    let refused = admin.post("/activities", &[("type_id", &id), ("on", "2026-12-01")]).await;
    assert!(refused.status() == 422 && refused.contains("is not one of the types"), "{}", refused.body);
    // What has it keeps it.
    let version = app.value("SELECT version FROM activities").await;
    let kept = admin
        .post(
            &format!("/activities/{activity}"),
            &[("version", &version), ("type_id", &id), ("subject", "Still a visit"), ("on", "2026-12-01")],
        )
        .await;
    assert_eq!(kept.status(), 303, "{}", kept.body);
    assert_eq!(admin.post(&format!("{path}/retirement/undo"), &[]).await.status(), 303);
    let task = type_id(&app, &org, "task").await;
    assert_eq!(
        admin.post(&format!("/settings/activity-types/{task}/retirement"), &[]).await.status(),
        409,
        "the last of its kind stays"
    );
    let order = format!("{id},{task}");
    assert_eq!(admin.post("/settings/activity-types/order", &[("order", &order)]).await.status(), 303);
    assert_eq!(app.value("SELECT name FROM activity_types ORDER BY position, name LIMIT 1").await, "Call");
    let rep = enter(&app, &org, "rep").await;
    assert_eq!(rep.post(&path, &[("name", "Mine")]).await.status(), 403);
    app.stop().await;
}
