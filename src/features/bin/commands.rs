//! Bringing records back, and emptying the bin: little at once, much by a job, a piece a transaction.

use super::{purge::purge, queries};
use crate::{
    db::{OrgTx, Reason, Tx},
    error::{AppError, AppResult},
    features::records::{
        self,
        lifecycle::{self, Step},
        require_delete,
    },
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{MemberId, RecordType},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::sql_types;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) const JOB: &str = "bin.purge";
/// Up to so many go in the request.
const AT_ONCE: usize = 200;
/// Records of a piece of the job.
const PIECE: usize = 500;

/// What came back, and what did not, with the reasons.
#[derive(Clone, Debug, Default)]
pub(super) struct Restored {
    pub count: i64,
    pub left: Vec<String>,
}

/// Brings these back. One that cannot come stays, and says why.
pub(super) fn restore(tx: &mut OrgTx, actor: &Actor, record: RecordType, ids: &[Uuid]) -> AppResult<Restored> {
    require_delete(actor, record)?;
    let mut restored = Restored::default();
    for id in queries::among(tx, actor, record, ids)? {
        match tx.attempt(|tx| lifecycle::take(tx, actor, records::spec(record), id, Step::Undelete)) {
            Ok(_) => restored.count += 1,
            Err(AppError::Conflict(told)) => restored.left.push(told),
            Err(AppError::Invalid(errors)) => restored.left.push(errors.summary()),
            Err(AppError::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(restored)
}

/// What is to go for good.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    These(Vec<Uuid>),
    /// All that was in the bin when this was asked.
    All,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    record: String,
    by: MemberId,
    until: DateTime<Utc>,
}

/// Deletes for good what the actor sees of it. `None`: a job does it.
pub(super) fn empty(tx: &mut OrgTx, actor: &Actor, record: RecordType, chosen: &Chosen) -> AppResult<Option<i64>> {
    require_delete(actor, record)?;
    let now = now(tx)?;
    let ids = match chosen {
        Chosen::These(ids) => queries::among(tx, actor, record, ids)?,
        Chosen::All => queries::due(tx, actor.visible_owners(), record, now, AT_ONCE + 1)?,
    };
    if ids.len() <= AT_ONCE {
        return purge(tx, record, &ids).map(Some);
    }
    let payload = Payload { record: record.key().to_owned(), by: actor.id, until: now };
    jobs::enqueue(tx, Job::new(JOB, &payload)?.key(format!("bin.purge:{record}:{}", actor.id)))?;
    Ok(None)
}

/// The database's clock, by which records are deleted.
fn now(tx: &mut OrgTx) -> AppResult<DateTime<Utc>> {
    use diesel::prelude::*;
    Ok(diesel::select(diesel::dsl::sql::<sql_types::Timestamptz>("now()")).get_result(tx.conn())?)
}

/// The job behind a large one. Whoever asked must still be allowed to.
pub(super) fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let payload: Payload = serde_json::from_value(payload.clone())?;
    let (Some(org), Some(record)) = (ctx.org, RecordType::parse(&payload.record)) else {
        return Ok(JobOutcome::GiveUp);
    };
    let actor = ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, payload.by.into(), org))?;
    let Some(actor) = actor.filter(|actor| require_delete(actor, record).is_ok()) else {
        return Ok(JobOutcome::GiveUp);
    };
    let piece = |tx: &mut OrgTx| {
        let ids = queries::due(tx, actor.visible_owners(), record, payload.until, PIECE)?;
        purge(tx, record, &ids)
    };
    while ctx.db.org_now(&actor, piece)? > 0 {}
    Ok(JobOutcome::Done)
}
