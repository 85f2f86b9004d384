//! A split taken back: the first deal has its lines and its whole amount again. Its columns, and the others' way to the bin, are the
//! operation's.

use super::super::lines::{self, Line};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{DealId, OperationId},
};
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};
use uuid::Uuid;

/// Notes the deal's lines beside what the operation remembers of it.
pub(super) fn remember_lines(tx: &mut OrgTx, op: OperationId, deal: DealId, lines: &[Line]) -> AppResult<()> {
    diesel::sql_query("UPDATE operation_changes SET before = before || $3 WHERE operation_id = $1 AND record_id = $2")
        .bind::<t::Uuid, _>(op)
        .bind::<t::Uuid, _>(deal.0)
        .bind::<t::Jsonb, _>(json!({ "lines": lines }))
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Jsonb>)]
    lines: Option<Value>,
}

/// Call it before the columns come back: a deal whose amount follows its lines needs them by then.
pub fn rejoin(tx: &mut OrgTx, op: OperationId, ids: &[Uuid]) -> AppResult<()> {
    let kept: Vec<Kept> = diesel::sql_query(
        "SELECT record_id AS id, before->'lines' AS lines FROM operation_changes \
         WHERE operation_id = $1 AND record_type = 'deal' AND record_id = ANY ($2) AND action = 'updated'",
    )
    .bind::<t::Uuid, _>(op)
    .bind::<t::Array<t::Uuid>, _>(ids)
    .load(tx.conn())?;
    for Kept { id, lines } in kept {
        if let Some(lines) = lines {
            let whole: Vec<Line> = serde_json::from_value(lines)
                .map_err(|_| AppError::Conflict("How the lines of this deal were is not known any more.".into()))?;
            let there = lines::all(tx, DealId(id))?;
            lines::keep(tx, DealId(id), &there, &whole)?;
        }
        diesel::sql_query(
            "INSERT INTO deal_splits (deal_id, currency, amount) \
             SELECT d.id, d.currency, (c.before->>'amount')::numeric - coalesce(d.amount, 0) FROM operation_changes c \
             JOIN deals d ON d.org_id = c.org_id AND d.id = c.record_id \
             WHERE c.operation_id = $1 AND c.record_type = 'deal' AND c.record_id = $2 ON CONFLICT DO NOTHING",
        )
        .bind::<t::Uuid, _>(op)
        .bind::<t::Uuid, _>(id)
        .execute(tx.conn())?;
    }
    Ok(())
}
