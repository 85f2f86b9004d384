//! Reading one activity, within what the reader may see: by whoever sees its assignee's records, takes part in it, or sees a record it is
//! about.

use super::{
    model::{Activity, NewActivity},
    series,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::records,
    kernel::{ActivityId, ActivitySeriesId},
    schema::{activities, activity_participants},
    web::Actor,
};
use diesel::{prelude::*, sql_types as t};
use std::collections::HashSet;
use uuid::Uuid;

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

/// Those of these that the actor may see, as [`find`] would find them: one statement for many.
pub fn seen_of(tx: &mut OrgTx, actor: &Actor, ids: Vec<Uuid>) -> AppResult<HashSet<Uuid>> {
    #[derive(QueryableByName)]
    struct Seen {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
    }
    const SEEN: &str =
        "SELECT id FROM app.notice_titles(app.org(), array_fill('activity'::text, ARRAY[cardinality($1)]), $1, $2, $3)";
    let query = diesel::sql_query(SEEN)
        .bind::<t::Array<t::Uuid>, _>(ids)
        .bind::<t::Array<t::Text>, _>(actor.permissions())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(actor.visible_owners());
    let rows: Vec<Seen> = query.load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Whether the actor may delete it: who merely takes part may not.
pub(super) fn is_removable(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<bool> {
    Ok(activity.created_by == Some(actor.id.0) || by_role(tx, actor, &activity.fields)?)
}

/// [`is_removable`], or 403.
pub(super) fn require_removable(tx: &mut OrgTx, actor: &Actor, activity: &Activity) -> AppResult<()> {
    if is_removable(tx, actor, activity)? {
        return Ok(());
    }
    Err(AppError::Forbidden("You take part in this, but it is somebody else’s to delete."))
}

/// [`require_removable`] for all of these; occurrences of a series are mostly one person's, about the same.
pub(super) fn require_all_removable(tx: &mut OrgTx, actor: &Actor, all: &[Activity]) -> AppResult<()> {
    let mut passed = Vec::new();
    for activity in all.iter().filter(|activity| activity.created_by != Some(actor.id.0)) {
        let about = (activity.fields.owner_id, activity.fields.links());
        if passed.contains(&about) {
            continue;
        }
        if !by_role(tx, actor, &activity.fields)? {
            return Err(AppError::Forbidden("Some of the series are somebody else’s to delete. Nothing was changed."));
        }
        passed.push(about);
    }
    Ok(())
}

/// What is nobody’s is seen by those who see everything, take part in it, or see what it is about: nobody may lose what they plan.
pub(super) fn stays_in_sight(
    tx: &mut OrgTx,
    actor: &Actor,
    id: Option<ActivityId>,
    new: &NewActivity,
) -> AppResult<()> {
    if new.owner_id.is_some() || by_role(tx, actor, new)? {
        return Ok(());
    }
    match id {
        Some(id) if takes_part(tx, actor, id)? => Ok(()),
        _ => Err(AppError::field("owner_id", "is required: you could not see it if nobody had it")),
    }
}

fn seen(tx: &mut OrgTx, actor: &Actor, activity: Activity) -> AppResult<Activity> {
    let found = by_role(tx, actor, &activity.fields)? || takes_part(tx, actor, activity.id)?;
    if found { Ok(activity) } else { Err(AppError::NotFound) }
}

/// Whether the actor sees it for whose it is, or what it is about.
fn by_role(tx: &mut OrgTx, actor: &Actor, fields: &NewActivity) -> AppResult<bool> {
    let Some(owners) = actor.visible_owners() else { return Ok(true) };
    if fields.owner_id.is_some_and(|owner| owners.contains(&owner.0)) {
        return Ok(true);
    }
    for (record, id) in fields.links() {
        let Some(id) = id else { continue };
        match records::visible(tx, actor, record, id) {
            Ok(_) => return Ok(true),
            Err(AppError::NotFound | AppError::Forbidden(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(false)
}

/// Whether the actor takes part, or somebody whose records they see.
fn takes_part(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<bool> {
    let people = actor.visible_owners().unwrap_or_else(|| vec![actor.id.0]);
    let takes_part = activity_participants::table
        .filter(activity_participants::activity_id.eq(id))
        .filter(activity_participants::member_id.eq_any(people));
    Ok(diesel::select(diesel::dsl::exists(takes_part)).get_result(tx.conn())?)
}
