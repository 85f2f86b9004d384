//! Activities and tasks: what people plan, do and have done, about deals, contacts, companies and leads.
//!
//! One table holds both, told apart by the class of their type. An open one has a time, a day or neither; a closed one says when and by
//! whom it was done or cancelled. A deal's `next_activity_at` follows by trigger. Nothing keeps a record's activities from being seen by
//! whoever sees the record.

mod actions;
mod agenda;
mod bulk;
mod checklist;
mod columns;
mod commands;
mod dependencies;
mod forms;
mod index;
mod lines;
mod model;
mod one;
mod pages;
mod parts;
mod plan;
mod purge;
mod queries;
mod returning;
mod series;
mod settings;
mod taking;
mod templates;
mod types;
mod when;
mod wish;

pub use agenda::{Day, Due, Idle, Load};
pub use bulk::{KIND as BULK, undo as undo_bulk};
pub use commands::{assign, close, create, follow_lead, update};
pub use forms::contact;
pub use lines::{About, Line};
pub use model::{Activity, Class, NewActivity, status_label};
pub use one::seen_of;
pub use pages::{plan_form, show_refused as refused};
pub use plan::{Plan, Quick};
pub use purge::purge;
pub use queries::{about as about_sql, concerns, find};
pub use series::{End, Rule, SWEEP, Schedule, extend_all};
pub use templates::{plan_template, take_back_untouched, usable_templates};
pub use types::{ActivityType, all as types, seed as seed_types};
pub use when::{Slot, Tone, instant, parse_time, time_value};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn register_jobs(registry: &mut crate::jobs::Registry) {
    series::register(registry);
}

pub fn configure(cfg: &mut Routes) {
    templates::configure(cfg);
    cfg.route("/activities", get().to(index::activities))
        .route("/activities", post().to(pages::create))
        .route("/activities/new", get().to(pages::new))
        .route("/activities/bulk", post().to(bulk::bulk))
        .route("/tasks", get().to(index::tasks))
        .route("/activities/{id}", get().to(pages::show))
        .route("/activities/{id}", post().to(pages::save))
        .route("/activities/{id}/edit", get().to(pages::edit))
        .route("/activities/{id}/completion", post().to(actions::complete))
        .route("/activities/{id}/completion/undo", post().to(actions::reopen))
        .route("/activities/{id}/status", post().to(actions::status))
        .route("/activities/{id}/snooze", post().to(actions::snooze))
        .route("/activities/{id}/snooze/undo", post().to(actions::unsnooze))
        .route("/activities/{id}/deletion", post().to(actions::delete))
        .route("/activities/{id}/deletion/undo", post().to(actions::undelete))
        .route("/activities/{id}/participants", post().to(parts::add_person))
        .route("/activities/{id}/participants/removal", post().to(parts::remove_person))
        .route("/activities/{id}/checklist", post().to(checklist::add))
        .route("/activities/{id}/checklist/tick", post().to(checklist::tick))
        .route("/activities/{id}/checklist/removal", post().to(checklist::remove))
        .route("/activities/{id}/dependencies", post().to(dependencies::add))
        .route("/activities/{id}/dependencies/removal", post().to(dependencies::remove))
        .route("/settings/activity-types", get().to(settings::index))
        .route("/settings/activity-types", post().to(settings::create))
        .route("/settings/activity-types/order", post().to(settings::order))
        .route("/settings/activity-types/{id}", get().to(settings::show))
        .route("/settings/activity-types/{id}", post().to(settings::update))
        .route("/settings/activity-types/{id}/retirement", post().to(settings::retire))
        .route("/settings/activity-types/{id}/retirement/undo", post().to(settings::restore));
}
