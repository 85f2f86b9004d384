//! Unique custom fields. The index on `custom_values_unique` decides, under concurrency too: triggers keep that table with every
//! write of a record. What is here tells beforehand, in words, and fills the table when a field becomes unique.

use super::{Entry, Origin, definition::CustomField};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::RecordType,
    schema::custom_values_unique,
};
use diesel::{prelude::*, sql_types};
use serde_json::Value;

/// A value as the table compares it; `None` when empty.
pub fn folded(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    (!text.is_empty()).then_some(text)
}

/// Whether another record holds the value already; a value left as it was is this record's own.
pub(super) fn taken(tx: &mut OrgTx, entry: &Entry, before: &Value, value: &Value) -> AppResult<bool> {
    let (Origin::Custom(field), Some(value)) = (entry.origin, folded(value)) else { return Ok(false) };
    if folded(before).as_ref() == Some(&value) {
        return Ok(false);
    }
    Ok(!holders(tx, field.0, &[value])?.is_empty())
}

/// Which of these folded values ([`folded`]) records hold already: what an import asks before it writes.
pub fn holders(tx: &mut OrgTx, field: uuid::Uuid, values: &[String]) -> AppResult<Vec<(String, uuid::Uuid)>> {
    Ok(custom_values_unique::table
        .filter(custom_values_unique::field_id.eq(field))
        .filter(custom_values_unique::value.eq_any(values))
        .select((custom_values_unique::value, custom_values_unique::record_id))
        .load(tx.conn())?)
}

#[derive(QueryableByName)]
struct Twice {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// Keeps writers of that record type out until this transaction ends: those under way are waited for. Taken before the definition
/// changes, so that every writer sees the field either as it was and has committed, or as it will be.
pub(super) fn stop_writers(tx: &mut OrgTx, record: RecordType) -> AppResult<()> {
    diesel::sql_query("SELECT app.lock_unique_values($1, app.org(), false)")
        .bind::<sql_types::Text, _>(record.noun())
        .execute(tx.conn())?;
    Ok(())
}

/// Fills the table for a field that became unique; refuses when values occur twice.
pub(super) fn begin(tx: &mut OrgTx, record: RecordType, field: &CustomField) -> AppResult<()> {
    tx.without_time_limit()?;
    let twice: Vec<Twice> = diesel::sql_query(format!(
        "SELECT min(left(custom->>$1, 60)) AS value FROM {} WHERE custom ? $1 AND deleted_at IS NULL \
         GROUP BY app.unique_value(custom->>$1) HAVING count(*) > 1 LIMIT 3",
        record.noun()
    ))
    .bind::<sql_types::Text, _>(&field.key)
    .load(tx.conn())?;
    if !twice.is_empty() {
        let some: Vec<String> = twice.into_iter().map(|row| format!("“{}”", row.value)).collect();
        let told = format!("cannot be asked for yet: {} stand in more than one record", some.join(", "));
        return Err(AppError::field("unique", told));
    }
    diesel::sql_query(format!(
        "INSERT INTO custom_values_unique (field_id, record_id, value) \
         SELECT $1, id, app.unique_value(custom->>$2) FROM {} \
         WHERE custom ? $2 AND deleted_at IS NULL AND app.unique_value(custom->>$2) IS NOT NULL",
        record.noun()
    ))
    .bind::<sql_types::Uuid, _>(field.id.0)
    .bind::<sql_types::Text, _>(&field.key)
    .execute(tx.conn())?;
    Ok(())
}

pub(super) fn end(tx: &mut OrgTx, field: &CustomField) -> AppResult<()> {
    diesel::delete(custom_values_unique::table.filter(custom_values_unique::field_id.eq(field.id.0)))
        .execute(tx.conn())?;
    Ok(())
}
