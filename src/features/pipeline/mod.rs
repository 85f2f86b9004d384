//! Pipelines, their stages, and the board.

pub mod board;
mod calendar;
pub mod closing;
mod commands;
pub mod forecast;
mod frame;
pub(in crate::features) mod lanes;
pub mod likelihood;
mod model;
mod past;
mod queries;
mod requirements;
mod settings;
mod taking_back;
mod timeline;

pub use model::{CATEGORIES, COLORS, Pipeline, Stage, StageGroup, category_of};
pub use past::{as_far_as, counting_as};
pub use queries::{
    first_stage, lock_pipeline, lock_stage, lost_reasons, pipeline, pipelines, stage, stages, stages_of, won_reasons,
};
pub use requirements::{Criterion, criteria};
pub use taking_back::{hold, left, take_back};

use crate::web::Routes;

pub fn configure(cfg: &mut Routes) {
    cfg.configure(board::configure)
        .configure(calendar::configure)
        .configure(forecast::configure)
        .configure(timeline::configure)
        .configure(past::configure)
        .configure(settings::configure);
}
