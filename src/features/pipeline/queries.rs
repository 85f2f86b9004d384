//! Reads of pipelines and stages. Everyone who sees deals sees every pipeline: only deals have owners.

use super::model::{Pipeline, Stage};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{PipelineId, StageId},
    schema::{organisations, pipelines, stages},
};
use diesel::{prelude::*, sql_types};
use std::sync::Arc;

/// Every pipeline, in order.
pub fn pipelines(tx: &mut OrgTx) -> AppResult<Vec<Pipeline>> {
    let all = tx.known("pipelines", |tx| {
        Ok(pipelines::table
            .select(Pipeline::as_select())
            .order((pipelines::position, pipelines::created_at, pipelines::id))
            .load(tx.conn())?)
    });
    all.map(Arc::unwrap_or_clone)
}

/// Every stage of every pipeline, in board order within each.
pub fn stages(tx: &mut OrgTx) -> AppResult<Vec<Stage>> {
    let all = tx.known("stages", |tx| {
        Ok(stages::table
            .select(Stage::as_select())
            .order((stages::pipeline_id, stages::position, stages::id))
            .load(tx.conn())?)
    });
    all.map(Arc::unwrap_or_clone)
}

/// Where a deal begins when nobody says.
pub fn first_stage(tx: &mut OrgTx) -> AppResult<Option<StageId>> {
    let Some(first) = pipelines(tx)?.into_iter().next() else { return Ok(None) };
    Ok(stages(tx)?.into_iter().find(|stage| stage.pipeline_id == first.id).map(|stage| stage.id))
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

/// The pipeline, locked until the end of the transaction against being renamed twice.
pub fn lock_pipeline(tx: &mut OrgTx, id: PipelineId) -> AppResult<Pipeline> {
    let one = pipelines::table.filter(pipelines::id.eq(id)).select(Pipeline::as_select());
    Ok(one.for_no_key_update().first(tx.conn())?)
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

/// Why deals are won here; may be none.
pub fn won_reasons(tx: &mut OrgTx) -> AppResult<Vec<String>> {
    let reasons: Vec<Option<String>> = organisations::table.select(organisations::won_reasons).first(tx.conn())?;
    Ok(reasons.into_iter().flatten().collect())
}

/// Like [`lost_reasons`], with the organisation's version; the row is held until the transaction ends.
pub fn lock_lost_reasons(tx: &mut OrgTx) -> AppResult<(Vec<String>, i32)> {
    let columns = organisations::table.select((organisations::lost_reasons, organisations::version));
    let (reasons, version): (Vec<Option<String>>, i32) = columns.for_no_key_update().first(tx.conn())?;
    Ok((reasons.into_iter().flatten().collect(), version))
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// Who changed the pipeline or one of its stages last.
pub fn last_to_change(tx: &mut OrgTx, pipeline: PipelineId) -> AppResult<Option<String>> {
    const SQL: &str = "
        SELECT m.name FROM events e JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
        WHERE e.org_id = app.org() AND e.record_type IN ('pipeline', 'stage')
          AND e.record_id = ANY (ARRAY(SELECT id FROM stages WHERE pipeline_id = $1) || $1)
        ORDER BY e.at DESC LIMIT 1";
    let found: Option<Name> =
        diesel::sql_query(SQL).bind::<sql_types::Uuid, _>(pipeline).get_result(tx.conn()).optional()?;
    Ok(found.map(|row| row.name))
}

/// Who changed the reasons last, and when.
pub fn last_to_reason(tx: &mut OrgTx) -> AppResult<Option<(String, chrono::DateTime<chrono::Utc>)>> {
    #[derive(QueryableByName)]
    struct Change {
        #[diesel(sql_type = sql_types::Text)]
        name: String,
        #[diesel(sql_type = sql_types::Timestamptz)]
        at: chrono::DateTime<chrono::Utc>,
    }
    const SQL: &str = "
        SELECT m.name, e.at FROM events e JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
        WHERE e.record_id = app.org() AND e.record_type = 'organisation' AND e.changes ? 'lost_reasons'
        ORDER BY e.at DESC LIMIT 1";
    let found: Option<Change> = diesel::sql_query(SQL).get_result(tx.conn()).optional()?;
    Ok(found.map(|row| (row.name, row.at)))
}
