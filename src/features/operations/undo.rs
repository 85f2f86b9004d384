//! Taking an operation back: every record whose version is still what the operation left gets its columns back (or goes, when the
//! operation created it); a record that somebody touched since is left alone, and told.

use super::{
    batches, ledger,
    model::{Operation, Status},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult, VALUE_TAKEN},
    features::{
        activities::{BULK, undo_bulk},
        calendar, deals, quality,
        records::{require_delete, require_edit},
        segments, tags,
    },
    kernel::{OperationId, RecordType, SegmentId, TagId},
    schema::operations,
    search,
    web::{
        Actor, Allow,
        permission::{Permission, activities, organisation, tags::Administer},
    },
};
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

const GONE: &str = "no longer there";
const TOUCHED: &str = "changed since";
const HOMELESS: &str = "the stage it was in is gone";
const TAKEN: &str = "a value it had is another record's now";

/// Whether this person may take the operation back: it is theirs, or they administer the organisation, and their role still lets them
/// change such records.
pub fn may_undo(actor: &Actor, operation: &Operation) -> bool {
    let theirs = operation.created_by == Some(actor.id) || actor.may(organisation::Administer::KEY);
    let allowed = match operation.record() {
        Some(record) => require(actor, record, &operation.kind).is_ok(),
        None => match operation.kind.as_str() {
            calendar::IMPORT => actor.may(activities::Create::KEY),
            BULK => actor.may(activities::Edit::KEY),
            _ => false,
        },
    };
    theirs && allowed
}

fn require(actor: &Actor, record: RecordType, kind: &str) -> AppResult<()> {
    match kind {
        tags::MERGE => Allow::<Administer>::check(actor).map(drop),
        "delete" => require_delete(actor, record),
        _ => require_edit(actor, record),
    }
}

/// Begins to take it back: lays out what there is to do. The caller works it off, at once or by a job.
pub(super) fn begin(tx: &mut OrgTx, actor: &Actor, id: OperationId) -> AppResult<Operation> {
    let operation = ledger::lock(tx, id)?;
    if !may_undo(actor, &operation) {
        return Err(AppError::NotFound);
    }
    if operation.status() == Status::Undoing || operation.status() == Status::Undone {
        return Ok(operation);
    }
    if operation.status().is_open() {
        return Err(AppError::Conflict("It is still running. Cancel it first.".into()));
    }
    if !operation.can_undo() {
        return Err(AppError::Conflict("There is nothing here that can be undone.".into()));
    }
    if operation.kind == calendar::IMPORT {
        calendar::undo_import(tx, &operation)?;
        return ledger::lock(tx, id);
    }
    if operation.kind == deals::SPLIT
        && let Some(why) = deals::noted(tx, actor, id)?
    {
        return Err(AppError::Conflict(why));
    }
    if operation.kind == BULK {
        undo_bulk(tx, actor, &operation)?;
        return ledger::lock(tx, id);
    }
    // Taken up again after a person stopped it, the tag is back already.
    if operation.kind == tags::MERGE && operation.undo_started_at.is_none() {
        tags::unmerge(tx, &operation.params)?;
    }
    batches::add_changes(tx, id)?;
    let by = tx.by();
    diesel::sql_query(
        "UPDATE operations SET status = 'undoing', cancel_requested = false, undone_by = $2, undo_started_at = now(), \
           heartbeat_at = now(), undo_finished_at = NULL, \
           undo_total = restored + left_alone + (SELECT coalesce(sum(cardinality(ids)), 0) FROM operation_batches WHERE operation_id = $1) \
         WHERE id = $1",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
    .execute(tx.conn())?;
    ledger::lock(tx, id)
}

/// All is taken back, or a person stopped it: then the rest can be taken back later.
pub(super) fn end(tx: &mut OrgTx, id: OperationId, cancelled: bool) -> AppResult<()> {
    batches::clear(tx, id)?;
    diesel::update(operations::table.filter(operations::id.eq(id)))
        .set((
            operations::status.eq(if cancelled { "done" } else { "undone" }),
            operations::cancel_requested.eq(false),
            operations::undo_finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    verdict: i32,
}

const SORT: &str = "
SELECT c.record_id AS id,
  CASE WHEN r.id IS NULL THEN 1 WHEN c.version_after IS NULL THEN 3 WHEN r.version <> c.version_after THEN 2 ELSE 0 END AS verdict
FROM operation_changes c LEFT JOIN {table} r ON r.org_id = c.org_id AND r.id = c.record_id
WHERE c.operation_id = $1 AND c.record_type = $2 AND c.record_id = ANY ($3) AND c.undo IS NULL";

/// Takes one piece back. When a value is another record's by now, the piece goes back record by record, and that one is left alone.
pub(super) fn piece(tx: &mut OrgTx, operation: &Operation, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let taken = |error: &AppError| matches!(error, AppError::Conflict(why) if why == VALUE_TAKEN);
    match tx.attempt(|tx| batch(tx, operation, record, ids)) {
        Err(error) if taken(&error) => {}
        other => return other,
    }
    for id in ids {
        match tx.attempt(|tx| batch(tx, operation, record, &[*id])) {
            Err(error) if taken(&error) => mark(tx, operation.id, record, &[*id], TAKEN)?,
            other => other?,
        }
    }
    Ok(())
}

fn batch(tx: &mut OrgTx, operation: &Operation, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    if record == RecordType::Deal {
        deals::make_room(tx, ids)?;
        let homeless = deals::places_back(tx, operation.id, ids)?;
        mark(tx, operation.id, record, &homeless, HOMELESS)?;
    }
    let lock = format!("SELECT id FROM {} WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", record.noun());
    diesel::sql_query(lock).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).execute(tx.conn())?;
    let rows: Vec<Verdict> = diesel::sql_query(SORT.replace("{table}", record.noun()))
        .bind::<sql_types::Uuid, _>(operation.id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .load(tx.conn())?;
    let of = |wanted: i32| rows.iter().filter(|row| row.verdict == wanted).map(|row| row.id).collect::<Vec<_>>();
    let back = of(0);
    if !back.is_empty() {
        if operation.kind == deals::SPLIT {
            deals::rejoin(tx, operation.id, &back)?;
        }
        restore(tx, operation, record, &back)?;
        quality::measure(tx, record, &back)?;
        search::reindex(tx, record, &back)?;
    }
    let tagged = of(3);
    if !tagged.is_empty() {
        untag(tx, operation.id, record, &tagged)?;
        unlist(tx, operation.id, record, &tagged)?;
        mark(tx, operation.id, record, &tagged, "restored")?;
    }
    mark(tx, operation.id, record, &back, "restored")?;
    mark(tx, operation.id, record, &of(1), GONE)?;
    mark(tx, operation.id, record, &of(2), TOUCHED)
}

#[derive(QueryableByName)]
struct Tagged {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    tag: TagId,
    #[diesel(sql_type = sql_types::Bool)]
    added: bool,
}

const TAGGED: &str = "
SELECT c.record_id AS id, t.tag::uuid AS tag, t.side = 'added' AS added FROM operation_changes c
CROSS JOIN LATERAL (
  SELECT 'added' AS side, jsonb_array_elements_text(c.before #> '{tags,added}') AS tag
  UNION ALL SELECT 'removed', jsonb_array_elements_text(c.before #> '{tags,removed}')) t
WHERE c.operation_id = $1 AND c.record_type = $2 AND c.record_id = ANY ($3)";

/// Takes away the tags the operation added, where they still are, and gives back those it took.
fn untag(tx: &mut OrgTx, op: OperationId, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let rows: Vec<Tagged> = diesel::sql_query(TAGGED)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .load(tx.conn())?;
    let (mut add, mut remove) = (tags::Pairs::default(), tags::Pairs::default());
    for row in rows {
        if row.added { remove.push(row.id, row.tag) } else { add.push(row.id, row.tag) }
    }
    tags::change(tx, record, &add, &remove, Some(op), false).map(drop)
}

#[derive(QueryableByName)]
struct Listed {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    segment: SegmentId,
    #[diesel(sql_type = sql_types::Bool)]
    added: bool,
}

/// Takes out of their segment those the operation put in, and puts back those it took.
fn unlist(tx: &mut OrgTx, op: OperationId, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let rows: Vec<Listed> = diesel::sql_query(
        "SELECT c.record_id AS id, (c.before #>> '{segment,id}')::uuid AS segment, (c.before #>> '{segment,added}')::boolean AS added \
         FROM operation_changes c WHERE c.operation_id = $1 AND c.record_type = $2 AND c.record_id = ANY ($3) AND c.action = 'segment'",
    )
    .bind::<sql_types::Uuid, _>(op)
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .load(tx.conn())?;
    // One operation, one segment, one way.
    let Some(Listed { segment, added, .. }) = rows.first() else { return Ok(()) };
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let members = segments::Members { segment: *segment, record, ids: &ids, into: !added };
    segments::change(tx, &members, Some(op), false).map(drop)
}

const RESTORE: &str = "
WITH t AS MATERIALIZED (
  SELECT r.id, r.version + 1 AS version, c.action,
    jsonb_populate_record(r, CASE c.action WHEN 'created' THEN jsonb_build_object('deleted_at', now()) ELSE c.before END) AS p,
    coalesce((SELECT jsonb_object_agg(x.key, jsonb_build_array(x.value->1, x.value->0)) FROM events e, jsonb_each(e.changes) x
      WHERE c.action = 'updated' AND e.record_id = r.id AND e.record_type = $2 AND e.version = c.version_after), '{}') AS changes
  FROM operation_changes c JOIN {table} r ON r.org_id = c.org_id AND r.id = c.record_id
  WHERE c.operation_id = $1 AND c.record_type = $2 AND c.record_id = ANY ($3)
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $4, $2 || CASE t.action WHEN 'created' THEN '.deleted' WHEN 'archived' THEN '.restored' WHEN 'restored' THEN '.archived'
      WHEN 'deleted' THEN '.undeleted' ELSE '.updated' END, $2, t.id, t.version, t.changes,
    jsonb_build_object('operation_id', $1, 'undo', true, 'title', $5)
  FROM t
)
UPDATE {table} u SET {sets}, version = t.version, updated_at = now() FROM t WHERE u.org_id = app.org() AND u.id = t.id";

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

fn restore(tx: &mut OrgTx, operation: &Operation, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped \
           AND attgenerated = '' AND attname <> ALL ('{org_id,id,number,version,created_by,created_at,updated_at}')",
    )
    .bind::<sql_types::Text, _>(record.noun())
    .load(tx.conn())?;
    let sets: Vec<String> = columns.iter().map(|c| format!("{0} = (t.p).{0}", c.name)).collect();
    let by = tx.by();
    diesel::sql_query(RESTORE.replace("{table}", record.noun()).replace("{sets}", &sets.join(", ")))
        .bind::<sql_types::Uuid, _>(operation.id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Text, _>(format!("Undone: {}", operation.title))
        .execute(tx.conn())?;
    Ok(())
}

fn mark(tx: &mut OrgTx, op: OperationId, record: RecordType, ids: &[Uuid], outcome: &str) -> AppResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "UPDATE operation_changes SET undo = $4 WHERE operation_id = $1 AND record_type = $2 AND record_id = ANY ($3)",
    )
    .bind::<sql_types::Uuid, _>(op)
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .bind::<sql_types::Text, _>(outcome)
    .execute(tx.conn())?;
    let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let (back, left) = if outcome == "restored" { (count, 0) } else { (0, count) };
    diesel::update(operations::table.filter(operations::id.eq(op)))
        .set((
            operations::restored.eq(operations::restored + back),
            operations::left_alone.eq(operations::left_alone + left),
            operations::heartbeat_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}
