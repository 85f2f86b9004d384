//! The search documents of a large organisation.
//!
//! Entry by entry, the trigram indexes cost ten times what the documents do. Where nobody has any yet and the connecting role may, they
//! are dropped, and made anew when all documents are there; elsewhere documents are written batch by batch, as an import's are.

use super::{analyse_now, prepare};
use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    kernel::{OrgId, RecordType},
    search,
};
use diesel::{connection::SimpleConnection, prelude::*, sql_types};
use uuid::Uuid;

/// Documents written by one statement.
const BATCH: i64 = 5_000;
/// The same, where no index is in the way.
const SWEEP: i64 = 50_000;

pub(super) fn write(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    if may_sweep(tx)? {
        return sweep(tx, org);
    }
    for record_type in RecordType::ALL {
        prepare(tx)?; // the type before ended with short lists
        let mut first = true;
        let last = batches(tx, org, record_type, BATCH, |tx, ids| {
            search::rewrite(tx, org.0, record_type, ids)?;
            if first {
                analyse_now(tx)?;
            }
            first = false;
            Ok(())
        })?;
        search::settle(tx, org.0, record_type, last)?;
    }
    Ok(())
}

fn may_sweep(tx: &mut SystemTx) -> AppResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Bool)]
        may: bool,
    }
    let sql = "SELECT pg_has_role(session_user, 'pipewright_owner',
            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
        AND NOT EXISTS (SELECT 1 FROM search_documents) AND NOT EXISTS (SELECT 1 FROM search_words) AS may";
    Ok(diesel::sql_query(sql).get_result::<Row>(tx.conn())?.may)
}

#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Text)]
    definition: String,
}

const INDEXES: &str =
    "SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
    WHERE i.indrelid IN ('search_documents'::regclass, 'search_words'::regclass) AND NOT i.indisunique ORDER BY 1";
const WORDS: &str = "INSERT INTO search_words (org_id, word)
    SELECT DISTINCT d.org_id, word FROM search_documents d, regexp_split_to_table(d.folded_title, '[^[:alpha:]]+') AS word
    WHERE d.org_id = $1 AND length(word) BETWEEN 4 AND 32";

fn sweep(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    let indexes: Vec<Index> = diesel::sql_query(INDEXES).load(tx.conn())?;
    let drop: String = indexes.iter().map(|index| format!("DROP INDEX {};", index.name)).collect();
    as_owner(tx, &drop)?;
    for record_type in RecordType::ALL {
        batches(tx, org, record_type, SWEEP, |tx, ids| {
            diesel::sql_query("INSERT INTO search_documents SELECT * FROM app.search_documents_of($1, $2, $3)")
                .bind::<sql_types::Uuid, _>(org.0)
                .bind::<sql_types::Text, _>(record_type.key())
                .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
                .execute(tx.conn())?;
            Ok(())
        })?;
    }
    diesel::sql_query(WORDS).bind::<sql_types::Uuid, _>(org.0).execute(tx.conn())?;
    let create: String = indexes.iter().map(|index| format!("{};", index.definition)).collect();
    as_owner(tx, &format!("SET LOCAL maintenance_work_mem = '256MB'; {create}"))
}

fn as_owner(tx: &mut SystemTx, statements: &str) -> AppResult<()> {
    let sql = format!("SET LOCAL ROLE pipewright_owner; {statements} SET LOCAL ROLE pipewright_system");
    Ok(tx.conn().batch_execute(&sql)?)
}

/// Calls `write` with all ids of that type, some at a time, in order; returns the last.
fn batches(
    tx: &mut SystemTx,
    org: OrgId,
    record_type: RecordType,
    size: i64,
    mut write: impl FnMut(&mut SystemTx, &[Uuid]) -> AppResult<()>,
) -> AppResult<Uuid> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    let sql = format!("SELECT id FROM {} WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT {size}", record_type.noun());
    let mut after = Uuid::nil();
    loop {
        let rows = diesel::sql_query(&sql)
            .bind::<sql_types::Uuid, _>(org.0)
            .bind::<sql_types::Uuid, _>(after)
            .load::<Row>(tx.conn())?;
        let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
        let Some(last) = ids.last() else { return Ok(after) };
        after = *last;
        write(tx, &ids)?;
    }
}
