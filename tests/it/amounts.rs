//! Amounts as people type and files write them: by the writer's own decimal mark, and never a thousandth of what was meant.

use crate::{imports::import, support::TestApp};
use pipewright::kernel::RecordType;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_german_writes_thousands_with_a_point() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let stage = app.stages(&org).1[0].clone();
    let rep = app.signed_in(&org, "rep").await;
    app.sql("UPDATE users SET locale = 'de-DE'").await;

    let id = rep.add_deal(&stage, "Pumpen", &[("amount", "50.000"), ("currency", "EUR")]).await;
    rep.add_deal(&stage, "Ventile", &[("amount", "€ 1.234,50"), ("currency", "EUR")]).await;
    // A control holds what it will be read as, whoever reads it.
    rep.add_deal(&stage, "Dinar", &[("amount", "12,345"), ("currency", "KWD")]).await;
    let amounts = || app.texts("SELECT name || ' ' || trim_scale(amount) AS value FROM deals ORDER BY number");
    assert_eq!(amounts(), ["Pumpen 50000", "Ventile 1234.5", "Dinar 12.345"]);
    let dinar = app.texts("SELECT id::text AS value FROM deals WHERE name = 'Dinar'").remove(0);
    let form = rep.get(&format!("/deals/{dinar}/edit")).await;
    assert!(form.contains("value=\"12.3450\""), "{}", form.body);

    // In place, on a line, in the board's filter, in a list's rule, in the palette.
    let version = app.texts("SELECT version::text AS value FROM deals WHERE name = 'Pumpen'").remove(0);
    let put = [("amount", "98.000"), ("version", version.as_str())];
    let put = rep.post_partial(&format!("/deals/{id}/fields/amount"), &put).await;
    assert_eq!(put.status(), 200, "{}", put.body);
    assert_eq!(amounts()[0], "Pumpen 98000");
    let board = app.stages(&org).0;
    let page = rep.get(&format!("/pipeline/{board}?amount_min=50.000")).await;
    assert!(page.contains("Pumpen") && !page.contains("Ventile"), "{}", page.body);
    let rule =
        [("g", "all"), ("k", "amount"), ("was", "amount"), ("op", "gt"), ("v", "50.000"), ("c", "EUR"), ("e", "")];
    let query: Vec<String> = rule.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let list = rep.get(&format!("/deals/filter?{}&do=apply", query.join("&"))).await;
    let list = rep.get(&list.location.unwrap()).await;
    assert!(list.contains("Pumpen") && !list.contains("Ventile"), "{} {}", list.status(), list.body);
    let palette = rep.get_partial("/search?q=deal+Acme+50.000+%E2%82%AC").await;
    assert!(palette.contains("amount=50000") && palette.contains("currency=EUR"), "{}", palette.body);

    let line = [("product", "Montage"), ("unit_price", "2.500"), ("quantity", "1,5")];
    assert_eq!(rep.post(&format!("/deals/{id}/lines"), &line).await.status(), 303);
    assert_eq!(app.texts("SELECT trim_scale(net)::text AS value FROM deal_lines"), ["3750"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_german_takes_back_what_became_of_three_decimals() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let stage = app.stages(&org).1[0].clone();
    let rep = app.signed_in(&org, "rep").await;
    let id = rep.add_deal(&stage, "Dinar", &[("amount", "12.345"), ("currency", "KWD")]).await;
    let version = app.texts("SELECT version::text AS value FROM deals").remove(0);
    let put = [("amount", "20"), ("version", version.as_str())];
    assert_eq!(rep.post_partial(&format!("/deals/{id}/fields/amount"), &put).await.status(), 200);
    app.sql("UPDATE users SET locale = 'de-DE'").await;
    let last = app.texts("SELECT id::text AS value FROM events WHERE kind = 'deal.updated' ORDER BY at DESC LIMIT 1");
    let undone = rep.post(&format!("/deals/{id}/history/{}/undo", last[0]), &[]).await;
    assert_eq!(undone.status(), 303, "{}", undone.body);
    assert_eq!(app.texts("SELECT trim_scale(amount)::text AS value FROM deals"), ["12.345"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_german_keeps_for_colleagues_is_read_the_same_by_all() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let stage = app.stages(&org).1[0].clone();
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    app.sql("UPDATE users SET locale = 'de-DE'").await;
    let form = [("title", "Werk"), ("stage_id", stage.as_str()), ("amount", "50.000"), ("currency", "EUR")];
    assert_eq!(admin.post("/settings/deal-templates", &form).await.status(), 303);
    let kept = "SELECT fields->>'amount' AS value FROM deal_templates ORDER BY created_at";
    assert_eq!(app.texts(kept), ["50000"]);
    let odd = [("title", "Dinar"), ("stage_id", stage.as_str()), ("amount", "12,345"), ("currency", "KWD")];
    assert_eq!(admin.post("/settings/deal-templates", &odd).await.status(), 303);
    assert_eq!(app.texts(kept)[1], "12.3450");
    app.sql("UPDATE users SET locale = 'en-GB'").await;
    let id = app.texts("SELECT id::text AS value FROM deal_templates ORDER BY created_at").remove(0);
    let page = rep.get(&format!("/deals/new?template={id}")).await;
    assert!(page.contains("value=\"50000\""), "{}", page.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_thousands_or_another_currency_is_refused() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let stage = app.stages(&org).1[0].clone();
    let rep = app.signed_in(&org, "rep").await;
    rep.get("/deals/new").await;
    for (amount, told) in [
        ("50.000", "may mean thousands"),
        ("31.12.2026", "must be a number"),
        ("1,2,3", "must be a number"),
        ("1.2.3", "must be a number"),
        ("1,234,56", "must be a number"),
        ("£5", "sign of GBP"),
        ("$5", "sign of USD"),
    ] {
        let deal = [("stage_id", stage.as_str()), ("name", "Pumps"), ("amount", amount), ("currency", "EUR")];
        let page = rep.post("/deals/new", &deal).await;
        assert!(page.status() == 422 && page.contains(told), "{amount}: {} {}", page.status(), page.body);
        assert!(page.contains(&format!("value=\"{amount}\"")), "{amount} is kept: {}", page.body);
    }
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM deals"), ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_money_in_doubt_is_refused_too() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let mut form = vec![("type", "deal"), ("kind", "money"), ("label", "Budget")];
    for name in ["viewers", "editors"] {
        form.extend(["administrator", "manager", "rep", "viewer"].map(|role| (name, role)));
    }
    assert_eq!(admin.post("/settings/fields", &form).await.status(), 303);
    let stage = app.stages(&org).1[0].clone();
    let deal = |budget: &'static str| [("stage_id", stage.as_str()), ("name", "Pumps"), ("c_budget", budget)].to_vec();
    let refused = admin.post("/deals/new", &deal("50.000")).await;
    assert!(refused.status() == 422 && refused.contains("may mean thousands"), "{}", refused.body);
    assert_eq!(admin.post("/deals/new", &deal("50,000")).await.status(), 303);
    assert_eq!(app.texts("SELECT custom->'c_budget'->>'amount' AS value FROM deals"), ["50000"]);
    let file = b"name;budget\nPumpen;10.000\nVentile;12.500\n";
    assert_eq!(import(&app, &org, RecordType::Deal, file).await, Ok((0, 0, 0, 2)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_in_doubt_is_read_as_the_organisation_writes() {
    let app = TestApp::start().await;
    let (english, german) = (app.org("aurelia").await, app.org("borealis").await);
    app.sql("UPDATE organisations SET locale = 'de-DE' WHERE slug = 'borealis'").await;
    let file = b"name;amount\nPumpen;10.000\nVentile;12.500\n";
    // Ten, or ten thousand? Where the point stands before decimals nobody knows, and nothing is written.
    assert_eq!(import(&app, &english, RecordType::Deal, file).await, Ok((0, 0, 0, 2)));
    let why = app.texts("SELECT left(message, 24) AS value FROM import_errors ORDER BY line");
    assert_eq!(why, ["may be 10 or 10000: say a", "may be 12.5 or 12500: say"].map(|told| told[..24].to_owned()));
    assert_eq!(import(&app, &german, RecordType::Deal, file).await, Ok((2, 0, 0, 0)));
    // Another cell says how the column is written.
    let told = b"name;amount\nPumpen;10.000\nVentile;1.234,50\nSign;$ 7\n";
    assert_eq!(import(&app, &english, RecordType::Deal, told).await, Ok((3, 0, 0, 0)));
    let all = "SELECT o.slug || ' ' || d.name || ' ' || trim_scale(d.amount) || ' ' || d.currency AS value \
               FROM deals d JOIN organisations o ON o.id = d.org_id ORDER BY 1";
    let expected = [
        "aurelia Pumpen 10000 EUR",
        "aurelia Sign 7 USD",
        "aurelia Ventile 1234.5 EUR",
        "borealis Pumpen 10000 EUR",
        "borealis Ventile 12500 EUR",
    ];
    assert_eq!(app.texts(all), expected);
}
