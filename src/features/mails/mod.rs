//! Mail to customers: written from any record, by hand or from a template, now or at a time, to one or to many.
//!
//! Invariants: a message is given to be sent by a job in the transaction that says so, and each recipient gets it in a conversation
//! with the server of their own, noted in the transaction that held the recipient's row meanwhile. So two workers never send the same
//! one at once, and only a crash between the server's answer and the commit sends it twice, with the same Message-ID. Nobody who
//! asked not to be contacted is written to; whoever unsubscribed gets no mail to many; an address the server refused is left out until
//! somebody clears it.

mod about;
mod body;
mod merge;
mod templates;

pub use body::plain;

use actix_web::web::{ServiceConfig, get, post};

/// The pages under Mail: key, address, label.
pub const TABS: &[(&str, &str, &str)] = &[("templates", "/mails/templates", "Templates")];

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/mails", get().to(templates::index))
        .route("/mails/templates", get().to(templates::index))
        .route("/mails/templates", post().to(templates::create))
        .route("/mails/templates/new", get().to(templates::new))
        .route("/mails/templates/preview", post().to(templates::preview))
        .route("/mails/templates/{id}", get().to(templates::show))
        .route("/mails/templates/{id}", post().to(templates::save))
        .route("/mails/templates/{id}/deletion", post().to(templates::delete))
        .route("/mails/templates/{id}/deletion/undo", post().to(templates::undelete));
}
