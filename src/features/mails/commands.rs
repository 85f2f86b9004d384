//! Drafts saved, mails given to be sent, taken back, thrown away: the rows, the job and the event in one transaction.

use super::{
    attachments::{self, Bearer},
    limits,
    model::{self, Message, Status},
    queries, sending, settings, standing,
    writing::Written,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::records::Saved,
    jobs,
    kernel::MessageId,
    schema::{mail_messages, mail_recipients},
    web::{Allow, permission::mails::Send},
};
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

pub(super) const RECORD: &str = "mail";
/// For second thoughts.
pub const UNDO: Duration = Duration::seconds(10);

/// Writes the draft down, a new one too: `id` was chosen when the form was made. A save by an older page is stale.
pub fn save(
    tx: &mut OrgTx,
    by: &Allow<Send>,
    id: MessageId,
    version: i32,
    written: &Written,
    host: &str,
) -> AppResult<Saved> {
    let saved = match queries::lock_own(tx, by, id) {
        Ok(before) => overwrite(tx, &before, version, written)?,
        Err(AppError::NotFound) => insert(tx, by, id, written, host)?,
        Err(other) => return Err(other),
    };
    if let Saved::Done(_) = saved {
        attachments::keep(tx, by, Bearer::Message(id), &written.about, &written.files)?;
    }
    Ok(saved)
}

fn insert(tx: &mut OrgTx, by: &Allow<Send>, id: MessageId, written: &Written, host: &str) -> AppResult<Saved> {
    let earlier = written.reply.map(|reply| queries::find(tx, by, reply)).transpose()?;
    let references = earlier.as_ref().map(|earlier| {
        let mut all = earlier.references();
        all.push(earlier.message_header.clone());
        // The first and the latest: servers refuse endless lines.
        if all.len() > 20 {
            all.drain(1..all.len() - 19);
        }
        all
    });
    let made = diesel::insert_into(mail_messages::table)
        .values((
            (mail_messages::id.eq(id), mail_messages::author_id.eq(by.id), columns(written)),
            mail_messages::message_header.eq(model::header(id, host)),
            mail_messages::in_reply_to.eq(earlier.as_ref().map(|earlier| earlier.message_header.clone())),
            mail_messages::reference_headers.eq(references.unwrap_or_default()),
            mail_messages::thread_id.eq(earlier.map_or(id.0, |earlier| earlier.thread_id)),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    // Somebody else's id: nothing of it is told.
    if made == 0 { Err(AppError::NotFound) } else { Ok(Saved::Done(1)) }
}

fn overwrite(tx: &mut OrgTx, before: &Message, version: i32, written: &Written) -> AppResult<Saved> {
    if before.deleted_at.is_some() {
        return Err(AppError::NotFound);
    }
    if before.status() != Status::Draft {
        return Err(AppError::Conflict("This mail is on its way already.".into()));
    }
    // Version 0 is the page that made it, which has not heard of its own save.
    if version != 0 && before.version != version {
        return Ok(Saved::Stale);
    }
    let next = before.version + 1;
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(before.id)))
        .set((
            columns(written),
            mail_messages::version.eq(next),
            mail_messages::at.eq(diesel::dsl::now),
            mail_messages::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    Ok(Saved::Done(next))
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = mail_messages, treat_none_as_null = true)]
struct Columns<'a> {
    to_line: &'a str,
    cc_line: &'a str,
    bcc_line: &'a str,
    subject: &'a str,
    body_html: &'a str,
    contact_id: Option<Uuid>,
    company_id: Option<Uuid>,
    deal_id: Option<Uuid>,
    lead_id: Option<Uuid>,
}

fn columns(written: &Written) -> Columns<'_> {
    Columns {
        to_line: &written.to,
        cc_line: &written.cc,
        bcc_line: &written.bcc,
        subject: &written.subject,
        body_html: &written.body_html,
        contact_id: written.about.contact,
        company_id: written.about.company,
        deal_id: written.about.deal,
        lead_id: written.about.lead,
    }
}

/// Gives a draft to be sent, at a time or after [`UNDO`]. The same form sent twice sends it once.
pub fn send(
    tx: &mut OrgTx,
    by: &Allow<Send>,
    id: MessageId,
    written: &Written,
    at: Option<DateTime<Utc>>,
) -> AppResult<()> {
    let message = queries::lock_own(tx, by, id)?;
    if message.status() != Status::Draft || message.deleted_at.is_some() {
        return Err(AppError::Conflict("This mail is on its way already.".into()));
    }
    let people = written.ready(tx, by)?;
    let settings = settings::load(tx)?;
    let count = i64::try_from(people.len()).unwrap_or(i64::MAX);
    if at.is_none() && limits::left(tx, by, &settings)? < count {
        return Err(AppError::field(
            "",
            "That would be more mail than a day allows. Schedule it for tomorrow, or ask an administrator to raise the limit.",
        ));
    }
    let now = Utc::now();
    let send_at = at.unwrap_or(now + UNDO);
    let mut about = written.about;
    for (position, (kind, recipient, known)) in people.iter().enumerate() {
        about.contact = about.contact.or(known.contact_id);
        about.lead = about.lead.or(known.lead_id.filter(|_| known.contact_id.is_none()));
        add_recipient(tx, id, position, kind, (&recipient.name, &recipient.email), known)?;
    }
    let about = super::about::complete(tx, about)?;
    let turn = message.turn + 1;
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(id)))
        .set((
            (mail_messages::status.eq("scheduled"), mail_messages::turn.eq(turn)),
            (
                mail_messages::send_at.eq(send_at),
                mail_messages::at.eq(send_at),
                mail_messages::error.eq(None::<String>),
            ),
            (mail_messages::contact_id.eq(about.contact), mail_messages::company_id.eq(about.company)),
            (mail_messages::lead_id.eq(about.lead), mail_messages::version.eq(message.version + 1)),
            mail_messages::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    jobs::enqueue(tx, sending::job(id, turn, send_at)?)?;
    sending::news(tx, &message)?;
    let data = json!({ "subject": written.subject, "recipients": count, "send_at": send_at });
    events::record_quietly(tx, Event::of("mail.scheduled", RECORD, id).data(data))
}

pub(super) fn add_recipient(
    tx: &mut OrgTx,
    message: MessageId,
    position: usize,
    kind: &str,
    (name, email): (&str, &str),
    known: &standing::Known,
) -> AppResult<()> {
    diesel::insert_into(mail_recipients::table)
        .values((
            (mail_recipients::id.eq(Uuid::now_v7()), mail_recipients::message_id.eq(message)),
            (mail_recipients::kind.eq(kind), mail_recipients::position.eq(i32::try_from(position).unwrap_or(i32::MAX))),
            (mail_recipients::name.eq(name), mail_recipients::email.eq(email)),
            (mail_recipients::contact_id.eq(known.contact_id), mail_recipients::lead_id.eq(known.lead_id)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// A draft again, while the server has not been spoken with.
pub fn take_back(tx: &mut OrgTx, by: &Allow<Send>, id: MessageId) -> AppResult<()> {
    let message = queries::lock_own(tx, by, id)?;
    match message.status() {
        Status::Draft => return Ok(()),
        Status::Scheduled => {}
        _ => return Err(AppError::Conflict("Too late: this mail has been sent.".into())),
    }
    diesel::delete(mail_recipients::table.filter(mail_recipients::message_id.eq(id))).execute(tx.conn())?;
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(id)))
        .set((
            (mail_messages::status.eq("draft"), mail_messages::send_at.eq(None::<DateTime<Utc>>)),
            (mail_messages::at.eq(diesel::dsl::now), mail_messages::version.eq(message.version + 1)),
            mail_messages::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    sending::news(tx, &message)?;
    events::record_quietly(tx, Event::of("mail.taken_back", RECORD, id))
}

/// Throws a draft away, or takes that back. What was sent stays.
pub fn set_deleted(tx: &mut OrgTx, by: &Allow<Send>, id: MessageId, deleted: bool) -> AppResult<()> {
    let message = queries::lock_own(tx, by, id)?;
    if message.status() != Status::Draft {
        return Err(AppError::Conflict("Only drafts can be thrown away.".into()));
    }
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(id)))
        .set(mail_messages::deleted_at.eq(deleted.then(Utc::now)))
        .execute(tx.conn())?;
    Ok(())
}
