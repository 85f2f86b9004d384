//! What can be set: the organisation, its people and their access, and the administrators' windows on mail and jobs.

mod jobs;
pub mod lists;
mod mail;
mod members;
mod nav;
mod organisation;
mod roles;
mod show;
mod teams;

pub use nav::{SettingsNav, nav};
pub use teams::{choices as team_choices, people as team_people};

use crate::{
    error::AppResult,
    jobs::Registry,
    web::{
        Page, Routes,
        paths::get,
        permission::{self, Permission},
        reply,
    },
};
use actix_web::HttpResponse;

pub fn configure(cfg: &mut Routes) {
    cfg.route("/settings", get().to(index))
        .configure(organisation::configure)
        .configure(members::configure)
        .configure(teams::configure)
        .configure(roles::configure)
        .configure(mail::configure)
        .configure(jobs::configure);
}

pub fn register_jobs(registry: &mut Registry) {
    members::register_jobs(registry);
}

/// `GET /settings`: the organisation's, for those who administer it; else one's own.
async fn index(page: Page) -> AppResult<HttpResponse> {
    let administers = page.actor.may(permission::organisation::Administer::KEY);
    let to = if administers { "/settings/organisation" } else { "/settings/profile" };
    Ok(reply::redirect(&page.req, to, None))
}
