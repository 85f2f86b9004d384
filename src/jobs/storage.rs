//! The queue's SQL: claim, renew, finish, fail. Every time is the database's, so that the clocks of several machines never mix.

use super::Lane;
use crate::{
    db::{Db, Reason, Tx},
    error::AppResult,
    schema::jobs,
};
use chrono::TimeDelta;
use diesel::{dsl::sql, prelude::*, sql_types};
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

/// A job that ends the process each time would otherwise be taken up for ever.
const BURY: &str = "
UPDATE jobs SET status = 'dead', locked_by = NULL, locked_until = NULL,
  last_error = coalesce(last_error || ' — ', '') || 'its worker ended without a word, on the last attempt'
WHERE status = 'running' AND locked_until < now() AND attempts >= max_attempts";

/// Two looks, each along its own index: leases that ran out, then what is due.
const CLAIM: &str = "
WITH late AS (
  SELECT id FROM jobs WHERE status = 'running' AND locked_until < now() AND kind <> ALL ($3)
  ORDER BY locked_until LIMIT 1 FOR UPDATE SKIP LOCKED
), due AS (
  SELECT id FROM jobs WHERE status = 'queued' AND run_at <= now() AND kind <> ALL ($3) AND NOT EXISTS (SELECT 1 FROM late)
  ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET status = 'running', attempts = attempts + 1, locked_by = $1, locked_until = now() + $2 * interval '1 second'
WHERE id IN (SELECT id FROM late UNION ALL SELECT id FROM due)
RETURNING *";

/// Takes a job whose lease ran out, or the oldest due one.
pub fn claim(db: &Db, worker: &str, lane: Lane) -> AppResult<Option<Claimed>> {
    let ticket = format!("{worker}/{}", Uuid::now_v7().simple());
    db.system_now(Reason::Jobs, |tx| {
        diesel::sql_query(BURY).execute(tx.conn())?;
        let claimed = diesel::sql_query(CLAIM)
            .bind::<sql_types::Text, _>(ticket)
            .bind::<sql_types::BigInt, _>(LEASE.num_seconds())
            .bind::<sql_types::Array<sql_types::Text>, _>(lane.leaves_alone())
            .get_result(tx.conn())
            .optional()?;
        Ok(claimed)
    })
}

/// Extends the lease; false when the job is no longer this claim's.
pub fn renew(db: &Db, job: &Claimed) -> AppResult<bool> {
    db.system_now(Reason::Jobs, |tx| {
        let until = sql::<sql_types::Nullable<sql_types::Timestamptz>>("now() + interval '1 second' * ")
            .bind::<sql_types::BigInt, _>(LEASE.num_seconds());
        let rows = diesel::update(mine(job)).set(jobs::locked_until.eq(until)).execute(tx.conn())?;
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
    let error: String = error.chars().filter(|c| *c != '\0').take(2_000).collect();
    let later = sql::<sql_types::Timestamptz>("now() + interval '1 millisecond' * ")
        .bind::<sql_types::BigInt, _>(backoff(job.attempts).num_milliseconds());
    db.system_now(Reason::Jobs, |tx| {
        diesel::update(mine(job))
            .set((
                jobs::status.eq(if dead { "dead" } else { "queued" }),
                jobs::run_at.eq(later),
                jobs::last_error.eq(error),
                jobs::locked_by.eq(None::<String>),
                jobs::locked_until.eq(None::<chrono::DateTime<chrono::Utc>>),
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

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn retries_come_later_each_time_and_never_in_step() {
        for attempt in 1..=40i32 {
            let base = 2i64.pow(attempt.min(12).unsigned_abs()).min(3_600) * 1_000;
            let pauses: Vec<i64> = (0..50).map(|_| backoff(attempt).num_milliseconds()).collect();
            assert!(pauses.iter().all(|ms| (base..=base + base / 2).contains(ms)), "attempt {attempt}: {pauses:?}");
            assert!(pauses.iter().any(|ms| *ms != pauses[0]), "attempt {attempt} has no jitter");
        }
    }
}
