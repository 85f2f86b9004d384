//! Notes on companies, contacts, leads and deals: rich text, sanitised on the way in, in the record's timeline.
//!
//! Whoever may edit a record may write on it; a note is changed and deleted by its author, or by someone whose role may delete such
//! records.

mod commands;
mod pages;
mod sanitise;

pub use sanitise::MENTION;

use crate::error::AppResult;
use crate::web::{
    Routes,
    paths::{get, post},
};

/// Rich text of other features, sanitised as notes are; `None` when it says nothing. What is wrong is told of the field `body`.
pub fn sanitise(text: &str) -> AppResult<Option<String>> {
    sanitise::optional(text)
}

/// A text that may mention members, sanitised as notes are. What is wrong is told of the field `body`.
pub fn sanitise_mentioning(text: &str) -> AppResult<String> {
    sanitise::body_with_mentions(text)
}

/// Whatever HTML it is, only what notes may contain.
pub fn clean(html: &str) -> String {
    sanitise::clean(html)
}

pub fn configure(cfg: &mut Routes) {
    cfg.route("/notes", post().to(pages::create))
        .route("/notes/{id}", post().to(pages::save))
        .route("/notes/{id}/edit", get().to(pages::edit))
        .route("/notes/{id}/deletion", post().to(pages::delete))
        .route("/notes/{id}/deletion/undo", post().to(pages::undelete));
}
