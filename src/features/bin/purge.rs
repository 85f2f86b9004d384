//! Deleting for good: the records, what was merged into them, and all that hangs on them or remembers them (notes, links, tags, lists,
//! duplicates, what operations and imports keep to undo, their history). An event that names nobody says that it was done.
//!
//! Foreign keys and the tables' own triggers take notes, links, tags, duplicate pairs and unique values along.

use super::forget;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    kernel::RecordType,
    live::{self, LiveMessage},
    search,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// What tells of a record's past by its id alone.
const HISTORY: &[&str] = &[
    "DELETE FROM events WHERE record_id = ANY ($1) AND record_type = $2",
    "DELETE FROM operation_changes WHERE record_id = ANY ($1) AND record_type = $2",
    "DELETE FROM import_changes WHERE record_id = ANY ($1) AND record_type = $2",
    "DELETE FROM import_fingerprints WHERE record_id = ANY ($1) AND record_type = $2",
];

/// What else remembers it.
const REMEMBERED: &[&str] = &[
    "DELETE FROM recent_records WHERE record_id = ANY ($1) AND record_type = $2",
    "DELETE FROM segment_members WHERE record_id = ANY ($1) AND $2 <> ''",
    "DELETE FROM rule_breaks WHERE record_id = ANY ($1) AND $2 <> ''",
    "DELETE FROM view_matches WHERE record_id = ANY ($1) AND $2 <> ''",
    "DELETE FROM follows WHERE record_id = ANY ($1) AND record_type = $2",
    "DELETE FROM notices WHERE record_id = ANY ($1) AND record_type = $2",
    // A mail goes with the last of those it is to, a draft with whom it is about; whoever else has it stays on it.
    "DELETE FROM mail_messages m WHERE $2 IN ('contact', 'lead') AND (m.id IN (SELECT r.message_id FROM mail_recipients r
         WHERE r.contact_id = ANY ($1) OR r.lead_id = ANY ($1) AND r.contact_id IS NULL)
       AND NOT EXISTS (SELECT 1 FROM mail_recipients r WHERE r.org_id = m.org_id AND r.message_id = m.id
         AND NOT coalesce(r.contact_id = ANY ($1), r.lead_id = ANY ($1), false))
       OR m.status = 'draft' AND (m.contact_id = ANY ($1) OR m.lead_id = ANY ($1)))",
    "DELETE FROM mail_recipients WHERE (contact_id = ANY ($1) OR lead_id = ANY ($1) AND contact_id IS NULL) AND $2 <> ''",
    "DELETE FROM merges WHERE (survivor_id = ANY ($1) OR merged_id = ANY ($1)) AND record_type = $2",
];

/// Deletes those of these records for good that are deleted. The caller has found that they may go. Returns how many went.
pub fn purge(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<i64> {
    tx.without_time_limit()?;
    let going = hold(tx, record, ids)?;
    if going.is_empty() {
        return Ok(0);
    }
    forget::note(tx, record, &going, &format!("Deleted {}", record.label().to_lowercase()))?;
    forget_history(tx, record, &going)?;
    run(tx, REMEMBERED, record, &going)?;
    diesel::sql_query(format!("DELETE FROM {} WHERE id = ANY ($1)", record.noun()))
        .bind::<sql_types::Array<sql_types::Uuid>, _>(&going)
        .execute(tx.conn())?;
    search::reindex(tx, record, &going)?;
    for id in &going {
        events::record_quietly(tx, Event::new(kind(record), record, *id))?;
    }
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(i64::try_from(going.len()).unwrap_or(i64::MAX))
}

/// Forgets all that was: of records that go, or whose people are no longer to be known.
pub fn forget_history(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    run(tx, HISTORY, record, ids)
}

fn run(tx: &mut OrgTx, statements: &[&str], record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    for statement in statements {
        diesel::sql_query(*statement)
            .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
            .bind::<sql_types::Text, _>(record.key())
            .execute(tx.conn())?;
    }
    Ok(())
}

fn kind(record: RecordType) -> &'static str {
    match record {
        RecordType::Company => "company.purged",
        RecordType::Contact => "contact.purged",
        RecordType::Lead => "lead.purged",
        RecordType::Deal => "deal.purged",
    }
}

/// The records and all that was merged into them, held until the transaction ends, in the order in which every bulk write does.
fn hold(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let sql = format!(
        "WITH RECURSIVE going AS ( \
           SELECT r.id FROM {table} r WHERE r.id = ANY ($1) AND r.deleted_at IS NOT NULL \
           UNION SELECT g.merged_id FROM merges g JOIN going w ON g.survivor_id = w.id WHERE g.record_type = $2 AND g.undone_at IS NULL) \
         SELECT r.id FROM {table} r WHERE r.id IN (SELECT id FROM going) AND r.deleted_at IS NOT NULL ORDER BY r.id FOR UPDATE",
        table = record.noun()
    );
    let rows: Vec<Id> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Text, _>(record.key())
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
