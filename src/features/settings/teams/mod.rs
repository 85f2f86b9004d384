//! Teams: a name, a manager, members. Someone whose role sees "their team" sees the records of everyone in the teams they are in
//! or lead (`web::auth`), from the next request after a change here.

mod commands;
mod pages;
mod queries;

pub use queries::{choices, people};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/teams", get().to(pages::index))
        .route("/settings/teams", post().to(pages::create))
        .route("/settings/teams/new", get().to(pages::new))
        .route("/settings/teams/{id}", get().to(pages::show))
        .route("/settings/teams/{id}", post().to(pages::update))
        .route("/settings/teams/{id}/deletion", post().to(pages::delete));
}
