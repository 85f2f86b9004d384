//! Reading one activity, within what the reader may see: by whoever sees its assignee's records, takes part in it, or sees a record it is
//! about.

use super::{model::Activity, series};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::records,
    kernel::{ActivityId, ActivitySeriesId},
    schema::{activities, activity_participants},
    web::Actor,
};
use diesel::prelude::*;

/// One that is, and that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Activity> {
    let found = activities::table
        .filter(activities::id.eq(id))
        .filter(activities::deleted_at.is_null())
        .select(Activity::as_select())
        .first(tx.conn())?;
    seen(tx, actor, found)
}

/// Whether it is the actor's to do, or they take part in it.
pub fn concerns(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<bool> {
    if activity.fields.owner_id == Some(actor.id) {
        return Ok(true);
    }
    let takes_part = activity_participants::table
        .filter(activity_participants::activity_id.eq(activity.id))
        .filter(activity_participants::member_id.eq(actor.id.0));
    Ok(diesel::select(diesel::dsl::exists(takes_part)).get_result(tx.conn())?)
}

/// [`find`], held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Activity> {
    let found = lock_any(tx, actor, id)?;
    if found.deleted_at.is_some() { Err(AppError::NotFound) } else { Ok(found) }
}

/// [`lock`], deleted ones too. Its series is held first.
pub(super) fn lock_any(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Activity> {
    let of: Option<Option<ActivitySeriesId>> =
        activities::table.filter(activities::id.eq(id)).select(activities::series_id).first(tx.conn()).optional()?;
    if let Some(series) = of.flatten() {
        series::lock(tx, series)?;
    }
    let found =
        activities::table.filter(activities::id.eq(id)).select(Activity::as_select()).for_update().first(tx.conn())?;
    seen(tx, actor, found)
}

/// How often it was changed.
pub(super) fn version(tx: &mut OrgTx, id: ActivityId) -> AppResult<i32> {
    Ok(activities::table.filter(activities::id.eq(id)).select(activities::version).first(tx.conn())?)
}

fn seen(tx: &mut OrgTx, actor: &Actor, activity: Activity) -> AppResult<Activity> {
    let Some(owners) = actor.visible_owners() else { return Ok(activity) };
    if activity.fields.owner_id.is_some_and(|owner| owners.contains(&owner.0)) {
        return Ok(activity);
    }
    let takes_part = activity_participants::table
        .filter(activity_participants::activity_id.eq(activity.id))
        .filter(activity_participants::member_id.eq_any(owners));
    if diesel::select(diesel::dsl::exists(takes_part)).get_result(tx.conn())? {
        return Ok(activity);
    }
    for (record, id) in activity.fields.links() {
        let Some(id) = id else { continue };
        match records::visible(tx, actor, record, id) {
            Ok(_) => return Ok(activity),
            Err(AppError::NotFound | AppError::Forbidden(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Err(AppError::NotFound)
}
