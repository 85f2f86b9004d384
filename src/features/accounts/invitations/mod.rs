//! Invitations by mail: made by an administrator with a role (and a team), open for seven days, one per address at a time.
//!
//! [`create`], [`resend`] and [`revoke`] are what settings offer; `accept` is what the invited person sees. The table holds the
//! token's SHA-256 only, so sending an invitation again means a new link, and the one before is void.

pub(super) mod accept;
mod join;

use super::tokens;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{InvitationId, RoleId, TeamId, people},
    mailer::{self, MailMessage},
    schema::{invitations, members, roles, teams},
    web::{Allow, permission::organisation},
};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde_json::json;

const LIFETIME: TimeDelta = TimeDelta::days(7);

/// Invites an address. Errors belong to the fields `email`, `role_id` and `team_id`.
pub fn create(
    tx: &mut OrgTx,
    by: &Allow<organisation::Administer>,
    email: &str,
    role: RoleId,
    team: Option<TeamId>,
) -> AppResult<InvitationId> {
    let email = people::parse_email(email).map_err(|message| AppError::field("email", message))?;
    check_free(tx, &email)?;
    let role_name = role_name(tx, role)?;
    check_team(tx, team)?;
    let (id, token) = (InvitationId::new(), tokens::random());
    let made = diesel::insert_into(invitations::table)
        .values((
            invitations::id.eq(id),
            invitations::email.eq(&email),
            invitations::role_id.eq(role),
            invitations::team_id.eq(team),
            invitations::invited_by.eq(by.actor().id),
            invitations::token_hash.eq(tokens::hash(&token)),
            invitations::expires_at.eq(Utc::now() + LIFETIME),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    if made == 0 {
        return Err(AppError::field("email", OPEN));
    }
    let mut changes = Changes::new();
    changes.set("email", &email).set("role", &json!({ "id": role, "name": role_name }));
    events::record(tx, Event::of("invitation.created", "invitation", id).changes(changes))?;
    send(tx, by, &email, role_name, token)?;
    Ok(id)
}

/// Sends an open invitation again, expired or not: a new link, good for seven days from now.
pub fn resend(tx: &mut OrgTx, by: &Allow<organisation::Administer>, id: InvitationId) -> AppResult<()> {
    let (email, role, until) = open(tx, id)?;
    let (token, new_until) = (tokens::random(), Utc::now() + LIFETIME);
    diesel::update(invitations::table.filter(invitations::id.eq(id)))
        .set((invitations::token_hash.eq(tokens::hash(&token)), invitations::expires_at.eq(new_until)))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("expires_at", &until, &new_until);
    events::record(tx, Event::of("invitation.resent", "invitation", id).changes(changes))?;
    let role_name = role_name(tx, role)?;
    send(tx, by, &email, role_name, token)
}

/// Withdraws an open invitation: its link is void at once.
pub fn revoke(tx: &mut OrgTx, _by: &Allow<organisation::Administer>, id: InvitationId) -> AppResult<()> {
    let (email, ..) = open(tx, id)?;
    diesel::update(invitations::table.filter(invitations::id.eq(id)))
        .set(invitations::revoked_at.eq(Utc::now()))
        .execute(tx.conn())?;
    events::record(tx, Event::of("invitation.revoked", "invitation", id).data(json!({ "email": email })))
}

const OPEN: &str = "has an open invitation already: send it again, or revoke it first";

fn check_free(tx: &mut OrgTx, email: &str) -> AppResult<()> {
    let member = members::table
        .filter(members::email.eq(email))
        .select(members::deactivated_at)
        .first::<Option<DateTime<Utc>>>(tx.conn())
        .optional()?;
    match member {
        None => Ok(()),
        Some(None) => Err(AppError::field("email", "is a member already")),
        Some(Some(_)) => Err(AppError::field("email", "belongs to a deactivated member: reactivate them instead")),
    }
}

fn role_name(tx: &mut OrgTx, role: RoleId) -> AppResult<String> {
    let name = roles::table.filter(roles::id.eq(role)).select(roles::name).first(tx.conn()).optional()?;
    name.ok_or_else(|| AppError::field("role_id", "is not one of the choices"))
}

fn check_team(tx: &mut OrgTx, team: Option<TeamId>) -> AppResult<()> {
    let Some(team) = team else { return Ok(()) };
    let known: bool =
        diesel::select(diesel::dsl::exists(teams::table.filter(teams::id.eq(team)))).get_result(tx.conn())?;
    if known { Ok(()) } else { Err(AppError::field("team_id", "is not one of the choices")) }
}

/// Address, role and end of an invitation nobody has accepted or revoked; locked, so that accepting and revoking take turns.
fn open(tx: &mut OrgTx, id: InvitationId) -> AppResult<(String, RoleId, DateTime<Utc>)> {
    Ok(invitations::table
        .filter(invitations::id.eq(id))
        .filter(invitations::accepted_at.is_null())
        .filter(invitations::revoked_at.is_null())
        .select((invitations::email, invitations::role_id, invitations::expires_at))
        .for_update()
        .first(tx.conn())?)
}

fn send(
    tx: &mut OrgTx,
    by: &Allow<organisation::Administer>,
    email: &str,
    role: String,
    token: String,
) -> AppResult<()> {
    let actor = by.actor();
    let message =
        MailMessage::Invitation { organisation: actor.org.name.clone(), inviter: actor.name.clone(), role, token };
    mailer::enqueue(tx, email, message)
}
