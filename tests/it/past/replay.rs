//! The plain reading: each deal's events one after another, nothing kept, nothing clever.

use crate::support::TestApp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys and labels of the steps.
pub const KEYS: &[(&str, &str)] = &[
    ("new", "New"),
    ("reopened", "Reopened"),
    ("returned", "Brought back"),
    ("from_pipeline", "From another pipeline"),
    ("owner_in", "Owner moved in"),
    ("currency_in", "Other currency before"),
    ("up", "Amount up"),
    ("down", "Amount down"),
    ("split", "Split"),
    ("forward", "Moved on"),
    ("back", "Moved back"),
    ("won", "Won"),
    ("lost", "Lost"),
    ("removed", "Removed"),
    ("to_pipeline", "To another pipeline"),
    ("owner_out", "Owner moved out"),
    ("currency_out", "Other currency now"),
];

#[derive(Clone, Debug, PartialEq, Default)]
struct State {
    stage: String,
    owner: Option<String>,
    amount: Decimal,
    currency: String,
    chance: Option<i64>,
    status: String,
    archived: bool,
    deleted: bool,
}

impl State {
    fn is_open(&self) -> bool {
        self.status == "open" && !self.archived && !self.deleted
    }

    fn ended(&self) -> Option<&str> {
        (self.status != "open" && !self.archived && !self.deleted).then_some(self.status.as_str())
    }
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Who owned it then.
    pub owner: Option<String>,
    /// Sees what they own today; `None`: everything.
    pub reader: Option<String>,
}

#[derive(Debug)]
struct Deal {
    name: String,
    owner_now: Option<String>,
    /// Microseconds, and what it was from then on.
    states: Vec<(i64, State)>,
    /// What splits, and taking them back, did to its amount: when, in which currency, how much.
    splits: Vec<(i64, String, Decimal)>,
}

impl Deal {
    fn split(&self, (from, to): (i64, i64), currency: &str) -> Decimal {
        let within = self.splits.iter().filter(|(at, of, _)| *at >= from && *at < to && of == currency);
        within.map(|(.., amount)| *amount).sum()
    }

    fn before(&self, moment: i64) -> Option<&State> {
        self.states.iter().rev().find(|(at, _)| *at < moment).map(|(_, state)| state)
    }
}

/// A column: deals, their amounts and those weighted, names.
pub type Shown = (i64, [String; 2], Vec<String>);

#[derive(Debug)]
pub struct History {
    deals: Vec<Deal>,
    /// Stage to pipeline, name and place.
    stages: BTreeMap<String, (String, String, i64)>,
    /// Of each stage: when its probability changed, from what; and what it is now.
    chances: BTreeMap<String, (Vec<(i64, i64)>, i64)>,
    /// The end of each day.
    ends: BTreeMap<String, i64>,
}

impl History {
    pub fn read(app: &TestApp, org: &str) -> Self {
        let stages = app.texts(&format!(
            "SELECT json_build_array(id, pipeline_id, name, position)::text AS value FROM (
               SELECT org_id, id, pipeline_id, name, position FROM stages UNION ALL
               SELECT org_id, id, pipeline_id, name, position FROM removed_stages) s WHERE org_id = '{org}'"
        ));
        let stages = stages.iter().map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            let text = |n: usize| row[n].as_str().unwrap().to_owned();
            (text(0), (text(1), text(2), row[3].as_i64().unwrap()))
        });
        let ends = app.texts(
            "SELECT d || ' ' || (extract(epoch FROM ((d + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam')) * 1000000)::bigint AS value
             FROM (SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date - n AS d FROM generate_series(0, 30) n) days",
        );
        let ends = ends.iter().map(|row| row.split_once(' ').unwrap());
        let deals = app.texts(&format!(
            "SELECT json_build_array(id, name, owner_id)::text AS value FROM deals WHERE org_id = '{org}'"
        ));
        let deals = deals.iter().map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            let events = app.texts(&format!(
                "SELECT json_build_array(kind, changes, (extract(epoch FROM at) * 1000000)::bigint, data)::text AS value FROM events
                 WHERE record_type = 'deal' AND record_id = '{}' ORDER BY version, at, id",
                row[0].as_str().unwrap()
            ));
            let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
            let states = states(events.iter());
            Deal {
                name: row[1].as_str().unwrap().to_owned(),
                owner_now: row[2].as_str().map(str::to_owned),
                splits: splits(&events, &states),
                states,
            }
        });
        let chances = app.texts(&format!(
            "SELECT json_build_array(s.id, s.probability, (
               SELECT coalesce(json_agg(json_build_array((extract(epoch FROM e.at) * 1000000)::bigint, (e.changes->'probability'->>0)::int) ORDER BY e.at, e.id), '[]')
               FROM events e WHERE e.record_id = s.id AND e.kind = 'stage.updated' AND e.changes ? 'probability'))::text AS value
             FROM (SELECT org_id, id, probability FROM stages UNION ALL SELECT org_id, id, probability FROM removed_stages) s WHERE org_id = '{org}'"
        ));
        let chances = chances.iter().map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            let changes = row[2].as_array().unwrap().iter();
            let changes = changes.map(|change| (change[0].as_i64().unwrap(), change[1].as_i64().unwrap()));
            (row[0].as_str().unwrap().to_owned(), (changes.collect(), row[1].as_i64().unwrap()))
        });
        Self {
            chances: chances.collect(),
            deals: deals.collect(),
            stages: stages.collect(),
            ends: ends.map(|(day, end)| (day.to_owned(), end.parse().unwrap())).collect(),
        }
    }

    pub fn deals(&self) -> usize {
        self.deals.len()
    }

    fn seen<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Deal> {
        self.deals.iter().filter(|deal| filter.reader.is_none() || deal.owner_now == filter.reader)
    }

    fn is_in(&self, state: &State, pipeline: &str) -> bool {
        self.stages[&state.stage].0 == pipeline
    }

    /// In percent, at the end of that day.
    fn chance(&self, state: &State, day: &str) -> i64 {
        let (changes, now) = &self.chances[&state.stage];
        let of_stage = changes.iter().find(|(at, _)| *at >= self.ends[day]).map_or(*now, |(_, before)| *before);
        state.chance.unwrap_or(of_stage)
    }

    /// By stage: deals, their amounts, those weighted, and names.
    pub fn board(&self, pipeline: &str, day: &str, filter: &Filter) -> BTreeMap<String, Shown> {
        type Column = (i64, [BTreeMap<String, Decimal>; 2], Vec<String>);
        let mut columns: BTreeMap<String, Column> = BTreeMap::new();
        for deal in self.seen(filter) {
            let Some(state) = deal.before(self.ends[day]) else { continue };
            let mine = filter.owner.is_none() || state.owner == filter.owner;
            if state.is_open() && self.is_in(state, pipeline) && mine {
                let column = columns.entry(self.stages[&state.stage].1.clone()).or_default();
                column.0 += 1;
                let weighted = state.amount * Decimal::from(self.chance(state, day)) / Decimal::ONE_HUNDRED;
                *column.1[0].entry(state.currency.clone()).or_default() += state.amount;
                *column.1[1].entry(state.currency.clone()).or_default() += weighted;
                column.2.push(deal.name.clone());
            }
        }
        columns
            .into_iter()
            .map(|(stage, (count, sums, mut names))| {
                names.sort();
                (stage, (count, sums.each_ref().map(amounts), names))
            })
            .collect()
    }

    /// As the page tells it: by label, deals, worth and change of the total; and the totals.
    pub fn changes(
        &self,
        pipeline: &str,
        (from, to): (&str, &str),
        currency: &str,
        filter: &Filter,
    ) -> (BTreeMap<String, [String; 3]>, [String; 2]) {
        let mut steps: BTreeMap<&str, (i64, Decimal, Decimal)> = BTreeMap::new();
        let (mut first, mut second) = (Decimal::ZERO, Decimal::ZERO);
        for deal in self.seen(filter) {
            let (a, b) = (deal.before(self.ends[from]), deal.before(self.ends[to]));
            let asked = |s: &State| {
                self.is_in(s, pipeline) && (filter.owner.is_none() || s.owner == filter.owner) && s.currency == currency
            };
            let stood = a.filter(|s| s.is_open() && asked(s));
            let stands = b.filter(|s| s.is_open() && asked(s));
            first += stood.map_or(Decimal::ZERO, |s| s.amount);
            second += stands.map_or(Decimal::ZERO, |s| s.amount);
            let Some(now) = b else { continue };
            let ended = now.ended().filter(|how| asked(now) && a.and_then(State::ended) != Some(*how));
            let mut note = |key, size: Decimal, delta: Decimal| {
                let step = steps.entry(key).or_default();
                *step = (step.0 + 1, step.1 + size, step.2 + delta);
            };
            let split = deal.split((self.ends[from], self.ends[to]), currency);
            // Why one of two states does not count while the other does.
            let apart = |s: &State, way: [&'static str; 3]| {
                if !self.is_in(s, pipeline) {
                    Some(way[0])
                } else if filter.owner.is_some() && s.owner != filter.owner {
                    Some(way[1])
                } else if s.currency != currency {
                    Some(way[2])
                } else {
                    None
                }
            };
            match (stood, stands) {
                (Some(was), Some(is)) => {
                    if was.stage != is.stage {
                        let later = self.stages[&is.stage].2 > self.stages[&was.stage].2;
                        note(if later { "forward" } else { "back" }, is.amount, Decimal::ZERO);
                    }
                    worth(was.amount, is.amount, split, &mut note);
                }
                (Some(was), None) => {
                    let key = apart(now, ["to_pipeline", "owner_out", "currency_out"]);
                    let key = key.unwrap_or_else(|| match now.ended() {
                        Some("won") => "won",
                        Some(_) => "lost",
                        None => "removed",
                    });
                    let left = if now.currency == was.currency {
                        worth(was.amount, now.amount, split, &mut note);
                        now.amount
                    } else {
                        was.amount
                    };
                    note(key, left, -left);
                }
                (None, came) if came.is_some() || ended.is_some() => {
                    let key = match a {
                        None => "new",
                        Some(was) => apart(was, ["from_pipeline", "owner_in", "currency_in"])
                            .unwrap_or(if was.ended().is_some() { "reopened" } else { "returned" }),
                    };
                    let split = if a.is_none() { split } else { Decimal::ZERO };
                    if split > Decimal::ZERO {
                        worth(Decimal::ZERO, now.amount, split, &mut note);
                    } else {
                        note(key, now.amount - split, now.amount - split);
                        worth(now.amount - split, now.amount, split, &mut note);
                    }
                    if let Some(how) = ended {
                        note(if how == "won" { "won" } else { "lost" }, now.amount, -now.amount);
                    }
                }
                _ => {}
            }
        }
        let total: Decimal = steps.values().map(|step| step.2).sum();
        assert_eq!(first + total, second, "the steps do not add up");
        let told = steps.into_iter().map(|(key, (deals, size, delta))| {
            let label = KEYS.iter().find(|(known, _)| *known == key).unwrap().1;
            (label.to_owned(), [deals.to_string(), money(currency, size.abs()), signed(currency, delta)])
        });
        (told.collect(), [money(currency, first), money(currency, second)])
    }
}

/// A split, and what else changed.
fn worth(before: Decimal, after: Decimal, split: Decimal, note: &mut impl FnMut(&'static str, Decimal, Decimal)) {
    if !split.is_zero() {
        note("split", after, split);
    }
    let rest = after - split - before;
    if !rest.is_zero() {
        note(if rest > Decimal::ZERO { "up" } else { "down" }, rest, rest);
    }
}

fn splits(events: &[Value], states: &[(i64, State)]) -> Vec<(i64, String, Decimal)> {
    let of_split = |event: &&Value| {
        let undone = event[3]["title"].as_str().is_some_and(|title| title.starts_with("Undone: Split "));
        event[0] != "deal.deleted" && event[1].get("amount").is_some() && (event[3]["split"] == true || undone)
    };
    let split = events.iter().filter(of_split).map(|event| {
        let (at, pair) = (event[2].as_i64().unwrap(), &event[1]["amount"]);
        let currency = states.iter().rev().find(|(since, _)| *since <= at).unwrap().1.currency.clone();
        (at, currency, amount(&pair[1]) - amount(&pair[0]))
    });
    split.collect()
}

fn amount(told: &Value) -> Decimal {
    match told {
        Value::Null => Decimal::ZERO,
        Value::String(text) => text.parse().unwrap(),
        number => number.to_string().parse().unwrap(),
    }
}

fn states<'a>(events: impl Iterator<Item = &'a Value>) -> Vec<(i64, State)> {
    let mut states = Vec::new();
    let mut now = State { status: "open".into(), ..State::default() };
    for event in events {
        let after = |field: &str| event[1].get(field).map(|pair| &pair[1]);
        match event[0].as_str().unwrap() {
            "deal.created" | "deal.updated" | "deal.moved" | "deal.won" | "deal.lost" | "deal.reopened" => {}
            "deal.archived" => now.archived = true,
            "deal.restored" => now.archived = false,
            "deal.deleted" => now.deleted = true,
            "deal.undeleted" => now.deleted = false,
            _ => continue,
        }
        if let Some(stage) = after("stage_id") {
            now.stage = stage["id"].as_str().unwrap().to_owned();
        }
        if let Some(owner) = after("owner_id") {
            now.owner = owner["id"].as_str().map(str::to_owned);
        }
        if let Some(told) = after("amount") {
            now.amount = amount(told);
        }
        if let Some(currency) = after("currency") {
            now.currency = currency.as_str().unwrap().to_owned();
        }
        if let Some(chance) = after("probability") {
            now.chance = chance.as_i64();
        }
        if let Some(status) = after("status") {
            now.status = status.as_str().unwrap().to_owned();
        }
        states.push((event[2].as_i64().unwrap(), now.clone()));
    }
    states
}

fn money(currency: &str, amount: Decimal) -> String {
    let text = format!("{:.2}", amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    let (whole, cents) = text.split_once('.').unwrap();
    let mut grouped = String::new();
    for (n, c) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("{}{grouped}.{cents}", if currency == "EUR" { "€" } else { "$" })
}

fn signed(currency: &str, amount: Decimal) -> String {
    if amount.is_zero() {
        return "–".into();
    }
    format!("{}{}", if amount.is_sign_negative() { "−" } else { "+" }, money(currency, amount.abs()))
}

/// As the board tells them: EUR first, never added up.
pub fn amounts(sums: &BTreeMap<String, Decimal>) -> String {
    let told: Vec<String> =
        sums.iter().filter(|(_, sum)| !sum.is_zero()).map(|(currency, sum)| money(currency, *sum)).collect();
    if told.is_empty() { "–".into() } else { told.join(" + ") }
}
