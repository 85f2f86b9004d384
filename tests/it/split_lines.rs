//! A split deal's lines, and that a split is told as one: nothing shrank, nothing was lost.

use crate::support::{Client, TestApp, table};

/// Its version, as the form has it.
async fn form(client: &Client, deal: &str, parts: usize) -> (String, String) {
    let page = client.get(&format!("/deals/{deal}/split?parts={parts}")).await;
    (page.between("name=\"version\" value=\"", "\"").unwrap_or_else(|| panic!("{}", page.body)).to_owned(), page.body)
}

async fn split(client: &Client, deal: &str, amounts: &[&str], more: &[(&str, &str)]) -> crate::support::Page {
    let (version, _) = form(client, deal, amounts.len()).await;
    let mut fields = vec![("version".to_owned(), version), ("parts".to_owned(), amounts.len().to_string())];
    for (n, amount) in (1..).zip(amounts) {
        fields.push((format!("name_{n}"), format!("Part {n}")));
        fields.push((format!("amount_{n}"), (*amount).to_owned()));
    }
    fields.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    client.post(&format!("/deals/{deal}/split"), &fields).await
}

const DEALS: &str = "SELECT concat_ws(' ', d.name, trim_scale(d.amount), d.amount_from, trim_scale(d.arr), (SELECT string_agg(concat_ws(' ', trim_scale(l.quantity), '×', l.name, trim_scale(l.net)), ', ' ORDER BY l.position)
    FROM deal_lines l WHERE l.deal_id = d.id)) AS value FROM deals d WHERE d.deleted_at IS NULL ORDER BY d.number";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_divided_or_go_where_they_are_sent_and_come_back() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (pipeline, stages) = app.stages(&org);
    let deal = admin.add_deal(&stages[1], "Three sites", &[]).await;
    for line in [
        vec![("product", "Sensor"), ("unit_price", "20"), ("quantity", "30")],
        vec![("product", "Gateway"), ("unit_price", "250"), ("quantity", "2"), ("discount", "100")],
        vec![("product", "Support"), ("unit_price", "25"), ("every", "quarter"), ("periods", "4")],
    ] {
        let added = admin.post_partial(&format!("/deals/{deal}/lines"), &line).await;
        assert_eq!(added.status(), 200, "{}", added.body);
    }
    let whole = ["Three sites 1100 lines 100 30 × Sensor 600, 2 × Gateway 400, 1 × Support 100"];
    assert_eq!(app.texts(DEALS), whole);
    let undo = async || {
        let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
        assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
        assert_eq!(app.texts(DEALS), whole, "undone");
        assert!(app.totals_differ().is_empty());
    };

    // Like the amount: what comes out exactly goes on following its lines.
    let done = split(&admin, &deal, &["550", "550"], &[("lines", "share")]).await;
    assert_eq!(done.status(), 303, "{}", done.body);
    let half = "550 lines 50 15 × Sensor 300, 1 × Gateway 200, 0.5 × Support 50";
    assert_eq!(app.texts(DEALS), [format!("Part 1 {half}"), format!("Part 2 {half}")]);
    assert!(app.totals_differ().is_empty());
    undo().await;
    // What does not is what was typed, and quantities still add up.
    assert_eq!(split(&admin, &deal, &["1000", "100"], &[]).await.status(), 303);
    assert_eq!(
        app.texts(DEALS),
        [
            "Part 1 1000 hand 100 27.2728 × Sensor 545.46, 1.8182 × Gateway 363.64, 0.9091 × Support 90.92",
            "Part 2 100 hand 2.7272 × Sensor 54.54, 0.1818 × Gateway 36.36, 0.0909 × Support 9.08"
        ]
    );
    undo().await;
    assert_eq!(split(&admin, &deal, &["1000", "100"], &[("lines", "first")]).await.status(), 303);
    assert_eq!(app.texts(DEALS)[1], "Part 2 100 hand");
    undo().await;

    // Each to a deal of its own: the amounts are what they come to.
    let id = |name: &str| {
        app.texts(&format!(
            "SELECT id::text AS value FROM deal_lines WHERE name = '{name}' ORDER BY created_at LIMIT 1"
        ))
        .remove(0)
    };
    let (_, page) = form(&admin, &deal, 2).await;
    assert!(page.contains(&format!("name=\"line_{}\"", id("Sensor"))) && page.contains("30 × Sensor"), "{page}");
    let (gateway, support) = (format!("line_{}", id("Gateway")), format!("line_{}", id("Support")));
    let each = [("lines", "each"), (gateway.as_str(), "2")];
    let refused = split(&admin, &deal, &["550", "300", "250"], &each).await;
    assert!(refused.status() == 422 && refused.contains("leave deal 3 without a line"), "{}", refused.body);
    assert!(refused.contains("value=\"each\" selected"), "the choice is kept: {}", refused.body);
    let far = [("lines", "each"), (gateway.as_str(), "7")];
    assert_eq!(split(&admin, &deal, &["550", "550"], &far).await.status(), 422);
    assert_eq!(split(&admin, &deal, &["550", "550"], &[("lines", "burnt")]).await.status(), 422);
    // All that was so far is long ago.
    for shift in [
        "UPDATE events SET at = at - interval '40 days' WHERE record_type = 'deal'",
        "UPDATE deals SET created_at = created_at - interval '40 days', stage_entered_at = stage_entered_at - interval '40 days'",
        "UPDATE deal_states SET valid_from = valid_from - interval '40 days', valid_to = valid_to - interval '40 days', began_at = began_at - interval '40 days'",
        "UPDATE deal_splits SET at = at - interval '40 days'",
    ] {
        app.alter(shift);
    }
    let each = [("lines", "each"), (gateway.as_str(), "2"), (support.as_str(), "2")];
    assert_eq!(split(&admin, &deal, &["550", "550"], &each).await.status(), 303);
    assert_eq!(
        app.texts(DEALS),
        ["Part 1 600 lines 30 × Sensor 600", "Part 2 500 lines 100 2 × Gateway 400, 1 × Support 100"]
    );
    assert!(app.totals_differ().is_empty());

    // Nothing shrank: neither beside the deal, nor in what changed, where the split comes to nothing.
    let page = admin.get(&format!("/deals/{deal}")).await;
    assert!(!page.contains("of its first amount") && !page.contains("−45 %"), "{}", page.body);
    assert!(page.contains(">split</span>"), "{}", page.body);
    assert!(!admin.get(&format!("/pipeline/{pipeline}?reset=1")).await.contains("trending-down"));
    let changes = admin.get(&format!("/pipeline/{pipeline}/changes")).await;
    let rows = table(&changes, "What changed");
    let row = |label: &str| rows.iter().find(|row| row[0] == label).unwrap_or_else(|| panic!("{label}: {rows:#?}"));
    assert_eq!(row("Split")[1..], ["2", "€1,100.00", "–"], "{rows:#?}");
    for quiet in ["Amount up", "Amount down", "New"] {
        assert_eq!(row(quiet)[1], "0", "{rows:#?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_shrunk_before_a_split_has_shrunk_as_far_after_it() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let deal = admin.add_deal(&stages[0], "Pilot", &[("amount", "1000")]).await;
    let set = async |amount: &str| {
        let version = app.value(&format!("SELECT version FROM deals WHERE id = '{deal}'")).await;
        let said = [("version", version.as_str()), ("amount", amount)];
        assert_eq!(admin.post_partial(&format!("/deals/{deal}/fields/amount"), &said).await.status(), 200);
    };
    let kept = "SELECT concat_ws(' ', trim_scale(amount), trim_scale(first_amount), shrunk_percent) AS value FROM deals WHERE number = 1001";
    set("800").await;
    assert_eq!(split(&admin, &deal, &["600", "200"], &[]).await.status(), 303);
    assert_eq!(app.texts(kept), ["600 750 20"]);
    set("450").await;
    assert_eq!(app.texts(kept), ["450 750 40"]);
    set("600").await;
    let version = app.value(&format!("SELECT version FROM deals WHERE id = '{deal}'")).await;
    let refused = admin.post(&format!("/deals/{deal}/split"), &[("version", &version)]).await;
    assert_eq!(refused.status(), 422, "nothing was said");
    // Taken back it is what it was, and so is what it was first.
    let other = admin.add_deal(&stages[0], "Other", &[("amount", "90")]).await;
    assert_eq!(split(&admin, &other, &["60", "30"], &[]).await.status(), 303);
    let op = app.value("SELECT id FROM operations ORDER BY created_at DESC LIMIT 1").await;
    assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(app.texts(&kept.replace("1001", "1003")), ["90 0"]);
    assert_eq!(
        app.texts("SELECT string_agg(trim_scale(amount)::text, ' ' ORDER BY amount) AS value FROM deal_splits"),
        ["-200 -30 30 30 200"]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_finer_than_its_currency_from_before_is_shared_as_finely() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let (_, stages) = app.stages(&org);
    let deal = admin.add_deal(&stages[0], "Fine", &[("amount", "100")]).await;
    let refused = split(&admin, &deal, &["50.005", "49.995"], &[]).await;
    assert!(refused.status() == 422 && refused.contains("f-amount_1-error"), "{}", refused.body);
    assert!(refused.contains("more than 2 decimals"), "{}", refused.body);

    app.alter("UPDATE deals SET amount = 100.0001");
    assert_eq!(split(&admin, &deal, &["50.0001", "50"], &[]).await.status(), 303);
    let all = "SELECT trim_scale(amount)::text AS value FROM deals WHERE deleted_at IS NULL ORDER BY number";
    assert_eq!(app.texts(all), ["50.0001", "50"]);
    let op = app.value("SELECT id FROM operations").await;
    assert_eq!(admin.post(&format!("/operations/{op}/undo"), &[]).await.status(), 303);
    assert_eq!(app.texts(all), ["100.0001"]);
    app.stop().await;
}
