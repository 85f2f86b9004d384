//! The roles of the organisation.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RoleId,
    schema::roles,
};
use diesel::{prelude::*, sql_types};

/// A row of the list.
#[derive(Clone, Debug, QueryableByName)]
pub struct RoleRow {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: RoleId,
    #[diesel(sql_type = sql_types::Text)]
    pub key: String,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub visibility: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub members: i64,
}

/// A role in full. `permissions` are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub key: String,
    pub name: String,
    pub access: Access,
}

/// What can be changed about a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub permissions: Vec<String>,
    /// `own`, `team` or `all`.
    pub visibility: String,
}

impl Access {
    /// What a form was opened with, so that a save can tell whether it still holds.
    pub fn fingerprint(&self) -> String {
        format!("{}:{}", self.visibility, self.permissions.join(","))
    }
}

pub fn list(tx: &mut OrgTx) -> AppResult<Vec<RoleRow>> {
    const SQL: &str = "
        SELECT r.id, r.key, r.name, r.visibility,
          (SELECT count(*) FROM members m WHERE m.org_id = r.org_id AND m.role_id = r.id AND m.deactivated_at IS NULL) AS members
        FROM roles r WHERE r.org_id = app.org() ORDER BY r.position";
    Ok(diesel::sql_query(SQL).load(tx.conn())?)
}

/// The role, holding its row until the transaction ends when `lock`.
pub fn find(tx: &mut OrgTx, id: RoleId, lock: bool) -> AppResult<Role> {
    let query = roles::table.find((tx.org_id().0, id.0)).select((
        roles::key,
        roles::name,
        roles::permissions,
        roles::visibility,
    ));
    type Row = (String, String, Vec<Option<String>>, String);
    let row: Row = if lock { query.for_no_key_update().first(tx.conn())? } else { query.first(tx.conn())? };
    let (key, name, permissions, visibility) = row;
    let mut permissions: Vec<String> = permissions.into_iter().flatten().collect();
    permissions.sort_unstable();
    Ok(Role { key, name, access: Access { permissions, visibility } })
}
