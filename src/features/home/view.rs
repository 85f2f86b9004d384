//! The figures as Home shows them: amounts per currency, bars, the chart's JSON.

use super::figures::{Listed, StageTotal, Won};
use crate::{features::accounts::members::Person, kernel::Money, web::Actor};
use chrono::{NaiveDate, Utc};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// People on the chart; the table has them all.
const CHARTED: usize = 12;

/// Amounts of several currencies: they never add up.
#[derive(Clone, Debug, Default)]
pub struct Amounts(BTreeMap<String, Decimal>);

impl Amounts {
    pub fn add(&mut self, currency: &str, amount: Decimal) {
        *self.0.entry(currency.to_owned()).or_default() += amount;
    }

    /// The organisation's own currency, short; zero when there is none.
    pub fn main(&self, actor: &Actor) -> String {
        let own = &actor.org.currency;
        actor.locale.short(Money::from_columns(self.0.get(own).copied().unwrap_or_default(), own))
    }

    /// The others, short: `+ $12.4k + £3.0k`, or nothing.
    pub fn others(&self, actor: &Actor) -> String {
        let own = &actor.org.currency;
        let other = self.0.iter().filter(|(currency, amount)| *currency != own && !amount.is_zero());
        let text: Vec<String> = other
            .map(|(currency, amount)| format!("+ {}", actor.locale.short(Money::from_columns(*amount, currency))))
            .collect();
        text.join(" ")
    }

    /// All of them in full, the own currency first.
    pub fn full(&self, actor: &Actor) -> String {
        let own = &actor.org.currency;
        let mut all: Vec<_> = self.0.iter().filter(|(_, amount)| !amount.is_zero()).collect();
        all.sort_by_key(|(currency, _)| *currency != own);
        let text: Vec<String> =
            all.into_iter().map(|(c, amount)| actor.locale.money(Money::from_columns(*amount, c))).collect();
        if text.is_empty() { "–".into() } else { text.join(" + ") }
    }

    /// All of them, short, the own currency first: `€12.4k + $3.0k`; a dash when there is nothing.
    pub fn short(&self, actor: &Actor) -> String {
        let own = &actor.org.currency;
        let main = self.0.get(own).filter(|amount| !amount.is_zero()).map(|_| self.main(actor));
        let all = [main.unwrap_or_default(), self.others(actor)].join(" ");
        let text = all.trim().trim_start_matches("+ ");
        if text.is_empty() { "–".into() } else { text.to_owned() }
    }

    fn of(&self, currency: &str) -> f64 {
        self.0.get(currency).and_then(Decimal::to_f64).unwrap_or_default()
    }
}

pub struct StageRow {
    pub name: String,
    pub color: String,
    pub deals: String,
    /// Short, and in full.
    pub amount: String,
    pub full: String,
    /// Of the fullest stage, in percent.
    pub percent: u32,
    pub href: String,
}

pub struct PipelineRows {
    pub name: String,
    pub stages: Vec<StageRow>,
}

/// Stages as bars, by pipeline. `owner` narrows the links behind them.
pub fn pipelines(totals: &[StageTotal], actor: &Actor, owner: &str) -> Vec<PipelineRows> {
    let mut sums: Vec<(&StageTotal, i64, Amounts)> = Vec::new();
    for total in totals {
        if sums.last().is_none_or(|(last, ..)| last.stage_id != total.stage_id) {
            sums.push((total, 0, Amounts::default()));
        }
        if let (Some((_, deals, amounts)), Some(currency)) = (sums.last_mut(), &total.currency) {
            *deals += total.deals;
            amounts.add(currency, total.amount);
        }
    }
    let most = sums.iter().map(|(_, deals, _)| *deals).max().unwrap_or_default().max(1);
    let mut rows: Vec<(Uuid, PipelineRows)> = Vec::new();
    for (total, deals, amounts) in sums {
        if rows.last().is_none_or(|(id, _)| *id != total.pipeline_id) {
            rows.push((total.pipeline_id, PipelineRows { name: total.pipeline.clone(), stages: Vec::new() }));
        }
        if let Some((_, pipeline)) = rows.last_mut() {
            pipeline.stages.push(StageRow {
                name: total.stage.clone(),
                color: total.color.clone(),
                deals: actor.locale.integer(deals),
                amount: amounts.short(actor),
                full: amounts.full(actor),
                percent: u32::try_from(deals * 100 / most).unwrap_or_default(),
                href: format!("/deals?status=open&pipeline={}&stage={}{owner}", total.pipeline_id, total.stage_id),
            });
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

pub struct ListRow {
    pub href: String,
    pub name: String,
    pub note: String,
    pub amount: String,
    pub when: String,
    pub late: bool,
}

/// Deals of a list; `when` says in what words their time is told, and whether it is late.
pub fn list(rows: Vec<Listed>, actor: &Actor, owners: bool, when: impl Fn(&Listed) -> (String, bool)) -> Vec<ListRow> {
    rows.into_iter()
        .map(|row| {
            let (when, late) = when(&row);
            let owner = row.owner.clone().filter(|_| owners);
            let note: Vec<String> =
                [row.company.clone(), Some(row.stage.clone()), owner].into_iter().flatten().collect();
            let amount = row.amount.map(|a| actor.locale.money(Money::from_columns(a, &row.currency)));
            ListRow {
                href: format!("/deals/{}", row.id),
                note: note.join(" · "),
                amount: amount.unwrap_or_default(),
                name: row.name,
                when,
                late,
            }
        })
        .collect()
}

pub fn closing_words(row: &Listed, actor: &Actor, today: NaiveDate) -> (String, bool) {
    match row.expected_close_on {
        Some(day) if day == today => ("Today".into(), false),
        Some(day) => (actor.locale.day(day, today), day < today),
        None => (String::new(), false),
    }
}

pub fn stale_words(row: &Listed, actor: &Actor) -> (String, bool) {
    let days = (Utc::now() - row.stage_entered_at).num_days();
    (format!("{} days in stage", actor.locale.integer(days)), true)
}

#[derive(Default)]
pub struct PersonRow {
    pub id: Option<Uuid>,
    pub name: String,
    pub this_deals: i64,
    pub this_month: Amounts,
    pub last_to_date: Amounts,
    pub last_month: Amounts,
}

impl PersonRow {
    pub fn href(&self, closed: &str) -> String {
        let owner = self.id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        format!("/deals?status=won&closed={closed}&owner={owner}")
    }
}

/// Everyone who won something in the two months, the best this month first.
pub fn people(won: &[Won], directory: &[Person], own: &str) -> Vec<PersonRow> {
    let names: HashMap<Uuid, &str> = directory.iter().map(|p| (p.id.0, p.name.as_str())).collect();
    let mut rows: HashMap<Option<Uuid>, PersonRow> = HashMap::new();
    for figure in won {
        let row = rows.entry(figure.owner_id).or_default();
        row.id = figure.owner_id;
        row.name = figure.owner_id.and_then(|id| names.get(&id)).map_or("No owner", |n| n).to_owned();
        if figure.is_this_month() {
            row.this_deals += figure.deals;
            row.this_month.add(&figure.currency, figure.amount);
            continue;
        }
        row.last_month.add(&figure.currency, figure.amount);
        if figure.is_to_date() {
            row.last_to_date.add(&figure.currency, figure.amount);
        }
    }
    let mut rows: Vec<PersonRow> = rows.into_values().collect();
    rows.sort_by(|a, b| b.this_month.of(own).total_cmp(&a.this_month.of(own)).then_with(|| a.name.cmp(&b.name)));
    rows
}

/// The chart's data, safe inside a script element.
pub fn chart(rows: &[PersonRow], own: &str) -> String {
    let rows = &rows[..rows.len().min(CHARTED)];
    let data = |f: fn(&PersonRow) -> &Amounts| rows.iter().map(|r| f(r).of(own)).collect::<Vec<f64>>();
    json!({
        "type": "bar",
        "labels": rows.iter().map(|r| &r.name).collect::<Vec<_>>(),
        "series": [
            { "name": "Won this month", "data": data(|r| &r.this_month), "color": "green" },
            { "name": "Last month to this day", "data": data(|r| &r.last_to_date), "color": "slate" },
        ],
        "links": rows.iter().map(|r| r.href("this_month")).collect::<Vec<_>>(),
        "unit": Money::from_columns(Decimal::ZERO, own).currency.symbol(),
    })
    .to_string()
    .replace('<', "\\u003c")
}
