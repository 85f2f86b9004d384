//! What administrators see and do: the organisation's dead jobs, one more try, or away with it. And how deep the queue is, for
//! whoever runs the installation.

use crate::{
    db::{OrgTx, SystemTx, Tx},
    error::{AppError, AppResult},
    kernel::JobId,
    schema::jobs,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

/// A job that will not be tried again by itself.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct DeadJob {
    pub id: JobId,
    pub kind: String,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// The organisation's dead jobs, newest first, at most 200.
pub fn dead(tx: &mut OrgTx) -> AppResult<Vec<DeadJob>> {
    let rows = mine(tx).select(DeadJob::as_select()).order(jobs::created_at.desc()).limit(200).load(tx.conn())?;
    Ok(rows)
}

/// Queues a dead job once more, with all its attempts before it.
pub fn retry(tx: &mut OrgTx, id: JobId) -> AppResult<()> {
    let again = diesel::update(mine(tx).filter(jobs::id.eq(id)))
        .set((jobs::status.eq("queued"), jobs::attempts.eq(0), jobs::run_at.eq(diesel::dsl::now)))
        .execute(tx.conn());
    match again {
        Ok(0) => Err(AppError::NotFound),
        Ok(_) => super::wake(tx),
        Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)) => {
            Err(AppError::Conflict("The same job is queued again already: discard this one.".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Forgets a dead job.
pub fn discard(tx: &mut OrgTx, id: JobId) -> AppResult<()> {
    match diesel::delete(mine(tx).filter(jobs::id.eq(id))).execute(tx.conn())? {
        0 => Err(AppError::NotFound),
        _ => Ok(()),
    }
}

/// The queue at this moment, across organisations.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Depth {
    /// Due now and waiting for a worker.
    #[diesel(sql_type = sql_types::BigInt)]
    pub due: i64,
    /// Queued for later, retries among them.
    #[diesel(sql_type = sql_types::BigInt)]
    pub later: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub running: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    pub dead: i64,
    /// How long the oldest due job has been waiting.
    #[diesel(sql_type = sql_types::Double)]
    pub oldest_seconds: f64,
}

pub fn depth(tx: &mut SystemTx) -> AppResult<Depth> {
    let sql = "
        SELECT count(*) FILTER (WHERE status = 'queued' AND run_at <= now()) AS due,
          count(*) FILTER (WHERE status = 'queued' AND run_at > now()) AS later,
          count(*) FILTER (WHERE status = 'running') AS running,
          count(*) FILTER (WHERE status = 'dead') AS dead,
          coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE status = 'queued' AND run_at <= now())), 0)::float8
            AS oldest_seconds
        FROM jobs";
    Ok(diesel::sql_query(sql).get_result(tx.conn())?)
}

#[diesel::dsl::auto_type]
fn dead_of(org: uuid::Uuid) -> _ {
    jobs::table.filter(jobs::org_id.eq(org)).filter(jobs::status.eq("dead"))
}

fn mine(tx: &OrgTx) -> dead_of {
    dead_of(tx.org_id().0)
}
