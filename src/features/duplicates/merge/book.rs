//! The book of merges: what went into what, where a merged record's address leads, and what the survivor's page says of it.

use super::name_in;
use crate::{
    db::{Db, OrgTx, Tx, kept},
    error::{AppError, AppResult},
    features::records::{self, require_delete, require_edit},
    kernel::{MemberId, MergeId, RecordType},
    schema::merges,
    web::{Actor, Page, reply},
};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

/// Merges that a record's page names, the latest first.
const SHOWN: i64 = 5;

/// A merge as it is kept.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = merges)]
pub(super) struct Merge {
    pub id: MergeId,
    pub record_type: String,
    pub survivor_id: Uuid,
    pub merged_id: Uuid,
    pub before: Value,
    pub after: Value,
    pub moved: Value,
    pub survivor_version: i32,
    pub merged_at: DateTime<Utc>,
    pub undone_at: Option<DateTime<Utc>>,
}

impl Merge {
    pub(super) fn record(&self) -> AppResult<RecordType> {
        RecordType::parse(&self.record_type).ok_or(AppError::NotFound)
    }
}

/// Held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, id: MergeId) -> AppResult<Merge> {
    Ok(merges::table.filter(merges::id.eq(id)).select(Merge::as_select()).for_update().first(tx.conn())?)
}

/// The merge that took this record away, if it is not undone.
pub(super) fn of_merged(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<Option<Merge>> {
    Ok(merges::table
        .filter(merges::merged_id.eq(id))
        .filter(merges::record_type.eq(record.key()))
        .filter(merges::undone_at.is_null())
        .select(Merge::as_select())
        .first(tx.conn())
        .optional()?)
}

/// Whether something was merged into this record after that moment, and still is.
pub(super) fn merged_later(tx: &mut OrgTx, merge: &Merge) -> AppResult<bool> {
    let later = merges::table
        .filter(merges::survivor_id.eq(merge.survivor_id))
        .filter(merges::record_type.eq(&merge.record_type))
        .filter(merges::undone_at.is_null())
        .filter(merges::id.gt(merge.id));
    Ok(diesel::select(diesel::dsl::exists(later)).get_result(tx.conn())?)
}

/// A merged record comes back by the undo of its merge alone.
pub fn refuse_return(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<()> {
    match of_merged(tx, record, id)? {
        Some(_) => {
            Err(AppError::Conflict("It was merged into another record. Undo the merge to bring it back.".into()))
        }
        None => Ok(()),
    }
}

/// The page of a record; when it was not found because it was merged into one that the reader sees, the way to that one.
pub async fn page_or_survivor<T: Template>(
    page: &Page,
    db: &Db,
    record: RecordType,
    id: Uuid,
    whole: AppResult<T>,
) -> AppResult<HttpResponse> {
    match whole {
        Ok(whole) => reply::page(&page.req, &whole),
        Err(AppError::NotFound) => to_survivor(page, db, record, id).await,
        Err(error) => Err(error),
    }
}

/// The way from a record that was merged to the one that is left.
pub async fn to_survivor(page: &Page, db: &Db, record: RecordType, id: Uuid) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let survivor = db.org(page, move |tx| survivor(tx, &actor, record, id)).await?;
    Ok(reply::redirect(&page.req, &format!("/{}/{survivor}", record.noun()), None))
}

/// Follows merges to the record that is left. Never in circles: a merged record is deleted, so nothing can be merged into it.
fn survivor(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Uuid> {
    let mut at = id;
    while let Some(merge) = of_merged(tx, record, at)? {
        at = merge.survivor_id;
    }
    if at == id {
        return Err(AppError::NotFound);
    }
    records::visible(tx, actor, record, at).map(|_| at)
}

/// A record that went into the one on the page.
#[derive(Clone, Debug)]
pub struct Merged {
    pub id: MergeId,
    pub name: String,
    pub when: String,
    pub exact: String,
    /// Empty when nobody in particular did it.
    pub by: String,
    /// Only the last one can be taken back.
    pub may_undo: bool,
}

impl Merged {
    /// What went into this record, the latest first.
    pub fn into_record(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Vec<Self>> {
        let may = require_edit(actor, record).is_ok() && require_delete(actor, record).is_ok();
        let query = diesel::sql_query(LATEST)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(record.key())
            .bind::<sql_types::BigInt, _>(SHOWN);
        let rows: Vec<Row> = kept(query).load(tx.conn())?;
        let row = |(place, row): (usize, Row)| Self {
            id: MergeId(row.id),
            name: name_in(&row.merged),
            when: actor.within(row.merged_at),
            exact: actor.exact(row.merged_at),
            by: row.by.unwrap_or_default(),
            may_undo: may && place == 0,
        };
        Ok(rows.into_iter().enumerate().map(row).collect())
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    merged: Value,
    #[diesel(sql_type = sql_types::Timestamptz)]
    merged_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    by: Option<String>,
}

const LATEST: &str = "
SELECT g.id, g.before->'merged' AS merged, g.merged_at, m.name AS by
FROM merges g LEFT JOIN members m ON m.org_id = g.org_id AND m.id = g.merged_by
WHERE g.survivor_id = $1 AND g.record_type = $2 AND g.undone_at IS NULL
ORDER BY g.id DESC LIMIT $3";

/// Notes that a merge is taken back.
pub(super) fn close(tx: &mut OrgTx, id: MergeId) -> AppResult<()> {
    let by: Option<MemberId> = tx.by();
    diesel::update(merges::table.filter(merges::id.eq(id)))
        .set((merges::undone_at.eq(Some(Utc::now())), merges::undone_by.eq(by)))
        .execute(tx.conn())?;
    Ok(())
}
