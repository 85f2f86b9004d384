//! Work over many records at once: edit, assign, archive, delete; and the book that imports, merges and normalisation keep too.
//!
//! Invariants: a record is changed, its event written and its before-image kept in one transaction; an operation that is killed goes
//! on where its last committed piece ended and does nothing twice; changed + skipped + failed = records gone through; undo restores
//! exactly the records whose version is still what the operation left, and says which it left alone. See `ledger` for how other
//! features take part.

mod actions;
mod apply;
mod bar;
mod batches;
mod chooser;
mod custom;
mod ledger;
mod model;
mod pages;
mod request;
mod run;
mod undo;
mod values;

pub use actions::{Action, Offer, actions, may_any, require_any};
pub use bar::Bar;
pub use ledger::{advance, begin, fail, finish, of_request, remember, remember_created, set_total, taken_back};
pub use model::{Done, NewOperation, Operation, Status, Tally};
pub use run::{AT_ONCE, Request, cancel, start, take_back as undo};
pub use undo::may_undo;

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/operations", get().to(pages::index))
        .route("/operations", post().to(request::create))
        .route("/operations/new", post().to(chooser::choose))
        .route("/operations/{id}", get().to(pages::show))
        .route("/operations/{id}/cancellation", post().to(request::cancel))
        .route("/operations/{id}/undo", post().to(request::undo));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register(run::JOB, run::run_job);
}
