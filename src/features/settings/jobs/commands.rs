//! One more try for a dead job, or away with it; each with an event.

use super::queries;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    jobs as queue,
    kernel::JobId,
    schema::jobs,
    web::{Allow, permission::organisation::Administer},
};
use diesel::prelude::*;
use serde_json::json;

/// Queues a dead job once more. A mail that the server refused becomes one to send again.
pub fn retry(tx: &mut OrgTx, _: &Allow<Administer>, id: JobId) -> AppResult<()> {
    let kind = dead(tx, id)?;
    if !queries::may_be_retried(&kind) {
        return Err(AppError::Conflict("This import has ended. Send the file again under Imports.".into()));
    }
    queue::retry(tx, id)?;
    events::record(tx, Event::of("job.retried", "job", id).data(json!({ "kind": kind })))
}

/// Forgets a dead job.
pub fn discard(tx: &mut OrgTx, _: &Allow<Administer>, id: JobId) -> AppResult<()> {
    let kind = dead(tx, id)?;
    queue::discard(tx, id)?;
    events::record(tx, Event::of("job.discarded", "job", id).data(json!({ "kind": kind })))
}

fn dead(tx: &mut OrgTx, id: JobId) -> AppResult<String> {
    let mine = jobs::table.filter(jobs::org_id.eq(tx.org_id().0)).filter(jobs::status.eq("dead"));
    Ok(mine.filter(jobs::id.eq(id)).select(jobs::kind).for_update().first(tx.conn())?)
}
