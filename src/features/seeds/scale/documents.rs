//! The search documents of a large organisation.
//!
//! Entry by entry, the trigram indexes cost ten times what the documents do: where they may be made anew, they are; elsewhere documents
//! are written batch by batch, as an import's are.

use super::{analyse_now, prepare, sweep};
use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    kernel::{OrgId, RecordType},
    search,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Documents written by one statement.
const BATCH: i64 = 5_000;
/// The same, where no index is in the way.
const SWEEP: i64 = 50_000;

pub(super) fn write(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
    sweep::stripped(tx, &["search_documents", "search_words"], |tx, stripped| match stripped {
        true => at_once(tx, org),
        false => piece_by_piece(tx, org),
    })
}

fn piece_by_piece(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
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

const WORDS: &str = "INSERT INTO search_words (org_id, word)
    SELECT DISTINCT d.org_id, word FROM search_documents d, regexp_split_to_table(d.folded_title, '[^[:alpha:]]+') AS word
    WHERE d.org_id = $1 AND length(word) BETWEEN 4 AND 32";

fn at_once(tx: &mut SystemTx, org: OrgId) -> AppResult<()> {
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
    Ok(())
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
