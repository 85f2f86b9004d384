//! Reading tags.

use super::model::Tag;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{RecordType, TagId, text},
    schema::{record_tags, tags},
};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// Most tags an organisation's menus offer.
const OFFERED: i64 = 500;
/// Where counting a tag's records stops.
pub const COUNTED: i64 = 10_000;

/// The organisation's tags, by name.
pub fn all(tx: &mut OrgTx) -> AppResult<Vec<Tag>> {
    let live = tags::table.filter(tags::deleted_at.is_null()).order((tags::name_key, tags::id)).limit(OFFERED);
    Ok(live.select(Tag::as_select()).load(tx.conn())?)
}

/// A live tag.
pub fn find(tx: &mut OrgTx, id: TagId) -> AppResult<Tag> {
    let live = tags::table.filter(tags::id.eq(id)).filter(tags::deleted_at.is_null());
    Ok(live.select(Tag::as_select()).first(tx.conn())?)
}

/// The tag that an address or filter means: one that was merged is the one it was merged into. Errors belong to `tag`.
pub fn meant(tx: &mut OrgTx, id: TagId) -> AppResult<TagId> {
    let found: Option<Option<TagId>> =
        tags::table.filter(tags::id.eq(id)).select(tags::merged_into).first(tx.conn()).optional()?;
    match found {
        Some(into) => Ok(into.unwrap_or(id)),
        None => Err(AppError::field("tag", "is not one of the choices")),
    }
}

/// Those of these tags that are live.
pub fn find_many(tx: &mut OrgTx, ids: &[TagId]) -> AppResult<Vec<Tag>> {
    let live = tags::table.filter(tags::id.eq_any(ids)).filter(tags::deleted_at.is_null());
    Ok(live.order(tags::name_key).select(Tag::as_select()).load(tx.conn())?)
}

pub(super) fn by_name(tx: &mut OrgTx, name: &str) -> AppResult<Option<Tag>> {
    let live = tags::table.filter(tags::name_key.eq(text::fold(name))).filter(tags::deleted_at.is_null());
    Ok(live.select(Tag::as_select()).first(tx.conn()).optional()?)
}

/// The tags of a record, by name.
pub fn of(tx: &mut OrgTx, record: RecordType, id: Uuid) -> AppResult<Vec<Tag>> {
    Ok(of_many(tx, record, &[id])?.remove(&id).unwrap_or_default())
}

/// The tags of each of these records that has any, by name.
pub fn of_many(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<HashMap<Uuid, Vec<Tag>>> {
    let rows: Vec<(Uuid, Tag)> = record_tags::table
        .inner_join(tags::table.on(tags::id.eq(record_tags::tag_id).and(tags::org_id.eq(record_tags::org_id))))
        .filter(record_tags::record_type.eq(record.key()))
        .filter(record_tags::record_id.eq_any(ids))
        .filter(tags::deleted_at.is_null())
        .order(tags::name_key)
        .select((record_tags::record_id, Tag::as_select()))
        .load(tx.conn())?;
    let mut found: HashMap<Uuid, Vec<Tag>> = HashMap::new();
    for (id, tag) in rows {
        found.entry(id).or_default().push(tag);
    }
    Ok(found)
}

/// A tag with how many live records have it, of all types; counting stops at [`COUNTED`].
#[derive(QueryableByName, Clone, Debug)]
pub struct Counted {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: TagId,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Text)]
    pub color: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub records: i64,
}

/// The bin is small and has an index; hashed once, it takes nothing from counting.
const COUNTS: &str = "
WITH bin AS MATERIALIZED (SELECT id FROM companies WHERE deleted_at IS NOT NULL UNION ALL SELECT id FROM contacts WHERE deleted_at IS NOT NULL
  UNION ALL SELECT id FROM leads WHERE deleted_at IS NOT NULL UNION ALL SELECT id FROM deals WHERE deleted_at IS NOT NULL)
SELECT t.id, t.name, t.color,
  (SELECT count(*) FROM (SELECT 1 FROM record_tags x WHERE x.org_id = t.org_id AND x.tag_id = t.id
     AND x.record_id NOT IN (SELECT id FROM bin) LIMIT $1) c) AS records
FROM tags t WHERE t.deleted_at IS NULL ORDER BY t.name_key, t.id LIMIT $2";

pub fn counted(tx: &mut OrgTx) -> AppResult<Vec<Counted>> {
    let rows = diesel::sql_query(COUNTS)
        .bind::<sql_types::BigInt, _>(COUNTED + 1)
        .bind::<sql_types::BigInt, _>(OFFERED)
        .load(tx.conn())?;
    Ok(rows)
}
