//! Mail: enqueued as data in the transaction that wants it, rendered and sent in a job.
//!
//! Without SMTP_URL a mail is kept instead, readable under Settings → Outgoing mail.

mod headers;
mod letter;
mod messages;
mod transport;

pub use letter::{Attachment, Deferred, Handed, Letter, Party};
pub use messages::{EventMail, MailMessage};
pub use transport::Post;

use crate::{
    db::{Reason, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::{MailId, OrgId, UserId},
    schema::{jobs as jobs_table, mails},
};
use anyhow::anyhow;
use chrono::Utc;
use diesel::prelude::*;
use messages::Rendered;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use transport::Delivery;

const KIND: &str = "mail.send";
/// Two days and more, an hour apart at last: as long as mail servers themselves go on trying (RFC 5321 §4.5.4.1 says 4–5 days).
const ATTEMPTS: i32 = 60;

#[derive(Serialize, Deserialize)]
struct Order {
    id: MailId,
    to: String,
    #[serde(default)]
    user: Option<UserId>,
    message: MailMessage,
}

/// Sends `message` to `to` once this transaction commits.
pub fn enqueue(tx: &mut impl Tx, to: &str, message: MailMessage) -> AppResult<()> {
    jobs::enqueue(tx, job(to, None, message)?)
}

/// Like [`enqueue`], about the account of `user`: the mail is listed for that organisation's administrators, but a link that opens
/// or changes the account is shown to that person alone, see [`MailMessage::is_personal`].
pub fn enqueue_for(tx: &mut impl Tx, org: OrgId, user: UserId, to: &str, message: MailMessage) -> AppResult<()> {
    jobs::enqueue(tx, job(to, Some(user), message)?.org(org))
}

/// Like [`enqueue`], under an id of the caller's: enqueued again, even long after, it is the same mail and is not sent again.
pub fn enqueue_once(tx: &mut impl Tx, id: MailId, to: &str, message: MailMessage) -> AppResult<()> {
    jobs::enqueue(tx, order(id, to, None, message)?)
}

/// Like [`enqueue_once`], but not before that moment: until then [`hold_back`] takes it back.
pub fn enqueue_at(
    tx: &mut impl Tx,
    id: MailId,
    to: &str,
    message: MailMessage,
    at: chrono::DateTime<chrono::Utc>,
) -> AppResult<()> {
    jobs::enqueue(tx, order(id, to, None, message)?.run_at(at))
}

/// A mail that has not gone out yet does not; whether there was one.
pub fn hold_back(tx: &mut impl Tx, id: MailId) -> AppResult<bool> {
    let waiting = jobs_table::table
        .filter(jobs_table::key.eq(format!("mail:{id}")))
        .filter(jobs_table::status.eq("queued"))
        .filter(jobs_table::attempts.eq(0));
    Ok(diesel::delete(waiting).execute(tx.conn())? > 0)
}

fn job(to: &str, user: Option<UserId>, message: MailMessage) -> AppResult<Job> {
    order(MailId::new(), to, user, message)
}

fn order(id: MailId, to: &str, user: Option<UserId>, message: MailMessage) -> AppResult<Job> {
    let order = Order { id, to: to.to_owned(), user, message };
    let key = format!("mail:{}", order.id);
    Ok(Job::new(KIND, &order)?.key(key).max_attempts(ATTEMPTS))
}

pub fn register(registry: &mut Registry) {
    registry.register_remote(KIND, send);
}

/// Composes the mail once (a retry finds the row and its Message-ID), then hands it over.
fn send(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let mut order: Order = serde_json::from_value(payload.clone())?;
    order.message = order.message.signed(context.config.secret_key.expose().as_bytes());
    let rendered = order.message.render(&context.config.public_url)?;
    let message_id = format!("<{}@{}>", order.id, context.config.public_url.host_str().unwrap_or("localhost"));
    let row = (
        mails::id.eq(order.id.0),
        mails::org_id.eq(context.org.map(|o| o.0)),
        mails::user_id.eq(order.user.map(|u| u.0)),
        mails::template.eq(order.message.name()),
        mails::recipient.eq(&order.to),
        mails::subject.eq(&rendered.subject),
        mails::body_text.eq(&rendered.text),
        mails::body_html.eq(&rendered.html),
        mails::message_id.eq(&message_id),
    );
    let status: String = context
        .db
        .system_now(Reason::Mail, |tx| {
            diesel::insert_into(mails::table).values(row).on_conflict_do_nothing().execute(tx.conn())?;
            Ok(mails::table.find(order.id.0).select(mails::status).first(tx.conn())?)
        })
        .map_err(|e| anyhow!("{e}"))?;
    // A refused mail comes here again only when an administrator retries it.
    if status == "sent" || status == "kept" {
        return Ok(JobOutcome::Done);
    }
    // Only the hash of a token is kept anywhere else: here too, as soon as the mail is on its way.
    let without_link = order.message.without_link().render(&context.config.public_url)?;
    match context.post.deliver(&order.to, &message_id, &rendered) {
        Ok(Delivery::Sent) => {
            note(context, order.id, "sent", None, &without_link)?;
            Ok(JobOutcome::Done)
        }
        Ok(Delivery::Kept) => {
            note(context, order.id, "kept", None, &rendered)?;
            Ok(JobOutcome::Done)
        }
        Ok(Delivery::Refused(reason)) => {
            note(context, order.id, "refused", Some(&reason), &rendered)?;
            Ok(JobOutcome::GiveUp)
        }
        Err(error) => {
            note(context, order.id, "queued", Some(&format!("{error:#}")), &rendered)?;
            Err(error)
        }
    }
}

/// Keeps how it went with the mail, where administrators look.
fn note(
    context: &JobContext,
    id: MailId,
    status: &'static str,
    error: Option<&str>,
    kept: &Rendered,
) -> anyhow::Result<()> {
    let sent_at = (status == "sent").then(Utc::now);
    let noted = context.db.system_now(Reason::Mail, |tx| {
        diesel::update(mails::table.find(id.0))
            .set((
                mails::status.eq(status),
                mails::error.eq(error),
                mails::sent_at.eq(sent_at),
                mails::body_text.eq(&kept.text),
                mails::body_html.eq(&kept.html),
            ))
            .execute(tx.conn())?;
        Ok(())
    });
    noted.map_err(|e| anyhow!("{e}"))
}
