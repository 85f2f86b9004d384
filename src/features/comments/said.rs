//! Notes and comments as pages show them: with their reactions, and what is said under them.

use super::{
    post::Post,
    reactions::{self, Reaction},
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::records::Subject,
    kernel::{CommentId, NoteId, text},
    web::{Actor, shell::avatar_url},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use std::collections::HashMap;
use uuid::Uuid;

/// Comments under one thing; who wants more reads them on their own.
const MOST: i64 = 200;

/// What the database knows of a post.
#[derive(Clone, Debug)]
pub struct Core {
    pub post: Post,
    pub author: Option<Uuid>,
    pub author_name: Option<String>,
    pub avatar_tag: Option<String>,
    pub body_html: String,
    pub edited: bool,
    pub pinned: bool,
    pub at: DateTime<Utc>,
}

/// A post, ready to be shown by the templates of `comments/`, under the name `said`.
#[derive(Clone, Debug)]
pub struct Said {
    pub post: Post,
    pub name: String,
    pub initials: String,
    pub class: String,
    pub avatar_url: Option<String>,
    pub when: String,
    pub exact: String,
    pub iso: String,
    /// Sanitised when it was written.
    pub body_html: String,
    pub edited: bool,
    pub pinned: bool,
    /// The words are the reader's own.
    pub may_edit: bool,
    pub may_delete: bool,
    /// May react, pin and answer.
    pub may_take_part: bool,
    pub reactions: Vec<Reaction>,
    /// What is said under a note.
    pub replies: Vec<Said>,
    /// Stands under a note.
    pub is_reply: bool,
    /// Of an answer's form: sent twice, it makes one.
    pub reply_id: String,
}

impl Said {
    /// What there is to react with.
    pub fn choices(&self) -> &'static [(&'static str, &'static str)] {
        &reactions::ALL
    }
}

/// Comments on an activity, for `comments/_thread.html`, under the name `thread`.
#[derive(Clone, Debug)]
pub struct Thread {
    pub said: Vec<Said>,
    pub may_add: bool,
    /// What is commented: `activities`, and which.
    pub noun: &'static str,
    pub id: Uuid,
    pub comment_id: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    kind: String,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    note_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    author_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    author_name: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    avatar_tag: Option<String>,
    #[diesel(sql_type = t::Text)]
    body_html: String,
    #[diesel(sql_type = t::Bool)]
    edited: bool,
    #[diesel(sql_type = t::Bool)]
    pinned: bool,
    #[diesel(sql_type = t::Timestamptz)]
    at: DateTime<Utc>,
}

impl From<Row> for Core {
    fn from(row: Row) -> Self {
        let post = if row.kind == "note" { Post::Note(NoteId(row.id)) } else { Post::Comment(CommentId(row.id)) };
        Core {
            post,
            author: row.author_id,
            author_name: row.author_name,
            avatar_tag: row.avatar_tag,
            body_html: row.body_html,
            edited: row.edited,
            pinned: row.pinned,
            at: row.at,
        }
    }
}

/// Posts `p` of one table.
fn select(kind: &str, note: &str) -> String {
    format!(
        "SELECT p.id, '{kind}' AS kind, {note} AS note_id, p.author_id, m.name AS author_name, m.avatar_tag, p.body_html,
           p.version > 1 AS edited, p.pinned_at IS NOT NULL AS pinned, p.created_at AS at
         FROM {kind}s p LEFT JOIN members m ON m.org_id = p.org_id AND m.id = p.author_id"
    )
}

/// These posts on something the caller has found visible, with what is under them: two statements, however many there are.
pub fn under(tx: &mut OrgTx, actor: &Actor, subject: Subject, posts: Vec<Core>) -> AppResult<Vec<Said>> {
    if posts.is_empty() {
        return Ok(vec![]);
    }
    let notes: Vec<Uuid> =
        posts.iter().filter(|core| matches!(core.post, Post::Note(_))).map(|core| core.post.id()).collect();
    let mut replies: HashMap<Uuid, Vec<Core>> = HashMap::new();
    if !notes.is_empty() {
        let sql = format!(
            "{} WHERE p.note_id = ANY ($1) AND p.deleted_at IS NULL ORDER BY p.created_at, p.id LIMIT 1000",
            select("comment", "p.note_id")
        );
        let query = diesel::sql_query(sql).bind::<t::Array<t::Uuid>, _>(notes);
        for row in kept(query).load::<Row>(tx.conn())? {
            let on = row.note_id.unwrap_or_default();
            replies.entry(on).or_default().push(row.into());
        }
    }
    let all: Vec<Post> = posts.iter().chain(replies.values().flatten()).map(|core| core.post).collect();
    let mut given = reactions::of(tx, actor, &all)?;
    let rights = Rights::of(actor, subject);
    let mut show = |core: Core, is_reply: bool| said(actor, rights, core, is_reply, &mut given);
    Ok(posts
        .into_iter()
        .map(|core| {
            let below = replies.remove(&core.post.id()).unwrap_or_default();
            let below = below.into_iter().map(|reply| show(reply, true)).collect();
            Said { replies: below, ..show(core, false) }
        })
        .collect())
}

#[derive(Clone, Copy)]
struct Rights {
    moderates: bool,
    edits: bool,
}

impl Rights {
    fn of(actor: &Actor, subject: Subject) -> Self {
        Self { moderates: subject.is_moderated_by(actor), edits: subject.require_edit(actor).is_ok() }
    }
}

fn said(actor: &Actor, rights: Rights, core: Core, is_reply: bool, given: &mut HashMap<Uuid, Vec<Reaction>>) -> Said {
    let own = core.author == Some(actor.id.0);
    let name = core.author_name.unwrap_or_else(|| "Pipewright".to_owned());
    let author = core.author.map(|id| id.to_string()).unwrap_or_default();
    Said {
        initials: text::initials(&name),
        class: text::avatar_class(&author),
        avatar_url: avatar_url(&author, core.avatar_tag.as_deref()),
        name,
        when: actor.moment(core.at),
        exact: actor.exact(core.at),
        iso: core.at.to_rfc3339(),
        body_html: core.body_html,
        edited: core.edited,
        pinned: core.pinned,
        may_edit: rights.edits && (own || core.author.is_none() && rights.moderates),
        may_delete: rights.edits && (own || rights.moderates),
        may_take_part: rights.edits,
        reactions: given.remove(&core.post.id()).unwrap_or_default(),
        replies: vec![],
        is_reply,
        reply_id: CommentId::new().to_string(),
        post: core.post,
    }
}

/// What is pinned on a record, the latest first, without what is under it: that stands in the timeline.
pub fn pinned(tx: &mut OrgTx, actor: &Actor, subject: Subject) -> AppResult<Vec<Said>> {
    let key = subject.key();
    let of = |kind: &str| {
        format!(
            "{} WHERE p.{key}_id = $1 AND p.pinned_at IS NOT NULL AND p.deleted_at IS NULL",
            select(kind, "NULL::uuid")
        )
    };
    let sql = format!("({}) UNION ALL ({}) ORDER BY at DESC LIMIT 20", of("note"), of("comment"));
    let rows: Vec<Row> = kept(diesel::sql_query(sql).bind::<t::Uuid, _>(subject.id())).load(tx.conn())?;
    let rights = Rights::of(actor, subject);
    Ok(rows.into_iter().map(|row| said(actor, rights, row.into(), false, &mut HashMap::new())).collect())
}

/// Comments on an activity that the caller has found visible, pinned ones first, then in the order they were written.
pub fn of_subject(tx: &mut OrgTx, actor: &Actor, subject: Subject) -> AppResult<Thread> {
    let sql = format!(
        "{} WHERE p.{}_id = $1 AND p.deleted_at IS NULL ORDER BY p.pinned_at IS NULL, p.created_at, p.id LIMIT {MOST}",
        select("comment", "NULL::uuid"),
        subject.key()
    );
    let rows: Vec<Row> = kept(diesel::sql_query(sql).bind::<t::Uuid, _>(subject.id())).load(tx.conn())?;
    let said = under(tx, actor, subject, rows.into_iter().map(Core::from).collect())?;
    Ok(Thread {
        said,
        may_add: subject.require_edit(actor).is_ok(),
        noun: subject.noun(),
        id: subject.id(),
        comment_id: CommentId::new().to_string(),
    })
}

/// One post, with what is under it.
pub(super) fn one(tx: &mut OrgTx, actor: &Actor, subject: Subject, post: Post) -> AppResult<Option<Said>> {
    let kind = post.key();
    let sql = format!("{} WHERE p.id = $1 AND p.deleted_at IS NULL", select(kind, "NULL::uuid"));
    let rows: Vec<Row> = kept(diesel::sql_query(sql).bind::<t::Uuid, _>(post.id())).load(tx.conn())?;
    Ok(under(tx, actor, subject, rows.into_iter().map(Core::from).collect())?.pop())
}

/// A text as it stood until somebody wrote over it.
#[derive(QueryableByName, Clone, Debug)]
pub struct Before {
    #[diesel(sql_type = t::Text)]
    pub body_html: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub by: Option<String>,
    #[diesel(sql_type = t::Timestamptz)]
    pub until: DateTime<Utc>,
}

/// What a post said before, the latest first.
pub fn before(tx: &mut OrgTx, post: Post) -> AppResult<Vec<Before>> {
    let sql = format!(
        "SELECT e.body_html, m.name AS by, e.edited_at AS until FROM post_edits e
         LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.edited_by
         WHERE e.{}_id = $1 ORDER BY e.edited_at DESC, e.id DESC LIMIT {MOST}",
        post.key()
    );
    Ok(diesel::sql_query(sql).bind::<t::Uuid, _>(post.id()).load(tx.conn())?)
}
