//! Tasks: what they wait for, their checklist, their board and what is done to many at once.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_with_a_checklist_and_what_they_wait_for() {
    let app = TestApp::start().await;
    let org = app.org("tasks").await;
    let rep = enter(&app, &org, "rep").await;
    let task = type_id(&app, &org, "task").await;
    let own = org.rep.to_string();
    let add = async |subject: &str| {
        last(
            &rep.post("/activities", &[("type_id", &task), ("subject", subject), ("owner_id", &own), ("on", "")]).await,
        )
    };
    let (first, second, third) = (add("Draw it").await, add("Build it").await, add("Ship it").await);
    let wait = async |id: &str, other: &str| {
        rep.post(&format!("/activities/{id}/dependencies"), &[("waits_for", other)]).await
    };
    assert_eq!(wait(&second, &first).await.status(), 303);
    assert_eq!(wait(&third, &second).await.status(), 303);
    let circle = wait(&first, &third).await;
    assert!(circle.status() == 422 && circle.contains("neither could ever begin"), "{}", circle.body);
    assert_eq!(wait(&first, &first).await.status(), 422);
    assert!(rep.get(&format!("/activities/{third}")).await.contains("Build it"));
    assert!(rep.get(&format!("/activities/{first}")).await.contains("Holds up"));
    assert_eq!(
        rep.post(&format!("/activities/{second}/dependencies/removal"), &[("waits_for", &first)]).await.status(),
        303
    );
    assert_eq!(wait(&first, &third).await.status(), 303);

    let items = rep.post(&format!("/activities/{first}/checklist"), &[("text", "Measure\nSketch")]).await;
    assert_eq!(items.status(), 303, "{}", items.body);
    let refused = rep.post(&format!("/activities/{first}/checklist"), &[("text", &"x".repeat(301))]).await;
    assert!(refused.status() == 422 && refused.contains(&"x".repeat(301)), "{}", refused.body);
    let item = app.value("SELECT id FROM activity_checklist WHERE text = 'Measure'").await;
    assert_eq!(rep.post(&format!("/activities/{first}/checklist/tick"), &[("item", &item)]).await.status(), 303);
    assert!(rep.get(&format!("/activities/{first}")).await.contains("1 of 2"));
    // Another activity's item is not ticked through this one.
    rep.post(&format!("/activities/{second}/checklist/removal"), &[("item", &item)]).await;
    assert_eq!(app.value("SELECT count(*) FROM activity_checklist").await, "2");

    // States, and the board of them.
    assert_eq!(rep.post(&format!("/activities/{first}/status"), &[("status", "in_progress")]).await.status(), 303);
    assert_eq!(rep.post(&format!("/activities/{first}/status"), &[("status", "dancing")]).await.status(), 422);
    let board = rep.get("/tasks?view=board").await;
    let column = board.between("state-in_progress", "</section>").unwrap();
    assert!(column.contains("Draw it") && !column.contains("Build it"), "{}", board.body);
    assert_eq!(rep.post(&format!("/activities/{first}/status"), &[("status", "done")]).await.status(), 303);
    let board = rep.get("/tasks?view=board").await;
    assert!(board.between("state-done", "</section>").unwrap().contains("Draw it"));
    assert!(rep.get("/tasks?when=undated").await.contains("Ship it"));

    // htmx gets the line anew, with an undo.
    let line = rep.post_partial(&format!("/activities/{second}/completion"), &[]).await;
    assert!(line.status() == 200 && line.contains("is-closed") && !line.contains("<html"), "{}", line.body);
    assert!(line.header("hx-trigger").unwrap().contains("completion/undo"));

    // In bulk: what is gone or closed is passed over.
    let manager = org.manager.to_string();
    let given = rep
        .post(
            "/activities/bulk",
            &[("class", "task"), ("action", "assign"), ("owner_id", &manager), ("ids", &third), ("ids", &first)],
        )
        .await;
    assert_eq!(given.location.as_deref(), Some("/tasks"));
    assert_eq!(app.value(&format!("SELECT owner_id FROM activities WHERE id = '{third}'")).await, manager);
    let off = rep
        .post(
            "/activities/bulk",
            &[("class", "task"), ("action", "until-2031-05-05"), ("ids", &third), ("ids", &first)],
        )
        .await;
    assert_eq!(off.status(), 303);
    assert_eq!(
        app.value("SELECT string_agg(subject, ',') FROM activities WHERE due_on = '2031-05-05'").await,
        "Ship it"
    );
    assert_eq!(rep.post("/activities/bulk", &[("action", "explode"), ("ids", &third)]).await.status(), 422);
    app.stop().await;
}
