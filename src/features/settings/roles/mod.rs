//! Roles: what each of the four may do, and whose records it sees. A change holds from the next request of everyone who has the
//! role. Administrator always keeps the right to administer, so that there is someone to undo a mistake.

mod commands;
mod grid;
mod pages;
mod queries;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/roles", get().to(pages::index))
        .route("/settings/roles/{id}", get().to(pages::show))
        .route("/settings/roles/{id}", post().to(pages::save))
        .route("/settings/roles/{id}/defaults", post().to(pages::reset));
}
