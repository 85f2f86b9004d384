//! Search documents: one row per live record, in the form that global search reads. Written in the transaction that changes the
//! record; bulk work (imports) leaves them to a job. What a document holds is said once, in SQL: `app.search_documents_of`.

mod bulk;

pub use bulk::{enqueue_bulk, register_jobs};

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job},
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Brings the documents of these records up to date: written for live records, removed for archived, deleted and absent ones.
/// A company's new name reaches the documents of its contacts and deals by a job.
pub fn reindex(tx: &mut OrgTx, record_type: RecordType, ids: &[Uuid]) -> AppResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let org = tx.org_id();
    let renamed = rewrite(tx, org.0, record_type, ids)?;
    for company in renamed {
        jobs::enqueue(tx, Job::new(bulk::COMPANY, &bulk::CompanyPayload { company })?)?;
    }
    Ok(())
}

/// The statement behind [`reindex`]; returns renamed companies. Seeds call it across organisations.
pub(crate) fn rewrite(tx: &mut impl Tx, org: Uuid, record_type: RecordType, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let rows = diesel::sql_query("SELECT app.reindex($1, $2, $3) AS id")
        .bind::<sql_types::Uuid, _>(org)
        .bind::<sql_types::Text, _>(record_type.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .load::<IdRow>(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}
