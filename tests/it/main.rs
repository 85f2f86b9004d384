//! The one integration-test binary: everything through HTTP, against a real Postgres, one database per test.

// Tests look behind the scenes as superuser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_types)]

mod accounts;
mod accounts_invitations;
mod accounts_settings;
mod accounts_sign_up;
mod activities;
mod automations;
mod backbone;
mod bin;
mod board;
mod browser;
mod bulk;
mod calendar;
mod catalogue;
mod chaos;
mod comments;
mod companies;
mod contacts;
mod deals;
mod duplicates;
mod exports;
mod feed;
mod fields;
mod files;
mod history;
mod imports;
mod input;
mod jobs;
mod kill;
mod leads;
mod lines;
mod lists;
mod live;
mod mail;
mod mails;
mod notes;
mod notifications;
mod operations;
mod pipelines;
mod products;
mod quality;
mod retention;
mod routes;
mod schema;
mod search;
mod seeds;
mod segments;
mod settings;
mod support;
mod tags;
mod targets;
mod views;
mod web_forms;
