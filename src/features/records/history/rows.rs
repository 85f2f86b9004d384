//! A record's history as it is kept: a page of its events, and what each of its fields was last set to.
//!
//! What was merged into the record belongs to its history; its own changes alone can be undone one by one.

use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, Page as Rows},
    },
    error::AppResult,
    kernel::RecordType,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// Events on a page.
const PAGE: i64 = 50;
/// Events that are looked through for the fields and people to filter by, and for what fields were last set to.
const REACH: i64 = 5_000;

/// What the reader asked to see.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrowed {
    pub field: Option<String>,
    pub by: Option<Uuid>,
    pub after: Option<String>,
}

/// An event of the record, or of one that was merged into it.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Row {
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub kind: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub actor_name: Option<String>,
    #[diesel(sql_type = sql_types::Uuid)]
    pub record_id: Uuid,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Integer>)]
    pub version: Option<i32>,
    #[diesel(sql_type = sql_types::Jsonb)]
    pub changes: Value,
    #[diesel(sql_type = sql_types::Jsonb)]
    pub data: Value,
    /// Of the operation that did it, and whose that is.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub operation: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub operation_by: Option<Uuid>,
    /// The file of the import that did it.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub import: Option<String>,
    #[diesel(sql_type = sql_types::Bool)]
    pub by_merge: bool,
}

const ROWS: &str = "
WITH RECURSIVE whole AS (
  SELECT $1::uuid AS id
  UNION SELECT g.merged_id FROM merges g JOIN whole w ON g.survivor_id = w.id WHERE g.record_type = $2 AND g.undone_at IS NULL)
SELECT x.at, x.id, x.kind, m.name AS actor_name, x.record_id, x.version, x.changes, x.data, o.title AS operation,
  o.created_by AS operation_by, i.file_name AS import,
  x.version IS NOT NULL AND EXISTS (SELECT FROM merges g WHERE g.survivor_id = x.record_id AND g.merged_at = x.at) AS by_merge
FROM whole w CROSS JOIN LATERAL (
  SELECT e.org_id, e.at, e.id, e.kind, e.actor_id, e.record_id, e.version, e.changes, e.data FROM events e
  WHERE e.record_id = w.id AND e.record_type = $2 AND e.kind NOT LIKE 'note.%'
    AND (e.kind <> 'deal.moved' OR e.changes <> '{}') AND (w.id = $1 OR e.kind NOT LIKE '%.merged_into')
    AND ($3 IS NULL OR jsonb_exists(e.changes, $3)) AND ($4 IS NULL OR e.actor_id = $4)
    AND ($5 IS NULL OR (e.at, e.id) < ($5, $6))
  ORDER BY e.at DESC, e.id DESC LIMIT $7) x
LEFT JOIN members m ON m.org_id = x.org_id AND m.id = x.actor_id
LEFT JOIN operations o ON o.org_id = x.org_id AND o.id = app.as_uuid(x.data->>'operation_id')
LEFT JOIN imports i ON i.org_id = x.org_id AND i.id = app.as_uuid(x.data->>'import_id')
ORDER BY x.at DESC, x.id DESC LIMIT $7";

/// A page of the history of a record that the caller has found visible.
pub(super) fn page(tx: &mut OrgTx, record: RecordType, id: Uuid, asked: &Narrowed) -> AppResult<Rows<Row>> {
    let after: Option<(DateTime<Utc>, Uuid)> = asked.after.as_deref().map(paging::decode).transpose()?;
    let query = diesel::sql_query(ROWS)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Nullable<sql_types::Text>, _>(asked.field.clone())
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(asked.by)
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(after.map(|a| a.0))
        .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
        .bind::<sql_types::BigInt, _>(PAGE + 1);
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    Ok(Rows::new(rows, PAGE, |row| (row.at, row.id)))
}

/// An event of this very record.
pub(super) fn event(tx: &mut OrgTx, record: RecordType, id: Uuid, event: Uuid) -> AppResult<Row> {
    let query = diesel::sql_query(
        "SELECT e.at, e.id, e.kind, NULL::text AS actor_name, e.record_id, e.version, e.changes, e.data, NULL::text AS operation, \
           NULL::uuid AS operation_by, NULL::text AS import, false AS by_merge \
         FROM events e WHERE e.record_id = $1 AND e.record_type = $2 AND e.id = $3",
    );
    let query =
        query.bind::<sql_types::Uuid, _>(id).bind::<sql_types::Text, _>(record.key()).bind::<sql_types::Uuid, _>(event);
    Ok(kept(query).get_result(tx.conn())?)
}

/// What a field was last set to.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Latest {
    #[diesel(sql_type = sql_types::Text)]
    key: String,
    #[diesel(sql_type = sql_types::Jsonb)]
    pub value: Value,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub by: Option<String>,
}

/// Saves follow each other by version, whatever the clocks of their transactions say; tags have none.
const LATEST: &str = "
SELECT DISTINCT ON (f.key) f.key, f.value->1 AS value, e.at, m.name AS by
FROM (SELECT * FROM events WHERE record_id = $1 AND record_type = $2 AND changes <> '{}' ORDER BY at DESC LIMIT $3) e
CROSS JOIN LATERAL jsonb_each(e.changes) f
LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
ORDER BY f.key, CASE WHEN f.key = 'tags' THEN NULL ELSE e.version END DESC NULLS LAST, e.at DESC, e.id DESC";

/// By field.
pub(super) fn latest(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<HashMap<String, Latest>> {
    let query = diesel::sql_query(LATEST)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::BigInt, _>(REACH);
    let rows: Vec<Latest> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}

/// Who changed anything of the record.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Author {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
}

pub(super) fn authors(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<Vec<Author>> {
    let query = diesel::sql_query(
        "SELECT DISTINCT m.id, m.name FROM ( \
           SELECT org_id, actor_id FROM events WHERE record_id = $1 AND record_type = $2 AND kind NOT LIKE 'note.%' ORDER BY at DESC LIMIT $3) e \
         JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id ORDER BY m.name, m.id",
    );
    let query = query
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::BigInt, _>(REACH);
    Ok(kept(query).load(tx.conn())?)
}
