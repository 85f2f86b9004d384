//! Leads: people and companies not yet qualified.
//!
//! A lead has a name, a company or an e-mail address; its company is words until conversion finds out which company it is. A
//! converted lead is archived, keeps its notes and history, and is changed no more; its conversion says what came of it.

mod commands;
mod conversion;
mod fields;
mod forms;
mod inbox;
mod model;
mod pages;
mod queries;

pub use commands::{create, receive, update};
pub use conversion::{Origin, origins};
pub use fields::{FIELDS, STATUSES};
pub use model::{Lead, NewLead};
pub use queries::find;

use crate::{
    features::records::{self, Spec},
    kernel::RecordType,
    web::{
        Routes,
        paths::{get, post},
    },
};

/// Leads as the shared parts handle them.
pub static SPEC: Spec = Spec {
    record: RecordType::Lead,
    load: forms::load,
    save: forms::save,
    before_return: conversion::refuse_return,
    after_change: records::nothing,
};

pub fn configure(cfg: &mut Routes) {
    // The list's own addresses come before those of a record.
    records::configure(cfg, &SPEC);
    cfg.route("/leads/unassigned", get().to(inbox::index)).route("/leads/{id}/ownership", post().to(inbox::take));
    cfg.route("/leads", post().to(pages::create))
        .route("/leads/new", get().to(pages::new))
        .route("/leads/{id}", get().to(pages::show))
        .route("/leads/{id}", post().to(pages::save))
        .route("/leads/{id}/edit", get().to(pages::edit))
        .route("/leads/{id}/conversion", get().to(conversion::form))
        .route("/leads/{id}/conversion", post().to(conversion::convert))
        .route("/leads/{id}/conversion/undo", post().to(conversion::undo));
}
