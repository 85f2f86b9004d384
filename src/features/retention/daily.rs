//! The daily round of an organisation. Each piece of it is a transaction of its own: killed, it goes on with what is left, and a
//! second round at the same time finds nothing to do.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::bin,
    jobs::{JobContext, JobOutcome},
    kernel::RecordType,
};
use chrono::{Duration, Utc};
use diesel::prelude::*;
use serde_json::Value;

pub(super) const JOB: &str = "retention.daily";
/// Records that leave the bin in one transaction.
const PIECE: usize = 500;

/// A round is due for every organisation whose last one is a day ago. One of the sweeps.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key)
  SELECT o.id, 'retention.daily', 'retention.daily' FROM organisations o LEFT JOIN retention_settings s ON s.org_id = o.id
  WHERE coalesce(s.ran_at, o.created_at) < now() - interval '1 day'
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

pub(super) fn run(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let days = ctx.db.org_now(&org, bin::keep_days)?;
    for record in RecordType::ALL {
        while ctx.db.org_now(&org, |tx| leave_bin(tx, record, days))? > 0 {}
    }
    ctx.db.org_now(&org, done)?;
    Ok(JobOutcome::Done)
}

/// The next of those that were in the bin long enough. How many went.
fn leave_bin(tx: &mut OrgTx, record: RecordType, days: i64) -> AppResult<i64> {
    let ids = bin::due(tx, None, record, Utc::now() - Duration::days(days), PIECE)?;
    bin::purge(tx, record, &ids)
}

fn done(tx: &mut OrgTx) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO retention_settings (ran_at) VALUES (now()) ON CONFLICT (org_id) DO UPDATE SET ran_at = excluded.ran_at",
    )
    .execute(tx.conn())?;
    Ok(())
}
