//! Web forms: an organisation's own forms on its own pages, whose answers become leads.
//!
//! A form has a public address with a random token. Strangers see and send it without a session, a cookie or a script; browsers
//! show it inside the pages of the origins it names and nowhere else. What looks like spam is not lost: it waits in quarantine until
//! somebody lets it in. Whoever sends gets the same answer whatever became of it.

mod commands;
mod forms;
mod intake;
mod model;
mod offered;
mod pages;
mod public;
mod quarantine;
mod queries;
mod received;

pub use model::{NewWebForm, WebField, WebForm};
pub use queries::choices;
pub use received::{Received, of_lead};

use crate::web::{
    Routes,
    paths::{get, post},
};
use actix_web::web::{self, ServiceConfig};

/// Quarantine is no archive: what nobody lets in goes.
pub const SWEEP: &str =
    "DELETE FROM web_submissions WHERE lead_id IS NULL AND received_at < now() - interval '30 days'";

/// What strangers reach.
pub fn configure_public(cfg: &mut ServiceConfig) {
    cfg.route("/f/{token}", web::get().to(public::show))
        .route("/f/{token}", web::post().to(public::receive))
        .route("/f/{token}/thanks", web::get().to(public::thanks));
}

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/web-forms", get().to(pages::index))
        .route("/settings/web-forms", post().to(pages::create))
        .route("/settings/web-forms/new", get().to(pages::new))
        .route("/settings/web-forms/{id}", get().to(pages::show))
        .route("/settings/web-forms/{id}", post().to(pages::update))
        .route("/leads/quarantine", get().to(quarantine::index))
        .route("/leads/quarantine/{id}/admission", post().to(quarantine::admit))
        .route("/leads/quarantine/{id}/deletion", post().to(quarantine::delete));
}
