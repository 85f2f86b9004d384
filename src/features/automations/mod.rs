//! Stage automation: what happens by itself when deals come into a stage, leave it, stay in it, are won, lost or reopened.
//!
//! Built as events → actions. A trigger on `events` puts what concerns deals into the inbox, in the transaction that did it, whatever
//! wrote the event; a job takes each out of the inbox in the transaction of its effects. So an event is read at least once and has its
//! effects exactly once, whenever the process dies. Actions call the commands that people call, with the rights of whoever saved the
//! automation last, and their events say which automation it was.
//!
//! Invariants: one run for each automation and event; a run's actions happen all or not at all; automations set each other off at most
//! `reader::MOST_DEPTH` times in a row; what was planned when a deal was moved is taken back, untouched, when it is moved back.

mod actions;
mod commands;
mod forms;
mod model;
mod pages;
mod reader;
mod runs;
mod show;

pub use model::Automation;
pub use reader::{SWEEP, SWEEP_LEFT};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

/// For the sweeps: what automations did is kept for half a year.
pub const FORGET: &str = "
DELETE FROM automation_runs WHERE (org_id, id) IN (
  SELECT org_id, id FROM automation_runs WHERE at < now() - interval '180 days' LIMIT 10000)";

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/pipelines/{id}/automations", get().to(pages::index))
        .route("/settings/pipelines/{id}/automations", post().to(pages::create))
        .route("/settings/pipelines/{id}/automations/order", post().to(pages::order))
        .route("/settings/automations/{id}", get().to(show::show))
        .route("/settings/automations/{id}", post().to(show::update))
        .route("/settings/automations/{id}/actions", post().to(show::add_action))
        .route("/settings/automations/{id}/actions/removal", post().to(show::remove_action))
        .route("/settings/automations/{id}/actions/place", post().to(show::shift_action))
        .route("/settings/automations/{id}/activation", post().to(pages::activate))
        .route("/settings/automations/{id}/activation/undo", post().to(pages::turn_off))
        .route("/settings/automations/{id}/deletion", post().to(pages::delete))
        .route("/settings/automations/{id}/runs", get().to(runs::index))
        .route("/settings/automation-runs/{id}/retry", post().to(runs::retry));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(reader::JOB, reader::run_job);
}
