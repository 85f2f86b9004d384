//! An operation's work laid out in pieces. A piece is a row that goes in the transaction that does it: killed at any moment, the
//! operation goes on with the pieces that are left, and does none twice.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{OperationId, RecordType},
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Records of a piece: large enough to be quick, small enough that nobody waits for its locks.
pub(super) const SIZE: usize = 500;

#[derive(QueryableByName)]
struct Piece {
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Uuid>)]
    ids: Vec<Uuid>,
}

/// Adds these records, after those laid out before.
pub(super) fn add(tx: &mut OrgTx, op: OperationId, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    for chunk in ids.chunks(SIZE) {
        diesel::sql_query(
            "INSERT INTO operation_batches (operation_id, n, record_type, ids) \
             SELECT $1, coalesce(max(n), 0) + 1, $2, $3 FROM operation_batches WHERE operation_id = $1",
        )
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(chunk)
        .execute(tx.conn())?;
    }
    Ok(())
}

const CHANGES: &str = "
INSERT INTO operation_batches (operation_id, n, record_type, ids)
SELECT $1, row_number() OVER (ORDER BY p.record_type, p.piece), p.record_type, p.ids FROM (
  SELECT o.record_type, o.piece, array_agg(o.record_id ORDER BY o.record_id) AS ids FROM (
    SELECT record_type, record_id, (row_number() OVER (PARTITION BY record_type ORDER BY record_id) - 1) / $2 AS piece
    FROM operation_changes WHERE operation_id = $1 AND undo IS NULL
  ) o GROUP BY o.record_type, o.piece
) p";

/// Lays out what is to be undone: every record the operation changed and that no undo has looked at yet.
pub(super) fn add_changes(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    clear(tx, op)?;
    diesel::sql_query(CHANGES)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::BigInt, _>(i64::try_from(SIZE).unwrap_or(i64::MAX))
        .execute(tx.conn())?;
    Ok(())
}

/// Takes the next piece; `None` when all is done.
pub(super) fn next(tx: &mut OrgTx, op: OperationId) -> AppResult<Option<(RecordType, Vec<Uuid>)>> {
    let piece: Option<Piece> = diesel::sql_query(
        "DELETE FROM operation_batches WHERE operation_id = $1 \
           AND n = (SELECT n FROM operation_batches WHERE operation_id = $1 ORDER BY n LIMIT 1) RETURNING record_type, ids",
    )
    .bind::<sql_types::Uuid, _>(op)
    .get_result(tx.conn())
    .optional()?;
    Ok(piece.and_then(|p| Some((RecordType::parse(&p.record_type)?, p.ids))))
}

/// Forgets what was not begun.
pub(super) fn clear(tx: &mut OrgTx, op: OperationId) -> AppResult<()> {
    diesel::sql_query("DELETE FROM operation_batches WHERE operation_id = $1")
        .bind::<sql_types::Uuid, _>(op)
        .execute(tx.conn())?;
    Ok(())
}
