//! How long things are kept: rules that put records into the bin, how long the bin keeps them, and how long imports keep what they
//! refused. A daily round for each organisation applies all of it.
//!
//! Invariants: a rule does nothing until an administrator who has seen what it would take switches it on; what it takes lands in the
//! bin, as a bulk change that can be undone, or loses who it was of and keeps what is counted, which cannot; a rule whose administrator
//! left is switched off.

mod anonymise;
mod daily;
mod pages;
mod rules;

pub use anonymise::batch as anonymise;
pub use daily::SWEEP;

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/retention", get().to(pages::index))
        .route("/settings/retention", post().to(pages::keep))
        .route("/settings/retention/rules", post().to(pages::create))
        .route("/settings/retention/{id}", get().to(pages::show))
        .route("/settings/retention/{id}/activation", post().to(pages::activate))
        .route("/settings/retention/{id}/activation/undo", post().to(pages::pause))
        .route("/settings/retention/{id}/deletion", post().to(pages::delete));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(daily::JOB, daily::run);
}
