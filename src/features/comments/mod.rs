//! Comments on records, activities and notes; and what comments and notes have in common: who is mentioned, reactions, what was said
//! before, and pins.
//!
//! Invariants: whoever may edit a record may comment and react; a comment is changed and deleted by its author, or by someone whose role
//! may delete such records; a mention is kept as the member's id beside a link in the text, and told once.

mod commands;
mod mentions;
mod pages;
mod post;
mod reactions;
mod said;
mod words;

pub use commands::remember;
pub use mentions::{resolve, tell};
pub use post::Post;
pub use said::{Core, Said, Thread, before, of_subject, pinned, under};
pub use words::plain;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/mentions", get().to(pages::members))
        .route("/comments", post().to(pages::create))
        .route("/comments/{id}", post().to(pages::save))
        .route("/comments/{id}/edit", get().to(pages::edit))
        .route("/comments/{id}/edits", get().to(pages::edits_of_comment))
        .route("/comments/{id}/deletion", post().to(pages::delete))
        .route("/comments/{id}/deletion/undo", post().to(pages::undelete))
        .route("/comments/{id}/pin", post().to(pages::pin_comment))
        .route("/comments/{id}/pin/undo", post().to(pages::unpin_comment))
        .route("/comments/{id}/reactions", post().to(pages::react_to_comment))
        .route("/notes/{id}/edits", get().to(pages::edits_of_note))
        .route("/notes/{id}/pin", post().to(pages::pin_note))
        .route("/notes/{id}/pin/undo", post().to(pages::unpin_note))
        .route("/notes/{id}/reactions", post().to(pages::react_to_note));
}
