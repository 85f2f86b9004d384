//! Imports as their pages show them.

use super::{apply::Made, cells, commands, engine::Checked, options::Options, undo::Undone};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    schema::{import_created, import_errors, imports, members},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

/// Errors shown on the page; the rest is in the CSV.
pub const SHOWN: i64 = 100;
/// Imports on the list: people look for the last few.
const RECENT: i64 = 50;

/// Which imports a person may see: of the records they may import, and of the people whose records they see.
#[derive(Clone, Debug)]
pub struct Scope {
    records: Vec<&'static str>,
    by: Option<Vec<Uuid>>,
}

impl Scope {
    /// As the command line sees them.
    pub fn everything() -> Self {
        Self { records: RecordType::ALL.into_iter().map(RecordType::key).collect(), by: None }
    }

    pub fn of(actor: &Actor) -> Self {
        let records = RecordType::ALL.into_iter().filter(|r| actor.may(commands::permission_key(*r)));
        Self { records: records.map(RecordType::key).collect(), by: actor.visible_owners() }
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

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
    pub options: serde_json::Value,
    pub file_path: Option<String>,
    pub file_size: Option<i64>,
    checked: Option<serde_json::Value>,
    undone: Option<serde_json::Value>,
    pub undone_at: Option<DateTime<Utc>>,
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
    #[serde(default)]
    made: Made,
}

impl Import {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "checking" | "queued" | "running" | "undoing")
    }

    /// Its choices may still be made.
    pub fn is_draft(&self) -> bool {
        matches!(self.status.as_str(), "draft" | "cancelled") && self.file_path.is_some()
    }

    pub fn options(&self) -> Options {
        read(Some(self.options.clone())).unwrap_or_default()
    }

    /// What a trial of these choices found.
    pub fn checked(&self) -> Option<Checked> {
        read(self.checked.clone())
    }

    pub fn undone(&self) -> Option<Undone> {
        read(self.undone.clone())
    }

    /// The file's headings: as read, or as chosen while it is a draft.
    pub fn headings(&self) -> Vec<String> {
        let read: Vec<String> = self.columns().into_iter().map(|(heading, _)| heading).collect();
        if read.is_empty() { self.options().columns.into_iter().map(|c| c.heading).collect() } else { read }
    }

    /// What had to be made beside the records.
    pub fn made(&self) -> Made {
        serde_json::from_value::<Mapped>(self.mapping.clone()).unwrap_or_default().made
    }

    /// Heading of the file → label of the field it went into, if any.
    pub fn columns(&self) -> Vec<(String, Option<String>)> {
        serde_json::from_value::<Mapped>(self.mapping.clone()).unwrap_or_default().columns
    }
}

fn read<T: DeserializeOwned>(json: Option<serde_json::Value>) -> Option<T> {
    json.and_then(|json| serde_json::from_value(json).ok())
}

/// What the import made beside its records.
pub fn made(tx: &mut OrgTx, id: ImportId) -> AppResult<Made> {
    let mapping: serde_json::Value =
        imports::table.filter(imports::id.eq(id)).select(imports::mapping).first(tx.conn())?;
    Ok(serde_json::from_value::<Mapped>(mapping).unwrap_or_default().made)
}

/// The latest imports.
pub fn recent(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<Import>> {
    let mut query = base().filter(imports::record_type.eq_any(scope.records.clone())).into_boxed();
    if let Some(by) = &scope.by {
        query = query.filter(imports::created_by.eq_any(by.clone()));
    }
    Ok(query.order((imports::created_at.desc(), imports::id.desc())).limit(RECENT).load(tx.conn())?)
}

/// One import, if it may be seen.
pub fn find(tx: &mut OrgTx, id: ImportId, scope: &Scope) -> AppResult<Import> {
    let mut query =
        base().filter(imports::id.eq(id)).filter(imports::record_type.eq_any(scope.records.clone())).into_boxed();
    if let Some(by) = &scope.by {
        query = query.filter(imports::created_by.eq_any(by.clone()));
    }
    query.first(tx.conn()).optional()?.ok_or(AppError::NotFound)
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
            imports::options,
            imports::file_path,
            imports::file_size,
            imports::checked,
            imports::undone,
            imports::undone_at,
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

/// Whether companies were made only because rows name them.
pub fn made_companies(tx: &mut OrgTx, id: ImportId) -> AppResult<bool> {
    let made = import_created::table
        .filter(import_created::import_id.eq(id))
        .filter(import_created::record_type.eq(RecordType::Company.key()))
        .filter(import_created::chunk.lt(0));
    Ok(diesel::select(diesel::dsl::exists(made)).get_result(tx.conn())?)
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
