//! Templates: a chain whose next step is planned by itself or offered, a set of tasks planned at once, and who may keep them.

use super::*;

async fn step(manager: &Client, template: &str, fields: &[(&str, &str)]) -> Page {
    manager.post(&format!("/settings/activity-templates/{template}/steps"), fields).await
}

async fn template(manager: &Client, name: &str, kind: &str) -> String {
    last(&manager.post("/settings/activity-templates", &[("name", name), ("kind", kind)]).await)
}

/// The value of a hidden or text field.
fn field(page: &Page, name: &str) -> String {
    let at = page.body.find(&format!(" name=\"{name}\"")).unwrap_or_else(|| panic!("{name} in {}", page.body));
    let tag = &page.body[page.body[..at].rfind('<').unwrap()..];
    let tag = &tag[..tag.find('>').unwrap()];
    tag.split(" value=\"").nth(1).unwrap_or_default().split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_goes_on_when_its_step_is_done() {
    let app = TestApp::start().await;
    let org = app.org("chains").await;
    let (manager, rep) = (enter(&app, &org, "manager").await, enter(&app, &org, "rep").await);
    let (demo, call) = (type_id(&app, &org, "demo").await, type_id(&app, &org, "call").await);
    let deal = deal(&rep, &app, &org, org.manager, "Lens order").await;
    let chain = template(&manager, "After the demo", "chain").await;
    let first = [
        ("subject", "Demo"),
        ("type_id", demo.as_str()),
        ("days", "1"),
        ("time", "10:00"),
        ("minutes", "45"),
        ("checklist", "Bring lenses\nAsk for budget"),
    ];
    assert_eq!(step(&manager, &chain, &first).await.status(), 303);
    let second = [
        ("subject", "Follow up"),
        ("type_id", call.as_str()),
        ("days", "2"),
        ("assignee", "owner"),
        ("priority", "high"),
    ];
    assert_eq!(step(&manager, &chain, &second).await.status(), 303);

    // Chosen on the deal's page, the form is filled in.
    let page = rep.get(&format!("/deals/{deal}")).await;
    let href = page
        .between("class=\"menu-item\" href=\"/activities/new?template=", "\"")
        .unwrap_or_else(|| panic!("{}", page.body));
    let form = rep.get(&format!("/activities/new?template={}", href.replace("&amp;", "&").replace("&#38;", "&"))).await;
    assert_eq!(
        (field(&form, "subject"), field(&form, "time"), field(&form, "minutes")),
        ("Demo".into(), "10:00".into(), "45".into())
    );
    let (id, step_id, on) = (field(&form, "id"), field(&form, "step_id"), field(&form, "on"));
    let own = org.rep.to_string();
    let said = [
        ("id", id.as_str()),
        ("step_id", &step_id),
        ("type_id", &demo),
        ("subject", "Demo"),
        ("on", &on),
        ("time", "10:00"),
        ("owner_id", &own),
        ("deal_id", &deal),
    ];
    assert_eq!(rep.post("/activities", &said).await.status(), 303);
    assert_eq!(rep.post("/activities", &said).await.status(), 303, "sent twice");
    assert_eq!(
        app.value("SELECT string_agg(text, ', ' ORDER BY position) FROM activity_checklist").await,
        "Bring lenses, Ask for budget"
    );

    // Done, the next step is planned, in working days, with the deal's owner; from any page.
    let done = rep.post_partial(&format!("/activities/{id}/completion"), &[]).await;
    assert!(done.header("hx-trigger").unwrap().contains("Next: Follow up"), "{:?}", done.headers);
    let next = "SELECT subject || ' ' || priority || ' ' || (owner_id = (SELECT owner_id FROM deals)) || ' ' || (deal_id IS NOT NULL) || ' ' || (due_on - (now() AT TIME ZONE 'Europe/Amsterdam')::date >= 2)
        FROM activities WHERE closed_at IS NULL AND deleted_at IS NULL";
    assert_eq!(app.value(next).await, "Follow up high true true true");
    assert_eq!(
        app.value("SELECT extract(isodow FROM due_on) < 6 FROM activities WHERE closed_at IS NULL").await,
        "true"
    );
    // Taken back, what followed by itself goes too; done again, it comes once.
    assert_eq!(rep.post(&format!("/activities/{id}/completion/undo"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE deleted_at IS NULL").await, "1");
    assert_eq!(rep.post("/activities/bulk", &[("action", "done"), ("ids", &id)]).await.status(), 303);
    assert_eq!(
        app.value("SELECT count(*) FROM activities WHERE subject = 'Follow up' AND deleted_at IS NULL").await,
        "1"
    );
    let last_one = app.value("SELECT id FROM activities WHERE subject = 'Follow up' AND deleted_at IS NULL").await;
    assert_eq!(rep.post(&format!("/activities/{last_one}/completion"), &[]).await.status(), 303);
    assert_eq!(
        app.value("SELECT count(*) FROM activities WHERE closed_at IS NULL AND deleted_at IS NULL").await,
        "0",
        "the chain has ended"
    );

    // Offered instead: who did it is asked, and decides.
    let offer = [("name", "After the demo"), ("follow", "offer")];
    assert_eq!(manager.post(&format!("/settings/activity-templates/{chain}"), &offer).await.status(), 303);
    let again = [
        ("step_id", step_id.as_str()),
        ("type_id", &demo),
        ("subject", "Second demo"),
        ("on", &on),
        ("deal_id", &deal),
    ];
    let id = last(&rep.post("/activities", &again).await);
    let line = rep.post_partial(&format!("/activities/{id}/completion"), &[("bulk", "1")]).await;
    assert!(line.contains("Next: Follow up") && line.contains(&format!("/activities/new?after={id}")), "{}", line.body);
    assert!(rep.get(&format!("/activities/{id}")).await.contains("Next by its template"));
    let form = rep.get(&format!("/activities/new?after={id}")).await;
    assert_eq!((field(&form, "subject"), field(&form, "deal_id")), ("Follow up".into(), deal.clone()));
    let said = [
        ("step_id", field(&form, "step_id")),
        ("after", id.clone()),
        ("type_id", call.clone()),
        ("subject", "Follow up".into()),
        ("on", field(&form, "on")),
    ];
    let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(rep.post("/activities", &said).await.status(), 303);
    assert!(!rep.get(&format!("/activities/{id}")).await.contains("Next by its template"), "offered once");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_planned_at_once_and_taken_back() {
    let app = TestApp::start().await;
    let org = app.org("sets").await;
    let (manager, rep) = (enter(&app, &org, "manager").await, enter(&app, &org, "rep").await);
    let task = type_id(&app, &org, "task").await;
    let deal = deal(&rep, &app, &org, org.manager, "Lens order").await;
    let role = app.value("SELECT id FROM roles WHERE key = 'viewer'").await;
    let set = template(&manager, "New customer", "set").await;
    let first = [("subject", "Open the account"), ("type_id", task.as_str()), ("checklist", "Address\nVAT number")];
    step(&manager, &set, &first).await;
    let first_id = app.value("SELECT id FROM activity_template_steps").await;
    let second = [
        ("subject", "Train them"),
        ("type_id", task.as_str()),
        ("days", "3"),
        ("assignee", "owner"),
        ("waits_for", &first_id),
    ];
    step(&manager, &set, &second).await;
    let third = [
        ("subject", "Look in"),
        ("type_id", task.as_str()),
        ("days", "10"),
        ("count", "calendar"),
        ("assignee", "role"),
        ("role_id", &role),
    ];
    step(&manager, &set, &third).await;

    let page = rep
        .get(&format!("/activity-templates/{set}/application?deal_id={deal}&on=2026-12-04&back=/deals/{deal}"))
        .await;
    assert!(
        [
            "Open the account",
            "Train them",
            "waits for Open the account",
            "2 items to tick off",
            "Wednesday 9 Dec",
            "Lens order"
        ]
        .iter()
        .all(|told| page.contains(told)),
        "{}",
        page.body
    );
    let run = field(&page, "run");
    let back = format!("/deals/{deal}");
    let said =
        [("run", run.as_str()), ("deal_id", &deal), ("deal", "Lens order"), ("on", "2026-12-04"), ("back", &back)];
    let at = format!("/activity-templates/{set}/application");
    let planned = rep.post(&at, &said).await;
    assert_eq!(planned.location.as_deref(), Some(back.as_str()), "{}", planned.body);
    assert_eq!(rep.post(&at, &said).await.status(), 303, "sent twice");
    let found = "SELECT string_agg(subject || ' ' || due_on || ' ' || split_part((SELECT name FROM members m WHERE m.id = owner_id), ' ', 1), ', ' ORDER BY due_on) FROM activities WHERE deleted_at IS NULL";
    assert_eq!(
        app.value(found).await,
        "Open the account 2026-12-04 Rep, Train them 2026-12-09 Manager, Look in 2026-12-14 Viewer"
    );
    assert_eq!(
        app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM activity_dependencies) FROM activity_checklist")
            .await,
        "2 1"
    );
    let tasks = rep.get(&format!("/tasks?who=all&deal={deal}")).await;
    assert!(tasks.contains("Waits") && tasks.contains("Look in") && tasks.contains("Lens order"), "{}", tasks.body);

    let undo = tasks.between("form method=\"post\" action=\"/activity-templates/", "\"").unwrap().to_owned();
    assert_eq!(rep.post(&format!("/activity-templates/{undo}"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activities WHERE deleted_at IS NULL").await, "0");
    // With every deal that is ticked in a list.
    let second = super::deal(&rep, &app, &org, org.rep, "Frame order").await;
    let ticked = [
        ("record_type", "deal"),
        ("ids", deal.as_str()),
        ("ids", &second),
        ("request_key", &second),
        ("back", "/deals"),
    ];
    let asked = rep.post("/activity-templates/selection", &ticked).await;
    assert!(
        asked.status() == 200 && asked.contains("with 2 deals") && asked.contains("New customer"),
        "{}",
        asked.body
    );
    let chosen = [&ticked[..], &[("template", set.as_str()), ("on", "2026-12-04")]].concat();
    for _ in 0..2 {
        let planned = rep.post("/activity-templates/selection", &chosen).await;
        assert_eq!(planned.location.as_deref(), Some("/deals"), "{}", planned.body);
    }
    assert_eq!(
        app.value("SELECT count(*) || ' ' || count(DISTINCT deal_id) FROM activities WHERE deleted_at IS NULL").await,
        "6 2"
    );
    let bad = rep
        .post("/activity-templates/selection", &[&ticked[..], &[("template", set.as_str()), ("on", "soon")]].concat())
        .await;
    assert!(bad.status() == 422 && bad.contains("must be a date"), "{}", bad.body);
    assert_eq!(
        rep.post("/activity-templates/selection", &[("record_type", "deal"), ("back", "/deals")]).await.status(),
        422
    );
    // What is not theirs to choose is told at its field.
    let wrong = rep.post(&at, &[("deal", "No such deal"), ("on", "2026-12-04")]).await;
    assert!(
        wrong.status() == 422 && wrong.contains("is not one of your deals") && wrong.contains("No such deal"),
        "{}",
        wrong.body
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_by_managers_and_refused_with_a_word() {
    let app = TestApp::start().await;
    let org = app.org("keepers").await;
    let (manager, rep) = (enter(&app, &org, "manager").await, enter(&app, &org, "rep").await);
    let task = type_id(&app, &org, "task").await;
    assert_eq!(rep.get("/settings/activity-templates").await.status(), 403);
    assert!(manager.get("/settings/profile").await.contains("/settings/activity-templates"));
    let set = template(&manager, "Once a month", "set").await;
    let again = manager.post("/settings/activity-templates", &[("name", "ONCE A MONTH"), ("kind", "chain")]).await;
    assert!(again.status() == 422 && again.contains("is that of another template") && again.contains("ONCE A MONTH"));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("subject", ""), ("type_id", &task)], "is required"),
        (&[("subject", "Kept words")], "is required"),
        (&[("subject", "Kept words"), ("type_id", &task), ("days", "-1")], "must be a whole number"),
        (&[("subject", "Kept words"), ("type_id", &task), ("assignee", "role")], "is needed: which role?"),
        (&[("subject", "Kept words"), ("type_id", &task), ("time", "27:00")], "must be a time"),
        (&[("subject", "Kept words"), ("type_id", &task), ("checklist", &"x".repeat(301))], "too long"),
    ];
    for (fields, told) in cases {
        let page = step(&manager, &set, fields).await;
        assert!(page.status() == 422 && page.contains(told), "{fields:?} does not say {told:?}: {}", page.body);
        assert!(fields[0].1.is_empty() || page.contains("Kept words"));
    }
    for subject in ["A", "B", "C"] {
        let earlier = app.value("SELECT id FROM activity_template_steps ORDER BY position DESC LIMIT 1").await;
        step(&manager, &set, &[("subject", subject), ("type_id", &task), ("waits_for", &earlier)]).await;
    }
    // Put in another order, nothing waits for what comes later.
    let order = app.value("SELECT string_agg(id::text, ',' ORDER BY position DESC) FROM activity_template_steps").await;
    assert_eq!(
        manager.post(&format!("/settings/activity-templates/{set}/order"), &[("order", &order)]).await.status(),
        303
    );
    assert_eq!(
        app.value(
            "SELECT string_agg(subject || cardinality(waits_for), ' ' ORDER BY position) FROM activity_template_steps"
        )
        .await,
        "C0 B0 A0"
    );
    let id = app.value("SELECT id FROM activity_template_steps WHERE subject = 'B'").await;
    let at = format!("/settings/activity-steps/{id}");
    assert!(manager.get(&at).await.contains("value=\"B\""));
    assert_eq!(manager.post(&at, &[("subject", "Better"), ("type_id", &task), ("days", "2")]).await.status(), 303);
    assert_eq!(rep.post(&at, &[("subject", "Mine"), ("type_id", &task)]).await.status(), 403);
    assert_eq!(manager.post(&format!("{at}/deletion"), &[]).await.status(), 303);
    assert_eq!(app.value("SELECT count(*) FROM activity_template_steps").await, "2");
    assert!(rep.get("/tasks").await.contains("Once a month"));
    assert_eq!(manager.post(&format!("/settings/activity-templates/{set}/retirement"), &[]).await.status(), 303);
    assert!(!rep.get("/tasks").await.contains("Once a month"));
    assert_eq!(rep.get(&format!("/activity-templates/{set}/application")).await.status(), 404);
    assert_eq!(manager.post(&format!("/settings/activity-templates/{set}/retirement/undo"), &[]).await.status(), 303);

    // A leaving member's open activities go with the rest; what is done stays theirs.
    let call = type_id(&app, &org, "call").await;
    let own = org.rep.to_string();
    rep.post(
        "/activities",
        &[
            ("type_id", &call),
            ("subject", "Weekly"),
            ("owner_id", &own),
            ("on", "2031-01-06"),
            ("repeat", "weekly"),
            ("repeat_end", "count"),
            ("repeat_count", "3"),
        ],
    )
    .await;
    let done = last(
        &rep.post("/activities", &[("type_id", &call), ("subject", "Done"), ("owner_id", &own), ("on", "2031-01-06")])
            .await,
    );
    rep.post(&format!("/activities/{done}/completion"), &[]).await;
    let admin = enter(&app, &org, "admin").await;
    assert!(admin.get(&format!("/settings/members/{own}")).await.contains("open activit"));
    let gone = admin
        .post(&format!("/settings/members/{own}/deactivation"), &[("hand_over_to", &org.manager.to_string())])
        .await;
    assert_eq!(gone.status(), 303, "{}", gone.body);
    let whose = format!("SELECT string_agg(DISTINCT subject, ',') FROM activities WHERE owner_id = '{}'", org.manager);
    assert_eq!(app.value(&whose).await, "Weekly");
    assert_eq!(
        app.value(&format!("SELECT string_agg(subject, ',') FROM activities WHERE owner_id = '{own}'")).await,
        "Done"
    );
    app.stop().await;
}
