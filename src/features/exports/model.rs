//! What an export is asked to be, and how a large one is kept.

use crate::{
    error::{AppError, AppResult},
    features::records::list::Kept,
    kernel::{ExportId, MemberId, RecordType},
    schema::exports,
    web::{
        Actor,
        permission::{Allow, Permission, companies, contacts, deals, leads},
    },
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// What kind of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Csv,
    Xlsx,
    Vcard,
    Jsonl,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Csv, Format::Xlsx, Format::Vcard, Format::Jsonl];

    pub fn key(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Vcard => "vcard",
            Format::Jsonl => "jsonl",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.key() == key)
    }

    pub fn label(self) -> &'static str {
        match self {
            Format::Csv => "CSV, for spreadsheets and other programs",
            Format::Xlsx => "Excel workbook (XLSX)",
            Format::Vcard => "vCard 4.0, for address books",
            Format::Jsonl => "JSON Lines, for developers",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Vcard => "vcf",
            Format::Jsonl => "jsonl",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Vcard => "text/vcard; charset=utf-8",
            Format::Jsonl => "application/jsonl; charset=utf-8",
        }
    }

    /// An address book holds people.
    pub fn suits(self, record: RecordType) -> bool {
        self != Format::Vcard || matches!(record, RecordType::Contact | RecordType::Lead)
    }
}

/// What is to be exported, and how.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub record: RecordType,
    pub format: Format,
    /// Catalogue keys, in order.
    pub fields: Vec<String>,
    pub options: Options,
}

/// Kept with a large export for its job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Options {
    pub selection: Kept,
    /// Of CSV: a byte order mark, by which Excel knows the encoding.
    #[serde(default)]
    pub bom: bool,
}

impl Order {
    /// `contacts-2026-11-20.csv`
    pub fn file_name(&self, actor: &Actor) -> String {
        format!("{}-{}.{}", self.record.noun(), actor.today(), self.format.extension())
    }

    /// What the event keeps of it: which fields, and the list's address or how many were ticked.
    pub fn told(&self, rows: u64) -> serde_json::Value {
        let selected = match &self.options.selection {
            Kept::Ids(ids) => serde_json::json!({ "ticked": ids.len() }),
            Kept::Matching(query) => serde_json::json!({ "filter": query }),
        };
        serde_json::json!({
            "record_type": self.record.key(), "format": self.format.key(), "fields": self.fields, "selection": selected, "rows": rows,
        })
    }
}

/// Refuses with what the role lacks: seeing them, and taking them away.
pub(super) fn check(actor: &Actor, record: RecordType) -> AppResult<()> {
    crate::features::records::require_view(actor, record)?;
    match record {
        RecordType::Company => Allow::<companies::Export>::check(actor).map(drop),
        RecordType::Contact => Allow::<contacts::Export>::check(actor).map(drop),
        RecordType::Lead => Allow::<leads::Export>::check(actor).map(drop),
        RecordType::Deal => Allow::<deals::Export>::check(actor).map(drop),
    }
}

/// Refuses who may export nothing at all.
pub(super) fn check_any(actor: &Actor) -> AppResult<()> {
    if RecordType::ALL.into_iter().any(|record| check(actor, record).is_ok()) {
        return Ok(());
    }
    Err(AppError::Forbidden(contacts::Export::DENIED))
}

/// A large export as it is kept.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = exports)]
pub(super) struct Export {
    pub id: ExportId,
    pub record_type: String,
    pub format: String,
    pub fields: Vec<Option<String>>,
    pub options: serde_json::Value,
    pub file_name: String,
    pub status: String,
    pub cancel_requested: bool,
    pub rows_total: Option<i64>,
    pub rows_done: i64,
    pub bytes: Option<i64>,
    pub error: Option<String>,
    pub created_by: MemberId,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Export {
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "queued" | "running")
    }

    pub fn record(&self) -> AppResult<RecordType> {
        RecordType::parse(&self.record_type).ok_or(AppError::NotFound)
    }

    pub fn order(&self) -> AppResult<Order> {
        Ok(Order {
            record: self.record()?,
            format: Format::parse(&self.format).ok_or(AppError::NotFound)?,
            fields: self.fields.iter().flatten().cloned().collect(),
            options: serde_json::from_value(self.options.clone()).map_err(anyhow::Error::from)?,
        })
    }
}
