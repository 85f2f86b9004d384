//! The forecast: what is to close when, by months or quarters of the organisation's fiscal year, and how sure it is.
//!
//! Sums come from `deal_forecasts`, kept by trigger by month, stage and owner, unless a filter asks for what it does not know; cards are
//! the first few of each cell, read from the indexes that lists of a stage by expected close have.

mod cells;
mod pages;
pub mod periods;
mod sums;
mod view;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/pipeline/{pipeline}/forecast", get().to(pages::show))
        .route("/pipeline/{pipeline}/forecast/cards", get().to(pages::more));
}
