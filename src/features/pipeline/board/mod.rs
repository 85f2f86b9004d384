//! The board: columns of cards with exact totals, 20 cards at a time, filtered as each person likes.

pub(super) mod cards;
pub(super) mod chrome;
mod filters;
mod load;
mod look;
mod memory;
mod next;
mod order;
mod pages;
mod setup;
pub(super) mod view;

pub use cards::explain_first_cards;
pub use filters::{CLOSE, Closing, Filters, Owner, Scope, closing, people_of};
pub use load::{BoardReply, filters_of_page, look_to_keep, lost_reasons, reply, summary, team_names};
pub use order::Order;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/pipeline", get().to(pages::index))
        .route("/pipeline/{pipeline}", get().to(pages::show))
        .route("/pipeline/{pipeline}/cards", get().to(pages::some))
        .route("/pipeline/{pipeline}/stages/{stage}/cards", get().to(pages::more))
        .route("/pipeline/{pipeline}/stages/{stage}/head", get().to(pages::head))
        .route("/pipeline/{pipeline}/stages/{stage}/fold", post().to(setup::fold))
        .route("/pipeline/{pipeline}/look", get().to(setup::show))
        .route("/pipeline/{pipeline}/look", post().to(setup::save));
}
