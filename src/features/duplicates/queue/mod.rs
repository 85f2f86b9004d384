//! The search of everything for likely duplicates, and the queue in which people judge what it found.

mod blocks;
mod following;
mod judging;
mod pages;
mod pairs;
mod scan;
mod scoring;

pub(super) use following::after_many;
pub use following::{NIGHTLY, SWEEP};
pub(super) use judging::{after, dismiss, skip, take_back};
pub(super) use pages::{index, scan};
pub(super) use pairs::{Line, find};

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::Registry,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

pub(super) fn register_jobs(registry: &mut Registry) {
    registry.register(scan::JOB, scan::run_job);
    registry.register(following::JOB, following::run_job);
}

/// What can be a duplicate.
pub(super) const TYPES: [RecordType; 3] = [RecordType::Contact, RecordType::Company, RecordType::Lead];

/// Two records became one, or two again: the queue has one question less, or more.
pub(super) fn answered(tx: &mut OrgTx, record: RecordType, (a, b): (Uuid, Uuid), merged: bool) -> AppResult<()> {
    diesel::sql_query(
        "UPDATE duplicate_pairs SET status = CASE WHEN $4 THEN 'merged' ELSE 'open' END, decided_by = $5, decided_at = now() \
         WHERE record_type = $1 AND a_id = least($2, $3) AND b_id = greatest($2, $3) AND ($4 OR status = 'merged')",
    )
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Uuid, _>(a)
    .bind::<sql_types::Uuid, _>(b)
    .bind::<sql_types::Bool, _>(merged)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(tx.by())
    .execute(tx.conn())?;
    Ok(())
}
