//! Reads of pipelines and stages. Everyone who sees deals sees every pipeline: only deals have owners.

use super::model::{Pipeline, Stage};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{PipelineId, StageId},
    schema::{organisations, pipelines, stages},
};
use diesel::prelude::*;

/// Every pipeline, in order.
pub fn pipelines(tx: &mut OrgTx) -> AppResult<Vec<Pipeline>> {
    Ok(pipelines::table
        .select(Pipeline::as_select())
        .order((pipelines::position, pipelines::created_at, pipelines::id))
        .load(tx.conn())?)
}

/// Every stage of every pipeline, in board order within each.
pub fn stages(tx: &mut OrgTx) -> AppResult<Vec<Stage>> {
    Ok(stages::table
        .select(Stage::as_select())
        .order((stages::pipeline_id, stages::position, stages::id))
        .load(tx.conn())?)
}

/// The stages of one pipeline, in board order.
pub fn stages_of(tx: &mut OrgTx, pipeline: PipelineId) -> AppResult<Vec<Stage>> {
    Ok(stages::table
        .filter(stages::pipeline_id.eq(pipeline))
        .select(Stage::as_select())
        .order((stages::position, stages::id))
        .load(tx.conn())?)
}

pub fn pipeline(tx: &mut OrgTx, id: PipelineId) -> AppResult<Pipeline> {
    Ok(pipelines::table.filter(pipelines::id.eq(id)).select(Pipeline::as_select()).first(tx.conn())?)
}

pub fn stage(tx: &mut OrgTx, id: StageId) -> AppResult<Stage> {
    Ok(stages::table.filter(stages::id.eq(id)).select(Stage::as_select()).first(tx.conn())?)
}

/// The stage, locked until the end of the transaction, so that two cards never take the same place in its column. The lock is the
/// weakest that excludes itself: inserting and moving deals takes KEY SHARE on the stage through the foreign key, which this
/// does not block. Whoever also locks a deal locks the stage first.
pub fn lock_stage(tx: &mut OrgTx, id: StageId) -> AppResult<Option<Stage>> {
    Ok(stages::table
        .filter(stages::id.eq(id))
        .select(Stage::as_select())
        .for_no_key_update()
        .first(tx.conn())
        .optional()?)
}

/// Why deals are lost here, as the organisation words it.
pub fn lost_reasons(tx: &mut OrgTx) -> AppResult<Vec<String>> {
    let reasons: Vec<Option<String>> = organisations::table.select(organisations::lost_reasons).first(tx.conn())?;
    Ok(reasons.into_iter().flatten().collect())
}
