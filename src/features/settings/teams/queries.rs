//! Teams as administrators see them.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{MemberId, TeamId},
    schema::{members, team_members, teams},
};
use diesel::{prelude::*, sql_types};
use sha2::{Digest, Sha256};

/// A row of the list.
#[derive(Clone, Debug, QueryableByName)]
pub struct TeamRow {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: TeamId,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub manager: Option<String>,
    #[diesel(sql_type = sql_types::BigInt)]
    pub members: i64,
}

/// A team in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team {
    pub name: String,
    pub manager: Option<MemberId>,
    /// In order of id.
    pub members: Vec<MemberId>,
}

impl Team {
    /// What a form was opened with, so that a save can tell whether it still holds.
    pub fn fingerprint(&self) -> String {
        let manager = self.manager.map(|m| m.to_string()).unwrap_or_default();
        let members: Vec<String> = self.members.iter().map(ToString::to_string).collect();
        hex::encode(Sha256::digest(format!("{}\n{manager}\n{}", self.name, members.join(","))))
    }
}

pub fn list(tx: &mut OrgTx) -> AppResult<Vec<TeamRow>> {
    const SQL: &str = "
        SELECT t.id, t.name, m.name AS manager,
          (SELECT count(*) FROM team_members tm WHERE tm.org_id = t.org_id AND tm.team_id = t.id) AS members
        FROM teams t LEFT JOIN members m ON m.org_id = t.org_id AND m.id = t.manager_id
        WHERE t.org_id = app.org() ORDER BY lower(t.name), t.id";
    Ok(diesel::sql_query(SQL).load(tx.conn())?)
}

/// Id and name of every team, to choose from.
pub fn choices(tx: &mut OrgTx) -> AppResult<Vec<(TeamId, String)>> {
    let mine = teams::table.filter(teams::org_id.eq(tx.org_id().0));
    Ok(mine.order((teams::name, teams::id)).select((teams::id, teams::name)).load(tx.conn())?)
}

/// A team's members and its manager; `None`: there is no such team.
pub fn people(tx: &mut OrgTx, id: TeamId) -> AppResult<Option<Vec<uuid::Uuid>>> {
    let head = teams::table.find((tx.org_id().0, id.0)).select(teams::manager_id);
    let Some(manager) = head.first::<Option<uuid::Uuid>>(tx.conn()).optional()? else { return Ok(None) };
    let members = team_members::table.filter(team_members::team_id.eq(id.0)).select(team_members::member_id);
    let mut people: Vec<uuid::Uuid> = members.load(tx.conn())?;
    people.extend(manager.filter(|manager| !people.contains(manager)));
    Ok(Some(people))
}

/// The team, holding its row until the transaction ends when `lock`.
pub fn find(tx: &mut OrgTx, id: TeamId, lock: bool) -> AppResult<Team> {
    let org = tx.org_id().0;
    let head = teams::table.find((org, id.0)).select((teams::name, teams::manager_id));
    let (name, manager): (String, Option<MemberId>) =
        if lock { head.for_update().first(tx.conn())? } else { head.first(tx.conn())? };
    let members = team_members::table
        .filter(team_members::org_id.eq(org))
        .filter(team_members::team_id.eq(id.0))
        .order(team_members::member_id)
        .select(team_members::member_id)
        .load(tx.conn())?;
    Ok(Team { name, manager, members })
}

/// Someone who can be in a team: id, name, e-mail, whether active.
pub type Candidate = (MemberId, String, String, bool);

/// The active members, and whoever of `keep` is not active any more, by name.
pub fn candidates(tx: &mut OrgTx, keep: &[MemberId]) -> AppResult<Vec<Candidate>> {
    let keep: Vec<uuid::Uuid> = keep.iter().map(|m| m.0).collect();
    Ok(members::table
        .filter(members::org_id.eq(tx.org_id().0))
        .filter(members::deactivated_at.is_null().or(members::id.eq_any(keep)))
        .order((members::name, members::id))
        .select((members::id, members::name, members::email, members::deactivated_at.is_null()))
        .load(tx.conn())?)
}
