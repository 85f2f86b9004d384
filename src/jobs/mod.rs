//! Background work, kept in Postgres: enqueued in the transaction that wants it, so a rollback does nothing and a commit loses
//! nothing. Claimed with SKIP LOCKED under a lease; retried with exponential backoff and jitter; dead after `max_attempts`, for an
//! administrator to see and retry.
//!
//! Delivery is at least once: a handler must be safe to run twice. A worker that dies leaves its lease to expire.

mod admin;
mod registry;
mod storage;
mod sweeps;
mod worker;

pub use admin::{DeadJob, Depth, dead, depth, discard, retry};
pub use registry::{JobContext, JobOutcome, Registry};
pub use worker::{Running, Workers, run_due};

use crate::{db::Tx, error::AppResult, kernel::OrgId, schema::jobs};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Nullable, Text, Timestamptz},
};
use serde::Serialize;
use serde_json::Value;

/// NOTIFY channel that wakes workers.
pub const CHANNEL: &str = "pipewright_jobs";

/// Which jobs a worker takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane<'a> {
    Everything,
    /// All but these kinds, which wait for other people's servers: one worker is always free of a mail server that hangs.
    AllBut(&'a [&'static str]),
}

impl Lane<'_> {
    fn leaves_alone(&self) -> Vec<&'static str> {
        match self {
            Lane::Everything => Vec::new(),
            Lane::AllBut(kinds) => kinds.to_vec(),
        }
    }
}

/// A job to be done after this transaction commits.
#[derive(Clone, Debug)]
pub struct Job {
    kind: &'static str,
    payload: Value,
    key: Option<String>,
    run_at: Option<DateTime<Utc>>,
    max_attempts: i32,
    org: Option<OrgId>,
}

impl Job {
    /// `payload` is what the handler registered for `kind` reads.
    pub fn new(kind: &'static str, payload: &impl Serialize) -> AppResult<Self> {
        let payload = serde_json::to_value(payload).map_err(anyhow::Error::from)?;
        Ok(Self { kind, payload, key: None, run_at: None, max_attempts: 12, org: None })
    }

    /// While a queued or running job of the same organisation has this key, enqueuing another does nothing.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn run_at(mut self, at: DateTime<Utc>) -> Self {
        self.run_at = Some(at);
        self
    }

    /// For a transaction across organisations that nevertheless acts for one.
    pub fn org(mut self, org: OrgId) -> Self {
        self.org = Some(org);
        self
    }

    pub fn max_attempts(mut self, attempts: i32) -> Self {
        self.max_attempts = attempts;
        self
    }
}

/// Enqueues in this transaction; the job belongs to the transaction's organisation, if it has one.
pub fn enqueue(tx: &mut impl Tx, job: Job) -> AppResult<()> {
    diesel::insert_into(jobs::table)
        .values((
            jobs::kind.eq(job.kind),
            jobs::payload.eq(job.payload),
            jobs::key.eq(job.key),
            // Without a time of our own: the database's clock, which is the one workers go by.
            jobs::run_at
                .eq(sql::<Timestamptz>("coalesce(").bind::<Nullable<Timestamptz>, _>(job.run_at).sql(", now())")),
            jobs::max_attempts.eq(job.max_attempts),
            job.org.map(|org| jobs::org_id.eq(org.0)),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    wake(tx)
}

/// Calls the workers of every process once this transaction commits.
fn wake(tx: &mut impl Tx) -> AppResult<()> {
    diesel::sql_query("SELECT pg_notify($1, '')").bind::<Text, _>(CHANNEL).execute(tx.conn())?;
    Ok(())
}
