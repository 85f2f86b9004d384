//! What bulk work reaches: stages and pipelines, amounts with their currency, links and people in fields of one's own, everything
//! that has the words that were searched for; formulas follow; a merge of tags is undone.

use crate::support::{Client, TestApp};
use uuid::Uuid;

fn one(app: &TestApp, query: &str) -> String {
    app.texts(&format!("SELECT coalesce(({query})::text, '') AS value")).remove(0)
}

async fn define(admin: &Client, record: &str, kind: &str, label: &str, more: &[(&str, &str)]) {
    let mut form = vec![("type", record), ("kind", kind), ("label", label)];
    for name in ["viewers", "editors"] {
        form.extend(["administrator", "manager", "rep", "viewer"].map(|role| (name, role)));
    }
    form.extend_from_slice(more);
    let page = admin.post("/settings/fields", &form).await;
    assert_eq!(page.status(), 303, "{label}: {}", page.body);
}

/// The latest operation's undo, to its end.
async fn undo(client: &Client, app: &TestApp) {
    let id = one(
        app,
        "SELECT id FROM operations WHERE title NOT LIKE 'Operation of%' ORDER BY created_at DESC, id DESC LIMIT 1",
    );
    let page = client.post(&format!("/operations/{id}/undo"), &[]).await;
    assert_eq!(page.status(), 303, "{}", page.body);
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_move_in_bulk_with_their_formulas_and_go_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    define(&admin, "deal", "formula", "Worth", &[("formula", "weighted_amount"), ("result", "decimal")]).await;
    app.run_jobs().await;
    let first = ours.deal.to_string();
    app.alter(&format!("UPDATE stages SET probability = 10 WHERE id = '{}'", stages[0]));
    app.alter(&format!("UPDATE stages SET probability = 50 WHERE id = '{}'", stages[1]));
    let (won, third) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
         SELECT d.org_id, x.id, x.n, 'Deal ' || x.n, d.pipeline_id, d.stage_id, x.p, 200, 'EUR', d.owner_id, x.s, CASE WHEN x.s = 'won' THEN now() END
         FROM deals d, (VALUES ('{won}'::uuid, 2, 'a1', 'won'), ('{third}'::uuid, 3, 'a2', 'open')) x (id, n, p, s) WHERE d.id = '{first}'"
    ));
    let ids = [("ids", first.as_str()), ("ids", won.as_str()), ("ids", third.as_str())];
    let ask = [&[("record_type", "deal"), ("action", "edit"), ("field", "stage_id")][..], &ids].concat();
    let chooser = admin.post("/operations/new", &ask).await;
    assert!(chooser.contains(&stages[1]) && chooser.contains(">Stage<"), "{}", chooser.body);
    let shorter = admin.post("/operations/new", &[("record_type", "deal"), ("action", "move"), ("ids", &first)]).await;
    assert!(shorter.contains(&stages[1]) && !shorter.contains("f-field"), "{}", shorter.body);
    let wrong = admin.post("/operations", &[&ask[..], &[("value", &ours.company.to_string())]].concat()).await;
    assert_eq!(wrong.status(), 422);
    let moved = |stage| [&[("record_type", "deal"), ("action", "move"), ("value", stage)][..], &ids].concat();
    assert_eq!(admin.post("/operations", &moved("nowhere")).await.status(), 422);
    let done = admin.post("/operations", &[&ask[..], &[("value", &stages[1])]].concat()).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    let told = admin.get(done.location.as_deref().unwrap()).await;
    assert!(told.contains("2 deals moved") && told.contains("closed: reopen them first"), "{}", told.body);
    let stage = |id: &str| one(&app, &format!("SELECT stage_id FROM deals WHERE id = '{id}'"));
    assert_eq!([stage(&first), stage(&won), stage(&third)], [stages[1].clone(), stages[0].clone(), stages[1].clone()]);
    let worth = |id: &str| one(&app, &format!("SELECT custom->>'c_worth' FROM deals WHERE id = '{id}'"));
    assert_eq!(worth(&first), "500");
    assert!(admin.get(&format!("/deals/{first}/history")).await.contains("Bulk change: Move deals to"));
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    // A stage that becomes likelier makes its deals worth more.
    let page = admin.get(&format!("/settings/pipelines/{}", ours.pipeline)).await;
    assert_eq!(page.status(), 200);
    let name = one(&app, &format!("SELECT name FROM stages WHERE id = '{}'", stages[1]));
    let color = one(&app, &format!("SELECT color FROM stages WHERE id = '{}'", stages[1]));
    let stage_version = one(&app, &format!("SELECT version FROM stages WHERE id = '{}'", stages[1]));
    let saved = admin
        .post(
            &format!("/settings/stages/{}", stages[1]),
            &[
                ("name", &name),
                ("color", &color),
                ("probability", "75"),
                ("rotting_days", ""),
                ("version", &stage_version),
            ],
        )
        .await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    app.run_jobs().await;
    assert_eq!(worth(&first), "750");
    // Somebody takes the place on top of the old stage meanwhile; all the same they go back.
    let place =
        one(&app, "SELECT before->>'position' FROM operation_changes WHERE record_type = 'deal' ORDER BY 1 LIMIT 1");
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id)
         SELECT org_id, gen_random_uuid(), 9, 'In its place', pipeline_id, '{}', '{place}', 1, 'EUR', owner_id FROM deals WHERE id = '{first}'",
        stages[0]
    ));
    undo(&admin, &app).await;
    assert_eq!([stage(&first), stage(&third)], [stages[0].clone(), stages[0].clone()]);
    assert_eq!(worth(&first), "100");
    let order = one(
        &app,
        &format!(
            "SELECT string_agg(name, ',' ORDER BY position COLLATE \"C\") FROM deals WHERE stage_id = '{}' AND status = 'open'",
            stages[0]
        ),
    );
    assert_eq!(order, "Deal of aurelia,Deal 3,In its place");
    assert_eq!(app.totals_differ(), Vec::<String>::new());

    // Money: the amount alone, or with its currency.
    let base = [("record_type", "deal"), ("action", "edit"), ("field", "amount"), ("ids", first.as_str())];
    let amount =
        |value: &'static str, currency: &'static str| [&base[..], &[("value", value), ("currency", currency)]].concat();
    assert!(admin.post("/operations/new", &base).await.contains("Each its own"));
    admin.post("/operations", &amount("1500", "")).await;
    let money = || one(&app, &format!("SELECT trim_scale(amount) || ' ' || currency FROM deals WHERE id = '{first}'"));
    assert_eq!(money(), "1500 EUR");
    admin.post("/operations", &amount("1500", "USD")).await;
    assert_eq!(money(), "1500 USD");
    assert_eq!(admin.post("/operations", &amount("1500", "XXQ")).await.status(), 422);
    // As fine as the currency is, and with no other one's sign.
    assert_eq!(admin.post("/operations", &amount("1500.125", "USD")).await.status(), 422);
    assert_eq!(admin.post("/operations", &amount("€1600", "USD")).await.status(), 422);
    assert_eq!(
        one(
            &app,
            &format!(
                "SELECT changes->'currency' FROM events WHERE record_id = '{first}' AND version IS NOT NULL ORDER BY version DESC LIMIT 1"
            )
        ),
        "[\"EUR\", \"USD\"]"
    );
    undo(&admin, &app).await;
    assert_eq!(money(), "1500 EUR");
    let left = admin.post("/operations", &amount("1500.125", "")).await;
    assert!(left.status() == 303 && money() == "1500 EUR", "{}", left.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deals_are_won_and_lost_in_bulk_and_come_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let admin = app.signed_in(&org, "admin").await;
    let (first, won) = (ours.deal.to_string(), Uuid::now_v7().to_string());
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
         SELECT org_id, '{won}', 2, 'Deal 2', pipeline_id, stage_id, 'a1', 200, 'EUR', owner_id, 'won', now() FROM deals
         WHERE id = '{first}'"
    ));
    let both = [("record_type", "deal"), ("ids", first.as_str()), ("ids", won.as_str())];
    let ask =
        |action: &'static str, more: &[(&'static str, &'static str)]| [&both[..], &[("action", action)], more].concat();
    let state = |id: &str| {
        one(
            &app,
            &format!(
                "SELECT concat_ws(' ', status, lost_reason, lost_note, closed_by IS NOT NULL) FROM deals WHERE id = '{id}'"
            ),
        )
    };
    let before = state(&first);
    assert!(admin.post("/operations/new", &ask("lost", &[])).await.contains("Choose a reason"));
    for wrong in [&[][..], &[("lost_reason", "Nobody's")], &[("lost_reason", "Other")]] {
        assert_eq!(admin.post("/operations", &ask("lost", wrong)).await.status(), 422, "{wrong:?}");
    }
    let why = [("lost_reason", "Other"), ("lost_note", "They moved away")];
    let done = admin.post("/operations", &ask("lost", &why)).await;
    let told = admin.get(done.location.as_deref().unwrap()).await;
    assert!(told.contains("1 deal lost") && told.contains("closed: reopen them first"), "{}", told.body);
    assert_eq!(state(&first), "lost Other They moved away t");
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    let latest =
        "SELECT kind FROM events WHERE record_type = 'deal' AND version IS NOT NULL ORDER BY version DESC LIMIT 1";
    assert_eq!(one(&app, latest), "deal.lost");
    undo(&admin, &app).await;
    assert_eq!(state(&first), before);

    let done = admin.post("/operations", &ask("won", &[])).await;
    let told = admin.get(done.location.as_deref().unwrap()).await;
    assert!(told.contains("1 deal won") && told.contains("1 won already"), "{}", told.body);
    assert_eq!(state(&first), "won t");
    assert!(admin.get(&format!("/deals/{first}/history")).await.contains("Bulk change: Mark deals as won"));
    undo(&admin, &app).await;
    assert_eq!(state(&first), before);
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    // Another type of record has no end.
    let contact = ours.contact.to_string();
    let odd = [("record_type", "contact"), ("action", "won"), ("ids", contact.as_str())];
    assert_eq!(admin.post("/operations", &odd).await.status(), 400);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_people_and_money_of_ones_own_and_tags_that_were_merged() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    let admin = app.signed_in(&org, "admin").await;
    define(&admin, "contact", "record", "Agency", &[("record", "company")]).await;
    define(&admin, "contact", "member", "Deputy", &[]).await;
    define(&admin, "contact", "money", "Fee", &[("own_currency", "true")]).await;
    let id = ours.contact.to_string();
    let value = |key: &str| one(&app, &format!("SELECT custom->>'{key}' FROM contacts WHERE id = '{id}'"));
    let ask = |field: &'static str, more: &[(&'static str, &str)]| -> Vec<(String, String)> {
        let all = [("record_type", "contact"), ("action", "edit"), ("field", field), ("ids", id.as_str())];
        all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    for (field, control) in
        [("c_agency", "/fields/options?type=company"), ("c_deputy", "<select"), ("c_fee", "name=\"currency\"")]
    {
        let form = ask(field, &[]);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let page = admin.post("/operations/new", &form).await;
        assert!(page.contains(control), "{field}: {}", page.body);
    }
    let (company, member, foreign) = (ours.company.to_string(), org.rep.to_string(), theirs.company.to_string());
    let cases = [
        ("c_agency", vec![("value", "Company of aurelia")], 303),
        ("c_agency", vec![("value", "Company of aurelia"), ("value_id", &company)], 303),
        ("c_agency", vec![("value", "Company of borealis"), ("value_id", &foreign)], 422),
        ("c_deputy", vec![("value", &member)], 303),
        ("c_deputy", vec![("value", &foreign)], 422),
        ("c_fee", vec![("value", "1,200.50"), ("currency", "CHF")], 303),
    ];
    for (field, more, status) in cases {
        let form = ask(field, &more);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let page = admin.post("/operations", &form).await;
        assert_eq!(page.status(), status, "{field} {more:?}: {}", page.body);
    }
    assert_eq!((value("c_agency"), value("c_deputy")), (company, member));
    assert!(value("c_fee").contains("1200.5") && value("c_fee").contains("CHF"), "{}", value("c_fee"));
    let history = admin.get(&format!("/contacts/{id}/history")).await;
    assert!(history.contains("Agency: ") && history.contains("Company of aurelia"), "{}", history.body);
    undo(&admin, &app).await;
    assert_eq!(value("c_fee"), "");

    // A merge of tags, and apart again: whoever had both keeps both.
    admin.post(&format!("/contacts/{id}/tags"), &[("tag", "Both")]).await;
    app.alter(&format!("INSERT INTO record_tags (org_id, record_type, record_id, tag_id) SELECT '{0}', 'company', '{1}', id FROM tags WHERE org_id = '{0}' AND name LIKE 'Tag of%'", org.id, ours.company));
    app.alter(&format!("INSERT INTO record_tags (org_id, record_type, record_id, tag_id) SELECT '{0}', 'lead', '{1}', id FROM tags WHERE org_id = '{0}' AND name = 'Both'", org.id, ours.lead));
    let tags = || {
        one(
            &app,
            &format!(
                "SELECT string_agg(x.record_type || ':' || t.name, ', ' ORDER BY x.record_type, t.name) FROM record_tags x JOIN tags t ON t.id = x.tag_id WHERE x.org_id = '{}' AND t.deleted_at IS NULL",
                org.id
            ),
        )
    };
    let before = tags();
    assert_eq!(before, "company:Tag of aurelia, contact:Both, contact:Tag of aurelia, lead:Both");
    let both = one(&app, "SELECT id FROM tags WHERE name = 'Both'");
    assert_eq!(admin.post(&format!("/settings/tags/{}/merger", ours.tag), &[("into", &both)]).await.status(), 303);
    assert_eq!(tags(), "company:Both, contact:Both, lead:Both");
    let rep = app.signed_in(&org, "rep").await;
    let op = one(&app, "SELECT id FROM operations WHERE kind = 'tag_merge'");
    assert_eq!(rep.post(&format!("/operations/{op}/undo"), &[]).await.status(), 404);
    undo(&admin, &app).await;
    assert_eq!(tags(), before);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_match_words_means_all_of_them() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    app.alter(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, owner_id) SELECT '{}', gen_random_uuid(), CASE WHEN n <= 450 THEN 'Quentin' ELSE 'Ursula' END, 'Nr ' || n, '{}' FROM generate_series(1, 600) n",
        org.id, org.rep
    ));
    app.alter(&format!("SELECT app.reindex('{}', 'contact', (SELECT array_agg(id) FROM contacts))", org.id));
    let list = admin.get("/contacts?q=quentin").await;
    assert!(list.contains("200+"), "the list shows the best: {}", list.body);
    let form = [("record_type", "contact"), ("scope", "matching"), ("matching", "q=quentin"), ("action", "archive")];
    let chooser = admin
        .post(
            "/operations/new",
            &[("record_type", "contact"), ("scope", "matching"), ("matching", "q=quentin"), ("action", "edit")],
        )
        .await;
    assert!(chooser.contains("Edit 450 contacts"), "{}", chooser.body);
    assert_eq!(admin.post("/operations", &form).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(
        one(
            &app,
            "SELECT string_agg(DISTINCT first_name, ',') || count(*) FROM contacts WHERE archived_at IS NOT NULL"
        ),
        "Quentin450"
    );
    // Archived ones have no document; there it is the name.
    let form = [
        ("record_type", "contact"),
        ("scope", "matching"),
        ("matching", "q=quentin&archived=1"),
        ("action", "restore"),
    ];
    assert_eq!(admin.post("/operations", &form).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(one(&app, "SELECT count(*) FROM contacts WHERE archived_at IS NOT NULL"), "0");
    app.stop().await;
}
