//! Who may get in, and as what: role, deactivation, reactivation.

use super::queries;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{MemberId, RoleId},
    schema::{members, roles},
    web::{Allow, permission::organisation::Administer},
};
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use serde_json::json;

const ADMINISTRATOR: &str = "administrator";

/// Gives a member another role, from their next request on.
pub fn change_role(tx: &mut OrgTx, by: &Allow<Administer>, id: MemberId, to: RoleId) -> AppResult<()> {
    let member = locked(tx, id)?;
    let to = queries::roles(tx)?
        .into_iter()
        .find(|r| r.id == to)
        .ok_or_else(|| AppError::field("role_id", "is not one of the choices"))?;
    if member.role_id == to.id {
        return Ok(());
    }
    if to.key != ADMINISTRATOR {
        keep_an_administrator(tx, id)?;
    }
    not_oneself(by, id, "Another administrator has to change your role, so that you do not lock yourself out.")?;
    diesel::update(members::table.find((tx.org_id().0, id.0))).set(members::role_id.eq(to.id)).execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track(
        "role_id",
        &json!({ "id": member.role_id, "name": member.role }),
        &json!({ "id": to.id, "name": to.name }),
    );
    events::record(tx, Event::of("member.updated", "member", id).changes(changes))
}

/// Ends a member's access at once: their sessions in this organisation end with this transaction. Their records stay theirs.
pub fn deactivate(tx: &mut OrgTx, by: &Allow<Administer>, id: MemberId) -> AppResult<()> {
    let member = locked(tx, id)?;
    if !member.is_active() {
        return Ok(());
    }
    keep_an_administrator(tx, id)?;
    not_oneself(by, id, "Another administrator has to deactivate you, so that you do not lock yourself out.")?;
    let now = Utc::now();
    set_deactivated(tx, id, Some(now))?;
    let ended: i64 = diesel::select(end_sessions(id.0)).get_result(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("deactivated_at", &None, &Some(now));
    let event = Event::of("member.deactivated", "member", id).changes(changes).data(json!({ "sessions_ended": ended }));
    events::record(tx, event)
}

/// Lets a deactivated member in again, with the role and teams they had.
pub fn reactivate(tx: &mut OrgTx, _: &Allow<Administer>, id: MemberId) -> AppResult<()> {
    let member = locked(tx, id)?;
    if member.is_active() {
        return Ok(());
    }
    set_deactivated(tx, id, None)?;
    let mut changes = Changes::new();
    changes.track("deactivated_at", &member.deactivated_at, &None);
    events::record(tx, Event::of("member.reactivated", "member", id).changes(changes))
}

define_sql_function! {
    #[sql_name = "app.end_sessions"]
    fn end_sessions(person: sql_types::Uuid) -> sql_types::BigInt;
}

fn set_deactivated(tx: &mut OrgTx, id: MemberId, at: Option<chrono::DateTime<Utc>>) -> AppResult<()> {
    diesel::update(members::table.find((tx.org_id().0, id.0)))
        .set(members::deactivated_at.eq(at))
        .execute(tx.conn())?;
    Ok(())
}

/// The member, after waiting for every other change of access in this organisation: the administrators' role row is the lock.
fn locked(tx: &mut OrgTx, id: MemberId) -> AppResult<queries::Member> {
    let org = tx.org_id().0;
    roles::table
        .filter(roles::org_id.eq(org))
        .filter(roles::key.eq(ADMINISTRATOR))
        .select(roles::id)
        .for_no_key_update()
        .first::<RoleId>(tx.conn())?;
    queries::find(tx, id)
}

/// Refuses when `id` is the only active administrator.
fn keep_an_administrator(tx: &mut OrgTx, id: MemberId) -> AppResult<()> {
    let org = tx.org_id().0;
    let administrators: Vec<MemberId> = members::table
        .inner_join(roles::table.on(roles::org_id.eq(members::org_id).and(roles::id.eq(members::role_id))))
        .filter(members::org_id.eq(org))
        .filter(members::deactivated_at.is_null())
        .filter(roles::key.eq(ADMINISTRATOR))
        .select(members::id)
        .load(tx.conn())?;
    if administrators == [id] {
        return Err(AppError::Conflict(
            "This is the last administrator. Make someone else an administrator first.".into(),
        ));
    }
    Ok(())
}

fn not_oneself(by: &Allow<Administer>, id: MemberId, message: &'static str) -> AppResult<()> {
    if by.actor().id == id { Err(AppError::Conflict(message.into())) } else { Ok(()) }
}
