//! The daily round of an organisation: its rules, its bin, what imports refused. Each piece of it is a transaction of its own: killed, it goes on with what is left, and a
//! second round at the same time finds nothing to do.

use super::rules::{self, Rule};
use crate::{
    db::{OrgTx, Reason, Tx},
    error::AppResult,
    features::{
        activities, bin,
        operations::{self, Action, Request},
    },
    jobs::{JobContext, JobOutcome},
    kernel::{OrgId, RecordType},
    schema::operations as kept,
    web::{
        Actor,
        permission::{Permission, organisation::Administer},
    },
};
use chrono::{Duration, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;

pub(super) const JOB: &str = "retention.daily";
/// Records that leave the bin in one transaction.
const PIECE: usize = 500;
const ACTIVITIES: i64 = 500;

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
    for rule in ctx.db.org_now(&org, rules::all)?.iter().filter(|rule| rule.active) {
        apply(ctx, org, rule)?;
    }
    let days = ctx.db.org_now(&org, bin::keep_days)?;
    for record in RecordType::ALL {
        while ctx.db.org_now(&org, |tx| leave_bin(tx, record, days))? > 0 {}
    }
    while ctx.db.org_now(&org, |tx| activities::purge(tx, days, ACTIVITIES))? > 0 {}
    ctx.db.org_now(&org, forget_refused)?;
    ctx.db.org_now(&org, done)?;
    Ok(JobOutcome::Done)
}

/// A rule acts in the name of the administrator who switched it on, while that is one.
fn apply(ctx: &JobContext, org: OrgId, rule: &Rule) -> anyhow::Result<()> {
    let by = rule.activated_by;
    let actor = by.map(|by| ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), org))).transpose()?;
    match actor.flatten().filter(|actor| actor.may(Administer::KEY)) {
        Some(actor) => ctx.db.org_now(&actor, |tx| act(tx, &actor, rule))?,
        None => ctx.db.org_now(&org, |tx| rules::abandon(tx, rule.id))?,
    }
    Ok(())
}

/// A bulk change of what the rule takes today: at once when it is little, else by a job of its own.
fn act(tx: &mut OrgTx, actor: &Actor, rule: &Rule) -> AppResult<()> {
    let (record, selection) = (rule.record()?, rule.selection(tx, actor)?);
    if selection.next(tx, actor, None, 1)?.is_empty() {
        return rules::acted(tx, rule.id, None);
    }
    let (action, back) = match rule.anonymises() {
        true => (Action::Anonymise, format!("/{}", record.noun())),
        false => (Action::Delete, format!("/bin?type={}", record.key())),
    };
    let operation = operations::start(tx, actor, &Request { record, action, selection, back, key: None })?;
    diesel::update(kept::table.filter(kept::id.eq(operation.id)))
        .set(kept::title.eq(format!("Retention: {}", rule.told())))
        .execute(tx.conn())?;
    rules::acted(tx, rule.id, Some(operation.id))
}

/// The rows that imports refused, kept long enough.
fn forget_refused(tx: &mut OrgTx) -> AppResult<()> {
    let Some(days) = rules::keeping(tx)?.import_days else { return Ok(()) };
    tx.without_time_limit()?;
    diesel::sql_query(
        "DELETE FROM import_errors e USING imports i WHERE i.org_id = e.org_id AND i.id = e.import_id \
           AND i.finished_at < now() - make_interval(days => $1)",
    )
    .bind::<sql_types::Integer, _>(i32::from(days))
    .execute(tx.conn())?;
    Ok(())
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
