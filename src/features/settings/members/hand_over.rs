//! Handing over what a member owns: at once when it is little, by a job when it is much, so that no request waits for it and no lock
//! is held for long. The job moves a batch per transaction; taken up again, it moves what is left.

use super::records::{self, HandOver, Owned};
use crate::{
    db::{OrgTx, Reason, Tx},
    error::{AppError, AppResult},
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::{MemberId, OrgId},
    schema,
    web::{Actor, Allow, permission::organisation::Administer},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

pub const KIND: &str = "members.hand_over";
/// Records that a request hands over itself.
const AT_ONCE: i64 = 1_000;
const BATCH: i64 = 1_000;
const ATTEMPTS: i32 = 5;

#[derive(Serialize, Deserialize)]
struct Payload {
    from: MemberId,
    how: HandOver,
    by: MemberId,
}

/// How far a hand-over has come when the request ends.
#[derive(Clone, Copy, Debug)]
pub enum Begun {
    Done(Owned),
    /// A job goes on with so many records.
    Enqueued(i64),
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(KIND, run);
}

/// Hands over, or enqueues the job that does.
pub fn begin(tx: &mut OrgTx, by: &Allow<Administer>, from: MemberId, how: HandOver) -> AppResult<Begun> {
    let count = records::owned(tx, from)?.moved_by(how);
    if count <= AT_ONCE {
        return records::hand_over(tx, by, from, how).map(Begun::Done);
    }
    records::check(tx, from, how)?;
    let job = Job::new(KIND, &Payload { from, how, by: by.actor().id })?;
    jobs::enqueue(tx, job.key(key(from)).max_attempts(ATTEMPTS))?;
    Ok(Begun::Enqueued(count))
}

/// Whether a job is at it.
pub fn is_under_way(tx: &mut OrgTx, from: MemberId) -> AppResult<bool> {
    use schema::jobs::dsl;
    let mine = dsl::jobs.filter(dsl::org_id.eq(tx.org_id().0)).filter(dsl::key.eq(key(from)));
    Ok(diesel::select(diesel::dsl::exists(mine.filter(dsl::status.ne("dead")))).get_result(tx.conn())?)
}

fn key(from: MemberId) -> String {
    format!("hand_over:{from}")
}

fn run(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { from, how, by } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    // The words of a refusal are what the page of failed jobs shows.
    move_all(ctx, org, (from, how), by).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(JobOutcome::Done)
}

fn move_all(ctx: &JobContext, org: OrgId, what: (MemberId, HandOver), by: MemberId) -> AppResult<()> {
    let actor = ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), org))?;
    let actor = actor.ok_or_else(|| AppError::Conflict("Whoever asked for it is no longer a member.".into()))?;
    let by = Allow::<Administer>::check(&actor)?;
    let mut moved = Owned::default();
    loop {
        let some = ctx.db.org_now(&actor, |tx| {
            let who = records::check(tx, what.0, what.1)?;
            let some = records::move_some(tx, &by, what, &who, BATCH)?;
            if some.is_nothing() {
                records::tell(tx, &by, what.0, &who, moved)?;
            }
            Ok(some)
        })?;
        if some.is_nothing() {
            return Ok(());
        }
        moved += some;
    }
}
