//! Reading a page of a timeline: events, what was done, and mails, merged by time; each in words.

use super::{TimelineFilter, words};
use crate::{
    db::{
        OrgTx, Tx, kept,
        paging::{self, Page as Rows},
    },
    error::AppResult,
    events,
    features::{
        comments::{self, Core, Post, Said},
        fields::Catalogue,
        records::Subject,
    },
    kernel::{CommentId, NoteId, RecordType},
    web::{
        Actor,
        permission::{Permission, activities, mails},
    },
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// Entries on a page of the timeline.
const PAGE: i64 = 30;

/// One entry, ready to be shown.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `event-…`, `note-…` and `comment-…` for those, `done-…` for what was done: the element's id.
    pub id: String,
    pub icon: String,
    /// In words: "Created", "Contact made → Proposal", "Owner: Ada → Ben".
    pub title: String,
    /// Field by field, when one save changed several.
    pub lines: Vec<Line>,
    pub who: String,
    pub when: String,
    pub exact: String,
    pub iso: String,
    /// Of a note or a comment.
    pub note: Option<Said>,
    /// Of an activity that was done: its page, and what came of it.
    pub done: Option<(String, String)>,
}

/// "Industry", "Retail", "Food".
#[derive(Clone, Debug)]
pub struct Line {
    pub label: String,
    pub before: String,
    pub after: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    kind: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    actor_name: Option<String>,
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
    #[diesel(sql_type = sql_types::Jsonb)]
    data: Value,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    note_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    comment_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Bool>)]
    pinned: Option<bool>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    avatar_tag: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    body_html: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    author_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Bool>)]
    edited: Option<bool>,
    /// Of an activity: its type's icon.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    icon: Option<String>,
}

/// A card that only changed places in its column is history for nobody. What was merged into the record belongs to its history: each
/// of them gives at most a page, so that nobody's long history is read through. What was done with the record stands at the time it
/// was done; the column that says so is the record type's own.
fn statement(record: RecordType) -> String {
    let done = format!("activities a WHERE a.{}_id = w.id", record.key());
    let done = match record {
        // Two walks of two indexes: one with OR reads all that was ever done.
        RecordType::Contact => format!(
            "{}\n  UNION ALL\n  {}",
            done_by(&done),
            done_by(
                "activity_participants q JOIN activities a ON a.org_id = q.org_id AND a.id = q.activity_id
    WHERE q.contact_id = w.id AND a.contact_id IS DISTINCT FROM w.id"
            )
        ),
        _ => done_by(&done),
    };
    // A person's mails by what reached them, others' by what they were about.
    let mailed = match record {
        RecordType::Contact | RecordType::Lead => {
            format!("l.id IN (SELECT q.message_id FROM mail_recipients q WHERE q.{}_id = w.id)", record.key())
        }
        RecordType::Company | RecordType::Deal => format!("l.{}_id = w.id", record.key()),
    };
    format!(
        "
WITH RECURSIVE whole AS (
  SELECT $1::uuid AS id
  UNION SELECT g.merged_id FROM merges g JOIN whole w ON g.survivor_id = w.id WHERE g.record_type = $2 AND g.undone_at IS NULL)
SELECT x.at, x.id, x.kind, m.name AS actor_name, m.avatar_tag, x.changes, x.data, x.note_id, x.comment_id, x.body_html, x.author_id, x.edited,
  x.pinned, x.icon
FROM whole w CROSS JOIN LATERAL (
  (SELECT e.org_id, e.at, e.id, e.kind, e.actor_id, e.changes, e.data, n.id AS note_id, c.id AS comment_id,
    coalesce(n.body_html, c.body_html) AS body_html, coalesce(n.author_id, c.author_id) AS author_id, coalesce(n.version, c.version) > 1 AS edited,
    coalesce(n.pinned_at, c.pinned_at) IS NOT NULL AS pinned, NULL::text AS icon
  FROM events e
  LEFT JOIN notes n ON e.kind = 'note.added' AND n.org_id = e.org_id AND n.id = (e.data->>'note_id')::uuid AND n.deleted_at IS NULL
  LEFT JOIN comments c ON e.kind = 'comment.added' AND c.org_id = e.org_id AND c.id = (e.data->>'comment_id')::uuid
    AND c.note_id IS NULL AND c.deleted_at IS NULL
  WHERE e.record_id = w.id AND e.record_type = $2
    AND CASE WHEN e.kind LIKE 'note.%' THEN $3 IN ('all', 'notes') AND n.id IS NOT NULL
      WHEN e.kind LIKE 'comment.%' THEN $3 IN ('all', 'notes') AND c.id IS NOT NULL
      WHEN e.kind LIKE 'file.%' THEN $3 IN ('all', 'files') ELSE $3 IN ('all', 'changes') END
    AND (e.kind <> 'deal.moved' OR e.changes <> '{{}}')
    AND (w.id = $1 OR e.kind NOT LIKE '%.merged_into')
    AND ($4 IS NULL OR (e.at, e.id) < ($4, $5))
  ORDER BY e.at DESC, e.id DESC LIMIT $6)
  UNION ALL
  {done}
  UNION ALL
  (SELECT l.org_id, l.sent_at, l.id, 'mail.sent', l.author_id, '{{}}'::jsonb, jsonb_build_object('title', l.subject, 'outcome', 'to ' || (
      SELECT string_agg(coalesce(nullif(q.name, ''), q.email), ', ' ORDER BY q.position)
      FROM (SELECT * FROM mail_recipients q WHERE q.message_id = l.id ORDER BY q.position LIMIT 4) q)), NULL, NULL, NULL, NULL, NULL, NULL, 'mail'
  FROM mail_messages l
  WHERE $3 IN ('all', 'mails') AND $8 AND {mailed} AND l.sent_at IS NOT NULL AND l.deleted_at IS NULL
    AND ($4 IS NULL OR (l.sent_at, l.id) < ($4, $5))
  ORDER BY l.sent_at DESC, l.id DESC LIMIT $6)) x
LEFT JOIN members m ON m.org_id = x.org_id AND m.id = x.actor_id
ORDER BY x.at DESC, x.id DESC LIMIT $6"
    )
}

/// What was done with a record, as `from` finds it by an index that is ordered by when.
fn done_by(from: &str) -> String {
    format!(
        "(SELECT a.org_id, a.closed_at, a.id, 'activity.done', a.closed_by, '{{}}'::jsonb,
    jsonb_build_object('title', a.subject, 'outcome', a.outcome, 'type', (SELECT t.name FROM activity_types t WHERE t.org_id = a.org_id AND t.id = a.type_id)),
    NULL, NULL, NULL, NULL, NULL, NULL, (SELECT t.icon FROM activity_types t WHERE t.org_id = a.org_id AND t.id = a.type_id)
  FROM {from} AND $3 IN ('all', 'activities') AND $7 AND a.status = 'done' AND a.closed_at IS NOT NULL AND a.deleted_at IS NULL
    AND ($4 IS NULL OR (a.closed_at, a.id) < ($4, $5))
  ORDER BY a.closed_at DESC, a.id DESC LIMIT $6)"
    )
}

/// A page of the timeline of a record that the caller has found visible.
pub fn entries(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    id: Uuid,
    filter: TimelineFilter,
    cursor: Option<&str>,
) -> AppResult<Rows<Entry>> {
    let after: Option<(DateTime<Utc>, Uuid)> = cursor.map(paging::decode).transpose()?;
    let query = diesel::sql_query(statement(record))
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<sql_types::Text, _>(filter.key())
        .bind::<sql_types::Nullable<sql_types::Timestamptz>, _>(after.map(|a| a.0))
        .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
        .bind::<sql_types::BigInt, _>(PAGE + 1)
        .bind::<sql_types::Bool, _>(actor.may(activities::View::KEY))
        .bind::<sql_types::Bool, _>(actor.may(mails::View::KEY));
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let mut page = Rows::new(rows, PAGE, |row| (row.at, row.id));
    page.rows.retain(|row| words::tells(&row.changes, &catalogue));
    let posts = page.rows.iter().filter_map(post).collect();
    let mut said: HashMap<Uuid, Said> = comments::under(tx, actor, Subject::Record(record, id), posts)?
        .into_iter()
        .map(|said| (said.post.id(), said))
        .collect();
    Ok(page.map(|row| {
        let note = row.note_id.or(row.comment_id).and_then(|id| said.remove(&id));
        entry(row, actor, &catalogue, note)
    }))
}

/// The note or comment that an entry is.
fn post(row: &Row) -> Option<Core> {
    let post =
        row.note_id.map(|id| Post::Note(NoteId(id))).or(row.comment_id.map(|id| Post::Comment(CommentId(id))))?;
    Some(Core {
        post,
        author: row.author_id,
        author_name: row.actor_name.clone(),
        avatar_tag: row.avatar_tag.clone(),
        body_html: row.body_html.clone().unwrap_or_default(),
        edited: row.edited.unwrap_or(false),
        pinned: row.pinned.unwrap_or(false),
        at: row.at,
    })
}

fn entry(row: Row, actor: &Actor, catalogue: &Catalogue, note: Option<Said>) -> Entry {
    let done = row.icon.as_ref().map(|_| {
        let outcome = row.data.get("outcome").and_then(Value::as_str).unwrap_or_default();
        let noun = if row.kind == "mail.sent" { "mails" } else { "activities" };
        (format!("/{noun}/{}", row.id), outcome.to_owned())
    });
    let words = words::of(&row.kind, &row.changes, &row.data, catalogue, actor);
    let kind = match row.kind.as_str() {
        "mail.sent" => "mail",
        _ if done.is_some() => "done",
        _ => "event",
    };
    Entry {
        id: note.as_ref().map_or_else(|| format!("{kind}-{}", row.id), |note| note.post.anchor()),
        icon: row.icon.unwrap_or_else(|| words.icon.to_owned()),
        title: words.title,
        lines: words.lines,
        who: events::doer(row.actor_name, &row.data),
        when: actor.moment(row.at),
        exact: actor.exact(row.at),
        iso: row.at.to_rfc3339(),
        note,
        done,
    }
}
