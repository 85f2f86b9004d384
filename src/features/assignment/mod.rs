//! Assignment: who gets a new lead, company or deal that nobody has. Rules stand in an order; the first that fits and has somebody at
//! work decides. A rule with a name is a territory, kept with what it gave away.
//!
//! A team's members take turns, or whoever has least to do for what they take on is next. Whose turn it was is kept in the rule's row,
//! which is held while the next is chosen: however many come in at once, nobody is passed over. A rule without conditions is the default.

mod bench;
mod choice;
mod commands;
mod forms;
mod model;
mod pages;
mod people;
mod reassignment;
mod share_out;
mod trial;
mod turns;

pub use choice::{Given, deal, owner, remember};
pub use model::Arrival;
pub use share_out::{reassign, share_out};
pub use turns::next_of_team;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/assignment", get().to(pages::index))
        .route("/settings/assignment", post().to(pages::create))
        .route("/settings/assignment/people", post().to(people::save))
        .route("/settings/assignment/trial", get().to(trial::show))
        .route("/assignment/reassignment", get().to(reassignment::all))
        .route("/assignment/reassignment", post().to(reassignment::share))
        .route("/settings/assignment/{id}", get().to(pages::show))
        .route("/settings/assignment/{id}", post().to(pages::update))
        .route("/settings/assignment/{id}/place", post().to(pages::shift))
        .route("/settings/assignment/{id}/deletion", post().to(pages::delete));
}
