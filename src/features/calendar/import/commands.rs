//! Keeping what was read until its owner says yes, taking it over, and taking it back.

use super::{
    read::{Found, Incoming},
    sorting::{Sorted, sort},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        activities::{self, Class},
        calendar::follow,
        notes,
        operations::{self, Operation},
    },
    kernel::{ActivityId, MemberId, OperationId},
    live::{self, LiveMessage},
    schema::{activity_invitations, calendar_uploads, operations as book},
    web::{Allow, permission::activities::Create},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};
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
  INSERT INTO calendar_uids (member_id, uid, activity_id, fingerprint, series, sequence, modified)
  SELECT $3, x.uid, x.id, x.fingerprint, x.series, x.sequence, x.modified
  FROM jsonb_to_recordset($1) AS x (id uuid, uid text, fingerprint text, series text, sequence bigint, modified bigint)
  ON CONFLICT (org_id, member_id, uid) DO UPDATE SET activity_id = excluded.activity_id, fingerprint = excluded.fingerprint,
    series = excluded.series, sequence = excluded.sequence, modified = excluded.modified, version = 1
)
INSERT INTO operation_changes (operation_id, record_type, record_id, action, version_after)
SELECT $4, 'activity', m.id, 'created', 1 FROM made m";

/// Every statement here reads the rows as they were before it.
const CHANGE: &str = "
WITH x AS (
  SELECT * FROM jsonb_to_recordset($1) AS x (id uuid, uid text, subject text, start_at timestamptz, due_on date, minutes integer,
    location text, video_url text, description text, over timestamptz, fingerprint text, sequence bigint, modified bigint)
), remembered AS (
  INSERT INTO operation_changes (operation_id, record_type, record_id, action, before, version_after)
  SELECT $3, 'activity', a.id, 'updated', jsonb_build_object('subject', a.subject, 'start_at', a.start_at, 'due_on', a.due_on, 'minutes', a.minutes,
    'location', a.location, 'video_url', a.video_url, 'description', a.description, 'status', a.status, 'closed_at', a.closed_at,
    'closed_by', a.closed_by), a.version + 1
  FROM x JOIN activities a ON a.org_id = app.org() AND a.id = x.id
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $2, 'activity.updated', 'activity', a.id, a.version + 1,
    CASE WHEN a.subject = x.subject THEN '{}' ELSE jsonb_build_object('subject', jsonb_build_array(a.subject, x.subject)) END
      || CASE WHEN a.start_at IS NOT DISTINCT FROM x.start_at THEN '{}' ELSE jsonb_build_object('start_at', jsonb_build_array(a.start_at, x.start_at)) END
      || CASE WHEN a.due_on IS NOT DISTINCT FROM x.due_on THEN '{}' ELSE jsonb_build_object('due_on', jsonb_build_array(a.due_on, x.due_on)) END
      || CASE WHEN a.minutes IS NOT DISTINCT FROM x.minutes THEN '{}' ELSE jsonb_build_object('minutes', jsonb_build_array(a.minutes, x.minutes)) END
      || CASE WHEN a.location IS NOT DISTINCT FROM x.location THEN '{}' ELSE jsonb_build_object('location', jsonb_build_array(a.location, x.location)) END,
    jsonb_build_object('operation_id', $3)
  FROM x JOIN activities a ON a.org_id = app.org() AND a.id = x.id
), known AS (
  UPDATE calendar_uids u SET fingerprint = x.fingerprint, sequence = x.sequence, modified = x.modified, version = a.version + 1
  FROM x JOIN activities a ON a.org_id = app.org() AND a.id = x.id WHERE u.org_id = app.org() AND u.member_id = $2 AND u.uid = x.uid
)
UPDATE activities a SET subject = x.subject, start_at = x.start_at, due_on = x.due_on, minutes = x.minutes, location = x.location,
  video_url = x.video_url, description = x.description, status = CASE WHEN x.over IS NULL THEN 'open' ELSE 'done' END, closed_at = x.over,
  closed_by = CASE WHEN x.over IS NOT NULL THEN $2 END, version = a.version + 1, updated_at = now()
FROM x WHERE a.org_id = app.org() AND a.id = x.id";

const REMOVE: &str = "
WITH gone AS (
  UPDATE activities a SET deleted_at = now(), version = a.version + 1, updated_at = now() WHERE a.id = ANY ($1) RETURNING a.id, a.version
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $2, 'activity.deleted', 'activity', g.id, g.version, '{}', jsonb_build_object('operation_id', $3) FROM gone g
)
INSERT INTO operation_changes (operation_id, record_type, record_id, action, version_after)
SELECT $3, 'activity', g.id, 'deleted', g.version FROM gone g";

/// Whether that upload of the member's was imported: the operation has its id.
pub(super) fn is_imported(tx: &mut OrgTx, member: MemberId, id: Uuid) -> AppResult<bool> {
    let of = book::table.filter(book::id.eq(OperationId(id))).filter(book::kind.eq(KIND));
    Ok(diesel::select(diesel::dsl::exists(of.filter(book::created_by.eq(member.0)))).get_result(tx.conn())?)
}

/// Takes over what is new of an upload, and what it changes; the upload is gone then, so that sent twice it is one import.
pub(super) fn import(tx: &mut OrgTx, by: &Allow<Create>, id: Uuid) -> AppResult<(OperationId, Sorted)> {
    let (name, found) = kept(tx, by.id, id)?;
    diesel::delete(calendar_uploads::table.filter(calendar_uploads::id.eq(id))).execute(tx.conn())?;
    let sorted = sort(tx, by.id, &found)?;
    let op = OperationId(id);
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let total = sorted.changes() + sorted.same + sorted.left;
    diesel::insert_into(book::table)
        .values((
            (book::id.eq(op), book::kind.eq(KIND), book::record_type.eq("activity")),
            (book::title.eq(format!("Import {name}")), book::params.eq(json!({ "back": "/calendar" }))),
            (book::status.eq("done"), book::total.eq(count(total)), book::done.eq(count(total))),
            (book::changed.eq(count(sorted.changes())), book::skipped.eq(count(sorted.same + sorted.left))),
            (book::created_by.eq(by.id.0), book::started_at.eq(Utc::now())),
            book::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    if sorted.is_empty() {
        return Ok((op, sorted));
    }
    insert(tx, by, op, &sorted.new)?;
    change(tx, by, op, &sorted)?;
    live::publish(tx, &LiveMessage::record("activity", Uuid::nil()))?;
    Ok((op, sorted))
}

fn insert(tx: &mut OrgTx, by: &Allow<Create>, op: OperationId, new: &[Incoming]) -> AppResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let types = activities::types(tx)?;
    let fits = |kind: &&activities::ActivityType| kind.class() == Class::Activity && kind.retired_at.is_none();
    let kind = types.iter().filter(fits).find(|kind| kind.key.as_deref() == Some("meeting"));
    let kind = kind.or_else(|| types.iter().find(fits)).ok_or(AppError::NotFound)?;
    let now = Utc::now();
    let values = new.iter().map(|event| row(ActivityId::new(), event, now)).collect::<AppResult<Vec<_>>>()?;
    diesel::sql_query(INSERT)
        .bind::<t::Jsonb, _>(Value::Array(values))
        .bind::<t::Uuid, _>(kind.id.0)
        .bind::<t::Uuid, _>(by.id.0)
        .bind::<t::Uuid, _>(op)
        .execute(tx.conn())?;
    Ok(())
}

/// What is here becomes what the file says, or goes; guests who were invited here are told.
fn change(tx: &mut OrgTx, by: &Allow<Create>, op: OperationId, sorted: &Sorted) -> AppResult<()> {
    let now = Utc::now();
    let values = sorted.changed.iter().map(|(id, event)| row(*id, event, now)).collect::<AppResult<Vec<_>>>()?;
    if !values.is_empty() {
        diesel::sql_query(CHANGE)
            .bind::<t::Jsonb, _>(Value::Array(values))
            .bind::<t::Uuid, _>(by.id.0)
            .bind::<t::Uuid, _>(op)
            .execute(tx.conn())?;
    }
    let gone: Vec<Uuid> = sorted.gone.iter().map(|id| id.0).collect();
    if !gone.is_empty() {
        diesel::sql_query(REMOVE)
            .bind::<t::Array<t::Uuid>, _>(&gone)
            .bind::<t::Uuid, _>(by.id.0)
            .bind::<t::Uuid, _>(op)
            .execute(tx.conn())?;
    }
    let touched = sorted.changed.iter().map(|(id, _)| id.0).chain(gone);
    let invited: Vec<ActivityId> = activity_invitations::table
        .filter(activity_invitations::activity_id.eq_any(touched.collect::<Vec<_>>()))
        .select(activity_invitations::activity_id)
        .load(tx.conn())?;
    invited.into_iter().try_for_each(|id| follow(tx, id))
}

fn row(id: ActivityId, event: &Incoming, now: DateTime<Utc>) -> AppResult<Value> {
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
        "id": id, "uid": event.uid, "fingerprint": event.fingerprint(), "series": event.series, "sequence": event.sequence,
        "modified": event.modified, "subject": event.subject, "start_at": event.start_at, "due_on": event.due_on,
        "minutes": event.minutes, "location": event.location, "video_url": event.video_url, "description": notes,
        "over": end.filter(|end| *end < now),
    }))
}

const TAKE_BACK: &str = "
WITH mine AS (
  SELECT c.record_id, c.action, c.before, c.version_after FROM operation_changes c WHERE c.operation_id = $1 AND c.undo IS NULL
), gone AS (
  UPDATE activities a SET deleted_at = now(), version = a.version + 1, updated_at = now() FROM mine c
  WHERE c.action = 'created' AND a.org_id = app.org() AND a.id = c.record_id AND a.deleted_at IS NULL AND a.version = c.version_after
  RETURNING a.id, a.version, 'activity.deleted' AS kind
), risen AS (
  UPDATE activities a SET deleted_at = NULL, version = a.version + 1, updated_at = now() FROM mine c
  WHERE c.action = 'deleted' AND a.org_id = app.org() AND a.id = c.record_id AND a.version = c.version_after
  RETURNING a.id, a.version, 'activity.undeleted' AS kind
), back AS (
  UPDATE activities a SET subject = b.subject, start_at = b.start_at, due_on = b.due_on, minutes = b.minutes, location = b.location,
    video_url = b.video_url, description = b.description, status = b.status, closed_at = b.closed_at, closed_by = b.closed_by,
    version = a.version + 1, updated_at = now()
  FROM mine c CROSS JOIN LATERAL jsonb_to_record(c.before) AS b (subject text, start_at timestamptz, due_on date, minutes integer,
    location text, video_url text, description text, status text, closed_at timestamptz, closed_by uuid)
  WHERE c.action = 'updated' AND a.org_id = app.org() AND a.id = c.record_id AND a.deleted_at IS NULL AND a.version = c.version_after
  RETURNING a.id, a.version, 'activity.updated' AS kind
), done AS (SELECT * FROM gone UNION ALL SELECT * FROM risen UNION ALL SELECT * FROM back
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $2, d.kind, 'activity', d.id, d.version, '{}', jsonb_build_object('operation_id', $1, 'undo', true) FROM done d
), known AS (
  UPDATE calendar_uids u SET fingerprint = NULL, version = d.version FROM done d WHERE u.org_id = app.org() AND u.activity_id = d.id
)
UPDATE operation_changes c SET undo = CASE WHEN EXISTS (SELECT 1 FROM done d WHERE d.id = c.record_id) THEN 'restored' ELSE 'changed since' END
WHERE c.operation_id = $1 AND c.undo IS NULL";

/// What nobody touched since goes again, or is again what it was.
pub fn undo(tx: &mut OrgTx, operation: &Operation) -> AppResult<()> {
    let by = tx.by();
    diesel::sql_query(TAKE_BACK)
        .bind::<t::Uuid, _>(operation.id)
        .bind::<t::Nullable<t::Uuid>, _>(by)
        .execute(tx.conn())?;
    operations::taken_back(tx, operation.id)
}
