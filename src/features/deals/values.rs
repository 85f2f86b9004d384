//! What became of a deal's amount and chance over time: the chart, and each change in words, with what slipped or shrank.

use super::{
    model::{Deal, DealStatus},
    told::{StageChange, Told, id_of},
};
use crate::{
    features::{pipeline::Stage, records::display},
    kernel::{Money, RecordType},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Changes shown on the deal's page; its history has them all.
const SHOWN: usize = 8;
/// The fields whose changes are values', in the order one event tells them.
const FIELDS: [&str; 7] = ["stage_id", "amount", "probability", "expected_close_on", "owner_id", "currency", "status"];

/// The panel on a deal's page.
pub struct Values {
    /// For `charts.js`; empty: nothing ever changed, so there is no curve.
    pub chart: String,
    /// The latest first.
    pub lines: Vec<Line>,
    /// Changes beyond those.
    pub more: usize,
}

/// One change of one value.
pub struct Line {
    pub label: &'static str,
    pub before: String,
    pub after: String,
    /// "+34 d", "−20 %": later or less than before.
    pub worse: Option<String>,
    /// Some of it is in another deal now, or came back from there: nothing was lost or won by it.
    pub split: bool,
    pub who: String,
    pub when: String,
    pub exact: String,
}

impl Values {
    /// `told`: the deal's events, the oldest first; `stages`: every stage there is.
    pub(super) fn of(actor: &Actor, deal: &Deal, told: &[Told], stages: &[Stage], changed: &[StageChange]) -> Self {
        let mut lines: Vec<Line> = told
            .iter()
            .rev()
            .filter(|event| event.kind != "deal.created")
            .flat_map(|event| FIELDS.into_iter().filter_map(move |key| line(actor, deal, event, key)))
            .collect();
        let more = lines.len().saturating_sub(SHOWN);
        let chart = if lines.is_empty() { String::new() } else { chart(actor, deal, told, stages, changed) };
        lines.truncate(SHOWN);
        Self { chart, lines, more }
    }
}

fn line(actor: &Actor, deal: &Deal, event: &Told, key: &str) -> Option<Line> {
    let (before, after) = event.pair(key)?;
    let field = RecordType::Deal.field(key)?;
    // An amount is told in the currency it had: the one that changed with it, else the deal's.
    let currency = |side: usize| {
        let own = event.changes.get("currency").and_then(|pair| pair.get(side)).and_then(Value::as_str);
        own.unwrap_or(&deal.currency).to_owned()
    };
    Some(Line {
        label: field.label,
        before: display::json(Some(field), before, actor, Some(&currency(0))),
        after: display::json(Some(field), after, actor, Some(&currency(1))),
        worse: worse(key, before, after).filter(|_| key != "amount" || !event.split && currency(0) == currency(1)),
        split: key == "amount" && event.split,
        who: event.who.clone().unwrap_or_else(|| "Pipewright".to_owned()),
        when: actor.moment(event.at),
        exact: actor.exact(event.at),
    })
}

fn worse(key: &str, before: &Value, after: &Value) -> Option<String> {
    match key {
        "expected_close_on" => {
            let day = |value: &Value| value.as_str()?.parse::<NaiveDate>().ok();
            let days = (day(after)? - day(before)?).num_days();
            (days > 0).then(|| format!("+{days} d"))
        }
        "amount" => {
            let (before, after) = (amount(before)?, amount(after)?);
            let gone = (after < before).then(|| (before - after) * Decimal::ONE_HUNDRED / before)?;
            Some(format!("−{} %", gone.round().max(Decimal::ONE)))
        }
        _ => None,
    }
}

fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// What holds between two changes.
#[derive(Clone)]
struct State {
    amount: Option<Decimal>,
    /// The deal's own.
    probability: Option<i64>,
    stage: Option<String>,
    /// `Some`: decided, and so certain.
    decided: Option<i64>,
}

/// Amount and chance as steps over time. A canvas draws floats; nothing is computed with them.
fn chart(actor: &Actor, deal: &Deal, told: &[Told], stages: &[Stage], changed: &[StageChange]) -> String {
    let begun = told.first().map_or(deal.created_at, |event| deal.created_at.min(event.at));
    let mut state = beginning(deal, told);
    let mut moments: BTreeMap<DateTime<Utc>, State> = BTreeMap::new();
    moments.insert(begun, state.clone());
    let mut defaults = changed.iter().peekable();
    for event in told {
        while let Some(change) = defaults.next_if(|change| change.at <= event.at) {
            moments.insert(change.at.max(begun), state.clone());
        }
        apply(&mut state, event);
        moments.insert(event.at, state.clone());
    }
    let end = match deal.status {
        DealStatus::Open => Utc::now(),
        DealStatus::Won { at, .. } | DealStatus::Lost { at, .. } => at,
    };
    for change in defaults.filter(|change| change.at > begun && change.at < end) {
        moments.insert(change.at, state.clone());
    }
    // Of the reader's clock: a moment without a zone is drawn as it is written.
    let moment = |at: &DateTime<Utc>| at.with_timezone(&actor.zone).format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let last = moments.keys().next_back().copied().unwrap_or(begun);
    moments.insert(end.max(last), state);
    let amounts: Vec<Value> =
        moments.iter().map(|(at, s)| json!([moment(at), s.amount.and_then(|a| a.to_f64())])).collect();
    let chances: Vec<Value> =
        moments.iter().map(|(at, s)| json!([moment(at), chance(s, *at, stages, changed)])).collect();
    json!({
        "type": "line",
        "time": true,
        "series": [
            { "name": "Amount", "data": amounts, "color": "indigo", "step": "end" },
            { "name": "Probability", "data": chances, "color": "teal", "step": "end", "axis": 1 },
        ],
        "unit": Money::from_columns(Decimal::ZERO, &deal.currency).currency.symbol(),
    })
    .to_string()
    .replace('<', "\\u003c")
}

/// What held before the first event that says otherwise.
fn beginning(deal: &Deal, told: &[Told]) -> State {
    let first = |key: &str| told.iter().find_map(|event| event.pair(key)).map(|(before, _)| before);
    State {
        amount: first("amount").map_or(deal.amount, amount),
        probability: first("probability").map_or(deal.probability.map(i64::from), whole),
        stage: first("stage_id").map_or_else(|| Some(deal.stage_id.to_string()), id_of),
        decided: None,
    }
}

fn apply(state: &mut State, event: &Told) {
    if let Some((_, after)) = event.pair("amount") {
        state.amount = amount(after);
    }
    if let Some((_, after)) = event.pair("probability") {
        state.probability = whole(after);
    }
    if let Some((_, after)) = event.pair("stage_id") {
        state.stage = id_of(after);
    }
    if let Some((_, after)) = event.pair("status") {
        state.decided = match after.as_str() {
            Some("won") => Some(100),
            Some("lost") => Some(0),
            _ => None,
        };
    }
}

/// The deal's own probability, else what its stage's was at that moment: what the first change after it replaced, or what it is now.
fn chance(state: &State, at: DateTime<Utc>, stages: &[Stage], changed: &[StageChange]) -> Option<i64> {
    let of_stage = || {
        let stage = state.stage.as_ref()?;
        let later = changed.iter().find(|change| change.at > at && change.stage.to_string() == *stage);
        let now = || stages.iter().find(|s| s.id.to_string() == *stage).map(|s| s.probability);
        later.map_or_else(now, |change| change.before).map(i64::from)
    };
    state.decided.or(state.probability).or_else(of_stage)
}
