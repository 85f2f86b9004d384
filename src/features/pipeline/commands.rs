//! Changing pipelines and stages. Each change is an event; open boards refresh themselves.

use super::{
    likelihood,
    model::{Pipeline, Stage, category_of},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{deals, fields, records::Saved},
    kernel::{PipelineId, RecordType, StageId},
    live::{self, LiveMessage},
    schema::{organisations, pipelines, stages},
    web::{Allow, permission::organisation::ManagePipelines},
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};

/// What can be said about a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageFields {
    pub name: String,
    /// A key of [`super::COLORS`].
    pub color: String,
    pub probability: i16,
    pub rotting_days: Option<i16>,
    /// A key of [`super::CATEGORIES`].
    pub forecast_category: String,
    pub card_limit: Option<i16>,
}

/// A new pipeline at the end, with one stage to begin with.
pub fn add_pipeline(tx: &mut OrgTx, by: &Allow<ManagePipelines>, name: &str) -> AppResult<PipelineId> {
    let position = queries::pipelines(tx)?.iter().map(|p| p.position).max().unwrap_or(-1) + 1;
    let id = PipelineId::new();
    diesel::insert_into(pipelines::table)
        .values((pipelines::id.eq(id), pipelines::name.eq(name), pipelines::position.eq(position)))
        .execute(tx.conn())
        .map_err(|e| taken(e, "is the name of another pipeline"))?;
    let mut changes = Changes::new();
    changes.set("name", &name);
    tell(tx, Event::of("pipeline.created", "pipeline", id).changes(changes))?;
    let first = StageFields {
        name: "Qualified".into(),
        color: "blue".into(),
        probability: 20,
        rotting_days: Some(14),
        forecast_category: category_of(20).into(),
        card_limit: None,
    };
    add_stage(tx, by, id, &first)?;
    Ok(id)
}

/// Renames the pipeline if it still has the version `seen`.
pub fn rename_pipeline(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    id: PipelineId,
    seen: i32,
    name: &str,
) -> AppResult<Saved> {
    let before = queries::lock_pipeline(tx, id)?;
    let mut changes = Changes::new();
    changes.track("name", &before.name.as_str(), &name);
    if changes.is_empty() {
        return Ok(Saved::Done(before.version));
    }
    if before.version != seen {
        return Ok(Saved::Stale);
    }
    diesel::update(pipelines::table.filter(pipelines::id.eq(id)))
        .set((pipelines::name.eq(name), pipelines::version.eq(pipelines::version + 1)))
        .execute(tx.conn())
        .map_err(|e| taken(e, "is the name of another pipeline"))?;
    tell(tx, Event::of("pipeline.updated", "pipeline", id).version(before.version + 1).changes(changes))?;
    Ok(Saved::Done(before.version + 1))
}

/// Deletes a pipeline; its deals, closed ones too, go to `target`, a stage of another pipeline, which is needed when it has any.
pub fn delete_pipeline(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    id: PipelineId,
    target: Option<StageId>,
) -> AppResult<()> {
    lock_all(tx)?;
    let pipeline = queries::pipeline(tx, id)?;
    if queries::pipelines(tx)?.len() == 1 {
        return Err(AppError::Conflict("The last pipeline cannot be deleted.".into()));
    }
    for stage in queries::stages_of(tx, id)? {
        empty(tx, by, &stage, target, |target| target.pipeline_id != id)?;
    }
    diesel::delete(pipelines::table.filter(pipelines::id.eq(id))).execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("name", &Some(pipeline.name), &None);
    tell(tx, Event::of("pipeline.deleted", "pipeline", id).changes(changes))
}

pub fn add_stage(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    pipeline: PipelineId,
    fields: &StageFields,
) -> AppResult<StageId> {
    queries::pipeline(tx, pipeline)?;
    let position = queries::stages_of(tx, pipeline)?.iter().map(|s| s.position).max().unwrap_or(-1) + 1;
    let id = StageId::new();
    diesel::insert_into(stages::table)
        .values((
            (stages::id.eq(id), stages::pipeline_id.eq(pipeline), stages::name.eq(&fields.name)),
            (stages::color.eq(&fields.color), stages::probability.eq(fields.probability)),
            (stages::rotting_days.eq(fields.rotting_days), stages::position.eq(position)),
            (stages::forecast_category.eq(&fields.forecast_category), stages::card_limit.eq(fields.card_limit)),
        ))
        .execute(tx.conn())
        .map_err(|e| taken(e, "is the name of another stage of this pipeline"))?;
    let mut changes = Changes::new();
    changes.set("name", &fields.name).set("color", &fields.color).set("probability", &fields.probability);
    changes.set("rotting_days", &fields.rotting_days).set("forecast_category", &fields.forecast_category);
    changes.set("card_limit", &fields.card_limit);
    tell(tx, Event::of("stage.created", "stage", id).changes(changes))?;
    Ok(id)
}

/// Changes the stage if it still has the version `seen`.
pub fn edit_stage(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    id: StageId,
    seen: i32,
    new: &StageFields,
) -> AppResult<Saved> {
    let before = queries::lock_stage(tx, id)?.ok_or(AppError::NotFound)?;
    let learns = queries::pipeline(tx, before.pipeline_id)?.learns();
    let in_use = if learns { before.probability } else { new.probability };
    let mut changes = Changes::new();
    changes
        .track("name", &before.name, &new.name)
        .track("color", &before.color, &new.color)
        .track("probability", &before.probability, &in_use)
        .track("rotting_days", &before.rotting_days, &new.rotting_days)
        .track("forecast_category", &before.forecast_category, &new.forecast_category)
        .track("card_limit", &before.card_limit, &new.card_limit);
    if learns {
        changes.track("default_probability", &before.default_probability(), &new.probability);
    }
    if changes.is_empty() {
        return Ok(Saved::Done(before.version));
    }
    if before.version != seen {
        return Ok(Saved::Stale);
    }
    diesel::update(stages::table.filter(stages::id.eq(id)))
        .set((
            (stages::name.eq(&new.name), stages::color.eq(&new.color)),
            (stages::probability.eq(in_use), stages::rotting_days.eq(new.rotting_days)),
            (stages::forecast_category.eq(&new.forecast_category), stages::card_limit.eq(new.card_limit)),
            (stages::default_probability.eq(Some(new.probability)), stages::version.eq(stages::version + 1)),
        ))
        .execute(tx.conn())
        .map_err(|e| taken(e, "is the name of another stage of this pipeline"))?;
    if before.probability != in_use {
        fields::compute_using(tx, RecordType::Deal, "weighted_amount")?;
    }
    if before.forecast_category != new.forecast_category {
        fields::compute_using(tx, RecordType::Deal, "forecast_category")?;
    }
    tell(tx, Event::of("stage.updated", "stage", id).version(before.version + 1).changes(changes))?;
    if learns {
        likelihood::follow(tx, id)?;
    }
    Ok(Saved::Done(before.version + 1))
}

/// Puts the stages of a pipeline in this order, which must name each of them once, if they still are in the order `seen`.
pub fn reorder_stages(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    pipeline: PipelineId,
    seen: &[StageId],
    order: &[StageId],
) -> AppResult<()> {
    lock_all(tx)?;
    queries::pipeline(tx, pipeline)?;
    let before: Vec<StageId> = queries::stages_of(tx, pipeline)?.into_iter().map(|s| s.id).collect();
    if before == order {
        return Ok(());
    }
    let mut sorted = (before.clone(), order.to_vec());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    if before != seen || sorted.0 != sorted.1 {
        let who = queries::last_to_change(tx, pipeline)?.unwrap_or_else(|| "Someone else".to_owned());
        return Err(AppError::Conflict(format!("{who} changed the stages meanwhile. Reload the page and try again.")));
    }
    for (position, id) in (0i32..).zip(order) {
        diesel::update(stages::table.filter(stages::id.eq(*id)))
            .set(stages::position.eq(position))
            .execute(tx.conn())?;
    }
    let mut changes = Changes::new();
    changes.track("stage_order", &before, &order.to_vec());
    tell(tx, Event::of("pipeline.updated", "pipeline", pipeline).changes(changes))
}

/// Moves a stage one step up or down.
pub fn shift_stage(tx: &mut OrgTx, by: &Allow<ManagePipelines>, id: StageId, down: bool) -> AppResult<PipelineId> {
    lock_all(tx)?;
    let pipeline = queries::stage(tx, id)?.pipeline_id;
    let before: Vec<StageId> = queries::stages_of(tx, pipeline)?.into_iter().map(|s| s.id).collect();
    let mut order = before.clone();
    let at = order.iter().position(|s| *s == id).ok_or(AppError::NotFound)?;
    let to = if down { at + 1 } else { at.wrapping_sub(1) };
    if to < order.len() {
        order.swap(at, to);
    }
    reorder_stages(tx, by, pipeline, &before, &order)?;
    Ok(pipeline)
}

/// Removes a stage; its deals, closed ones too, go to `target`, another stage, which is needed when it has any.
pub fn remove_stage(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    id: StageId,
    target: Option<StageId>,
) -> AppResult<PipelineId> {
    lock_all(tx)?;
    let stage = queries::stage(tx, id)?;
    if queries::stages_of(tx, stage.pipeline_id)?.len() == 1 {
        return Err(AppError::Conflict("The last stage of a pipeline cannot be removed.".into()));
    }
    empty(tx, by, &stage, target, |target| target.id != id)?;
    diesel::delete(stages::table.filter(stages::id.eq(id))).execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("name", &Some(stage.name), &None);
    tell(tx, Event::of("stage.removed", "stage", id).changes(changes))?;
    Ok(stage.pipeline_id)
}

/// Replaces the reasons offered when a deal is lost, if they still are those `seen`. Deals lost before keep theirs.
pub fn set_lost_reasons(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    seen: &[String],
    reasons: Vec<String>,
) -> AppResult<Saved> {
    let (before, version) = queries::lock_lost_reasons(tx)?;
    let mut changes = Changes::new();
    changes.track("lost_reasons", &before, &reasons);
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    if before != seen {
        return Ok(Saved::Stale);
    }
    let kept: Vec<Option<String>> = reasons.into_iter().map(Some).collect();
    diesel::update(organisations::table)
        .set((organisations::lost_reasons.eq(kept), organisations::version.eq(version + 1)))
        .execute(tx.conn())?;
    let event = Event::of("organisation.updated", "organisation", by.org_id);
    tell(tx, event.version(version + 1).changes(changes))?;
    Ok(Saved::Done(version + 1))
}

/// Sends every deal of a stage elsewhere. The target must be one that `fits`.
fn empty(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    stage: &Stage,
    target: Option<StageId>,
    fits: impl Fn(&Stage) -> bool,
) -> AppResult<()> {
    if !deals::any_in_stage(tx, stage.id)? {
        return Ok(());
    }
    let missing = || AppError::field("target", "is needed: say where the deals go");
    let target = queries::lock_stage(tx, target.ok_or_else(missing)?)?;
    let target = target.filter(|t| fits(t)).ok_or_else(|| AppError::field("target", "is not one of the choices"))?;
    deals::move_stage(tx, stage, &target)
}

/// One change of stages at a time; and no move comes between, since a move locks its stage.
fn lock_all(tx: &mut OrgTx) -> AppResult<()> {
    let locked: Vec<StageId> = stages::table.select(stages::id).order(stages::id).for_update().load(tx.conn())?;
    drop(locked);
    Ok(())
}

pub(super) fn tell(tx: &mut OrgTx, event: Event) -> AppResult<()> {
    events::record_quietly(tx, event)?;
    live::publish(tx, &LiveMessage::refresh())
}

fn taken(error: DieselError, message: &str) -> AppError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => AppError::field("name", message),
        other => other.into(),
    }
}

/// Every pipeline with its stages, in order.
pub fn with_stages(tx: &mut OrgTx) -> AppResult<Vec<(Pipeline, Vec<Stage>)>> {
    let stages = queries::stages(tx)?;
    let of = |p: &Pipeline| stages.iter().filter(|s| s.pipeline_id == p.id).cloned().collect();
    Ok(queries::pipelines(tx)?
        .into_iter()
        .map(|p| {
            let s = of(&p);
            (p, s)
        })
        .collect())
}
