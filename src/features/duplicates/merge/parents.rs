//! Companies above companies: a merge must not make a company its own ancestor.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Above {
    #[diesel(sql_type = sql_types::Bool)]
    above: bool,
}

const ABOVE: &str = "
WITH RECURSIVE line AS (
  SELECT c.id, c.parent_id, 1 AS depth FROM companies c WHERE c.id = $1
  UNION ALL
  SELECT c.id, c.parent_id, line.depth + 1 FROM companies c JOIN line ON c.id = line.parent_id WHERE line.depth < 100)
SELECT EXISTS (SELECT FROM line WHERE id = ANY ($2)) AS above";

/// Whether that company is one of these, or descends from one.
pub(super) fn descends(tx: &mut OrgTx, company: Uuid, from: &[Uuid]) -> AppResult<bool> {
    let found: Above = diesel::sql_query(ABOVE)
        .bind::<sql_types::Uuid, _>(company)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(from)
        .get_result(tx.conn())?;
    Ok(found.above)
}
