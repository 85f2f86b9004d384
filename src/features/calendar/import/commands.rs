//! Keeping what was read until its owner says yes, taking it over, and taking it back.

use super::read::{Found, Incoming};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        activities::{self, Class},
        notes,
        operations::{self, Operation},
    },
    kernel::{ActivityId, MemberId, OperationId},
    live::{self, LiveMessage},
    schema::{activities as rows, calendar_uploads, operations as book},
    web::{Allow, permission::activities::Create},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// The word operations keep.
pub const KIND: &str = "calendar_import";
/// What nobody said yes to.
pub const SWEEP: &str = "DELETE FROM calendar_uploads WHERE created_at < now() - interval '1 day'";

pub(super) fn keep(tx: &mut OrgTx, member: MemberId, name: &str, found: &Found) -> AppResult<Uuid> {
    let id = Uuid::now_v7();
    let entries = serde_json::to_value(found).map_err(anyhow::Error::from)?;
    let name: String = name.chars().take(255).collect();
    diesel::insert_into(calendar_uploads::table)
        .values((
            (calendar_uploads::id.eq(id), calendar_uploads::member_id.eq(member)),
            (calendar_uploads::name.eq(name), calendar_uploads::entries.eq(entries)),
        ))
        .execute(tx.conn())?;
    Ok(id)
}

/// One's own, with its file's name.
pub(super) fn kept(tx: &mut OrgTx, member: MemberId, id: Uuid) -> AppResult<(String, Found)> {
    let (name, entries): (String, Value) = calendar_uploads::table
        .filter(calendar_uploads::id.eq(id))
        .filter(calendar_uploads::member_id.eq(member))
        .select((calendar_uploads::name, calendar_uploads::entries))
        .for_update()
        .first(tx.conn())?;
    Ok((name, serde_json::from_value(entries).map_err(anyhow::Error::from)?))
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = t::Text)]
    uid: String,
}

/// Those that are not here yet.
pub(super) fn fresh(tx: &mut OrgTx, member: MemberId, events: &[Incoming]) -> AppResult<Vec<Incoming>> {
    let uids: Vec<&str> = events.iter().map(|event| event.uid.as_str()).collect();
    let query = diesel::sql_query(
        "SELECT u.uid FROM calendar_uids u JOIN activities a ON a.org_id = u.org_id AND a.id = u.activity_id AND a.deleted_at IS NULL \
         WHERE u.member_id = $1 AND u.uid = ANY ($2)",
    );
    let query = query.bind::<t::Uuid, _>(member.0).bind::<t::Array<t::Text>, _>(uids);
    let known: HashSet<String> = query.load::<Known>(tx.conn())?.into_iter().map(|row| row.uid).collect();
    let ours: Vec<ActivityId> = events.iter().filter_map(|event| event.own.map(ActivityId)).collect();
    let ours: HashSet<Uuid> =
        rows::table.filter(rows::id.eq_any(ours)).select(rows::id).load::<Uuid>(tx.conn())?.into_iter().collect();
    let new = |event: &&Incoming| !known.contains(&event.uid) && !event.own.is_some_and(|id| ours.contains(&id));
    Ok(events.iter().filter(new).cloned().collect())
}

const INSERT: &str = "
WITH made AS (
  INSERT INTO activities (id, type_id, class, subject, owner_id, start_at, due_on, minutes, location, video_url, description,
    status, closed_at, closed_by, created_by)
  SELECT x.id, $2, 'activity', x.subject, $3, x.start_at, x.due_on, x.minutes, x.location, x.video_url, x.description,
    CASE WHEN x.over IS NULL THEN 'open' ELSE 'done' END, x.over, CASE WHEN x.over IS NOT NULL THEN $3 END, $3
  FROM jsonb_to_recordset($1) AS x (id uuid, subject text, start_at timestamptz, due_on date, minutes integer, location text,
    video_url text, description text, over timestamptz)
  RETURNING id, subject
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $3, 'activity.created', 'activity', m.id, 1, jsonb_build_object('subject', jsonb_build_array(NULL, m.subject)),
    jsonb_build_object('operation_id', $4) FROM made m
), remembered AS (
  INSERT INTO calendar_uids (member_id, uid, activity_id)
  SELECT $3, x.uid, x.id FROM jsonb_to_recordset($1) AS x (id uuid, uid text)
  ON CONFLICT (org_id, member_id, uid) DO UPDATE SET activity_id = excluded.activity_id
)
INSERT INTO operation_changes (operation_id, record_type, record_id, action, version_after)
SELECT $4, 'activity', m.id, 'created', 1 FROM made m";

/// Takes over what is new of an upload; the upload is gone then, so that sent twice it is one import.
pub(super) fn import(tx: &mut OrgTx, by: &Allow<Create>, id: Uuid) -> AppResult<(OperationId, usize)> {
    let (name, found) = kept(tx, by.id, id)?;
    diesel::delete(calendar_uploads::table.filter(calendar_uploads::id.eq(id))).execute(tx.conn())?;
    let new = fresh(tx, by.id, &found.events)?;
    let op = OperationId::new();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    diesel::insert_into(book::table)
        .values((
            (book::id.eq(op), book::kind.eq(KIND), book::record_type.eq("activity")),
            (book::title.eq(format!("Import {name}")), book::params.eq(json!({ "back": "/calendar" }))),
            (book::status.eq("done"), book::total.eq(count(found.events.len()))),
            (book::done.eq(count(found.events.len())), book::changed.eq(count(new.len()))),
            book::skipped.eq(count(found.events.len() - new.len())),
            (book::created_by.eq(by.id.0), book::started_at.eq(Utc::now())),
            book::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    if new.is_empty() {
        return Ok((op, 0));
    }
    let types = activities::types(tx)?;
    let fits = |kind: &&activities::ActivityType| kind.class() == Class::Activity && kind.retired_at.is_none();
    let kind = types.iter().filter(fits).find(|kind| kind.key.as_deref() == Some("meeting"));
    let kind = kind.or_else(|| types.iter().find(fits)).ok_or(AppError::NotFound)?;
    let now = Utc::now();
    let values = new.iter().map(|event| row(event, now)).collect::<AppResult<Vec<_>>>()?;
    diesel::sql_query(INSERT)
        .bind::<t::Jsonb, _>(Value::Array(values))
        .bind::<t::Uuid, _>(kind.id.0)
        .bind::<t::Uuid, _>(by.id.0)
        .bind::<t::Uuid, _>(op)
        .execute(tx.conn())?;
    live::publish(tx, &LiveMessage::record("activity", Uuid::nil()))?;
    Ok((op, new.len()))
}

fn row(event: &Incoming, now: DateTime<Utc>) -> AppResult<Value> {
    let notes = match event.notes.as_deref().map(notes::sanitise) {
        Some(Ok(html)) => html,
        Some(Err(AppError::Invalid(_))) | None => None,
        Some(Err(other)) => return Err(other),
    };
    let start = event.start_at.or_else(|| {
        let day = event.due_on? + chrono::Days::new(1);
        Some(day.and_time(chrono::NaiveTime::MIN).and_utc())
    });
    let end = start.map(|at| at + chrono::Duration::minutes(i64::from(event.minutes.unwrap_or(0))));
    Ok(json!({
        "id": ActivityId::new(), "uid": event.uid, "subject": event.subject, "start_at": event.start_at, "due_on": event.due_on,
        "minutes": event.minutes, "location": event.location, "video_url": event.video_url, "description": notes,
        "over": end.filter(|end| *end < now),
    }))
}

const TAKE_BACK: &str = "
WITH gone AS (
  UPDATE activities a SET deleted_at = now(), version = a.version + 1, updated_at = now() FROM operation_changes c
  WHERE c.operation_id = $1 AND c.undo IS NULL AND a.org_id = c.org_id AND a.id = c.record_id AND a.deleted_at IS NULL
    AND a.version = c.version_after RETURNING a.id, a.version
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $2, 'activity.deleted', 'activity', g.id, g.version, '{}', jsonb_build_object('operation_id', $1, 'undo', true) FROM gone g
)
UPDATE operation_changes c SET undo = CASE WHEN EXISTS (SELECT 1 FROM gone g WHERE g.id = c.record_id) THEN 'restored' ELSE 'changed since' END
WHERE c.operation_id = $1 AND c.undo IS NULL";

/// What nobody touched since goes again.
pub fn undo(tx: &mut OrgTx, operation: &Operation) -> AppResult<()> {
    let by = tx.by();
    diesel::sql_query(TAKE_BACK)
        .bind::<t::Uuid, _>(operation.id)
        .bind::<t::Nullable<t::Uuid>, _>(by)
        .execute(tx.conn())?;
    operations::taken_back(tx, operation.id)
}
