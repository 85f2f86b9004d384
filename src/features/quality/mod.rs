//! Data quality: rules that records must obey, how complete and how fresh they are, and putting them in order.
//!
//! Every write of a record by a person ends in [`written()`], which computes its formulas, asks the rules and measures it. What goes
//! past commands (imports) is measured by a job.

mod commands;
mod completeness;
mod formats;
mod forms;
mod measure;
mod normalise;
mod overview;
mod pages;
mod queries;
mod rule;
mod standards;
mod written;

pub use commands::using as rule_using;
pub use completeness::{Panel, of_new};
pub use measure::{after_import, enqueue_all, field_changed, register_jobs};
pub use normalise::{Part, batch as normalise};
pub use queries::all as rules;
pub use rule::{BROKEN, ValidationRule};
pub use written::{RowRules, Written, measure, refused, written};

use crate::web::{
    Routes,
    paths::{get, post},
};

/// The catalogue key of a record's completeness.
pub const SCORE: &str = "completeness";

pub fn configure(cfg: &mut Routes) {
    cfg.route("/quality", get().to(overview::index))
        .route("/quality/normalisation", get().to(normalise::pages::show))
        .route("/quality/normalisation", post().to(normalise::pages::begin))
        .route("/settings/completeness", get().to(standards::show))
        .route("/settings/completeness", post().to(standards::save))
        .route("/settings/rules", get().to(pages::index))
        .route("/settings/rules", post().to(pages::create))
        .route("/settings/rules/new", get().to(pages::new))
        .route("/settings/rules/{id}", get().to(pages::show))
        .route("/settings/rules/{id}", post().to(pages::update))
        .route("/settings/rules/{id}/deletion", post().to(pages::delete))
        .route("/settings/rules/{id}/deletion/undo", post().to(pages::restore));
}
