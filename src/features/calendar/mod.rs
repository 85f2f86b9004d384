//! The calendar: what people have to do and take part in, by time; whole teams side by side, and when they are all free.
//!
//! There is one calendar model, the activities: this feature reads them by span and member, and changes them through their own commands.
//! What a reader may not see of a colleague's is "busy" to them: a time and nothing else.

mod agenda;
mod choice;
mod entries;
mod feed;
mod free;
mod hours;
mod ics;
mod import;
mod invitations;
mod pages;
mod settings;
mod span;
mod team;
mod times;

pub use import::{KIND as IMPORT, SWEEP, undo as undo_import};
pub use invitations::{Guests, answer_path, follow};

use crate::web::{
    Routes,
    paths::{get, post},
};
use actix_web::web::{self, ServiceConfig};

/// What needs no session: other programs read feeds, guests answer.
pub fn configure_public(cfg: &mut ServiceConfig) {
    cfg.route("/calendar/feed/{token}", web::get().to(feed::serve))
        .route("/rsvp/{token}", web::get().to(invitations::show))
        .route("/rsvp/{token}", web::post().to(invitations::answer));
}

pub fn configure(cfg: &mut Routes) {
    cfg.route("/calendar", get().to(pages::show))
        .route("/calendar/activities", post().to(pages::plan))
        .route("/calendar/choice", post().to(pages::choose))
        .route("/calendar/imports", post().to(import::upload))
        .route("/calendar/imports/new", get().to(import::new))
        .route("/calendar/imports/{id}", get().to(import::show))
        .route("/calendar/imports/{id}", post().to(import::confirm))
        .route("/calendar/entries", get().to(entries::list))
        .route("/settings/calendar", get().to(settings::show))
        .route("/settings/calendar", post().to(settings::save))
        .route("/settings/calendar/feed", post().to(settings::make_feed))
        .route("/settings/calendar/feed/removal", post().to(settings::end_feed))
        .route("/activities/{id}/guests", post().to(invitations::invite))
        .route("/activities/{id}/guests/removal", post().to(invitations::withdraw))
        .route("/activities/{id}/time", post().to(times::set))
        .route("/activities/{id}/time/undo", post().to(times::undo));
}
