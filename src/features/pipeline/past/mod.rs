//! A pipeline as it stood at the end of any past day, and what changed between two.
//!
//! What each deal was, from when to when, is kept in `deal_states` by trigger, in the transaction of every change; it follows from the
//! events alone (`app.replay_deals` makes it anew from them). Totals are the sums of whole months, kept in `deal_months`, and of the spans
//! that began or ended in the month of the moment asked for, so they cost the same however long ago that is. A comparison reads only the
//! spans that began or ended between the two moments.
//!
//! Who sees a deal today sees its past, and nobody else; a filter by owner asks who owned it then. Deals deleted for good have no past.

mod asked;
mod blank;
mod board;
mod changes;
mod compare;
mod pages;
mod stages;
mod totals;

pub use stages::{as_far_as, counting_as};

use crate::web::{Routes, paths::get};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/pipeline/{pipeline}/history", get().to(pages::history))
        .route("/pipeline/{pipeline}/history/{stage}", get().to(pages::more))
        .route("/pipeline/{pipeline}/changes", get().to(changes::show));
}
