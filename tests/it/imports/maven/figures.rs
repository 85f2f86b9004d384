//! The report of the real history against a plain count of its files: conversion, win rates, cycles, revenue by product.

use super::{file, rows};
use crate::support::{Org, TestApp, table};
use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

type Row = BTreeMap<String, String>;

#[derive(Default)]
struct Count {
    won: i64,
    lost: i64,
    amount: Decimal,
    won_days: i64,
    lost_days: i64,
}

impl Count {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut count = Self::default();
        for row in rows {
            let days = || (date(&row["close_date"]) - date(&row["engage_date"])).num_days();
            match row["deal_stage"].as_str() {
                "Won" => {
                    count.won += 1;
                    count.amount += row["close_value"].parse::<Decimal>().unwrap();
                    count.won_days += days();
                }
                "Lost" => {
                    count.lost += 1;
                    count.lost_days += days();
                }
                _ => {}
            }
        }
        count
    }

    /// Won, lost, win rate, amount and cycle of the won.
    fn cells(&self) -> [String; 5] {
        let cycle = format!("{} days", one(Decimal::from(self.won_days) / Decimal::from(self.won)));
        let amount = format!("€{}.00", grouped(&self.amount.to_string()));
        [number(self.won), number(self.lost), percent(self.won, self.won + self.lost), amount, cycle]
    }
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn grouped(whole: &str) -> String {
    let mut out = String::new();
    for (n, c) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn number(n: i64) -> String {
    grouped(&n.to_string())
}

fn one(n: Decimal) -> String {
    format!("{:.1}", n.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero))
}

fn percent(part: i64, whole: i64) -> String {
    format!("{} %", one(Decimal::from(part * 100) / Decimal::from(whole)))
}

pub async fn check(app: &TestApp, org: &Org, history: &[Row]) {
    prepare(app, org);
    let admin = app.signed_in(org, "admin").await;
    let pipeline = app
        .texts(&format!(
            "SELECT id::text AS value FROM pipelines WHERE org_id = '{}' AND name = 'Sales pipeline'",
            org.id
        ))
        .remove(0);
    let page = admin.get(&format!("/reports/sales?when=ever&pipeline={pipeline}")).await;
    assert_eq!(page.status(), 200, "{}", page.body);

    // Stage conversion: everything was prospected; what is further than that was engaged.
    let of = |stage: &str| i64::try_from(history.iter().filter(|row| row["deal_stage"] == stage).count()).unwrap();
    let all = i64::try_from(history.len()).unwrap();
    let (won, engaged) = (of("Won"), all - of("Prospecting"));
    assert_eq!((won, of("Lost"), of("Engaging"), of("Prospecting")), (4_238, 2_473, 1_589, 500));
    let funnel = table(&page, "Conversion by stage");
    let step = |name: &str, reached: i64, before: i64, here: i64| {
        let mut row = vec![name.to_owned(), number(reached), percent(reached, all), percent(reached, before)];
        row.extend((here > 0).then(|| number(here)));
        row
    };
    let expected = [
        step("Prospecting", all, all, of("Prospecting")),
        step("Engaging", engaged, all, of("Engaging")),
        step("Won", won, engaged, 0),
    ];
    assert_eq!(funnel, expected);

    // Win rate, amount and cycle of each agent and each manager's team, and of all.
    let teams: BTreeMap<String, String> = rows(&file("sales_teams.csv").unwrap())
        .into_iter()
        .map(|row| (row["sales_agent"].clone(), row["manager"].clone()))
        .collect();
    let grouped_by = |key: &dyn Fn(&Row) -> String| {
        let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in history {
            groups.entry(key(row)).or_default().push(row);
        }
        groups
    };
    let told = |groups: BTreeMap<String, Vec<&Row>>| -> BTreeMap<String, Vec<String>> {
        groups.into_iter().map(|(name, rows)| (name, Count::of(rows.into_iter()).cells().to_vec())).collect()
    };
    let shown = |label: &str| -> BTreeMap<String, Vec<String>> {
        table(&page, label).into_iter().map(|row| (row[0].clone(), row[1..].to_vec())).collect()
    };
    assert_eq!(shown("Win rate by person"), told(grouped_by(&|row| row["sales_agent"].clone())));
    assert_eq!(shown("Win rate by team"), told(grouped_by(&|row| teams[&row["sales_agent"]].clone())));
    let every = Count::of(history.iter());
    assert_eq!(every.amount, Decimal::from(10_005_534));
    assert!(page.contains("€10,005,534.00") && page.contains(&percent(won, won + every.lost)), "{}", page.body);
    let cycle = |days: i64, deals: i64| format!("{} days", one(Decimal::from(days) / Decimal::from(deals)));
    assert!(page.contains(&cycle(every.won_days, won)) && page.contains(&cycle(every.lost_days, every.lost)));
    let mut by_month = grouped_by(&|row| row["close_date"].chars().take(7).collect());
    by_month.remove("");
    assert_eq!(table(&page, "By month").len(), by_month.len());

    // Revenue by product; the file spells one of them in two ways.
    let sold = history.iter().filter(|row| row["deal_stage"] == "Won");
    let mut products: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in sold {
        let name = if row["product"] == "GTXPro" { "GTX Pro" } else { &row["product"] };
        let product = products.entry(name.to_owned()).or_default();
        *product = (product.0 + 1, product.1 + row["close_value"].parse::<i64>().unwrap());
    }
    let expected: BTreeMap<String, Vec<String>> = products
        .into_iter()
        .map(|(name, (deals, sum))| (name, vec![number(deals), number(deals), format!("€{}.00", number(sum))]))
        .collect();
    assert_eq!(shown("Revenue by product"), expected);

    // A quarter of one agent, from the file's own dates.
    let darcel = app.texts("SELECT id::text AS value FROM members WHERE name = 'Darcel Schlecht'").remove(0);
    let page = admin.get(&format!("/reports/sales?when=quarter&on=2017-05-20&owner={darcel}")).await;
    let quarter = date("2017-04-01")..date("2017-07-01");
    let his = history.iter().filter(|row| row["sales_agent"] == "Darcel Schlecht" && !row["close_date"].is_empty());
    let count = Count::of(his.filter(|row| quarter.contains(&date(&row["close_date"]))));
    assert_eq!(
        table(&page, "Win rate by person"),
        [[vec!["Darcel Schlecht".to_owned()], count.cells().to_vec()].concat()]
    );
    // Each figure leads to its deals.
    let href = page
        .between("<td class=\"end num\" data-label=\"Won\"><a href=\"/deals?status=won", "\"")
        .unwrap()
        .replace("&#38;", "&");
    let list = admin.get(&format!("/deals?status=won{href}")).await;
    assert!(list.contains(&format!("{} deals", number(count.won))), "{}", list.body);
    for bad in [
        "when=never",
        "on=soon",
        "owner=x",
        "pipeline=00000000-0000-7000-8000-000000000000",
        "team=00000000-0000-7000-8000-000000000000",
    ] {
        assert_eq!(admin.get(&format!("/reports/sales?{bad}")).await.status(), 422, "{bad}");
    }
}

/// The managers' teams.
fn prepare(app: &TestApp, org: &Org) {
    let org = org.id;
    let quoted = |text: &str| text.replace('\'', "''");
    let people = rows(&file("sales_teams.csv").unwrap());
    let mut managers: Vec<&str> = people.iter().map(|row| row["manager"].as_str()).collect();
    managers.sort_unstable();
    managers.dedup();
    for manager in managers {
        let mine = people.iter().filter(|row| row["manager"] == manager);
        let agents: Vec<String> = mine.map(|row| format!("'{}'", quoted(&row["sales_agent"]))).collect();
        app.alter(&format!(
            "WITH t AS (INSERT INTO teams (org_id, id, name) VALUES ('{org}', app.uuid7(), '{}') RETURNING org_id, id)
             INSERT INTO team_members (org_id, team_id, member_id)
             SELECT t.org_id, t.id, m.id FROM t JOIN members m ON m.org_id = t.org_id AND m.name IN ({})",
            quoted(manager),
            agents.join(", ")
        ));
    }
}
