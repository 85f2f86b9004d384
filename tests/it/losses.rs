//! How deals end: stakeholders and competitors beside them, reasons, who won instead, and the loss analysis.

use crate::support::{Client, TestApp};

async fn competitor(manager: &Client, app: &TestApp, name: &str) -> String {
    manager.get("/settings/competitors").await;
    let made = manager.post("/settings/competitors", &[("name", name), ("website", "https://rival.example/")]).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    app.value(&format!("SELECT id FROM competitors WHERE name = '{name}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stakeholders_weigh_and_competitors_are_named_renamed_retired_and_merged() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let stranger = app.signed_in(&other, "admin").await;
    let deal = rep.add_deal(&app.stages(&org).1[0], "Pilot", &[]).await;
    let at = format!("/deals/{deal}");
    let made = rep.post("/contacts", &[("first_name", "Chiara"), ("last_name", "Rossi")]).await;
    let chiara = made.location.unwrap().rsplit('/').next().unwrap().to_owned();
    assert!(rep.get(&at).await.contains("No decision maker yet"));
    let said =
        [("contact_id", chiara.as_str()), ("role", "decision_maker"), ("influence", "high"), ("stance", "opposes")];
    assert_eq!(rep.post(&format!("{at}/contacts"), &said).await.status(), 303);
    let page = rep.get(&at).await;
    assert!(
        !page.contains("No decision maker yet") && page.contains("High influence") && page.contains("Against us"),
        "{}",
        page.body
    );
    assert!(page.contains("Chiara Rossi (Decision maker, high influence, against us)"), "{}", page.body);
    let card = rep.get(&format!("/contacts/{chiara}")).await;
    assert!(card.contains("Decision maker, high influence, against us"), "{}", card.body);
    // A form that does not ask for a thing leaves it; one that asks can take it away; what is not offered is refused.
    rep.post(&format!("{at}/contacts"), &[("contact_id", &chiara), ("role", "legal")]).await;
    rep.post(&format!("{at}/contacts"), &[("contact_id", &chiara), ("stance", "")]).await;
    assert_eq!(app.texts("SELECT concat_ws(' ', role, influence, stance) AS value FROM deal_contacts"), ["legal high"]);
    assert_eq!(
        rep.post(&format!("{at}/contacts"), &[("contact_id", &chiara), ("influence", "huge")]).await.status(),
        422
    );

    let nordpack = competitor(&manager, &app, "Nordpack").await;
    let double = competitor(&manager, &app, "Nordpack Ltd").await;
    assert_eq!(manager.post("/settings/competitors", &[("name", "NORDPACK")]).await.status(), 422);
    assert_eq!(manager.post("/settings/competitors", &[("name", "X"), ("website", "no address")]).await.status(), 422);
    assert_eq!(rep.get("/settings/competitors").await.status(), 403);
    let against = |id: &str, strong: &str| {
        [("competitor_id".to_owned(), id.to_owned()), ("strengths".to_owned(), strong.to_owned())]
    };
    for (id, strong) in [(&nordpack, "Cheap <b>"), (&double, "Near")] {
        let form = against(id, strong);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(rep.post(&format!("{at}/competitors"), &form).await.status(), 303);
    }
    let page = rep.get(&at).await;
    assert!(page.contains("Nordpack Ltd") && page.contains("Cheap &#60;b&#62;"), "{}", page.body);
    // What is refused stands where it was typed, with the words kept.
    let (third, long) = (competitor(&manager, &app, "Pallas").await, format!("Kept words {}", "x".repeat(2_000)));
    for (id, beside) in [(&third, "Choose one"), (&nordpack, "aria-label=\"Notes on Nordpack\"")] {
        let said = [("competitor_id", id.as_str()), ("strengths", long.as_str()), ("weaknesses", "Slow")];
        let refused = rep.post(&format!("{at}/competitors"), &said).await;
        assert_eq!(refused.status(), 422);
        for told in ["f-strengths-error", "Kept words", ">Slow</textarea>", beside, "Pilot"] {
            assert!(refused.contains(told), "{told}: {}", refused.body);
        }
    }
    let nobody = rep.post(&format!("{at}/competitors"), &[("competitor_id", ""), ("weaknesses", "Slow")]).await;
    assert!(nobody.status() == 422 && nobody.contains("f-competitor_id-error"), "{}", nobody.body);
    assert!(nobody.contains(">Slow</textarea>"), "{}", nobody.body);
    assert_eq!(manager.post(&format!("/settings/competitors/{third}/retirement"), &[]).await.status(), 303);
    let wrong = [("version", "1"), ("name", ""), ("website", "no address"), ("notes", "Kept, too")];
    for to in ["/settings/competitors".to_owned(), format!("/settings/competitors/{double}")] {
        let refused = manager.post(&to, &wrong).await;
        assert!(refused.status() == 422 && refused.contains("f-website-error"), "{}", refused.body);
        assert!(refused.contains("Kept, too") && refused.contains("value=\"no address\""), "{}", refused.body);
    }
    let filtered = |id: &str| {
        format!(
            "/deals?view=all&filter=%7B%22rule%22%3A%7B%22key%22%3A%22competitors%22%2C%22op%22%3A%22any_of%22%2C%22values%22%3A%5B%22{id}%22%5D%7D%7D"
        )
    };
    assert!(rep.get(&filtered(&nordpack)).await.contains("Pilot"));

    // Merged: both notes on the one; retired: not offered, still shown; another organisation's is nobody's.
    assert_eq!(
        manager.post(&format!("/settings/competitors/{double}/merger"), &[("into", &double)]).await.status(),
        422
    );
    assert_eq!(
        manager.post(&format!("/settings/competitors/{double}/merger"), &[("into", &nordpack)]).await.status(),
        303
    );
    assert_eq!(app.texts("SELECT strengths AS value FROM deal_competitors"), ["Cheap <b>\nNear"]);
    assert_eq!(manager.post(&format!("/settings/competitors/{nordpack}/retirement"), &[]).await.status(), 303);
    let page = rep.get(&at).await;
    assert!(page.contains("Nordpack") && !page.contains("Choose one"), "{}", page.body);
    stranger.get("/deals").await;
    let theirs = stranger.add_deal(&app.stages(&other).1[0], "Theirs", &[]).await;
    let foreign = stranger.post(&format!("/deals/{theirs}/competitors"), &[("competitor_id", &nordpack)]).await;
    assert_eq!(foreign.status(), 422);
    assert_eq!(stranger.post(&format!("{at}/competitors/{nordpack}/removal"), &[]).await.status(), 404);
    for _ in 0..2 {
        assert_eq!(rep.post(&format!("{at}/competitors/{nordpack}/removal"), &[]).await.status(), 303);
    }
    assert!(!rep.get(&filtered(&nordpack)).await.contains(">Pilot<"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_are_told_by_reason_rival_stage_and_owner_to_whoever_may_see_them() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager, admin) =
        (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await, app.signed_in(&org, "admin").await);
    let (_, stages) = app.stages(&org);
    let nordpack = competitor(&manager, &app, "Nordpack").await;
    let empty = rep.get("/reports/losses").await;
    assert!(empty.status() == 200 && empty.contains("Nothing was lost"), "{}", empty.body);
    let (mine, won) =
        (rep.add_deal(&stages[1], "Mine", &[("amount", "1000")]).await, rep.add_deal(&stages[0], "Won", &[]).await);
    let theirs = admin.add_deal(&stages[0], "Admin’s", &[("amount", "500"), ("currency", "USD")]).await;
    let lost = [("outcome", "lost"), ("lost_reason", "Chose a competitor"), ("lost_to", nordpack.as_str())];
    assert_eq!(rep.post(&format!("/deals/{mine}/closure"), &lost).await.status(), 303);
    assert_eq!(
        admin
            .post(&format!("/deals/{theirs}/closure"), &[("outcome", "lost"), ("lost_reason", "Price")])
            .await
            .status(),
        303
    );
    rep.post(&format!("/deals/{won}/closure"), &[("outcome", "won")]).await;
    let page = rep.get(&format!("/deals/{mine}")).await;
    assert!(page.contains("Lost to Nordpack") && page.contains("won it"), "{}", page.body);

    let report = admin.get("/reports/losses?period=twelve_months").await;
    for told in ["Chose a competitor", "Price", "Nordpack", "Nobody named", "67 %", "€1.0k", "+1"] {
        assert!(report.contains(told), "{told}: {}", report.body);
    }
    // Each figure opens its deals.
    let table = report.between("id=\"competitors\"", "</section>").unwrap();
    let href =
        table.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let list = admin.get(&href).await;
    assert!(list.status() == 200 && (list.contains(">Mine<") ^ list.contains(">Admin’s<")), "{href}: {}", list.body);
    // What nothing was lost for any more is told too; earlier times are reached step by step, and all of it at once.
    let pipeline = app.stages(&org).0;
    app.alter(&format!("UPDATE deals SET closed_at = closed_at - interval '13 months' WHERE id = '{theirs}'"));
    let year = admin.get(&format!("/reports/losses?period=twelve_months&pipeline={pipeline}")).await;
    let reasons = year.between("id=\"reasons\"", "</section>").unwrap();
    assert!(reasons.contains("Price</a>") && reasons.contains("−1") && reasons.contains("+1"), "{reasons}");
    assert!(year.contains("±0 against 1"), "{}", year.body);
    app.alter(&format!("UPDATE deals SET closed_at = '2017-05-05' WHERE id = '{theirs}'"));
    let quarter = admin.get("/reports/losses?period=quarter-2017-04-01").await;
    assert!(quarter.contains("Q2 2017") && quarter.contains(">Price<"), "{}", quarter.body);
    for step in ["quarter-2017-01-01", "quarter-2017-07-01"] {
        assert!(quarter.contains(&format!("period={step}\"")), "{step}: {}", quarter.body);
    }
    let ever = admin.get("/reports/losses?period=ever").await;
    assert!(ever.contains(">Price<") && ever.contains("Chose a competitor"), "{}", ever.body);
    assert!(!ever.contains("in the same time before"), "{}", ever.body);
    app.alter(&format!("UPDATE deals SET closed_at = now() WHERE id = '{theirs}'"));
    // Whoever sees their own alone is told of their own alone.
    app.alter("UPDATE roles SET visibility = 'own' WHERE key = 'rep'");
    let own = rep.get("/reports/losses?period=twelve_months").await;
    assert!(own.contains("Chose a competitor") && !own.contains(">Price<"), "{}", own.body);
    assert_eq!(rep.get(&format!("/reports/losses?owner={}", org.admin)).await.status(), 404);
    assert_eq!(admin.get("/reports/losses?period=never").await.status(), 422);

    // Said better afterwards, also why it was won; renamed on every deal; only what is offered is taken; reopened, all is clear.
    rep.get(&format!("/deals/{mine}")).await;
    let why = format!("/deals/{mine}/closure/reason");
    assert_eq!(rep.post(&why, &[("lost_reason", "Nonsense")]).await.status(), 422);
    assert_eq!(rep.post(&why, &[("lost_reason", "Price"), ("lost_note", "Too <dear>")]).await.status(), 303);
    let why = format!("/deals/{won}/closure/reason");
    assert_eq!(rep.post(&why, &[("won_reason", "Nonsense")]).await.status(), 422);
    assert_eq!(rep.post(&why, &[("won_reason", "Quality"), ("won_note", "On time")]).await.status(), 303);
    assert!(rep.get(&format!("/deals/{won}")).await.contains("Quality – On time"));
    let settings = manager.get("/settings/closing").await;
    assert!(settings.contains("lost:Price") && settings.contains("won:Quality"), "{}", settings.body);
    for (reason, name) in [("lost:Price", "Too expensive"), ("won:Quality", "Our quality")] {
        let renamed = manager.post("/settings/closing/renaming", &[("reason", reason), ("name", name)]).await;
        assert_eq!(renamed.status(), 303, "{}", renamed.body);
    }
    assert_eq!(
        manager
            .post("/settings/closing/renaming", &[("reason", "lost:No budget"), ("name", "TOO EXPENSIVE")])
            .await
            .status(),
        422
    );
    assert_eq!(
        app.texts("SELECT concat_ws(' ', lost_reason, lost_to, won_reason) AS value FROM deals ORDER BY number"),
        ["Too expensive", "Our quality", "Too expensive"]
    );
    rep.post(&format!("/deals/{mine}/closure/undo"), &[]).await;
    assert_eq!(
        app.texts(&format!(
            "SELECT num_nonnulls(lost_reason, lost_note, lost_to)::text AS value FROM deals WHERE id = '{mine}'"
        )),
        ["0"]
    );

    // Celebrated right after winning it, by whoever likes that.
    let celebrates = |page: &crate::support::Page| page.contains("data-celebrate=");
    for (on, told) in [("", false), ("true", true)] {
        rep.post("/settings/celebration", &[("on", on)]).await;
        let chosen = rep.get("/settings/profile").await;
        assert!(chosen.contains(&format!("name=\"on\" value=\"{on}\" aria-pressed=\"true\"")), "{}", chosen.body);
        rep.post(&format!("/deals/{won}/closure/undo"), &[]).await;
        rep.post(&format!("/deals/{won}/closure"), &[("outcome", "won")]).await;
        assert_eq!(
            (
                celebrates(&rep.get(&format!("/deals/{won}")).await),
                celebrates(&admin.get(&format!("/deals/{won}")).await)
            ),
            (told, false)
        );
    }
    let seen = settings.between("name=\"seen\" value=\"", "\"").unwrap();
    assert_eq!(manager.post("/settings/closing", &[("seen", seen), ("won_reasons", "Ours")]).await.status(), 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_learns_from_its_past_and_totals_follow() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (pipeline, stages) = app.stages(&org);
    app.alter(&format!("UPDATE stages SET probability = 40 WHERE id = '{}'", stages[1]));
    let id = rep.add_deal(&stages[1], "Pilot", &[("amount", "1000")]).await;
    // 30 won; 20 lost from the first stage, 50 from the second, 7 long ago.
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
         SELECT '{}', gen_random_uuid(), 5000 + n, 'Past ' || n, '{pipeline}', CASE WHEN n <= 20 THEN '{}'::uuid ELSE '{}'::uuid END, 'a' || n, 10, 'EUR', '{}',
           CASE WHEN n <= 70 OR n > 100 THEN 'lost' ELSE 'won' END, now() - CASE WHEN n > 100 THEN interval '3 years' ELSE interval '1 month' END
         FROM generate_series(1, 107) n",
        org.id, stages[0], stages[1], org.rep
    ));
    let at = format!("/settings/pipelines/{pipeline}");
    let page = manager.get(&at).await;
    let version = page.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let chosen = manager.post(&format!("{at}/probability"), &[("version", &version), ("from", "history")]).await;
    assert_eq!(chosen.status(), 303, "{}", chosen.body);
    // First stage: all 100 came that far. Second: (30 + 20 × 40 %) ÷ (80 + 20) = 38 %.
    let second = |column: &str| {
        app.texts(&format!("SELECT concat_ws(' ', {column}) AS value FROM stages WHERE id = '{}'", stages[1])).remove(0)
    };
    assert_eq!(second("probability, default_probability, wins, settled"), "38 40 30 80");
    assert_eq!(app.texts(&format!("SELECT settled::text AS value FROM stages WHERE id = '{}'", stages[0])), ["100"]);
    let deal = rep.get(&format!("/deals/{id}")).await;
    assert!(deal.contains("(30 won + 20 × 40 %) ÷ (80 decided + 20) = 38 %") && deal.contains("€380"), "{}", deal.body);
    let board = rep.get(&format!("/pipeline/{pipeline}?reset=1")).await;
    assert!(board.contains("€380"), "{}", board.body);
    assert_eq!(app.totals_differ(), Vec::<String>::new());

    // A nightly round finds nothing to change; more wins move it; a default that is changed moves it at once.
    app.alter("UPDATE stages SET measured_at = now() - interval '2 days'");
    app.alter("UPDATE deals SET status = 'won' WHERE name = 'Past 60'");
    app.alter(pipewright::features::pipeline::likelihood::SWEEP);
    app.run_jobs().await;
    assert_eq!(second("probability, wins, settled"), "39 31 80");
    let version = app.value(&format!("SELECT version FROM stages WHERE id = '{}'", stages[1])).await;
    let name = app.value(&format!("SELECT name FROM stages WHERE id = '{}'", stages[1])).await;
    let edit = [
        ("version", version.as_str()),
        ("name", &name),
        ("color", "blue"),
        ("probability", "60"),
        ("rotting_days", ""),
    ];
    assert_eq!(manager.post(&format!("/settings/stages/{}", stages[1]), &edit).await.status(), 303);
    assert_eq!(second("probability, default_probability"), "43 60");

    // A deal's own is marked, told by whom, and dropped again.
    let form = rep.get_partial(&format!("/deals/{id}/fields/probability")).await;
    let version = form.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    rep.post_partial(&format!("/deals/{id}/fields/probability"), &[("version", &version), ("probability", "90")]).await;
    let page = rep.get(&format!("/deals/{id}")).await;
    assert!(
        page.contains("manual") && page.contains("set by Rep aurelia") && page.contains("the stage says 43 %"),
        "{}",
        page.body
    );
    assert_eq!(rep.post(&format!("/deals/{id}/probability/removal"), &[]).await.status(), 303);
    assert!(rep.get(&format!("/deals/{id}")).await.contains("÷ (80 decided + 20) = 43 %"));
    // Back to what the stages say.
    let page = manager.get(&at).await;
    let version = page.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    manager.post(&format!("{at}/probability"), &[("version", &version), ("from", "stage")]).await;
    assert_eq!(second("probability"), "60");
    assert_eq!(app.totals_differ(), Vec::<String>::new());
}
