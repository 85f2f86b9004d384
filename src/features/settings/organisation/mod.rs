//! The organisation's own settings: name, currency, locale, time zone, fiscal year, working days, logo.
//!
//! A save names the version it started from; one that comes too late is told what changed meanwhile and by whom (409), and
//! nothing is overwritten silently. Every setting has its use: the currency is what new deals and totals begin with, locale and
//! time zone are a new member's, the fiscal year cuts the quarters, and a close date on a day off is told to whoever sets it.

mod commands;
mod logo;
mod pages;
mod queries;
mod values;

use crate::web::{
    Routes,
    paths::{get, post},
};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/organisation", get().to(pages::show))
        .route("/settings/organisation", post().to(pages::save))
        .route("/settings/organisation/logo", post().to(logo::upload))
        .route("/settings/organisation/logo/removal", post().to(logo::remove))
        .route("/organisation/logo", get().to(logo::serve));
}
