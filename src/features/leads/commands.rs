//! Creating and changing leads: the row, its event and its search document in one transaction.

use super::{conversion, model::NewLead, queries};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        accounts::members,
        quality::{self, Written},
        records::Saved,
    },
    kernel::{LeadId, RecordType},
    schema::leads,
    search,
    web::{
        Allow,
        permission::leads::{Create, Edit},
    },
};
use diesel::prelude::*;
use serde_json::json;

pub fn create(tx: &mut OrgTx, by: &Allow<Create>, new: &NewLead) -> AppResult<LeadId> {
    members::check_owner(tx, new.owner_id, "owner_id")?;
    let id = LeadId::new();
    let created_by = tx.by();
    diesel::insert_into(leads::table)
        .values((leads::id.eq(id), new, leads::created_by.eq(created_by)))
        .execute(tx.conn())?;
    let nothing = NewLead { currency: by.org.currency.clone(), ..NewLead::default() };
    let changes = NewLead::changes(&nothing, new, tx)?;
    quality::written(tx, RecordType::Lead, id.0, Written::New)?;
    let event = Event::new("lead.created", RecordType::Lead, id).version(1).changes(changes);
    events::record(tx, event.data(json!({ "currency": new.currency })))?;
    search::reindex(tx, RecordType::Lead, &[id.0])?;
    Ok(id)
}

/// Saves over `version`; a lead that moved on is left as it is.
pub fn update(tx: &mut OrgTx, by: &Allow<Edit>, id: LeadId, version: i32, new: &NewLead) -> AppResult<Saved> {
    let current = queries::lock(tx, by, id)?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    if conversion::of(tx, id)?.is_some() {
        return Err(AppError::Conflict("This lead is converted. Change what came of it instead.".into()));
    }
    let before = current.fields;
    if before.owner_id != new.owner_id {
        members::check_owner(tx, new.owner_id, "owner_id")?;
    }
    let changes = NewLead::changes(&before, new, tx)?;
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    let next = version + 1;
    diesel::update(leads::table.filter(leads::id.eq(id)))
        .set((new, leads::version.eq(next), leads::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    quality::written(tx, RecordType::Lead, id.0, Written::Changes(&changes))?;
    let event = Event::new("lead.updated", RecordType::Lead, id).version(next).changes(changes);
    events::record(tx, event.data(json!({ "currency": new.currency })))?;
    search::reindex(tx, RecordType::Lead, &[id.0])?;
    Ok(Saved::Done(next))
}
