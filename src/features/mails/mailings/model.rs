//! A mailing as it is kept.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{MailingId, MemberId, RecordType},
    schema::mailings,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = mailings)]
pub struct Mailing {
    pub id: MailingId,
    pub author_id: MemberId,
    pub(super) record_type: String,
    /// `scheduled`, `running`, `done`, `cancelled`, `failed`.
    pub status: String,
    pub subject: String,
    pub body_html: String,
    /// A `Kept` selection.
    pub(super) selection: Value,
    /// Why records were left out, each with how many.
    pub(super) left_out: Value,
    pub(super) planned: bool,
    pub send_at: DateTime<Utc>,
    /// A daily limit was reached.
    pub resumes_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl Mailing {
    pub fn record(&self) -> RecordType {
        RecordType::parse(&self.record_type).unwrap_or(RecordType::Contact)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "scheduled" | "running")
    }
}

/// One that the actor may see: their own, and of those whose records they see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: MailingId) -> AppResult<Mailing> {
    let found: Mailing = mailings::table.filter(mailings::id.eq(id)).select(Mailing::as_select()).first(tx.conn())?;
    if found.author_id == actor.id || actor.sees(Some(found.author_id.0)) { Ok(found) } else { Err(AppError::NotFound) }
}
