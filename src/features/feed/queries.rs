//! Reading the feed: events by time from their index, a batch after the other, until a page of what the reader may see is full. How far
//! one page looks is bounded; the next one goes on from there.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::records::{Subject, name_sql},
    kernel::RecordType,
    web::{
        Actor,
        permission::{Permission, activities},
    },
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// Entries of a page.
pub(super) const PAGE: usize = 40;
/// Events read at a time, and how often for one page.
const BATCH: i64 = 200;
const BATCHES: usize = 8;

/// What kind of doings are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum What {
    #[default]
    Everything,
    Notes,
    Activities,
    Files,
    Changes,
}

impl What {
    pub const ALL: [(What, &'static str, &'static str); 5] = [
        (What::Everything, "", "Everything"),
        (What::Notes, "notes", "Notes and comments"),
        (What::Activities, "activities", "Activities"),
        (What::Files, "files", "Files"),
        (What::Changes, "changes", "Changes"),
    ];

    pub fn parse(text: &str) -> Self {
        Self::ALL.iter().find(|(_, key, _)| *key == text).map_or_else(Self::default, |(what, ..)| *what)
    }

    /// A condition on events `e`. What only tidies up is nobody's news.
    fn condition(self) -> &'static str {
        const NOTES: &str = "e.kind IN ('note.added', 'comment.added')";
        const ACTIVITIES: &str =
            "e.kind IN ('activity.created', 'activity.done', 'activity.cancelled', 'activity.reopened')";
        const FILES: &str = "e.kind IN ('file.added', 'file.updated', 'file.quarantined')";
        const CHANGES: &str = "e.record_type <> 'activity' AND e.kind NOT LIKE 'note.%' AND e.kind NOT LIKE 'comment.%' \
            AND e.kind NOT LIKE 'file.%' AND e.kind NOT LIKE '%.purged' AND e.kind NOT LIKE '%.merged_into' \
            AND (e.kind <> 'deal.moved' OR e.changes <> '{}')";
        match self {
            What::Everything => {
                "(e.kind IN ('note.added', 'comment.added', 'activity.created', 'activity.done', 'activity.cancelled', 'activity.reopened', \
                   'file.added', 'file.updated', 'file.quarantined') \
                  OR e.record_type <> 'activity' AND e.kind NOT LIKE 'note.%' AND e.kind NOT LIKE 'comment.%' \
                  AND e.kind NOT LIKE 'file.%' AND e.kind NOT LIKE '%.purged' AND e.kind NOT LIKE '%.merged_into' \
                  AND (e.kind <> 'deal.moved' OR e.changes <> '{}'))"
            }
            What::Notes => NOTES,
            What::Activities => ACTIVITIES,
            What::Files => FILES,
            What::Changes => CHANGES,
        }
    }
}

/// An event's place in time, by which pages go on.
pub(super) type Place = (DateTime<Utc>, Uuid);

/// What a page asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whose doings; `None`: everybody's.
    pub who: Option<Vec<Uuid>>,
    pub what: What,
    /// Keys of record types, and `activity`.
    pub types: Vec<&'static str>,
    pub since: DateTime<Utc>,
    pub after: Option<Place>,
}

#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Row {
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub kind: String,
    #[diesel(sql_type = t::Uuid)]
    pub record_id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub actor_id: Option<Uuid>,
    #[diesel(sql_type = t::Jsonb)]
    pub changes: Value,
    #[diesel(sql_type = t::Jsonb)]
    pub data: Value,
}

impl Row {
    /// The note or comment that it is about.
    fn post(&self) -> Option<Uuid> {
        let key = match self.kind.as_str() {
            "note.added" => "note_id",
            "comment.added" => "comment_id",
            _ => return None,
        };
        self.data.get(key)?.as_str()?.parse().ok()
    }
}

/// An event whose record the reader sees, with that record's name and what was written.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub row: Row,
    pub subject: Subject,
    pub name: String,
    pub body_html: Option<String>,
}

/// A page, and where the next one goes on.
pub(super) fn page(tx: &mut OrgTx, actor: &Actor, asked: &Asked) -> AppResult<(Vec<Happened>, Option<Place>)> {
    let (mut found, mut after): (Vec<Happened>, _) = (Vec::new(), asked.after);
    for _ in 0..BATCHES {
        let rows = batch(tx, asked, after)?;
        let last = rows.len() < usize::try_from(BATCH).unwrap_or(0);
        let names = names(tx, actor, &rows)?;
        let bodies = bodies(tx, &rows)?;
        for row in rows {
            if found.len() == PAGE {
                return Ok((found, after));
            }
            after = Some((row.at, row.id));
            let Some((subject, name)) = names.get(&row.record_id).cloned() else { continue };
            let body_html = row.post().map(|post| bodies.get(&post).cloned());
            // A note that was deleted since is no news.
            if body_html != Some(None) {
                found.push(Happened { row, subject, name, body_html: body_html.flatten() });
            }
        }
        if last {
            return Ok((found, None));
        }
    }
    Ok((found, after))
}

/// Along `events_feed`, which has the same condition: a week in which a million rows were imported costs what any other does.
fn batch(tx: &mut OrgTx, asked: &Asked, after: Option<Place>) -> AppResult<Vec<Row>> {
    let sql = format!(
        "SELECT e.at, e.id, e.kind, e.record_id, e.actor_id, e.changes, e.data FROM events e
         WHERE e.at >= $1 AND ($2 IS NULL OR (e.at, e.id) < ($2, $3)) AND e.record_type = ANY ($4)
           AND ($5 IS NULL OR e.actor_id = ANY ($5)) AND {} AND NOT e.data ?| ARRAY['import_id', 'operation_id']
         ORDER BY e.at DESC, e.id DESC LIMIT {BATCH}",
        asked.what.condition()
    );
    let query = diesel::sql_query(sql)
        .bind::<t::Timestamptz, _>(asked.since)
        .bind::<t::Nullable<t::Timestamptz>, _>(after.map(|a| a.0))
        .bind::<t::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
        .bind::<t::Array<t::Text>, _>(asked.types.clone())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(asked.who.clone());
    Ok(kept(query).load(tx.conn())?)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    kind: String,
    #[diesel(sql_type = t::Text)]
    name: String,
}

/// The records among them that the reader sees, by id.
fn names(tx: &mut OrgTx, actor: &Actor, rows: &[Row]) -> AppResult<HashMap<Uuid, (Subject, String)>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.record_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let records = RecordType::ALL.into_iter().map(|record| {
        format!(
            "SELECT id, '{}' AS kind, {} AS name FROM {} WHERE id = ANY ($1) AND deleted_at IS NULL AND ($2 IS NULL OR owner_id = ANY ($2))",
            record.key(),
            name_sql(record),
            record.noun()
        )
    });
    let activities = "SELECT a.id, 'activity' AS kind, a.subject AS name FROM activities a
        WHERE a.id = ANY ($1) AND a.deleted_at IS NULL AND ($2 IS NULL OR a.owner_id = ANY ($2) OR EXISTS (
          SELECT 1 FROM activity_participants q WHERE q.org_id = a.org_id AND q.activity_id = a.id AND q.member_id = ANY ($2)))";
    let sql = records.chain([activities.to_owned()]).collect::<Vec<_>>().join(" UNION ALL ");
    let query = diesel::sql_query(sql)
        .bind::<t::Array<t::Uuid>, _>(ids)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Named> = kept(query).load(tx.conn())?;
    Ok(rows
        .into_iter()
        .filter_map(|named| Some((named.id, (Subject::from_key(&named.kind, named.id)?, named.name))))
        .collect())
}

fn bodies(tx: &mut OrgTx, rows: &[Row]) -> AppResult<HashMap<Uuid, String>> {
    #[derive(QueryableByName)]
    struct Body {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
        #[diesel(sql_type = t::Text)]
        body_html: String,
    }
    let ids: Vec<Uuid> = rows.iter().filter_map(Row::post).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = diesel::sql_query(
        "SELECT id, body_html FROM notes WHERE id = ANY ($1) AND deleted_at IS NULL
         UNION ALL SELECT c.id, c.body_html FROM comments c WHERE c.id = ANY ($1) AND c.deleted_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM notes n WHERE n.org_id = c.org_id AND n.id = c.note_id AND n.deleted_at IS NOT NULL)",
    )
    .bind::<t::Array<t::Uuid>, _>(ids);
    Ok(kept(query).load::<Body>(tx.conn())?.into_iter().map(|body| (body.id, body.body_html)).collect())
}

/// The types of things whose doings the role may see.
pub(super) fn types(actor: &Actor) -> Vec<&'static str> {
    let records = RecordType::ALL.into_iter().filter(|record| actor.may(&format!("{}.view", record.noun())));
    let mut types: Vec<&'static str> = records.map(RecordType::key).collect();
    if actor.may(activities::View::KEY) {
        types.push("activity");
    }
    types
}
