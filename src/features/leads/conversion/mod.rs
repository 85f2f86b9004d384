//! Conversion: a lead becomes a contact, with their company and perhaps a deal, each found or made, in one transaction.
//!
//! The lead is archived, and its row in `lead_conversions` says what came of it. A form sent twice converts once. It can be taken
//! back as long as nobody touched what it made.

mod belongings;
mod candidates;
mod carry;
mod commands;
mod origins;
mod pages;
mod plan;
mod reversal;

pub use origins::{Origin, origins};
pub(super) use pages::{convert, form, undo};

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{CompanyId, ContactId, DealId, LeadId, MemberId, RecordType},
    schema::{lead_conversions, leads},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What came of a lead.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = lead_conversions)]
pub(super) struct Conversion {
    pub contact_id: Option<ContactId>,
    pub company_id: Option<CompanyId>,
    pub deal_id: Option<DealId>,
    made: serde_json::Value,
    status_before: String,
    pub converted_by: Option<MemberId>,
    pub converted_at: DateTime<Utc>,
    moved: serde_json::Value,
}

/// A record that a conversion made, at the version it made.
#[derive(Serialize, Deserialize, Clone, Debug)]
struct Made {
    record: String,
    id: Uuid,
    version: i32,
}

impl Conversion {
    /// The records that came of it, the person first.
    pub(super) fn records(&self) -> Vec<(RecordType, Uuid)> {
        let all = [
            (RecordType::Contact, self.contact_id.map(Uuid::from)),
            (RecordType::Company, self.company_id.map(Uuid::from)),
            (RecordType::Deal, self.deal_id.map(Uuid::from)),
        ];
        all.into_iter().filter_map(|(record, id)| Some((record, id?))).collect()
    }

    fn made(&self) -> Vec<(RecordType, Uuid, i32)> {
        let made: Vec<Made> = serde_json::from_value(self.made.clone()).unwrap_or_default();
        made.into_iter().filter_map(|m| Some((RecordType::parse(&m.record)?, m.id, m.version))).collect()
    }
}

/// What came of that lead, if it is converted.
pub(super) fn of(tx: &mut OrgTx, id: LeadId) -> AppResult<Option<Conversion>> {
    let query = lead_conversions::table.filter(lead_conversions::lead_id.eq(id)).select(Conversion::as_select());
    Ok(query.first(tx.conn()).optional()?)
}

/// For [`crate::features::records::Spec`]: a converted lead stays archived until its conversion is taken back.
pub(super) fn refuse_return(tx: &mut OrgTx, id: Uuid) -> AppResult<()> {
    let deleted: Option<DateTime<Utc>> =
        leads::table.filter(leads::id.eq(id)).select(leads::deleted_at).first(tx.conn())?;
    if deleted.is_none() && of(tx, LeadId(id))?.is_some() {
        return Err(AppError::Conflict("This lead is converted. Undo the conversion to bring it back.".into()));
    }
    Ok(())
}
