//! Loss analysis: why, to whom, from which stage, by whom and when deals were lost, and whether that is more or less than before. Every
//! figure is one click from its deals; the reader's own visibility applies to all of them.

mod pages;
mod queries;
mod view;

use crate::web::{Routes, paths::get};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/reports/losses", get().to(pages::index));
}
