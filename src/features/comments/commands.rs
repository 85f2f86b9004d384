//! Writing, changing, deleting and pinning: the row and its event in one transaction, and word to those it concerns.

use super::{
    mentions,
    post::{self, Found, Post},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events,
    features::records::{Saved, Subject},
    kernel::{CommentId, NoteId},
    schema::{comments, notes, post_edits},
    web::Actor,
};
use diesel::prelude::*;
use serde_json::json;

const NOT_YOURS: &str = "Only its author can change this comment.";
const NOT_YOURS_TO_DELETE: &str =
    "Only its author, or someone who may delete the record it is on, can delete this comment.";

/// What a comment is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum On {
    Subject(Subject),
    Note(NoteId),
}

/// The same form sent twice makes one comment: `id` was chosen when the form was made. Returns where it is read.
pub(super) fn create(tx: &mut OrgTx, actor: &Actor, id: CommentId, on: On, body: &str) -> AppResult<String> {
    let (subject, note) = match on {
        On::Subject(subject) => {
            subject.visible(tx, actor)?;
            (subject, None)
        }
        On::Note(note) => (post::find(tx, actor, Post::Note(note), false)?.subject, Some(note)),
    };
    subject.require_edit(actor)?;
    let place = format!("{}#comment-{id}", subject.href());
    if diesel::select(diesel::dsl::exists(comments::table.filter(comments::id.eq(id)))).get_result(tx.conn())? {
        return Ok(place);
    }
    let (body, mentioned) = mentions::resolve(tx, body)?;
    let (company, contact, lead, deal, activity) = if note.is_some() { Default::default() } else { subject.columns() };
    diesel::insert_into(comments::table)
        .values((
            (comments::id.eq(id), comments::author_id.eq(actor.id), comments::body_html.eq(&body)),
            (comments::company_id.eq(company), comments::contact_id.eq(contact), comments::lead_id.eq(lead)),
            (comments::deal_id.eq(deal), comments::activity_id.eq(activity)),
            comments::note_id.eq(note.map(|note| note.0)),
        ))
        .execute(tx.conn())?;
    let data = json!({ "comment_id": id, "note_id": note });
    events::record(tx, subject.event("comment.added").data(data))?;
    mentions::tell(tx, Post::Comment(id), subject, &body, &mentioned, true)?;
    Ok(place)
}

/// A comment whose words are the actor's.
pub(super) fn own(tx: &mut OrgTx, actor: &Actor, id: CommentId) -> AppResult<Found> {
    let found = post::find(tx, actor, Post::Comment(id), false)?;
    found.subject.require_author(actor, found.author, NOT_YOURS)?;
    Ok(found)
}

/// A comment the actor may delete, or take the deletion of back.
pub(super) fn removable(tx: &mut OrgTx, actor: &Actor, id: CommentId) -> AppResult<Found> {
    let found = post::find(tx, actor, Post::Comment(id), true)?;
    found.subject.require_own(actor, found.author, NOT_YOURS_TO_DELETE)?;
    Ok(found)
}

pub(super) fn update(tx: &mut OrgTx, found: &Found, version: i32, body: &str) -> AppResult<Saved> {
    if found.version != version {
        return Ok(Saved::Stale);
    }
    let (body, mentioned) = mentions::resolve(tx, body)?;
    if found.body_html == body {
        return Ok(Saved::Done(version));
    }
    remember(tx, found.post, &found.body_html)?;
    diesel::update(comments::table.filter(comments::id.eq(found.post.id())))
        .set((
            (comments::body_html.eq(&body), comments::version.eq(version + 1)),
            comments::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    tell(tx, found, "comment.edited")?;
    mentions::tell(tx, found.post, found.subject, &body, &mentioned, false)?;
    Ok(Saved::Done(version + 1))
}

/// Keeps what a post said before somebody wrote over it.
pub fn remember(tx: &mut OrgTx, post: Post, body_html: &str) -> AppResult<()> {
    let ((note, comment), by) = (post.columns(), tx.by().map(|by| by.0));
    diesel::insert_into(post_edits::table)
        .values((
            (post_edits::note_id.eq(note), post_edits::comment_id.eq(comment)),
            (post_edits::body_html.eq(body_html), post_edits::edited_by.eq(by)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

pub(super) fn set_deleted(tx: &mut OrgTx, found: &Found, deleted: bool) -> AppResult<()> {
    if found.deleted == deleted {
        return Ok(());
    }
    diesel::update(comments::table.filter(comments::id.eq(found.post.id())))
        .set(comments::deleted_at.eq(deleted.then(chrono::Utc::now)))
        .execute(tx.conn())?;
    tell(tx, found, if deleted { "comment.deleted" } else { "comment.restored" })
}

/// First on the record, or in its place again.
pub(super) fn set_pinned(tx: &mut OrgTx, actor: &Actor, post: Post, pinned: bool) -> AppResult<Found> {
    let found = post::find(tx, actor, post, false)?;
    found.subject.require_edit(actor)?;
    if found.on.is_some() {
        return Err(AppError::Conflict("Pin the note: what is said under it stays with it.".into()));
    }
    if found.pinned == pinned {
        return Ok(found);
    }
    let at = pinned.then(chrono::Utc::now);
    let kind = match post {
        Post::Note(id) => {
            diesel::update(notes::table.filter(notes::id.eq(id))).set(notes::pinned_at.eq(at)).execute(tx.conn())?;
            if pinned { "note.pinned" } else { "note.unpinned" }
        }
        Post::Comment(id) => {
            let row = comments::table.filter(comments::id.eq(id));
            diesel::update(row).set(comments::pinned_at.eq(at)).execute(tx.conn())?;
            if pinned { "comment.pinned" } else { "comment.unpinned" }
        }
    };
    tell(tx, &found, kind)?;
    Ok(found)
}

fn tell(tx: &mut OrgTx, found: &Found, kind: &'static str) -> AppResult<()> {
    let key = format!("{}_id", found.post.key());
    events::record(tx, found.subject.event(kind).data(json!({ key: found.post.id() })))
}
