//! The nightly round: every series has its occurrences about a year ahead. Each series is a transaction of its own; taken up again
//! after a crash, the round goes on with what is left, and what is there is not made twice.

use super::{Row, Series, finished, plan};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{JobContext, JobOutcome, Registry},
    kernel::ActivityId,
    schema::{activities, activity_series},
};
use chrono::{Days, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::Value;

const JOB: &str = "activities.extend_series";

/// Organisations with a series whose occurrences do not reach a year ahead. One of the sweeps.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key)
  SELECT DISTINCT org_id, 'activities.extend_series', 'activities.extend_series' FROM activity_series WHERE made_until < (now() - interval '12 hours')::date + 365
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

pub fn register(registry: &mut Registry) {
    registry.register(JOB, run);
}

fn run(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    while ctx.db.org_now(&org, extend_one)? {}
    Ok(JobOutcome::Done)
}

/// What the round does, in one transaction.
pub fn extend_all(tx: &mut OrgTx) -> AppResult<()> {
    while extend_one(tx)? {}
    Ok(())
}

/// The next series that is due; false when there is none.
fn extend_one(tx: &mut OrgTx) -> AppResult<bool> {
    let today = Utc::now().date_naive();
    let found: Option<Row> = activity_series::table
        .filter(activity_series::made_until.lt(today + Days::new(365)))
        .order((activity_series::made_until, activity_series::id))
        .select(Row::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .optional()?;
    let Some(series) = found.map(Series::from) else { return Ok(false) };
    match model(tx, &series)? {
        Some(model) => plan::extend(tx, &series, model)?,
        // Nothing is left to copy.
        None => close(tx, &series, finished())?,
    }
    Ok(true)
}

/// The last occurrence that was not changed on its own.
pub(super) fn model(tx: &mut OrgTx, series: &Series) -> AppResult<Option<ActivityId>> {
    let of = activities::table.filter(activities::series_id.eq(series.id));
    Ok(of
        .order((activities::deleted_at.is_not_null(), activities::occurrence.eq("own"), activities::occurs_on.desc()))
        .select(activities::id)
        .first(tx.conn())
        .optional()?)
}

fn close(tx: &mut OrgTx, series: &Series, made_until: NaiveDate) -> AppResult<()> {
    diesel::update(activity_series::table.filter(activity_series::id.eq(series.id)))
        .set(activity_series::made_until.eq(made_until))
        .execute(tx.conn())?;
    Ok(())
}
