//! Currencies: which an organisation sells in, what each is worth in its own from day to day, and totals of several made one.
//!
//! Invariants: a rate holds from its day until the next one's; of two for one day, the one a person wrote counts; what has no rate is
//! told apart and never dropped; a source that fails leaves the rates as they are.
//!
//! **For totals elsewhere.** In Rust: [`Rates::today`] once a page, then [`Rates::own`] for each sum per currency (it gives the amount in
//! the organisation's currency, or the amount itself where there is no rate) and [`Rates::note`] to say so on the page; or
//! [`Rates::convert`] for a [`Converted`] total. At the deals' own days: group by currency and [`deal_day`] (SQL), for foreign currencies
//! alone, and [`at_days`]; of deals that ended, [`ended`] has both ways to choose from. In SQL: `app.rate(currency, day)` is what one unit is worth on that day, NULL without a rate; it is meant
//! for groups, not for rows.

mod commands;
mod convert;
pub mod ended;
mod fetch;
mod forms;
mod pages;
mod paste;
mod queries;
mod rate;
mod source;

pub use convert::{Converted, Dated, Rate, Rates, at_days, deal_day};
pub use fetch::SWEEP;
pub use queries::{codes, options};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings/currencies", get().to(pages::index))
        .route("/settings/currencies", post().to(pages::choose))
        .route("/settings/currencies/source", post().to(pages::source))
        .route("/settings/currencies/fetch", post().to(pages::fetch_now))
        .route("/settings/currencies/rates", post().to(pages::add))
        .route("/settings/currencies/rates/paste", post().to(pages::paste))
        .route("/settings/exchange-rates/{id}", get().to(rate::show))
        .route("/settings/exchange-rates/{id}", post().to(rate::save))
        .route("/settings/exchange-rates/{id}/deletion", post().to(rate::delete));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register_remote(fetch::JOB, fetch::run_job);
}
