//! What can be set: the organisation, its people and their access, and the administrators' windows on mail and jobs.

mod jobs;
mod mail;
mod members;
mod nav;
mod organisation;
mod roles;
mod show;
mod teams;

pub use nav::{SettingsNav, nav};

use actix_web::web::ServiceConfig;

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.configure(organisation::configure)
        .configure(members::configure)
        .configure(teams::configure)
        .configure(roles::configure)
        .configure(mail::configure)
        .configure(jobs::configure);
}
