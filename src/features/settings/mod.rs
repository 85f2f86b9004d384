//! What can be set: the organisation, its people and their access, and the administrators' windows on mail and jobs.

mod nav;

pub use nav::{SettingsNav, nav};

use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}
