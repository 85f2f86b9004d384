//! A message as it is kept, and where it stands.

use super::merge::Subject;
use crate::{
    kernel::{MailingId, MemberId, MessageId, RecordType},
    schema::{mail_messages, mail_recipients},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

/// Where a message stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Draft,
    Scheduled,
    /// Being given to the server; some may have it already.
    Sending,
    Sent,
    /// There is no mail server.
    Kept,
    /// Nobody got it.
    Failed,
    /// Of a mailing that was stopped.
    Cancelled,
}

impl Status {
    pub fn parse(text: &str) -> Self {
        match text {
            "scheduled" => Status::Scheduled,
            "sending" => Status::Sending,
            "sent" => Status::Sent,
            "kept" => Status::Kept,
            "failed" => Status::Failed,
            "cancelled" => Status::Cancelled,
            _ => Status::Draft,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Status::Draft => "Draft",
            Status::Scheduled => "Scheduled",
            Status::Sending => "Being sent",
            Status::Sent => "Sent",
            Status::Kept => "Kept, not sent",
            Status::Failed => "Not delivered",
            Status::Cancelled => "Cancelled",
        }
    }

    pub fn tone(self) -> &'static str {
        match self {
            Status::Draft | Status::Cancelled => "none",
            Status::Scheduled | Status::Sending => "info",
            Status::Sent => "good",
            Status::Kept => "warn",
            Status::Failed => "bad",
        }
    }
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = mail_messages)]
pub struct Message {
    pub id: MessageId,
    pub author_id: MemberId,
    pub(super) status: String,
    pub subject: String,
    /// Sanitised.
    pub body_html: String,
    pub to_line: String,
    pub cc_line: String,
    pub bcc_line: String,
    pub contact_id: Option<Uuid>,
    pub company_id: Option<Uuid>,
    pub deal_id: Option<Uuid>,
    pub lead_id: Option<Uuid>,
    pub mailing_id: Option<MailingId>,
    /// Message-ID.
    pub message_header: String,
    pub in_reply_to: Option<String>,
    pub reference_headers: Vec<Option<String>>,
    pub thread_id: Uuid,
    /// How often it was given to be sent: a job of an earlier turn does nothing.
    pub turn: i32,
    pub send_at: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub from_line: Option<String>,
    pub counts_opens: bool,
    pub counts_clicks: bool,
    pub error: Option<String>,
    pub version: i32,
    pub updated_at: DateTime<Utc>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Message {
    pub fn status(&self) -> Status {
        Status::parse(&self.status)
    }

    pub fn about(&self) -> Subject {
        Subject { contact: self.contact_id, company: self.company_id, deal: self.deal_id, lead: self.lead_id }
    }

    pub fn links(&self) -> impl Iterator<Item = (RecordType, Uuid)> + use<> {
        let about = self.about();
        let order = [RecordType::Deal, RecordType::Contact, RecordType::Lead, RecordType::Company];
        order.into_iter().filter_map(move |record| about.get(record).map(|id| (record, id)))
    }

    /// What an answer to it refers to (RFC 5322 §3.6.4).
    pub fn references(&self) -> Vec<String> {
        self.reference_headers.iter().flatten().cloned().collect()
    }
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = mail_recipients)]
pub struct RecipientRow {
    pub id: Uuid,
    /// `to`, `cc`, `bcc`.
    pub kind: String,
    pub name: String,
    pub email: String,
    pub contact_id: Option<Uuid>,
    pub lead_id: Option<Uuid>,
    /// `queued`, `sent`, `kept`, `refused`.
    pub status: String,
    pub error: Option<String>,
    pub opens: i32,
    pub opened_at: Option<DateTime<Utc>>,
    pub clicks: i32,
    pub clicked_at: Option<DateTime<Utc>>,
}

/// The Message-ID of a message.
pub fn header(id: MessageId, host: &str) -> String {
    format!("<{id}@{host}>")
}
