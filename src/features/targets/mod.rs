//! Targets: what a person, a team or everybody is to win or to do in a month, quarter or fiscal year, and how far they are.
//!
//! A target is one number for one [`Circle`], one [`Goal`] and one [`Period`]. What was reached is read from rows that triggers keep by
//! month (`deal_closings`, `activity_closings`), so no figure here counts deals. A quarter or year without a number of its own takes the
//! sum of its parts. A target, and with it what was reached, is seen by those who see the records of everyone it is about.
//!
//! Other features draw target lines with [`progress()`] (one circle, one period, everything set for it) and [`line()`] (only the amount).

mod circles;
mod commands;
mod grid;
mod history;
mod model;
mod pages;
mod paste;
mod period;
mod progress;
mod reached;
mod view;

pub use circles::{Circle, Whose, circle, circles};
pub use commands::set;
pub use model::{Goal, Measure};
pub use period::{Period, Unit};
pub use progress::{Progress, line, lines, progress};
pub use view::{Row, headline, of_reader, rows};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/targets", get().to(pages::index))
        .route("/targets/edit", get().to(pages::edit))
        .route("/targets/edit", post().to(pages::save))
        .route("/targets/history", get().to(history::show))
        .route("/targets/history/{event}/undo", post().to(history::undo));
}
