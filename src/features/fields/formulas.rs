//! Formula fields: computed when a record is written, and kept beside its other custom values, so that lists sort and filter by them
//! like by any other. A formula that changes, or that speaks of today, is computed anew for every record by a job.
//!
//! A formula may not use another one, so none can go in circles. A value that cannot be computed (out of range) is empty. Computing
//! is no edit: it neither makes a new version nor an event.

use super::{
    Catalogue, Entry, Expression, Kind,
    definition::{CustomField, FORMULA_PLACES},
    expression::{ROUNDING, Type, Value, Values},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::{RecordType, calendar},
    schema::organisations,
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

const JOB: &str = "fields.formulas";
const BATCH: i64 = 1_000;

/// Reads a formula as its field is saved: it must give what the field says it holds.
pub(super) fn check(text: &str, result: &str, catalogue: &Catalogue) -> Result<Expression, String> {
    let expression = Expression::parse(text, catalogue)?;
    for key in expression.uses() {
        if catalogue.get(key).is_some_and(|entry| matches!(entry.kind, Kind::Formula(_))) {
            return Err(format!("uses {key}, which is a formula itself: use what that one is made of"));
        }
    }
    let wanted = match result {
        "decimal" | "integer" => Type::Number,
        "date" => Type::Date,
        "bool" => Type::Bool,
        _ => Type::Text,
    };
    if expression.result() == wanted {
        return Ok(expression);
    }
    Err(format!("gives {}, not {}", expression.result().name(), wanted.name()))
}

struct Formula {
    key: String,
    result: Kind,
    expression: Expression,
}

/// The formulas of a type that can be read, and the fields they use.
fn formulas(tx: &mut OrgTx, record: RecordType) -> AppResult<(Vec<Formula>, Vec<Entry>)> {
    let fields: Vec<CustomField> = queries::all(tx, record)?;
    if !fields.iter().any(|f| f.kind == "formula" && f.retired_at.is_none()) {
        return Ok((vec![], vec![]));
    }
    let catalogue = Catalogue::whole(tx, record)?;
    let read = |field: &CustomField| {
        let expression = Expression::parse(&field.options().formula, &catalogue).ok()?;
        Some(Formula { key: field.key.clone(), result: field.kind().value().clone(), expression })
    };
    let formulas: Vec<Formula> =
        fields.iter().filter(|f| f.kind == "formula" && f.retired_at.is_none()).filter_map(read).collect();
    let used: BTreeSet<&str> = formulas.iter().flat_map(|f| f.expression.uses()).collect();
    let entries = catalogue.entries.iter().filter(|entry| used.contains(entry.key.as_str())).cloned().collect();
    Ok((formulas, entries))
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    fields: Json,
}

/// Computes the formulas of these records anew, from their rows as this transaction left them. Call it after every write of a
/// record; without formulas it costs one small query.
pub fn compute(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let (formulas, entries) = formulas(tx, record)?;
    if formulas.is_empty() || ids.is_empty() {
        return Ok(());
    }
    let today = today(tx)?;
    let rows: Vec<Row> = diesel::sql_query(format!(
        "SELECT r.id, {} AS fields FROM {} r WHERE r.id = ANY ($1)",
        columns(&entries),
        record.noun()
    ))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .load(tx.conn())?;
    let patches: Vec<(Uuid, Json)> =
        rows.into_iter().map(|row| (row.id, patch(&formulas, &entries, &row.fields, today))).collect();
    let keys: Vec<&str> = formulas.iter().map(|f| f.key.as_str()).collect();
    let (ids, patches): (Vec<Uuid>, Vec<Json>) = patches.into_iter().unzip();
    diesel::sql_query(format!(
        "UPDATE {} r SET custom = (r.custom - $3::text[]) || v.patch FROM unnest($1, $2) v(id, patch) \
         WHERE r.id = v.id AND (r.custom - $3::text[]) || v.patch IS DISTINCT FROM r.custom",
        record.noun()
    ))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .bind::<sql_types::Array<sql_types::Jsonb>, _>(patches)
    .bind::<sql_types::Array<sql_types::Text>, _>(keys)
    .execute(tx.conn())?;
    Ok(())
}

/// jsonb of these entries over the record's table, aliased `r`: what [`values`] reads. As text, so that no number passes through a
/// float on its way.
pub fn columns(entries: &[Entry]) -> String {
    let one = |entry: &Entry| match Type::of(&entry.kind) {
        Type::List => format!("'{}', to_jsonb({})", entry.key, entry.expr),
        Type::Time => {
            format!("'{}', to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')", entry.key, entry.expr)
        }
        _ => format!("'{}', ({})::text", entry.key, entry.expr),
    };
    // In groups: a function takes a hundred arguments.
    let groups: Vec<String> = entries
        .chunks(40)
        .map(|group| format!("jsonb_build_object({})", group.iter().map(one).collect::<Vec<_>>().join(", ")))
        .collect();
    if groups.is_empty() { "'{}'::jsonb".to_owned() } else { groups.join(" || ") }
}

/// A record's values as expressions take them, from what [`columns`] selects.
pub fn values(entries: &[Entry], fields: &Json, today: NaiveDate) -> Values {
    let one = |entry: &Entry| (entry.key.clone(), value(Type::of(&entry.kind), &fields[&entry.key]));
    Values { fields: entries.iter().map(one).collect(), today }
}

fn value(of: Type, field: &Json) -> Value {
    let read = match (of, field) {
        (Type::List, Json::Array(all)) => {
            Some(Value::List(all.iter().filter_map(Json::as_str).map(str::to_owned).collect()))
        }
        (Type::Number, Json::String(text)) => text.parse().ok().map(Value::Number),
        (Type::Bool, Json::String(text)) => Some(Value::Bool(text == "true")),
        (Type::Date, Json::String(text)) => text.parse().ok().map(Value::Date),
        (Type::Time, Json::String(text)) => text.parse::<DateTime<Utc>>().ok().map(Value::Time),
        (_, Json::String(text)) => Some(Value::Text(text.clone())),
        _ => None,
    };
    read.unwrap_or(Value::Null)
}

fn patch(formulas: &[Formula], entries: &[Entry], fields: &Json, today: NaiveDate) -> Json {
    let values = values(entries, fields, today);
    let mut patch = Map::new();
    for formula in formulas {
        let value = formula.expression.check(&values).unwrap_or(Value::Null);
        if let Some(kept) = kept(&formula.result, value) {
            patch.insert(formula.key.clone(), kept);
        }
    }
    Json::Object(patch)
}

/// The canonical form of a result; `None` when it is empty.
fn kept(kind: &Kind, value: Value) -> Option<Json> {
    match (kind, value) {
        (Kind::Integer, Value::Number(n)) => n.round_dp_with_strategy(0, ROUNDING).to_i64().map(Json::from),
        (_, Value::Number(n)) => {
            let rounded = n.round_dp_with_strategy(FORMULA_PLACES, ROUNDING).normalize();
            Some(json!(if rounded.is_zero() { Decimal::ZERO } else { rounded }.to_string()))
        }
        (_, Value::Text(text)) if !text.trim().is_empty() => Some(json!(text)),
        (_, Value::Bool(yes)) => Some(json!(yes)),
        (_, Value::Date(day)) => Some(json!(day.to_string())),
        _ => None,
    }
}

/// The values that an expression over these entries reads, record by record: for validation rules over many records.
pub fn values_of(
    tx: &mut OrgTx,
    record: RecordType,
    entries: &[Entry],
    ids: &[Uuid],
) -> AppResult<Vec<(Uuid, Values)>> {
    let today = today(tx)?;
    let sql = format!("SELECT r.id, {} AS fields FROM {} r WHERE r.id = ANY ($1)", columns(entries), record.noun());
    let rows: Vec<Row> = diesel::sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, values(entries, &row.fields, today))).collect())
}

/// What each formula of the type is made of, by its key.
pub fn sources(tx: &mut OrgTx, record: RecordType) -> AppResult<HashMap<String, Vec<String>>> {
    let (formulas, _) = formulas(tx, record)?;
    Ok(formulas.into_iter().map(|f| (f.key, f.expression.uses().map(str::to_owned).collect())).collect())
}

/// The organisation's day.
pub fn today(tx: &mut OrgTx) -> AppResult<NaiveDate> {
    let zone: String = organisations::table.select(organisations::time_zone).first(tx.conn())?;
    Ok(calendar::today(calendar::zone(&zone)))
}

#[derive(Serialize, Deserialize)]
struct Payload {
    record_type: String,
}

/// After this transaction commits, a job computes the formulas of every record of that type.
pub(super) fn enqueue(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(JOB, &Payload { record_type: record.key().into() })?)
}

/// The same, when a formula of the type uses that field: for what changes without any record of the type being written.
pub fn compute_using(tx: &mut OrgTx, record: RecordType, key: &str) -> AppResult<()> {
    let (formulas, _) = formulas(tx, record)?;
    if formulas.iter().any(|formula| formula.expression.uses().any(|used| used == key)) {
        enqueue(tx, record)?;
    }
    Ok(())
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(JOB, run);
}

fn run(ctx: &JobContext, payload: &Json) -> anyhow::Result<JobOutcome> {
    let payload: Payload = serde_json::from_value(payload.clone())?;
    let (Some(record), Some(org)) = (RecordType::parse(&payload.record_type), ctx.org) else {
        return Ok(JobOutcome::GiveUp);
    };
    let mut after = Uuid::nil();
    loop {
        let last = ctx.db.org_now(&org, |tx| {
            tx.without_time_limit()?;
            let ids = next(tx, record, after)?;
            compute(tx, record, &ids)?;
            if ids.is_empty() {
                tomorrow(tx, record)?;
            }
            Ok(ids.last().copied())
        })?;
        match last {
            Some(last) => after = last,
            None => return Ok(JobOutcome::Done),
        }
    }
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

fn next(tx: &mut OrgTx, record: RecordType, after: Uuid) -> AppResult<Vec<Uuid>> {
    let sql = format!("SELECT id FROM {} WHERE id > $1 ORDER BY id LIMIT {BATCH} FOR NO KEY UPDATE", record.noun());
    let rows: Vec<IdRow> = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(after).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Formulas that speak of today are computed again when the organisation's next day begins; once, however many jobs ran today.
fn tomorrow(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    if !formulas(tx, record)?.0.iter().any(|formula| formula.expression.is_daily()) {
        return Ok(());
    }
    let (day, at) = next_day(tx)?;
    let job = Job::new(JOB, &Payload { record_type: record.key().into() })?;
    jobs::enqueue(tx, job.key(format!("{JOB}:{record}:{day}")).run_at(at))
}

/// The organisation's next day, and when it begins.
pub fn next_day(tx: &mut OrgTx) -> AppResult<(NaiveDate, DateTime<Utc>)> {
    let zone: String = organisations::table.select(organisations::time_zone).first(tx.conn())?;
    let zone = calendar::zone(&zone);
    let day = calendar::today(zone) + Days::new(1);
    let midnight = day.and_time(NaiveTime::MIN).and_local_timezone(zone).earliest();
    Ok((day, midnight.map_or_else(|| Utc::now() + chrono::Duration::days(1), |at| at.to_utc())))
}
