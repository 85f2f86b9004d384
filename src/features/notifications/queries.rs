//! Reading notices, as far as their reader still sees what they are about.

use super::{
    kind::Kind,
    words::{Said, Words},
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::records::Subject,
    kernel::text,
    live::{self, LiveMessage},
    web::{Actor, shell::avatar_url},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::Value;
use uuid::Uuid;

/// Who did it, as a face.
#[derive(Clone, Debug)]
pub struct Face {
    pub initials: String,
    pub class: String,
    pub avatar_url: Option<String>,
}

/// A notice as its reader sees it.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: Uuid,
    pub kind: Kind,
    pub words: Words,
    pub quote: String,
    /// Where it leads.
    pub to: String,
    pub face: Option<Face>,
    pub created_at: DateTime<Utc>,
    pub moment: String,
    pub exact: String,
    pub unread: bool,
}

impl Told {
    pub fn iso(&self) -> String {
        self.created_at.to_rfc3339()
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    kind: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    record_type: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    record_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    actor_id: Option<Uuid>,
    #[diesel(sql_type = t::Jsonb)]
    params: Value,
    #[diesel(sql_type = t::Nullable<t::Timestamptz>)]
    read_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = t::Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    title: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    actor_name: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    actor_tag: Option<String>,
}

/// Those of a reader, `which` of them, the latest first.
fn load(tx: &mut OrgTx, actor: &Actor, which: &Which) -> AppResult<Vec<Told>> {
    let condition = match which {
        Which::Centre { unread: true, .. } => "n.centre AND n.read_at IS NULL AND ($4 = '' OR n.kind = $4)",
        Which::Centre { .. } => "n.centre AND ($4 = '' OR n.kind = $4)",
        Which::One(_) => "n.id = $5",
        Which::Browser { .. } => "n.browser AND n.read_at IS NULL AND n.created_at > $6",
        Which::These(_) => "n.read_at IS NULL AND n.id = ANY (string_to_array($4, ',')::uuid[])",
    };
    let after = if matches!(which, Which::One(_)) { "" } else { " AND ($5 IS NULL OR n.id < $5)" };
    let sql = format!(
        "SELECT n.id, n.kind, n.record_type, n.record_id, n.actor_id, n.params, n.read_at, n.created_at, v.title, \
           m.name AS actor_name, m.avatar_tag AS actor_tag \
         FROM notices n CROSS JOIN LATERAL (SELECT app.notice_title(n.org_id, n.record_type, n.record_id, $2, $3) AS title OFFSET 0) v \
         LEFT JOIN members m ON m.id = n.actor_id \
         WHERE n.member_id = $1 AND {condition}{after} AND v.title IS NOT NULL ORDER BY n.id DESC LIMIT $7"
    );
    let (word, id, time, limit) = match which {
        Which::Centre { kind, after, limit, .. } => (kind.map_or("", Kind::key).to_owned(), *after, Utc::now(), *limit),
        Which::One(id) => (String::new(), Some(*id), Utc::now(), 1),
        Which::Browser { since } => (String::new(), None, *since, 5),
        Which::These(ids) => (ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","), None, Utc::now(), 500),
    };
    let query = diesel::sql_query(sql)
        .bind::<t::Uuid, _>(actor.id.0)
        .bind::<t::Array<t::Text>, _>(actor.permissions())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Text, _>(word)
        .bind::<t::Nullable<t::Uuid>, _>(id)
        .bind::<t::Timestamptz, _>(time)
        .bind::<t::BigInt, _>(limit);
    let rows: Vec<Row> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().filter_map(|row| told(actor, row)).collect())
}

enum Which<'a> {
    Centre { unread: bool, kind: Option<Kind>, after: Option<Uuid>, limit: i64 },
    One(Uuid),
    Browser { since: DateTime<Utc> },
    These(&'a [Uuid]),
}

/// A page of the centre.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub unread: bool,
    pub kind: Option<Kind>,
    /// The last one of the page before.
    pub after: Option<Uuid>,
}

/// One more than `limit`, when there are more.
pub(super) fn page(tx: &mut OrgTx, actor: &Actor, asked: Asked, limit: i64) -> AppResult<Vec<Told>> {
    let Asked { unread, kind, after } = asked;
    load(tx, actor, &Which::Centre { unread, kind, after, limit: limit + 1 })
}

pub(super) fn find(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<Told> {
    load(tx, actor, &Which::One(id))?.pop().ok_or(AppError::NotFound)
}

/// Unread ones that a browser may show, made since then.
pub(super) fn for_browser(tx: &mut OrgTx, actor: &Actor, since: DateTime<Utc>) -> AppResult<Vec<Told>> {
    load(tx, actor, &Which::Browser { since })
}

/// Those of them that are unread.
pub(super) fn for_mail(tx: &mut OrgTx, actor: &Actor, ids: &[Uuid]) -> AppResult<Vec<Told>> {
    if ids.is_empty() { Ok(vec![]) } else { load(tx, actor, &Which::These(ids)) }
}

/// One of a kind that this version does not know says nothing.
fn told(actor: &Actor, row: Row) -> Option<Told> {
    let kind = Kind::parse(&row.kind)?;
    let about = row.record_type.as_deref().zip(row.record_id).and_then(|(key, id)| Subject::from_key(key, id));
    let doer = row.actor_name.unwrap_or_default();
    let said = Said { kind, about, doer: &doer, title: &row.title, params: &row.params };
    let at = row.params.get("at").and_then(Value::as_str).unwrap_or_default();
    let page = about.map(Subject::href).unwrap_or_else(|| "/notifications".into());
    let face = row.actor_id.filter(|_| !doer.is_empty()).map(|id| Face {
        initials: text::initials(&doer),
        class: text::avatar_class(&id.to_string()),
        avatar_url: avatar_url(&id.to_string(), row.actor_tag.as_deref()),
    });
    Some(Told {
        id: row.id,
        kind,
        words: said.words(actor),
        quote: row.params.get("quote").and_then(Value::as_str).unwrap_or_default().to_owned(),
        to: match at.chars().next() {
            Some('/') => at.to_owned(),
            Some('#') => format!("{page}{at}"),
            _ => page,
        },
        face,
        moment: actor.moment(row.created_at),
        exact: actor.exact(row.created_at),
        created_at: row.created_at,
        unread: row.read_at.is_none(),
    })
}

/// Reads them all, up to the latest that the reader saw. Returns when, for the undo.
pub(super) fn read_all(tx: &mut OrgTx, actor: &Actor, upto: Option<Uuid>) -> AppResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct When {
        #[diesel(sql_type = t::Timestamptz)]
        read_at: DateTime<Utc>,
    }
    let read: Vec<When> = diesel::sql_query(
        "UPDATE notices SET read_at = now() WHERE member_id = $1 AND centre AND read_at IS NULL AND ($2 IS NULL OR id <= $2) RETURNING read_at",
    )
    .bind::<t::Uuid, _>(actor.id.0)
    .bind::<t::Nullable<t::Uuid>, _>(upto)
    .load(tx.conn())?;
    if !read.is_empty() {
        changed(tx, actor)?;
    }
    Ok(read.first().map(|row| row.read_at))
}

/// Takes a reading of all back, by its time.
pub(super) fn unread_all(tx: &mut OrgTx, actor: &Actor, at: DateTime<Utc>) -> AppResult<()> {
    diesel::sql_query("UPDATE notices SET read_at = NULL WHERE member_id = $1 AND read_at = $2")
        .bind::<t::Uuid, _>(actor.id.0)
        .bind::<t::Timestamptz, _>(at)
        .execute(tx.conn())?;
    changed(tx, actor)
}

/// Reads one, or takes that back. The caller has found that it is the reader's.
pub(super) fn set_read(tx: &mut OrgTx, actor: &Actor, id: Uuid, read: bool) -> AppResult<()> {
    let changes = diesel::sql_query(
        "UPDATE notices SET read_at = CASE WHEN $3 THEN now() END WHERE member_id = $1 AND id = $2 AND (read_at IS NULL) = $3",
    )
    .bind::<t::Uuid, _>(actor.id.0)
    .bind::<t::Uuid, _>(id)
    .bind::<t::Bool, _>(read)
    .execute(tx.conn())?;
    if changes > 0 { changed(tx, actor) } else { Ok(()) }
}

/// The reader's other tabs count anew.
fn changed(tx: &mut OrgTx, actor: &Actor) -> AppResult<()> {
    live::publish(tx, &LiveMessage::notices(actor.id))
}
