//! Pairs that wait for somebody's word, the likeliest first, of those records that the reader sees; and what people say of them.

use super::super::finding::{self, Facts};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::records::{require_edit, visible},
    kernel::{DuplicateId, RecordType},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Pairs are looked through in chunks, and so many chunks for a page: a reader who sees little may have to go on with an empty one.
const LOOKED_AT: usize = 10;
const CHUNK: i64 = 60;

/// Where one is in the queue: confidence and id of the last pair.
pub(in super::super) type Cursor = (i16, Uuid);

/// One of two.
pub(in super::super) struct One {
    pub id: Uuid,
    pub name: String,
    pub note: String,
}

/// A pair to judge.
pub(in super::super) struct Line {
    pub id: Uuid,
    pub confidence: i16,
    pub reasons: Vec<String>,
    pub a: One,
    pub b: One,
}

impl Line {
    pub(in super::super) fn cursor(&self) -> Cursor {
        (self.confidence, self.id)
    }

    /// Where the two are merged.
    pub(in super::super) fn href(&self, record: RecordType) -> String {
        format!("/{}/{}/merge?with={}&pair={}", record.noun(), self.a.id, self.b.id, self.id)
    }
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    a_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    b_id: Uuid,
    #[diesel(sql_type = sql_types::SmallInt)]
    confidence: i16,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    reasons: Vec<String>,
}

const OPEN: &str = "
SELECT id, a_id, b_id, confidence, reasons FROM duplicate_pairs
WHERE record_type = $1 AND status = 'open' AND ($2 IS NULL OR (confidence, id) < ($2, $3))
ORDER BY confidence DESC, id DESC LIMIT $4";

/// A page of the pairs of which the reader sees both, and where the next one begins.
pub(super) fn open(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    mut after: Option<Cursor>,
    most: usize,
) -> AppResult<(Vec<Line>, Option<Cursor>)> {
    let mut lines = Vec::new();
    for _ in 0..LOOKED_AT {
        let query = diesel::sql_query(OPEN)
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::Nullable<sql_types::SmallInt>, _>(after.map(|(confidence, _)| confidence))
            .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |(_, id)| id))
            .bind::<sql_types::BigInt, _>(CHUNK);
        let pairs: Vec<Pair> = kept(query).load(tx.conn())?;
        let last = i64::try_from(pairs.len()).unwrap_or(0) < CHUNK;
        let mut seen = seen(tx, actor, record, &pairs)?;
        let count = pairs.len();
        for (place, pair) in pairs.into_iter().enumerate() {
            after = Some((pair.confidence, pair.id));
            let (a, b) = (seen.remove(&pair.a_id), seen.remove(&pair.b_id));
            if let (Some(a), Some(b)) = (&a, &b) {
                lines.push(Line {
                    id: pair.id,
                    confidence: pair.confidence,
                    reasons: pair.reasons,
                    a: one(a),
                    b: one(b),
                });
            }
            // One record may be in several pairs.
            seen.extend([a, b].into_iter().flatten().map(|facts| (facts.id, facts)));
            if lines.len() == most {
                let more = !last || place + 1 < count;
                return Ok((lines, after.filter(|_| more)));
            }
        }
        if last {
            return Ok((lines, None));
        }
    }
    Ok((lines, after))
}

fn one(facts: &Facts) -> One {
    let name = if facts.name.is_empty() { facts.note.clone() } else { facts.name.clone() };
    One { id: facts.id, name, note: facts.note.clone() }
}

/// Those of the pairs' records that the reader sees and that still are.
fn seen(tx: &mut OrgTx, actor: &Actor, record: RecordType, pairs: &[Pair]) -> AppResult<HashMap<Uuid, Facts>> {
    let ids: Vec<Uuid> = pairs.iter().flat_map(|pair| [pair.a_id, pair.b_id]).collect();
    let rows = finding::facts(tx, record, &ids, actor.visible_owners())?;
    Ok(rows.into_iter().map(|facts| (facts.id, facts)).collect())
}

/// The pair that follows in the queue, if there is any that the reader sees.
pub(in super::super) fn next(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    after: Option<Cursor>,
) -> AppResult<Option<Line>> {
    Ok(open(tx, actor, record, after, 1)?.0.pop())
}

const PAIR: &str = "SELECT id, record_type, a_id, b_id, confidence, reasons FROM duplicate_pairs WHERE id = $1";

/// The pair, for a reader who sees both records; not one of another type.
pub(in super::super) fn find(tx: &mut OrgTx, actor: &Actor, id: DuplicateId) -> AppResult<(RecordType, Line)> {
    seen_pair(tx, actor, id, PAIR)
}

fn seen_pair(tx: &mut OrgTx, actor: &Actor, id: DuplicateId, sql: &str) -> AppResult<(RecordType, Line)> {
    let pair: Typed = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).get_result(tx.conn())?;
    let record = RecordType::parse(&pair.record_type).ok_or(AppError::NotFound)?;
    let one = |id: Uuid, name: String| One { id, name, note: String::new() };
    let Pair { id, a_id, b_id, confidence, reasons } = pair.pair;
    let a = one(a_id, visible(tx, actor, record, a_id)?.name);
    let b = one(b_id, visible(tx, actor, record, b_id)?.name);
    Ok((record, Line { id, confidence, reasons, a, b }))
}

#[derive(QueryableByName)]
struct Typed {
    #[diesel(sql_type = sql_types::Text)]
    record_type: String,
    #[diesel(embed)]
    pair: Pair,
}

/// Closes the question or opens it again, for who may edit both records.
pub(super) fn decide(
    tx: &mut OrgTx,
    actor: &Actor,
    id: DuplicateId,
    (from, to): (&str, &str),
) -> AppResult<(RecordType, Line)> {
    let (record, line) = seen_pair(tx, actor, id, &format!("{PAIR} FOR UPDATE"))?;
    require_edit(actor, record)?;
    diesel::sql_query(
        "UPDATE duplicate_pairs SET status = $3, decided_by = $4, decided_at = now() WHERE id = $1 AND status = $2",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Text, _>(from)
    .bind::<sql_types::Text, _>(to)
    .bind::<sql_types::Uuid, _>(actor.id)
    .execute(tx.conn())?;
    Ok((record, line))
}
