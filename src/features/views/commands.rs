//! Keeping views: what everybody sees of one, and what each person does with it.

use super::{
    model::{Sharing, View},
    queries, watch,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::RecordType,
    schema::{saved_views, view_pins, view_watches},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

/// Views of one person.
const MOST: i64 = 500;
const FORBIDDEN: &str = "Only its owner or an administrator can change this view. You can save your own copy of it.";

/// What a form says of a view.
#[derive(Clone, Debug)]
pub struct NewView {
    pub name: String,
    pub sharing: Sharing,
    pub layout: Option<Value>,
    /// Roles whose default it is; `None`: left as they are.
    pub roles: Option<Vec<Uuid>>,
    pub pinned: bool,
    pub watched: bool,
}

pub fn create(tx: &mut OrgTx, actor: &Actor, record: RecordType, query: &str, new: &NewView) -> AppResult<Uuid> {
    check(tx, actor, new)?;
    let mine: i64 = saved_views::table
        .filter(saved_views::owner_id.eq(actor.id.0))
        .filter(saved_views::deleted_at.is_null())
        .count()
        .get_result(tx.conn())?;
    if mine >= MOST {
        return Err(AppError::field("name", "cannot be kept: you have five hundred views already"));
    }
    let id = Uuid::now_v7();
    diesel::insert_into(saved_views::table)
        .values((
            saved_views::id.eq(id),
            saved_views::record_type.eq(record.key()),
            saved_views::name.eq(&new.name),
            saved_views::owner_id.eq(actor.id.0),
            saved_views::sharing.eq(new.sharing.key()),
            saved_views::team_id.eq(new.sharing.team()),
            saved_views::query.eq(query),
            saved_views::layout.eq(&new.layout),
        ))
        .execute(tx.conn())?;
    defaults(tx, actor, record, id, new)?;
    personal(tx, actor, id, new.pinned, new.watched)?;
    Ok(id)
}

/// Name, sharing and columns; pin and watch for whoever saves.
pub fn update(tx: &mut OrgTx, actor: &Actor, view: &View, new: &NewView) -> AppResult<()> {
    if view.may_change(actor) {
        check(tx, actor, new)?;
        diesel::update(saved_views::table.filter(saved_views::id.eq(view.id)))
            .set((
                saved_views::name.eq(&new.name),
                saved_views::sharing.eq(new.sharing.key()),
                saved_views::team_id.eq(new.sharing.team()),
                saved_views::layout.eq(&new.layout),
                saved_views::version.eq(saved_views::version + 1),
                saved_views::updated_at.eq(diesel::dsl::now),
            ))
            .execute(tx.conn())?;
        if let Some(record) = view.record() {
            defaults(tx, actor, record, view.id, new)?;
        }
    }
    personal(tx, actor, view.id, new.pinned, new.watched)
}

/// What it lists from now on. Whoever watches it is told of what is new by the new measure.
pub fn save_query(tx: &mut OrgTx, actor: &Actor, view: &View, query: &str) -> AppResult<()> {
    may_change(actor, view)?;
    diesel::update(saved_views::table.filter(saved_views::id.eq(view.id)))
        .set((
            saved_views::query.eq(query),
            saved_views::version.eq(saved_views::version + 1),
            saved_views::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    watch::restart(tx, view.id)?;
    if view.watched {
        watch::begin(tx, actor, view.id)?;
    }
    Ok(())
}

pub fn delete(tx: &mut OrgTx, actor: &Actor, view: &View) -> AppResult<()> {
    may_change(actor, view)?;
    diesel::update(saved_views::table.filter(saved_views::id.eq(view.id)))
        .set(saved_views::deleted_at.eq(diesel::dsl::now))
        .execute(tx.conn())?;
    Ok(())
}

/// Brings back a view the actor owned or may change.
pub fn undelete(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<()> {
    let administers = actor.may("organisation.administer");
    let brought = diesel::sql_query(
        "UPDATE saved_views SET deleted_at = NULL WHERE id = $1 AND deleted_at IS NOT NULL AND (owner_id = $2 OR $3 AND sharing <> 'private')",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Bool, _>(administers)
    .execute(tx.conn())?;
    if brought == 1 { Ok(()) } else { Err(AppError::NotFound) }
}

/// The pinned views in the order given.
pub fn order(tx: &mut OrgTx, actor: &Actor, ids: &[Uuid]) -> AppResult<()> {
    diesel::sql_query(
        "UPDATE view_pins p SET position = o.n FROM unnest($2) WITH ORDINALITY o (id, n) WHERE p.member_id = $1 AND p.view_id = o.id",
    )
    .bind::<sql_types::Uuid, _>(actor.id.0)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .execute(tx.conn())?;
    Ok(())
}

fn may_change(actor: &Actor, view: &View) -> AppResult<()> {
    if view.may_change(actor) { Ok(()) } else { Err(AppError::Forbidden(FORBIDDEN)) }
}

/// Shared with a team the actor may share with.
fn check(tx: &mut OrgTx, actor: &Actor, new: &NewView) -> AppResult<()> {
    let Some(team) = new.sharing.team() else { return Ok(()) };
    let known = queries::teams(tx, actor, None)?.iter().any(|option| option.value == team.to_string());
    if known { Ok(()) } else { Err(AppError::field("sharing", "is not one of the choices")) }
}

/// A default must be there for everybody of the role.
fn defaults(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, new: &NewView) -> AppResult<()> {
    let Some(roles) = new.roles.as_ref().filter(|_| actor.may("organisation.administer")) else { return Ok(()) };
    if !roles.is_empty() && new.sharing != Sharing::All {
        return Err(AppError::field("sharing", "must be everybody, where the view is a role's default"));
    }
    diesel::sql_query("DELETE FROM view_defaults WHERE view_id = $1")
        .bind::<sql_types::Uuid, _>(id)
        .execute(tx.conn())?;
    diesel::sql_query(
        "INSERT INTO view_defaults (role_id, record_type, view_id) SELECT r.id, $2, $1 FROM roles r WHERE r.id = ANY ($3)
         ON CONFLICT (org_id, role_id, record_type) DO UPDATE SET view_id = excluded.view_id",
    )
    .bind::<sql_types::Uuid, _>(id)
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(roles)
    .execute(tx.conn())?;
    Ok(())
}

fn personal(tx: &mut OrgTx, actor: &Actor, id: Uuid, pinned: bool, watched: bool) -> AppResult<()> {
    let pins = view_pins::table.filter(view_pins::member_id.eq(actor.id.0)).filter(view_pins::view_id.eq(id));
    if pinned {
        diesel::sql_query(
            "INSERT INTO view_pins (member_id, view_id, position) SELECT $1, $2, coalesce(max(position), 0) + 1 FROM view_pins WHERE member_id = $1
             ON CONFLICT DO NOTHING",
        )
        .bind::<sql_types::Uuid, _>(actor.id.0)
        .bind::<sql_types::Uuid, _>(id)
        .execute(tx.conn())?;
    } else {
        diesel::delete(pins).execute(tx.conn())?;
    }
    let watches =
        || view_watches::table.filter(view_watches::member_id.eq(actor.id.0)).filter(view_watches::view_id.eq(id));
    let was: bool = diesel::select(diesel::dsl::exists(watches())).get_result(tx.conn())?;
    match (was, watched) {
        (false, true) => watch::begin(tx, actor, id),
        (true, false) => {
            diesel::delete(watches()).execute(tx.conn())?;
            Ok(())
        }
        _ => Ok(()),
    }
}
