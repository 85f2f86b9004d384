//! Notices by mail: at once by a job for each member told in a transaction, and as a digest by a job for each member in the morning.
//!
//! A job takes what waits: it marks the notices and enqueues one mail of them in one transaction, so that a killed worker neither
//! loses nor doubles any. What was read meanwhile, or is out of the reader's sight, needs no mail. In quiet hours a job puts itself
//! off to their end, and the first one then takes all that fell into them.

use super::{
    queries::{self, Told},
    quiet::Settings,
};
use crate::{
    db::{OrgTx, Reason, Tx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::MemberId,
    mailer::{self, MailMessage},
    web::Actor,
};
use chrono::Utc;
use diesel::{prelude::*, sql_types as t};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Enqueued by `app.tell`.
const AT_ONCE: &str = "notices.mail";
const DIGEST: &str = "notices.digest";
/// Notices in one mail; the others are counted.
const MOST: usize = 50;

/// For the sweeps: members for whose digest it is time. Each morning at eight where they are, on Mondays with what is gathered weekly.
pub const DIGESTS: &str = "
WITH waiting AS (
  SELECT org_id, member_id, mail, min(created_at) AS since FROM notices
  WHERE mail <> 'off' AND mail IN ('daily', 'weekly') AND mailed_at IS NULL GROUP BY 1, 2, 3
), due AS (
  INSERT INTO jobs (org_id, kind, payload, key)
  SELECT DISTINCT w.org_id, 'notices.digest', jsonb_build_object('member', w.member_id), 'notices.digest:' || w.member_id
  FROM waiting w JOIN users u ON u.id = w.member_id
  WHERE w.since < app.last_morning(u.time_zone, w.mail = 'weekly') AND NOT EXISTS (
    SELECT 1 FROM jobs j WHERE j.org_id = w.org_id AND j.key = 'notices.digest:' || w.member_id || ':later' AND j.status <> 'dead')
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT pg_notify('pipewright_jobs', '') FROM due LIMIT 1";

#[derive(Serialize, Deserialize)]
struct Payload {
    member: MemberId,
}

pub(super) fn register(registry: &mut Registry) {
    registry.register(AT_ONCE, |context, payload| run(context, payload, AT_ONCE));
    registry.register(DIGEST, |context, payload| run(context, payload, DIGEST));
}

fn run(context: &JobContext, payload: &Value, kind: &'static str) -> anyhow::Result<JobOutcome> {
    let Payload { member } = serde_json::from_value(payload.clone())?;
    let Some(org) = context.org else { return Ok(JobOutcome::GiveUp) };
    match context.db.system_now(Reason::Mail, |tx| Actor::load(tx, member.into(), org))? {
        Some(actor) => context.db.org_now(&actor, |tx| send(tx, &actor, kind))?,
        // No longer a member: nothing is mailed to them.
        None => context.db.org_now(&org, |tx| forget(tx, member))?,
    }
    Ok(JobOutcome::Done)
}

fn send(tx: &mut OrgTx, actor: &Actor, kind: &'static str) -> AppResult<()> {
    if let Some(until) = Settings::load(tx, actor)?.quiet_until(actor, Utc::now()) {
        let job = Job::new(kind, &Payload { member: actor.id })?;
        return jobs::enqueue(tx, job.key(format!("{kind}:{}:later", actor.id)).run_at(until));
    }
    let taken = take(tx, actor, kind)?;
    let told = queries::for_mail(tx, actor, &taken)?;
    if told.is_empty() {
        return Ok(());
    }
    mailer::enqueue(tx, &actor.email, message(actor, told, kind == DIGEST))
}

/// Marks what waits for this mail; of two jobs at once the second finds nothing left.
fn take(tx: &mut OrgTx, actor: &Actor, kind: &str) -> AppResult<Vec<Uuid>> {
    const NOW: &str = "UPDATE notices SET mailed_at = now() WHERE member_id = $1 AND mail = 'now' AND mailed_at IS NULL AND $2 <> '' RETURNING id";
    const GATHERED: &str = "
UPDATE notices SET mailed_at = now() WHERE member_id = $1 AND mail <> 'off' AND mailed_at IS NULL
  AND (mail = 'daily' AND created_at < app.last_morning($2, false) OR mail = 'weekly' AND created_at < app.last_morning($2, true)) RETURNING id";
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
    }
    let taken: Vec<Id> = diesel::sql_query(if kind == DIGEST { GATHERED } else { NOW })
        .bind::<t::Uuid, _>(actor.id.0)
        .bind::<t::Text, _>(actor.zone.name())
        .load(tx.conn())?;
    Ok(taken.into_iter().map(|row| row.id).collect())
}

fn forget(tx: &mut OrgTx, member: MemberId) -> AppResult<()> {
    diesel::sql_query(
        "UPDATE notices SET mailed_at = now() WHERE member_id = $1 AND mail <> 'off' AND mailed_at IS NULL",
    )
    .bind::<t::Uuid, _>(member.0)
    .execute(tx.conn())?;
    Ok(())
}

fn message(actor: &Actor, told: Vec<Told>, digest: bool) -> MailMessage {
    let more = told.len().saturating_sub(MOST);
    let line = |told: Told| {
        let sentence = told.words.sentence();
        let words = if told.quote.is_empty() { sentence } else { format!("{sentence}: “{}”", told.quote) };
        (words, format!("/notifications/{}", told.id))
    };
    MailMessage::Notices {
        name: actor.name.clone(),
        notices: told.into_iter().take(MOST).map(line).collect(),
        more,
        digest,
    }
}
