//! The bin: where deleted records wait before they go for good.
//!
//! Invariants: what is in the bin is `deleted_at` and nothing else; what was merged into another record is not in it, and goes with
//! that record; who may delete records of a type may look into its bin, as far as they see the records, bring them back and delete
//! them for good; what leaves for good leaves nothing about itself but an event that says so.

mod commands;
mod forget;
mod mailed;
mod pages;
mod purge;
mod queries;

pub use forget::{is_person, note as note_names};
pub use purge::{forget_history, purge};
pub use queries::{due, keep_days};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/bin", get().to(pages::index))
        .route("/bin/restoration", post().to(pages::restore))
        .route("/bin/purge/new", post().to(pages::confirm))
        .route("/bin/purge", post().to(pages::purge));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(commands::JOB, commands::run_job);
    registry.register(forget::JOB, forget::run_job);
}
