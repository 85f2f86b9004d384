//! An operation as it is kept: what was asked, how far it is, what became of it.

use super::actions::FOR_GOOD;
use crate::{
    kernel::{MemberId, OperationId, RecordType},
    schema::operations,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records that are named beside one reason.
pub(super) const NAMED: usize = 10;

/// Where an operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Queued,
    Running,
    Done,
    /// Stopped by a person; what was done stays done, and can be undone.
    Cancelled,
    Failed,
    Undoing,
    Undone,
}

impl Status {
    pub fn parse(text: &str) -> Self {
        match text {
            "queued" => Status::Queued,
            "running" => Status::Running,
            "cancelled" => Status::Cancelled,
            "failed" => Status::Failed,
            "undoing" => Status::Undoing,
            "undone" => Status::Undone,
            _ => Status::Done,
        }
    }

    /// Still at work, or about to be.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Queued | Status::Running | Status::Undoing)
    }

    pub fn label(self) -> &'static str {
        match self {
            Status::Queued => "Waiting",
            Status::Running => "Running",
            Status::Done => "Done",
            Status::Cancelled => "Cancelled",
            Status::Failed => "Stopped by an error",
            Status::Undoing => "Being undone",
            Status::Undone => "Undone",
        }
    }

    pub fn tone(self) -> &'static str {
        match self {
            Status::Queued | Status::Undone => "none",
            Status::Running | Status::Undoing => "info",
            Status::Done => "good",
            Status::Cancelled => "warn",
            Status::Failed => "bad",
        }
    }
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = operations)]
pub struct Operation {
    pub id: OperationId,
    /// `edit`, `archive`, `import`, …
    pub kind: String,
    pub record_type: String,
    /// In words: "Archive contacts".
    pub title: String,
    pub params: Value,
    pub(super) status: String,
    pub(super) planned: bool,
    pub total: i64,
    pub done: i64,
    pub changed: i64,
    pub skipped: i64,
    pub failed: i64,
    /// Why records were skipped or failed, each with its count.
    pub reasons: Value,
    pub undo_total: i64,
    pub restored: i64,
    pub left_alone: i64,
    pub cancel_requested: bool,
    pub error: Option<String>,
    pub created_by: Option<MemberId>,
    pub undone_by: Option<MemberId>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub heartbeat_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub undo_started_at: Option<DateTime<Utc>>,
    pub undo_finished_at: Option<DateTime<Utc>>,
}

impl Operation {
    pub fn status(&self) -> Status {
        Status::parse(&self.status)
    }

    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    /// Ended, and something of it can still be taken back.
    pub fn can_undo(&self) -> bool {
        matches!(self.status(), Status::Done | Status::Cancelled | Status::Failed)
            && self.changed > 0
            && self.kind != FOR_GOOD
    }
}

/// How many records of a batch came to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub changed: i64,
    pub skipped: i64,
    pub failed: i64,
    /// Why, of those skipped and failed.
    pub reasons: Vec<(String, i64)>,
    /// Of some reasons, which records they kept; the first few.
    pub named: BTreeMap<String, Vec<String>>,
}

impl Tally {
    pub fn done(&self) -> i64 {
        self.changed + self.skipped + self.failed
    }

    /// So many records are left as they are, because there is nothing to do or it is not theirs to change.
    pub fn skip(&mut self, why: &str, count: i64) {
        self.skipped += count;
        self.count(why, count);
    }

    /// So many records cannot be changed as asked.
    pub fn fail(&mut self, why: &str, count: i64) {
        self.failed += count;
        self.count(why, count);
    }

    /// One record cannot be changed as asked, and is named.
    pub fn hold(&mut self, why: &str, name: String) {
        self.fail(why, 1);
        let names = self.named.entry(why.to_owned()).or_default();
        if names.len() < NAMED {
            names.push(name);
        }
    }

    fn count(&mut self, why: &str, count: i64) {
        if count == 0 {
            return;
        }
        match self.reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, n)) => *n += count,
            None => self.reasons.push((why.to_owned(), count)),
        }
    }
}

/// A new operation.
#[derive(Clone, Debug)]
pub struct NewOperation<'a> {
    /// A word of the feature's own: `import`, `merge`, `edit`.
    pub kind: &'a str,
    pub record: RecordType,
    /// In words, as the list of operations shows it: "Archive contacts".
    pub title: String,
    pub params: Value,
    /// Records to go through, when known.
    pub total: i64,
    /// Of the form that asked: sent twice, it is one operation.
    pub request_key: Option<Uuid>,
}

/// What an operation did to a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    Created,
    Updated,
    Archived,
    Restored,
    Deleted,
}

impl Done {
    pub fn key(self) -> &'static str {
        match self {
            Done::Created => "created",
            Done::Updated => "updated",
            Done::Archived => "archived",
            Done::Restored => "restored",
            Done::Deleted => "deleted",
        }
    }
}
