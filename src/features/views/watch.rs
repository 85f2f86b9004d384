//! Telling people of new matches of a view: every few minutes a job looks at what changed since it last looked, as the watcher, and
//! counts what is new. The counts stand at the pinned views; a notice of each view tells them, at most hourly.
//!
//! Of a view with few matches each one is remembered, so that a record which comes to match is told of once; of a larger one only
//! added records are.

use super::queries;
use crate::{
    db::{OrgTx, Reason, Tx},
    error::AppResult,
    features::{
        notifications::{self, Kind, Notice, To},
        records::list::Selection,
    },
    jobs::{JobContext, JobOutcome, Registry},
    kernel::{OrgId, RecordType, UserId},
    web::Actor,
};
use anyhow::anyhow;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

const KIND: &str = "views.watch";
/// Matches that are remembered one by one.
const REMEMBERED: i64 = 5_000;
/// Changed records looked at in one go.
const LOOKED_AT: i64 = 1_000;

/// For the sweeps: organisations whose watches are due get the job.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, key)
  SELECT DISTINCT org_id, 'views.watch', 'views.watch' FROM view_watches WHERE watermark < now() - interval '3 minutes'
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

pub(super) fn register(registry: &mut Registry) {
    registry.register(KIND, run);
}

/// From now on the actor is told. What matches already is not new.
pub(super) fn begin(tx: &mut OrgTx, actor: &Actor, view: Uuid) -> AppResult<()> {
    let found = queries::find(tx, actor, view)?;
    let Some(record) = found.record() else { return Ok(()) };
    let known = Selection::matching(tx, actor, record, &found.query)?.next(tx, actor, None, REMEMBERED + 1)?;
    let small = i64::try_from(known.len()).is_ok_and(|n| n <= REMEMBERED);
    diesel::sql_query(
        "INSERT INTO view_watches (member_id, view_id, small) VALUES ($1, $2, $3)
         ON CONFLICT (org_id, member_id, view_id) DO UPDATE SET small = excluded.small, watermark = now(), fresh = 0, unmailed = 0",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Uuid, _>(view)
    .bind::<sql_types::Bool, _>(small)
    .execute(tx.conn())?;
    if small {
        remember(tx, actor, view, &known)?;
    }
    Ok(())
}

/// The view lists something else now: what was remembered means nothing any more.
pub(super) fn restart(tx: &mut OrgTx, view: Uuid) -> AppResult<()> {
    for sql in [
        "DELETE FROM view_matches WHERE view_id = $1",
        "UPDATE view_watches SET small = false, watermark = now(), fresh = 0 WHERE view_id = $1",
    ] {
        diesel::sql_query(sql).bind::<sql_types::Uuid, _>(view).execute(tx.conn())?;
    }
    Ok(())
}

/// The reader looked.
pub fn seen(tx: &mut OrgTx, actor: &Actor, view: Uuid) -> AppResult<()> {
    diesel::sql_query("UPDATE view_watches SET fresh = 0, unmailed = 0 WHERE member_id = $1 AND view_id = $2")
        .bind::<sql_types::Uuid, _>(actor.id.0)
        .bind::<sql_types::Uuid, _>(view)
        .execute(tx.conn())?;
    Ok(())
}

/// How many of them were not known.
fn remember(tx: &mut OrgTx, actor: &Actor, view: Uuid, ids: &[Uuid]) -> AppResult<usize> {
    Ok(diesel::sql_query(
        "INSERT INTO view_matches (member_id, view_id, record_id) SELECT $1, $2, id FROM unnest($3) id ON CONFLICT DO NOTHING",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Uuid, _>(view)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .execute(tx.conn())?)
}

#[derive(QueryableByName, Clone)]
struct Watch {
    #[diesel(sql_type = sql_types::Uuid)]
    member_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    view_id: Uuid,
    #[diesel(sql_type = sql_types::Timestamptz)]
    watermark: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Bool)]
    small: bool,
}

fn run(context: &JobContext, _: &Value) -> anyhow::Result<JobOutcome> {
    let Some(org) = context.org else { return Ok(JobOutcome::Done) };
    let due: Vec<Watch> = context
        .db
        .org_now(&org, |tx| {
            Ok(diesel::sql_query("SELECT member_id, view_id, watermark, small FROM view_watches ORDER BY member_id")
                .load(tx.conn())?)
        })
        .map_err(|e| anyhow!("{e}"))?;
    let mut of: BTreeMap<Uuid, Vec<Watch>> = BTreeMap::new();
    for watch in due {
        of.entry(watch.member_id).or_default().push(watch);
    }
    for (member, watches) in of {
        if let Err(error) = tell(context, org, member, &watches) {
            tracing::warn!(%error, %member, "a watched view could not be read; it will be tried again");
        }
    }
    Ok(JobOutcome::Done)
}

/// One person's watches, each in a transaction of its own: one that takes too long does not keep the others back.
fn tell(context: &JobContext, org: OrgId, member: Uuid, watches: &[Watch]) -> anyhow::Result<()> {
    let loaded = context.db.system_now(Reason::Jobs, |tx| Actor::load(tx, UserId(member), org));
    let Some(actor) = loaded.map_err(|e| anyhow!("{e}"))? else { return Ok(()) };
    for watch in watches {
        if let Err(error) = context.db.org_now(&actor, |tx| look(tx, &actor, watch)) {
            tracing::debug!(%error, view = %watch.view_id, "this view is not to be read at present");
            context.db.org_now(&actor, |tx| advance(tx, watch, 0)).map_err(|e| anyhow!("{e}"))?;
        }
    }
    context.db.org_now(&actor, |tx| announce(tx, &actor)).map_err(|e| anyhow!("{e}"))
}

/// Counts what is new. Changes that were still being written when it last looked are in the minutes it looks back.
fn look(tx: &mut OrgTx, actor: &Actor, watch: &Watch) -> AppResult<()> {
    let view = queries::find(tx, actor, watch.view_id)?;
    let Some(record) = view.record() else { return Ok(()) };
    let selection = Selection::matching(tx, actor, record, &view.query)?;
    let (column, since) = match watch.small {
        true => ("updated_at", watch.watermark - chrono::Duration::minutes(2)),
        false => ("created_at", watch.watermark),
    };
    let ids = selection.changed(tx, actor, column, since, LOOKED_AT)?;
    let new = if watch.small { remember(tx, actor, watch.view_id, &ids)? } else { ids.len() };
    advance(tx, watch, i32::try_from(new).unwrap_or(i32::MAX))
}

fn advance(tx: &mut OrgTx, watch: &Watch, new: i32) -> AppResult<()> {
    diesel::sql_query(
        "UPDATE view_watches SET watermark = now(), fresh = fresh + $3, unmailed = unmailed + $3 WHERE member_id = $1 AND view_id = $2",
    )
    .bind::<sql_types::Uuid, _>(watch.member_id)
    .bind::<sql_types::Uuid, _>(watch.view_id)
    .bind::<sql_types::Integer, _>(new)
    .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct News {
    #[diesel(sql_type = sql_types::Uuid)]
    view_id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    unmailed: i32,
}

/// A notice of each view with something new, when the last one was an hour ago.
fn announce(tx: &mut OrgTx, actor: &Actor) -> AppResult<()> {
    const SQL: &str = "
UPDATE view_watches w SET unmailed = 0, mailed_at = now() FROM view_watches o
WHERE o.member_id = w.member_id AND o.view_id = w.view_id AND w.member_id = $1 AND w.unmailed > 0
  AND NOT EXISTS (SELECT 1 FROM view_watches r WHERE r.member_id = $1 AND r.mailed_at > now() - interval '1 hour')
RETURNING w.view_id, o.unmailed";
    let news: Vec<News> = diesel::sql_query(SQL).bind::<sql_types::Uuid, _>(actor.id.0).load(tx.conn())?;
    for News { view_id, unmailed } in news {
        let view = queries::find(tx, actor, view_id)?;
        let notice = Notice::new(Kind::Matches)
            .once(format!("matches:{view_id}:{}", chrono::Utc::now().timestamp_micros()))
            .at(&view.href())
            .param("view", &view.name)
            .param("noun", &view.record().map_or("records", RecordType::noun))
            .param("count", &unmailed);
        notifications::tell(tx, &notice, To::people([actor.id]))?;
    }
    Ok(())
}
