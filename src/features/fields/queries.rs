//! Reading the definitions of custom fields.

use super::definition::CustomField;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{CustomFieldId, RecordType},
    schema::custom_fields,
};
use diesel::prelude::*;
use std::sync::Arc;

/// Every custom field of that record type, retired ones too, in form order.
pub fn all(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<CustomField>> {
    known(tx, record).map(Arc::unwrap_or_clone)
}

/// The same, shared.
pub(super) fn known(tx: &mut OrgTx, record: RecordType) -> AppResult<Arc<Vec<CustomField>>> {
    tx.known(record.key(), |tx| {
        Ok(custom_fields::table
            .filter(custom_fields::record_type.eq(record.key()))
            .order((custom_fields::position, custom_fields::id))
            .select(CustomField::as_select())
            .load(tx.conn())?)
    })
}

pub(super) fn find(tx: &mut OrgTx, id: CustomFieldId) -> AppResult<CustomField> {
    Ok(custom_fields::table.filter(custom_fields::id.eq(id)).select(CustomField::as_select()).first(tx.conn())?)
}

/// The field as nobody else changes it until this transaction ends.
pub(super) fn lock(tx: &mut OrgTx, id: CustomFieldId) -> AppResult<CustomField> {
    let found = custom_fields::table.filter(custom_fields::id.eq(id)).select(CustomField::as_select());
    Ok(found.for_update().first(tx.conn())?)
}
