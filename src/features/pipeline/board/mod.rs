//! The board: columns of cards with exact totals, 25 cards at a time, filtered as each person likes.

mod cards;
mod filters;
mod load;
mod memory;
mod next;
mod pages;
mod view;

pub use cards::explain_first_cards;
pub use filters::{CLOSE, Closing, Filters, Scope, closing};
pub use load::{BoardReply, filters_of_page, lost_reasons, reply};

use actix_web::web::{ServiceConfig, get};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/pipeline", get().to(pages::index))
        .route("/pipeline/{pipeline}", get().to(pages::show))
        .route("/pipeline/{pipeline}/cards", get().to(pages::some))
        .route("/pipeline/{pipeline}/stages/{stage}/cards", get().to(pages::more))
        .route("/pipeline/{pipeline}/stages/{stage}/head", get().to(pages::head));
}
