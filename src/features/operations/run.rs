//! Operations at work: small ones in the request, large ones as a job, piece by piece, each piece a transaction of its own.
//!
//! Between pieces a cancellation is heard. A job that was killed goes on with the pieces that are left; when its person has lost the
//! right to do it meanwhile, it stops and says so.

use super::{
    actions::Action,
    apply, batches, ledger,
    model::{NewOperation, Operation, Status},
    undo,
};
use crate::{
    db::{Db, OrgTx, Reason, Tx},
    error::{AppError, AppResult},
    features::{
        notifications::{self, Finished},
        records::list::{self, Kept, Selection},
    },
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{OperationId, OrgId, RecordType},
    live::{self, LiveMessage},
    schema::operations,
    web::Actor,
};
use anyhow::anyhow;
use chrono::Utc;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::ControlFlow;
use uuid::Uuid;

pub(super) const JOB: &str = "operations.run";
const ATTEMPTS: i32 = 8;
/// Ids read at a time while a selection is laid out.
const PLANNED: i64 = 5_000;
/// Up to so many records are done in the request.
pub const AT_ONCE: usize = 200;

#[derive(Serialize, Deserialize)]
struct Payload {
    operation: OperationId,
}

/// What is asked for: an action, on which records.
#[derive(Clone, Debug)]
pub struct Request {
    pub record: RecordType,
    pub action: Action,
    pub selection: Selection,
    /// A path of ours to come back to.
    pub back: String,
    pub key: Option<Uuid>,
}

/// Does it at once when it is small, else writes it down for a job. The same form sent twice is one operation.
pub fn start(tx: &mut OrgTx, actor: &Actor, request: &Request) -> AppResult<Operation> {
    request.action.require(actor, request.record)?;
    let mut key = request.key;
    match key.map(|key| ledger::of_request(tx, key)).transpose()?.flatten() {
        // Undone since, and asked for again: that is another operation.
        Some(known) if known.status() == Status::Undone => key = None,
        Some(known) => return Ok(known),
        None => {}
    }
    let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX) + 1;
    let named = match &request.selection {
        // As they were ticked: what is hidden or gone by now is counted as such.
        Selection::Ids(_, ids) => Some(ids.clone()),
        matching => Some(matching.next(tx, actor, None, most)?).filter(|ids| ids.len() <= AT_ONCE),
    };
    let new = NewOperation {
        kind: request.action.kind(),
        record: request.record,
        title: request.action.title(request.record),
        params: json!({ "action": request.action, "back": request.back, "selection": kept(request, named.is_some()) }),
        total: named.as_ref().map_or(0, |ids| i64::try_from(ids.len()).unwrap_or(i64::MAX)),
        request_key: key,
    };
    let small = named.as_ref().is_some_and(|ids| ids.len() <= AT_ONCE);
    let op = ledger::insert(tx, &new, if small { "running" } else { "queued" }, named.is_some())?;
    match named {
        Some(ids) if small => {
            let (tally, changed) = apply::batch(tx, actor, op, request.record, &request.action, &ids)?;
            ledger::advance(tx, op, &tally)?;
            ledger::finish(tx, op)?;
            tell(tx, request.record, changed)?;
        }
        Some(ids) => {
            batches::add(tx, op, request.record, &ids)?;
            enqueue(tx, op)?;
        }
        None => enqueue(tx, op)?,
    }
    ledger::lock(tx, op)
}

/// Of a selection that the job is yet to lay out.
fn kept(request: &Request, named: bool) -> Option<Kept> {
    (!named).then(|| request.selection.keep())
}

/// Takes the operation back: at once when it is small, else by a job.
pub fn take_back(tx: &mut OrgTx, actor: &Actor, id: OperationId) -> AppResult<Operation> {
    let operation = undo::begin(tx, actor, id)?;
    if operation.status() != Status::Undoing {
        return Ok(operation);
    }
    if usize::try_from(operation.undo_total).unwrap_or(usize::MAX) > AT_ONCE {
        enqueue(tx, id)?;
        return Ok(operation);
    }
    while let Some((record, ids)) = batches::next(tx, id)? {
        undo::piece(tx, &operation, record, &ids)?;
        tell(tx, record, ids)?;
    }
    undo::end(tx, id, false)?;
    ledger::lock(tx, id)
}

/// Stops it after the piece at work. Whether it was still running when this was asked.
pub fn cancel(tx: &mut OrgTx, id: OperationId) -> AppResult<bool> {
    let asked = diesel::update(operations::table.filter(operations::id.eq(id)))
        .filter(operations::status.eq_any(["queued", "running", "undoing"]))
        .set(operations::cancel_requested.eq(true))
        .execute(tx.conn())?;
    Ok(asked > 0)
}

fn enqueue(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    let job = Job::new(JOB, &Payload { operation: op })?;
    jobs::enqueue(tx, job.key(format!("operation:{op}")).max_attempts(ATTEMPTS))
}

/// Open pages fetch what changed.
fn tell(tx: &mut OrgTx, record: RecordType, ids: Vec<Uuid>) -> AppResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let message = match record {
        RecordType::Deal => LiveMessage::refresh(),
        _ => LiveMessage { ids, ..LiveMessage::record(record.key(), Uuid::nil()) },
    };
    live::publish(tx, &message)
}

/// The job behind a large operation, and behind its undo.
pub(super) fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { operation } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let Some(actor) = who(&ctx.db, org, operation)? else {
        ctx.db.org_now(&org, |tx| ledger::fail(tx, operation, "Whoever asked for it is no longer a member."))?;
        return Ok(JobOutcome::Done);
    };
    match work(&ctx.db, &actor, operation) {
        Ok(()) => Ok(JobOutcome::Done),
        Err(AppError::Forbidden(why)) => {
            ctx.db.org_now(&actor, |tx| fail(tx, operation, why))?;
            Ok(JobOutcome::Done)
        }
        Err(error) if ctx.attempt < ATTEMPTS => Err(anyhow!("{error}")),
        Err(error) => {
            ctx.db.org_now(&actor, |tx| fail(tx, operation, "Something went wrong on our side."))?;
            Err(anyhow!("{error}"))
        }
    }
}

/// Who asked for what is to be done now.
fn who(db: &Db, org: OrgId, op: OperationId) -> AppResult<Option<Actor>> {
    let operation = db.org_now(&org, |tx| ledger::lock(tx, op))?;
    let by = if operation.status() == Status::Undoing { operation.undone_by } else { operation.created_by };
    let Some(by) = by else { return Ok(None) };
    db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), org))
}

fn work(db: &Db, actor: &Actor, op: OperationId) -> AppResult<()> {
    while db.org_now(actor, |tx| piece(tx, actor, op))?.is_continue() {}
    Ok(())
}

/// The next piece, in this transaction.
fn piece(tx: &mut OrgTx, actor: &Actor, op: OperationId) -> AppResult<ControlFlow<()>> {
    let operation = ledger::lock(tx, op)?;
    let undoing = operation.status() == Status::Undoing;
    if !operation.status().is_open() {
        return Ok(ControlFlow::Break(()));
    }
    if operation.cancel_requested {
        return stop(tx, op, undoing, true);
    }
    if !undoing && !operation.planned {
        plan(tx, actor, &operation)?;
        return Ok(ControlFlow::Continue(()));
    }
    let Some((record, ids)) = batches::next(tx, op)? else { return stop(tx, op, undoing, false) };
    if undoing {
        undo::piece(tx, &operation, record, &ids)?;
        return Ok(ControlFlow::Continue(()));
    }
    let action = action(&operation)?;
    action.require(actor, record)?;
    mark_running(tx, &operation)?;
    let (tally, _) = apply::batch(tx, actor, op, record, &action, &ids)?;
    ledger::advance(tx, op, &tally)?;
    Ok(ControlFlow::Continue(()))
}

/// Everything that matches as of now, laid out: from here on it is these records, whatever the changes make of the filter.
fn plan(tx: &mut OrgTx, actor: &Actor, operation: &Operation) -> AppResult<()> {
    let record = operation.record().ok_or(AppError::NotFound)?;
    let kept: Kept = serde_json::from_value(operation.params["selection"].clone()).map_err(anyhow::Error::from)?;
    let selection = Selection::restore(tx, actor, record, &kept)?;
    let (op, mut total) = (operation.id, 0);
    list::batches(tx, actor, &selection, PLANNED, |tx, ids| {
        total += i64::try_from(ids.len()).unwrap_or(0);
        batches::add(tx, op, record, ids)
    })?;
    ledger::planned(tx, op, total)
}

fn stop(tx: &mut OrgTx, op: OperationId, undoing: bool, cancelled: bool) -> AppResult<ControlFlow<()>> {
    if undoing {
        undo::end(tx, op, cancelled)?;
    } else {
        batches::clear(tx, op)?;
        ledger::end(tx, op, if cancelled { "cancelled" } else { "done" }, None)?;
        over(tx, op)?;
    }
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(ControlFlow::Break(()))
}

fn fail(tx: &mut OrgTx, op: OperationId, why: &str) -> AppResult<()> {
    ledger::fail(tx, op, why)?;
    over(tx, op)
}

/// Whoever asked for it looks elsewhere by now.
fn over(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    let operation = ledger::lock(tx, op)?;
    let how = match operation.status() {
        Status::Failed => "was stopped by an error".to_owned(),
        Status::Cancelled => format!("was stopped: {} changed", operation.changed),
        _ => format!("is done: {} changed", operation.changed),
    };
    let work =
        Finished { key: format!("operation:{op}"), what: &operation.title, how: &how, at: format!("/operations/{op}") };
    notifications::finished(tx, operation.created_by, &work)
}

fn action(operation: &Operation) -> AppResult<Action> {
    serde_json::from_value(operation.params["action"].clone()).map_err(|error| AppError::Internal(error.into()))
}

fn mark_running(tx: &mut OrgTx, operation: &Operation) -> AppResult<()> {
    if operation.status() != Status::Queued {
        return Ok(());
    }
    diesel::update(operations::table.filter(operations::id.eq(operation.id)))
        .set((operations::status.eq("running"), operations::started_at.eq(Utc::now())))
        .execute(tx.conn())?;
    Ok(())
}
