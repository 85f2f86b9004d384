//! What becomes of an activity is told to whoever takes part, follows or gave it away; and what is somebody else's stays theirs.

use super::*;

async fn told(client: &Client) -> String {
    client.get("/notifications").await.body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_it_is_told_to_the_others() {
    let app = TestApp::start().await;
    let org = app.org("heard").await;
    let (admin, manager, rep) =
        (enter(&app, &org, "admin").await, enter(&app, &org, "manager").await, enter(&app, &org, "rep").await);
    let meeting = type_id(&app, &org, "meeting").await;
    let (own, mate) = (org.admin.to_string(), org.rep.to_string());
    let fields = [
        ("type_id", meeting.as_str()),
        ("subject", "Board meeting"),
        ("owner_id", &own),
        ("on", "2031-12-09"),
        ("time", "10:00"),
        ("with", &mate),
    ];
    let id = last(&admin.post("/activities", &fields).await);
    let path = format!("/activities/{id}");
    let follow = [("about", "activity"), ("id", id.as_str()), ("standing", "follow")];
    assert_eq!(manager.post("/follows", &follow).await.status(), 303);
    app.sql("DELETE FROM notices").await;

    let moved = [("version", "1"), ("on", "2031-12-10"), ("time", "16:00")];
    assert_eq!(admin.post(&format!("{path}/time"), &moved).await.status(), 303);
    assert_eq!(admin.post(&format!("{path}/completion"), &[("as", "cancelled")]).await.status(), 303);
    assert_eq!(admin.post(&format!("{path}/completion/undo"), &[]).await.status(), 303);
    assert_eq!(admin.post(&format!("{path}/status"), &[("status", "waiting")]).await.status(), 303);
    assert_eq!(admin.post(&format!("{path}/completion"), &[("outcome", "They signed")]).await.status(), 303);
    for reader in [&rep, &manager] {
        let page = told(reader).await;
        for words in ["</b> moved", "16:00", "</b> cancelled", "</b> reopened", "to Waiting", "as done", "They signed"]
        {
            assert!(page.contains(words), "{words}: {page}");
        }
    }
    let own_doing = app.value(&format!("SELECT count(*) FROM notices WHERE member_id = '{own}'")).await;
    assert_eq!(own_doing, "0", "nobody is told of their own doing");

    // Deleted: what led there goes, and that it is gone is said; and that it is back.
    assert_eq!(admin.post(&format!("{path}/completion/undo"), &[]).await.status(), 303);
    let before = told(&rep).await;
    assert_eq!(admin.post(&format!("{path}/deletion"), &[]).await.status(), 303);
    let after = told(&rep).await;
    assert!(
        after.contains("</b> deleted") && !after.contains("</b> moved") && before.contains("</b> moved"),
        "{after}"
    );
    let gone = app
        .value(&format!("SELECT id FROM notices WHERE record_type = 'activity.gone' AND member_id = '{mate}'"))
        .await;
    let led = rep.get(&format!("/notifications/{gone}")).await;
    assert_eq!(led.location.as_deref(), Some("/activities"), "{}", led.body);
    assert_eq!(admin.post(&format!("{path}/deletion/undo"), &[]).await.status(), 303);
    let back = told(&rep).await;
    assert!(back.contains("</b> brought back") && back.matches("</b> moved").count() == 1, "{back}");

    // Given to somebody with another time, all at once: each hears of it once.
    let second = last(&admin.post("/activities", &fields[..5]).await);
    let follow = [("about", "activity"), ("id", second.as_str()), ("standing", "follow")];
    assert_eq!(manager.post("/follows", &follow).await.status(), 303);
    app.sql("DELETE FROM notices").await;
    let given = [
        ("version", "1"),
        ("type_id", meeting.as_str()),
        ("subject", "Board meeting"),
        ("owner_id", &mate),
        ("on", "2031-12-12"),
        ("time", "11:00"),
    ];
    assert_eq!(admin.post(&format!("/activities/{second}"), &given).await.status(), 303);
    let each = "SELECT string_agg(m.name || ' ' || n.kind, ', ' ORDER BY m.name) FROM notices n JOIN members m ON m.id = n.member_id";
    assert_eq!(app.value(each).await, "Manager heard changed, Rep heard assigned");

    // In the ways each chose, and not to who muted it.
    app.sql(&format!(
        "DELETE FROM notices; INSERT INTO notice_choices (org_id, member_id, kind, centre, browser, mail) VALUES ('{}', '{mate}', 'changed', false, false, 'off')",
        org.id
    ))
    .await;
    let mute = [("about", "activity"), ("id", id.as_str()), ("standing", "mute")];
    assert_eq!(manager.post("/follows", &mute).await.status(), 303);
    assert_eq!(admin.post(&format!("{path}/snooze"), &[("until", "2031-12-20")]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM notices").await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gave_a_task_away_hears_of_it_and_who_takes_part_in_a_series_of_its_end() {
    let app = TestApp::start().await;
    let org = app.org("givers").await;
    let (manager, rep) = (enter(&app, &org, "manager").await, enter(&app, &org, "rep").await);
    let (todo, call) = (type_id(&app, &org, "task").await, type_id(&app, &org, "call").await);
    let (boss, mate) = (org.manager.to_string(), org.rep.to_string());
    let task = [("type_id", todo.as_str()), ("subject", "Write the offer"), ("owner_id", &mate), ("on", "2031-12-09")];
    let id = last(&manager.post("/activities", &task).await);
    assert_eq!(rep.post(&format!("/activities/{id}/completion"), &[]).await.status(), 303);
    let page = told(&manager).await;
    assert!(page.contains("</b> marked") && page.contains("Write the offer") && page.contains("as done"), "{page}");

    let first = app.value("SELECT current_date + 3").await;
    let weekly = [
        ("type_id", call.as_str()),
        ("subject", "Weekly call"),
        ("owner_id", &boss),
        ("on", &first),
        ("time", "09:00"),
        ("with", &mate),
        ("repeat", "weekly"),
        ("repeat_end", "count"),
        ("repeat_count", "4"),
    ];
    let id = last(&manager.post("/activities", &weekly).await);
    app.sql("DELETE FROM notices").await;
    let ended = manager.post(&format!("/activities/{id}/deletion"), &[("scope", "all")]).await;
    assert_eq!(ended.status(), 303, "{}", ended.body);
    let page = told(&rep).await;
    assert!(page.contains("</b> ended the series of") && page.contains("Weekly call"), "{page}");
    assert_eq!(app.value("SELECT count(*) FROM notices").await, "1");
    // Brought back, they hear of that too, as of a single one.
    let at = app.value("SELECT (extract(epoch FROM max(deleted_at)) * 1000000)::bigint FROM activities").await;
    let undone = manager.post(&format!("/activities/{id}/deletion/undo?series=1&at={at}&count=4"), &[]).await;
    assert_eq!(undone.status(), 303, "{}", undone.body);
    let page = told(&rep).await;
    assert!(page.contains("</b> brought back") && page.contains("Weekly call"), "{page}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_is_deleted_and_brought_back_only_by_who_may_delete_all_of_it() {
    let app = TestApp::start().await;
    let org = app.org("whole").await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let call = type_id(&app, &org, "call").await;
    let (boss, mate) = (org.admin.to_string(), org.rep.to_string());
    let first = app.value("SELECT current_date + 3").await;
    let weekly = [
        ("type_id", call.as_str()),
        ("subject", "Weekly call"),
        ("owner_id", &mate),
        ("on", &first),
        ("time", "09:00"),
        ("repeat", "weekly"),
        ("repeat_end", "count"),
        ("repeat_count", "4"),
    ];
    let id = last(&admin.post("/activities", &weekly).await);
    let path = format!("/activities/{id}/deletion");
    let give_last = async |owner: &str| {
        let last = "(SELECT max(occurs_on) FROM activities)";
        app.sql(&format!("UPDATE activities SET owner_id = '{owner}' WHERE occurs_on = {last}")).await;
    };
    let standing = "SELECT count(*) FROM activities WHERE deleted_at IS NULL";

    // The last one is the admin's: who does not see it does not delete it along with theirs.
    give_last(&boss).await;
    for scope in ["later", "all"] {
        let refused = rep.post(&path, &[("scope", scope)]).await;
        assert!(refused.status() == 403 && refused.contains("somebody else"), "{scope}: {}", refused.body);
        assert_eq!(app.value(standing).await, "4", "{scope}");
    }
    give_last(&mate).await;
    assert_eq!(rep.post(&path, &[("scope", "all")]).await.status(), 303);
    assert_eq!(app.value(standing).await, "0");
    let at = app.value("SELECT (extract(epoch FROM max(deleted_at)) * 1000000)::bigint FROM activities").await;
    let undo = format!("{path}/undo?series=1&at={at}&count=4");
    give_last(&boss).await;
    assert_eq!(rep.post(&undo, &[]).await.status(), 403);
    assert_eq!(app.value(standing).await, "0");
    give_last(&mate).await;
    assert_eq!(rep.post(&undo, &[]).await.status(), 303);
    assert_eq!(app.value(standing).await, "4");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_somebody_elses_stays_theirs_and_nobody_loses_what_they_plan() {
    let app = TestApp::start().await;
    let org = app.org("own").await;
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    let (admin, rep) = (enter(&app, &org, "admin").await, enter(&app, &org, "rep").await);
    let (meeting, todo) = (type_id(&app, &org, "meeting").await, type_id(&app, &org, "task").await);
    let (boss, mine) = (org.admin.to_string(), org.rep.to_string());

    // Nobody's would be out of sight: not offered, and refused at its field.
    assert!(admin.get("/activities/new").await.contains("Nobody yet"));
    assert!(!rep.get("/activities/new").await.contains("Nobody yet"));
    let nobodys = [("type_id", meeting.as_str()), ("subject", "Lost"), ("owner_id", ""), ("on", "2031-12-09")];
    let refused = rep.post("/activities", &nobodys).await;
    assert!(refused.status() == 422 && refused.contains("you could not see it if nobody had it"), "{}", refused.body);
    assert_eq!(admin.post("/activities", &nobodys).await.status(), 303);
    // Whose it is not said to be, is the writer's.
    let kept =
        last(&rep.post("/activities", &[("type_id", &meeting), ("subject", "Kept"), ("on", "2031-12-09")]).await);
    assert_eq!(app.value(&format!("SELECT owner_id FROM activities WHERE id = '{kept}'")).await, mine);
    let edit =
        [("version", "1"), ("type_id", meeting.as_str()), ("subject", "Kept"), ("owner_id", ""), ("on", "2031-12-09")];
    assert_eq!(rep.post(&format!("/activities/{kept}"), &edit).await.status(), 422);
    assert_eq!(rep.get(&format!("/activities/{kept}")).await.status(), 200);
    // About a deal of theirs it stays in sight.
    let own_deal = deal(&rep, &app, &org, org.rep, "Own deal").await;
    let about = [("type_id", meeting.as_str()), ("owner_id", ""), ("on", "2031-12-09"), ("deal_id", &own_deal)];
    assert_eq!(rep.get(&format!("/activities/{}", last(&rep.post("/activities", &about).await))).await.status(), 200);
    // A contact out of sight is told of, not passed over.
    let (other, with) = (app.org("elsewhere").await, "with_contact_1_id");
    let stranger = app.belongings(&other).await.contact.to_string();
    let unknown = rep.post("/activities", &[("type_id", &meeting), ("on", "2031-12-09"), (with, &stranger)]).await;
    assert!(unknown.status() == 422 && unknown.contains("is not one of your contacts"), "{}", unknown.body);

    // Who merely takes part sees nothing else of it, and cannot delete it.
    let secret = deal(&admin, &app, &org, org.admin, "Secret deal").await;
    let plan = async |kind: &str, subject: &str, deal: &str, with: &str| {
        let fields = [
            ("type_id", kind),
            ("subject", subject),
            ("owner_id", &boss),
            ("on", "2031-12-09"),
            ("deal_id", deal),
            ("with", with),
        ];
        last(&admin.post("/activities", &fields).await)
    };
    let shared = plan(&meeting, "Shared meeting", &secret, &mine).await;
    plan(&meeting, "Hidden plan", &secret, "").await;
    plan(&todo, "Salary talk", "", "").await;
    let path = format!("/activities/{shared}");
    let theirs = admin.get(&path).await;
    assert!(theirs.contains("Hidden plan") && theirs.contains("Salary talk"), "{}", theirs.body);
    let page = rep.get(&path).await;
    assert!(page.status() == 200 && !page.contains("Hidden plan") && !page.contains("Salary talk"), "{}", page.body);
    assert!(
        !page.contains(&format!("action=\"{path}/deletion\""))
            && theirs.contains(&format!("action=\"{path}/deletion\""))
    );
    assert_eq!(rep.post(&format!("{path}/deletion"), &[]).await.status(), 403);
    let ticked = [("action", "delete"), ("ids", shared.as_str()), ("ids", &kept)];
    assert_eq!(rep.post("/activities/bulk", &ticked).await.status(), 303);
    let gone = "SELECT string_agg(subject, ', ') FROM activities WHERE deleted_at IS NOT NULL";
    assert_eq!(app.value(gone).await, "Kept");

    // Moved over somebody's change: the page says so, in its frame.
    let late = rep.post(&format!("{path}/time"), &[("version", "9"), ("on", "2031-12-10")]).await;
    assert!(late.status() == 409 && late.contains("Someone else changed it meanwhile"), "{}", late.body);
    assert!(late.contains("id=\"side\"") && late.contains("Shared meeting"), "{}", late.body);
    for list in ["/tasks?when=x", "/tasks?who=x", "/mails?folder=x"] {
        let page = rep.get(list).await;
        assert!(page.status() == 400 && page.contains("a list that does not exist"), "{}", page.body);
    }
    app.stop().await;
}
