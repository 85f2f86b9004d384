//! Deals through their pages: made, edited, contended for, listed, and the people who take part in them.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_once_edited_and_contended_for() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (_, stages) = app.stages(&org);
    let page = rep.get("/deals/new").await;
    let id = page.between("name=\"id\" value=\"", "\"").unwrap().to_owned();
    let new = [
        ("id", id.as_str()),
        ("stage_id", &stages[0]),
        ("name", "Cold chain pilot"),
        ("company", "Brightwater Foods"),
        ("amount", "12,500.50"),
        ("expected_close_on", "2026-12-04"),
    ];
    // Sent twice, made once; refused with the words kept.
    let refused = rep.post("/deals/new", &[("id", id.as_str()), ("name", "Kept words"), ("amount", "much")]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.contains("value=\"Kept words\"") && refused.contains("f-amount-error"), "{}", refused.body);
    let refused = rep.post("/deals/new", &[("id", id.as_str()), ("name", "Forged"), ("currency", "XXY")]).await;
    assert!(refused.status() == 422 && refused.contains("must be an ISO 4217 currency code"), "{}", refused.body);
    for _ in 0..2 {
        let made = rep.post("/deals/new", &new).await;
        assert_eq!((made.status(), made.location.as_deref()), (303, Some(format!("/deals/{id}").as_str())));
    }
    assert_eq!(app.texts("SELECT number::text AS value FROM deals"), ["1001"]);
    assert_eq!(app.texts("SELECT name AS value FROM companies"), ["Brightwater Foods"]);
    let at = format!("/deals/{id}");
    let page = rep.get(&at).await;
    for told in ["Cold chain pilot", "€12,500.50", "D-1001", "Brightwater Foods", "Created"] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }

    // Two edit the same form: the second is told of the first, and nothing is lost.
    manager.get(&at).await;
    let edit = rep.get(&format!("{at}/edit")).await;
    let version = edit.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let company = edit.between("name=\"company_id\" value=\"", "\"").unwrap().to_owned();
    let form = |name, amount| {
        [("version", version.as_str()), ("name", name), ("amount", amount), ("company", "Brightwater Foods")]
            .into_iter()
            .chain([("company_id", company.as_str()), ("currency", "EUR")])
            .collect::<Vec<_>>()
    };
    assert_eq!(manager.post(&at, &form("Cold chain, second phase", "12500.50")).await.status(), 303);
    let told = rep.post(&at, &form("Cold chain pilot", "9,000")).await;
    assert_eq!(told.status(), 409);
    assert!(told.contains("Manager aurelia") && told.contains("Cold chain, second phase"), "{}", told.body);
    assert_eq!(app.texts("SELECT name || amount AS value FROM deals"), ["Cold chain, second phase12500.5000"]);

    // In place: the form, a refusal, the value, a stale save.
    let field = format!("{at}/fields/amount");
    let inline = rep.get_partial(&field).await;
    assert!(inline.contains("value=\"12500.5\""), "{}", inline.body);
    let version = inline.between("name=\"version\" value=\"", "\"").unwrap();
    assert_eq!(rep.post_partial(&field, &[("version", version), ("amount", "-1")]).await.status(), 422);
    let saved = rep.post_partial(&field, &[("version", version), ("amount", "64000")]).await;
    assert!(saved.status() == 200 && saved.contains("€64,000.00"), "{}", saved.body);
    assert_eq!(rep.post_partial(&field, &[("version", version), ("amount", "1")]).await.status(), 409);
    assert_eq!(rep.get_partial(&format!("{at}/fields/stage_id")).await.status(), 404);

    // A card that changes places in its column is not history; a stage is.
    for stage in [&stages[0], &stages[1]] {
        assert_eq!(rep.post(&format!("{at}/position"), &[("stage_id", stage)]).await.status(), 303);
    }
    let note = [("record_type", "deal"), ("record_id", id.as_str()), ("body", "<p>Visited them</p>")];
    assert_eq!(rep.post("/notes", &note).await.status(), 303);
    let page = rep.get(&at).await;
    assert!(page.contains("Qualified → Contact made") && page.contains("Visited them"), "{}", page.body);
    assert!(page.contains("action=\"/notes\"") && !page.contains("stream-title\" dir=\"auto\">Moved"), "{}", page.body);

    // Deleted, its form sent once more brings nothing back and makes no second one.
    let admin = app.signed_in(&org, "admin").await;
    admin.get(&at).await;
    assert_eq!(admin.post(&format!("{at}/deletion"), &[]).await.status(), 303);
    assert_eq!(rep.post("/deals/new", &new).await.status(), 404);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM deals"), ["1"]);
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_narrows_as_board_and_home_ask() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let admin = app.signed_in(&org, "admin").await;
    let ((pipeline, stages), (theirs, their_stages)) = (app.stages(&org), app.stages(&other));
    for (i, name) in ["Alpha", "Beta", "Gamma", "Delta"].iter().enumerate() {
        let date = if i == 0 { "2020-01-01" } else { "" };
        let id = admin.add_deal(&stages[i % 2], name, &[("amount", "100"), ("expected_close_on", date)]).await;
        if i == 3 {
            admin.post(&format!("/deals/{id}/closure"), &[("outcome", "won")]).await;
        }
    }
    assert_eq!(admin.post("/settings/pipelines", &[("name", "Renewals")]).await.status(), 303);
    let second = app.texts("SELECT id::text AS value FROM pipelines WHERE name = 'Renewals'").remove(0);
    for (query, count) in [
        (format!("pipeline={pipeline}"), 4),
        (format!("pipeline={second}"), 0),
        (format!("status=open&pipeline={pipeline}&stage={}", stages[1]), 1),
        (format!("pipeline={second}&stage={}", stages[1]), 0),
        ("status=open".into(), 3),
        ("status=won&closed=this_month".into(), 1),
        ("status=won&closed=last_month".into(), 0),
        ("close=overdue".into(), 1),
        ("close=none".into(), 3),
        (format!("owner={}&status=open", org.admin), 3),
        (format!("owner={}", org.rep), 0),
        (format!("q=beta&pipeline={pipeline}"), 1),
        ("owner=&status=&pipeline=&stage=&close=&closed=".into(), 4),
    ] {
        let page = admin.get(&format!("/deals?{query}")).await;
        assert_eq!(page.status(), 200, "{query}: {}", page.body);
        assert_eq!(page.body.matches("<tr id=\"deal-").count(), count, "{query}");
        assert!(page.contains(&format!("{count} deal")), "{query}");
    }
    // What is chosen stays chosen in the form and in the links, and can be taken away.
    let page = admin.get(&format!("/deals?pipeline={pipeline}&status=open")).await;
    assert!(page.contains(&format!("<option value=\"{pipeline}\" selected>")), "{}", page.body);
    assert!(page.contains("Pipeline is ") && page.contains("href=\"/deals?status=open\""), "{}", page.body);
    for query in [
        "pipeline=x".into(),
        format!("pipeline={theirs}"),
        format!("stage={}", their_stages[0]),
        "stage=1".into(),
        "close=never".into(),
        "closed=never".into(),
    ] {
        assert_eq!(admin.get(&format!("/deals?{query}")).await.status(), 400, "{query}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_take_part_with_a_role() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let rep = app.signed_in(&org, "rep").await;
    let (viewer, stranger) = (app.signed_in(&org, "viewer").await, app.signed_in(&other, "rep").await);
    let deal = rep.add_deal(&app.stages(&org).1[0], "Pilot", &[]).await;
    let contact = |page: crate::support::Page| page.location.unwrap().rsplit('/').next().unwrap().to_owned();
    let chiara = contact(rep.post("/contacts", &[("first_name", "Chiara"), ("last_name", "Rossi")]).await);
    stranger.get("/contacts").await;
    let foreign = contact(stranger.post("/contacts", &[("last_name", "Theirs")]).await);

    let at = format!("/deals/{deal}/contacts");
    let add = |name, role| vec![("contact", name), ("role", role)];
    assert_eq!(rep.post(&at, &add("Chiara Rossi", "champion")).await.status(), 303);
    assert!(rep.get(&format!("/deals/{deal}")).await.contains("Champion"));
    assert_eq!(rep.post(&at, &[("contact_id", &chiara), ("role", "decision_maker")]).await.status(), 303);
    assert_eq!(app.texts("SELECT role AS value FROM deal_contacts"), ["decision_maker"]);
    let page = rep.get(&format!("/deals/{deal}")).await;
    assert!(page.contains("Chiara Rossi (Champion)") && page.contains("Decision maker"), "{}", page.body);

    // Added once more, nothing of their part is lost: it is changed in the list.
    let again = rep.post(&at, &add("Chiara Rossi", "user")).await;
    assert!(again.status() == 422 && again.contains("is on this deal already"), "{}", again.body);
    assert_eq!(app.texts("SELECT role AS value FROM deal_contacts"), ["decision_maker"]);

    // Who has one name only is found by it.
    let single = contact(rep.post("/contacts", &[("last_name", "Cher")]).await);
    assert_eq!(rep.post(&at, &add("cHér", "other")).await.status(), 303);
    assert_eq!(rep.post(&format!("{at}/{single}/removal"), &[]).await.status(), 303);

    let unknown = rep.post(&at, &add("Nobody Known", "user")).await;
    assert!(
        unknown.status() == 422 && unknown.contains("value=\"Nobody Known\"") && unknown.contains("f-contact-error")
    );
    assert!(
        unknown.contains("<option value=\"user\" selected>") && unknown.contains("Pilot"),
        "on the deal's own page"
    );
    assert_eq!(rep.post(&at, &add("Chiara Rossi", "king")).await.status(), 422);
    assert_eq!(rep.post(&at, &[("contact_id", foreign.as_str()), ("role", "user")]).await.status(), 422);
    assert_eq!(stranger.post(&at, &add("Theirs", "user")).await.status(), 404);
    viewer.get("/deals").await;
    assert_eq!(viewer.post(&at, &add("Chiara Rossi", "user")).await.status(), 403);
    for _ in 0..2 {
        assert_eq!(rep.post(&format!("{at}/{chiara}/removal"), &[]).await.status(), 303);
    }
    assert_eq!(app.texts("SELECT role AS value FROM deal_contacts"), Vec::<String>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_it_was_lost_is_asked_again_on_the_deals_page_with_all_that_was_typed() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let deal = rep.add_deal(&app.stages(&org).1[0], "Pilot", &[]).await;
    let (page, closure) = (format!("/deals/{deal}"), format!("/deals/{deal}/closure"));
    let long = "x".repeat(2_001);
    let lost = |reason, note| [("outcome", "lost"), ("lost_reason", reason), ("lost_note", note)];
    for (form, told) in [
        (lost("Other", ""), "Note is needed: say what the other reason was"),
        (lost("Price", long.as_str()), "Note is too long: at most 2,000 characters"),
        (lost("Nonsense", "Kept words"), "is not one of the reasons"),
    ] {
        let again = rep.post(&closure, &form).await;
        let dialog = again.between("id=\"lost-dialog\"", "</dialog>").unwrap_or_else(|| panic!("{}", again.body));
        assert!(again.status() == 422 && again.contains("Timeline"), "{told}: on the deal's page");
        assert!(dialog.contains(" open>") && dialog.contains(told) && dialog.contains(form[2].1), "{told}: {dialog}");
        let chosen = dialog.contains(&format!("value=\"{}\" selected", form[1].1));
        assert_eq!(chosen, form[1].1 != "Nonsense", "{dialog}");
    }
    // The board shows the words in its own dialog.
    let words = rep.post_partial(&closure, &lost("Other", "")).await;
    assert!(
        words.status() == 422 && words.contains("Note is needed") && !words.contains("lost-dialog"),
        "{}",
        words.body
    );

    assert_eq!(rep.post(&closure, &lost("Price", "Too dear")).await.status(), 303);
    let why = rep.post(&format!("{closure}/reason"), &lost("Other", "")[1..]).await;
    let form = why.between("id=\"why\"", "</details>").unwrap();
    assert!(why.status() == 422 && form.starts_with(" open>") && form.contains("Note is needed"), "{}", why.body);
    assert!(form.contains("value=\"Other\" selected") && !form.contains("Too dear"), "{form}");
    assert!(rep.get(&page).await.contains("Too dear"));
    app.stop().await;
}
