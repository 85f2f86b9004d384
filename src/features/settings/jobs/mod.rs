//! Background jobs: what waits, what runs, what failed for good; and one more try, or away with it.

mod commands;
mod pages;
mod queries;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/jobs", get().to(pages::index))
        .route("/settings/jobs/{id}/retry", post().to(pages::retry))
        .route("/settings/jobs/{id}/discard", post().to(pages::discard));
}
