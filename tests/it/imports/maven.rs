//! A real sales history, 8,800 opportunities of 35 agents (Maven Analytics), against a plain count of its files.

mod figures;

use super::{import_with, texts};
use crate::support::{Org, TestApp};
use pipewright::{
    db::Reason,
    features::{
        accounts::organisations::{self, NewUser},
        imports::Options,
    },
    kernel::RecordType,
};
use std::{collections::BTreeMap, path::PathBuf};

fn file(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/01-crm-opportunities-maven").join(name);
    std::fs::read(path).ok()
}

/// Rows of a CSV, by heading.
fn rows(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

async fn add_agents(app: &TestApp, org: &Org) {
    let names: Vec<String> = rows(&file("sales_teams.csv").unwrap()).iter().map(|r| r["sales_agent"].clone()).collect();
    let org = org.id;
    app.db
        .system(Reason::SignUp, move |tx| {
            for name in names {
                let new = NewUser {
                    email: format!("{}@maven.test", name.to_lowercase().replace(' ', ".")),
                    name,
                    password_hash: None,
                    time_zone: "UTC".into(),
                    locale: "en-GB".into(),
                    verified: true,
                };
                let user = organisations::create_user(tx, &new)?;
                organisations::add_member(tx, org, user, "rep")?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_adds_up() {
    let (Some(accounts), Some(pipeline)) = (file("accounts.csv"), file("sales_pipeline.csv")) else {
        println!("skipped: ../shared/data/01-crm-opportunities-maven is not here");
        return;
    };
    let app = TestApp::start().await;
    let org = app.org("maven").await;
    add_agents(&app, &org).await;
    // The catalogue first, through its page; the deals that are read then are lines of it.
    let admin = app.signed_in(&org, "admin").await;
    let catalogue = String::from_utf8(file("products.csv").unwrap()).unwrap();
    let read = crate::products::upload(&admin, &catalogue).await;
    assert_eq!(read.status(), 200, "{}", read.body);
    let sold = "SELECT concat_ws('|', p.name, c.name, trim_scale(x.price)::text) AS t FROM products p \
        JOIN product_prices x ON x.product_id = p.id JOIN product_categories c ON c.id = p.category_id ORDER BY p.name COLLATE \"C\"";
    let mut expected: Vec<String> = rows(catalogue.as_bytes())
        .iter()
        .map(|r| format!("{}|{}|{}", r["product"], r["series"], r["sales_price"]))
        .collect();
    expected.sort();
    assert_eq!(texts(&app, sold).await, expected);
    let run = |record, name, bytes| import_with(&app, &org, record, name, bytes, Options::default());
    assert_eq!(run(RecordType::Company, "accounts.csv", &accounts).await, Ok((85, 0, 0, 0)));
    assert_eq!(run(RecordType::Deal, "sales_pipeline.csv", &pipeline).await, Ok((8_800, 0, 0, 0)));
    // A second run creates nothing and changes nothing.
    assert_eq!(run(RecordType::Company, "accounts.csv", &accounts).await, Ok((0, 0, 85, 0)));
    assert_eq!(run(RecordType::Deal, "sales_pipeline.csv", &pipeline).await, Ok((0, 0, 8_800, 0)));

    let history = rows(&pipeline);
    let stage = "SELECT concat_ws('|', CASE d.status WHEN 'open' THEN s.name ELSE initcap(d.status) END, count(*)::text, \
        trim_scale(coalesce(sum(d.amount), 0))::text) AS t FROM deals d JOIN stages s ON s.id = d.stage_id \
        GROUP BY CASE d.status WHEN 'open' THEN s.name ELSE initcap(d.status) END ORDER BY 1";
    let by_stage = texts(&app, stage).await;
    println!("per stage (deals, amount): {by_stage:?}");
    assert_eq!(by_stage, counted(&history, "deal_stage"));
    let agent = "SELECT concat_ws('|', m.name, count(*)::text, trim_scale(coalesce(sum(d.amount), 0))::text) AS t FROM deals d \
        JOIN members m ON m.org_id = d.org_id AND m.id = d.owner_id GROUP BY m.name ORDER BY m.name COLLATE \"C\"";
    let by_agent = texts(&app, agent).await;
    assert_eq!(by_agent, counted(&history, "sales_agent"));
    assert_eq!(by_agent.len(), 30, "five of the 35 agents have no opportunity");
    let account = "SELECT concat_ws('|', coalesce(c.name, ''), count(*)::text, trim_scale(coalesce(sum(d.amount), 0))::text) AS t FROM deals d \
        LEFT JOIN companies c ON c.id = d.company_id GROUP BY c.name ORDER BY coalesce(c.name, '') COLLATE \"C\"";
    let by_account = texts(&app, account).await;
    assert_eq!(by_account, counted(&history, "account"));
    assert!(by_account[0].starts_with("|1425|"), "{}", by_account[0]);

    // Their stages are a pipeline of their own; each deal has a line of its product, however the file spells it.
    let pipelines = "SELECT p.name || ': ' || string_agg(s.name, ', ' ORDER BY s.position) AS t FROM pipelines p \
        JOIN stages s ON s.pipeline_id = p.id GROUP BY p.id, p.name, p.position ORDER BY p.position";
    let pipelines = texts(&app, pipelines).await;
    assert_eq!(pipelines[1..], ["Sales pipeline: Prospecting, Engaging"]);
    let product = "SELECT concat_ws('|', p.name, count(*)::text, trim_scale(coalesce(sum(d.amount), 0))::text) AS t FROM deals d \
        JOIN deal_lines l ON l.org_id = d.org_id AND l.deal_id = d.id JOIN products p ON p.org_id = l.org_id AND p.id = l.product_id \
        GROUP BY p.name ORDER BY p.name COLLATE \"C\"";
    let mut spelt = history.clone();
    spelt
        .iter_mut()
        .filter(|row| row["product"] == "GTXPro")
        .for_each(|row| *row.get_mut("product").unwrap() = "GTX Pro".into());
    assert_eq!(texts(&app, product).await, counted(&spelt, "product"));
    let parents = texts(
        &app,
        "SELECT count(parent_id)::text || ' ' || count(country)::text || ' ' || count(*)::text AS t FROM companies",
    )
    .await;
    assert_eq!(parents, ["15 85 85"]);
    let dates = "SELECT concat_ws(' ', number::text, created_at::date::text, closed_at::date::text, name) AS t FROM deals WHERE external_id = '1C1I7A6R'";
    assert_eq!(texts(&app, dates).await, ["1001 2016-10-20 2017-03-01 GTX Plus Basic – Cancity"]);
    figures::check(&app, &org, &history).await;
    app.stop().await;
}

/// `group|rows|sum of close_value`, by group, straight from the file.
fn counted(history: &[BTreeMap<String, String>], column: &str) -> Vec<String> {
    let mut groups: BTreeMap<&str, (u32, u64)> = BTreeMap::new();
    for row in history {
        let group = groups.entry(&row[column]).or_default();
        group.0 += 1;
        group.1 += row["close_value"].parse::<u64>().unwrap_or(0);
    }
    groups.into_iter().map(|(name, (rows, sum))| format!("{name}|{rows}|{sum}")).collect()
}
