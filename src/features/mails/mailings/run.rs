//! A mailing at work. Its messages are laid out in one transaction, then sent one by one, each held and settled in a transaction of its
//! own, for a few seconds at a time: between the slices other mail goes out. A cancellation is heard before each.

use super::{audience::Audience, model::Mailing};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        mails::{
            attachments::{self, Bearer},
            commands,
            letters::{self, Frame},
            limits,
            model::{self, Message},
            sending::{self, One},
        },
        notifications::{self, Finished},
        records::list::{Kept, Selection},
    },
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{MailingId, MessageId, RecordType},
    live::{self, LiveMessage},
    mailer::Attachment,
    schema::{mail_messages, mail_recipients, mailings},
    web::{
        Actor,
        permission::{Permission, mails::Bulk},
    },
};
use anyhow::anyhow;
use chrono::{DateTime, Duration, Utc};
use diesel::{prelude::*, sql_types as t};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;

pub(in crate::features::mails) const JOB: &str = "mails.mailing";
/// Seconds that one slice takes at most, beside the mail it is at.
const SLICE: u64 = 4;
/// How often a recipient that is put off is tried, and the pause in minutes, which doubles up to six hours.
const TRIES: i32 = 12;

#[derive(Serialize, Deserialize)]
struct Payload {
    mailing: MailingId,
    slice: u32,
}

pub(super) fn job(id: MailingId, slice: u32, at: DateTime<Utc>) -> AppResult<Job> {
    let job = Job::new(JOB, &Payload { mailing: id, slice })?;
    Ok(job.key(format!("{JOB}:{id}:{slice}")).run_at(at).max_attempts(20))
}

/// Whose job died: it goes on by a new one.
pub const SWEEP: &str = "
INSERT INTO jobs (org_id, kind, payload, key, max_attempts)
SELECT m.org_id, 'mails.mailing', jsonb_build_object('mailing', m.id, 'slice', 1000000 + extract(epoch FROM now())::bigint % 1000000), 'mails.mailing:' || m.id || ':again', 20
FROM mailings m WHERE m.status IN ('scheduled', 'running') AND coalesce(m.resumes_at, m.send_at) < now() - interval '5 minutes' AND NOT EXISTS (
  SELECT 1 FROM jobs j WHERE j.org_id = m.org_id AND j.kind = 'mails.mailing' AND j.payload->>'mailing' = m.id::text AND j.status IN ('queued', 'running'))
ON CONFLICT DO NOTHING";

pub(in crate::features::mails) fn run(ctx: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let Payload { mailing: id, slice } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let found = ctx.db.org_now(&org, |tx| {
        Ok(mailings::table.filter(mailings::id.eq(id)).select(Mailing::as_select()).first(tx.conn()).optional()?)
    })?;
    let Some(mailing) = found.filter(Mailing::is_open) else { return Ok(JobOutcome::Done) };
    let author = sending::author(&ctx.db, org, mailing.author_id)?.filter(|author| author.may(Bulk::KEY));
    let Some(author) = author else {
        ctx.db
            .org_now(&org, |tx| end(tx, &mailing, "failed", Some("Its author may not send mail to many any more.")))?;
        return Ok(JobOutcome::Done);
    };
    if !mailing.planned {
        match ctx.db.org_now(&author, |tx| lay_out(tx, ctx, &author, id)) {
            Ok(()) => {}
            Err(AppError::Invalid(errors)) => {
                ctx.db.org_now(&org, |tx| end(tx, &mailing, "failed", Some(&errors.summary())))?;
                return Ok(JobOutcome::Done);
            }
            Err(other) => return Err(anyhow!(other)),
        }
    }
    match ctx.db.org_now(&author, |tx| attachments::load(tx, ctx, Bearer::Mailing(id)))? {
        Ok(attached) => work(ctx, &author, &mailing, &attached, slice),
        Err(told) => {
            ctx.db.org_now(&org, |tx| end(tx, &mailing, "failed", Some(&told)))?;
            Ok(JobOutcome::Done)
        }
    }
}

/// The messages, one for each who is to get it; all of them or none.
fn lay_out(tx: &mut OrgTx, ctx: &JobContext, author: &Actor, id: MailingId) -> AppResult<()> {
    let mailing: Mailing =
        mailings::table.filter(mailings::id.eq(id)).select(Mailing::as_select()).for_update().first(tx.conn())?;
    if mailing.planned || !mailing.is_open() {
        return Ok(());
    }
    let kept: Kept = serde_json::from_value(mailing.selection.clone()).map_err(anyhow::Error::from)?;
    let selection = Selection::restore(tx, author, mailing.record(), &kept)?;
    let audience = Audience::load(tx, author, &selection)?;
    let host = ctx.config.public_url.host_str().unwrap_or("localhost").to_owned();
    for people in audience.people.chunks(1_000) {
        let ids: Vec<Uuid> = people.iter().map(|_| Uuid::now_v7()).collect();
        let headers: Vec<String> = ids.iter().map(|id| model::header(MessageId(*id), &host)).collect();
        let of = |pick: fn(&super::audience::Person) -> Option<Uuid>| people.iter().map(pick).collect::<Vec<_>>();
        let record = if mailing.record() == RecordType::Lead { "lead_id" } else { "contact_id" };
        let sql = format!(
            "WITH made AS (
               INSERT INTO mail_messages (id, author_id, status, at, subject, body_html, {record}, company_id, mailing_id, message_header, thread_id, send_at)
               SELECT x.id, $5, 'scheduled', now(), '', '', x.record, x.company, $6, x.header, x.id, now()
               FROM unnest($1, $2, $3, $4) x (id, record, company, header) RETURNING 1)
             INSERT INTO mail_recipients (id, message_id, kind, name, email, {record})
             SELECT app.uuid7(), y.id, 'to', y.name, y.email, y.record FROM unnest($1, $2, $7, $8) y (id, record, name, email)"
        );
        diesel::sql_query(sql)
            .bind::<t::Array<t::Uuid>, _>(&ids)
            .bind::<t::Array<t::Nullable<t::Uuid>>, _>(of(|p| Some(p.id)))
            .bind::<t::Array<t::Nullable<t::Uuid>>, _>(of(|p| p.company_id))
            .bind::<t::Array<t::Text>, _>(headers)
            .bind::<t::Uuid, _>(author.id)
            .bind::<t::Uuid, _>(mailing.id)
            .bind::<t::Array<t::Text>, _>(people.iter().map(|p| p.name.clone()).collect::<Vec<_>>())
            .bind::<t::Array<t::Text>, _>(
                people.iter().map(|p| p.email.clone().unwrap_or_default()).collect::<Vec<_>>(),
            )
            .execute(tx.conn())?;
    }
    let left_out: Map<String, Value> =
        audience.left_out.iter().map(|(why, (count, _))| ((*why).to_owned(), json!(count))).collect();
    diesel::update(mailings::table.filter(mailings::id.eq(id)))
        .set((
            mailings::planned.eq(true),
            mailings::status.eq("running"),
            mailings::left_out.eq(Value::Object(left_out)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// What the next mail of a mailing came to.
enum Step {
    Went,
    /// The server cannot be spoken with.
    Trouble(String),
    /// Nothing is due before then.
    Wait(DateTime<Utc>),
    Limit(DateTime<Utc>),
    Over,
}

/// What goes along with each.
type Attached = Arc<[Attachment]>;

fn work(
    ctx: &JobContext,
    author: &Actor,
    mailing: &Mailing,
    attached: &Attached,
    slice: u32,
) -> anyhow::Result<JobOutcome> {
    let (started, db) = (Instant::now(), &ctx.db);
    let next = loop {
        match db.org_now(author, |tx| step(tx, ctx, author, mailing.id, attached))? {
            Step::Went if started.elapsed().as_secs() < SLICE => {}
            Step::Went => break Utc::now(),
            Step::Trouble(told) => return Err(anyhow!(told)),
            Step::Wait(at) => break at,
            Step::Limit(at) => {
                db.org_now(author, |tx| rest(tx, mailing.id, at))?;
                break at;
            }
            Step::Over => {
                db.org_now(author, |tx| finish(tx, mailing))?;
                return Ok(JobOutcome::Done);
            }
        }
    };
    db.org_now(author, |tx| {
        live::publish(tx, &LiveMessage::refresh())?;
        jobs::enqueue(tx, job(mailing.id, slice + 1, next)?)
    })?;
    Ok(JobOutcome::Done)
}

/// One mail: chosen, filled in, sent and settled in this transaction.
fn step(tx: &mut OrgTx, ctx: &JobContext, author: &Actor, id: MailingId, attached: &Attached) -> AppResult<Step> {
    let mailing: Mailing = mailings::table.filter(mailings::id.eq(id)).select(Mailing::as_select()).first(tx.conn())?;
    if !mailing.is_open() {
        return Ok(Step::Over);
    }
    let next: Option<Message> = mail_messages::table
        .filter(mail_messages::mailing_id.eq(id))
        .filter(mail_messages::status.eq("scheduled"))
        .filter(mail_messages::send_at.le(diesel::dsl::now))
        .order(mail_messages::id)
        .select(Message::as_select())
        .for_update()
        .skip_locked()
        .first(tx.conn())
        .optional()?;
    let Some(mut message) = next else { return pause(tx, id) };
    let frame = Frame::load(tx, &ctx.config, &ctx.post, author)?;
    if limits::left(tx, author, &frame.settings)? == 0 {
        return Ok(Step::Limit(limits::tomorrow(author)));
    }
    let (from, settings) = (frame.sender(), frame.settings.clone());
    let recipient: (Uuid, String) = mail_recipients::table
        .filter(mail_recipients::message_id.eq(message.id))
        .select((mail_recipients::id, mail_recipients::email))
        .first(tx.conn())?;
    let known = crate::features::mails::standing::look_up(tx, std::slice::from_ref(&recipient.1))?.remove(&recipient.1);
    if let Some(why) = known.and_then(|known| known.why_not(true)) {
        leave_out(tx, &message, recipient.0, why.words())?;
        return Ok(Step::Went);
    }
    let about = message.about();
    (message.subject, message.body_html) = letters::merged(tx, author, &about, &mailing.subject, &mailing.body_html)?;
    (message.counts_opens, message.counts_clicks) = (settings.count_opens, settings.count_clicks);
    diesel::update(mail_messages::table.filter(mail_messages::id.eq(message.id)))
        .set((
            (mail_messages::subject.eq(&message.subject), mail_messages::body_html.eq(&message.body_html)),
            (
                mail_messages::counts_opens.eq(message.counts_opens),
                mail_messages::counts_clicks.eq(message.counts_clicks),
            ),
            mail_messages::from_line.eq(from),
        ))
        .execute(tx.conn())?;
    let tries = message.turn + 1;
    let mut context = frame.ready(tx, ctx, message, true)?;
    context.attachments = attached.clone();
    match sending::one(tx, ctx, &context, recipient.0)? {
        One::Settled => {
            sending::finish(tx, &context.message)?;
            Ok(Step::Went)
        }
        One::PutOff { error, answered: false } => Ok(Step::Trouble(error)),
        One::PutOff { error, .. } if tries >= TRIES => {
            leave_out(tx, &context.message, recipient.0, &error)?;
            Ok(Step::Went)
        }
        One::PutOff { .. } => {
            let minutes = 2i64.saturating_pow(tries.clamp(1, 9).unsigned_abs()).min(360);
            diesel::update(mail_messages::table.filter(mail_messages::id.eq(context.message.id)))
                .set((
                    mail_messages::turn.eq(tries),
                    mail_messages::send_at.eq(Utc::now() + Duration::minutes(minutes)),
                ))
                .execute(tx.conn())?;
            Ok(Step::Went)
        }
    }
}

fn leave_out(tx: &mut OrgTx, message: &Message, recipient: Uuid, why: &str) -> AppResult<()> {
    diesel::update(mail_recipients::table.filter(mail_recipients::id.eq(recipient)))
        .set((mail_recipients::status.eq("refused"), mail_recipients::error.eq(format!("left out: {why}"))))
        .execute(tx.conn())?;
    sending::fail(tx, message, why)
}

/// Nothing is due: over, or somebody is put off till later, or another worker has the last ones in hand.
fn pause(tx: &mut OrgTx, id: MailingId) -> AppResult<Step> {
    let next: Option<Option<DateTime<Utc>>> = mail_messages::table
        .filter(mail_messages::mailing_id.eq(id))
        .filter(mail_messages::status.eq("scheduled"))
        .order(mail_messages::send_at)
        .select(mail_messages::send_at)
        .first(tx.conn())
        .optional()?;
    Ok(match next.flatten() {
        None => Step::Over,
        Some(at) => Step::Wait(at.max(Utc::now() + Duration::seconds(2))),
    })
}

fn rest(tx: &mut OrgTx, id: MailingId, until: DateTime<Utc>) -> AppResult<()> {
    diesel::update(mailings::table.filter(mailings::id.eq(id)))
        .set(mailings::resumes_at.eq(until))
        .execute(tx.conn())?;
    Ok(())
}

fn finish(tx: &mut OrgTx, mailing: &Mailing) -> AppResult<()> {
    let ended = end(tx, mailing, "done", None)?;
    if ended {
        let kept = unsent(tx, &[mailing.id])?.contains(&mailing.id);
        let work = Finished {
            key: format!("mailing:{}", mailing.id),
            what: &format!("Mailing “{}”", mailing.subject),
            how: if kept { "was kept, not sent: there is no mail server" } else { "is sent" },
            at: format!("/mailings/{}", mailing.id),
        };
        notifications::finished(tx, Some(mailing.author_id), &work)?;
    }
    Ok(())
}

/// Those of them whose messages were all kept, because there was no mail server.
pub(super) fn unsent(tx: &mut OrgTx, ids: &[MailingId]) -> AppResult<Vec<MailingId>> {
    let of = |status: &'static str| {
        mail_messages::table
            .filter(mail_messages::mailing_id.eq_any(ids.to_vec()))
            .filter(mail_messages::status.eq(status))
            .select(mail_messages::mailing_id.assume_not_null())
            .distinct()
    };
    let sent: Vec<MailingId> = of("sent").load(tx.conn())?;
    let mut kept: Vec<MailingId> = of("kept").load(tx.conn())?;
    kept.retain(|id| !sent.contains(id));
    Ok(kept)
}

/// Ends it, if it has not ended. What is still to be sent is not.
pub(super) fn end(tx: &mut OrgTx, mailing: &Mailing, status: &str, error: Option<&str>) -> AppResult<bool> {
    let ended = diesel::update(mailings::table.filter(mailings::id.eq(mailing.id)))
        .filter(mailings::status.eq_any(["scheduled", "running"]))
        .set((mailings::status.eq(status), mailings::error.eq(error), mailings::finished_at.eq(Utc::now())))
        .execute(tx.conn())?;
    if ended == 0 {
        return Ok(false);
    }
    if status != "done" {
        // The one that is being sent right now is waited for, and has its own end.
        diesel::update(mail_messages::table)
            .filter(mail_messages::mailing_id.eq(mailing.id))
            .filter(mail_messages::status.eq("scheduled"))
            .set((mail_messages::status.eq("cancelled"), mail_messages::at.eq(diesel::dsl::now)))
            .execute(tx.conn())?;
    }
    let kind = match status {
        "done" => "mailing.done",
        "cancelled" => "mailing.cancelled",
        _ => "mailing.failed",
    };
    crate::events::record(
        tx,
        crate::events::Event::of(kind, "mailing", mailing.id).data(json!({ "subject": mailing.subject })),
    )?;
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(true)
}

/// For second thoughts about all of them.
pub(super) const UNDO: Duration = commands::UNDO;
