//! Imports as their pages show them.

use super::cells;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    schema::{import_errors, imports, members},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use serde::Deserialize;

/// Errors shown on the page; the rest is in the CSV.
pub const SHOWN: i64 = 100;
/// Imports on the list: people look for the last few.
const RECENT: i64 = 50;

#[derive(Clone, Debug, Queryable)]
pub struct Import {
    pub id: ImportId,
    pub record_type: String,
    pub file_name: String,
    pub status: String,
    pub mapping: serde_json::Value,
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    pub rows_read: i64,
    pub created: i64,
    pub updated: i64,
    pub skipped: i64,
    pub failed: i64,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub by: Option<String>,
}

/// One thing wrong with one row.
#[derive(Clone, Debug, Queryable)]
pub struct RowError {
    pub line: i64,
    pub field: String,
    pub message: String,
    pub record: Vec<Option<String>>,
}

/// A row in error, everything wrong with it in one text.
#[derive(Clone, Debug, QueryableByName)]
pub struct FailedRow {
    #[diesel(sql_type = sql_types::BigInt)]
    pub line: i64,
    #[diesel(sql_type = sql_types::Text)]
    pub reason: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Nullable<sql_types::Text>>)]
    pub record: Vec<Option<String>>,
}

#[derive(Deserialize, Default)]
struct Mapped {
    #[serde(default)]
    columns: Vec<(String, Option<String>)>,
}

impl Import {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "queued" | "running")
    }

    /// Heading of the file → label of the field it went into, if any.
    pub fn columns(&self) -> Vec<(String, Option<String>)> {
        serde_json::from_value::<Mapped>(self.mapping.clone()).unwrap_or_default().columns
    }
}

/// The latest imports of these kinds of records.
pub fn recent(tx: &mut OrgTx, records: &[&str]) -> AppResult<Vec<Import>> {
    Ok(base()
        .filter(imports::record_type.eq_any(records.to_vec()))
        .order((imports::created_at.desc(), imports::id.desc()))
        .limit(RECENT)
        .load(tx.conn())?)
}

/// One import, if it is of these kinds of records.
pub fn find(tx: &mut OrgTx, id: ImportId, records: &[&str]) -> AppResult<Import> {
    base()
        .filter(imports::id.eq(id))
        .filter(imports::record_type.eq_any(records.to_vec()))
        .first(tx.conn())
        .optional()?
        .ok_or(AppError::NotFound)
}

#[diesel::dsl::auto_type]
fn base() -> _ {
    imports::table
        .left_join(
            members::table.on(members::org_id.eq(imports::org_id).and(members::id.nullable().eq(imports::created_by))),
        )
        .select((
            imports::id,
            imports::record_type,
            imports::file_name,
            imports::status,
            imports::mapping,
            imports::encoding,
            imports::delimiter,
            imports::rows_read,
            imports::created,
            imports::updated,
            imports::skipped,
            imports::failed,
            imports::error,
            imports::created_at,
            imports::started_at,
            imports::finished_at,
            members::name.nullable(),
        ))
}

pub fn first_errors(tx: &mut OrgTx, id: ImportId) -> AppResult<Vec<RowError>> {
    Ok(import_errors::table
        .filter(import_errors::import_id.eq(id))
        .select((import_errors::line, import_errors::field, import_errors::message, import_errors::record))
        .order((import_errors::line, import_errors::field))
        .limit(SHOWN)
        .load(tx.conn())?)
}

/// Up to `limit` rows in error after that line.
pub fn failed_rows(tx: &mut OrgTx, id: ImportId, after: i64, limit: i64) -> AppResult<Vec<FailedRow>> {
    let sql = "SELECT line, string_agg(field || ': ' || message, '; ' ORDER BY field) AS reason, min(record) AS record \
         FROM import_errors WHERE org_id = app.org() AND import_id = $1 AND line > $2 GROUP BY line ORDER BY line LIMIT $3";
    Ok(sql_query(sql)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::BigInt, _>(after)
        .bind::<sql_types::BigInt, _>(limit)
        .load(tx.conn())?)
}

impl FailedRow {
    /// As a line of CSV: the row as it was read, the line it stood on, the reason.
    pub fn csv(&self, width: usize) -> Vec<String> {
        let mut row: Vec<String> =
            self.record.iter().map(|cell| cells::guard(cell.as_deref().unwrap_or_default())).collect();
        row.resize(width.max(row.len()), String::new());
        row.extend([self.line.to_string(), cells::guard(&self.reason)]);
        row
    }
}
