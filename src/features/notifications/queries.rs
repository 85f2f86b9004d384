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

/// Looked at together, where the first were out of sight.
const MANY: i64 = 500;

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
    /// None: out of the reader's sight.
    #[diesel(sql_type = t::Nullable<t::Text>)]
    title: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    actor_name: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    actor_tag: Option<String>,
}

/// Those of a reader, `which` of them, the latest first. What is out of sight is passed over, a few at first, then many at once.
fn load(tx: &mut OrgTx, actor: &Actor, which: &Which) -> AppResult<Vec<Told>> {
    let (mut after, limit) = match which {
        Which::Centre { after, limit, .. } => (*after, *limit),
        Which::One(id) => (Some(*id), 1),
        Which::Browser { .. } => (None, 5),
        Which::These(_) => (None, 500),
    };
    let wanted = usize::try_from(limit).unwrap_or_default();
    let (mut found, mut size) = (Vec::new(), limit);
    loop {
        let rows = rows(tx, actor, which, after, size)?;
        after = rows.last().map(|row| row.id);
        let is_last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < size || matches!(which, Which::One(_));
        found.extend(rows.into_iter().filter_map(|row| told(actor, row)));
        if is_last || found.len() >= wanted {
            found.truncate(wanted);
            return Ok(found);
        }
        size = MANY;
    }
}

/// The next `size` of them, those out of sight without a title.
fn rows(tx: &mut OrgTx, actor: &Actor, which: &Which, after: Option<Uuid>, size: i64) -> AppResult<Vec<Row>> {
    let condition = match which {
        Which::Centre { unread: true, .. } => "n.centre AND n.read_at IS NULL AND ($4 = '' OR n.kind = $4)",
        Which::Centre { .. } => "n.centre AND ($4 = '' OR n.kind = $4)",
        Which::One(_) => "n.id = $5",
        Which::Browser { .. } => "n.browser AND n.read_at IS NULL AND n.created_at > $6",
        Which::These(_) => "n.read_at IS NULL AND n.id = ANY (string_to_array($4, ',')::uuid[])",
    };
    let further = if matches!(which, Which::One(_)) { "" } else { " AND ($5 IS NULL OR n.id < $5)" };
    let sql = format!(
        "WITH picked AS MATERIALIZED (SELECT n.id, n.kind, n.record_type, n.record_id, n.actor_id, n.params, n.read_at, n.created_at \
           FROM notices n WHERE n.member_id = $1 AND {condition}{further} ORDER BY n.id DESC LIMIT $7) \
         SELECT n.*, CASE WHEN n.record_type IS NULL THEN '' ELSE v.title END AS title, m.name AS actor_name, m.avatar_tag AS actor_tag \
         FROM picked n LEFT JOIN app.notice_titles(app.org(), (SELECT array_agg(p.record_type) FROM picked p), \
           (SELECT array_agg(p.record_id) FROM picked p), $2, $3) v ON v.id = n.record_id AND v.of_type = n.record_type \
         LEFT JOIN members m ON m.id = n.actor_id ORDER BY n.id DESC"
    );
    let (word, time) = match which {
        Which::Centre { kind, .. } => (kind.map_or("", Kind::key).to_owned(), Utc::now()),
        Which::One(_) => (String::new(), Utc::now()),
        Which::Browser { since } => (String::new(), *since),
        Which::These(ids) => (ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","), Utc::now()),
    };
    let query = diesel::sql_query(sql)
        .bind::<t::Uuid, _>(actor.id.0)
        .bind::<t::Array<t::Text>, _>(actor.permissions())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners())
        .bind::<t::Text, _>(word)
        .bind::<t::Nullable<t::Uuid>, _>(after)
        .bind::<t::Timestamptz, _>(time)
        .bind::<t::BigInt, _>(size);
    Ok(kept(query).load(tx.conn())?)
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
    let (kind, title) = (Kind::parse(&row.kind)?, row.title?);
    let about = row.record_type.as_deref().zip(row.record_id).and_then(|(key, id)| Subject::from_key(key, id));
    let doer = row.actor_name.unwrap_or_default();
    let said = Said { kind, about, doer: &doer, title: &title, params: &row.params };
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
