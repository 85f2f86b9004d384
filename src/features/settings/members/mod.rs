//! Who works here: the list of members, their roles, deactivation and return, and the hand-over of what they own.
//!
//! Invariants: there is always an active member with the Administrator role, also when two requests race (every change that
//! could break it first locks that role's row); nobody changes their own access, so that no administrator locks themself out by
//! accident; a deactivated member keeps their records until they are handed over, and is signed out in the same transaction.

mod access;
mod hand_over;
mod invitations;
mod pages;
mod queries;
mod records;

pub(super) use hand_over::{KIND as HAND_OVER, register_jobs};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/members", get().to(pages::index))
        .route("/settings/members/{id}", get().to(pages::show))
        .route("/settings/members/{id}/role", post().to(pages::change_role))
        .route("/settings/members/{id}/deactivation", post().to(pages::deactivate))
        .route("/settings/members/{id}/reactivation", post().to(pages::reactivate))
        .route("/settings/members/{id}/hand-over", post().to(pages::give))
        .configure(invitations::configure);
}
