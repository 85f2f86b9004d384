//! The site map: one line per feature.

use crate::{
    features, live,
    web::{Routes, assets, paths::get},
};
use actix_web::{
    Scope,
    web::{self, ServiceConfig},
};

/// What needs no session, has no cookies and no CSRF token: assets, health, the forms on other people's pages.
pub fn public_files(cfg: &mut ServiceConfig) {
    cfg.route("/static/{name:.*}", web::get().to(assets::serve))
        .configure(features::health::configure)
        .configure(features::mails::configure_public)
        .configure(features::files::configure_public)
        .configure(features::calendar::configure_public)
        .configure(features::web_forms::configure_public);
}

/// Everything else, to be wrapped in sessions and the CSRF guard.
pub fn pages() -> Scope {
    let mut all = Routes::default();
    all.route("/live", get().to(live::live))
        .configure(features::accounts::configure)
        .configure(features::settings::configure)
        .configure(features::home::configure)
        .configure(features::search::configure)
        .configure(features::views::configure)
        .configure(features::companies::configure)
        .configure(features::contacts::configure)
        .configure(features::web_forms::configure)
        .configure(features::assignment::configure)
        .configure(features::leads::configure)
        .configure(features::pipeline::configure)
        .configure(features::automations::configure)
        .configure(features::deals::configure)
        .configure(features::products::configure)
        .configure(features::reports::configure)
        .configure(features::competitors::configure)
        .configure(features::losses::configure)
        .configure(features::currencies::configure)
        .configure(features::targets::configure)
        .configure(features::feed::configure)
        .configure(features::fields::configure)
        .configure(features::files::configure)
        .configure(features::notes::configure)
        .configure(features::comments::configure)
        .configure(features::notifications::configure)
        .configure(features::activities::configure)
        .configure(features::calendar::configure)
        .configure(features::mails::configure)
        .configure(features::imports::configure)
        .configure(features::operations::configure)
        .configure(features::tags::configure)
        .configure(features::segments::configure)
        .configure(features::duplicates::configure)
        .configure(features::exports::configure)
        .configure(features::quality::configure)
        .configure(features::bin::configure)
        .configure(features::retention::configure);
    all.into_scope()
}
