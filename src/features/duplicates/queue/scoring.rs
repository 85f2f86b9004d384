//! Candidates become pairs with a confidence and reasons.

use super::super::finding::{Facts, Likeness, score};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Pairs less likely are not worth anybody's time.
const LEAST: i16 = 60;

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = sql_types::Uuid)]
    a: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b: Uuid,
}

const FACTS: &str = "
SELECT f.* FROM likely_facts f WHERE f.id IN (
  SELECT a FROM likely_pairs WHERE n > $1 AND n <= $2 UNION SELECT b FROM likely_pairs WHERE n > $1 AND n <= $2)";

/// Judges the candidates numbered above `from` up to `to`; how many were likely.
pub(super) fn batch(tx: &mut OrgTx, record: RecordType, from: i64, to: i64) -> AppResult<i64> {
    let facts: Vec<Facts> =
        diesel::sql_query(FACTS).bind::<sql_types::BigInt, _>(from).bind::<sql_types::BigInt, _>(to).load(tx.conn())?;
    let facts: HashMap<Uuid, Likeness> = facts.into_iter().map(|f| (f.id, f.likeness(record))).collect();
    let pairs: Vec<Pair> = diesel::sql_query("SELECT a, b FROM likely_pairs WHERE n > $1 AND n <= $2")
        .bind::<sql_types::BigInt, _>(from)
        .bind::<sql_types::BigInt, _>(to)
        .load(tx.conn())?;
    let (mut a, mut b, mut points, mut reasons) = (vec![], vec![], vec![], vec![]);
    for pair in pairs {
        let (Some(x), Some(y)) = (facts.get(&pair.a), facts.get(&pair.b)) else { continue };
        if let Some((confidence, why)) = score(record, x, y).filter(|(confidence, _)| *confidence >= LEAST) {
            a.push(pair.a);
            b.push(pair.b);
            points.push(confidence);
            reasons.push(why.join("|"));
        }
    }
    keep(tx, record, (&a, &b), &points, &reasons)?;
    Ok(i64::try_from(a.len()).unwrap_or(i64::MAX))
}

fn keep(
    tx: &mut OrgTx,
    record: RecordType,
    (a, b): (&[Uuid], &[Uuid]),
    points: &[i16],
    reasons: &[String],
) -> AppResult<()> {
    diesel::sql_query(
        "INSERT INTO duplicate_pairs (record_type, a_id, b_id, confidence, reasons) \
         SELECT $1, a, b, points, string_to_array(why, '|') FROM unnest($2, $3, $4, $5) t (a, b, points, why) \
         ON CONFLICT (org_id, record_type, a_id, b_id) DO UPDATE \
           SET confidence = excluded.confidence, reasons = excluded.reasons, seen_at = excluded.seen_at",
    )
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(a)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(b)
    .bind::<sql_types::Array<sql_types::SmallInt>, _>(points)
    .bind::<sql_types::Array<sql_types::Text>, _>(reasons)
    .execute(tx.conn())?;
    Ok(())
}
