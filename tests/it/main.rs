//! The one integration-test binary: everything through HTTP, against a real Postgres, one database per test.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod accounts_invitations;
mod accounts_settings;
mod accounts_sign_up;
mod backbone;
mod board;
mod catalogue;
mod companies;
mod contacts;
mod imports;
mod jobs;
mod live;
mod mail;
mod notes;
mod schema;
mod search;
mod seeds;
mod settings;
mod support;
