//! The search: every live record of one type is given keys (an address, a number, a company or domain or city with the beginning of the
//! name); records that share a key are candidates, unless the key is everybody's; likeness judges them, batch by batch.
//!
//! One transaction, so that a search that is killed leaves the queue as it was and is taken up again from the start. How far it is, is
//! told in transactions of its own. Memory holds a batch, whatever the number of records.

use super::{super::finding, scoring};
use crate::{
    db::{Db, OrgTx, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{OrgId, RecordType},
    live::{self, LiveMessage},
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};

pub const JOB: &str = "duplicates.scan";
const ATTEMPTS: i32 = 3;
/// A key that more records share says nothing.
const BLOCK: i64 = 50;
/// Candidates judged at once.
const BATCH: i64 = 5_000;

#[derive(Serialize, Deserialize)]
struct Payload {
    record: String,
}

/// Asks for a search, unless one is waiting or at work.
pub(super) fn request(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    let by = tx.by();
    diesel::sql_query(
        "INSERT INTO duplicate_scans AS s (record_type, requested_by) VALUES ($1, $2) ON CONFLICT (org_id, record_type) DO UPDATE \
           SET status = 'queued', done = 0, total = 0, requested_by = $2, requested_at = now() \
         WHERE s.status NOT IN ('queued', 'running') OR s.requested_at < now() - interval '2 hours'",
    )
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
    .execute(tx.conn())?;
    let job = Job::new(JOB, &Payload { record: record.key().to_owned() })?;
    jobs::enqueue(tx, job.key(format!("duplicates:{record}")).max_attempts(ATTEMPTS))
}

/// The job behind a search, asked for by a person or by the night.
pub fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { record } = serde_json::from_value(payload.clone())?;
    let (Some(org), Some(record)) = (ctx.org, RecordType::parse(&record)) else { return Ok(JobOutcome::GiveUp) };
    let step = |set: &str| {
        let sql = format!(
            "INSERT INTO duplicate_scans AS s (record_type, status, started_at) VALUES ($1, 'running', now()) \
             ON CONFLICT (org_id, record_type) DO UPDATE SET {set}"
        );
        ctx.db.org_now(&org, |tx| {
            diesel::sql_query(&sql).bind::<sql_types::Text, _>(record.key()).execute(tx.conn())?;
            live::publish(tx, &LiveMessage::refresh())
        })
    };
    step(
        "status = 'running', done = 0, total = 0, found = 0, started_at = now(), requested_at = now(), finished_at = NULL",
    )?;
    match ctx.db.org_now(&org, |tx| search(tx, &ctx.db, org, record)) {
        Ok(()) => step("status = 'done', finished_at = now()")?,
        Err(error) => {
            if ctx.attempt >= ATTEMPTS {
                step("status = 'failed', finished_at = now()")?;
            }
            return Err(anyhow::anyhow!("{error}"));
        }
    }
    Ok(JobOutcome::Done)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    count: i64,
}

fn search(tx: &mut OrgTx, db: &Db, org: OrgId, record: RecordType) -> AppResult<()> {
    tx.without_time_limit()?;
    gather(tx, record)?;
    let count: Count = diesel::sql_query("SELECT count(*) AS count FROM likely_pairs").get_result(tx.conn())?;
    let (mut done, mut found) = (0, 0);
    while done < count.count {
        tell(db, org, record, (done, count.count, found))?;
        found += scoring::batch(tx, record, done, done + BATCH)?;
        done += BATCH;
    }
    tell(db, org, record, (count.count, count.count, found))?;
    // What is no longer likely is no longer asked; what people have said stays said.
    diesel::sql_query("DELETE FROM duplicate_pairs WHERE record_type = $1 AND status = 'open' AND seen_at < now()")
        .bind::<sql_types::Text, _>(record.key())
        .execute(tx.conn())?;
    Ok(())
}

fn tell(db: &Db, org: OrgId, record: RecordType, (done, total, found): (i64, i64, i64)) -> AppResult<()> {
    db.org_now(&org, |tx| {
        diesel::sql_query("UPDATE duplicate_scans SET done = $2, total = $3, found = $4 WHERE record_type = $1")
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::BigInt, _>(done)
            .bind::<sql_types::BigInt, _>(total)
            .bind::<sql_types::BigInt, _>(found)
            .execute(tx.conn())?;
        Ok(())
    })
}

/// Words of the names in alphabetical order, as `finding::key` has them.
const NAMES: &str = "
CREATE TEMPORARY TABLE likely_names ON COMMIT DROP AS
SELECT f.id, coalesce((
  SELECT string_agg(w, ' ' ORDER BY w COLLATE \"C\") FROM regexp_split_to_table(translate(app.fold(f.name), '.''’', ''), '[^[:alnum:]]+') w
  WHERE w <> '' AND w <> ALL (string_to_array('{legal}', ' '))), '') AS name
FROM likely_facts f";

const KEYS: &str = "
CREATE TEMPORARY TABLE likely_keys ON COMMIT DROP AS
SELECT hashtextextended(k.key, 0) AS key, f.id
FROM likely_facts f JOIN likely_names n ON n.id = f.id CROSS JOIN LATERAL (
  SELECT 'e ' || e AS key FROM unnest(f.emails) e
  UNION SELECT 'p ' || p FROM unnest(f.phones) p
  UNION SELECT 'd ' || d || ' ' || left(n.name, 1) FROM (SELECT split_part(e, '@', 2) FROM unnest(f.emails) e UNION SELECT f.domain) t (d)
    WHERE d <> '' AND d <> ALL (string_to_array('{shared}', ' ')) AND n.name <> ''
  UNION SELECT 'c ' || app.fold(f.company) || ' ' || left(n.name, 1) WHERE f.company <> '' AND n.name <> ''
  UNION SELECT 'y ' || app.fold(btrim(f.city)) || ' ' || left(n.name, 4) WHERE btrim(f.city) <> '' AND n.name <> ''
  UNION SELECT 'n ' || n.name WHERE {by_name} AND n.name <> '') k";

const PAIRS: &str = "
CREATE TEMPORARY TABLE likely_pairs ON COMMIT DROP AS
SELECT row_number() OVER () AS n, a, b FROM (
  SELECT DISTINCT x.id AS a, y.id AS b FROM likely_blocks k JOIN likely_keys x ON x.key = k.key JOIN likely_keys y ON y.key = k.key AND y.id > x.id) t";

/// Fills `likely_facts` and `likely_pairs`.
fn gather(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    let company = record == RecordType::Company;
    let statements = [
        format!(
            "CREATE TEMPORARY TABLE likely_facts ON COMMIT DROP AS SELECT {} FROM {} r WHERE r.archived_at IS NULL AND r.deleted_at IS NULL",
            finding::columns(record),
            record.noun()
        ),
        NAMES.replace("{legal}", &if company { finding::LEGAL.join(" ") } else { String::new() }),
        "CREATE UNIQUE INDEX ON likely_facts (id)".to_owned(),
        "ANALYZE likely_facts".to_owned(),
        "ANALYZE likely_names".to_owned(),
        KEYS.replace("{shared}", &finding::SHARED.join(" "))
            .replace("{by_name}", if company { "true" } else { "false" }),
        format!(
            "CREATE TEMPORARY TABLE likely_blocks ON COMMIT DROP AS SELECT key FROM likely_keys GROUP BY key HAVING count(*) BETWEEN 2 AND {BLOCK}"
        ),
        "ANALYZE likely_keys".to_owned(),
        "ANALYZE likely_blocks".to_owned(),
        PAIRS.to_owned(),
        "CREATE UNIQUE INDEX ON likely_pairs (n)".to_owned(),
        "ANALYZE likely_pairs".to_owned(),
    ];
    for statement in statements {
        diesel::sql_query(statement).execute(tx.conn())?;
    }
    Ok(())
}
