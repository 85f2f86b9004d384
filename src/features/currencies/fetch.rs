//! The job that fetches rates. It asks outside of any transaction; whatever goes wrong is kept to be shown, and the rates stay.

use super::{commands, queries, source};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome},
    schema::organisations,
};
use diesel::prelude::*;
use serde_json::{Value, json};

pub(super) const JOB: &str = "rates.fetch";

/// Due for organisations that chose other currencies: four times a day, and an hour after a try that failed. One of the sweeps.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key, max_attempts)
  SELECT o.id, 'rates.fetch', 'rates.fetch', 3 FROM organisations o LEFT JOIN rate_sources s ON s.org_id = o.id
  WHERE coalesce(s.fetching, true) AND EXISTS (SELECT FROM org_currencies c WHERE c.org_id = o.id)
    AND (s.tried_at IS NULL OR s.tried_at < now() - CASE WHEN s.problem IS NULL THEN interval '6 hours' ELSE interval '1 hour' END)
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

pub(super) fn enqueue(tx: &mut OrgTx) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(JOB, &json!({}))?.key(JOB).max_attempts(3))
}

pub(super) fn run_job(ctx: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let (own, wanted, from) = ctx.db.org_now(&org, |tx| {
        let own: String = organisations::table.select(organisations::currency).first(tx.conn())?;
        Ok((own, queries::enabled(tx)?, queries::source(tx)?))
    })?;
    if !from.fetching || wanted.is_empty() {
        return Ok(JobOutcome::Done);
    }
    let address = from.url.as_deref().unwrap_or(ctx.config.rates_url.as_str());
    let said = source::ask(address, &ctx.config.trusted_hosts);
    ctx.db.org_now(&org, |tx| {
        let outcome = match said {
            Ok(days) => {
                let last = commands::keep(tx, &own, &wanted, &days)?;
                last.ok_or_else(|| format!("It says nothing of {own} and the currencies chosen."))
            }
            Err(problem) => Err(problem),
        };
        commands::tried(tx, outcome)
    })?;
    Ok(JobOutcome::Done)
}
