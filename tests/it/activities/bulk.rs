//! What is done to many at once is taken back at once, but for what somebody changed since; whom they become is told how many.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_many_is_undone_and_told_once() {
    let app = TestApp::start().await;
    let org = app.org("many").await;
    let (rep, manager) = (enter(&app, &org, "rep").await, enter(&app, &org, "manager").await);
    let (task, own) = (type_id(&app, &org, "task").await, org.rep.to_string());
    let mut ids = Vec::new();
    for (subject, day) in [("Draw", "2031-01-01"), ("Build", "2031-02-02"), ("Ship", "")] {
        let form = [("type_id", task.as_str()), ("subject", subject), ("owner_id", own.as_str()), ("on", day)];
        ids.push(last(&rep.post("/activities", &form).await));
    }
    let state = "SELECT string_agg(concat_ws(' ', a.subject, a.status, a.due_on, m.name, a.deleted_at IS NOT NULL), ', ' ORDER BY a.id)
                 FROM activities a JOIN members m ON m.id = a.owner_id";
    let before = app.value(state).await;
    let bulk = async |action: &str| {
        let owner = org.manager.to_string();
        let mut form = vec![("class", "task"), ("action", action), ("owner_id", owner.as_str())];
        form.extend(ids.iter().map(|id| ("ids", id.as_str())));
        let done = rep.post("/activities/bulk", &form).await;
        assert_eq!(done.status(), 303, "{action}: {}", done.body);
        app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await
    };
    for (action, told) in [
        ("done", "3 tasks done"),
        ("until-2031-05-05", "3 tasks put off"),
        ("assign", "3 tasks reassigned"),
        ("delete", "3 tasks deleted"),
    ] {
        let op = bulk(action).await;
        assert_ne!(app.value(state).await, before, "{action}");
        // A page that fetches itself anew behind somebody's back takes no message away.
        assert_eq!(
            rep.get_partial(&format!("/activities/{}", ids[0])).await.status() / 100,
            if action == "delete" { 4 } else { 2 }
        );
        let page = rep.get("/tasks").await;
        assert!(page.contains(told) && page.contains(&format!("/operations/{op}/undo")), "{action}: {}", page.body);
        let undone = rep.post(&format!("/operations/{op}/undo"), &[]).await;
        assert_eq!(undone.location.as_deref(), Some("/tasks"), "{action}: {}", undone.body);
        assert_eq!(app.value(state).await, before, "{action}");
    }
    // One notice of three tasks, none for their return.
    let notices = "SELECT string_agg(m.name || ' ' || (n.params->>'many'), ', ') FROM notices n JOIN members m ON m.id = n.member_id WHERE n.kind IN ('assigned', 'handed_over')";
    assert_eq!(app.value(notices).await, "Manager many 3 tasks");
    assert!(manager.get("/notifications").await.contains("3 tasks"));
    // What was done already is passed over; what somebody changed since stays.
    assert_eq!(rep.post(&format!("/activities/{}/completion", ids[0]), &[]).await.status(), 303);
    let op = bulk("done").await;
    assert!(rep.get("/tasks").await.contains("2 tasks done"));
    assert_eq!(rep.post(&format!("/activities/{}/status", ids[1]), &[("status", "waiting")]).await.status(), 303);
    let undone = rep.post(&format!("/operations/{op}/undo"), &[]).await;
    assert_eq!(undone.location, Some(format!("/operations/{op}")));
    let page = rep.get(&format!("/operations/{op}")).await;
    assert!(page.contains("changed since") && page.contains("2 tasks done"), "{}", page.body);
    assert_eq!(app.value("SELECT string_agg(status, ',' ORDER BY id) FROM activities").await, "done,waiting,open");
    assert_eq!(manager.post(&format!("/operations/{op}/undo"), &[]).await.status(), 404, "somebody else's");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_concerned_by_many_at_once_is_told_once() {
    let app = TestApp::start().await;
    let org = app.org("lots").await;
    let (rep, manager) = (enter(&app, &org, "rep").await, enter(&app, &org, "manager").await);
    let (task, mate) = (type_id(&app, &org, "task").await, org.rep.to_string());
    let mut ids = Vec::new();
    for subject in ["Draw", "Build", "Ship"] {
        let form = [("type_id", task.as_str()), ("subject", subject), ("owner_id", &mate), ("on", "2031-01-01")];
        ids.push(last(&manager.post("/activities", &form).await));
    }
    let mute = [("about", "activity"), ("id", ids[2].as_str()), ("standing", "mute")];
    assert_eq!(manager.post("/follows", &mute).await.status(), 303);
    for (action, kind, told) in [
        ("until-2031-05-05", "changed", "</b> put off <b>2 tasks"),
        ("done", "progress", "</b> marked <b>2 tasks"),
        ("delete", "changed", "</b> deleted <b>2 tasks"),
    ] {
        app.sql("DELETE FROM notices").await;
        let mut form = vec![("class", "task"), ("action", action)];
        form.extend(ids.iter().map(|id| ("ids", id.as_str())));
        assert_eq!(rep.post("/activities/bulk", &form).await.status(), 303, "{action}");
        let notices = "SELECT string_agg(concat_ws(' ', m.name, n.kind, n.params->>'many'), ', ') FROM notices n JOIN members m ON m.id = n.member_id";
        assert_eq!(app.value(notices).await, format!("Manager lots {kind} 2 tasks"), "{action}");
        let page = manager.get("/notifications").await;
        assert!(page.contains(told), "{told}: {}", page.body);
        // Their return is told no more than that of what was given.
        let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
        assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
        assert_eq!(app.value("SELECT count(*) FROM notices").await, "1", "{action}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_to_take_part_is_told() {
    let app = TestApp::start().await;
    let org = app.org("part").await;
    let (rep, manager) = (enter(&app, &org, "rep").await, enter(&app, &org, "manager").await);
    let meeting = type_id(&app, &org, "meeting").await;
    let boss = org.admin.to_string();
    let form =
        [("type_id", meeting.as_str()), ("subject", "Kick-off"), ("owner_id", boss.as_str()), ("on", "2031-01-01")];
    let id = last(&rep.post("/activities", &form).await);
    let place = format!("/activities/{id}/participants");
    for _ in 0..2 {
        assert_eq!(rep.post(&place, &[("member_id", &org.manager.to_string())]).await.status(), 303);
        assert_eq!(rep.post(&place, &[("member_id", &org.rep.to_string())]).await.status(), 303);
    }
    let told =
        "SELECT string_agg(m.name, ',') FROM notices n JOIN members m ON m.id = n.member_id WHERE n.kind = 'invited'";
    assert_eq!(app.value(told).await, "Manager part", "once, and not oneself");
    let page = manager.get("/notifications").await;
    assert!(
        page.contains("wants you to take part in") && page.contains("Kick-off") && page.contains("1 Jan"),
        "{}",
        page.body
    );
    // Of what is over nobody is told.
    assert_eq!(rep.post(&format!("/activities/{id}/completion"), &[]).await.status(), 303);
    let viewer = app.value("SELECT id FROM members WHERE name LIKE 'Viewer%'").await;
    assert_eq!(rep.post(&place, &[("member_id", &viewer)]).await.status(), 303);
    assert_eq!(app.value(told).await, "Manager part");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_wait_is_done_and_told_as_it_is_of_one() {
    let app = TestApp::start().await;
    let org = app.org("early").await;
    let rep = enter(&app, &org, "rep").await;
    let (task, own) = (type_id(&app, &org, "task").await, org.rep.to_string());
    let mut ids = Vec::new();
    for subject in ["Draw", "Build", "Ship", "Sweep"] {
        let form = [("type_id", task.as_str()), ("subject", subject), ("owner_id", own.as_str())];
        ids.push(last(&rep.post("/activities", &form).await));
    }
    for later in [&ids[1], &ids[2]] {
        let said = rep.post(&format!("/activities/{later}/dependencies"), &[("waits_for", &ids[0])]).await;
        assert_eq!(said.status(), 303, "{}", said.body);
    }
    for (ticked, told) in [
        (&[1, 2, 3][..], "3 tasks done, 2 of them though what they wait for is still open"),
        (&[1, 3], "2 tasks done, 1 of them though what it waits for is still open"),
        (&[1], "1 task done, though what it waits for is still open"),
        // What it waits for is done along with it, in whichever order.
        (&[1, 0], "2 tasks done"),
        (&[3], "1 task done"),
    ] {
        let mut form = vec![("class", "task"), ("action", "done")];
        form.extend(ticked.iter().map(|n| ("ids", ids[*n].as_str())));
        assert_eq!(rep.post("/activities/bulk", &form).await.status(), 303);
        let page = rep.get("/tasks").await;
        assert!(page.contains(told), "{told}: {}", page.body);
        assert_eq!(page.contains("though what"), told.contains("though what"), "{told}: {}", page.body);
        let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
        assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
        assert_eq!(app.value("SELECT count(*) FROM activities WHERE status = 'open'").await, "4");
        rep.get("/tasks").await;
    }
    // As of one that is done alone.
    let alone = rep.post_partial(&format!("/activities/{}/completion", ids[1]), &[]).await;
    assert!(alone.header("hx-trigger").unwrap().contains("done, though what it waits for is still open"));
    app.stop().await;
}
