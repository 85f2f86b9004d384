//! Taking back the pipelines and stages that an import made, once nothing stands in them.

use super::{
    commands::tell,
    model::{Pipeline, Stage},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{Changes, Event},
    features::deals,
    kernel::{PipelineId, StageId},
    schema::{pipelines, stages},
};
use diesel::{prelude::*, sql_query, sql_types};
use uuid::Uuid;

/// Whether deals stand in a stage, or somebody made something for it that would go with it.
const STAGE_IN_USE: &str = "SELECT EXISTS (SELECT FROM deals WHERE org_id = app.org() AND stage_id = $1 AND deleted_at IS NULL) \
     OR EXISTS (SELECT FROM automations WHERE org_id = app.org() AND stage_id = $1) \
     OR EXISTS (SELECT FROM deal_templates WHERE org_id = app.org() AND stage_id = $1) \
     OR EXISTS (SELECT FROM stage_criteria WHERE org_id = app.org() AND stage_id = $1) AS yes";
const PIPELINE_IN_USE: &str = "SELECT EXISTS (SELECT FROM automations WHERE org_id = app.org() AND pipeline_id = $1) \
     OR EXISTS (SELECT FROM targets WHERE org_id = app.org() AND pipeline_id = $1) AS yes";

/// Locks these stages until the end of the transaction.
pub fn hold(tx: &mut OrgTx, ids: &[StageId]) -> AppResult<()> {
    let stages = stages::table.filter(stages::id.eq_any(ids)).select(stages::id).order(stages::id);
    let locked: Vec<StageId> = stages.for_update().load(tx.conn())?;
    drop(locked);
    Ok(())
}

/// Removes those of these pipelines and stages that nothing is in or made for. Deals in the bin go to the first stage that stays, of the
/// same pipeline where there is one: should they come back, they stand there. Returns what was removed, in words.
pub fn take_back(tx: &mut OrgTx, made: &[PipelineId], stages: &[StageId]) -> AppResult<Vec<String>> {
    let mut gone = Vec::new();
    if made.is_empty() && stages.is_empty() {
        return Ok(gone);
    }
    let mut left = queries::pipelines(tx)?;
    for at in (0..left.len()).rev() {
        if made.contains(&left[at].id) && take_pipeline(tx, &left, at, stages)? {
            gone.push(format!("pipeline {}", left.remove(at).name));
        }
    }
    for pipeline in &left {
        gone.extend(take_stages(tx, pipeline, stages)?);
    }
    Ok(gone)
}

/// Those of them that [`take_back`] left, in words: stages of a pipeline that is told stay with it.
pub fn left(tx: &mut OrgTx, made: &[PipelineId], stages: &[StageId]) -> AppResult<Vec<String>> {
    let mut left = Vec::new();
    if made.is_empty() && stages.is_empty() {
        return Ok(left);
    }
    for pipeline in queries::pipelines(tx)? {
        if made.contains(&pipeline.id) {
            left.push(format!("pipeline {}, which is in use", pipeline.name));
            continue;
        }
        let within = queries::stages_of(tx, pipeline.id)?.into_iter().filter(|stage| stages.contains(&stage.id));
        left.extend(within.map(|stage| format!("stage {} in {}, which is in use", stage.name, pipeline.name)));
    }
    Ok(left)
}

/// Whether the pipeline at `at` is gone.
fn take_pipeline(tx: &mut OrgTx, left: &[Pipeline], at: usize, made: &[StageId]) -> AppResult<bool> {
    let pipeline = &left[at];
    let within = queries::stages_of(tx, pipeline.id)?;
    let Some(home) = left.iter().find(|p| p.id != pipeline.id) else { return Ok(false) };
    let Some(target) = queries::stages_of(tx, home.id)?.into_iter().next() else { return Ok(false) };
    if is(tx, PIPELINE_IN_USE, pipeline.id.0)? {
        return Ok(false);
    }
    for stage in &within {
        if !made.contains(&stage.id) || is(tx, STAGE_IN_USE, stage.id.0)? {
            return Ok(false);
        }
    }
    for stage in &within {
        deals::move_stage(tx, stage, &target)?;
    }
    diesel::delete(pipelines::table.filter(pipelines::id.eq(pipeline.id))).execute(tx.conn())?;
    tell(tx, Event::of("pipeline.deleted", "pipeline", pipeline.id).changes(without(&pipeline.name)))?;
    Ok(true)
}

fn take_stages(tx: &mut OrgTx, pipeline: &Pipeline, made: &[StageId]) -> AppResult<Vec<String>> {
    let (mut stay, mut go): (Vec<Stage>, Vec<Stage>) = Default::default();
    for stage in queries::stages_of(tx, pipeline.id)? {
        let goes = made.contains(&stage.id) && !is(tx, STAGE_IN_USE, stage.id.0)?;
        if goes { go.push(stage) } else { stay.push(stage) }
    }
    let Some(target) = stay.first() else { return Ok(Vec::new()) };
    for stage in &go {
        deals::move_stage(tx, stage, target)?;
        diesel::delete(stages::table.filter(stages::id.eq(stage.id))).execute(tx.conn())?;
        tell(tx, Event::of("stage.removed", "stage", stage.id).changes(without(&stage.name)))?;
    }
    Ok(go.into_iter().map(|stage| format!("stage {} in {}", stage.name, pipeline.name)).collect())
}

fn without(name: &str) -> Changes {
    let mut changes = Changes::new();
    changes.track("name", &Some(name.to_owned()), &None);
    changes
}

fn is(tx: &mut OrgTx, question: &str, id: Uuid) -> AppResult<bool> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = sql_types::Bool)]
        yes: bool,
    }
    Ok(sql_query(question).bind::<sql_types::Uuid, _>(id).get_result::<Answer>(tx.conn())?.yes)
}
