//! Pipelines, their stages, and the board.

pub mod board;
mod commands;
mod model;
mod queries;
mod requirements;
mod settings;

pub use model::{COLORS, Pipeline, Stage, StageGroup};
pub use queries::{lock_pipeline, lock_stage, lost_reasons, pipeline, pipelines, stage, stages, stages_of};
pub use requirements::{Criterion, criteria};

use actix_web::web::ServiceConfig;

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.configure(board::configure).configure(settings::configure);
}
