//! Changing what a role may do, as a `role.updated` event with what was before.

use super::queries::{self, Access};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Changes, Event},
    kernel::RoleId,
    schema::roles,
    web::{Allow, permission::organisation::Administer},
};
use diesel::prelude::*;

/// How a save ended.
#[derive(Debug)]
pub enum Saved {
    Done,
    /// Someone changed the role since the form was opened; nothing was changed.
    Stale,
}

/// Replaces the role's access if it still is what `seen` (a fingerprint) says. `access` makes the new one from the present one.
pub fn update(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: RoleId,
    seen: Option<&str>,
    access: impl FnOnce(&queries::Role) -> Access,
) -> AppResult<Saved> {
    let before = queries::find(tx, id, true)?;
    let after = access(&before);
    if after == before.access {
        return Ok(Saved::Done);
    }
    if seen.is_some_and(|seen| seen != before.access.fingerprint()) {
        return Ok(Saved::Stale);
    }
    diesel::update(roles::table.find((tx.org_id().0, id.0)))
        .set((roles::permissions.eq(&after.permissions), roles::visibility.eq(&after.visibility)))
        .execute(tx.conn())?;
    // Who may own records is kept with the people (`db::known`); a trigger on roles would stand in the way of migrations.
    diesel::sql_query("INSERT INTO definition_changes (org_id) VALUES (app.org())").execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("permissions", &before.access.permissions, &after.permissions).track(
        "visibility",
        &before.access.visibility,
        &after.visibility,
    );
    events::record(tx, Event::of("role.updated", "role", id).changes(changes))?;
    Ok(Saved::Done)
}
