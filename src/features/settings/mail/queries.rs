//! The organisation's mails, newest first.

use crate::{
    db::{OrgTx, Tx, paging},
    error::AppResult,
    kernel::MailId,
    mailer::MailMessage,
    schema::mails,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

/// A row of the list.
#[derive(Clone, Debug, Queryable)]
pub struct MailRow {
    pub id: MailId,
    pub recipient: String,
    pub subject: String,
    pub status: String,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// A mail in full.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = mails)]
pub struct Mail {
    pub id: MailId,
    pub user_id: Option<Uuid>,
    pub template: String,
    pub recipient: String,
    pub subject: String,
    pub body_text: String,
    pub body_html: String,
    pub status: String,
    pub error: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Mail {
    /// Whether this administrator may read the text, see the module's head.
    pub fn is_readable_by(&self, actor: &Actor) -> bool {
        match self.template.as_str() {
            "reset_password" => false,
            name if MailMessage::is_personal(name) => self.user_id == Some(actor.id.0),
            // On its way, or refused: the link is for whoever reads that address, and proves that they do.
            name if MailMessage::has_link(name) => matches!(self.status.as_str(), "kept" | "sent"),
            _ => true,
        }
    }

    pub fn has_lost_its_link(&self) -> bool {
        self.status == "sent" && MailMessage::has_link(&self.template)
    }

    /// The addresses in the text, to open or copy.
    pub fn links(&self) -> Vec<&str> {
        self.body_text.split_whitespace().filter(|w| w.starts_with("http://") || w.starts_with("https://")).collect()
    }
}

/// Those with that status, or all, a page at a time.
pub fn list(tx: &mut OrgTx, status: Option<&str>, after: Option<&str>) -> AppResult<paging::Page<MailRow>> {
    let mut query = mails::table
        .filter(mails::org_id.eq(tx.org_id().0))
        .order((mails::created_at.desc(), mails::id.desc()))
        .select((mails::id, mails::recipient, mails::subject, mails::status, mails::error, mails::created_at))
        .limit(paging::PAGE + 1)
        .into_boxed();
    if let Some(status) = status {
        query = query.filter(mails::status.eq(status));
    }
    if let Some(cursor) = after {
        let (at, id): (DateTime<Utc>, Uuid) = paging::decode(cursor)?;
        query = query.filter(mails::created_at.lt(at).or(mails::created_at.eq(at).and(mails::id.lt(id))));
    }
    Ok(paging::Page::new(query.load::<MailRow>(tx.conn())?, paging::PAGE, |m| (m.created_at, m.id)))
}

pub fn find(tx: &mut OrgTx, id: MailId) -> AppResult<Mail> {
    let mine = mails::table.filter(mails::org_id.eq(tx.org_id().0)).filter(mails::id.eq(id));
    Ok(mine.select(Mail::as_select()).first(tx.conn())?)
}
