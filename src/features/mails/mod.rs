//! Mail to customers: written from any record, by hand or from a template, now or at a time, to one or to many.
//!
//! Invariants: a message is given to be sent by a job in the transaction that says so, and each recipient gets it in a conversation
//! with the server of their own, noted in the transaction that held the recipient's row meanwhile. So two workers never send the same
//! one at once, and only a crash between the server's answer and the commit sends it twice, with the same Message-ID. Nobody who
//! asked not to be contacted is written to; whoever unsubscribed gets no mail to many; an address the server refused is left out until
//! somebody clears it.

mod about;
mod addresses;
mod attachments;
mod beginning;
mod body;
mod commands;
mod compose;
mod index;
mod letters;
mod limits;
mod mailings;
pub mod merge;
mod model;
mod pages;
mod posting;
mod public;
mod queries;
mod sender;
mod sending;
mod settings;
mod standing;
mod suggest;
mod templates;
mod tokens;
mod writing;

pub use about::follow_lead;
pub use attachments::SWEEP as SWEEP_FILES;
pub use body::plain;
pub use commands::UNDO;
pub use limits::SWEEP as SWEEP_COUNTS;
pub use mailings::SWEEP as SWEEP_MAILINGS;
pub use queries::find;
pub use sending::SWEEP as SWEEP_BROKEN;
pub use standing::{Notice, look_up, notices};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};
use actix_web::web::{self, ServiceConfig};

/// The pages under Mail: key, address, label.
pub const TABS: &[(&str, &str, &str)] = &[
    ("mails", "/mails", "Mails"),
    ("mailings", "/mailings", "Mailings"),
    ("templates", "/mails/templates", "Templates"),
];

pub fn register_jobs(registry: &mut Registry) {
    registry.register_remote(sending::JOB, sending::run);
    registry.register_remote(mailings::JOB, mailings::run);
}

/// What recipients reach.
pub fn configure_public(cfg: &mut ServiceConfig) {
    cfg.route("/m/u/{token}", web::get().to(public::ask))
        .route("/m/u/{token}", web::post().to(public::unsubscribe))
        .route("/m/u/{token}/undo", web::post().to(public::subscribe))
        .route("/m/o/{token}", web::get().to(public::opened))
        .route("/m/c/{token}", web::get().to(public::clicked));
}

pub fn configure(cfg: &mut Routes) {
    cfg.route("/mails", get().to(index::index))
        .route("/mails", post().to(posting::write))
        .route("/mails/new", get().to(compose::new))
        .route("/mails/draft", post().to(posting::autosave))
        .route("/mails/people", get().to(suggest::find))
        .route("/mails/attachments", post().to(attachments::upload))
        .route("/mails/addresses", post().to(pages::clear))
        .route("/mails/templates", get().to(templates::index))
        .route("/mails/templates", post().to(templates::create))
        .route("/mails/templates/new", get().to(templates::new))
        .route("/mails/templates/preview", post().to(templates::preview))
        .route("/mails/templates/{id}", get().to(templates::show))
        .route("/mails/templates/{id}", post().to(templates::save))
        .route("/mails/templates/{id}/deletion", post().to(templates::delete))
        .route("/mails/templates/{id}/deletion/undo", post().to(templates::undelete))
        .route("/mails/{id}", get().to(pages::show))
        .route("/mails/{id}/body", get().to(pages::body))
        .route("/mails/{id}/edit", get().to(compose::edit))
        .route("/mails/{id}/cancellation", post().to(pages::take_back))
        .route("/mails/{id}/deletion", post().to(pages::delete))
        .route("/mails/{id}/deletion/undo", post().to(pages::undelete))
        .route("/mailings", get().to(mailings::index))
        .route("/mailings", post().to(mailings::create))
        .route("/mailings/new", post().to(mailings::new))
        .route("/mailings/{id}", get().to(mailings::show))
        .route("/mailings/{id}/cancellation", post().to(mailings::cancel))
        .route("/settings/sending", get().to(settings::show))
        .route("/settings/sending", post().to(settings::save))
        .route("/settings/signature", get().to(settings::show_signature))
        .route("/settings/signature", post().to(settings::save_signature));
}
