//! companies.

use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}

pub const FIELDS: &[crate::kernel::Field] = &[];
