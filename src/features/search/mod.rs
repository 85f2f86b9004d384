//! Global search: the page and the palette's results, and what comboboxes offer.

mod options;
mod pages;

use crate::web::{Routes, paths::get};
use crate::{jobs::Registry, search};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/search", get().to(pages::results)).route("/search/options", get().to(options::options));
}

pub fn register_jobs(registry: &mut Registry) {
    search::register_jobs(registry);
}
