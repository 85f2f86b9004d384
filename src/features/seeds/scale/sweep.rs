//! Tables that are filled without their indexes.
//!
//! Entry by entry, indexes cost several times what the rows do. Where a table is empty and the connecting role may, they are dropped, and
//! made anew when all rows are there, in the same transaction. Unique ones stay.

use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
};
use diesel::{connection::SimpleConnection, prelude::*, sql_types};

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    definition: String,
}

const INDEXES: &str =
    "SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
    WHERE i.indrelid::regclass::text = ANY ($1) AND NOT i.indisunique ORDER BY 1";

/// Calls `fill` with those tables stripped of their indexes, if they may be; it is told whether they are.
pub(super) fn stripped<T>(
    tx: &mut SystemTx,
    tables: &[&str],
    fill: impl FnOnce(&mut SystemTx, bool) -> AppResult<T>,
) -> AppResult<T> {
    if !may(tx, tables)? {
        return fill(tx, false);
    }
    let indexes: Vec<Index> =
        diesel::sql_query(INDEXES).bind::<sql_types::Array<sql_types::Text>, _>(tables).load(tx.conn())?;
    let drop: String = indexes.iter().map(|index| format!("DROP INDEX {};", index.name)).collect();
    as_owner(tx, &drop)?;
    let done = fill(tx, true)?;
    let create: String = indexes.iter().map(|index| format!("{};", index.definition)).collect();
    as_owner(tx, &format!("SET LOCAL maintenance_work_mem = '256MB'; {create}"))?;
    Ok(done)
}

/// Whether the role owns the tables and they are empty.
fn may(tx: &mut SystemTx, tables: &[&str]) -> AppResult<bool> {
    let empty: Vec<String> = tables.iter().map(|table| format!("NOT EXISTS (SELECT 1 FROM {table})")).collect();
    let sql = format!(
        "SELECT pg_has_role(session_user, 'pipewright_owner',
            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AND {} AS yes",
        empty.join(" AND ")
    );
    yes(tx, &sql)
}

fn yes(tx: &mut SystemTx, sql: &str) -> AppResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Bool)]
        yes: bool,
    }
    Ok(diesel::sql_query(sql).get_result::<Row>(tx.conn())?.yes)
}

fn as_owner(tx: &mut SystemTx, statements: &str) -> AppResult<()> {
    let sql = format!("SET LOCAL ROLE pipewright_owner; {statements} SET LOCAL ROLE pipewright_system");
    Ok(tx.conn().batch_execute(&sql)?)
}

/// Calls `fill` without triggers and checks of references, if the connecting role is the superuser; it is told whether they are off.
/// For rows that are made from rows that are there.
pub(super) fn untriggered<T>(
    tx: &mut SystemTx,
    fill: impl FnOnce(&mut SystemTx, bool) -> AppResult<T>,
) -> AppResult<T> {
    let off = yes(tx, "SELECT rolsuper AS yes FROM pg_roles WHERE rolname = session_user")?;
    let set = |tx: &mut SystemTx, role: &str| {
        let sql = format!("RESET ROLE; SET LOCAL session_replication_role = {role}; SET LOCAL ROLE pipewright_system");
        tx.conn().batch_execute(&sql)
    };
    if !off {
        return fill(tx, false);
    }
    set(tx, "replica")?;
    let done = fill(tx, true)?;
    set(tx, "origin")?;
    Ok(done)
}
