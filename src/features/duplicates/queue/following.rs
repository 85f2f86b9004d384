//! Keeping the queue current: every minute a job looks at the records that events tell of since it last looked, and compares each with
//! what there is. More than a few thousand at once are left to a search of everything: at once where that takes seconds, at night
//! where it takes minutes.

use super::{
    scan,
    scoring::{self, LEAST, Pairs},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::duplicates::finding::{self, Likeness, score},
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::RecordType,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

pub(super) const JOB: &str = "duplicates.follow";
const ATTEMPTS: i32 = 3;
/// More changed records than these are left to a search of everything.
const MOST: usize = 5_000;
/// Records compared in one transaction.
const BATCH: usize = 100;
/// So many records are searched at once; more at night.
const QUICK: i64 = 300_000;

/// For the sweeps: types of record that something happened to since the job last looked.
pub const SWEEP: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, payload, key, max_attempts)
  SELECT o.id, 'duplicates.follow', jsonb_build_object('record', t.record), 'duplicates.follow:' || t.record, 3
  FROM organisations o CROSS JOIN (VALUES ('company'), ('contact'), ('lead')) t (record)
  LEFT JOIN duplicate_follows f ON f.org_id = o.id AND f.record_type = t.record
  WHERE EXISTS (SELECT 1 FROM events e WHERE e.org_id = o.id AND e.record_type = t.record
    AND e.at > greatest(f.followed_to, now() - interval '10 minutes'))
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

/// Each organisation in its own night, where something was added or changed since the last search of everything.
pub const NIGHTLY: &str = "
WITH due AS (
  INSERT INTO jobs (org_id, kind, payload, key, max_attempts)
  SELECT o.id, 'duplicates.scan', jsonb_build_object('record', t.record), 'duplicates:' || t.record, 3
  FROM organisations o CROSS JOIN (VALUES ('company'), ('contact'), ('lead')) t (record)
  LEFT JOIN duplicate_scans s ON s.org_id = o.id AND s.record_type = t.record
  WHERE extract(hour FROM now() AT TIME ZONE o.time_zone) = 2 AND coalesce(s.requested_at < now() - interval '20 hours', true)
    AND EXISTS (SELECT 1 FROM events e WHERE e.org_id = o.id AND e.record_type = t.record
      AND e.at > greatest(s.started_at, now() - interval '7 days'))
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

#[derive(Serialize, Deserialize)]
struct Payload {
    record: String,
    /// From then on, whatever was looked at before: a long transaction's events are as old as its beginning.
    #[serde(default)]
    since: Option<DateTime<Utc>>,
}

/// After many records were written in this transaction: they are compared once it is committed.
pub(in super::super) fn after_many(tx: &mut OrgTx, record: RecordType, since: DateTime<Utc>) -> AppResult<()> {
    let job = Job::new(JOB, &Payload { record: record.key().to_owned(), since: Some(since) })?;
    jobs::enqueue(tx, job.key(format!("{JOB}:{record}:{}", since.timestamp_micros())).max_attempts(ATTEMPTS))
}

/// The job behind a queue that is current.
pub(super) fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { record, since } = serde_json::from_value(payload.clone())?;
    let (Some(org), Some(record)) = (ctx.org, RecordType::parse(&record)) else { return Ok(JobOutcome::GiveUp) };
    let (ids, now) = ctx.db.org_now(&org, |tx| changed(tx, record, since))?;
    let many = ids.len() > MOST;
    let left = ctx.db.org_now(&org, |tx| if many { leave(tx, record, ids.len()) } else { begin(tx, record) })?;
    if left.is_none() && !many {
        for some in ids.chunks(BATCH) {
            ctx.db.org_now(&org, |tx| compare(tx, record, some))?;
        }
    }
    ctx.db.org_now(&org, |tx| note(tx, record, now, left))?;
    Ok(JobOutcome::Done)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Moment {
    #[diesel(sql_type = sql_types::Timestamptz)]
    now: DateTime<Utc>,
}

/// Two minutes are looked at twice: by then whatever was under way has committed.
const CHANGED: &str = "
SELECT DISTINCT e.record_id AS id FROM events e
WHERE e.record_type = $1 AND e.at >= coalesce($2,
  (SELECT greatest(f.followed_to - interval '2 minutes', now() - interval '1 day') FROM duplicate_follows f WHERE f.record_type = $1),
  now() - interval '1 hour')
LIMIT $3";

fn changed(tx: &mut OrgTx, record: RecordType, since: Option<DateTime<Utc>>) -> AppResult<(Vec<Uuid>, DateTime<Utc>)> {
    let Moment { now } = diesel::sql_query("SELECT now() AS now").get_result(tx.conn())?;
    let rows: Vec<Row> = diesel::sql_query(CHANGED)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(since)
        .bind::<sql_types::BigInt, _>(i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1))
        .load(tx.conn())?;
    Ok((rows.into_iter().map(|row| row.id).collect(), now))
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = sql_types::BigInt)]
    records: i64,
    #[diesel(sql_type = sql_types::Bool)]
    searched: bool,
}

const SIZE: &str = "
SELECT coalesce((SELECT sum(records) FROM record_totals WHERE record_type = $2), 0)::bigint AS records,
  EXISTS (SELECT 1 FROM duplicate_scans WHERE record_type = $1) AS searched";

fn size(tx: &mut OrgTx, record: RecordType) -> AppResult<Size> {
    Ok(diesel::sql_query(SIZE)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Text, _>(record.noun())
        .get_result(tx.conn())?)
}

/// What was there before anybody looked is searched once. `Some`: so many are left to that search.
fn begin(tx: &mut OrgTx, record: RecordType) -> AppResult<Option<i64>> {
    let Size { records, searched } = size(tx, record)?;
    if searched || records > QUICK {
        return Ok(None);
    }
    scan::request(tx, record)?;
    Ok(Some(0))
}

fn leave(tx: &mut OrgTx, record: RecordType, changed: usize) -> AppResult<Option<i64>> {
    if size(tx, record)?.records <= QUICK {
        scan::request(tx, record)?;
        return Ok(Some(0));
    }
    Ok(Some(i64::try_from(changed).unwrap_or(i64::MAX)))
}

fn note(tx: &mut OrgTx, record: RecordType, now: DateTime<Utc>, left: Option<i64>) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO duplicate_follows AS f (record_type, followed_to, left_over) VALUES ($1, $2, $3) \
         ON CONFLICT (org_id, record_type) DO UPDATE SET followed_to = $2, left_over = f.left_over + $3",
    )
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Timestamptz, _>(now)
    .bind::<sql_types::BigInt, _>(left.unwrap_or(0))
    .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Open {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    a_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b_id: Uuid,
}

const OPEN: &str = "
SELECT id, a_id, b_id FROM duplicate_pairs WHERE record_type = $1 AND status = 'open' AND a_id = ANY ($2)
UNION SELECT id, a_id, b_id FROM duplicate_pairs WHERE record_type = $1 AND status = 'open' AND b_id = ANY ($2)";

/// What these records look like now is asked; what they no longer look like, or that is gone, is not.
fn compare(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    tx.without_time_limit()?;
    let mut found = Pairs::default();
    let mut known: HashSet<(Uuid, Uuid)> = HashSet::new();
    for facts in finding::facts(tx, record, ids, None)? {
        let values = facts.likeness(record);
        for other in finding::among(tx, record, (&facts.name, &values), Some(facts.id), None)? {
            let pair = (facts.id.min(other.id), facts.id.max(other.id));
            if other.confidence >= LEAST && known.insert(pair) {
                found.push(pair.0, pair.1, (other.confidence, &other.reasons));
            }
        }
    }
    let open: Vec<Open> = diesel::sql_query(OPEN)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .load(tx.conn())?;
    let mut both: Vec<Uuid> = open.iter().flat_map(|pair| [pair.a_id, pair.b_id]).collect();
    both.sort_unstable();
    both.dedup();
    let facts = finding::facts(tx, record, &both, None)?;
    let facts: HashMap<Uuid, Likeness> = facts.into_iter().map(|f| (f.id, f.likeness(record))).collect();
    let mut over = Vec::new();
    for pair in open.into_iter().filter(|pair| !known.contains(&(pair.a_id, pair.b_id))) {
        let now = facts.get(&pair.a_id).zip(facts.get(&pair.b_id)).and_then(|(a, b)| score(record, a, b));
        match now.filter(|(confidence, _)| *confidence >= LEAST) {
            Some((confidence, why)) => found.push(pair.a_id, pair.b_id, (confidence, &why)),
            None => over.push(pair.id),
        }
    }
    diesel::sql_query("DELETE FROM duplicate_pairs WHERE id = ANY ($1) AND status = 'open'")
        .bind::<sql_types::Array<sql_types::Uuid>, _>(&over)
        .execute(tx.conn())?;
    scoring::keep(tx, record, &found)
}
