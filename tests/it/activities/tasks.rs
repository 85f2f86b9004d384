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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_early_late_or_given_to_nobody_is_told() {
    let app = TestApp::start().await;
    let org = app.org("told").await;
    let rep = enter(&app, &org, "rep").await;
    let (task, own) = (type_id(&app, &org, "task").await, org.rep.to_string());
    let add = async |subject: &str| {
        last(&rep.post("/activities", &[("type_id", &task), ("subject", subject), ("owner_id", &own)]).await)
    };
    let (first, second) = (add("Draw it").await, add("Build it").await);
    // Done before what it waits for: done, and said.
    let wait = rep.post(&format!("/activities/{second}/dependencies"), &[("waits_for", &first)]).await;
    assert_eq!(wait.status(), 303, "{}", wait.body);
    let done = rep.post_partial(&format!("/activities/{second}/completion"), &[]).await;
    assert!(done.header("hx-trigger").unwrap().contains("done, though what it waits for is still open"));
    let done = rep.post_partial(&format!("/activities/{first}/completion"), &[]).await;
    assert!(!done.header("hx-trigger").unwrap().contains("though"));

    // What came of it is written, mended and taken away afterwards.
    let outcome = "SELECT coalesce(outcome, '-') || ' ' || status FROM activities WHERE subject = 'Build it'";
    for (written, kept) in [("Went badly", "Went badly done"), ("Went well", "Went well done"), ("", "- done")] {
        let page = rep.get(&format!("/activities/{second}")).await;
        assert!(page.contains("Save the outcome"), "{}", page.body);
        let saved = rep.post(&format!("/activities/{second}/completion"), &[("outcome", written)]).await;
        assert_eq!(saved.status(), 303, "{}", saved.body);
        assert_eq!(app.value(outcome).await, kept);
        assert!(rep.get("/tasks").await.contains("Outcome of Build it saved"));
    }
    let viewer = enter(&app, &org, "viewer").await;
    assert!(!viewer.get(&format!("/activities/{second}")).await.contains("Save the outcome"));

    // Given to nobody in bulk: back where it was asked for, with a word.
    let third = add("Ship it").await;
    let given = [("class", "task"), ("action", "assign"), ("owner_id", ""), ("ids", third.as_str())];
    let back = post_from(&rep, "/tasks?who=team", "/activities/bulk", &given).await;
    assert_eq!(back.location.as_deref(), Some("/tasks?who=team"), "{}", back.body);
    assert!(rep.get("/tasks").await.contains("Choose whom to give them to"));
    assert_eq!(app.value(&format!("SELECT owner_id FROM activities WHERE id = '{third}'")).await, own);

    // A form begins with the length of its type; a deal is known by its whole name, or its number.
    let meeting = type_id(&app, &org, "meeting").await;
    let form = rep.get(&format!("/activities/new?type_id={meeting}")).await;
    assert!(form.contains("id=\"f-minutes\" name=\"minutes\" type=\"text\" value=\"60\""), "{}", form.body);
    assert!(form.contains("data-minutes=\"15\""));
    let lens = deal(&rep, &app, &org, org.rep, "Lens – order").await;
    let number = app.value("SELECT 'd-' || number FROM deals").await;
    for said in ["Lens – order", "LENS – ORDER", &number] {
        let planned = rep.post("/activities", &[("type_id", &meeting), ("subject", said), ("deal", said)]).await;
        let id = last(&planned);
        assert_eq!(app.value(&format!("SELECT deal_id FROM activities WHERE id = '{id}'")).await, lens, "{said}");
    }
    deal(&rep, &app, &org, org.rep, "Lens – order").await;
    let unclear = rep.post("/activities", &[("type_id", &meeting), ("deal", "Lens – order")]).await;
    assert_eq!(unclear.status(), 422);
    // Who takes part is chosen while planning: contacts by name, colleagues by a tick; a name that nobody has is refused.
    let boss = org.manager.to_string();
    let form = rep.get("/activities/new").await;
    assert!(form.contains("name=\"with_contact_1\"") && form.contains(&format!("name=\"with\" value=\"{boss}\"")));
    app.sql(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, owner_id) SELECT '{}', gen_random_uuid(), n, 'Guest', '{own}' FROM unnest('{{Ada,Bob}}'::text[]) n",
        org.id
    ))
    .await;
    let taking = |first: &'static str| {
        vec![
            ("type_id", meeting.as_str()),
            ("subject", "Together"),
            ("with", boss.as_str()),
            ("with_contact_1", first),
            ("with_contact_3", "Bob Guest"),
        ]
    };
    let refused = rep.post("/activities", &taking("Nobody")).await;
    assert!(refused.status() == 422 && refused.contains("is not one of your contacts"), "{}", refused.body);
    assert_eq!(rep.post("/activities", &taking("ada guest")).await.status(), 303);
    let people = "SELECT string_agg(coalesce(c.first_name, m.name), ', ' ORDER BY c.first_name, m.name) FROM activity_participants p
                  JOIN activities a ON a.id = p.activity_id AND a.subject = 'Together'
                  LEFT JOIN contacts c ON c.id = p.contact_id LEFT JOIN members m ON m.id = p.member_id";
    assert_eq!(app.value(people).await, "Ada, Bob, Manager told");
    // Nothing on the board: one word for all its columns.
    let manager = enter(&app, &org, "manager").await;
    let board = manager.get("/tasks?view=board").await;
    assert!(board.contains("Nothing planned") && !board.contains("id=\"task-board\""), "{}", board.body);
    app.stop().await;
}
