//! Measuring many records by a job: after a rule or the meaning of completeness changed, and after writes that went past commands
//! (imports). Goes through the records by id, some at a time, each batch a transaction of its own.

use super::{rule::Rules, written};
use crate::{
    db::{Db, OrgTx, SystemTx, Tx},
    error::AppResult,
    features::fields,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::{OrgId, RecordType},
    schema::validation_rules,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

const JOB: &str = "quality.measure";
const BATCH: i64 = 1_000;

#[derive(Serialize, Deserialize)]
struct Payload {
    record_type: String,
    /// Only what was written since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
}

/// After this transaction commits, a job measures the records of that type; with `since`, those written since.
pub fn enqueue(tx: &mut OrgTx, record: RecordType, since: Option<DateTime<Utc>>) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(JOB, &Payload { record_type: record.key().into(), since })?)
}

/// A field of the organisation's own came or went: where it counts, records are measured anew.
pub fn field_changed(tx: &mut OrgTx, record: RecordType, key: &str) -> AppResult<()> {
    let counts = super::completeness::Meaning::load(tx, record)?.weights.contains_key(key);
    if counts { enqueue(tx, record, None) } else { Ok(()) }
}

/// The same of every record type of an organisation that was made in one go.
pub fn enqueue_all(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    for record in RecordType::ALL {
        jobs::enqueue(tx, Job::new(JOB, &Payload { record_type: record.key().into(), since: None })?.org(org))?;
    }
    Ok(())
}

/// New records come out of an import measured, unless the organisation asks more of them than the file's own fields.
pub fn after_import(tx: &mut OrgTx, record: RecordType, since: DateTime<Utc>, changed: bool) -> AppResult<()> {
    let more = !Rules::load(tx, record)?.rules.is_empty() || !fields::sources(tx, record)?.is_empty();
    let own = super::completeness::of_new(tx, record, |_| None)?.is_none();
    if changed || more || own { enqueue(tx, record, Some(since)) } else { Ok(()) }
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(JOB, run);
}

fn run(ctx: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let Payload { record_type, since } = serde_json::from_value(payload.clone())?;
    let (Some(record), Some(org)) = (RecordType::parse(&record_type), ctx.org) else {
        return Ok(JobOutcome::GiveUp);
    };
    let begun = ctx.db.org_now(&org, now)?;
    walk(&ctx.db, org, record, since)?;
    if since.is_none() {
        ctx.db.org_now(&org, |tx| finish(tx, record, begun))?;
    }
    Ok(JobOutcome::Done)
}

fn walk(db: &Db, org: OrgId, record: RecordType, since: Option<DateTime<Utc>>) -> AppResult<()> {
    let mut after = (since.unwrap_or_default(), Uuid::nil());
    loop {
        let last = db.org_now(&org, |tx| {
            tx.without_time_limit()?;
            let rows = next(tx, record, since.is_some(), after)?;
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            written::measure(tx, record, &ids)?;
            Ok(rows.last().map(|row| (row.updated_at, row.id)))
        })?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Timestamptz)]
    updated_at: DateTime<Utc>,
}

/// Locked, so that what is measured is what stays. Who holds a record at this moment measures it themselves.
fn next(tx: &mut OrgTx, record: RecordType, changed: bool, (at, id): (DateTime<Utc>, Uuid)) -> AppResult<Vec<Row>> {
    let (beyond, order) = match changed {
        true => ("(updated_at, id) > ($1, $2) AND archived_at IS NULL AND deleted_at IS NULL", "updated_at, id"),
        false => ("$1::timestamptz IS NOT NULL AND id > $2", "id"),
    };
    let sql = format!(
        "SELECT id, updated_at FROM {} WHERE {beyond} ORDER BY {order} LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED",
        record.noun()
    );
    Ok(diesel::sql_query(sql).bind::<sql_types::Timestamptz, _>(at).bind::<sql_types::Uuid, _>(id).load(tx.conn())?)
}

fn now(tx: &mut OrgTx) -> AppResult<DateTime<Utc>> {
    Ok(diesel::select(diesel::dsl::now.into_sql::<sql_types::Timestamptz>()).get_result(tx.conn())?)
}

/// Rules saved since the job began are another job's. Rules that speak of today are asked again when the next day begins.
fn finish(tx: &mut OrgTx, record: RecordType, begun: DateTime<Utc>) -> AppResult<()> {
    diesel::update(validation_rules::table)
        .filter(validation_rules::record_type.eq(record.key()))
        .filter(validation_rules::updated_at.le(begun))
        .set(validation_rules::measured_at.eq(begun))
        .execute(tx.conn())?;
    if !Rules::load(tx, record)?.rules.iter().any(super::rule::Rule::is_daily) {
        return Ok(());
    }
    let (day, at) = fields::next_day(tx)?;
    let job = Job::new(JOB, &Payload { record_type: record.key().into(), since: None })?;
    jobs::enqueue(tx, job.key(format!("{JOB}:{record}:{day}")).run_at(at))
}
