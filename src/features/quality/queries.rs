//! Reading rules and what breaks them.

use super::rule::ValidationRule;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, RuleId},
    schema::validation_rules,
};
use diesel::{prelude::*, sql_types};
use std::sync::Arc;

/// Where counting records stops.
pub const COUNTED: i64 = 1_000;

/// Of one record type, in the order they were made.
pub fn all(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<ValidationRule>> {
    tx.known(record.key(), |tx| live(tx, record)).map(Arc::unwrap_or_clone)
}

fn live(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<ValidationRule>> {
    let live = validation_rules::table
        .filter(validation_rules::record_type.eq(record.key()))
        .filter(validation_rules::deleted_at.is_null());
    Ok(live
        .order((validation_rules::created_at, validation_rules::id))
        .select(ValidationRule::as_select())
        .load(tx.conn())?)
}

pub(super) fn in_force(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<ValidationRule>> {
    Ok(all(tx, record)?.into_iter().filter(|rule| rule.active).collect())
}

pub(super) fn find(tx: &mut OrgTx, id: RuleId) -> AppResult<ValidationRule> {
    let live =
        validation_rules::table.filter(validation_rules::id.eq(id)).filter(validation_rules::deleted_at.is_null());
    Ok(live.select(ValidationRule::as_select()).first(tx.conn())?)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Live records that break the rule and that someone sees who sees these owners; counting stops at [`COUNTED`] and one more.
pub(super) fn breaking(
    tx: &mut OrgTx,
    record: RecordType,
    id: RuleId,
    owners: Option<Vec<uuid::Uuid>>,
) -> AppResult<i64> {
    let sql = format!(
        "SELECT count(*) AS n FROM (SELECT 1 FROM rule_breaks b JOIN {} r ON r.org_id = b.org_id AND r.id = b.record_id \
         WHERE b.rule_id = $1 AND r.archived_at IS NULL AND r.deleted_at IS NULL AND ($2 IS NULL OR r.owner_id = ANY ($2)) LIMIT {}) x",
        record.noun(),
        COUNTED + 1
    );
    let found: Count = diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(owners)
        .get_result(tx.conn())?;
    Ok(found.n)
}
