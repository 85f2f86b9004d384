//! Global search: the page and the palette's results, and what comboboxes offer.

mod options;
mod pages;

use crate::{jobs::Registry, search};
use actix_web::web::{ServiceConfig, get};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/search", get().to(pages::results)).route("/search/options", get().to(options::options));
}

pub fn register_jobs(registry: &mut Registry) {
    search::register_jobs(registry);
}
