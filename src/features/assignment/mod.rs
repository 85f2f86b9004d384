//! Assignment: who gets a new lead that nobody has. Rules stand in an order; the first that fits and has somebody at work decides.
//!
//! A team's members take turns. Whose turn it was is kept in the rule's row, which is held while the next is chosen: however many
//! leads come in at once, nobody is passed over. A rule without conditions is the default.

mod choice;
mod commands;
mod forms;
mod model;
mod pages;
mod share_out;
mod turns;

pub use choice::owner;
pub use model::Arrival;
pub use share_out::share_out;
pub use turns::next_of_team;

use actix_web::web::{ServiceConfig, get, post};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/settings/assignment", get().to(pages::index))
        .route("/settings/assignment", post().to(pages::create))
        .route("/settings/assignment/{id}", get().to(pages::show))
        .route("/settings/assignment/{id}", post().to(pages::update))
        .route("/settings/assignment/{id}/place", post().to(pages::shift))
        .route("/settings/assignment/{id}/deletion", post().to(pages::delete));
}
