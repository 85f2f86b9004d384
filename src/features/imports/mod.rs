//! Importing files (CSV and its kin, Excel workbooks, vCards): companies, contacts and deals, streamed into Postgres in one transaction
//! per file.
//!
//! The file is decoded, its delimiter and columns found, its rows parsed and COPYed into a stage, and the stage applied set by set.
//! A person chooses on the way how it is read, what its columns are and what becomes of records that exist (`wizard`), and sees what
//! would come of it (a trial goes through the same stage); the command line takes what is recognised.
//!
//! Invariants: a file is imported whole or not at all; created + updated + skipped + failed = rows read; importing the same file
//! again changes nothing, whatever the rules; memory does not grow with the file; what an importer may not see, they neither change
//! nor read; an import can be undone.

mod aliases;
mod apply;
mod bar;
mod beside;
pub mod cells;
mod cli;
mod commands;
mod context;
mod engine;
mod errors;
mod extras;
mod identity;
mod mapping;
mod options;
mod own;
mod pages;
mod presets;
mod progress;
mod queries;
mod reader;
mod records;
mod rows;
mod running;
mod slots;
mod source;
mod stage;
mod templates;
mod tidy;
mod undo;
mod upload;
mod values;
mod wizard;
mod words;

pub use aliases::RECORD_ID;
pub use cli::command_line;
pub use commands::NewImport;
pub use options::Options;
pub use running::{RUN as JOB, register_jobs, run_file, run_now};

use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/imports", get().to(pages::index))
        .route("/imports/new", get().to(pages::new))
        .route("/imports/new", post().to(upload::create))
        .route("/imports/templates", post().to(pages::forget))
        .route("/imports/{id}", get().to(pages::show))
        .route("/imports/{id}/errors.csv", get().to(errors::csv))
        .route("/imports/{id}/records/{kind}", get().to(records::list))
        .route("/imports/{id}/file", get().to(wizard::file::show))
        .route("/imports/{id}/file", post().to(wizard::file::save))
        .route("/imports/{id}/columns", get().to(wizard::columns::show))
        .route("/imports/{id}/columns", post().to(wizard::columns::save))
        .route("/imports/{id}/values", get().to(wizard::values::show))
        .route("/imports/{id}/values", post().to(wizard::values::save))
        .route("/imports/{id}/rules", get().to(wizard::rules::show))
        .route("/imports/{id}/rules", post().to(wizard::rules::save))
        .route("/imports/{id}/check", get().to(wizard::check::show))
        .route("/imports/{id}/check", post().to(wizard::check::start))
        .route("/imports/{id}/start", post().to(wizard::check::import_now))
        .route("/imports/{id}/cancellation", post().to(wizard::check::cancel))
        .route("/imports/{id}/removal", post().to(wizard::check::discard))
        .route("/imports/{id}/undo", post().to(pages::undo));
}
