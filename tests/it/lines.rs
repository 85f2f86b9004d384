//! The lines of a deal: what they come to, what the deal's amount has to do with them, and how each is taken back.

use crate::support::{Client, TestApp, sql};
use pipewright::kernel::{
    Currency,
    lines::{Discount, Priced},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Name, net of all periods, in order.
fn lines(app: &TestApp, deal: Uuid) -> Vec<String> {
    app.texts(&format!(
        "SELECT name || ' ' || trim_scale(net)::text AS value FROM deal_lines WHERE deal_id = '{deal}' ORDER BY position, id"
    ))
}

/// Amount, where it comes from, MRR, ARR, term, one-off.
fn deal(app: &TestApp, deal: Uuid) -> String {
    app.texts(&format!(
        "SELECT concat_ws(' ', coalesce(trim_scale(amount)::text, '-'), amount_from, coalesce(trim_scale(mrr)::text, '-'), \
           coalesce(trim_scale(arr)::text, '-'), coalesce(term_months::text, '-'), coalesce(trim_scale(one_off)::text, '-')) AS value \
         FROM deals WHERE id = '{deal}'"
    ))
    .remove(0)
}

fn line(app: &TestApp, name: &str) -> String {
    app.texts(&format!("SELECT id::text AS value FROM deal_lines WHERE name = '{name}' ORDER BY id DESC")).remove(0)
}

async fn add(client: &Client, deal: Uuid, fields: &[(&str, &str)]) {
    let reply = client.post_partial(&format!("/deals/{deal}/lines"), fields).await;
    assert_eq!(reply.status(), 200, "{fields:?}: {}", reply.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_amount_follows_the_lines_or_is_fixed_by_hand() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (ours, theirs) = (app.belongings(&org).await, app.belongings(&other).await);
    app.sql(&format!("DELETE FROM deal_lines; UPDATE deals SET amount = NULL WHERE id = '{}'", ours.deal)).await;
    let rep = app.signed_in(&org, "rep").await;
    let at = format!("/deals/{}/lines", ours.deal);

    // A product by its name as files write it, with its price, tax and interval; free text with a discount; what recurs.
    add(
        &rep,
        ours.deal,
        &[("product", "productofaurelia"), ("quantity", "3"), ("tax_class_id", "product"), ("every", "product")],
    )
    .await;
    assert_eq!(deal(&app, ours.deal), "750 lines - - - 750");
    add(&rep, ours.deal, &[("product", "Set up"), ("unit_price", "99.99"), ("discount", "10 %")]).await;
    add(
        &rep,
        ours.deal,
        &[("product", "Support"), ("unit_price", "100"), ("every", "month"), ("periods", "24"), ("discount", "0.5")],
    )
    .await;
    add(&rep, ours.deal, &[("product", "Licence"), ("unit_price", "1000"), ("every", "year")]).await;
    assert_eq!(lines(&app, ours.deal), ["Product of aurelia 750", "Set up 89.99", "Support 2388", "Licence 1000"]);
    // 12 × 99.50 + 1,000 a year.
    assert_eq!(deal(&app, ours.deal), "4227.99 lines 182.8333 2194 24 839.99");
    let page = rep.get(&format!("/deals/{}", ours.deal)).await;
    for told in [
        "€4,227.99",
        "Tax 21 %",
        "€157.50",
        "€4,385.49",
        "€99.50 a month, 24 months",
        "24 months",
        "Added 3 × Product of aurelia",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }

    // What is wrong stands beside its field, with the words kept; what is theirs is not ours.
    for (fields, told) in [
        (vec![("product", ""), ("unit_price", "1")], "is required"),
        (vec![("product", "Free"), ("unit_price", "")], "is required"),
        (vec![("product", "X"), ("unit_price", "1"), ("quantity", "0")], "more than nothing"),
        (vec![("product", "X"), ("unit_price", "1"), ("quantity", "1.23456")], "four decimals"),
        (vec![("product", "X"), ("unit_price", "10"), ("discount", "11")], "more than quantity times price"),
        (vec![("product", "X"), ("unit_price", "10"), ("discount", "101%")], "from 0 to 100"),
        (vec![("product", "X"), ("unit_price", "10"), ("every", "month"), ("periods", "0")], "from 1 to 1200"),
        (vec![("product", "X"), ("unit_price", "900000000000000"), ("quantity", "9")], "more than can be kept"),
        (vec![("product", "X"), ("unit_price", "999999999999999")], "more than can be kept"),
        (
            vec![("product", "X"), ("unit_price", "1"), ("tax_class_id", &theirs.tax_class.to_string())],
            "not one of the tax",
        ),
        (
            vec![("product", "X"), ("unit_price", "1"), ("product_id", &theirs.product.to_string())],
            "not one of the products",
        ),
    ] {
        let partial = rep.post_partial(&at, &fields).await;
        assert!(partial.status() == 422 && partial.contains(told), "{fields:?}: {}", partial.body);
        let whole = rep.post(&at, &fields).await;
        assert!(whole.status() == 422 && whole.contains(told) && whole.contains("<html"), "{fields:?}: {}", whole.body);
    }
    assert_eq!(
        rep.post_partial(&format!("/deals/{}/lines", theirs.deal), &[("product", "X"), ("unit_price", "1")])
            .await
            .status(),
        404
    );
    assert_eq!(
        rep.post_partial(&format!("{at}/{}", theirs.line), &[("product", "X"), ("unit_price", "1")]).await.status(),
        404
    );
    assert_eq!(deal(&app, ours.deal), "4227.99 lines 182.8333 2194 24 839.99", "nothing was written");

    // Changed, reordered, sent twice.
    let setup = line(&app, "Set up");
    let form = rep.get_partial(&format!("{at}?line={setup}")).await;
    assert!(form.contains("value=\"10 %\"") && form.contains("value=\"99.99\""), "{}", form.body);
    let changed = [("product", "Set up"), ("unit_price", "100"), ("quantity", "1.5")];
    assert_eq!(rep.post(&format!("{at}/{setup}"), &changed).await.status(), 303);
    assert_eq!(rep.post(&format!("{at}/{setup}"), &changed).await.status(), 303);
    let order = format!("{},{setup}", line(&app, "Licence"));
    assert_eq!(rep.post(&format!("{at}/order"), &[("order", &order)]).await.status(), 303);
    assert_eq!(lines(&app, ours.deal), ["Licence 1000", "Set up 150", "Product of aurelia 750", "Support 2388"]);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM events WHERE data->>'title' = 'Changed Set up'"), ["1"]);

    // Fixed by hand by the switch, by writing another amount, in bulk; followed again.
    let switch = format!("/deals/{}/amount", ours.deal);
    assert_eq!(rep.post_partial(&switch, &[("from", "hand")]).await.status(), 200);
    let field = format!("/deals/{}/fields/amount", ours.deal);
    let version = app.value(&format!("SELECT version FROM deals WHERE id = '{}'", ours.deal)).await;
    assert_eq!(rep.post_partial(&field, &[("version", &version), ("amount", "4000")]).await.status(), 200);
    assert_eq!(deal(&app, ours.deal), "4000 hand 182.8333 2194 24 900");
    add(&rep, ours.deal, &[("product", "Travel"), ("unit_price", "12")]).await;
    assert!(deal(&app, ours.deal).starts_with("4000 hand"));
    assert_eq!(rep.post(&switch, &[("from", "lines")]).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "4300 lines 182.8333 2194 24 912");
    app.alter(&format!("UPDATE deals SET name = 'Renamed', amount = 4300 WHERE id = '{}'", ours.deal));
    assert!(deal(&app, ours.deal).starts_with("4300 lines"));
    app.alter(&format!("UPDATE deals SET amount = 5 WHERE id = '{}'", ours.deal));
    assert!(deal(&app, ours.deal).starts_with("5 hand"), "whoever writes another amount has fixed it");
    assert_eq!(rep.post(&switch, &[("from", "lines")]).await.status(), 303);

    // A deal's prices are in its currency, which stays while there are any; the panel is taken anew when the amount is changed elsewhere.
    let field = format!("/deals/{}/fields/currency", ours.deal);
    let page = rep.get_partial(&field).await;
    let version = page.between("name=\"version\" value=\"", "\"").unwrap();
    let relabelled = rep.post_partial(&field, &[("version", version), ("currency", "USD")]).await;
    assert!(relabelled.status() == 422 && relabelled.contains("prices are in EUR"), "{}", relabelled.body);
    assert!(rep.get(&format!("/deals/{}", ours.deal)).await.contains("id=\"deal-lines\" data-refresh"));
    // In another currency what was rounded to cents is rounded to yen.
    app.alter(&format!("UPDATE deals SET currency = 'JPY' WHERE id = '{}'", ours.deal));
    assert_eq!(
        app.texts("SELECT trim_scale(period_net)::text AS value FROM deal_lines WHERE name = 'Support'"),
        ["100"]
    );
    assert_eq!(deal(&app, ours.deal), "4312 lines 183.3333 2200 24 912");
    app.alter(&format!("UPDATE deals SET currency = 'EUR' WHERE id = '{}'", ours.deal));

    // Who may only look sees them, and no form.
    let viewer = app.signed_in(&org, "viewer").await;
    let page = viewer.get(&format!("/deals/{}", ours.deal)).await;
    assert!(page.contains("Set up") && !page.contains("Add a line"), "{}", page.body);
    assert_eq!(viewer.post_partial(&at, &[("product", "X"), ("unit_price", "1")]).await.status(), 403);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_line_is_taken_back_by_itself() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    app.sql(&format!("DELETE FROM deal_lines; UPDATE deals SET amount = NULL WHERE id = '{}'", ours.deal)).await;
    let (rep, admin) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "admin").await);
    let at = format!("/deals/{}", ours.deal);
    add(&rep, ours.deal, &[("product", "One"), ("unit_price", "100")]).await;
    add(&rep, ours.deal, &[("product", "Two"), ("unit_price", "20")]).await;
    let one = line(&app, "One");
    let changed = [("product", "One"), ("unit_price", "50"), ("quantity", "3")];
    assert_eq!(rep.post(&format!("{at}/lines/{one}"), &changed).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "170 lines - - - 170");
    let event = |title: &str| {
        app.texts(&format!(
            "SELECT id::text AS value FROM events WHERE data->>'title' = '{title}' ORDER BY at DESC LIMIT 1"
        ))
        .remove(0)
    };
    // The change of the one, though the other came and the amount moved since.
    let undo = |event: String| format!("{at}/history/{event}/undo");
    assert_eq!(rep.post(&undo(event("Changed One")), &[]).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "120 lines - - - 120");
    assert_eq!(rep.post(&undo(event("Added 1 × Two, €20.00")), &[]).await.status(), 303);
    assert_eq!(lines(&app, ours.deal), ["One 100"]);
    // Taken off and put back: the last one takes the amount along, and brings it again.
    assert_eq!(rep.post(&format!("{at}/lines/{one}/removal"), &[]).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "- hand - - - -");
    assert_eq!(rep.post(&format!("{at}/lines/{one}/removal/undo"), &[]).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "100 lines - - - 100");
    assert_eq!(rep.post(&format!("{at}/lines/{one}/removal/undo"), &[]).await.status(), 409);
    // Fixing the amount, and taking that back: it follows again.
    let version = app.value(&format!("SELECT version FROM deals WHERE id = '{}'", ours.deal)).await;
    let fixed = rep.post_partial(&format!("{at}/fields/amount"), &[("version", &version), ("amount", "80")]).await;
    assert_eq!(fixed.status(), 200, "{}", fixed.body);
    assert_eq!(deal(&app, ours.deal), "80 hand - - - 100");
    let fixing = app.texts("SELECT id::text AS value FROM events WHERE changes->'amount'->>1 = '80'").remove(0);
    assert_eq!(rep.post(&undo(fixing), &[]).await.status(), 303);
    assert_eq!(deal(&app, ours.deal), "100 lines - - - 100");
    // Deleted for good, the lines go too; the product stays.
    admin.get(&at).await;
    assert_eq!(admin.post(&format!("{at}/deletion"), &[]).await.status(), 303);
    app.alter(&format!("DELETE FROM deals WHERE id = '{}'", ours.deal));
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM deal_lines"), ["0"]);
    app.stop().await;
}

/// The database's arithmetic is the program's: both round the same lines to the same net.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_reckons_as_the_program_does() {
    let app = TestApp::start().await;
    let mut conn = sql::connect(app.database_url());
    let mut runner = TestRunner::new(Config::default());
    let amount = |most: i64| (0..most).prop_map(|n| Decimal::new(n, 4));
    let strategy = (
        (1i64..100_000_000).prop_map(|n| Decimal::new(n, 4)),
        amount(1_000_000_000),
        prop_oneof![
            Just(Discount::None),
            (0i64..=10_000).prop_map(|n| Discount::Percent(Decimal::new(n, 2))),
            amount(100_000_000).prop_map(Discount::Amount),
        ],
        prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF"]),
    );
    let mut rows = Vec::new();
    let mut expected = Vec::new();
    for n in 0..300 {
        let (quantity, unit_price, discount, code) = strategy.new_tree(&mut runner).unwrap().current();
        let currency: Currency = code.parse().unwrap();
        let line = Priced { quantity, unit_price, discount, tax_rate: None, recurring: None };
        expected.push(line.period_net(currency).unwrap().normalize().to_string());
        let (percent, off) = match discount {
            Discount::None => ("NULL".to_owned(), "NULL".to_owned()),
            Discount::Percent(percent) => (percent.to_string(), "NULL".to_owned()),
            Discount::Amount(amount) => ("NULL".to_owned(), amount.to_string()),
        };
        rows.push(format!("({n}, {quantity}, {unit_price}, {percent}::numeric, {off}::numeric, '{code}')"));
    }
    let values = rows.join(", ");
    let found = sql::lines(
        &mut conn,
        &format!(
            "SELECT trim_scale(app.line_net(q, p, percent, off, c))::text AS line FROM (VALUES {values}) v (n, q, p, percent, off, c) ORDER BY n"
        ),
    );
    assert_eq!(found, expected);
    for (code, _) in Currency::all() {
        let digits = code.parse::<Currency>().unwrap().digits().to_string();
        assert_eq!(sql::value(&mut conn, &format!("SELECT app.minor_units('{code}')")), digits, "{code}");
    }
    app.stop().await;
}
