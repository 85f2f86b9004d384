//! Candidates become pairs with a confidence and reasons, and pairs a queue.

use super::super::finding::{self, Likeness, score};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Pairs less likely are not worth anybody's time.
pub(super) const LEAST: i16 = 60;
/// The likeliest that are kept: nobody gets through more, and each search begins anew.
pub(super) const MOST: i64 = 20_000;

#[derive(QueryableByName)]
struct Candidates {
    #[diesel(sql_type = sql_types::Uuid)]
    a: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b: Uuid,
}

/// Pairs as they are written, column by column.
#[derive(Default)]
pub(super) struct Pairs {
    a: Vec<Uuid>,
    b: Vec<Uuid>,
    points: Vec<i16>,
    reasons: Vec<String>,
}

impl Pairs {
    pub(super) fn push(&mut self, x: Uuid, y: Uuid, (points, reasons): (i16, &[&str])) {
        self.a.push(x.min(y));
        self.b.push(x.max(y));
        self.points.push(points);
        self.reasons.push(reasons.join("|"));
    }

    fn len(&self) -> i64 {
        i64::try_from(self.a.len()).unwrap_or(i64::MAX)
    }

    /// Runs a statement that reads them as `t (a, b, points, why)`; `$1` is the type of record.
    fn write(&self, tx: &mut OrgTx, record: RecordType, sql: &str) -> AppResult<()> {
        diesel::sql_query(sql.replace("{pairs}", "unnest($2, $3, $4, $5) t (a, b, points, why)"))
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::Array<sql_types::Uuid>, _>(&self.a)
            .bind::<sql_types::Array<sql_types::Uuid>, _>(&self.b)
            .bind::<sql_types::Array<sql_types::SmallInt>, _>(&self.points)
            .bind::<sql_types::Array<sql_types::Text>, _>(&self.reasons)
            .execute(tx.conn())?;
        Ok(())
    }
}

/// Judges the candidates numbered above `from` up to `to`; how many were likely.
pub(super) fn batch(tx: &mut OrgTx, record: RecordType, (from, to): (i64, i64), least: i16) -> AppResult<i64> {
    let candidates: Vec<Candidates> = diesel::sql_query("SELECT a, b FROM likely_pairs WHERE n > $1 AND n <= $2")
        .bind::<sql_types::BigInt, _>(from)
        .bind::<sql_types::BigInt, _>(to)
        .load(tx.conn())?;
    let mut ids: Vec<Uuid> = candidates.iter().flat_map(|pair| [pair.a, pair.b]).collect();
    ids.sort_unstable();
    ids.dedup();
    let facts = finding::facts(tx, record, &ids, None)?;
    let facts: HashMap<Uuid, Likeness> = facts.into_iter().map(|f| (f.id, f.likeness(record))).collect();
    let mut pairs = Pairs::default();
    for pair in candidates {
        let (Some(x), Some(y)) = (facts.get(&pair.a), facts.get(&pair.b)) else { continue };
        if let Some((confidence, why)) = score(record, x, y).filter(|(confidence, _)| *confidence >= least) {
            pairs.push(pair.a, pair.b, (confidence, &why));
        }
    }
    diesel::sql_query(
        "CREATE TEMPORARY TABLE IF NOT EXISTS likely_found (a uuid, b uuid, points smallint, why text) ON COMMIT DROP",
    )
    .execute(tx.conn())?;
    pairs.write(tx, record, "INSERT INTO likely_found SELECT a, b, points, why FROM {pairs} WHERE $1 <> ''")?;
    Ok(pairs.len())
}

/// What people have said of a pair stays said.
const UPSERT: &str = "
INSERT INTO duplicate_pairs (record_type, a_id, b_id, confidence, reasons)
SELECT $1, a, b, points, string_to_array(why, '|') FROM {pairs} ORDER BY a, b
ON CONFLICT (org_id, record_type, a_id, b_id) DO UPDATE
  SET confidence = excluded.confidence, reasons = excluded.reasons, seen_at = excluded.seen_at";

/// Writes pairs into the queue.
pub(super) fn keep(tx: &mut OrgTx, record: RecordType, pairs: &Pairs) -> AppResult<()> {
    pairs.write(tx, record, UPSERT)
}

/// The likeliest of what the search found become the queue; what it did not find again is no longer asked. Returns how many there are.
pub(super) fn commit(tx: &mut OrgTx, record: RecordType) -> AppResult<i64> {
    diesel::sql_query(
        "CREATE TEMPORARY TABLE IF NOT EXISTS likely_found (a uuid, b uuid, points smallint, why text) ON COMMIT DROP",
    )
    .execute(tx.conn())?;
    let found = format!(
        "(SELECT f.* FROM likely_found f JOIN {0} x ON x.id = f.a AND x.deleted_at IS NULL JOIN {0} y ON y.id = f.b AND y.deleted_at IS NULL \
         ORDER BY f.points DESC, f.a, f.b LIMIT {MOST}) t",
        record.noun()
    );
    diesel::sql_query(UPSERT.replace("{pairs}", &found)).bind::<sql_types::Text, _>(record.key()).execute(tx.conn())?;
    diesel::sql_query("DELETE FROM duplicate_pairs WHERE record_type = $1 AND status = 'open' AND seen_at < now()")
        .bind::<sql_types::Text, _>(record.key())
        .execute(tx.conn())?;
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = sql_types::BigInt)]
        count: i64,
    }
    let count = "SELECT count(*) AS count FROM duplicate_pairs WHERE record_type = $1 AND status = 'open'";
    Ok(diesel::sql_query(count).bind::<sql_types::Text, _>(record.key()).get_result::<Count>(tx.conn())?.count)
}
