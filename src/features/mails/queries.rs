//! Reading messages: one, its recipients, pages of lists, within what the reader may see.
//!
//! A message is seen by whoever sees its author's records, or a record it is about; a draft by its author alone. Lists go by author.

use super::model::{Message, RecipientRow, Status};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::records,
    kernel::{MailingId, MessageId},
    schema::{mail_messages, mail_recipients},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// One that is, and that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: MessageId) -> AppResult<Message> {
    let found: Message = mail_messages::table
        .filter(mail_messages::id.eq(id))
        .filter(mail_messages::deleted_at.is_null())
        .select(Message::as_select())
        .first(tx.conn())?;
    if found.author_id == actor.id {
        return Ok(found);
    }
    if found.status() == Status::Draft {
        return Err(AppError::NotFound);
    }
    if actor.sees(Some(found.author_id.0)) {
        return Ok(found);
    }
    for (record, id) in found.links() {
        match records::visible(tx, actor, record, id) {
            Ok(_) => return Ok(found),
            Err(AppError::NotFound | AppError::Forbidden(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Err(AppError::NotFound)
}

/// One of the actor's own, deleted ones too, held until the transaction ends.
pub(super) fn lock_own(tx: &mut OrgTx, actor: &Actor, id: MessageId) -> AppResult<Message> {
    Ok(mail_messages::table
        .filter(mail_messages::id.eq(id))
        .filter(mail_messages::author_id.eq(actor.id))
        .select(Message::as_select())
        .for_update()
        .first(tx.conn())?)
}

/// To, then copies, then hidden copies, as they were written.
pub fn recipients(tx: &mut OrgTx, id: MessageId) -> AppResult<Vec<RecipientRow>> {
    let mut rows: Vec<RecipientRow> = mail_recipients::table
        .filter(mail_recipients::message_id.eq(id))
        .order((mail_recipients::position, mail_recipients::id))
        .select(RecipientRow::as_select())
        .load(tx.conn())?;
    rows.sort_by_key(|row| ["to", "cc", "bcc"].iter().position(|kind| *kind == row.kind));
    Ok(rows)
}

/// Which messages a list shows.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `draft`, `scheduled`, `sent`, `failed`.
    pub folder: &'static str,
    /// Whose; `None`: everybody's.
    pub authors: Option<Vec<Uuid>>,
    /// Those of one mailing in place of a folder's.
    pub mailing: Option<MailingId>,
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// A line of a list.
#[derive(QueryableByName, Clone, Debug)]
pub struct Line {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    pub status: String,
    #[diesel(sql_type = t::Text)]
    pub subject: String,
    #[diesel(sql_type = t::Text)]
    pub author: String,
    /// As typed, of a draft; else names.
    #[diesel(sql_type = t::Text)]
    pub to: String,
    #[diesel(sql_type = t::BigInt)]
    pub others: i64,
    #[diesel(sql_type = t::BigInt)]
    pub refused: i64,
    #[diesel(sql_type = t::BigInt)]
    pub opens: i64,
    #[diesel(sql_type = t::BigInt)]
    pub clicks: i64,
}

/// The page's keys by index, one author after another where not everybody's are shown; then what each line needs.
const LIST: &str = "
WITH picked AS MATERIALIZED (SELECT * FROM (@keys) x ORDER BY x.at DESC, x.id DESC LIMIT $4)
SELECT m.id, m.at, m.status, m.subject, coalesce(a.name, '') AS author,
  CASE WHEN r.people IS NULL THEN left(m.to_line, 200) ELSE r.people END AS \"to\",
  coalesce(r.others, 0) AS others, coalesce(r.refused, 0) AS refused, coalesce(r.opens, 0) AS opens, coalesce(r.clicks, 0) AS clicks
FROM picked p JOIN mail_messages m ON m.org_id = p.org_id AND m.id = p.id
LEFT JOIN members a ON a.org_id = m.org_id AND a.id = m.author_id
LEFT JOIN LATERAL (
  SELECT (array_agg(coalesce(nullif(q.name, ''), q.email) ORDER BY q.kind DESC, q.position))[1] AS people, count(*) - 1 AS others,
    count(*) FILTER (WHERE q.status = 'refused') AS refused, sum(q.opens) AS opens, sum(q.clicks) AS clicks
  FROM mail_recipients q WHERE q.org_id = m.org_id AND q.message_id = m.id) r ON true
ORDER BY p.at DESC, p.id DESC";

const OF_ALL: &str =
    "SELECT org_id, at, id FROM mail_messages WHERE mailing_id IS NULL AND deleted_at IS NULL AND folder = $1
  AND ($2 IS NULL OR (at, id) < ($2, $3)) AND $5 IS NULL ORDER BY at DESC, id DESC LIMIT $4";
const OF_AUTHORS: &str = "SELECT k.* FROM unnest($5) o (id) CROSS JOIN LATERAL (
  SELECT org_id, at, id FROM mail_messages WHERE author_id = o.id AND mailing_id IS NULL AND deleted_at IS NULL AND folder = $1
    AND ($2 IS NULL OR (at, id) < ($2, $3)) ORDER BY at DESC, id DESC LIMIT $4) k";
const OF_MAILING: &str =
    "SELECT org_id, at, id FROM mail_messages WHERE mailing_id = $5[1] AND deleted_at IS NULL AND $1 <> ''
  AND ($2 IS NULL OR (at, id) < ($2, $3)) ORDER BY at DESC, id DESC LIMIT $4";

/// One more than `limit`, when there are more.
pub fn list(tx: &mut OrgTx, asked: &Asked) -> AppResult<Vec<Line>> {
    let (keys, ids) = match (&asked.mailing, &asked.authors) {
        (Some(mailing), _) => (OF_MAILING, Some(vec![mailing.0])),
        (None, Some(authors)) => (OF_AUTHORS, Some(authors.clone())),
        (None, None) => (OF_ALL, None),
    };
    let query = diesel::sql_query(LIST.replace("@keys", keys))
        .bind::<t::Text, _>(asked.folder)
        .bind::<t::Nullable<t::Timestamptz>, _>(asked.after.map(|after| after.0))
        .bind::<t::Uuid, _>(asked.after.map_or(Uuid::nil(), |after| after.1))
        .bind::<t::BigInt, _>(asked.limit + 1)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(ids);
    Ok(kept(query).load(tx.conn())?)
}

/// The message's own, and the latest of its thread.
pub(super) fn thread_ids(tx: &mut OrgTx, message: &Message) -> AppResult<Vec<Uuid>> {
    let ids: Vec<Uuid> = mail_messages::table
        .filter(mail_messages::thread_id.eq(message.thread_id))
        .filter(mail_messages::id.ne(message.id))
        .filter(mail_messages::deleted_at.is_null())
        .order(mail_messages::at.desc())
        .limit(50)
        .select(mail_messages::id)
        .load(tx.conn())?;
    Ok([message.id.0].into_iter().chain(ids).collect())
}

/// Earlier and later messages of the same thread that the actor may see.
pub fn thread(tx: &mut OrgTx, actor: &Actor, message: &Message) -> AppResult<Vec<Message>> {
    let others: Vec<Message> = mail_messages::table
        .filter(mail_messages::thread_id.eq(message.thread_id))
        .filter(mail_messages::id.ne(message.id))
        .filter(mail_messages::deleted_at.is_null())
        .filter(mail_messages::author_id.eq(actor.id).or(mail_messages::status.ne("draft")))
        .order(mail_messages::at.desc())
        .limit(50)
        .select(Message::as_select())
        .load(tx.conn())?;
    Ok(others.into_iter().filter(|other| other.author_id == actor.id || actor.sees(Some(other.author_id.0))).collect())
}
