//! Making, changing, ordering, turning on and off: each an event. Whoever saves an automation lends it their rights.

use super::model::{self, Automation, Step, Terms};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{pipeline, records::Saved},
    kernel::{AutomationId, PipelineId},
    schema::automations,
    web::{Allow, permission::organisation::ManagePipelines},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

const RECORD: &str = "automation";
/// Most automations of a pipeline, and most actions of one.
const MOST: usize = 100;
const MOST_STEPS: usize = 20;

/// A new one is turned off: first it gets its actions.
pub(super) fn create(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    pipeline: PipelineId,
    terms: &Terms,
) -> AppResult<AutomationId> {
    pipeline::pipeline(tx, pipeline)?;
    check(tx, pipeline, terms)?;
    let there = model::of_pipeline(tx, pipeline)?;
    if there.len() >= MOST {
        return Err(AppError::Conflict(format!("There are {MOST} automations already. Delete one first.")));
    }
    let id = AutomationId::new();
    let last: Option<i32> = automations::table
        .filter(automations::pipeline_id.eq(pipeline))
        .select(diesel::dsl::max(automations::position))
        .first(tx.conn())?;
    diesel::insert_into(automations::table)
        .values((
            (automations::id.eq(id), automations::pipeline_id.eq(pipeline), automations::stage_id.eq(terms.stage_id)),
            (automations::name.eq(&terms.name), automations::event.eq(terms.event)),
            (automations::after_days.eq(terms.after_days), automations::saved_by.eq(by.id)),
            automations::position.eq(last.unwrap_or(0) + 1),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("name", &terms.name).set("event", &terms.event).set("stage_id", &terms.stage_id);
    events::record(tx, Event::of("automation.created", RECORD, id).version(1).changes(changes))?;
    Ok(id)
}

/// Saves over `version`.
pub(super) fn update(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    id: AutomationId,
    version: i32,
    terms: &Terms,
) -> AppResult<Saved> {
    let before = lock(tx, id)?;
    if before.version != version {
        return Ok(Saved::Stale);
    }
    check(tx, before.pipeline_id, terms)?;
    let mut changes = Changes::new();
    changes
        .track("name", &before.name.as_str(), &terms.name.as_str())
        .track("event", &before.event.as_str(), &terms.event)
        .track("stage_id", &before.stage_id, &terms.stage_id)
        .track("after_days", &before.after_days, &terms.after_days);
    diesel::update(automations::table.filter(automations::id.eq(id)))
        .set((
            (automations::name.eq(&terms.name), automations::event.eq(terms.event)),
            (automations::stage_id.eq(terms.stage_id), automations::after_days.eq(terms.after_days)),
            (automations::saved_by.eq(by.id), automations::version.eq(version + 1)),
        ))
        .execute(tx.conn())?;
    events::record(tx, Event::of("automation.updated", RECORD, id).version(version + 1).changes(changes))?;
    Ok(Saved::Done(version + 1))
}

/// Changes its list of actions.
pub(super) fn set_steps(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    id: AutomationId,
    change: impl FnOnce(&mut Vec<Step>),
) -> AppResult<()> {
    let before = lock(tx, id)?;
    let mut steps = before.steps();
    change(&mut steps);
    if steps.len() > MOST_STEPS {
        return Err(AppError::field("do", format!("is one too many: at most {MOST_STEPS} in an automation")));
    }
    let after = json!(steps);
    let mut changes = Changes::new();
    changes.track("actions", &before.actions, &after);
    if changes.is_empty() {
        return Ok(());
    }
    diesel::update(automations::table.filter(automations::id.eq(id)))
        .set((
            (automations::actions.eq(&after), automations::saved_by.eq(by.id)),
            automations::version.eq(before.version + 1),
        ))
        .execute(tx.conn())?;
    events::record(tx, Event::of("automation.updated", RECORD, id).version(before.version + 1).changes(changes))
}

/// On from now on, or off. What happened before it was turned on sets it off no more.
pub(super) fn set_active(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    id: AutomationId,
    on: bool,
) -> AppResult<Automation> {
    let before = lock(tx, id)?;
    if before.is_on() == on {
        return Ok(before);
    }
    if on && before.steps().is_empty() {
        return Err(AppError::Conflict("It does nothing yet: add an action first.".into()));
    }
    let since: Option<DateTime<Utc>> = on.then(Utc::now);
    let keeper = if on { Some(by.id) } else { before.saved_by };
    diesel::update(automations::table.filter(automations::id.eq(id)))
        .set((automations::active_since.eq(since), automations::saved_by.eq(keeper)))
        .execute(tx.conn())?;
    let kind = if on { "automation.turned_on" } else { "automation.turned_off" };
    events::record(tx, Event::of(kind, RECORD, id))?;
    Ok(before)
}

/// In this order; those that are not named keep theirs, after them.
pub(super) fn reorder(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    pipeline: PipelineId,
    order: &[Uuid],
) -> AppResult<()> {
    pipeline::lock_pipeline(tx, pipeline)?;
    let mut all = model::of_pipeline(tx, pipeline)?;
    all.sort_by_key(|one| order.iter().position(|id| *id == one.id.0).unwrap_or(usize::MAX));
    for (position, one) in (1..).zip(&all) {
        diesel::update(automations::table.filter(automations::id.eq(one.id)))
            .set(automations::position.eq::<i32>(position))
            .execute(tx.conn())?;
    }
    events::record(tx, Event::of("automations.ordered", "pipeline", pipeline))
}

/// With the log of what it did.
pub(super) fn delete(tx: &mut OrgTx, _: &Allow<ManagePipelines>, id: AutomationId) -> AppResult<Automation> {
    let before = lock(tx, id)?;
    diesel::delete(automations::table.filter(automations::id.eq(id))).execute(tx.conn())?;
    let data = json!({ "name": before.name, "event": before.event, "actions": before.actions });
    events::record(tx, Event::of("automation.deleted", RECORD, id).data(data))?;
    Ok(before)
}

fn lock(tx: &mut OrgTx, id: AutomationId) -> AppResult<Automation> {
    let one = automations::table.filter(automations::id.eq(id)).select(Automation::as_select());
    Ok(one.for_no_key_update().first(tx.conn())?)
}

/// The stage must be one of that pipeline's.
fn check(tx: &mut OrgTx, pipeline: PipelineId, terms: &Terms) -> AppResult<()> {
    let Some(stage) = terms.stage_id else { return Ok(()) };
    match pipeline::stage(tx, stage) {
        Ok(stage) if stage.pipeline_id == pipeline => Ok(()),
        Ok(_) | Err(AppError::NotFound) => Err(AppError::field("stage_id", "is not one of the stages")),
        Err(other) => Err(other),
    }
}
