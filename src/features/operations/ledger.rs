//! The book of operations: begun, counted, finished, and what each record was before. Any feature that changes many records writes
//! here, in the transactions that change them, and gets undo for it.
//!
//! ```text
//! let op = operations::begin(tx, NewOperation { kind: "normalise", … })?;
//! operations::remember(tx, op, record, &ids, &["phone"], Done::Updated)?; // before the UPDATE, which adds one to `version`
//! // … UPDATE …, events …, search::reindex …
//! operations::advance(tx, op, &tally)?;
//! operations::finish(tx, op)?;
//! ```

use super::model::{Done, NAMED, NewOperation, Operation, Tally};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::notifications,
    kernel::{OperationId, RecordType},
    live::{self, LiveMessage},
    schema::operations,
};
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use serde_json::json;
use uuid::Uuid;

/// Writes down an operation that is running from now on, in the caller's own transaction or in several.
pub fn begin(tx: &mut OrgTx, new: &NewOperation) -> AppResult<OperationId> {
    insert(tx, new, "running", true)
}

pub(super) fn insert(tx: &mut OrgTx, new: &NewOperation, status: &str, planned: bool) -> AppResult<OperationId> {
    let id = OperationId::new();
    let by = tx.by();
    diesel::insert_into(operations::table)
        .values((
            operations::id.eq(id),
            operations::kind.eq(new.kind),
            operations::record_type.eq(new.record.key()),
            operations::title.eq(&new.title),
            operations::params.eq(&new.params),
            operations::status.eq(status),
            operations::planned.eq(planned),
            operations::total.eq(new.total),
            operations::request_key.eq(new.request_key),
            operations::created_by.eq(by),
            operations::started_at.eq((status == "running").then(Utc::now)),
        ))
        .execute(tx.conn())?;
    Ok(id)
}

/// The operation that this form has begun already.
pub fn of_request(tx: &mut OrgTx, key: Uuid) -> AppResult<Option<Operation>> {
    let by = tx.by();
    Ok(operations::table
        .filter(operations::request_key.eq(key))
        .filter(operations::created_by.eq(by))
        .select(Operation::as_select())
        .first(tx.conn())
        .optional()?)
}

/// Notes what these columns hold now, before the caller's UPDATE changes them and adds one to each record's `version`. Columns are
/// trusted text. Of a record remembered twice by one operation, the first image stays.
pub fn remember(
    tx: &mut OrgTx,
    op: OperationId,
    record: RecordType,
    ids: &[Uuid],
    columns: &[&str],
    done: Done,
) -> AppResult<()> {
    let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', r.{column}")).collect();
    let sql = format!(
        "INSERT INTO operation_changes AS c (operation_id, record_type, record_id, action, before, version_after) \
         SELECT $1, $2, r.id, $3, jsonb_build_object({}), r.version + 1 FROM {} r WHERE r.id = ANY ($4) \
         ON CONFLICT (org_id, operation_id, record_type, record_id) DO UPDATE \
           SET before = excluded.before || c.before, version_after = excluded.version_after",
        pairs.join(", "),
        record.noun()
    );
    diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Text, _>(done.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .execute(tx.conn())?;
    Ok(())
}

/// Notes records that this operation created (undo removes those that nobody touched since). Call it after the INSERT.
pub fn remember_created(tx: &mut OrgTx, op: OperationId, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let sql = format!(
        "INSERT INTO operation_changes (operation_id, record_type, record_id, action, version_after) \
         SELECT $1, $2, r.id, 'created', r.version FROM {} r WHERE r.id = ANY ($3) \
         ON CONFLICT (org_id, operation_id, record_type, record_id) DO UPDATE SET version_after = excluded.version_after",
        record.noun()
    );
    diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .execute(tx.conn())?;
    Ok(())
}

/// Adds a batch to the counts, and shows that the operation is alive.
pub fn advance(tx: &mut OrgTx, op: OperationId, tally: &Tally) -> AppResult<()> {
    diesel::update(operations::table.filter(operations::id.eq(op)))
        .set((
            operations::done.eq(operations::done + tally.done()),
            operations::changed.eq(operations::changed + tally.changed),
            operations::skipped.eq(operations::skipped + tally.skipped),
            operations::failed.eq(operations::failed + tally.failed),
            operations::heartbeat_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    for (why, count) in &tally.reasons {
        diesel::sql_query(
            "UPDATE operations SET reasons = jsonb_set(reasons, ARRAY[$2], to_jsonb(coalesce((reasons->>$2)::bigint, 0) + $3)) WHERE id = $1",
        )
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(why)
        .bind::<sql_types::BigInt, _>(*count)
        .execute(tx.conn())?;
    }
    for (why, names) in &tally.named {
        diesel::sql_query(
            "UPDATE operations SET params = params || jsonb_build_object('named', coalesce(params->'named', '{}'::jsonb) \
             || jsonb_build_object($2::text, (SELECT coalesce(jsonb_agg(x.name ORDER BY x.n), '[]'::jsonb) \
               FROM jsonb_array_elements(coalesce(params->'named'->$2, '[]'::jsonb) || $3) WITH ORDINALITY x (name, n) \
               WHERE x.n <= $4))) WHERE id = $1",
        )
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(why)
        .bind::<sql_types::Jsonb, _>(json!(names))
        .bind::<sql_types::BigInt, _>(i64::try_from(NAMED).unwrap_or(i64::MAX))
        .execute(tx.conn())?;
    }
    Ok(())
}

/// Sets how many records there are to go through, once that is known.
pub fn set_total(tx: &mut OrgTx, op: OperationId, total: i64) -> AppResult<()> {
    diesel::update(operations::table.filter(operations::id.eq(op)))
        .set(operations::total.eq(total))
        .execute(tx.conn())?;
    Ok(())
}

/// The pieces are laid out.
pub(super) fn planned(tx: &mut OrgTx, op: OperationId, total: i64) -> AppResult<()> {
    diesel::update(operations::table.filter(operations::id.eq(op)))
        .set((operations::planned.eq(true), operations::total.eq(total)))
        .execute(tx.conn())?;
    Ok(())
}

/// Everything is done.
pub fn finish(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    end(tx, op, "done", None)
}

/// It stopped; what it did up to here stays, and can be undone.
pub fn fail(tx: &mut OrgTx, op: OperationId, why: &str) -> AppResult<()> {
    end(tx, op, "failed", Some(why))
}

pub(super) fn end(tx: &mut OrgTx, op: OperationId, status: &str, error: Option<&str>) -> AppResult<()> {
    diesel::update(operations::table.filter(operations::id.eq(op)))
        .set((
            operations::status.eq(status),
            operations::error.eq(error),
            operations::cancel_requested.eq(false),
            operations::finished_at.eq(Utc::now()),
            operations::heartbeat_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    match lock(tx, op)?.record() {
        Some(record) => notifications::given_by(tx, op, record),
        None => Ok(()),
    }
}

/// What was taken back at once by a feature of its own, from the verdicts it left on the changes.
pub fn taken_back(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    let by = tx.by().map(Uuid::from);
    diesel::sql_query(
        "UPDATE operations o SET status = 'undone', undone_by = $2, restored = n.restored, left_alone = n.left_alone, \
           undo_total = n.restored + n.left_alone, undo_started_at = now(), undo_finished_at = now() \
         FROM (SELECT count(*) FILTER (WHERE c.undo = 'restored') AS restored, count(*) FILTER (WHERE c.undo <> 'restored') AS left_alone \
           FROM operation_changes c WHERE c.operation_id = $1) n WHERE o.id = $1",
    )
    .bind::<sql_types::Uuid, _>(op)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
    .execute(tx.conn())?;
    live::publish(tx, &LiveMessage::record("activity", Uuid::nil()))
}

/// Holds the operation until the transaction ends: its batches take turns, and a cancellation waits for the one at work.
pub(super) fn lock(tx: &mut OrgTx, op: OperationId) -> AppResult<Operation> {
    Ok(operations::table.filter(operations::id.eq(op)).select(Operation::as_select()).for_update().first(tx.conn())?)
}
