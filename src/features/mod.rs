//! One folder per capability. Features call each other only through what their `mod.rs` exports.

pub mod accounts;
pub mod activities;
pub mod assignment;
pub mod automations;
pub mod bin;
pub mod calendar;
pub mod comments;
pub mod companies;
pub mod competitors;
pub mod contacts;
pub mod currencies;
pub mod deals;
pub mod duplicates;
pub mod exports;
pub mod feed;
pub mod fields;
pub mod files;
pub mod health;
pub mod home;
pub mod imports;
pub mod leads;
pub mod losses;
pub mod mails;
pub mod notes;
pub mod notifications;
pub mod operations;
pub mod pipeline;
pub mod products;
pub mod quality;
pub mod records;
pub mod reports;
pub mod retention;
pub mod search;
pub mod seeds;
pub mod segments;
pub mod settings;
pub mod tags;
pub mod targets;
pub mod views;
pub mod web_forms;

use crate::jobs::Registry;

/// Each feature's background jobs.
pub fn register_jobs(registry: &mut Registry) {
    accounts::register_jobs(registry);
    activities::register_jobs(registry);
    automations::register_jobs(registry);
    deals::register_jobs(registry);
    duplicates::register_jobs(registry);
    bin::register_jobs(registry);
    currencies::register_jobs(registry);
    retention::register_jobs(registry);
    fields::register_jobs(registry);
    files::register_jobs(registry);
    exports::register_jobs(registry);
    imports::register_jobs(registry);
    mails::register_jobs(registry);
    notifications::register_jobs(registry);
    operations::register_jobs(registry);
    pipeline::likelihood::register_jobs(registry);
    quality::register_jobs(registry);
    search::register_jobs(registry);
    views::register_jobs(registry);
    settings::register_jobs(registry);
    tags::register_jobs(registry);
}
