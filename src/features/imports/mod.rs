//! Importing files (CSV and its kin, Excel workbooks, vCards): companies, contacts and deals, streamed into Postgres in one transaction
//! per file.
//!
//! The file is decoded, its delimiter and columns found, its rows parsed and COPYed into a stage, and the stage applied set by set.
//! Invariants: a file is imported whole or not at all; created + updated + skipped + failed = rows read; importing the same file
//! again changes nothing; memory does not grow with the file; what an importer may not see, they neither change nor read.

mod apply;
mod cells;
mod cli;
mod commands;
mod context;
mod engine;
mod errors;
mod extras;
mod mapping;
mod pages;
mod presets;
mod queries;
mod reader;
mod rows;
mod source;
mod stage;
mod tidy;
mod upload;
mod values;

pub use cli::command_line;
pub use commands::{JOB, NewImport, run_file, run_now};
pub use engine::Options;

use crate::jobs::Registry;
use actix_web::web::{ServiceConfig, get, post};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/imports", get().to(pages::index))
        .route("/imports/new", get().to(pages::new))
        .route("/imports/new", post().to(upload::create))
        .route("/imports/{id}", get().to(pages::show))
        .route("/imports/{id}/errors.csv", get().to(errors::csv));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(commands::JOB, commands::run_job);
}
