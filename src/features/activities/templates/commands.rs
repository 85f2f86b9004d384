//! Keeping templates: named, changed, retired; steps added, changed, put in order and taken away.

use super::model::{self, MOST, MOST_STEPS, Step, StepFields, Template};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::activities::types,
    kernel::{ActivityTemplateId, text},
    schema::{activity_template_steps as steps, activity_templates as templates, roles},
    web::{Allow, permission::activities::Administer},
};
use chrono::Utc;
use diesel::prelude::*;
use uuid::Uuid;

const RECORD: &str = "activity_template";

/// What the form of a template says.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    pub name: String,
    pub follow: &'static str,
}

pub fn create(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    kind: &'static str,
    new: &NewTemplate,
) -> AppResult<ActivityTemplateId> {
    let count: i64 = templates::table.count().get_result(tx.conn())?;
    if count >= MOST {
        return Err(AppError::field("name", format!("cannot be added: {MOST} templates are the most there can be")));
    }
    check_name(tx, &new.name, None)?;
    let id = ActivityTemplateId::new();
    diesel::insert_into(templates::table)
        .values((
            (templates::id.eq(id), templates::name.eq(&new.name)),
            (templates::kind.eq(kind), templates::follow.eq(new.follow)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("name", &new.name).set("kind", &kind);
    events::record(tx, Event::of("activity_template.created", RECORD, id).changes(changes))?;
    Ok(id)
}

pub fn update(tx: &mut OrgTx, _: &Allow<Administer>, id: ActivityTemplateId, new: &NewTemplate) -> AppResult<()> {
    let before = model::find(tx, id)?;
    check_name(tx, &new.name, Some(id))?;
    diesel::update(templates::table.filter(templates::id.eq(id)))
        .set((templates::name.eq(&new.name), templates::follow.eq(new.follow)))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("name", &before.name, &new.name).track("follow", &before.follow.as_str(), &new.follow);
    events::record(tx, Event::of("activity_template.updated", RECORD, id).changes(changes))
}

/// Retires it, or brings it back.
pub fn retire(tx: &mut OrgTx, _: &Allow<Administer>, id: ActivityTemplateId, retired: bool) -> AppResult<Template> {
    let template = model::find(tx, id)?;
    diesel::update(templates::table.filter(templates::id.eq(id)))
        .set(templates::retired_at.eq(retired.then(Utc::now)))
        .execute(tx.conn())?;
    let kind = if retired { "activity_template.retired" } else { "activity_template.restored" };
    events::record(tx, Event::of(kind, RECORD, id))?;
    Ok(template)
}

pub fn add_step(tx: &mut OrgTx, by: &Allow<Administer>, id: ActivityTemplateId, new: &StepFields) -> AppResult<Uuid> {
    let there = locked(tx, id)?;
    if there.len() >= MOST_STEPS {
        return Err(AppError::field(
            "subject",
            format!("cannot be added: {MOST_STEPS} steps are the most there can be"),
        ));
    }
    let new = checked(tx, by, new, None, &there)?;
    let step = Uuid::now_v7();
    let position = there.last().map_or(0, |last| last.position + 1);
    diesel::insert_into(steps::table)
        .values((steps::id.eq(step), steps::template_id.eq(id), steps::position.eq(position), &new))
        .execute(tx.conn())?;
    tell(tx, id, None, Some(&new.subject))?;
    Ok(step)
}

pub fn update_step(tx: &mut OrgTx, by: &Allow<Administer>, id: Uuid, new: &StepFields) -> AppResult<Step> {
    let before = model::step(tx, id)?;
    let there = locked(tx, before.template_id)?;
    let new = checked(tx, by, new, Some(&before), &there)?;
    diesel::update(steps::table.filter(steps::id.eq(id))).set(&new).execute(tx.conn())?;
    tell(tx, before.template_id, Some(&before.fields.subject), Some(&new.subject))?;
    Ok(before)
}

/// Takes a step away; what was planned from it stays, and is followed by nothing.
pub fn delete_step(tx: &mut OrgTx, _: &Allow<Administer>, id: Uuid) -> AppResult<Step> {
    let before = model::step(tx, id)?;
    locked(tx, before.template_id)?;
    diesel::delete(steps::table.filter(steps::id.eq(id))).execute(tx.conn())?;
    tell(tx, before.template_id, Some(&before.fields.subject), None)?;
    Ok(before)
}

/// Puts the steps in that order; those it does not name keep theirs, after them. No step waits for a later one.
pub fn reorder(tx: &mut OrgTx, _: &Allow<Administer>, id: ActivityTemplateId, order: &[Uuid]) -> AppResult<()> {
    let mut there = locked(tx, id)?;
    let place = |step: &Step| order.iter().position(|id| *id == step.id).unwrap_or(usize::MAX);
    there.sort_by_key(|step| (place(step), step.position));
    for (position, step) in (0..).zip(&there) {
        let earlier: Vec<Uuid> = there.iter().take_while(|other| other.id != step.id).map(|other| other.id).collect();
        let waits: Vec<Option<Uuid>> = step.waits_for().filter(|id| earlier.contains(id)).map(Some).collect();
        diesel::update(steps::table.filter(steps::id.eq(step.id)))
            .set((steps::position.eq(position), steps::waits_for.eq(waits)))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The steps, held with their template.
fn locked(tx: &mut OrgTx, id: ActivityTemplateId) -> AppResult<Vec<Step>> {
    templates::table
        .filter(templates::id.eq(id))
        .select(templates::id)
        .for_no_key_update()
        .first::<ActivityTemplateId>(tx.conn())?;
    model::steps(tx, id)
}

/// Type and role are there; it waits for steps before it, and for nothing else.
fn checked(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    new: &StepFields,
    before: Option<&Step>,
    there: &[Step],
) -> AppResult<StepFields> {
    let known = before.map(|step| step.fields.type_id) == Some(new.type_id);
    match types::find(tx, new.type_id) {
        Ok(kind) if known || kind.retired_at.is_none() => {}
        Ok(_) | Err(AppError::NotFound) => return Err(AppError::field("type_id", "is not one of the types")),
        Err(other) => return Err(other),
    }
    if new.assignee == "role" {
        let role = new.role_id.ok_or_else(|| AppError::field("role_id", "is needed: which role?"))?;
        let found = roles::table.filter(roles::org_id.eq(tx.org_id().0)).filter(roles::id.eq(role));
        if !diesel::select(diesel::dsl::exists(found)).get_result::<bool>(tx.conn())? {
            return Err(AppError::field("role_id", "is not one of the choices"));
        }
    }
    let earlier = there.iter().take_while(|step| Some(step.id) != before.map(|b| b.id)).map(|step| step.id);
    let earlier: Vec<Uuid> = earlier.collect();
    let mut new = new.clone();
    new.waits_for.retain(|id| id.is_some_and(|id| earlier.contains(&id)));
    new.role_id = new.role_id.filter(|_| new.assignee == "role");
    Ok(new)
}

fn check_name(tx: &mut OrgTx, name: &str, own: Option<ActivityTemplateId>) -> AppResult<()> {
    let taken: Option<ActivityTemplateId> = templates::table
        .filter(templates::name_key.eq(text::fold(name)))
        .select(templates::id)
        .first(tx.conn())
        .optional()?;
    match taken {
        Some(id) if Some(id) != own => Err(AppError::field("name", "is that of another template")),
        _ => Ok(()),
    }
}

fn tell(tx: &mut OrgTx, id: ActivityTemplateId, before: Option<&str>, after: Option<&str>) -> AppResult<()> {
    let mut changes = Changes::new();
    changes.track("step", &before, &after);
    events::record(tx, Event::of("activity_template.updated", RECORD, id).changes(changes))
}
