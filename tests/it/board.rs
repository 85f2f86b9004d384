//! The board: cards, totals, filters, moves, and many hands at once.

use crate::support::{TestApp, cards};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_from_quick_add_to_won() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let first = rep.add_deal(&stages[0], "Cold chain pilot", &[("amount", "1,250.50")]).await;
    let second = rep.add_deal(&stages[0], "Brand retainer", &[("amount", "100"), ("currency", "USD")]).await;

    // /pipeline leads to the board; new deals stand on top; currencies are never added up.
    let to = rep.get("/pipeline").await.location.unwrap();
    assert_eq!(to, format!("/pipeline/{pipeline}"));
    let board = rep.get(&to).await;
    assert_eq!(board.status(), 200, "{}", board.body);
    assert_eq!(cards(&board), [second.clone(), first.clone()]);
    assert!(board.contains("€1.3k + $100"), "{}", board.body);
    assert!(board.contains("D-1001"));

    // Into the second stage: card and both heads come back, the event says where it came from.
    let moved = rep.post_partial(&format!("/deals/{first}/position"), &[("stage_id", &stages[1])]).await;
    assert_eq!(moved.status(), 200, "{}", moved.body);
    assert_eq!(cards(&moved), std::slice::from_ref(&first));
    for stage in &stages[..2] {
        assert!(moved.contains(&format!("hx-target=\"#head-{stage}\"")), "{}", moved.body);
    }
    let moves = app.texts("SELECT data::text AS value FROM events WHERE kind = 'deal.moved'");
    assert!(
        moves.len() == 1 && moves[0].contains("seconds_in_stage") && moves[0].contains("Contact made"),
        "{moves:?}"
    );
    // Without htmx, back to a page.
    let plain = rep.post(&format!("/deals/{first}/position"), &[("stage_id", &stages[0]), ("after_id", &second)]).await;
    assert_eq!(plain.status(), 303);
    assert_eq!(cards(&rep.get(&to).await), [second.clone(), first.clone()]);

    // Lost needs a known reason; "Other" needs words.
    let closure = format!("/deals/{first}/closure");
    for bad in [
        &[("outcome", "lost")][..],
        &[("outcome", "lost"), ("lost_reason", "Moon phase")],
        &[("outcome", "lost"), ("lost_reason", "Other")],
        &[("outcome", "drawn")],
    ] {
        assert_eq!(rep.post_partial(&closure, bad).await.status(), 422, "{bad:?}");
    }
    let third = rep.add_deal(&stages[0], "Warehouse scan", &[]).await;
    app.alter("UPDATE deals SET stage_entered_at = now() - interval '30 days' WHERE name = 'Cold chain pilot'");
    let lost =
        rep.post_partial(&closure, &[("outcome", "lost"), ("lost_reason", "Price"), ("lost_note", "Too dear")]).await;
    assert_eq!(lost.status(), 200, "{}", lost.body);
    assert!(lost.header("hx-trigger").unwrap().contains("closure/undo"));
    assert_eq!(cards(&rep.get(&to).await), [third.clone(), second.clone()]);
    // What is decided is not weighed any more.
    let page = rep.get(&format!("/deals/{first}")).await;
    assert!(page.contains("Lost today ") && !page.contains("Weighted"), "{}", page.body);
    // A closed deal does not move, and is not won on top.
    assert_eq!(rep.post_partial(&format!("/deals/{first}/position"), &[("stage_id", &stages[1])]).await.status(), 409);
    assert_eq!(rep.post_partial(&closure, &[("outcome", "won")]).await.status(), 409);
    let page = rep.get(&format!("/deals/{first}")).await;
    assert!(page.status() == 200 && page.contains("Too dear") && page.contains("Reopen"), "{}", page.body);
    // A slip taken back: it stands where it stood, though another card has taken that very place, and as long as it had.
    rep.post_partial(&format!("/deals/{third}/position"), &[("stage_id", &stages[0]), ("after_id", &second)]).await;
    assert_eq!(rep.post(&format!("{closure}/undo"), &[]).await.status(), 303);
    let board = rep.get(&to).await;
    assert_eq!(cards(&board), [second.clone(), third.clone(), first.clone()]);
    assert!(board.contains("30 days in stage"), "{}", board.body);
    // Won twice is won once. What ended long ago begins anew, on top.
    for _ in 0..2 {
        assert_eq!(rep.post_partial(&closure, &[("outcome", "won")]).await.status(), 200);
    }
    assert_eq!(app.texts("SELECT kind AS value FROM events WHERE kind = 'deal.won'").len(), 1);
    app.alter("DELETE FROM events WHERE kind IN ('deal.won', 'deal.lost')");
    assert_eq!(rep.post(&format!("{closure}/undo"), &[]).await.status(), 303);
    let board = rep.get(&to).await;
    assert_eq!(cards(&board), [first, second, third]);
    assert!(!board.contains("30 days in stage"), "{}", board.body);
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_ids_roles_and_visibility() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (rep, viewer, stranger) =
        (app.signed_in(&org, "rep").await, app.signed_in(&org, "viewer").await, app.signed_in(&other, "admin").await);
    let ((pipeline, stages), (theirs, their_stages)) = (app.stages(&org), app.stages(&other));
    let deal = rep.add_deal(&stages[0], "Ours", &[]).await;
    let foreign = stranger.add_deal(&their_stages[0], "Theirs", &[]).await;
    let owner = other.admin.to_string();

    // Another organisation's ids are not found where they name the record, and refused at the field where they are named.
    for path in [
        format!("/deals/{foreign}"),
        format!("/deals/{foreign}/edit"),
        format!("/pipeline/{theirs}"),
        format!("/pipeline/{theirs}/cards?ids={foreign}"),
        format!("/pipeline/{pipeline}/stages/{}/cards", their_stages[0]),
        format!("/pipeline/{pipeline}/stages/{}/head", their_stages[0]),
    ] {
        assert_eq!(rep.get(&path).await.status(), 404, "{path}");
    }
    for path in ["position", "closure", "closure/undo", "pipeline"] {
        let page = rep
            .post_partial(&format!("/deals/{foreign}/{path}"), &[("stage_id", &stages[0]), ("outcome", "won")])
            .await;
        assert_eq!(page.status(), 404, "{path}: {}", page.body);
    }
    assert_eq!(
        rep.post_partial(&format!("/deals/{deal}/position"), &[("stage_id", &their_stages[0])]).await.status(),
        422
    );
    assert_eq!(
        rep.post_partial(&format!("/deals/{deal}/pipeline"), &[("stage_id", &their_stages[0])]).await.status(),
        422
    );
    let beside =
        rep.post_partial(&format!("/deals/{deal}/position"), &[("stage_id", &stages[1]), ("after_id", &foreign)]).await;
    assert_eq!(beside.status(), 200);
    for field in [
        ("stage_id", their_stages[0].as_str()),
        ("owner_id", &owner),
        ("company_id", &foreign),
        ("stage_id", "x"),
        ("amount", "-1"),
        ("amount", "1e99"),
        ("amount", "1000000000000000"),
        ("currency", "ZZZ"),
        ("expected_close_on", "99999-01-01"),
        ("probability", "101"),
        ("name", ""),
    ] {
        let mut fields = vec![("stage_id", stages[0].as_str()), ("name", "x")];
        fields.retain(|(k, _)| *k != field.0);
        fields.push(field);
        assert_eq!(rep.post("/deals/new", &fields).await.status(), 422, "{field:?}");
    }
    for query in [
        format!("owner={owner}"),
        "owner=x".into(),
        format!("team={owner}"),
        "close=never".into(),
        "amount_min=abc".into(),
    ] {
        assert_eq!(rep.get(&format!("/pipeline/{pipeline}?{query}")).await.status(), 422, "{query}");
    }
    let asked = rep.get(&format!("/pipeline/{pipeline}/cards?ids={foreign},{deal}")).await;
    assert_eq!(cards(&asked), std::slice::from_ref(&deal));

    // A viewer sees and changes nothing.
    assert_eq!(cards(&viewer.get(&format!("/pipeline/{pipeline}")).await), std::slice::from_ref(&deal));
    for (path, field) in [("position", "stage_id"), ("closure", "outcome"), ("pipeline", "stage_id")] {
        assert_eq!(viewer.post_partial(&format!("/deals/{deal}/{path}"), &[(field, &stages[1])]).await.status(), 403);
    }
    assert_eq!(viewer.post_partial("/deals/new", &[("stage_id", &stages[0]), ("name", "x")]).await.status(), 403);

    // Who sees only their own sees only their own: cards, totals, record, moves.
    app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE key = 'rep' AND org_id = '{}'", org.id));
    let manager = app.signed_in(&org, "manager").await;
    let hidden = manager.add_deal(&stages[0], "Manager's own", &[("amount", "5000")]).await;
    let board = rep.get(&format!("/pipeline/{pipeline}")).await;
    assert_eq!(cards(&board), std::slice::from_ref(&deal));
    assert!(!board.contains("€5.0k"));
    assert_eq!(rep.get(&format!("/deals/{hidden}")).await.status(), 404);
    assert_eq!(rep.post_partial(&format!("/deals/{hidden}/position"), &[("stage_id", &stages[1])]).await.status(), 404);
    let given = rep
        .post("/deals/new", &[("stage_id", &stages[0]), ("name", "x"), ("owner_id", &org.manager.to_string())])
        .await;
    assert_eq!(given.status(), 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_exact_remembered_and_paged() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (pipeline, stages) = app.stages(&org);
    let board = format!("/pipeline/{pipeline}");
    for i in 0..30 {
        let amount = (i * 100).to_string();
        let client = if i % 3 == 0 { &manager } else { &rep };
        let date = if i % 2 == 0 { "2020-01-01" } else { "" };
        client.add_deal(&stages[0], &format!("Café {i}"), &[("amount", &amount), ("expected_close_on", date)]).await;
    }
    // 20 and then the rest, without doubles.
    let whole = rep.get(&board).await;
    assert_eq!(cards(&whole).len(), 20);
    assert!(whole.contains("30 open deals"), "{}", whole.body);
    let more = whole.between("class=\"cards-more\" hx-get=\"", "\"").unwrap().replace("&amp;", "&");
    let rest = rep.get_partial(&more).await;
    assert_eq!(cards(&rest).len(), 10);
    assert!(cards(&rest).iter().all(|id| !cards(&whole).contains(id)));

    for (query, count, total) in [
        ("owner=me", 20, "€30.0k"),
        ("owner=unassigned", 0, "€0"),
        ("close=overdue", 15, "€21.0k"),
        ("close=none", 15, "€22.5k"),
        ("amount_min=1000&amount_max=1,200", 3, "€3.3k"),
        ("q=CAFE+D-1030", 1, "€2.9k"),
        ("owner=me&close=overdue&amount_min=2000", 4, "€9.6k"),
    ] {
        let page = rep.get(&format!("{board}?{query}")).await;
        assert_eq!(page.status(), 200, "{}", page.body);
        assert!(
            page.contains(&format!("{count} open deals")),
            "{query}: {:?}",
            page.between("board-summary\">", "</p>")
        );
        assert!(
            page.contains(&format!("<strong>{total}</strong>")),
            "{query}: {:?}",
            page.between("board-summary\">", "</p>")
        );
        assert_eq!(cards(&page).len(), count, "{query}");
    }
    // Remembered, for this person only, until they are cleared.
    assert_eq!(rep.get(&board).await.location.unwrap(), format!("{board}?owner=me&close=overdue&amount_min=2000"));
    assert_eq!(manager.get(&board).await.status(), 200);
    assert_eq!(rep.get(&format!("{board}?reset=1")).await.status(), 200);
    assert_eq!(rep.get(&board).await.status(), 200);

    // Rotting: past the stage's limit, the warmer the longer.
    app.alter("UPDATE deals SET stage_entered_at = now() - interval '30 days' WHERE name = 'Café 29'");
    let warm = rep.get(&board).await;
    assert!(warm.contains("rot-3") && warm.contains("30 days in stage"));

    // Whole months come from kept totals, and say the same as the forecast and as the rows do.
    let middle = chrono::Utc::now().format("%Y-%m-15").to_string();
    for amount in ["1000", "2500"] {
        rep.add_deal(&stages[1], "Soon", &[("amount", amount), ("expected_close_on", &middle)]).await;
    }
    for query in ["close=this_month", "close=this_month&amount_min=1"] {
        let page = rep.get(&format!("{board}?{query}")).await;
        assert!(page.contains("2 open deals") && page.contains("<strong>€3.5k</strong>"), "{query}: {}", page.body);
        assert_eq!(cards(&page).len(), 2, "{query}");
        let forecast = rep.get(&format!("{board}/forecast?{query}")).await;
        assert_eq!(cards(&forecast).len(), 2, "{query}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hands_move_the_same_cards() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (_, stages) = app.stages(&org);
    let admin = app.signed_in(&org, "admin").await;
    let mut deals = vec![];
    for i in 0..12 {
        deals.push(admin.add_deal(&stages[i % 3], &format!("Deal {i}"), &[("amount", "10.5")]).await);
    }
    let (deals, stages) = (Arc::new(deals), Arc::new(stages));
    let mut clients = vec![];
    for seed in 0..8usize {
        let client = app.signed_in(&org, ["admin", "manager", "rep"][seed % 3]).await;
        let (deals, stages) = (deals.clone(), stages.clone());
        client.get("/deals").await; // for its CSRF token
        clients.push(tokio::spawn(async move {
            for i in 0..30 {
                let pick = |n: usize, of: usize| (seed * 7919 + i * 104_729 + n * 1_299_709) / 7 % of;
                let (deal, stage) = (&deals[pick(1, deals.len())], &stages[pick(2, 3)]);
                let (after, before) = (&deals[pick(3, deals.len())], &deals[pick(4, deals.len())]);
                let page = client
                    .post_partial(
                        &format!("/deals/{deal}/position"),
                        &[("stage_id", stage), ("after_id", after), ("before_id", before)],
                    )
                    .await;
                assert_eq!(page.status(), 200, "{}", page.body);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM events WHERE kind = 'deal.moved'"), ["240"]);
    assert_eq!(
        app.texts("SELECT position AS value FROM deals GROUP BY stage_id, position HAVING count(*) > 1"),
        Vec::<String>::new()
    );
    assert_eq!(app.totals_differ(), Vec::<String>::new());
    assert_eq!(cards(&admin.get(&admin.get("/pipeline").await.location.unwrap()).await).len(), 12);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_reaches_the_other_tab() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (_, stages) = app.stages(&org);
    let deal = rep.add_deal(&stages[0], "Pilot", &[]).await;
    let mut stream = manager.http().get(manager.url("/live")).send().await.unwrap().bytes_stream();
    let mut seen = String::new();
    while !seen.contains("hello") {
        seen.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    let moved = rep.post_partial(&format!("/deals/{deal}/position"), &[("stage_id", &stages[1])]).await;
    assert_eq!(moved.status(), 200);
    let told = tokio::time::timeout(Duration::from_secs(1), async {
        while !(seen.contains("event: deals") && seen.contains(&stages[1])) {
            seen.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
        }
    });
    told.await.expect("within a second");
    assert!(seen.contains(&deal));
    drop(stream);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_are_read_through_their_index() {
    use pipewright::{
        db::Tx,
        features::pipeline::board::{Order, Scope, explain_first_cards},
        kernel::PipelineId,
    };
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let (pipeline, stages) = app.stages(&org);
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency)
         SELECT '{}', app.uuid7(), n, 'Deal ' || n, '{pipeline}', ('{{{}}}'::uuid[])[1 + n % 5], 'c' || lpad(n::text, 8, '0') || '1', n, 'EUR'
         FROM generate_series(1, 20000) n", org.id, stages.join(",")));
    app.alter("ANALYZE deals");
    let actor = app.actor(&org, org.rep).await;
    let id: PipelineId = pipeline.parse().unwrap();
    // Each order of a column has its own.
    for (order, index) in [
        (Order::Manual, "deals_board "),
        (Order::Amount, "deals_board_amount"),
        (Order::Close, "deals_board_due"),
        (Order::Entered, "deals_board_entered"),
        (Order::Next, "deals_board_next"),
        (Order::Priority, "deals_board_priority"),
    ] {
        let by = actor.clone();
        let plan = app.db.org(&actor, move |tx| {
            let _ = tx.conn();
            explain_first_cards(tx, id, &Scope::all(&by), order)
        });
        let plan = plan.await.unwrap();
        // The first cards come off the index as they are; what names them may be sorted to be joined.
        let (_, below) = plan.split_once("->  Limit").unwrap();
        assert!(below.split_once(index).is_some_and(|(above, _)| !above.contains("Sort")), "{plan}");
        assert!(!plan.contains("Seq Scan on deals"), "{plan}");
    }
    app.stop().await;
}
