//! Targets: who sets and sees which, what was reached, the grid, and the figures kept by month.

use crate::support::{Client, Org, TestApp};
use chrono::Datelike;

/// Deals and activities that are over, kept by trigger, against a plain GROUP BY: empty when they agree.
pub fn closings_differ(app: &TestApp) -> Vec<String> {
    app.texts(
        "WITH kept AS (SELECT org_id, month, pipeline_id, owner_id, currency, status, sum(deals) AS deals, sum(amount) AS amount,
             sum(cycle_days) AS days FROM deal_closings GROUP BY 1, 2, 3, 4, 5, 6
             HAVING sum(deals) <> 0 OR sum(amount) <> 0 OR sum(cycle_days) <> 0),
           plain AS (SELECT d.org_id, date_trunc('month', closed_at AT TIME ZONE o.time_zone)::date, pipeline_id, owner_id, d.currency, status,
             count(*)::numeric, coalesce(sum(amount), 0),
             sum(greatest(0, (closed_at AT TIME ZONE o.time_zone)::date - (d.created_at AT TIME ZONE o.time_zone)::date))::numeric
             FROM deals d JOIN organisations o ON o.id = d.org_id
             WHERE status <> 'open' AND archived_at IS NULL AND deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6),
           done AS (SELECT org_id, month, owner_id, type_id, sum(done) AS n FROM activity_closings GROUP BY 1, 2, 3, 4 HAVING sum(done) <> 0),
           did AS (SELECT a.org_id, date_trunc('month', closed_at AT TIME ZONE o.time_zone)::date, owner_id, type_id, count(*)::numeric
             FROM activities a JOIN organisations o ON o.id = a.org_id WHERE status = 'done' AND deleted_at IS NULL GROUP BY 1, 2, 3, 4)
         SELECT row_to_json(d)::text AS value FROM ((SELECT * FROM kept EXCEPT SELECT * FROM plain) UNION ALL (SELECT * FROM plain EXCEPT SELECT * FROM kept)) d
         UNION ALL
         SELECT row_to_json(d)::text FROM ((SELECT * FROM done EXCEPT SELECT * FROM did) UNION ALL (SELECT * FROM did EXCEPT SELECT * FROM done)) d",
    )
}

async fn win(client: &Client, stage: &str, name: &str, more: &[(&str, &str)]) -> String {
    let deal = client.add_deal(stage, name, more).await;
    let won = client.post_partial(&format!("/deals/{deal}/closure"), &[("outcome", "won")]).await;
    assert_eq!(won.status(), 200, "{}", won.body);
    deal
}

/// Saves cells of the grid that an address shows; the status.
async fn set(client: &Client, query: &str, cells: &[(String, &str)], action: &str) -> crate::support::Page {
    let page = client.get(&format!("/targets/edit?{query}")).await;
    assert_eq!(page.status(), 200, "{}", page.body);
    let names = ["year", "unit", "measure", "pipeline", "type", "seen"];
    let values: Vec<String> = names.iter().map(|name| last(&page.body, name)).collect();
    let mut fields: Vec<(&str, &str)> = names.iter().copied().zip(values.iter().map(String::as_str)).collect();
    fields.push(("action", action));
    fields.extend(cells.iter().map(|(name, value)| (name.as_str(), *value)));
    client.post("/targets/edit", &fields).await
}

/// A hidden field of the grid's form, which comes after the tools above it.
fn last(body: &str, name: &str) -> String {
    let from = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let rest = body.rsplit(&from).next().unwrap();
    rest[..rest.find('"').unwrap()].to_owned()
}

/// The cells of a row of /targets, as text without tags.
fn row(body: &str, name: &str) -> String {
    let rows = body.split("<tr>").filter(|row| row.contains(&format!("dir=\"auto\">{name}</td>")));
    let text = |row: &str| {
        let mut out = String::new();
        let mut inside = false;
        for c in row.chars() {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    out.push(' ');
                }
                c if !inside => out.push(c),
                _ => {}
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    rows.map(text).collect::<Vec<_>>().join("\n")
}

fn this_month(app: &TestApp, org: &Org) -> String {
    app.texts(&format!(
        "SELECT date_trunc('month', now() AT TIME ZONE time_zone)::date::text AS value FROM organisations WHERE id = '{}'",
        org.id
    ))
    .remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_set_reached_and_seen_by_those_they_concern() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, manager, rep, viewer) = (
        app.signed_in(&org, "admin").await,
        app.signed_in(&org, "manager").await,
        app.signed_in(&org, "rep").await,
        app.signed_in(&org, "viewer").await,
    );
    let (pipeline, stages) = app.stages(&org);
    let month = this_month(&app, &org);
    app.alter(&format!("UPDATE roles SET visibility = 'team' WHERE org_id = '{}' AND key = 'manager'", org.id));
    app.alter(&format!("UPDATE roles SET visibility = 'own' WHERE org_id = '{}' AND key = 'rep'", org.id));
    // Nothing is set: the page says so; setting is for those who may.
    assert!(rep.get("/targets").await.contains("No targets for this period"));
    for client in [&rep, &viewer] {
        assert_eq!(client.get("/targets/edit").await.status(), 403);
        assert_eq!(client.post("/targets/edit", &[("action", "save")]).await.status(), 403);
    }
    // The manager, who leads nobody, sets their own only; with a team, its people's and its own.
    let mine = format!("v:member-{}:{month}", org.rep);
    let page = manager.get("/targets/edit").await;
    assert!(
        !page.contains(&mine) && !page.contains("v:all:") && page.contains(&org.manager.to_string()),
        "{}",
        page.body
    );
    app.alter(&format!(
        "WITH t AS (INSERT INTO teams (org_id, id, name, manager_id) VALUES ('{o}', app.uuid7(), 'North', '{m}') RETURNING org_id, id)
         INSERT INTO team_members (org_id, team_id, member_id) SELECT org_id, id, '{r}' FROM t",
        o = org.id, m = org.manager, r = org.rep
    ));
    let team = app.texts("SELECT id::text AS value FROM teams").remove(0);
    let saved =
        set(&manager, "", &[(mine.clone(), "10,000"), (format!("v:team-{team}:{month}"), "12000.50")], "save").await;
    assert_eq!(saved.status(), 303, "{}", saved.body);
    // What is not in the manager's grid is not set, whatever is posted.
    assert_eq!(set(&manager, "", &[(format!("v:all:{month}"), "5")], "save").await.status(), 303);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM targets"), ["2"]);
    assert_eq!(set(&admin, "", &[(format!("v:all:{month}"), "50000")], "save").await.status(), 303);
    assert_eq!(set(&admin, "measure=deals", &[(mine.clone(), "4")], "save").await.status(), 303);
    assert_eq!(set(&admin, &format!("pipeline={pipeline}"), &[(mine.clone(), "8000")], "save").await.status(), 303);

    // What was won counts at once: by whom, in which currency, and not what is open, lost or taken back.
    win(&rep, &stages[0], "One", &[("amount", "2500")]).await;
    win(&rep, &stages[1], "Two", &[("amount", "1500"), ("currency", "USD")]).await;
    let back = win(&rep, &stages[1], "Three", &[("amount", "900")]).await;
    win(&admin, &stages[0], "Hers", &[("amount", "7000")]).await;
    rep.add_deal(&stages[0], "Open", &[("amount", "999")]).await;
    rep.post(&format!("/deals/{back}/closure/undo"), &[]).await;
    let stranger = app.signed_in(&other, "admin").await;
    let (_, their_stages) = app.stages(&other);
    win(&stranger, &their_stages[0], "Theirs", &[("amount", "66666")]).await;
    assert_eq!(closings_differ(&app), Vec::<String>::new());
    let his = rep.get("/targets").await;
    let rows = row(&his.body, "Rep aurelia");
    assert!(rows.contains("Amount won €10,000.00 €2,500.00 + $1.5k 25 %"), "{rows}");
    assert!(rows.contains("Deals won 4 2 50 %"), "{rows}");
    assert!(rows.contains("€8,000.00 €2,500.00 + $1.5k 31 %"), "{rows}");
    assert!(row(&his.body, "North").is_empty() && row(&his.body, "Everybody").is_empty(), "{}", his.body);
    let hers = manager.get("/targets").await;
    assert!(row(&hers.body, "North").contains("€12,000.50 €2,500.00 + $1.5k 20 %"), "{}", row(&hers.body, "North"));
    assert!(row(&hers.body, "Everybody").is_empty());
    assert!(row(&admin.get("/targets").await.body, "Everybody").contains("€50,000.00 €9,500.00"));
    assert!(!stranger.get("/targets").await.contains("aurelia"));
    // The figure leads to its deals.
    let href = his.between("href=\"/deals?status=won", "\"").unwrap().replace("&#38;", "&");
    let list = rep.get(&format!("/deals?status=won{href}")).await;
    assert!(
        list.contains("One") && list.contains("Two") && !list.contains("Three") && !list.contains("Hers"),
        "{}",
        list.body
    );
    // A quarter and a year without a number of their own are the sum of their months.
    for unit in ["quarter", "year"] {
        let rows = row(&rep.get(&format!("/targets?unit={unit}")).await.body, "Rep aurelia");
        let months = if unit == "year" { 12 } else { 3 };
        assert!(rows.contains(&format!("€10,000.00 Σ 1 of {months} months €2,500.00")), "{unit}: {rows}");
        // What one month is to bring is no measure of a year.
        let without = format!("{} months unset", months - 1);
        assert!(rows.contains(&without) && !rows.contains('%'), "{unit}: {rows}");
    }
    // A quarter's own number stands for its months; the other quarters are still theirs.
    let first = |n: u32| format!("v:member-{}:{}-{n:02}-01", org.manager, &month[..4]);
    let months: Vec<(String, &str)> = (1..=12).map(|n| (first(n), "100")).collect();
    assert_eq!(set(&admin, "", &months, "save").await.status(), 303);
    assert_eq!(set(&admin, "unit=quarter", &[(first(4), "1000")], "save").await.status(), 303);
    let rows = row(&admin.get("/targets?unit=year").await.body, "Manager aurelia");
    assert!(rows.contains("€1,900.00 Σ €0.00") && !rows.contains("months"), "{rows}");
    // Activities, of one type.
    let call = app
        .texts(&format!("SELECT id::text AS value FROM activity_types WHERE org_id = '{}' AND key = 'call'", org.id))
        .remove(0);
    assert_eq!(
        set(&admin, &format!("measure=activities&type={call}"), &[(mine.clone(), "20")], "save").await.status(),
        303
    );
    app.alter(&format!(
        "INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, status, closed_at)
         SELECT '{o}', app.uuid7(), id, class, 'Did it', '{r}', CASE n WHEN 3 THEN 'cancelled' ELSE 'done' END, now()
         FROM activity_types, generate_series(1, 3) n WHERE org_id = '{o}' AND key IN ('call', 'meeting')",
        o = org.id,
        r = org.rep
    ));
    assert!(row(&rep.get("/targets").await.body, "Rep aurelia").contains("Activities done: Call 20 2 10 %"));
    // The history says who set what, to those who see it; each change is an event.
    let history = manager.get("/targets/history").await;
    assert!(history.contains("Manager aurelia") && history.contains("€12,000.50") && !history.contains("€50,000.00"));
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM events WHERE kind = 'target.set'"), ["19"]);
    // With a rate, what was won in dollars counts; the board says how far its people are.
    app.alter(&format!(
        "INSERT INTO exchange_rates (org_id, into_currency, currency, on_day, rate, manual) VALUES ('{}', 'EUR', 'USD', current_date - 30, 0.5, true)",
        org.id
    ));
    assert!(row(&rep.get("/targets").await.body, "Rep aurelia").contains("Amount won €10,000.00 €3,250.00 32 %"));
    let board = admin.get(&format!("/pipeline/{pipeline}")).await;
    assert!(board.contains("€10.3k of €50.0k won (20 %)"), "{}", board.body);
    assert!(rep.get(&format!("/pipeline/{pipeline}")).await.contains("€3.3k of €8.0k won (40 %)"));
    let board = admin.get(&format!("/pipeline/{pipeline}?team={team}")).await;
    assert!(board.contains("€3.3k of €12.0k won (27 %)"), "{}", board.body);
    admin.get(&format!("/pipeline/{pipeline}?reset=1")).await;
    // Another time zone, another fiscal year: the months are made anew, and so are quarters.
    app.alter(&format!(
        "UPDATE organisations SET time_zone = 'Pacific/Kiritimati', fiscal_year_start = 2 WHERE id = '{}'",
        org.id
    ));
    assert_eq!(closings_differ(&app), Vec::<String>::new());
    assert_eq!(rep.get("/targets?unit=quarter").await.status(), 200);
    app.alter("SELECT app.fold_totals()");
    assert_eq!(closings_differ(&app), Vec::<String>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_target_is_taken_back_unless_it_was_changed_since() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("other").await);
    let (admin, rep) = (app.signed_in(&org, "admin").await, app.signed_in(&org, "rep").await);
    let stranger = app.signed_in(&other, "admin").await;
    let year = chrono::Utc::now().year() + 1;
    let (here, cell) = (format!("year={year}-01-01"), format!("v:member-{}:{year}-01-01", org.rep));
    for value in ["100", "200"] {
        assert_eq!(set(&admin, &here, &[(cell.clone(), value)], "save").await.status(), 303);
    }
    let stands = || app.texts("SELECT coalesce(max(trim_scale(value))::text, 'none') AS value FROM targets").remove(0);
    let latest = async || {
        let page = admin.get("/targets/history").await;
        assert_eq!(page.body.matches("/undo\"").count(), 1, "the latest alone: {}", page.body);
        format!("/targets/history/{}", page.between("action=\"/targets/history/", "\"").unwrap())
    };
    let second = latest().await;
    assert!(!rep.get("/targets/history").await.contains("/undo\""));
    assert_eq!(rep.post(&second, &[]).await.status(), 403);
    assert_eq!(stranger.post(&second, &[]).await.status(), 404);
    assert_eq!(admin.post(&second, &[]).await.status(), 303);
    assert_eq!(stands(), "100");
    let refused = admin.post(&second, &[]).await;
    assert!(refused.status() == 409 && stands() == "100", "{}", refused.body);
    // What took it back is a change as well, and so is taking the target away.
    assert_eq!(admin.post(&latest().await, &[]).await.status(), 303);
    assert_eq!(stands(), "200");
    assert_eq!(set(&admin, &here, &[(cell.clone(), "")], "save").await.status(), 303);
    assert_eq!(stands(), "none");
    assert_eq!(admin.post(&latest().await, &[]).await.status(), 303);
    assert_eq!(stands(), "200");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grid_splits_copies_pastes_and_loses_nothing() {
    let app = TestApp::start().await;
    let org = app.org("aurelia").await;
    let admin = app.signed_in(&org, "admin").await;
    let year = chrono::Utc::now().year() + 1;
    let here = format!("year={year}-01-01");
    let cell = |month: u32| format!("v:member-{}:{year}-{month:02}-01", org.rep);
    // What cannot be read stands in its place with its error; nothing is saved.
    let bad = set(&admin, &here, &[(cell(1), "a lot"), (cell(2), "200")], "save").await;
    assert_eq!(bad.status(), 422);
    assert!(
        bad.contains("value=\"a lot\"") && bad.contains("must be a number") && bad.contains("value=\"200\""),
        "{}",
        bad.body
    );
    for (text, words) in
        [("-5", "must not be negative"), ("99999999999999999", "is too large"), ("50.000", "may mean thousands")]
    {
        assert!(set(&admin, &here, &[(cell(1), text)], "save").await.contains(words), "{text}");
    }
    assert!(
        set(&admin, &format!("{here}&measure=deals"), &[(cell(1), "1.5")], "save")
            .await
            .contains("must be a whole number")
    );
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM targets"), ["0"]);
    // A total is split evenly and nothing is saved until one says so.
    let split = set(&admin, &here, &[(format!("year:member-{}", org.rep), "1000")], "split").await;
    assert_eq!(
        (split.status(), split.body.matches("value=\"83.34\"").count(), split.body.matches("value=\"83.33\"").count()),
        (200, 4, 8)
    );
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM targets"), ["0"]);
    let paste = "Who\tJan\tFeb\nREP@aurelia.test\t1,000\t2000\nEverybody\t5000";
    let pasted = set(&admin, &here, &[("paste".into(), paste)], "paste").await;
    assert!(
        pasted.status() == 200 && pasted.contains("2 rows filled in.") && pasted.contains("value=\"1,000\""),
        "{}",
        pasted.body
    );
    let unknown = set(&admin, &here, &[("paste".into(), "Nobody\t5\n")], "paste").await;
    assert!(
        unknown.status() == 422 && unknown.contains("nobody in the grid is called") && unknown.contains("Nobody\t5"),
        "{}",
        unknown.body
    );
    assert_eq!(set(&admin, &here, &[(cell(1), "1,000"), (cell(2), "2000")], "save").await.status(), 303);
    // Two at once: the second is told, and keeps what they typed.
    let page = admin.get(&format!("/targets/edit?{here}")).await;
    let seen = last(&page.body, "seen");
    assert_eq!(set(&admin, &here, &[(cell(1), "1100"), (cell(2), "2000")], "save").await.status(), 303);
    let first = format!("{year}-01-01");
    let (year_is, january) = (("year", first.as_str()), cell(1));
    let late =
        [year_is, ("unit", "month"), ("measure", "amount"), ("seen", &seen), ("action", "save"), (&january, "1200")];
    let late = admin.post("/targets/edit", &late).await;
    assert!(
        late.status() == 409 && late.contains("value=\"1200\"") && late.contains("Somebody changed"),
        "{}",
        late.body
    );
    assert_eq!(app.texts("SELECT trim_scale(value)::text AS value FROM targets ORDER BY starts_on"), ["1100", "2000"]);
    // The year after takes them over, where it has none; an emptied cell is no target.
    let next = set(
        &admin,
        &format!("year={}-01-01", year + 1),
        &[(format!("v:member-{}:{}-01-01", org.rep, year + 1), "7")],
        "copy",
    )
    .await;
    assert!(
        next.contains("value=\"7\"") && next.contains("value=\"2000\"") && next.contains("1 number copied"),
        "{}",
        next.body
    );
    assert_eq!(set(&admin, &here, &[(cell(1), ""), (cell(2), "0")], "save").await.status(), 303);
    assert_eq!(app.texts("SELECT count(*)::text AS value FROM targets"), ["0"]);
    assert_eq!(admin.get("/targets/edit?year=nonsense").await.status(), 422);
    assert_eq!(admin.get(&format!("/targets/edit?pipeline={}", org.rep)).await.status(), 404);
    app.stop().await;
}
