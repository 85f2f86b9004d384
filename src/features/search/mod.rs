//! search.

use crate::jobs::Registry;
use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}

pub fn register_jobs(_registry: &mut Registry) {}
