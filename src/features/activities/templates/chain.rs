//! What follows something done: the next step of its template, planned by itself or offered.

use super::{
    apply,
    model::{self, Step},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::activities::{commands, model::Activity, queries},
    kernel::ActivityId,
    schema::{activities, activity_origins as origins},
    web::{
        Actor, Allow,
        permission::activities::{Create, Edit},
    },
};
use diesel::prelude::*;
use uuid::Uuid;

/// The next step of something done, for whoever did it to plan.
#[derive(Clone, Debug)]
pub struct Offer {
    pub subject: String,
    pub href: String,
}

/// After `done`: plans what its template says comes next, unless it is only offered. Who may not plan leaves it unplanned.
pub fn follow(tx: &mut OrgTx, by: &Allow<Edit>, done: &Activity) -> AppResult<Option<ActivityId>> {
    let Some(step) = next(tx, done.id)? else { return Ok(None) };
    if model::find(tx, step.template_id)?.follow != "plan" {
        return Ok(None);
    }
    let Ok(by) = Allow::<Create>::check(by) else { return Ok(None) };
    let new = apply::new_activity(tx, &by, &step, by.today(), &done.fields.links())?;
    let id = match commands::create(tx, &by, None, new) {
        Ok(id) => id,
        // Its type was retired, or a record is out of sight by now: what is done stays done.
        Err(AppError::Invalid(errors)) => {
            tracing::debug!(errors = errors.summary(), "nothing was planned after what was done");
            return Ok(None);
        }
        Err(other) => return Err(other),
    };
    apply::fill(tx, id, &step, None)?;
    followed(tx, done.id, Some(id))?;
    Ok(Some(id))
}

/// What is offered after something done.
pub fn offered(tx: &mut OrgTx, actor: &Actor, done: ActivityId) -> AppResult<Option<Offer>> {
    if Allow::<Create>::check(actor).is_err() {
        return Ok(None);
    }
    let Some(step) = next(tx, done)? else { return Ok(None) };
    Ok(Some(Offer { href: format!("/activities/new?after={done}"), subject: step.fields.subject }))
}

/// What was planned after something done: `Follow up, Tue 1 Dec`.
pub fn planned(tx: &mut OrgTx, actor: &Actor, done: ActivityId) -> AppResult<Option<String>> {
    let next: Option<Option<ActivityId>> = origins::table
        .filter(origins::activity_id.eq(done))
        .select(origins::followed_by)
        .first(tx.conn())
        .optional()?;
    let Some(next) = next.flatten() else { return Ok(None) };
    match queries::find(tx, actor, next) {
        Ok(next) => {
            let when = next.fields.slot().words(actor, chrono::Utc::now());
            Ok(Some(format!("{}, {when}", next.fields.subject)))
        }
        Err(AppError::NotFound) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The step that follows it and was not planned yet.
pub fn next(tx: &mut OrgTx, done: ActivityId) -> AppResult<Option<Step>> {
    let found: Option<(Uuid, Option<Uuid>)> = origins::table
        .filter(origins::activity_id.eq(done))
        .select((origins::step_id, origins::followed_by))
        .first(tx.conn())
        .optional()?;
    let Some((step, None)) = found else { return Ok(None) };
    let step = model::step(tx, step)?;
    if model::find(tx, step.template_id)?.is_set() {
        return Ok(None);
    }
    model::after(tx, &step)
}

/// Notes what followed, or that nothing did after all.
pub fn followed(tx: &mut OrgTx, done: ActivityId, by: Option<ActivityId>) -> AppResult<()> {
    diesel::update(origins::table.filter(origins::activity_id.eq(done)))
        .set(origins::followed_by.eq(by.map(|id| id.0)))
        .execute(tx.conn())?;
    Ok(())
}

/// Something is to be done again: what followed it by itself goes, where nobody touched it.
pub fn reopen(tx: &mut OrgTx, again: ActivityId) -> AppResult<()> {
    let next: Option<Option<Uuid>> = origins::table
        .filter(origins::activity_id.eq(again))
        .select(origins::followed_by)
        .first(tx.conn())
        .optional()?;
    let Some(next) = next.flatten() else { return Ok(()) };
    let untouched = activities::table
        .filter(activities::id.eq(next))
        .filter(activities::closed_at.is_null())
        .filter(activities::version.eq(1));
    let gone = diesel::update(untouched)
        .set((activities::deleted_at.eq(diesel::dsl::now), activities::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    if gone > 0 { followed(tx, again, None) } else { Ok(()) }
}
