//! From an invitation to a membership, in one transaction.

use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    features::accounts::{account, organisations, session, tokens},
    kernel::{InvitationId, OrgId, RoleId, TeamId, UserId},
    schema::{invitations, members, team_members},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

/// An invitation that can be accepted.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct Invitation {
    #[diesel(sql_type = sql_types::Uuid)]
    pub org_id: OrgId,
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: InvitationId,
    #[diesel(sql_type = sql_types::Text)]
    pub email: String,
    #[diesel(sql_type = sql_types::Uuid)]
    pub role_id: RoleId,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub team_id: Option<TeamId>,
    #[diesel(sql_type = sql_types::Text)]
    pub role: String,
    #[diesel(sql_type = sql_types::Text)]
    pub organisation: String,
    #[diesel(sql_type = sql_types::Text)]
    pub time_zone: String,
    #[diesel(sql_type = sql_types::Text)]
    pub locale: String,
    #[diesel(sql_type = sql_types::Text)]
    pub inviter: String,
    /// Whether the address has an account: whoever holds the token reads its mail, so they may know.
    #[diesel(sql_type = sql_types::Bool)]
    pub has_account: bool,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Joined {
    Yes,
    /// They were a member once and an administrator has taken their access away since.
    Deactivated,
}

/// The open invitation with that token, locked: two clicks at once join once.
pub(super) fn find(tx: &mut SystemTx, token: &str) -> AppResult<Option<Invitation>> {
    const SQL: &str = "
        SELECT i.org_id, i.id, i.email, i.role_id, i.team_id, r.name AS role, o.name AS organisation, o.time_zone, o.locale,
          coalesce((SELECT m.name FROM members m WHERE m.org_id = i.org_id AND m.id = i.invited_by), o.name) AS inviter,
          EXISTS (SELECT 1 FROM users u WHERE u.email = i.email) AS has_account
        FROM invitations i
        JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
        JOIN organisations o ON o.id = i.org_id
        WHERE i.token_hash = $1 AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
        FOR UPDATE OF i";
    Ok(diesel::sql_query(SQL).bind::<sql_types::Text, _>(tokens::hash(token)).get_result(tx.conn()).optional()?)
}

/// Makes the person a member, as invited, and uses the invitation up.
pub(super) fn join(tx: &mut SystemTx, invitation: &Invitation, user: UserId) -> AppResult<Joined> {
    let org = invitation.org_id;
    let there = members::table
        .filter(members::org_id.eq(org))
        .filter(members::id.eq(user))
        .select(members::deactivated_at)
        .first::<Option<DateTime<Utc>>>(tx.conn())
        .optional()?;
    match there {
        Some(Some(_)) => return Ok(Joined::Deactivated),
        // Already a member, by another way: nothing to add.
        Some(None) => {}
        None => {
            organisations::add_member_as(tx, org, user, invitation.role_id)?;
            join_team(tx, invitation, user)?;
            account::record_joined(tx, org, user, "invitation")?;
        }
    }
    diesel::update(invitations::table.filter(invitations::org_id.eq(org)).filter(invitations::id.eq(invitation.id)))
        .set(invitations::accepted_at.eq(Utc::now()))
        .execute(tx.conn())?;
    session::remember(tx, user, org)?;
    Ok(Joined::Yes)
}

fn join_team(tx: &mut SystemTx, invitation: &Invitation, user: UserId) -> AppResult<()> {
    let Some(team) = invitation.team_id else { return Ok(()) };
    diesel::insert_into(team_members::table)
        .values((
            team_members::org_id.eq(invitation.org_id),
            team_members::team_id.eq(team),
            team_members::member_id.eq(user),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(())
}
