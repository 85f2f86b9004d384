//! Currencies: rates written, pasted and fetched; totals of several in the organisation's own, and what has no rate told apart.

use crate::support::{TestApp, table};
use pipewright::features::currencies::{Dated, Rates, at_days};
use rust_decimal::Decimal;
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

/// Currency, day and rate of each, and whether a person wrote it.
fn rates(app: &TestApp) -> Vec<String> {
    app.texts(
        "SELECT r.currency || ' ' || r.on_day || ' ' || trim_scale(r.rate) || CASE WHEN r.manual THEN ' by hand' ELSE '' END AS value \
         FROM exchange_rates r JOIN organisations o ON o.id = r.org_id WHERE o.slug = 'aurelia' ORDER BY r.currency, r.on_day, r.manual",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_written_pasted_changed_and_deleted() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let theirs = app.belongings(&other).await;
    let (admin, manager) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "manager").await);
    assert_eq!(manager.get("/settings/currencies").await.status(), 403);
    assert_eq!(admin.get(&format!("/settings/exchange-rates/{}", theirs.rate)).await.status(), 404);

    let add = |currency: &'static str, on: &'static str, rate: &'static str| {
        let admin = &admin;
        async move {
            let fields = [("currency", currency), ("on", on), ("rate", rate)];
            admin.post("/settings/currencies/rates", &fields).await
        }
    };
    assert_eq!(add("USD", "2026-01-05", "0,92").await.status(), 303);
    assert_eq!(add("USD", "2026-01-05", "0.93").await.status(), 303, "the same day again is written over");
    for (currency, on, rate, told) in [
        ("EUR", "2026-01-05", "1", "always worth itself"),
        ("", "2026-01-05", "1", "is required"),
        ("XXX", "2026-01-05", "1", "ISO 4217"),
        ("USD", "soon", "1", "must be a date"),
        ("USD", "2026-01-05", "0", "above zero"),
        ("USD", "2026-01-05", "-1", "above zero"),
        ("USD", "2026-01-05", "1e5", "above zero"),
        ("USD", "2026-01-05", "0.0000000000001", "twelve decimals"),
        ("USD", "2026-01-05", "1000000000", "too large"),
    ] {
        let page = add(currency, on, rate).await;
        assert!(page.status() == 422 && page.contains(told), "{currency} {on} {rate}: {}", page.body);
    }

    let paste = |text: &'static str| {
        let admin = &admin;
        async move { admin.post("/settings/currencies/rates/paste", &[("rates", text)]).await }
    };
    let good =
        "date;currency;rate\n2026-01-02;CHF;1,05\nGBP;2026-01-02;1.15\nUSD\t2026-01-05\t0.93\n2026-01-03,JPY,0.0062\n";
    assert_eq!(paste(good).await.status(), 303);
    assert_eq!(
        rates(&app),
        [
            "CHF 2026-01-02 1.05 by hand",
            "GBP 2026-01-02 1.15 by hand",
            "JPY 2026-01-03 0.0062 by hand",
            "USD 2026-01-05 0.93 by hand"
        ]
    );
    let bad = paste("2026-01-02;CHF;1.06\n2026-01-02;1.2\n2026-01-02;GBP\nQQQ;1\n").await;
    assert!(bad.status() == 422 && bad.contains("line 2: names no currency"), "{}", bad.body);
    assert!(bad.contains("line 3: says no rate") && bad.contains("line 4: QQQ is no currency"), "{}", bad.body);
    assert!(bad.contains("2026-01-02;CHF;1.06"), "what was pasted stays");
    assert_eq!(paste("").await.status(), 422);
    assert_eq!(rates(&app).len(), 4, "all of it or nothing");

    // Changed and deleted, with what it was in the book.
    let id = app.value("SELECT id FROM exchange_rates WHERE currency = 'CHF'").await;
    let at = format!("/settings/exchange-rates/{id}");
    assert!(admin.get(&at).await.contains("value=\"1.05\""));
    assert_eq!(admin.post(&at, &[("rate", "")]).await.status(), 422);
    assert_eq!(admin.post(&at, &[("rate", "1.07")]).await.status(), 303);
    assert_eq!(admin.post(&format!("{at}/deletion"), &[]).await.status(), 303);
    assert_eq!(admin.get(&at).await.status(), 404);
    assert_eq!(
        app.texts(&format!("SELECT kind || coalesce(changes->'rate'->>0, '-') || '>' || coalesce(changes->'rate'->>1, '-') AS value FROM events WHERE record_id = '{id}' ORDER BY at")),
        ["exchange_rate.created->1.05", "exchange_rate.updated1.05>1.07", "exchange_rate.deleted1.07>-"]
    );

    // Forms offer what was chosen.
    assert!(admin.get("/deals/new").await.contains("<option value=\"ZAR\""));
    assert_eq!(admin.post("/settings/currencies", &[("currency", "USD"), ("currency", "CHF")]).await.status(), 303);
    assert_eq!(admin.post("/settings/currencies", &[("currency", "nope")]).await.status(), 422);
    let form = admin.get("/deals/new").await;
    assert!(form.contains("<option value=\"CHF\"") && !form.contains("<option value=\"ZAR\""), "{}", form.body);
    let page = admin.get("/settings/currencies").await;
    assert!(page.contains("1 USD = 0.93 EUR") && page.contains("No rate"), "{}", page.body);
    assert!(!page.contains("ZAR 20"), "theirs are theirs");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_are_one_and_say_how() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let (o, rep) = (org.id, org.rep);
    // Worth of a dollar: 0.5 long ago, 0.8 since ten days; nobody knows about the yen.
    app.sql(&format!(
        "DELETE FROM exchange_rates;
         INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual) VALUES
           ('{o}', 'EUR', 'USD', current_date - 400, 0.5, false), ('{o}', 'EUR', 'USD', current_date - 10, 0.7, false),
           ('{o}', 'EUR', 'USD', current_date - 10, 0.8, true), ('{o}', 'EUR', 'USD', current_date + 5, 9, true);
         INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, source) VALUES
           ('{o}', gen_random_uuid(), 2, 'Dollars', '{0}', '{1}', 'a1', 500, 'USD', '{rep}', 'Fair'),
           ('{o}', gen_random_uuid(), 3, 'Yen', '{0}', '{1}', 'a2', 7000, 'JPY', '{rep}', 'Fair');
         INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
           VALUES ('{o}', gen_random_uuid(), 4, 'Won in dollars', '{0}', '{1}', 'a3', 300, 'USD', '{rep}', 'won', now())",
        ours.pipeline, ours.stage
    ))
    .await;
    let client = app.signed_in(&org, "manager").await;
    // 1,000 and 500 × 0.8; the yen apart; 300 × 0.8 were won.
    let home = client.get("/").await;
    for told in ["€1.4k", "+ ¥7.0k", "€240", "1 USD = 0.8 EUR", "No rate for JPY", "at the rate of its day"] {
        assert!(home.contains(told), "{told}: {}", home.body);
    }
    let board = client.get(&format!("/pipeline/{}", ours.pipeline)).await;
    assert!(board.contains("<strong>€1.4k + ¥7.0k</strong>") && board.contains("1 USD = 0.8 EUR"), "{}", board.body);
    let list = client.get("/deals?status=open&group=stage_id").await;
    assert!(list.contains("€1.4k") && list.contains("No rate for JPY"), "{}", list.body);
    // In one currency nothing is said.
    app.alter("DELETE FROM deals WHERE currency <> 'EUR'");
    let board = client.get(&format!("/pipeline/{}", ours.pipeline)).await;
    assert!(!board.contains("summary-note"), "{}", board.body);

    // At the deals' own days, and what has none told apart: the function against SQL and a plain reckoning.
    let actor = app.actor(&org, org.manager).await;
    let day = |ago: i64| chrono::Utc::now().date_naive() - chrono::Duration::days(ago);
    let sum = |currency: &str, ago: i64, amount: i64| Dated {
        currency: currency.into(),
        on: day(ago),
        amount: amount.into(),
    };
    let sums = vec![
        sum("EUR", 3, 10),
        sum("USD", 500, 100),
        sum("USD", 399, 100),
        sum("USD", 10, 100),
        sum("USD", 0, 100),
        sum("JPY", 0, 9),
    ];
    let (converted, today) = app
        .db
        .org(&actor.clone(), move |tx| Ok((at_days(tx, "EUR", &sums)?, Rates::today(tx, &actor)?)))
        .await
        .unwrap();
    assert_eq!(converted.total, Decimal::from(10 + 50 + 80 + 80));
    let missing: Vec<_> = converted.missing.iter().map(|(code, n)| format!("{code} {n}")).collect();
    assert_eq!(missing, ["JPY 9", "USD 100"], "before the first rate there is none");
    assert_eq!(today.convert([("EUR", 1.into()), ("USD", 10.into())]).total, Decimal::from(9));
    assert_eq!(today.own("JPY", 5.into()), ("JPY", 5.into()));

    // A product that has no price in the deal's currency: its own, at today's rate, and said so.
    let rep = app.signed_in(&org, "rep").await;
    app.alter(&format!("UPDATE deals SET currency = 'USD' WHERE id = '{}'", ours.deal));
    let reply = rep.post_partial(&format!("/deals/{}/lines", ours.deal), &[("product", "Product of aurelia")]).await;
    assert_eq!(reply.status(), 200, "{}", reply.body);
    assert!(reply.contains("$312.50") && reply.contains("converted from EUR at 1.25"), "{}", reply.body);
    app.alter(&format!("UPDATE deals SET currency = 'JPY' WHERE id = '{}'", ours.deal));
    let reply = rep.post_partial(&format!("/deals/{}/lines", ours.deal), &[("product", "Product of aurelia")]).await;
    assert!(reply.status() == 422 && reply.contains("no rate leads there"), "{}", reply.body);
    app.stop().await;
}

/// A source that answers what it is told to, as often as it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_figures_and_losses_convert_as_asked_and_say_how() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let (o, rep) = (org.id, org.rep);
    // Worth of a dollar: 0.5 when the deals ended, 0.8 since ten days; nobody knows about the yen.
    app.sql(&format!(
        "DELETE FROM exchange_rates;
         INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual) VALUES
           ('{o}', 'EUR', 'USD', current_date - 400, 0.5, false), ('{o}', 'EUR', 'USD', current_date - 10, 0.8, true);
         INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at, lost_reason)
           SELECT '{o}', app.uuid7(), n, 'Deal ' || n, '{0}', '{1}', 'a' || n, amount, currency, '{rep}', status, now() - interval '20 days', reason
           FROM (VALUES (2, 100, 'EUR', 'won', NULL), (3, 300, 'USD', 'won', NULL), (4, 200, 'USD', 'lost', 'Price'), (5, 7000, 'JPY', 'lost', 'Price'))
             v (n, amount, currency, status, reason);
         INSERT INTO deal_lines (org_id, id, deal_id, position, product_id, name, quantity, unit_price, period_net)
           SELECT '{o}', app.uuid7(), d.id, 1, p.id, p.name, 2, 150, 300 FROM deals d, products p
           WHERE d.org_id = '{o}' AND d.number = 3 AND p.org_id = '{o}' LIMIT 1",
        ours.pipeline, ours.stage
    ))
    .await;
    let client = app.signed_in(&org, "manager").await;
    for (rates, won, sold, note) in [
        ("", "€340", "€240", "at today’s rates: 1 USD = 0.8 EUR"),
        ("&rates=then", "€250", "€150", "at the rates of the day each deal ended: 1 USD = 0.5 EUR"),
        ("&rates=apart", "€100 + $300", "$300", ""),
    ] {
        let page = client.get(&format!("/reports/sales?when=ever{rates}")).await;
        assert_eq!(page.status(), 200, "{}", page.body);
        let tile = page.between("<span class=\"tile-value money\"", "</span>").unwrap();
        assert!(tile.ends_with(&format!(">{won}")), "{rates}: {tile}");
        let products = page.between("id=\"by-product\"", "</section>").unwrap();
        assert!(products.contains(sold), "{rates}: {products}");
        assert_eq!(page.contains("data-rates"), !note.is_empty(), "{rates}");
        assert!(page.contains(note), "{rates}: {}", page.body);
        // Other times keep the choice.
        assert_eq!(
            page.contains("when=last_12&#38;rates=") || page.contains("when=last_12&amp;rates="),
            !rates.is_empty(),
            "{rates}"
        );
    }
    for (rates, worth, note) in [
        ("", "€160.00 + ¥7,000", "at today’s rates: 1 USD = 0.8 EUR"),
        ("&rates=then", "€100.00 + ¥7,000", "day each deal ended: 1 USD = 0.5 EUR"),
        ("&rates=apart", "¥7,000 + $200.00", ""),
    ] {
        let page = client.get(&format!("/reports/losses?period=twelve_months{rates}")).await;
        assert!(page.status() == 200 && page.contains(worth) && page.contains(note), "{rates}: {}", page.body);
        assert_eq!(page.contains("No rate for JPY: told apart."), !note.is_empty(), "{rates}");
    }
    for path in ["/reports/sales?when=ever&rates=x", "/reports/losses?rates=x"] {
        assert_eq!(client.get(path).await.status(), 422, "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_count_what_was_won_at_the_rates_that_are_asked_for_and_say_which() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let ours = app.belongings(&org).await;
    let (o, rep) = (org.id, org.rep);
    app.sql(&format!(
        "DELETE FROM exchange_rates;
         INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual) VALUES
           ('{o}', 'EUR', 'USD', current_date - 400, 0.5, false), ('{o}', 'EUR', 'USD', current_date - 10, 0.8, true);
         INSERT INTO targets (org_id, id, member_id, measure, unit, starts_on, value)
           SELECT '{o}', app.uuid7(), '{rep}', 'amount', 'month', date_trunc('month', current_date - 60)::date, 1000;
         INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, amount, currency, owner_id, status, closed_at)
           SELECT '{o}', app.uuid7(), n, 'Deal ' || n, '{0}', '{1}', 'a' || n, amount, currency, '{rep}', 'won', now() - interval '60 days'
           FROM (VALUES (2, 100, 'EUR'), (3, 300, 'USD'), (4, 7000, 'JPY')) v (n, amount, currency)",
        ours.pipeline, ours.stage
    ))
    .await;
    let client = app.signed_in(&org, "rep").await;
    let on = app.value("SELECT current_date - 60").await;
    for (rates, reached, note, foot) in [
        ("", "€340.00 + ¥7.0k", "at today’s rates: 1 USD = 0.8 EUR", "at today’s rates of exchange"),
        (
            "&rates=then",
            "€250.00 + ¥7.0k",
            "at the rates of the day each deal ended: 1 USD = 0.5 EUR",
            "at the rates of the day each deal was won",
        ),
        ("&rates=apart", "€100.00 + ¥7.0k, $300", "", "Other currencies do not count"),
    ] {
        let page = client.get(&format!("/targets?unit=month&on={on}{rates}")).await;
        assert_eq!(page.status(), 200, "{}", page.body);
        let rows = table(&page, "Targets and what was reached");
        let mine = rows.iter().find(|row| row[1] == "Amount won").unwrap_or_else(|| panic!("{rows:?}"));
        assert_eq!(mine[3], reached, "{rates}");
        assert_eq!(page.contains("data-rates"), !note.is_empty(), "{rates}");
        assert!(page.contains(note) && page.contains(foot), "{rates}: {}", page.body);
        // Other periods keep the choice, and it can be made.
        assert_eq!(page.contains("unit=quarter&amp;rates="), !rates.is_empty(), "{rates}");
        assert!(page.contains("EUR at each deal’s day"), "{}", page.body);
    }
    assert_eq!(client.get("/targets?rates=x").await.status(), 422);
    assert!(!client.get("/targets?on=2001-01-01").await.contains("aria-label=\"Other currencies\""));
    app.stop().await;
}

fn source(answer: Arc<Mutex<Vec<u8>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = answer.lock().unwrap().clone();
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked);
            // Whoever has heard enough hangs up.
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}/rates.xml")
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_fetched_and_a_source_that_fails_changes_nothing() {
    let day = |usd: &str| {
        format!(
            "<gesmes:Envelope><Cube><Cube time='2026-01-09'><Cube currency='USD' rate='{usd}'/>\
             <Cube currency='CHF' rate='0.95'/><Cube currency='JPY' rate='160'/></Cube></Cube></gesmes:Envelope>"
        )
    };
    let answer = Arc::new(Mutex::new(http("200 OK", &day("1.25"))));
    let address = source(answer.clone());
    // Of the installation, which names it itself.
    let app = TestApp::start_with(&[("RATES_URL", &address)]).await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    assert_eq!(admin.post("/settings/currencies", &[("currency", "USD"), ("currency", "JPY")]).await.status(), 303);
    app.run_jobs().await;
    assert_eq!(rates(&app), ["JPY 2026-01-09 0.00625", "USD 2026-01-09 0.8"], "those chosen, no others");
    assert!(admin.get("/settings/currencies").await.contains("the rates of 9 Jan"));

    // A person's rate counts, and is never touched; what was fetched is fetched anew.
    let own = [("currency", "USD"), ("on", "2026-01-09"), ("rate", "0.85")];
    assert_eq!(admin.post("/settings/currencies/rates", &own).await.status(), 303);
    *answer.lock().unwrap() = http("200 OK", &day("1.6"));
    let fetch = || async {
        assert_eq!(admin.post("/settings/currencies/fetch", &[]).await.status(), 303);
        app.run_jobs().await;
        admin.get("/settings/currencies").await
    };
    let page = fetch().await;
    assert!(page.contains("1 USD = 0.85 EUR"), "{}", page.body);
    let there = ["JPY 2026-01-09 0.00625", "USD 2026-01-09 0.625", "USD 2026-01-09 0.85 by hand"];
    assert_eq!(rates(&app), there);

    // Errors, nonsense, too much, a redirect into our network, silence: told, and the rates stay.
    let huge = format!("<x>{}</x>", "y".repeat(3 * 1024 * 1024));
    for (reply, told) in [
        (http("500 Oops", "broken"), "It answered 500"),
        (http("200 OK", "<html>Welcome</html>"), "not a list of rates"),
        (http("200 OK", &day("-1")), "not a list of rates"),
        (http("200 OK", &huge), "too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<Cube time='2026".to_vec(), "broke off"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:9/\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "inside this network",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n".to_vec(), "not on the web"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /rates.xml\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "one address to the next",
        ),
        (b"nonsense".to_vec(), "broke off"),
    ] {
        *answer.lock().unwrap() = reply;
        let page = fetch().await;
        assert!(page.contains(told) && page.contains("The rates stay as they were"), "{told}: {}", page.body);
        assert_eq!(rates(&app), there, "{told}");
    }

    // An organisation's own source may not lead inside, whatever it is called; nor be anything but the web.
    for inside in [
        "http://127.0.0.1:1/x",
        "http://127.0.0.2/x",
        "http://localhost:1/x",
        "http://[::1]/x",
        "http://169.254.169.254/latest",
    ] {
        let said = [("fetching", "true"), ("url", inside)];
        assert_eq!(admin.post("/settings/currencies/source", &said).await.status(), 303);
        app.run_jobs().await;
        let page = admin.get("/settings/currencies").await;
        assert!(page.contains("inside this network"), "{inside}: {}", page.body);
    }
    for wrong in ["ftp://example.com", "javascript:alert(1)", "https://me:secret@example.com/", "rates"] {
        assert_eq!(admin.post("/settings/currencies/source", &[("url", wrong)]).await.status(), 422, "{wrong}");
    }
    // Switched off, nothing is asked.
    assert_eq!(admin.post("/settings/currencies/source", &[("url", "")]).await.status(), 303);
    *answer.lock().unwrap() = http("200 OK", &day("2"));
    fetch().await;
    assert_eq!(rates(&app), there);
    app.stop().await;
}
