//! Cards put into another row of a board: what makes the row changes with the move, or neither does.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_in_another_row_gets_what_makes_that_row_and_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    let (theirs, (pipeline, stages)) = (app.belongings(&other).await, app.stages(&org));
    let deal = rep.add_deal(&stages[0], "Pilot", &[("company", "Brightwater Foods")]).await;
    let (company, mine, hers) = (
        app.value("SELECT id FROM companies WHERE name = 'Brightwater Foods'").await,
        org.rep.to_string(),
        org.admin.to_string(),
    );
    let put = async |stage: &str, rows: &str, row: &str| {
        let form = [("stage_id", stage), ("rows", rows), ("row", row)];
        rep.post_partial(&format!("/deals/{deal}/position"), &form).await
    };
    let is = "SELECT concat_ws(' ', s.position, m.name, c.name, d.priority, d.version) AS value FROM deals d JOIN stages s ON s.id = d.stage_id
        LEFT JOIN members m ON m.id = d.owner_id LEFT JOIN companies c ON c.id = d.company_id WHERE d.name = 'Pilot'";
    let place = |app: &TestApp| app.texts(is).remove(0).split(' ').skip(1).collect::<Vec<_>>().join(" ");
    let list = format!("kind=board&pipeline={pipeline}");
    let look = async |rows: &str| {
        let form = [("list", list.as_str()), ("lanes", rows), ("field", "amount"), ("do", "me")];
        assert_eq!(rep.post(&format!("/pipeline/{pipeline}/look"), &form).await.status(), 303);
        rep.get(&format!("/pipeline/{pipeline}?reset=1")).await
    };
    // Every priority is a row, whether anybody has it or not; the board says what its rows are, and the menu offers them.
    let board = look("priority").await;
    assert!(board.contains("data-rows=\"priority\"") && board.contains("data-to-row=\"high\""), "{}", board.body);
    let moved = put(&stages[1], "priority", "high").await;
    assert!(moved.status() == 200 && moved.contains("data-lane=\"high\""), "{} {}", moved.status(), moved.body);
    assert_eq!(place(&app), "Rep aurelia Brightwater Foods high 3");
    assert_eq!(put(&stages[1], "priority", "none").await.status(), 200);
    assert_eq!(put(&stages[1], "company", "none").await.status(), 200);
    assert_eq!(place(&app), "Rep aurelia 5");
    assert_eq!(put(&stages[1], "company", &company).await.status(), 200);
    assert_eq!(put(&stages[1], "owner", &hers).await.status(), 200);
    assert_eq!(place(&app), "Admin aurelia Brightwater Foods 7");
    assert_eq!(put(&stages[1], "owner", &mine).await.status(), 200);
    let told = "SELECT count(*)::text AS value FROM events WHERE kind = 'deal.updated' AND changes ?| ARRAY['priority', 'company_id', 'owner_id']";
    assert_eq!(app.texts(told), ["6"]);
    // A row that there is not, somebody else's, and a field that makes no rows.
    for (rows, row) in [
        ("priority", "enormous"),
        ("owner", "me"),
        ("owner", other.rep.to_string().as_str()),
        ("company", theirs.company.to_string().as_str()),
        ("stage", &stages[0]),
        ("amount", "none"),
        ("", "none"),
    ] {
        assert_eq!(put(&stages[0], rows, row).await.status(), 422, "{rows} {row}");
    }
    // What keeps it out of the stage keeps it out of the row; and whom one does not see one gives nothing.
    app.sql(&format!(
        "INSERT INTO stage_criteria (org_id, id, stage_id, label, required, position) VALUES ('{}', app.uuid7(), '{}', 'Signed', true, 1)",
        org.id, stages[1]
    ))
    .await;
    let held = put(&stages[2], "priority", "urgent").await;
    assert!(held.status() == 422 && held.contains("data-passing"), "{} {}", held.status(), held.body);
    assert_eq!(place(&app), "Rep aurelia Brightwater Foods 8");
    app.sql(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id)).await;
    assert_eq!(put(&stages[1], "owner", &hers).await.status(), 422);
    assert!(app.totals_differ().is_empty());
    let viewer = app.signed_in(&org, "viewer").await;
    let form = [("stage_id", stages[1].as_str()), ("rows", "priority"), ("row", "high")];
    assert_eq!(viewer.post_partial(&format!("/deals/{deal}/position"), &form).await.status(), 403);
    assert_eq!(admin.get(&format!("/deals/{deal}/history")).await.status(), 200);
    app.stop().await;
}
