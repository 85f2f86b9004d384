//! The queue's SQL: claim, finish, fail.

use crate::{
    db::{Db, Reason, Tx},
    error::AppResult,
    schema::jobs,
};
use chrono::{TimeDelta, Utc};
use diesel::{prelude::*, sql_types};
use rand::Rng;
use serde_json::Value;
use uuid::Uuid;

/// How long a worker may go without renewing before others take its job. Renewed while the handler runs.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug, Clone, QueryableByName)]
#[diesel(table_name = jobs)]
pub struct Claimed {
    pub id: Uuid,
    pub org_id: Option<Uuid>,
    pub kind: String,
    pub payload: Value,
    pub attempts: i32,
    pub max_attempts: i32,
    /// Of this claim: a worker whose lease was taken over must not finish the job of another.
    pub locked_by: Option<String>,
}

/// Takes the oldest due job, or one whose lease ran out.
pub fn claim(db: &Db, worker: &str) -> AppResult<Option<Claimed>> {
    let ticket = format!("{worker}/{}", Uuid::now_v7().simple());
    db.system_now(Reason::Jobs, |tx| {
        let sql = "UPDATE jobs SET status = 'running', attempts = attempts + 1, locked_by = $1, \
                     locked_until = now() + $2 * interval '1 second' \
                   WHERE id = (SELECT id FROM jobs WHERE (status = 'queued' AND run_at <= now()) \
                                 OR (status = 'running' AND locked_until < now()) \
                               ORDER BY run_at FOR UPDATE SKIP LOCKED LIMIT 1) \
                   RETURNING *";
        let claimed = diesel::sql_query(sql)
            .bind::<sql_types::Text, _>(ticket)
            .bind::<sql_types::BigInt, _>(LEASE.num_seconds())
            .get_result(tx.conn())
            .optional()?;
        Ok(claimed)
    })
}

/// Extends the lease; false when the job is no longer this claim's.
pub fn renew(db: &Db, job: &Claimed) -> AppResult<bool> {
    db.system_now(Reason::Jobs, |tx| {
        let rows = diesel::update(mine(job)).set(jobs::locked_until.eq(Utc::now() + LEASE)).execute(tx.conn())?;
        Ok(rows == 1)
    })
}

pub fn finish(db: &Db, job: &Claimed) -> AppResult<()> {
    db.system_now(Reason::Jobs, |tx| {
        diesel::delete(mine(job)).execute(tx.conn())?;
        Ok(())
    })
}

/// Queues the job again, later each time, or lays it among the dead.
pub fn fail(db: &Db, job: &Claimed, error: &str, for_good: bool) -> AppResult<()> {
    let dead = for_good || job.attempts >= job.max_attempts;
    let error: String = error.chars().take(2_000).collect();
    db.system_now(Reason::Jobs, |tx| {
        diesel::update(mine(job))
            .set((
                jobs::status.eq(if dead { "dead" } else { "queued" }),
                jobs::run_at.eq(Utc::now() + backoff(job.attempts)),
                jobs::last_error.eq(error),
                jobs::locked_by.eq(None::<String>),
                jobs::locked_until.eq(None::<chrono::DateTime<Utc>>),
            ))
            .execute(tx.conn())?;
        Ok(())
    })
}

/// 2, 4, 8 … seconds, at most an hour, each with up to half as much again so that retries do not come in step.
pub fn backoff(attempts: i32) -> TimeDelta {
    let seconds = 2i64.saturating_pow(attempts.clamp(1, 12).unsigned_abs()).min(3_600);
    TimeDelta::milliseconds(seconds * 1_000 + rand::rng().random_range(0..=seconds * 500))
}

type Mine = diesel::dsl::Filter<
    diesel::dsl::Filter<jobs::table, diesel::dsl::Eq<jobs::id, Uuid>>,
    diesel::dsl::Eq<jobs::locked_by, Option<String>>,
>;

fn mine(job: &Claimed) -> Mine {
    jobs::table.filter(jobs::id.eq(job.id)).filter(jobs::locked_by.eq(job.locked_by.clone()))
}
