//! Search documents: one row per live record, in the form that global search reads. Written in the transaction that changes the
//! record; bulk work (imports) leaves them to a job. What a document holds is said once, in SQL: `app.search_documents_of`.
//! Global search reads them through `app.search` (see [`fn@find`]).

mod bulk;
mod find;

pub(crate) use bulk::settle;
pub use bulk::{enqueue_bulk, enqueue_company, register_jobs};
pub use find::{Hit, find, may_view};

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Up to so many documents are written as an edit, more as bulk.
const FEW: usize = 100;

/// Brings the documents of these records up to date: written for live records, removed for archived, deleted and absent ones.
/// A company's new name reaches the documents of its contacts and deals by a job.
pub fn reindex(tx: &mut OrgTx, record_type: RecordType, ids: &[Uuid]) -> AppResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let org = tx.org_id();
    let renamed =
        if ids.len() < FEW { write_few(tx, org.0, record_type, ids)? } else { rewrite(tx, org.0, record_type, ids)? };
    for company in renamed {
        enqueue_company(tx, company)?;
    }
    Ok(())
}

/// A trigram index keeps new entries in a list that every search reads through: edits keep that list short.
fn write_few(tx: &mut impl Tx, org: Uuid, record_type: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let sql = "WITH brief AS MATERIALIZED (SELECT set_config('gin_pending_list_limit', '128kB', true)) SELECT app.reindex($1, $2, $3) AS id FROM brief";
    load(tx, sql, org, record_type, ids)
}

/// The statement behind [`reindex`]; returns renamed companies. Seeds call it across organisations.
pub(crate) fn rewrite(tx: &mut impl Tx, org: Uuid, record_type: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    load(tx, "SELECT app.reindex($1, $2, $3) AS id", org, record_type, ids)
}

fn load(tx: &mut impl Tx, sql: &str, org: Uuid, record_type: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(org)
        .bind::<sql_types::Text, _>(record_type.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids);
    let rows: Vec<IdRow> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}
