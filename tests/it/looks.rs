//! How a board looks: fields, orders, rows, folded and empty columns, limits; the timeline; all of it paged.

use crate::support::{Page, TestApp, cards};

fn more(page: &Page) -> String {
    let href = page.between("class=\"cards-more\" hx-get=\"", "\"").unwrap_or_else(|| panic!("{}", page.body));
    href.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_in_every_order_and_look() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let (pipeline, stages) = app.stages(&org);
    let (board, look) = (format!("/pipeline/{pipeline}"), format!("/pipeline/{pipeline}/look"));
    let list = format!("kind=board&pipeline={pipeline}");
    // Thirty deals, told apart in every order; the last five say nothing.
    app.alter(&format!(
        "INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, source, priority, expected_close_on,
           stage_entered_at, next_activity_at)
         SELECT '{0}', ('00000000-0000-7000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid, n, 'Deal ' || n, '{pipeline}', '{1}', 'b' || lpad(n::text, 2, '0'),
           CASE WHEN n <= 25 THEN (n * 7 % 25) * 100 END, 'EUR', CASE WHEN n % 2 = 0 THEN '{2}'::uuid ELSE '{3}'::uuid END, 'Fair ' || n,
           CASE WHEN n <= 25 THEN (ARRAY['low', 'normal', 'high', 'urgent'])[1 + n % 4] END, CASE WHEN n <= 25 THEN '2031-01-01'::date + n * 11 % 25 END,
           now() - interval '1 hour' * (n * 13 % 30), CASE WHEN n <= 25 THEN now() + interval '1 day' * (n * 3 % 25) END
         FROM generate_series(1, 30) n",
        org.id, stages[0], org.rep, org.manager
    ));
    let said = |order: &'static str| {
        vec![("list", list.as_str()), ("order", order), ("field", "source"), ("field", "amount"), ("do", "me")]
    };
    for (order, sql) in [
        ("manual", "position"),
        ("amount", "coalesce(amount, -1) DESC, id DESC"),
        ("close", "coalesce(expected_close_on, 'infinity'), id"),
        ("entered", "stage_entered_at, id"),
        ("next", "coalesce(next_activity_at, 'infinity'), id"),
        ("priority", "priority_key DESC, id DESC"),
    ] {
        assert_eq!(rep.post(&look, &said(order)).await.status(), 303);
        let first = rep.get(&format!("{board}?reset=1")).await;
        let mut all = cards(&first);
        assert_eq!(all.len(), 20);
        all.extend(cards(&rep.get_partial(&more(&first)).await));
        let expected = app.texts(&format!("SELECT id::text AS value FROM deals ORDER BY {sql}"));
        assert_eq!(all, expected, "{order}");
        // The browser puts cards in place by this text alone.
        let places: Vec<&str> =
            first.body.split("data-position=\"").skip(1).map(|p| p.split('"').next().unwrap()).collect();
        assert!(places.is_sorted(), "{order}: {places:?}");
        // Only what was chosen stands on the cards; the pressing ones are marked all the same.
        assert!(
            first.contains("<dt>Source</dt>") && first.contains("is-urgent") && !first.contains("deal-close"),
            "{}",
            first.body
        );
    }
    let bad = [("list", list.as_str()), ("order", "x")];
    assert_eq!(rep.post(&look, &bad).await.status(), 422);
    for cursor in ["x", "5~x", "2031-01-01~"] {
        let path = format!("{board}/stages/{}/cards?after={cursor}", stages[0]);
        assert_eq!(rep.get_partial(&path).await.status(), 422, "{cursor}");
    }

    // Rows by owner: a few cards of each, and more of one column.
    rep.post(&look, &[("list", &list), ("lanes", "owner"), ("field", "amount"), ("do", "me")]).await;
    let rows = rep.get(&format!("{board}?reset=1")).await;
    assert_eq!(cards(&rows).len(), 8, "{}", rows.body);
    let next = rep.get_partial(&more(&rows)).await;
    assert_eq!(cards(&next).len(), 11);
    let lane = more(&rows).split("lane=").nth(1).unwrap()[..36].to_owned();
    let of = app.texts(&format!(
        "SELECT count(*)::text AS value FROM deals WHERE owner_id = '{lane}' AND id::text = ANY ('{{{}}}')",
        cards(&next).join(",")
    ));
    assert_eq!(of, ["11"]);
    for lanes in ["priority", "company"] {
        rep.post(&look, &[("list", &list), ("lanes", lanes), ("do", "me")]).await;
        let rows = rep.get(&format!("{board}?reset=1")).await;
        assert!(rows.contains(if lanes == "priority" { "No priority" } else { "No company" }), "{}", rows.body);
    }

    // Empty columns left out, one folded, and too many cards in the first.
    rep.post(&look, &[("list", &list), ("hide_empty", "true"), ("field", "amount"), ("do", "me")]).await;
    app.alter(&format!("UPDATE stages SET card_limit = 20 WHERE id = '{}'", stages[0]));
    let page = rep.get(&format!("{board}?reset=1")).await;
    assert_eq!(page.body.matches("data-stage-name=").count(), 1);
    assert!(page.contains("column-count is-over") && page.contains("too many"), "{}", page.body);
    assert_eq!(rep.post(&format!("{board}/stages/{}/fold", stages[0]), &[("folded", "1")]).await.status(), 303);
    let page = rep.get(&format!("{board}?reset=1")).await;
    assert!(page.contains("column folded") && cards(&page).is_empty(), "{}", page.body);

    // Others look at what an administrator set for everybody; nobody else may.
    assert_eq!(rep.post(&look, &[("list", &list), ("do", "everybody")]).await.status(), 403);
    assert!(!admin.get(&board).await.contains("<dt>Source</dt>"));
    admin.post(&look, &[("list", &list), ("field", "source"), ("do", "everybody")]).await;
    let manager = app.signed_in(&org, "manager").await;
    assert!(manager.get(&board).await.contains("<dt>Source</dt>"));
    assert!(!app.signed_in(&other, "rep").await.get(&look).await.contains("Source"));
    // A view keeps the look it was saved with.
    admin.post(&look, &[("list", &list), ("field", "number"), ("order", "amount"), ("do", "me")]).await;
    let view =
        [("record", "deal"), ("list", list.as_str()), ("name", "Numbers"), ("sharing", "all"), ("columns", "true")];
    let saved = admin.post("/views", &view).await.location.unwrap();
    admin.post(&look, &[("list", &list), ("do", "reset")]).await;
    let page = manager.get(&saved).await;
    assert!(page.contains("<dt>Number</dt>") && page.contains("Numbers"), "{}", page.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_in_groups() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let rep = app.signed_in(&org, "rep").await;
    let (pipeline, stages) = app.stages(&org);
    let at = format!("/pipeline/{pipeline}/timeline?from=2031-03-01");
    assert!(rep.get(&at).await.contains("No open deals yet"));
    for n in 0..50 {
        let close = if n % 2 == 0 { "2031-04-01" } else { "2031-05-01" };
        let stage = &stages[if n < 45 { 0 } else { 2 }];
        rep.add_deal(stage, &format!("Pump {n:02}"), &[("amount", "10"), ("expected_close_on", close)]).await;
    }
    rep.add_deal(&stages[0], "Late", &[("expected_close_on", "2020-01-01")]).await;
    app.alter("UPDATE deals SET expected_close_on = now()::date - 10 WHERE name = 'Late'");
    let later = rep.get(&format!("/pipeline/{pipeline}/timeline?from=2061-03-01")).await;
    assert!(later.contains("Nothing to draw here") && !later.contains("Clear filters"), "{}", later.body);
    let page = rep.get(&format!("{at}&group_by=stage")).await;
    // Six of each stage, then all of one, forty at a time.
    assert_eq!(page.body.matches("tl-bar ").count(), 11, "{}", page.body);
    let href =
        |page: &Page, before: &str| page.between(before, "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let all = rep.get(&href(&page, "class=\"tl-more\"><a href=\"")).await;
    assert_eq!(all.body.matches("tl-bar ").count(), 40);
    let rest = all.body.rsplit("<a class=\"btn btn-sm\" href=\"").next().unwrap().split('"').next().unwrap();
    let rest = rep.get(&rest.replace("&#38;", "&").replace("&amp;", "&")).await;
    assert_eq!(rest.body.matches("tl-bar ").count(), 5, "{}", rest.body);
    // Seen from today, what is overdue is marked.
    for by in ["owner", "stage", "company", "priority"] {
        let now = rep.get(&format!("/pipeline/{pipeline}/timeline?group_by={by}&zoom=year")).await;
        assert!(now.contains("is-overdue") && now.contains("overdue</title>"), "{by}: {}", now.body);
    }
    for bad in ["group_by=x", "zoom=day", "from=x", "lane=x&group_by=company", "lanes=x"] {
        assert_eq!(rep.get(&format!("/pipeline/{pipeline}/timeline?{bad}")).await.status(), 422, "{bad}");
    }
    assert_eq!(rep.get(&format!("/pipeline/{pipeline}/timeline?lane={pipeline}")).await.status(), 404);
    assert_eq!(app.signed_in(&other, "rep").await.get(&at).await.status(), 404);
    app.stop().await;
}
