//! Messages on their way: the job that gives one to the mail server, recipient by recipient.
//!
//! Each recipient's row is locked while the server is spoken with, and its outcome is written in the same transaction. Another worker
//! passes it by; one that dies lets go of it, and the recipient is still to be written to. Between the server's yes and the commit
//! lies the only moment in which a crash sends the same mail twice, with the same Message-ID.

use super::{
    attachments::{self, Bearer},
    letters::{self, Context},
    limits,
    model::{Message, RecipientRow, Status},
    standing,
};
use crate::{
    db::{Db, OrgTx, Reason, Tx},
    error::AppResult,
    events::{self, Event},
    features::notifications::{self, Kind, Notice, To},
    jobs::{Job, JobContext, JobOutcome},
    kernel::{MemberId, MessageId, OrgId, RecordType},
    live::{self, LiveMessage},
    mailer::Handed,
    schema::{mail_messages, mail_recipients},
    web::{
        Actor,
        permission::{Permission, mails::Send},
    },
};
use anyhow::anyhow;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const JOB: &str = "mails.send";
/// Some two days, as long as mail servers themselves go on trying.
const ATTEMPTS: i32 = 60;

#[derive(Serialize, Deserialize)]
struct Payload {
    message: MessageId,
    turn: i32,
}

pub(super) fn job(id: MessageId, turn: i32, at: DateTime<Utc>) -> AppResult<Job> {
    let job = Job::new(JOB, &Payload { message: id, turn })?;
    Ok(job.key(format!("{JOB}:{id}:{turn}")).run_at(at).max_attempts(ATTEMPTS))
}

/// Whose job died without a word, however that came about.
pub const SWEEP: &str = "
UPDATE mail_messages m SET status = CASE WHEN sent_at IS NULL THEN 'failed' ELSE 'sent' END, at = now(),
  error = 'It was begun several times and broke off each time.'
WHERE status IN ('scheduled', 'sending') AND mailing_id IS NULL AND send_at < now() - interval '5 minutes' AND NOT EXISTS (
  SELECT 1 FROM jobs j WHERE j.org_id = m.org_id AND j.key = 'mails.send:' || m.id || ':' || m.turn
    AND (j.status = 'queued' OR j.status = 'running' AND (j.locked_until > now() OR j.attempts < j.max_attempts)))";

/// Who writes, as they are now; `None` when they may not send any more.
pub(super) fn author(db: &Db, org: OrgId, id: MemberId) -> AppResult<Option<Actor>> {
    let actor = db.system_now(Reason::Mail, |tx| Actor::load(tx, id.into(), org))?;
    Ok(actor.filter(|actor| actor.may(Send::KEY)))
}

pub(super) fn run(ctx: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let payload: Payload = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let Some(found) = ctx.db.org_now(&org, |tx| due(tx, &payload))? else { return Ok(JobOutcome::Done) };
    let Some(author) = author(&ctx.db, org, found.author_id)? else {
        ctx.db.org_now(&org, |tx| fail(tx, &found, "Its author may not send mail any more."))?;
        return Ok(JobOutcome::Done);
    };
    let Some(context) = ctx.db.org_now(&org, |tx| begin(tx, ctx, &author, &payload))? else {
        return Ok(JobOutcome::Done);
    };
    let queued = ctx.db.org_now(&org, |tx| queued(tx, payload.message))?;
    let mut put_off = None;
    for id in queued {
        match ctx.db.org_now(&org, |tx| one(tx, ctx, &context, id))? {
            One::Settled => {}
            One::PutOff { error, answered } => {
                put_off = Some(error);
                // A server that cannot be spoken with would not hear of the others either.
                if !answered {
                    break;
                }
            }
        }
    }
    let last = ctx.attempt >= ATTEMPTS;
    if put_off.is_some() && last {
        ctx.db.org_now(&org, |tx| give_up(tx, payload.message))?;
    }
    let open = ctx.db.org_now(&org, |tx| finish(tx, &context.message))?;
    match (open, put_off) {
        (false, _) => Ok(JobOutcome::Done),
        (true, Some(error)) => Err(anyhow!(error)),
        (true, None) => Err(anyhow!("another worker has it in hand")),
    }
}

/// The message, when this job is still to send it.
fn due(tx: &mut OrgTx, payload: &Payload) -> AppResult<Option<Message>> {
    let found = mail_messages::table
        .filter(mail_messages::id.eq(payload.message))
        .filter(mail_messages::turn.eq(payload.turn))
        .filter(mail_messages::status.eq_any(["scheduled", "sending"]))
        .filter(mail_messages::deleted_at.is_null())
        .select(Message::as_select())
        .for_update()
        .first(tx.conn())
        .optional()?;
    Ok(found)
}

/// From here on it cannot be taken back. Its fields are filled in, once.
fn begin(tx: &mut OrgTx, ctx: &JobContext, author: &Actor, payload: &Payload) -> AppResult<Option<Context>> {
    let Some(mut message) = due(tx, payload)? else { return Ok(None) };
    let context = letters::Frame::load(tx, &ctx.config, &ctx.post, author)?;
    if message.status() == Status::Scheduled {
        leave_out(tx, payload.message)?;
        let subject = message.about();
        let (line, html) = letters::merged(tx, author, &subject, &message.subject, &message.body_html)?;
        let from = context.sender();
        (message.subject, message.body_html) = (line, html);
        (message.counts_opens, message.counts_clicks) = (context.settings.count_opens, context.settings.count_clicks);
        diesel::update(mail_messages::table.filter(mail_messages::id.eq(message.id)))
            .set((
                (mail_messages::status.eq("sending"), mail_messages::from_line.eq(from)),
                (mail_messages::subject.eq(&message.subject), mail_messages::body_html.eq(&message.body_html)),
                (
                    mail_messages::counts_opens.eq(message.counts_opens),
                    mail_messages::counts_clicks.eq(message.counts_clicks),
                ),
            ))
            .execute(tx.conn())?;
    }
    let attached = attachments::load(tx, ctx, Bearer::Message(message.id))?;
    let mut ready = context.ready(tx, ctx, message, false)?;
    match attached {
        Ok(files) => {
            ready.attachments = files;
            Ok(Some(ready))
        }
        Err(told) => {
            fail(tx, &ready.message, &told)?;
            Ok(None)
        }
    }
}

/// Whoever asked since not to be contacted is not written to.
fn leave_out(tx: &mut OrgTx, id: MessageId) -> AppResult<()> {
    let emails: Vec<String> = mail_recipients::table
        .filter(mail_recipients::message_id.eq(id))
        .filter(mail_recipients::status.eq("queued"))
        .select(mail_recipients::email)
        .load(tx.conn())?;
    for (email, known) in standing::look_up(tx, &emails)? {
        let Some(why) = known.why_not(false) else { continue };
        diesel::update(mail_recipients::table)
            .filter(mail_recipients::message_id.eq(id))
            .filter(mail_recipients::email.eq(email))
            .set((
                mail_recipients::status.eq("refused"),
                mail_recipients::error.eq(format!("left out: {}", why.words())),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

fn queued(tx: &mut OrgTx, id: MessageId) -> AppResult<Vec<Uuid>> {
    Ok(mail_recipients::table
        .filter(mail_recipients::message_id.eq(id))
        .filter(mail_recipients::status.eq("queued"))
        .order((mail_recipients::position, mail_recipients::id))
        .select(mail_recipients::id)
        .load(tx.conn())?)
}

/// Open pages of the message, of others in its thread, and of what it is about fetch themselves anew. A mailing's page counts its own.
pub(super) fn news(tx: &mut OrgTx, message: &Message) -> AppResult<()> {
    if message.mailing_id.is_some() {
        return Ok(());
    }
    let mut ids = super::queries::thread_ids(tx, message)?;
    ids.extend(message.links().map(|(_, id)| id));
    let told = LiveMessage { ids, ..LiveMessage::record(super::commands::RECORD, message.id.0) };
    live::publish(tx, &told)
}

/// What became of a recipient.
pub(super) enum One {
    Settled,
    PutOff { error: String, answered: bool },
}

/// One conversation with the server, the recipient's row held meanwhile.
pub(super) fn one(tx: &mut OrgTx, ctx: &JobContext, context: &Context, id: Uuid) -> AppResult<One> {
    let held: Option<RecipientRow> = mail_recipients::table
        .filter(mail_recipients::id.eq(id))
        .filter(mail_recipients::status.eq("queued"))
        .select(RecipientRow::as_select())
        .for_update()
        .skip_locked()
        .first(tx.conn())
        .optional()?;
    let Some(recipient) = held else { return Ok(One::Settled) };
    let letter = context.letter(&recipient);
    let handed = ctx.post.hand_over(&letter, &recipient.email);
    news(tx, &context.message)?;
    match handed {
        Ok(Handed::Sent) => {
            settle(tx, id, "sent", None)?;
            sent(tx, &context.message)?;
            limits::count(tx, &context.author)?;
            Ok(One::Settled)
        }
        Ok(Handed::Kept) => {
            settle(tx, id, "kept", None)?;
            sent(tx, &context.message)?;
            Ok(One::Settled)
        }
        Ok(Handed::Refused { told, address }) => {
            settle(tx, id, "refused", Some(&told))?;
            if address {
                standing::refused(tx, &recipient.email, &told)?;
            }
            bounced(tx, context, &recipient, &told)?;
            Ok(One::Settled)
        }
        Err(deferred) => {
            let error = format!("{:#}", deferred.error);
            note(tx, id, &error)?;
            Ok(One::PutOff { error, answered: deferred.answered })
        }
    }
}

fn settle(tx: &mut OrgTx, id: Uuid, status: &str, error: Option<&str>) -> AppResult<()> {
    let sent_at = (status != "refused").then(Utc::now);
    diesel::update(mail_recipients::table.filter(mail_recipients::id.eq(id)))
        .set((
            mail_recipients::status.eq(status),
            mail_recipients::error.eq(error),
            mail_recipients::sent_at.eq(sent_at),
        ))
        .execute(tx.conn())?;
    Ok(())
}

fn note(tx: &mut OrgTx, id: Uuid, error: &str) -> AppResult<()> {
    diesel::update(mail_recipients::table.filter(mail_recipients::id.eq(id)))
        .set(mail_recipients::error.eq(error))
        .execute(tx.conn())?;
    Ok(())
}

/// Timelines show it from its first recipient on.
fn sent(tx: &mut OrgTx, message: &Message) -> AppResult<()> {
    diesel::update(
        mail_messages::table.filter(mail_messages::id.eq(message.id)).filter(mail_messages::sent_at.is_null()),
    )
    .set(mail_messages::sent_at.eq(Utc::now()))
    .execute(tx.conn())?;
    Ok(())
}

/// The sender is told, of one mail at least; a mailing's page counts its own.
fn bounced(tx: &mut OrgTx, context: &Context, recipient: &RecipientRow, told: &str) -> AppResult<()> {
    let message = &context.message;
    if message.mailing_id.is_some() {
        return Ok(());
    }
    let mut notice = Notice::new(Kind::MailBounced)
        .once(format!("bounced:{}", recipient.id))
        .quoting(told)
        .at(&format!("/mails/{}", message.id))
        .param("to", &recipient.email)
        .param("subject", &message.subject);
    let about = recipient.contact_id.map(|id| (RecordType::Contact, id));
    if let Some(about) = about.or(recipient.lead_id.map(|id| (RecordType::Lead, id))) {
        notice = notice.about(about);
    }
    notifications::tell(tx, &notice, To::people([message.author_id])).map(drop)
}

/// After its last attempt: who is still to be written to is not.
fn give_up(tx: &mut OrgTx, id: MessageId) -> AppResult<()> {
    diesel::update(mail_recipients::table)
        .filter(mail_recipients::message_id.eq(id))
        .filter(mail_recipients::status.eq("queued"))
        .set(mail_recipients::status.eq("refused"))
        .execute(tx.conn())?;
    Ok(())
}

/// Settles the message when all its recipients are; whether some are still open.
pub(super) fn finish(tx: &mut OrgTx, message: &Message) -> AppResult<bool> {
    let states: Vec<String> = mail_recipients::table
        .filter(mail_recipients::message_id.eq(message.id))
        .select(mail_recipients::status)
        .load(tx.conn())?;
    let any = |status: &str| states.iter().any(|s| s == status);
    if any("queued") {
        return Ok(true);
    }
    let status = if any("sent") {
        "sent"
    } else if any("kept") {
        "kept"
    } else {
        "failed"
    };
    let changed = diesel::update(mail_messages::table.filter(mail_messages::id.eq(message.id)))
        .filter(mail_messages::status.eq_any(["sending", "scheduled"]))
        .set((
            mail_messages::status.eq(status),
            mail_messages::at.eq(diesel::dsl::now),
            mail_messages::error.eq(None::<String>),
        ))
        .execute(tx.conn())?;
    news(tx, message)?;
    if changed > 0 && message.mailing_id.is_none() {
        let kind = if status == "failed" { "mail.failed" } else { "mail.sent" };
        events::record_quietly(
            tx,
            Event::of(kind, super::commands::RECORD, message.id).data(json!({ "subject": message.subject })),
        )?;
    }
    Ok(false)
}

pub(super) fn fail(tx: &mut OrgTx, message: &Message, why: &str) -> AppResult<()> {
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(message.id)))
        .set((mail_messages::status.eq("failed"), mail_messages::error.eq(why), mail_messages::at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    news(tx, message)
}
