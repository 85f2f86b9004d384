//! What stages ask for before a deal enters or leaves them, whichever way it is moved.

use crate::support::{Client, Org, TestApp};

/// The second stage asks for an amount and a field of one's own, the first for one required line and one of advice.
async fn asking(app: &TestApp, org: &Org, manager: &Client) -> Vec<String> {
    let (_, stages) = app.stages(org);
    let admin = app.signed_in(org, "admin").await;
    let mut field = vec![("type", "deal"), ("kind", "text"), ("label", "Use case")];
    for name in ["viewers", "editors"] {
        field.extend(["administrator", "manager", "rep", "viewer"].map(|role| (name, role)));
    }
    let made = admin.post("/settings/fields", &field).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    for (stage, fields) in [
        (&stages[1], vec![("fields", "amount"), ("fields", "c_use_case"), ("fields", "nonsense")]),
        (
            &stages[0],
            vec![("label_0", "Budget is there"), ("kind_0", "required"), ("label_2", "Visited"), ("kind_2", "advice")],
        ),
    ] {
        let at = format!("/settings/stages/{stage}/requirements");
        let page = manager.get(&at).await;
        assert!(page.contains("Use case") && page.contains("Expected close"), "{}", page.body);
        let version = page.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
        let form: Vec<(&str, &str)> = fields.into_iter().chain([("version", version.as_str())]).collect();
        assert_eq!(manager.post(&at, &form).await.status(), 303);
        // From a page that is out of date nothing is saved, and what was typed is kept.
        let stale = manager.post(&at, &[("version", &version), ("label_0", "Typed <here>")]).await;
        assert_eq!(stale.status(), 409);
        assert!(stale.contains("Typed &#60;here&#62;"), "{}", stale.body);
    }
    stages
}

fn stage_of(app: &TestApp, id: &str) -> String {
    app.texts(&format!("SELECT stage_id::text AS value FROM deals WHERE id = '{id}'")).remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_asked_for_what_is_missing_and_completed() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let stages = asking(&app, &org, &manager).await;
    assert_eq!(rep.get(&format!("/settings/stages/{}/requirements", stages[0])).await.status(), 403);
    let id = rep.add_deal(&stages[0], "Cold chain pilot", &[]).await;
    let (at, criterion) = (format!("/deals/{id}"), app.value("SELECT id FROM stage_criteria WHERE required").await);
    let refused = |body: &str| {
        ["Amount", "Use case", "Budget is there"].iter().all(|w| body.contains(w)) && !body.contains("Visited")
    };

    // The board's request gets the form, a program's the problem, a browser without a script the page; nothing moved.
    let to = [("stage_id", stages[1].as_str())];
    let dialog = rep.post_partial(&format!("{at}/position"), &to).await;
    assert_eq!(dialog.status(), 422);
    assert!(
        refused(&dialog.body) && dialog.contains("data-passing") && !dialog.contains("Move it without"),
        "{}",
        dialog.body
    );
    let plain = rep.post(&format!("{at}/position"), &to).await;
    assert_eq!(plain.status(), 422);
    assert!(refused(&plain.body) && plain.contains("<html"), "{}", plain.body);
    // On a page of its own Cancel leads back; sent with nothing ticked, it says what is missing.
    assert!(plain.contains(&format!("<a class=\"btn\" href=\"{at}\" data-close>")), "{}", plain.body);
    assert!(!plain.contains("Not ticked yet"), "{}", plain.body);
    let bare = rep.post(&format!("{at}/passage"), &to).await;
    assert!(bare.status() == 422 && bare.contains("Not ticked yet: Budget is there"), "{}", bare.body);
    let skipping = rep.post_partial(&format!("{at}/pipeline"), &[("stage_id", &stages[2])]).await;
    assert!(skipping.status() == 422 && refused(&skipping.body), "{}", skipping.body);
    let won = rep.post(&format!("{at}/closure"), &[("outcome", "won")]).await;
    assert!(won.status() == 422 && won.contains("Budget is there") && !won.contains("Use case"), "{}", won.body);
    assert_eq!(stage_of(&app, &id), stages[0]);

    // Half of it is not enough, and nothing of it is lost or saved; forged and foreign lines tick nothing; a rep overrides nothing.
    let half = [to[0], ("amount", "12,000"), ("c_use_case", ""), ("done", &criterion)];
    let again = rep.post_partial(&format!("{at}/passage"), &half).await;
    assert_eq!(again.status(), 422);
    assert!(again.contains("value=\"12,000\"") && again.contains("checked"), "{}", again.body);
    let wrong =
        rep.post_partial(&format!("{at}/passage"), &[to[0], ("amount", "much"), ("c_use_case", "Frozen peas")]).await;
    assert!(
        wrong.status() == 422 && wrong.contains("value=\"much\"") && wrong.contains("value=\"Frozen peas\""),
        "{}",
        wrong.body
    );
    assert_eq!(rep.post(&format!("{at}/passage"), &[to[0], ("over", "true")]).await.status(), 403);
    assert_eq!(
        app.texts("SELECT concat(amount, custom, (SELECT count(*) FROM deal_criteria)) AS value FROM deals"),
        ["{}0"]
    );
    let whole = [to[0], ("amount", "12,000"), ("c_use_case", "Frozen peas"), ("done", &criterion)];
    let moved = rep.post_partial(&format!("{at}/passage"), &whole).await;
    assert_eq!(moved.status(), 200, "{}", moved.body);
    assert!(moved.contains("data-deal-id"), "{}", moved.body);
    assert_eq!(stage_of(&app, &id), stages[1]);
    let page = rep.get(&at).await;
    assert!(page.contains("Rep aurelia") && page.contains("Frozen peas") && page.contains("1 of 2"), "{}", page.body);

    // Back asks nothing; the tick is taken away on the page; who may passes over it, and history says so.
    assert_eq!(rep.post(&format!("{at}/position"), &[("stage_id", &stages[0])]).await.status(), 303);
    assert_eq!(rep.post(&format!("{at}/criteria/{criterion}"), &[("done", "")]).await.status(), 303);
    assert_eq!(rep.post(&format!("{at}/position"), &to).await.status(), 422);
    let over = manager.post(&format!("{at}/passage"), &[to[0], ("over", "true")]).await;
    assert_eq!(over.status(), 303, "{}", over.body);
    assert_eq!(
        app.texts("SELECT data->>'overrode' AS value FROM events WHERE data ? 'overrode'"),
        ["not ticked: Budget is there"]
    );
    for page in [at.clone(), format!("{at}/history")] {
        let told = rep.get(&page).await;
        assert!(told.contains("Without: ") && told.contains("not ticked: Budget is there"), "{page}: {}", told.body);
    }
    // Losing asks for nothing of the list.
    let lost = [("outcome", "lost"), ("lost_reason", "Other"), ("lost_note", "Went quiet")];
    assert_eq!(rep.post(&format!("{at}/closure"), &lost).await.status(), 303);
    // Another organisation's line is nobody's.
    let stranger = app.signed_in(&other, "admin").await;
    let (_, theirs) = app.stages(&other);
    let foreign = stranger.add_deal(&theirs[0], "Theirs", &[]).await;
    assert_eq!(
        stranger.post(&format!("/deals/{foreign}/criteria/{criterion}"), &[("done", "true")]).await.status(),
        404
    );
    assert_eq!(stranger.get(&format!("/settings/stages/{}/requirements", stages[0])).await.status(), 404);
    assert_eq!(stranger.post(&format!("/deals/{foreign}/position"), &[("stage_id", &theirs[1])]).await.status(), 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_deals_bulk_changes_and_undo_keep_to_it_too() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let stages = asking(&app, &org, &manager).await;
    rep.get("/deals/new").await;
    let refused = rep.post("/deals/new", &[("name", "At once"), ("stage_id", &stages[1]), ("amount", "")]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("Amount is needed before"), "{}", refused.body);
    assert_eq!(rep.post_partial("/deals/new", &[("name", "At once"), ("stage_id", &stages[1])]).await.status(), 422);
    let ready = rep.add_deal(&stages[0], "Ready", &[("amount", "100"), ("c_use_case", "Peas")]).await;
    let bare = rep.add_deal(&stages[0], "Bare", &[]).await;
    let criterion = app.value("SELECT id FROM stage_criteria WHERE required").await;
    rep.post(&format!("/deals/{ready}/criteria/{criterion}"), &[("done", "true")]).await;

    let asked = [("record_type", "deal"), ("action", "edit"), ("field", "stage_id"), ("value", stages[1].as_str())];
    let ids = [("ids", ready.as_str()), ("ids", bare.as_str())];
    let bulk = manager.post("/operations", &[&asked[..], &ids].concat()).await;
    assert_eq!(bulk.status(), 303, "{}", bulk.body);
    let bulk = manager.get(bulk.location.as_deref().unwrap()).await;
    assert_eq!(
        (stage_of(&app, &ready), stage_of(&app, &bare)),
        (stages[1].clone(), stages[0].clone()),
        "{}",
        bulk.body
    );
    assert!(
        bulk.contains("held back: “")
            && bulk.contains("asks for: Amount, Use case; not ticked: Budget is there (Bare)"),
        "{}",
        bulk.body
    );

    // What was done before is undone without being asked: the deal goes back, and forward again, though the field is empty by now.
    let other = rep.add_deal(&stages[1], "Was there", &[("amount", "5"), ("c_use_case", "x")]).await;
    rep.post(&format!("/deals/{other}/position"), &[("stage_id", &stages[0])]).await;
    app.alter(&format!("UPDATE deals SET amount = NULL WHERE id = '{other}'"));
    let event = app.value(&format!("SELECT id FROM events WHERE record_id = '{other}' AND kind = 'deal.moved'")).await;
    assert_eq!(rep.post(&format!("/deals/{other}/history/{event}/undo"), &[]).await.status(), 303);
    assert_eq!(stage_of(&app, &other), stages[1]);
    // A line that is asked no more holds nobody up; what was ticked stays known.
    let at = format!("/settings/stages/{}/requirements", stages[0]);
    let page = manager.get(&at).await;
    let version = page.between("name=\"version\" value=\"", "\"").unwrap();
    assert_eq!(manager.post(&at, &[("version", version), ("label_0", "")]).await.status(), 303);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM deal_criteria"), ["1"]);
    assert_eq!(rep.post(&format!("/deals/{bare}/closure"), &[("outcome", "won")]).await.status(), 303);
}
