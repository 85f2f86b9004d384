//! Whom targets are for: one person, a team, everybody; who sees and who sets them.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::accounts::members,
    kernel::{MemberId, TeamId},
    schema::{team_members, teams},
    web::{
        Actor,
        permission::{Permission, organisation, targets::Administer},
    },
};
use diesel::prelude::*;
use std::{collections::BTreeMap, fmt, str::FromStr};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    Everyone,
    Team(TeamId),
    Member(MemberId),
}

impl Whose {
    /// As the row keeps it.
    pub(super) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Whose::Everyone => (None, None),
            Whose::Team(id) => (None, Some(id.0)),
            Whose::Member(id) => (Some(id.0), None),
        }
    }
}

/// As forms and addresses spell it: `all`, `team-…`, `member-…`.
impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Everyone => f.write_str("all"),
            Whose::Team(id) => write!(f, "team-{id}"),
            Whose::Member(id) => write!(f, "member-{id}"),
        }
    }
}

impl FromStr for Whose {
    type Err = AppError;
    fn from_str(text: &str) -> AppResult<Self> {
        let damaged = || AppError::field("", "Someone in this form is not there any more. Reload the page.");
        if text == "all" {
            return Ok(Whose::Everyone);
        }
        let (kind, id) = text.split_once('-').ok_or_else(damaged)?;
        let id: Uuid = id.parse().map_err(|_| damaged())?;
        match kind {
            "team" => Ok(Whose::Team(id.into())),
            "member" => Ok(Whose::Member(id.into())),
            _ => Err(damaged()),
        }
    }
}

/// People whose doings count together.
#[derive(Clone, Debug)]
pub struct Circle {
    pub whose: Whose,
    pub name: String,
    /// E-mail of a single person.
    pub email: Option<String>,
    /// `None`: everybody's, and what nobody owns.
    pub owners: Option<Vec<Uuid>>,
    /// Whether this reader may set its targets.
    pub editable: bool,
}

impl Circle {
    pub fn counts(&self, owner: Option<Uuid>) -> bool {
        self.owners.as_ref().is_none_or(|owners| owner.is_some_and(|owner| owners.contains(&owner)))
    }
}

/// Everybody, each team and each active person, as far as the reader sees the records of all in it.
pub fn circles(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<Circle>> {
    let visible = actor.visible_owners();
    let mut circles = Vec::new();
    let mut add = |whose, name: String, email: Option<String>, owners: Option<Vec<Uuid>>| {
        let seen = match (&visible, &owners) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(visible), Some(owners)) => !owners.is_empty() && owners.iter().all(|o| visible.contains(o)),
        };
        if seen {
            let editable = may_set(actor, owners.as_deref());
            circles.push(Circle { whose, name, email, owners, editable });
        }
    };
    add(Whose::Everyone, "Everybody".into(), None, None);
    for (id, name, people) in teams_of(tx)? {
        add(Whose::Team(id), name, None, Some(people));
    }
    for person in members::directory(tx)?.into_iter().filter(|person| person.active) {
        add(Whose::Member(person.id), person.name, Some(person.email), Some(vec![person.id.0]));
    }
    Ok(circles)
}

/// One of [`circles`]; what the reader may not see is not found.
pub fn circle(tx: &mut OrgTx, actor: &Actor, whose: Whose) -> AppResult<Circle> {
    circles(tx, actor)?.into_iter().find(|circle| circle.whose == whose).ok_or(AppError::NotFound)
}

/// Everybody or one person, where the reader sees them, without asking for anything else.
pub(super) fn narrow(actor: &Actor, whose: Whose) -> Option<Circle> {
    let owners = match whose {
        Whose::Everyone => None,
        Whose::Member(id) => Some(vec![id.0]),
        Whose::Team(_) => return None,
    };
    let seen = match &owners {
        None => actor.visible_owners().is_none(),
        Some(owners) => owners.iter().all(|owner| actor.sees(Some(*owner))),
    };
    seen.then(|| Circle { whose, name: String::new(), email: None, owners, editable: false })
}

/// Administrators set everybody's; who else sets targets, those of the people in their teams.
fn may_set(actor: &Actor, owners: Option<&[Uuid]>) -> bool {
    actor.may(Administer::KEY)
        && (actor.may(organisation::Administer::KEY)
            || owners.is_some_and(|owners| owners.iter().all(|owner| actor.team().contains(owner))))
}

/// Each team, by name, with its members and its manager.
fn teams_of(tx: &mut OrgTx) -> AppResult<Vec<(TeamId, String, Vec<Uuid>)>> {
    let rows: Vec<(TeamId, String, Option<Uuid>)> = teams::table
        .order((teams::name, teams::id))
        .select((teams::id, teams::name, teams::manager_id))
        .load(tx.conn())?;
    let mut people: BTreeMap<TeamId, Vec<Uuid>> = BTreeMap::new();
    let members: Vec<(TeamId, Uuid)> =
        team_members::table.select((team_members::team_id, team_members::member_id)).load(tx.conn())?;
    for (team, member) in members {
        people.entry(team).or_default().push(member);
    }
    let whole = |(id, name, manager): (TeamId, String, Option<Uuid>)| {
        let mut in_it = people.remove(&id).unwrap_or_default();
        in_it.extend(manager.filter(|manager| !in_it.contains(manager)));
        (id, name, in_it)
    };
    Ok(rows.into_iter().map(whole).collect())
}
