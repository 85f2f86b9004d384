//! Segments: named groups of records of one type. A dynamic one is a filter, and holds whatever matches; a static one holds the
//! records people put into it.
//!
//! Invariants: names are unique per record type; a reader finds of a segment only the records they may see; a dynamic segment is not
//! built on another segment, so that none contains itself; a deleted one stays until its deletion is undone, and lists that name it
//! find nothing meanwhile.

mod commands;
mod model;
mod pages;
mod queries;

pub use commands::{Members, change, create_static};
pub use model::{RULE, Segment, list_href};
pub use queries::{all, by_name, find, of, statics};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/segments", get().to(pages::index))
        .route("/segments", post().to(pages::create))
        .route("/segments/new", get().to(pages::new))
        .route("/segments/{id}", get().to(pages::show))
        .route("/segments/{id}", post().to(pages::update))
        .route("/segments/{id}/deletion", post().to(pages::delete))
        .route("/segments/{id}/deletion/undo", post().to(pages::undelete));
}
