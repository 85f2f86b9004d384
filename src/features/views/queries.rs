//! Reading views: one's own, and those shared with one.

use super::model::View;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::records::require_view,
    kernel::RecordType,
    web::{Actor, SelectOption},
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// `$1` is the reader.
const SELECT: &str = "
SELECT v.id, v.record_type, v.name, v.owner_id, m.name AS owner_name, v.sharing, v.team_id, v.query, v.layout,
  p.view_id IS NOT NULL AS pinned, w.view_id IS NOT NULL AS watched, coalesce(w.fresh, 0) AS fresh
FROM saved_views v
JOIN members m ON m.org_id = v.org_id AND m.id = v.owner_id
LEFT JOIN view_pins p ON p.org_id = v.org_id AND p.view_id = v.id AND p.member_id = $1
LEFT JOIN view_watches w ON w.org_id = v.org_id AND w.view_id = v.id AND w.member_id = $1
WHERE v.deleted_at IS NULL AND (v.owner_id = $1 OR v.sharing = 'all' OR v.sharing = 'team' AND (
  EXISTS (SELECT 1 FROM team_members t WHERE t.org_id = v.org_id AND t.team_id = v.team_id AND t.member_id = $1)
  OR EXISTS (SELECT 1 FROM teams t WHERE t.org_id = v.org_id AND t.id = v.team_id AND t.manager_id = $1)))";

/// The views of a record type that the reader may open: their own first, each part by name.
pub fn all(tx: &mut OrgTx, actor: &Actor, record: RecordType) -> AppResult<Vec<View>> {
    let sql = format!("{SELECT} AND v.record_type = $2 ORDER BY v.owner_id <> $1, lower(v.name), v.id LIMIT 200");
    let query = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(actor.id.0).bind::<sql_types::Text, _>(record.key());
    Ok(kept(query).load(tx.conn())?)
}

/// Every view that the reader may open, of records that they may see.
pub(super) fn everything(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<View>> {
    let sql = format!("{SELECT} ORDER BY p.position NULLS LAST, lower(v.name), v.id LIMIT 1000");
    let all: Vec<View> = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(actor.id.0).load(tx.conn())?;
    Ok(all.into_iter().filter(|v| v.record().is_some_and(|r| require_view(actor, r).is_ok())).collect())
}

/// Not found when it is somebody else's private one.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<View> {
    let sql = format!("{SELECT} AND v.id = $2");
    let query = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(actor.id.0).bind::<sql_types::Uuid, _>(id);
    Ok(kept(query).get_result(tx.conn())?)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Bool)]
    chosen: bool,
}

/// The teams a person may share with: those they are in or lead; an administrator any.
pub(super) fn teams(tx: &mut OrgTx, actor: &Actor, chosen: Option<Uuid>) -> AppResult<Vec<SelectOption>> {
    const SQL: &str = "
SELECT t.id, t.name, coalesce(t.id = $2, false) AS chosen FROM teams t
WHERE $3 OR t.manager_id = $1 OR t.id = $2
  OR EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = t.org_id AND x.team_id = t.id AND x.member_id = $1)
ORDER BY lower(t.name)";
    let rows: Vec<Named> = diesel::sql_query(SQL)
        .bind::<sql_types::Uuid, _>(actor.id.0)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(chosen)
        .bind::<sql_types::Bool, _>(actor.may("organisation.administer"))
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| SelectOption::new(row.id.to_string(), row.name, row.chosen)).collect())
}

/// The roles, and for which of them the view is the default.
pub(super) fn roles(tx: &mut OrgTx, view: Option<Uuid>) -> AppResult<Vec<SelectOption>> {
    const SQL: &str = "
SELECT r.id, r.name, EXISTS (SELECT 1 FROM view_defaults d WHERE d.org_id = r.org_id AND d.role_id = r.id AND d.view_id = $1) AS chosen
FROM roles r ORDER BY r.position, r.name";
    let rows: Vec<Named> =
        diesel::sql_query(SQL).bind::<sql_types::Nullable<sql_types::Uuid>, _>(view).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| SelectOption::new(row.id.to_string(), row.name, row.chosen)).collect())
}
