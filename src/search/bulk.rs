//! Search documents written by jobs: after an import, after a company's new name. A job works in batches, each a transaction of
//! its own, so that it never holds much nor long; running twice only writes the same documents again.

use super::{IdRow, reindex};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::RecordType,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const BULK: &str = "search.bulk";
pub(super) const COMPANY: &str = "search.company";
const BATCH: i64 = 2_000;

#[derive(Serialize, Deserialize)]
struct BulkPayload {
    record_type: String,
    since: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CompanyPayload {
    pub company: Uuid,
}

/// After this transaction commits, a job brings the documents up to date of every record of that type created or changed at or
/// after `since`; of all of them when it is `None`. Pass the transaction's own time (`SELECT now()`), or earlier.
pub fn enqueue_bulk(tx: &mut OrgTx, record_type: RecordType, since: Option<DateTime<Utc>>) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(BULK, &BulkPayload { record_type: record_type.key().into(), since })?)
}

/// After this transaction commits, a job writes the documents of the company's contacts and deals anew.
pub fn enqueue_company(tx: &mut OrgTx, company: Uuid) -> AppResult<()> {
    jobs::enqueue(tx, Job::new(COMPANY, &CompanyPayload { company })?)
}

/// The jobs of search documents.
pub fn register_jobs(registry: &mut Registry) {
    registry.register(BULK, run_bulk);
    registry.register(COMPANY, run_company);
}

fn run_bulk(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let payload: BulkPayload = serde_json::from_value(payload.clone())?;
    let Some(record_type) = RecordType::parse(&payload.record_type) else { return Ok(JobOutcome::GiveUp) };
    let sql = format!(
        "SELECT id FROM {} WHERE id > $1 AND ($2::timestamptz IS NULL OR greatest(created_at, updated_at) >= $2) ORDER BY id LIMIT {BATCH}",
        record_type.noun()
    );
    batches(ctx, record_type, |tx, after| {
        Ok(diesel::sql_query(&sql)
            .bind::<sql_types::Uuid, _>(after)
            .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(payload.since)
            .load::<IdRow>(tx.conn())?)
    })
}

fn run_company(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let CompanyPayload { company } = serde_json::from_value(payload.clone())?;
    for record_type in [RecordType::Contact, RecordType::Deal] {
        let sql = format!(
            "SELECT id FROM {} WHERE company_id = $2 AND id > $1 ORDER BY id LIMIT {BATCH}",
            record_type.noun()
        );
        batches(ctx, record_type, |tx, after| {
            Ok(diesel::sql_query(&sql)
                .bind::<sql_types::Uuid, _>(after)
                .bind::<sql_types::Uuid, _>(company)
                .load::<IdRow>(tx.conn())?)
        })?;
    }
    Ok(JobOutcome::Done)
}

/// Reindexes what `next` yields after each id, until it yields nothing.
fn batches(
    ctx: &JobContext,
    record_type: RecordType,
    next: impl Fn(&mut OrgTx, Uuid) -> AppResult<Vec<IdRow>>,
) -> anyhow::Result<JobOutcome> {
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let mut after = Uuid::nil();
    loop {
        let last = ctx.db.org_now(&org, |tx| {
            tx.without_time_limit()?;
            let ids: Vec<Uuid> = next(tx, after)?.into_iter().map(|row| row.id).collect();
            reindex(tx, record_type, &ids)?;
            if ids.is_empty() && !after.is_nil() {
                settle(tx, org.0, record_type, after)?;
            }
            Ok(ids.last().copied())
        })?;
        match last {
            Some(last) => after = last,
            None => return Ok(JobOutcome::Done),
        }
    }
}

/// Ends bulk work: writes one document anew as an edit does, which moves the new entries from their list into the trigram index.
pub(crate) fn settle(tx: &mut impl Tx, org: Uuid, record_type: RecordType, id: Uuid) -> AppResult<()> {
    diesel::sql_query("DELETE FROM search_documents WHERE org_id = $1 AND record_type = $2 AND record_id = $3")
        .bind::<sql_types::Uuid, _>(org)
        .bind::<sql_types::Text, _>(record_type.key())
        .bind::<sql_types::Uuid, _>(id)
        .execute(tx.conn())?;
    super::write_few(tx, org, record_type, &[id])?;
    Ok(())
}
