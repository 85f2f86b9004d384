//! The search of everything: records that share a key (see `blocks`) are candidates; likeness judges them, batch by batch; what is
//! likely is written into the queue at the end, in one short stroke, so that whoever judges pairs meanwhile never waits.
//!
//! One transaction, so that a search that is killed leaves the queue as it was and is taken up again from the start. How far it is, is
//! told in transactions of its own. Memory holds a batch, whatever the number of records.

use super::{blocks, scoring};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{OrgId, RecordType},
    live::{self, LiveMessage},
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};

pub(super) const JOB: &str = "duplicates.scan";
const ATTEMPTS: i32 = 3;
/// Candidates judged at once.
const BATCH: i64 = 5_000;

#[derive(Serialize, Deserialize)]
struct Payload {
    record: String,
}

/// Asks for a search, unless one is waiting or at work.
pub(super) fn request(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    let by = tx.by();
    diesel::sql_query(
        "INSERT INTO duplicate_scans AS s (record_type, requested_by) VALUES ($1, $2) ON CONFLICT (org_id, record_type) DO UPDATE \
           SET status = 'queued', gathered = 0, done = 0, total = 0, requested_by = $2, requested_at = now() \
         WHERE s.status NOT IN ('queued', 'running') OR s.requested_at < now() - interval '2 hours'",
    )
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
    .execute(tx.conn())?;
    let job = Job::new(JOB, &Payload { record: record.key().to_owned() })?;
    jobs::enqueue(tx, job.key(format!("duplicates:{record}")).max_attempts(ATTEMPTS))
}

/// The job behind a search, asked for by a person or by the night.
pub(super) fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { record } = serde_json::from_value(payload.clone())?;
    let (Some(org), Some(record)) = (ctx.org, RecordType::parse(&record)) else { return Ok(JobOutcome::GiveUp) };
    let step = |set: &str| {
        let sql = format!(
            "INSERT INTO duplicate_scans AS s (record_type, status, started_at) VALUES ($1, 'running', now()) \
             ON CONFLICT (org_id, record_type) DO UPDATE SET {set}"
        );
        ctx.db.org_now(&org, |tx| {
            diesel::sql_query(&sql).bind::<sql_types::Text, _>(record.key()).execute(tx.conn())?;
            live::publish(tx, &LiveMessage::refresh())
        })
    };
    step(
        "status = 'running', gathered = 0, done = 0, total = 0, found = 0, started_at = now(), requested_at = now(), finished_at = NULL",
    )?;
    match ctx.db.org_now(&org, |tx| search(tx, &ctx.db, org, record)) {
        Ok(()) => step("status = 'done', finished_at = now()")?,
        Err(error) => {
            if ctx.attempt >= ATTEMPTS {
                step("status = 'failed', finished_at = now()")?;
            }
            return Err(anyhow::anyhow!("{error}"));
        }
    }
    Ok(JobOutcome::Done)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    count: i64,
}

fn search(tx: &mut OrgTx, db: &Db, org: OrgId, record: RecordType) -> AppResult<()> {
    tx.without_time_limit()?;
    blocks::gather(tx, record, |percent| gathered(db, org, record, percent))?;
    let count: Count = diesel::sql_query("SELECT count(*) AS count FROM likely_pairs").get_result(tx.conn())?;
    let (mut done, mut found) = (0, 0);
    while done < count.count {
        tell(db, org, record, (done, count.count, found))?;
        found += scoring::batch(tx, record, (done, done + BATCH), least(found))?;
        done += BATCH;
    }
    let kept = scoring::commit(tx, record)?;
    diesel::sql_query("UPDATE duplicate_follows SET left_over = 0 WHERE record_type = $1")
        .bind::<sql_types::Text, _>(record.key())
        .execute(tx.conn())?;
    tell(db, org, record, (count.count, count.count, kept))
}

/// Of many, only the likelier are worth keeping.
fn least(found: i64) -> i16 {
    match found {
        ..scoring::MOST => scoring::LEAST,
        scoring::MOST..100_000 => 75,
        _ => 85,
    }
}

fn gathered(db: &Db, org: OrgId, record: RecordType, percent: i16) -> AppResult<()> {
    db.org_now(&org, |tx| {
        diesel::sql_query("UPDATE duplicate_scans SET gathered = $2 WHERE record_type = $1")
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::SmallInt, _>(percent)
            .execute(tx.conn())?;
        Ok(())
    })
}

fn tell(db: &Db, org: OrgId, record: RecordType, (done, total, found): (i64, i64, i64)) -> AppResult<()> {
    db.org_now(&org, |tx| {
        diesel::sql_query("UPDATE duplicate_scans SET done = $2, total = $3, found = $4 WHERE record_type = $1")
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::BigInt, _>(done)
            .bind::<sql_types::BigInt, _>(total)
            .bind::<sql_types::BigInt, _>(found)
            .execute(tx.conn())?;
        Ok(())
    })
}
