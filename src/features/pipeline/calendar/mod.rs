//! Deals in a calendar, by expected close. A busy day shows its first few and says how many more there are, so that a month costs what its
//! days are, not what its deals are.

mod days;
mod pages;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/pipeline/{pipeline}/calendar", get().to(pages::show))
        .route("/pipeline/{pipeline}/calendar/deals", get().to(pages::deals));
}
