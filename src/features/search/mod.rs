//! Global search: the page and the palette's results.

use crate::{jobs::Registry, search};
use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}

pub fn register_jobs(registry: &mut Registry) {
    search::register_jobs(registry);
}
