//! What became of a deal: time in its stages, each change of its values, and what slipped or shrank.

use crate::support::{Client, TestApp};
use pipewright::kernel::RecordType;

async fn set(client: &Client, at: &str, key: &str, value: &str) {
    let form = client.get_partial(&format!("{at}/fields/{key}")).await;
    let version = form.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let saved = client.post_partial(&format!("{at}/fields/{key}"), &[("version", &version), (key, value)]).await;
    assert_eq!(saved.status(), 200, "{key}: {}", saved.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_slipped_and_shrank_is_counted_shown_and_taken_back() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (rep, stranger) = (app.signed_in(&org, "rep").await, app.signed_in(&other, "admin").await);
    let (pipeline, stages) = app.stages(&org);
    let more = [("amount", "10000"), ("expected_close_on", "2031-03-01"), ("next_step", "Send <the> quote")];
    let id = rep.add_deal(&stages[0], "Cold chain pilot", &more).await;
    let at = format!("/deals/{id}");
    let kept = || {
        app.texts("SELECT concat_ws(' ', slips, slipped_days, shrunk_percent, first_close_on, trim_scale(first_amount)) AS value FROM deals")
            .remove(0)
    };
    assert_eq!(kept(), "0 0 0");
    let fresh = rep.get(&at).await;
    assert!(fresh.contains("as they first were") && fresh.contains("Send &#60;the&#62; quote"), "{}", fresh.body);

    set(&rep, &at, "expected_close_on", "2031-03-11").await;
    set(&rep, &at, "expected_close_on", "2031-04-10").await;
    set(&rep, &at, "amount", "8000").await;
    assert_eq!(kept(), "2 40 20 2031-03-01 10000");
    let page = rep.get(&at).await;
    for told in [
        "Expected close slipped 2 times, 40 days in all",
        "−20 % of its first amount",
        "+30 d",
        "<del>€10,000",
        "data-chart",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    // Drawn by the reader's clock, wherever their browser thinks it is.
    app.alter("UPDATE users SET time_zone = 'Pacific/Kiritimati'");
    let begun = app.texts(
        "SELECT to_char(min(at) AT TIME ZONE 'Pacific/Kiritimati', 'YYYY-MM-DD\"T\"HH24:MI:SS') AS value FROM events WHERE kind = 'deal.created'",
    );
    assert!(rep.get(&at).await.contains(&format!("[[\"{}", begun[0])), "{begun:?}");
    app.alter("UPDATE users SET time_zone = 'Europe/Amsterdam'");
    let board = rep.get(&format!("/pipeline/{pipeline}?reset=1")).await;
    assert!(
        board.contains("+40 d") && board.contains("−20 %") && board.contains("Send &#60;the&#62; quote"),
        "{}",
        board.body
    );
    let list = rep.get("/deals?columns=name,slips,slipped_days,shrunk_percent,next_step").await;
    assert!(list.contains("Cold chain pilot"), "{}", list.body);

    // Another currency is no comparison; back at the first day nothing has slipped; a closed deal promises nothing.
    set(&rep, &at, "expected_close_on", "2031-03-01").await;
    set(&rep, &at, "currency", "USD").await;
    assert_eq!(kept(), "0 0 0 2031-03-01");
    assert_eq!(rep.post(&format!("{at}/closure"), &[("outcome", "won")]).await.status(), 303);
    set(&rep, &at, "amount", "100").await;
    assert_eq!(kept(), "0 0 0 2031-03-01");
    assert_eq!(stranger.get(&at).await.status(), 404);
    // A next step without a day goes stale when nobody touches it.
    rep.post(&format!("{at}/closure/undo"), &[]).await;
    app.alter("UPDATE deals SET next_step_set_at = now() - interval '15 days'");
    assert!(rep.get(&at).await.contains("Not touched for two weeks"));
    set(&rep, &at, "next_step", "Call them").await;
    assert!(!rep.get(&at).await.contains("Not touched for two weeks"));
    // Its card tells that step, and does not deny it below; without one it says so.
    let board = format!("/pipeline/{pipeline}?reset=1");
    assert!(rep.get(&board).await.contains("Nothing planned"));
    set(&rep, &at, "next_step", "").await;
    let bare = rep.get(&board).await;
    assert!(bare.contains("No next step") && !bare.contains("Nothing planned"), "{}", bare.body);
    let long = "x".repeat(201);
    let form = rep.get_partial(&format!("{at}/fields/next_step")).await;
    let version = form.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let refused =
        rep.post_partial(&format!("{at}/fields/next_step"), &[("version", &version), ("next_step", &long)]).await;
    assert_eq!(refused.status(), 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_in_stages_is_replayed_from_events() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (_, stages) = app.stages(&org);
    let id = rep.add_deal(&stages[0], "Packaging line", &[]).await;
    let at = format!("/deals/{id}");
    let step = |stage: &str| {
        let (rep, at, stage) = (&rep, &at, stage.to_owned());
        async move {
            let page = rep.get(at).await;
            let bar = page.between("id=\"stages\"", "</ol>").unwrap().to_owned();
            let rest = bar.split("<li>").find(|li| li.contains(&stage)).map(str::to_owned);
            rest.unwrap_or_else(|| bar.split("<li>").find(|li| li.contains("aria-current")).unwrap().to_owned())
        }
    };
    for to in [1, 0, 1] {
        let moved = rep.post(&format!("{at}/position"), &[("stage_id", &stages[to])]).await;
        assert_eq!(moved.status(), 303, "{}", moved.body);
    }
    // Made 10 days ago; to the second stage after 2, back after 3 more, forward again a day later: 3 and 7 days, the last still running.
    for (n, days) in [(0, 10), (1, 8), (2, 5), (3, 4)] {
        app.alter(&format!(
            "UPDATE events SET at = now() - interval '{days} days' WHERE id = (SELECT id FROM events WHERE record_id = '{id}' ORDER BY id OFFSET {n} LIMIT 1)"
        ));
    }
    app.alter("UPDATE deals SET created_at = now() - interval '10 days'");
    let (first, second) = (step(&stages[0]).await, step(&stages[1]).await);
    assert!(first.contains("3 d") && first.contains("3 days in 2 stays"), "{first}");
    assert!(second.contains("7 d") && second.contains("7 days in 2 stays"), "{second}");
    // Lost: the clock stops; reopened: it runs again, and what lay between counts nowhere.
    let lost = [("outcome", "lost"), ("lost_reason", "Other"), ("lost_note", "Went quiet")];
    assert_eq!(rep.post(&format!("{at}/closure"), &lost).await.status(), 303);
    app.alter(&format!(
        "UPDATE events SET at = now() - interval '2 days' WHERE record_id = '{id}' AND kind = 'deal.lost'"
    ));
    app.alter("UPDATE deals SET closed_at = now() - interval '2 days'");
    assert!(step(&stages[1]).await.contains("5 days in 2 stays"), "{}", step(&stages[1]).await);
    rep.post(&format!("{at}/closure/undo"), &[]).await;
    assert!(step(&stages[1]).await.contains("5 days in 3 stays"), "{}", step(&stages[1]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_of_before_they_were_kept_follow_from_the_events() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (_, stages) = app.stages(&org);
    let changes: [&[(&str, &str)]; 5] = [
        &[("expected_close_on", "2031-03-11"), ("expected_close_on", "2031-04-10"), ("amount", "8000")],
        &[("expected_close_on", "2031-02-01"), ("amount", "12000"), ("amount", "9000")],
        &[("expected_close_on", ""), ("expected_close_on", "2031-05-01"), ("amount", ""), ("amount", "100")],
        &[("amount", "100"), ("currency", "USD"), ("amount", "50")],
        &[("name", "Nothing of value")],
    ];
    for (n, changes) in changes.iter().enumerate() {
        let more = [("amount", "10000"), ("expected_close_on", "2031-03-01")];
        let id = rep.add_deal(&stages[0], &format!("Deal {n}"), &more).await;
        let at = format!("/deals/{id}");
        for (key, value) in *changes {
            set(&rep, &at, key, value).await;
        }
        if n == 0 {
            // Closed and open again: what changed while it was won promised nothing.
            assert_eq!(rep.post(&format!("{at}/closure"), &[("outcome", "won")]).await.status(), 303);
            set(&rep, &at, "amount", "10").await;
            rep.post(&format!("{at}/closure/undo"), &[]).await;
            set(&rep, &at, "amount", "5000").await;
        }
        if n == 1 {
            let version = app.value(&format!("SELECT version FROM deals WHERE id = '{id}'")).await;
            let parts = [("name_1", "A"), ("amount_1", "6000"), ("name_2", "B"), ("amount_2", "3000"), ("parts", "2")];
            let parts = parts.into_iter().chain([("version", version.as_str())]).collect::<Vec<_>>();
            assert_eq!(rep.post(&format!("{at}/split"), &parts).await.status(), 303);
        }
    }
    let kept = "SELECT concat_ws(' ', number, slips, slipped_days, shrunk_percent, first_close_on, trim_scale(first_amount)) AS value FROM deals ORDER BY number";
    let by_trigger = app.texts(kept);
    assert_eq!(by_trigger[0], "1001 2 40 50 2031-03-01 10000");
    assert!(by_trigger[1].ends_with(" 10 2031-03-01 6666.6667"), "{by_trigger:?}");
    app.alter("UPDATE deals SET first_close_on = NULL, first_amount = NULL, slips = 0");
    assert_ne!(app.texts(kept), by_trigger);
    app.alter(&format!("SELECT app.replay_promises('{}')", org.id));
    assert_eq!(app.texts(kept), by_trigger);
    app.stop().await;
}

/// There is no half yen: in the form, in place, in a file. Prices of lines are not meant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_as_fine_as_their_currency() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let rep = app.signed_in(&org, "rep").await;
    let (_, stages) = app.stages(&org);
    let new = |amount: &'static str, currency: &'static str| {
        vec![("name", "Yen"), ("stage_id", stages[0].as_str()), ("amount", amount), ("currency", currency)]
    };
    rep.get("/deals/new").await;
    for (amount, currency, told) in [
        ("10000.50", "JPY", "has decimals, which JPY does not have"),
        ("1.001", "EUR", "has more than 2 decimals, which is all that EUR has"),
    ] {
        let refused = rep.post("/deals/new", &new(amount, currency)).await;
        assert_eq!(refused.status(), 422);
        assert!(refused.contains(told), "{told}: {}", refused.body);
    }
    assert_eq!(rep.post("/deals/new", &new("1.001", "KWD")).await.status(), 303);
    let made = rep.post("/deals/new", &new("10000.00", "JPY")).await;
    assert_eq!(made.status(), 303, "{}", made.body);
    let at = made.location.unwrap();
    let form = rep.get_partial(&format!("{at}/fields/amount")).await;
    let version = form.between("name=\"version\" value=\"", "\"").unwrap().to_owned();
    let saved = rep.post_partial(&format!("{at}/fields/amount"), &[("version", &version), ("amount", "0.5")]).await;
    assert_eq!(saved.status(), 422);
    assert!(saved.contains("has decimals, which JPY does not have"), "{}", saved.body);
    // What stands there from before keeps nobody from changing something else.
    app.alter("UPDATE deals SET amount = 10000.5 WHERE currency = 'JPY'");
    set(&rep, &at, "next_step", "Call").await;
    let line = [("product", "Grain"), ("unit_price", "0.05"), ("quantity", "100")];
    let added = rep.post_partial(&format!("{at}/lines"), &line).await;
    assert_eq!(added.status(), 200, "{}", added.body);
    let file = b"deal name,amount,currency\nHalf,0.5,JPY\nWhole,5,JPY\n";
    assert_eq!(crate::imports::import(&app, &org, RecordType::Deal, file).await, Ok((1, 0, 0, 1)));
    assert_eq!(app.value("SELECT message FROM import_errors").await, "has decimals, which JPY does not have");
    app.stop().await;
}
