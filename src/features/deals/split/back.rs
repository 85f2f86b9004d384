//! A split taken back: the first deal has its lines and its whole amount again. Its columns, and the others' way to the bin, are the
//! operation's.

use super::super::lines::{self, Line};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::records::touched::{self, Since},
    kernel::{DealId, OperationId, RecordType},
    web::Actor,
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
struct Noted {
    #[diesel(sql_type = t::Text)]
    deal: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    author: Option<String>,
}

/// What was done since with a deal that was split off would go to the bin with it: why the split is not taken back, then.
pub fn noted(tx: &mut OrgTx, by: &Actor, op: OperationId) -> AppResult<Option<String>> {
    match note(tx, by, op)? {
        None => worked_with(tx, op),
        told => Ok(told),
    }
}

/// A note that somebody else wrote; one's own goes as the split does.
fn note(tx: &mut OrgTx, by: &Actor, op: OperationId) -> AppResult<Option<String>> {
    let noted: Option<Noted> = diesel::sql_query(
        "SELECT d.name AS deal, m.name AS author FROM operation_changes c JOIN deals d ON d.org_id = c.org_id AND d.id = c.record_id \
         JOIN notes n ON n.org_id = d.org_id AND n.deal_id = d.id AND n.deleted_at IS NULL AND n.author_id IS DISTINCT FROM $2 \
         LEFT JOIN members m ON m.org_id = n.org_id AND m.id = n.author_id \
         WHERE c.operation_id = $1 AND c.record_type = 'deal' AND c.action = 'created' AND d.deleted_at IS NULL ORDER BY n.created_at LIMIT 1",
    )
    .bind::<t::Uuid, _>(op)
    .bind::<t::Uuid, _>(by.id.0)
    .get_result(tx.conn())
    .optional()?;
    Ok(noted.map(|Noted { deal, author }| {
        let author = author.unwrap_or_else(|| "somebody".to_owned());
        format!("Nothing was undone: {deal} has a note by {author} since, which would go to the bin with it. Move or delete the note first.")
    }))
}

#[derive(QueryableByName)]
struct Touched {
    #[diesel(sql_type = t::Text)]
    deal: String,
}

/// Not counted: notes are told of by their author, and nothing is lost with who follows.
const APART: [&str; 2] = ["has notes", "is followed"];

/// Since the operation's own moment, which all that it gave bears. What an automation planned and nobody touched is nobody's work.
fn worked_with(tx: &mut OrgTx, op: OperationId) -> AppResult<Option<String>> {
    let made = "(SELECT o.created_at FROM operations o WHERE o.org_id = app.org() AND o.id = $1)";
    let came_along = format!(
        "h.created_at <= {made} OR h.id IN (SELECT g.activity_id FROM activity_origins g JOIN activities y ON y.org_id = g.org_id \
           AND y.id = g.activity_id WHERE g.org_id = app.org() AND g.run_id IS NOT NULL AND y.version = 1)"
    );
    let since = Since { made, came_along: &came_along, made_too: &came_along };
    for sign in touched::signs(RecordType::Deal, since).into_iter().filter(|sign| !APART.contains(&sign.said)) {
        let sql = format!(
            "SELECT d.name AS deal FROM operation_changes c JOIN deals d ON d.org_id = c.org_id AND d.id = c.record_id \
             WHERE c.operation_id = $1 AND c.record_type = 'deal' AND c.action = 'created' AND d.deleted_at IS NULL \
               AND d.id IN ({}) ORDER BY d.number LIMIT 1",
            sign.ids
        );
        let met: Option<Touched> = diesel::sql_query(sql).bind::<t::Uuid, _>(op).get_result(tx.conn()).optional()?;
        if let Some(Touched { deal }) = met {
            let said = sign.said;
            return Ok(Some(format!(
                "Nothing was undone: {deal} {said}, which would go to the bin with it. Take that off the deal first."
            )));
        }
    }
    Ok(None)
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
