//! Pipewright: a fast, live sales platform in one binary over Postgres.
//!
//! One way through the house: route → extractors (who, which organisation, allowed?) → handler → `forms::parse` →
//! `commands` in one transaction (rows + event + jobs) → page or fragment. See `docs/architecture.md`.

pub mod app;
pub mod cli;
pub mod config;
pub mod db;
pub mod doctor;
pub mod error;
pub mod events;
pub mod features;
pub mod files;
pub mod jobs;
pub mod kernel;
pub mod live;
pub mod mailer;
pub mod routes;
pub mod schema;
pub mod search;
pub mod web;
