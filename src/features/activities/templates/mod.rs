//! Templates: a chain of activities, each planned (or offered) when the one before it is done, and sets of tasks planned at once with
//! a record.
//!
//! Invariants: what was planned from a template is an ordinary activity that only remembers its step; a step is followed once; a set
//! sent twice is planned once.

mod apply;
mod automatic;
mod chain;
mod commands;
mod form;
mod model;
mod pages;
mod selection;
mod settings;
mod steps;

pub(super) use apply::{attach, prefill};
pub use automatic::{plan_template, take_back_untouched, usable_templates};
pub(super) use chain::{Offer, follow, offered, planned, reopen};
pub(super) use model::{Choice, choices};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/activity-templates/selection", post().to(selection::plan))
        .route("/activity-templates/{id}/application", get().to(pages::show))
        .route("/activity-templates/{id}/application", post().to(pages::apply))
        .route("/activity-templates/{id}/application/undo", post().to(pages::undo))
        .route("/settings/activity-templates", get().to(settings::index))
        .route("/settings/activity-templates", post().to(settings::create))
        .route("/settings/activity-templates/{id}", get().to(settings::show))
        .route("/settings/activity-templates/{id}", post().to(settings::update))
        .route("/settings/activity-templates/{id}/retirement", post().to(settings::retire))
        .route("/settings/activity-templates/{id}/retirement/undo", post().to(settings::restore))
        .route("/settings/activity-templates/{id}/steps", post().to(settings::add_step))
        .route("/settings/activity-templates/{id}/order", post().to(settings::order))
        .route("/settings/activity-steps/{id}", get().to(steps::step))
        .route("/settings/activity-steps/{id}", post().to(steps::save_step))
        .route("/settings/activity-steps/{id}/deletion", post().to(steps::delete_step));
}
