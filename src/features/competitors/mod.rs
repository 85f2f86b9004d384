//! Whom the organisation sells against: a list it keeps, named beside deals (`deals::rivals`) and as who won those that were lost.
//!
//! A competitor is renamed where it stands, retired when it is met no more, and merged into another when it was noted twice; nothing of
//! the past is lost by any of it.

mod commands;
mod names;
mod pages;
mod queries;
mod taking_back;

pub use commands::{MOST, make};
pub use names::{one, read};
pub use queries::{Competitor, all, choices, entries, hold, labels};
pub use taking_back::take_back;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/competitors", get().to(pages::index))
        .route("/settings/competitors", post().to(pages::create))
        .route("/settings/competitors/{id}", get().to(pages::show))
        .route("/settings/competitors/{id}", post().to(pages::update))
        .route("/settings/competitors/{id}/retirement", post().to(pages::retire))
        .route("/settings/competitors/{id}/retirement/undo", post().to(pages::restore))
        .route("/settings/competitors/{id}/merger", post().to(pages::merge));
}
