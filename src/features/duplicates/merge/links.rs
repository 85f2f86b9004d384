//! Links to the record in fields of the organisation's own, of whatever type of record: they follow a merge, and go back with its undo.

use super::relations::Way;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::fields::{self, CustomField, Kind},
    kernel::RecordType,
    search,
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Records whose field named the one, and now the other.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Linked {
    /// `contact`, …: what holds the field.
    record: String,
    key: String,
    ids: Vec<Uuid>,
}

/// Every link to `from` now leads to `to`.
pub(super) fn hand_over(tx: &mut OrgTx, way: &Way) -> AppResult<Vec<Linked>> {
    let mut linked = Vec::new();
    for holder in RecordType::ALL {
        for field in to_this(tx, holder, way.record)? {
            let ids = relink(tx, way, holder, &field, None)?;
            if !ids.is_empty() {
                linked.push(Linked { record: holder.key().to_owned(), key: field.key, ids });
            }
        }
    }
    Ok(linked)
}

/// Those that were moved go back, as far as they still lead where they were put. `back` is the way back. Returns how many stayed.
pub(super) fn hand_back(tx: &mut OrgTx, back: &Way, linked: &[Linked]) -> AppResult<usize> {
    let mut stayed = 0;
    for moved in linked {
        let Some(holder) = RecordType::parse(&moved.record) else { continue };
        for field in to_this(tx, holder, back.record)?.iter().filter(|field| field.key == moved.key) {
            stayed += moved.ids.len().saturating_sub(relink(tx, back, holder, field, Some(&moved.ids))?.len());
        }
    }
    Ok(stayed)
}

/// The holder's fields that link to such records; retired ones too, for they may come back.
fn to_this(tx: &mut OrgTx, holder: RecordType, record: RecordType) -> AppResult<Vec<CustomField>> {
    Ok(fields::all(tx, holder)?.into_iter().filter(|field| field.kind() == Kind::Record(record)).collect())
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Each gets a version and an event, as by hand. The record itself is not linked to itself.
fn relink(
    tx: &mut OrgTx,
    way: &Way,
    holder: RecordType,
    field: &CustomField,
    only: Option<&[Uuid]>,
) -> AppResult<Vec<Uuid>> {
    // Only one record may have the value of a unique field: whoever links to the other one keeps it.
    if field.is_unique && !fields::holders(tx, field.id.0, &[way.to.to_string()])?.is_empty() {
        return Ok(Vec::new());
    }
    let by = tx.by();
    let rows: Vec<Id> = diesel::sql_query(sql(holder))
        .bind::<sql_types::Uuid, _>(way.from)
        .bind::<sql_types::Uuid, _>(way.to)
        .bind::<sql_types::Text, _>(&field.key)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(only)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Text, _>(way.from_name)
        .bind::<sql_types::Text, _>(way.to_name)
        .bind::<sql_types::Uuid, _>(way.merge)
        .load(tx.conn())?;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    if field.searchable {
        search::reindex(tx, holder, &ids)?;
    }
    Ok(ids)
}

fn sql(holder: RecordType) -> String {
    format!(
        "WITH linked AS (
           UPDATE {noun} SET custom = jsonb_set(custom, ARRAY[$3], to_jsonb($2::text)), version = version + 1, updated_at = now()
           WHERE id = ANY (ARRAY(SELECT app.linking('{noun}', $1))) AND custom->>$3 = $1::text AND id <> $2
             AND ($4 IS NULL OR id = ANY ($4)) RETURNING id, version
         ), noted AS (
           INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
           SELECT $5, '{key}.updated', '{key}', id, version, jsonb_build_object($3, jsonb_build_array(
             jsonb_build_object('id', $1, 'name', $6), jsonb_build_object('id', $2, 'name', $7))), jsonb_build_object('merge_id', $8)
           FROM linked)
         SELECT id FROM linked",
        noun = holder.noun(),
        key = holder.key(),
    )
}
