//! A note or a comment: what can be reacted to, pinned and read as it was before.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::records::{Subject, SubjectColumns},
    kernel::{CommentId, NoteId},
    schema::{comments, notes},
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Post {
    Note(NoteId),
    Comment(CommentId),
}

impl Post {
    pub fn id(self) -> Uuid {
        match self {
            Post::Note(id) => id.0,
            Post::Comment(id) => id.0,
        }
    }

    /// `note`, `comment`: with `_id`, the column that names it.
    pub fn key(self) -> &'static str {
        match self {
            Post::Note(_) => "note",
            Post::Comment(_) => "comment",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Post::Note(_) => "Note",
            Post::Comment(_) => "Comment",
        }
    }

    /// Its address: `/notes/…`.
    pub fn href(self) -> String {
        format!("/{}s/{}", self.key(), self.id())
    }

    /// Of its element on a page: `note-…`.
    pub fn anchor(self) -> String {
        format!("{}-{}", self.key(), self.id())
    }

    /// The columns that name it: a note's, a comment's.
    pub(super) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Post::Note(id) => (Some(id.0), None),
            Post::Comment(id) => (None, Some(id.0)),
        }
    }
}

/// A post as it is kept, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub post: Post,
    /// The record or activity; of a comment on a note, the note's.
    pub subject: Subject,
    /// The note that a comment is on.
    pub on: Option<NoteId>,
    pub author: Option<Uuid>,
    pub body_html: String,
    pub version: i32,
    pub pinned: bool,
    pub deleted: bool,
}

impl Found {
    /// Where it is read.
    pub fn place(&self) -> String {
        format!("{}#{}", self.subject.href(), self.post.anchor())
    }
}

/// A post on something the actor may see, held until the transaction ends. Deleted ones only when asked for.
pub(super) fn find(tx: &mut OrgTx, actor: &Actor, post: Post, deleted: bool) -> AppResult<Found> {
    let found = match post {
        Post::Note(id) => note(tx, id)?,
        Post::Comment(id) => comment(tx, id)?,
    };
    found.subject.visible(tx, actor)?;
    if found.deleted && !deleted { Err(AppError::NotFound) } else { Ok(found) }
}

type Kept = (Option<Uuid>, String, i32, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

fn note(tx: &mut OrgTx, id: NoteId) -> AppResult<Found> {
    type Place = (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<Uuid>);
    let ((company, contact, lead, deal), kept): (Place, Kept) = notes::table
        .filter(notes::id.eq(id))
        .select((
            (notes::company_id, notes::contact_id, notes::lead_id, notes::deal_id),
            (notes::author_id, notes::body_html, notes::version, notes::pinned_at, notes::deleted_at),
        ))
        .for_update()
        .first(tx.conn())?;
    let subject = Subject::from_columns((company, contact, lead, deal, None)).ok_or(AppError::NotFound)?;
    Ok(found(Post::Note(id), subject, None, kept))
}

fn comment(tx: &mut OrgTx, id: CommentId) -> AppResult<Found> {
    let (columns, on, kept): (SubjectColumns, Option<Uuid>, Kept) = comments::table
        .filter(comments::id.eq(id))
        .select((
            (comments::company_id, comments::contact_id, comments::lead_id, comments::deal_id, comments::activity_id),
            comments::note_id,
            (comments::author_id, comments::body_html, comments::version, comments::pinned_at, comments::deleted_at),
        ))
        .for_update()
        .first(tx.conn())?;
    let on = on.map(NoteId);
    let subject = match on {
        Some(on) => {
            let note = note(tx, on)?;
            // What is said under a note goes with it.
            if note.deleted {
                return Err(AppError::NotFound);
            }
            note.subject
        }
        None => Subject::from_columns(columns).ok_or(AppError::NotFound)?,
    };
    Ok(found(Post::Comment(id), subject, on, kept))
}

fn found(post: Post, subject: Subject, on: Option<NoteId>, kept: Kept) -> Found {
    let (author, body_html, version, pinned_at, deleted_at) = kept;
    let (pinned, deleted) = (pinned_at.is_some(), deleted_at.is_some());
    Found { post, subject, on, author, body_html, version, pinned, deleted }
}
