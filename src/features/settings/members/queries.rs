//! Members as administrators see them.

use crate::{
    db::{OrgTx, Tx, paging},
    error::{AppError, AppResult},
    features::accounts::members::directory,
    kernel::{MemberId, RoleId, TeamId, text},
    schema::{members, roles},
    web::shell::avatar_url,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// A role to choose from.
#[derive(Clone, Debug, Queryable)]
pub struct RoleChoice {
    pub id: RoleId,
    pub key: String,
    pub name: String,
}

pub fn roles(tx: &mut OrgTx) -> AppResult<Vec<RoleChoice>> {
    let org = tx.org_id().0;
    Ok(roles::table
        .filter(roles::org_id.eq(org))
        .order(roles::position)
        .select((roles::id, roles::key, roles::name))
        .load(tx.conn())?)
}

/// A member of the list, and the head of their own page.
#[derive(Clone, Debug, QueryableByName)]
pub struct Member {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: MemberId,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub email: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub avatar_tag: Option<String>,
    #[diesel(sql_type = sql_types::Uuid)]
    pub role_id: RoleId,
    #[diesel(sql_type = sql_types::Text)]
    pub role: String,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    pub teams: Vec<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub last_seen_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub deactivated_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = sql_types::Text)]
    sort_key: String,
}

impl Member {
    pub fn initials(&self) -> String {
        text::initials(&self.name)
    }

    pub fn avatar_class(&self) -> String {
        text::avatar_class(&self.id.to_string())
    }

    pub fn avatar_url(&self) -> Option<String> {
        avatar_url(&self.id.to_string(), self.avatar_tag.as_deref())
    }

    pub fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}

const SELECT: &str = "
SELECT m.id, m.name, m.email, m.avatar_tag, m.role_id, r.name AS role, m.last_seen_at, m.deactivated_at, lower(m.name) AS sort_key,
  ARRAY(SELECT t.name FROM team_members tm JOIN teams t ON t.org_id = tm.org_id AND t.id = tm.team_id
        WHERE tm.org_id = m.org_id AND tm.member_id = m.id ORDER BY lower(t.name)) AS teams
FROM members m JOIN roles r ON r.org_id = m.org_id AND r.id = m.role_id
WHERE m.org_id = app.org()";

/// Which members a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub active: bool,
    /// Part of a name or an address.
    pub text: String,
    pub after: Option<String>,
}

/// By name, a page at a time.
pub fn list(tx: &mut OrgTx, filter: &Filter) -> AppResult<paging::Page<Member>> {
    let (name, id): (String, Uuid) = match &filter.after {
        Some(cursor) => paging::decode(cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    let sql = format!(
        "{SELECT} AND (m.deactivated_at IS NULL) = $1
         AND ($2 = '' OR strpos(lower(m.name || ' ' || m.email), lower($2)) > 0)
         AND (lower(m.name), m.id) > ($3, $4)
         ORDER BY lower(m.name), m.id LIMIT $5"
    );
    let rows: Vec<Member> = diesel::sql_query(sql)
        .bind::<sql_types::Bool, _>(filter.active)
        .bind::<sql_types::Text, _>(&filter.text)
        .bind::<sql_types::Text, _>(name)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::BigInt, _>(paging::PAGE + 1)
        .load(tx.conn())?;
    Ok(paging::Page::new(rows, paging::PAGE, |m| (m.sort_key.clone(), m.id.0)))
}

/// How many are active, how many deactivated.
pub fn counts(tx: &mut OrgTx) -> AppResult<(i64, i64)> {
    let mine = members::table.filter(members::org_id.eq(tx.org_id().0));
    let active = mine.filter(members::deactivated_at.is_null()).count().get_result(tx.conn())?;
    let gone = mine.filter(members::deactivated_at.is_not_null()).count().get_result(tx.conn())?;
    Ok((active, gone))
}

pub fn find(tx: &mut OrgTx, id: MemberId) -> AppResult<Member> {
    diesel::sql_query(format!("{SELECT} AND m.id = $1"))
        .bind::<sql_types::Uuid, _>(id)
        .get_result(tx.conn())
        .optional()?
        .ok_or(AppError::NotFound)
}

/// The teams a member is in or leads, for links.
pub fn teams_of(tx: &mut OrgTx, id: MemberId) -> AppResult<Vec<(TeamId, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: TeamId,
        #[diesel(sql_type = sql_types::Text)]
        name: String,
    }
    const SQL: &str = "
        SELECT t.id, t.name FROM teams t
        WHERE t.org_id = app.org() AND (t.manager_id = $1 OR EXISTS (
          SELECT 1 FROM team_members tm WHERE tm.org_id = t.org_id AND tm.team_id = t.id AND tm.member_id = $1))
        ORDER BY lower(t.name), t.id";
    let rows: Vec<Row> = diesel::sql_query(SQL).bind::<sql_types::Uuid, _>(id).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Members other than `id` who may own records, to hand theirs to.
pub fn others(tx: &mut OrgTx, id: MemberId) -> AppResult<Vec<(MemberId, String)>> {
    let others = directory(tx)?.into_iter().filter(|person| person.may_own && person.id != id);
    Ok(others.map(|person| (person.id, person.name)).collect())
}
