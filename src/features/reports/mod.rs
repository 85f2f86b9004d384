//! Reports: what the figures of the past say. `/reports` lists them; `/reports/sales` is how selling goes.
//!
//! Sales figures are sums of rows that triggers keep by month and person (`deal_closings`, `deal_beginnings`), so that a report over years
//! reads as little as one over a month; only revenue by product reads the lines of the deals won. A report counts what its reader may see.

mod asked;
mod figures;
mod index;
mod pages;
mod sales;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/reports", get().to(index::show)).route("/reports/sales", get().to(pages::show));
}
