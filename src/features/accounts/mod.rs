//! accounts.

pub mod members;
pub mod organisations;
pub mod password;

use actix_web::web::ServiceConfig;

pub fn configure(_cfg: &mut ServiceConfig) {}
