//! Invitations: who has been asked to join and has not answered yet.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::InvitationId,
};
use actix_web::web::ServiceConfig;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};

pub(super) fn configure(_cfg: &mut ServiceConfig) {}

/// An invitation neither accepted nor revoked.
#[derive(Clone, Debug, QueryableByName)]
pub struct Open {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: InvitationId,
    #[diesel(sql_type = sql_types::Text)]
    pub email: String,
    #[diesel(sql_type = sql_types::Text)]
    pub role: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub team: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub invited_by: Option<String>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

impl Open {
    pub fn has_expired(&self) -> bool {
        self.expires_at <= Utc::now()
    }
}

/// The newest first, the expired ones too: they can be sent again.
pub fn open(tx: &mut OrgTx) -> AppResult<Vec<Open>> {
    const SQL: &str = "
        SELECT i.id, i.email, r.name AS role, t.name AS team, m.name AS invited_by, i.expires_at
        FROM invitations i
        JOIN roles r ON r.org_id = i.org_id AND r.id = i.role_id
        LEFT JOIN teams t ON t.org_id = i.org_id AND t.id = i.team_id
        LEFT JOIN members m ON m.org_id = i.org_id AND m.id = i.invited_by
        WHERE i.org_id = app.org() AND i.accepted_at IS NULL AND i.revoked_at IS NULL
        ORDER BY i.created_at DESC, i.id DESC LIMIT 500";
    Ok(diesel::sql_query(SQL).load(tx.conn())?)
}
