//! Tags: an organisation's own words on records of every type, each with a colour.
//!
//! Invariants: no two live tags of an organisation have the same folded name; a deleted tag stays on its records, unseen, until the
//! deletion is undone; merging leaves every record the other tag, and filters that name the one mean the other. A change of a record's
//! tags is an event of that record, and does not make an open form of it stale.

mod chips;
mod commands;
mod model;
mod names;
mod queries;
mod settings;

pub use chips::{Chips, add, form, remove};
pub use commands::{MERGE, Pairs, change, each, make, unmerge};
pub use model::{LONGEST, Tag};
pub use names::{known, parse, resolve};
pub use queries::{all, find_many, meant, of, of_many};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/tags", get().to(settings::index))
        .route("/settings/tags", post().to(settings::create))
        .route("/settings/tags/{id}", get().to(settings::show))
        .route("/settings/tags/{id}", post().to(settings::update))
        .route("/settings/tags/{id}/merger", post().to(settings::merge))
        .route("/settings/tags/{id}/deletion", post().to(settings::delete))
        .route("/settings/tags/{id}/deletion/undo", post().to(settings::undelete));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(names::JOB, names::run_job);
}
