//! Creating, changing and deleting teams, each an event with what was before.

use super::queries::{self, Team};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{MemberId, TeamId},
    schema::{members, team_members, teams},
    web::{Allow, permission::organisation::Administer},
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};
use serde_json::{Value, json};

pub fn create(tx: &mut OrgTx, _: &Allow<Administer>, new: &Team) -> AppResult<TeamId> {
    check_people(tx, &Team::default(), new)?;
    let id = TeamId::new();
    diesel::insert_into(teams::table)
        .values((teams::id.eq(id), teams::name.eq(&new.name), teams::manager_id.eq(new.manager)))
        .execute(tx.conn())
        .map_err(name_taken)?;
    add_members(tx, id, &new.members)?;
    let changes = changes(tx, &Team::default(), new)?;
    events::record(tx, Event::of("team.created", "team", id).changes(changes))?;
    Ok(id)
}

/// How a save ended.
#[derive(Debug)]
pub enum Saved {
    Done,
    /// Someone changed the team since the form was opened; nothing was changed.
    Stale,
}

/// Makes the team what `new` says (name, manager and members) if it still is what `seen`, a fingerprint, says.
pub fn update(tx: &mut OrgTx, _: &Allow<Administer>, id: TeamId, seen: &str, new: &Team) -> AppResult<Saved> {
    let org = tx.org_id().0;
    let before = queries::find(tx, id, true)?;
    if before == *new {
        return Ok(Saved::Done);
    }
    if seen != before.fingerprint() {
        return Ok(Saved::Stale);
    }
    check_people(tx, &before, new)?;
    diesel::update(teams::table.find((org, id.0)))
        .set((teams::name.eq(&new.name), teams::manager_id.eq(new.manager)))
        .execute(tx.conn())
        .map_err(name_taken)?;
    let kept: Vec<uuid::Uuid> = new.members.iter().map(|m| m.0).collect();
    diesel::delete(
        team_members::table
            .filter(team_members::org_id.eq(org))
            .filter(team_members::team_id.eq(id.0))
            .filter(team_members::member_id.ne_all(kept)),
    )
    .execute(tx.conn())?;
    add_members(tx, id, &new.members)?;
    let changes = changes(tx, &before, new)?;
    events::record(tx, Event::of("team.updated", "team", id).changes(changes))?;
    Ok(Saved::Done)
}

/// Deletes the team; its members stay, and open invitations to it lead to no team.
pub fn delete(tx: &mut OrgTx, _: &Allow<Administer>, id: TeamId) -> AppResult<String> {
    let before = queries::find(tx, id, true)?;
    diesel::delete(teams::table.find((tx.org_id().0, id.0))).execute(tx.conn())?;
    let changes = changes(tx, &before, &Team::default())?;
    events::record(tx, Event::of("team.deleted", "team", id).changes(changes))?;
    Ok(before.name)
}

fn add_members(tx: &mut OrgTx, id: TeamId, people: &[MemberId]) -> AppResult<()> {
    let rows: Vec<_> =
        people.iter().map(|m| (team_members::team_id.eq(id.0), team_members::member_id.eq(m.0))).collect();
    diesel::insert_into(team_members::table).values(rows).on_conflict_do_nothing().execute(tx.conn())?;
    Ok(())
}

/// Whoever is new to the team must be an active member of this organisation.
fn check_people(tx: &mut OrgTx, before: &Team, new: &Team) -> AppResult<()> {
    let wanted = new.members.iter().filter(|m| !before.members.contains(m));
    let manager = new.manager.filter(|m| before.manager != Some(*m));
    let mut ids: Vec<uuid::Uuid> = wanted.chain(manager.as_ref()).map(|m| m.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let found: i64 = members::table
        .filter(members::org_id.eq(tx.org_id().0))
        .filter(members::deactivated_at.is_null())
        .filter(members::id.eq_any(&ids))
        .count()
        .get_result(tx.conn())?;
    if usize::try_from(found) == Ok(ids.len()) {
        Ok(())
    } else {
        Err(AppError::field("", "Someone you chose is not an active member any more. Choose again."))
    }
}

fn name_taken(error: DieselError) -> AppError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            AppError::field("name", "is another team's name already")
        }
        other => other.into(),
    }
}

fn changes(tx: &mut OrgTx, before: &Team, after: &Team) -> AppResult<Changes> {
    let mut changes = Changes::new();
    let names = names(tx, before, after)?;
    let who = |id: &MemberId| json!({ "id": id, "name": names.iter().find(|(i, _)| i == id).map(|(_, name)| name) });
    let all = |people: &[MemberId]| -> Value { people.iter().map(who).collect() };
    let text = |name: &str| if name.is_empty() { Value::Null } else { json!(name) };
    changes
        .track("name", &text(&before.name), &text(&after.name))
        .track("manager_id", &before.manager.as_ref().map(who), &after.manager.as_ref().map(who))
        .track("members", &all(&before.members), &all(&after.members));
    Ok(changes)
}

fn names(tx: &mut OrgTx, before: &Team, after: &Team) -> AppResult<Vec<(MemberId, String)>> {
    let teams = [before, after];
    let ids: Vec<uuid::Uuid> =
        teams.iter().flat_map(|t| t.members.iter().chain(t.manager.as_ref())).map(|m| m.0).collect();
    let mine = members::table.filter(members::org_id.eq(tx.org_id().0)).filter(members::id.eq_any(ids));
    Ok(mine.select((members::id, members::name)).load(tx.conn())?)
}
