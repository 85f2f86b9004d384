//! What stands above each of the two records: what it is, how old, and what hangs on it.

use super::sides::Side;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Related records are counted so far.
const COUNTED: i64 = 1_000;

/// One of the two records, above its column.
pub(super) struct Column {
    pub which: &'static str,
    pub id: Uuid,
    pub name: String,
    pub href: String,
    pub added: String,
    pub changed: String,
    pub archived: bool,
    /// "3 deals", "2 notes"
    pub has: Vec<String>,
    pub version: i32,
    pub survives: bool,
}

/// What stands above a side.
pub(super) fn column(
    actor: &Actor,
    record: RecordType,
    side: &Side,
    which: &'static str,
    has: Vec<String>,
    survives: bool,
) -> Column {
    Column {
        which,
        id: side.id,
        name: side.standing.name.clone(),
        href: format!("/{}/{}", record.noun(), side.id),
        added: actor.moment(side.created_at),
        changed: actor.moment(side.updated_at),
        archived: side.standing.archived,
        has,
        version: side.standing.version,
        survives,
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    count: i64,
}

/// What hangs on a record, in words: "3 deals".
pub(super) fn related(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Vec<String>> {
    let key = record.key();
    let notes = format!("notes WHERE {key}_id = $1 AND deleted_at IS NULL");
    let mut kinds = vec![("note", "notes", notes)];
    match record {
        RecordType::Company => {
            kinds.push(("contact", "contacts", "contacts WHERE company_id = $1 AND deleted_at IS NULL".to_owned()));
            kinds.push(("deal", "deals", "deals WHERE company_id = $1 AND deleted_at IS NULL".to_owned()));
            kinds.push((
                "subsidiary",
                "subsidiaries",
                "companies WHERE parent_id = $1 AND deleted_at IS NULL".to_owned(),
            ));
        }
        RecordType::Contact => kinds.push(("deal", "deals", "deal_contacts WHERE contact_id = $1".to_owned())),
        RecordType::Lead | RecordType::Deal => {}
    }
    let mut has = Vec::new();
    for (one, many, of) in kinds {
        let sql = format!("SELECT count(*) AS count FROM (SELECT FROM {of} LIMIT {}) t", COUNTED + 1);
        let Count { count } = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).get_result(tx.conn())?;
        match count {
            0 => {}
            1 => has.push(format!("1 {one}")),
            n if n > COUNTED => has.push(format!("{}+ {many}", actor.locale.integer(COUNTED))),
            n => has.push(format!("{} {many}", actor.locale.integer(n))),
        }
    }
    Ok(has)
}
