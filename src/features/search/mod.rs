//! Global search: the page and the palette's results.

mod pages;

use crate::{jobs::Registry, search};
use actix_web::web::{ServiceConfig, get};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/search", get().to(pages::results));
}

pub fn register_jobs(registry: &mut Registry) {
    search::register_jobs(registry);
}
