//! The forecast: sums by period and category, what they do not show, and moves with their undo; the calendar of deals.

use crate::support::{Client, Org, Page, TestApp, cards};

/// The part of a forecast that is one cell.
fn cell(page: &Page, period: &str, category: &str) -> String {
    let begins = format!("data-cell data-period=\"{period}\" data-category=\"{category}\"");
    let at = page.body.find(&begins).unwrap_or_else(|| panic!("no {period} {category}: {}", page.body));
    let end = page.body[at..].find("</td>").unwrap();
    page.body[at..at + end].to_owned()
}

fn ids(part: &str) -> Vec<&str> {
    part.split("data-deal-id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

async fn add(client: &Client, stage: &str, name: &str, amount: &str, close: &str) -> String {
    client.add_deal(stage, name, &[("amount", amount), ("expected_close_on", close)]).await
}

/// Counters against a plain GROUP BY: empty when they agree.
fn differ(app: &TestApp) -> Vec<String> {
    const SUMS: &str =
        "coalesce(sum(amount), 0) AS amount, coalesce(sum(amount) FILTER (WHERE probability IS NULL), 0) AS by_stage,
        coalesce(sum(amount * probability / 100), 0) AS weighted";
    app.texts(&format!(
        "WITH kept AS (SELECT org_id, stage_id, owner_id, currency, month, forecast_override, sum(deals) AS deals, sum(amount) AS amount,
             sum(amount_by_stage) AS by_stage, sum(weighted_by_deal) AS weighted FROM deal_forecasts GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(deals) <> 0),
           plain AS (SELECT org_id, stage_id, owner_id, currency, date_trunc('month', expected_close_on)::date AS month, forecast_override,
             count(*) AS deals, {SUMS} FROM deals WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6)
         SELECT row_to_json(d)::text AS value FROM ((SELECT * FROM kept EXCEPT SELECT * FROM plain) UNION ALL (SELECT * FROM plain EXCEPT SELECT * FROM kept)) d"
    ))
}

fn undo_of(page: &Page) -> String {
    let told: serde_json::Value = serde_json::from_str(page.header("hx-trigger").unwrap()).unwrap();
    told["toast"]["undo"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_and_cards_by_period_and_category() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (rep, manager) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "manager").await);
    let (pipeline, stages) = app.stages(&org);
    let foreign = app.signed_in(&other, "rep").await;
    // Where there is nothing to foresee the page says what to do, to those who may.
    let empty = format!("/pipeline/{pipeline}/forecast");
    let (blank, read) = (rep.get(&empty).await, app.signed_in(&org, "viewer").await.get(&empty).await);
    assert!(blank.contains("No deals here") && blank.contains("btn-primary\" href=\"/deals/new"), "{}", blank.body);
    assert!(read.contains("No deals here") && !read.contains("btn-primary\" href=\"/deals/new"), "{}", read.body);
    add(&foreign, &app.stages(&other).1[0], "Theirs", "7777", "2031-03-05").await;
    // Qualified counts as pipeline, Proposal as best case, Contract sent as committed.
    let first = add(&rep, &stages[0], "Cold chain pilot", "1000", "2031-03-15").await;
    let best = add(&rep, &stages[2], "Brand retainer", "2000", "2031-03-31").await;
    let sure = add(&manager, &stages[4], "Pump refit", "500", "2031-05-02").await;
    let undated = add(&rep, &stages[0], "Someday", "300", "").await;
    let early = add(&rep, &stages[0], "Long ago", "40", "2020-01-01").await;
    let at = format!("/pipeline/{pipeline}/forecast?from=2031-03-10");
    let page = rep.get(&at).await;
    assert_eq!(page.status(), 200, "{}", page.body);
    for (period, category, id, total) in [
        ("2031-03-01", "pipeline", &first, "€1.0k"),
        ("2031-03-01", "best_case", &best, "€2.0k"),
        ("2031-05-01", "committed", &sure, "€500"),
        ("none", "pipeline", &undated, "€300"),
        ("", "pipeline", &early, "€40"),
    ] {
        let cell = cell(&page, period, category);
        assert_eq!(ids(&cell), [id.as_str()], "{period} {category}");
        assert!(cell.contains(&format!("<strong>{total}</strong>")), "{cell}");
    }
    // 1000 at 20 % and 2000 at 55 %.
    let march = page.between("data-period=\"2031-03-01\" data-label", "</th>").unwrap();
    assert!(march.contains("<strong>€3.0k</strong>") && march.contains("€1.3k weighted"), "{march}");
    assert!(!page.contains("No deals here"));
    assert!(!page.contains("Theirs") && page.contains("21 working days"), "{}", page.body);

    // A category of its own, marked; what is omitted counts in no period.
    rep.post(&format!("/deals/{first}/forecast"), &[("category", "committed")]).await;
    rep.post(&format!("/deals/{best}/forecast"), &[("category", "omitted")]).await;
    let page = rep.get(&at).await;
    assert!(cell(&page, "2031-03-01", "committed").contains("own category"));
    assert_eq!(ids(&cell(&page, "2031-03-01", "omitted")), [best.as_str()]);
    let march = page.between("data-period=\"2031-03-01\" data-label", "</th>").unwrap();
    assert!(march.contains("<strong>€1.0k</strong>"), "{march}");
    // The stage's category moves those without one of their own, and touches no deal.
    app.alter(&format!("UPDATE stages SET forecast_category = 'best_case' WHERE id = '{}'", stages[4]));
    assert_eq!(ids(&cell(&rep.get(&at).await, "2031-05-01", "best_case")), [sure.as_str()]);

    // What is to be won: everybody's target, of this pipeline alone.
    assert!(!page.contains("fore-aim"));
    app.alter(&format!(
        "INSERT INTO targets (org_id, id, pipeline_id, measure, unit, starts_on, value) VALUES ('{}', app.uuid7(), '{pipeline}', 'amount', 'month', '2031-03-01', 4000)",
        org.id
    ));
    let page = rep.get(&at).await;
    assert!(page.contains("25 % of €4.0k"), "{:?}", page.between("fore-aim", "</th>"));
    assert!(!rep.get(&format!("{at}&owner=me")).await.contains("fore-aim"));

    // Quarters of a fiscal year that begins in February.
    app.alter(&format!("UPDATE organisations SET fiscal_year_start = 2 WHERE id = '{}'", org.id));
    let page = rep.get(&format!("{at}&unit=quarter")).await;
    assert!(page.contains("Q1 2031/32") && page.contains("data-period=\"2031-02-01\""), "{}", page.body);
    assert_eq!(ids(&cell(&page, "2031-05-01", "best_case")), [sure.as_str()]);

    // A filter narrows cards and sums alike, and goes along to the other views; a damaged one is refused.
    let page = rep.get(&format!("{at}&owner=me&amount_min=600")).await;
    assert_eq!(cards(&page).len(), 2, "{}", page.body);
    let list = page.between("href=\"/deals?owner=me", "\"").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let listed = rep.get(&format!("/deals?owner=me{list}")).await;
    assert!(listed.contains("Cold chain pilot") && !listed.contains("Someday"), "{}", listed.body);
    for bad in ["unit=week", "from=x", "filter=%7B%7D", "owner=x"] {
        assert_eq!(rep.get(&format!("/pipeline/{pipeline}/forecast?{bad}")).await.status(), 422, "{bad}");
    }
    assert_eq!(foreign.get(&format!("/pipeline/{pipeline}/forecast")).await.status(), 404);

    // What was won this month stands above it; who sees only their own sees and sums only their own.
    rep.post_partial(&format!("/deals/{undated}/closure"), &[("outcome", "won")]).await;
    app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE key = 'rep' AND org_id = '{}'", org.id));
    let mine = rep.get(&format!("/pipeline/{pipeline}/forecast")).await;
    assert!(mine.contains("€300 won"), "{}", mine.body);
    assert!(!rep.get(&at).await.contains("Pump refit"));
    assert!(!manager.get(&format!("{at}&owner=me")).await.contains("€300 won"));
    assert_eq!(differ(&app), Vec::<String>::new());
    app.sql("SELECT app.fold_totals()").await;
    assert_eq!(differ(&app), Vec::<String>::new());
    app.stop().await;
}

async fn stands(app: &TestApp, id: &str) -> String {
    app.value(&format!("SELECT coalesce(expected_close_on::text, '-') || ' ' || coalesce(forecast_override, '-') FROM deals WHERE id = '{id}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deal_moves_between_periods_and_back() {
    let app = TestApp::start().await;
    let org: Org = app.org("aurelia").await;
    let (rep, viewer) = (app.signed_in(&org, "rep").await, app.signed_in(&org, "viewer").await);
    let (pipeline, stages) = app.stages(&org);
    let id = add(&rep, &stages[2], "Brand retainer", "2000", "2031-03-31").await;
    let to = format!("/deals/{id}/forecast");

    // The day of the month stays, or is the last before it.
    let moved = rep.post_partial(&to, &[("period", "2031-04-01"), ("unit", "month")]).await;
    assert_eq!(moved.status(), 204, "{}", moved.body);
    assert_eq!(stands(&app, &id).await, "2031-04-30 -");
    assert_eq!(rep.post(&undo_of(&moved), &[]).await.status(), 303);
    assert_eq!(stands(&app, &id).await, "2031-03-31 -");
    // An undo undoes nothing that came after it.
    assert_eq!(rep.post_partial(&undo_of(&moved), &[]).await.status(), 409);
    // A day off is told; without a script it leads to the deal.
    let moved = rep.post_partial(&to, &[("on", "2031-04-05")]).await;
    assert!(moved.header("hx-trigger").unwrap().contains("not a working day"));
    assert_eq!(rep.post(&to, &[("period", "none")]).await.location.unwrap(), format!("/deals/{id}"));
    assert_eq!(stands(&app, &id).await, "- -");
    // Without a day before: the period's last working day.
    rep.post_partial(&to, &[("period", "2031-08-01"), ("category", "committed")]).await;
    assert_eq!(stands(&app, &id).await, "2031-08-29 committed");
    // What the stage says anyway is no category of its own.
    rep.post_partial(&to, &[("category", "best_case")]).await;
    assert_eq!(stands(&app, &id).await, "2031-08-29 -");
    let changes =
        "SELECT changes::text AS value FROM events WHERE kind = 'deal.updated' AND changes ? 'forecast_override'";
    assert_eq!(app.texts(changes).len(), 2);

    for bad in [("period", "2031-13-01"), ("on", "99999-01-01"), ("category", "sure"), ("unit", "week"), ("seen", "x")]
    {
        assert_eq!(rep.post_partial(&to, &[bad]).await.status(), 422, "{bad:?}");
    }
    assert_eq!(viewer.post_partial(&to, &[("on", "2031-04-05")]).await.status(), 403);
    assert_eq!(stands(&app, &id).await, "2031-08-29 -");

    // The calendar shows it on its day, and many as how many more there are.
    for n in 0..7 {
        add(&rep, &stages[0], &format!("Same day {n}"), "10", "2031-08-28").await;
    }
    let calendar = rep.get(&format!("/pipeline/{pipeline}/calendar?date=2031-08-01")).await;
    assert!(
        calendar.status() == 200 && calendar.contains("3 more") && calendar.contains("Brand retainer"),
        "{}",
        calendar.body
    );
    let asked = format!("/pipeline/{pipeline}/calendar/deals?from=2031-08-29&to=2031-08-30");
    let told: serde_json::Value = serde_json::from_str(&rep.get(&asked).await.body).unwrap();
    assert_eq!(told[0]["t"], "Brand retainer");
    assert_eq!(
        rep.get(&format!("/pipeline/{pipeline}/calendar/deals?from=2031-01-01&to=2032-01-01")).await.status(),
        422
    );

    // A closed deal does not move.
    rep.post_partial(&format!("/deals/{id}/closure"), &[("outcome", "won")]).await;
    assert_eq!(rep.post_partial(&to, &[("on", "2031-04-05")]).await.status(), 409);

    // A view remembers what kind it is, its filter and its columns.
    let list = format!("kind=forecast&pipeline={pipeline}&unit=quarter&owner=me");
    let saved =
        rep.post("/views", &[("record", "deal"), ("list", &list), ("name", "My quarters")]).await.location.unwrap();
    assert!(saved.starts_with(&format!("/pipeline/{pipeline}/forecast?view=")), "{saved}");
    let view = rep.get(&saved).await;
    assert!(
        view.status() == 200 && view.contains("My quarters") && view.contains("data-unit=\"quarter\""),
        "{}",
        view.body
    );
    assert!(rep.get("/views").await.contains("Deals · forecast"));
    // Wherever a view is opened by its name, it is where its kind is.
    let id = saved.split("view=").nth(1).unwrap();
    assert_eq!(rep.get(&format!("/deals?view={id}")).await.location.unwrap(), saved);
    app.stop().await;
}
