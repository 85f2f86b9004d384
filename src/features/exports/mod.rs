//! Exports: a list, a view or a selection as a file.
//!
//! Nothing leaves that the reader could not see on the list: the selection applies their visibility, the fields are those of their
//! catalogue, and `<type>.export` is asked for when it begins, at every batch and at the download. Each export is an event: who,
//! what, how many rows. Memory is bounded by a batch, whatever the size: small files are made in the request and streamed from a
//! temporary file, large ones by a job into `DATA_DIR/exports`, for whoever asked, for a week.

mod cells;
mod commands;
mod download;
mod formats;
mod job;
mod model;
mod pages;
mod queries;
mod walk;

pub use model::Format;

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/exports", get().to(pages::index))
        .route("/exports", post().to(pages::create))
        .route("/exports/new", get().to(pages::new))
        .route("/exports/new", post().to(pages::choose))
        .route("/exports/{id}", get().to(pages::show))
        .route("/exports/{id}/file", get().to(download::file))
        .route("/exports/{id}/cancellation", post().to(pages::cancel));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(job::WRITE, job::write);
    registry.register(job::EXPIRE, job::expire);
}
