//! Reading leads, within what the reader may see.

use super::model::Lead;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::LeadId,
    schema::leads,
    web::Actor,
};
use diesel::prelude::*;
use uuid::Uuid;

/// A live or archived lead that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: LeadId) -> AppResult<Lead> {
    let lead: Lead = leads::table
        .filter(leads::id.eq(id))
        .filter(leads::deleted_at.is_null())
        .select(Lead::as_select())
        .first(tx.conn())?;
    seen(actor, lead)
}

/// [`find`], held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: LeadId) -> AppResult<Lead> {
    let lead: Lead = leads::table
        .filter(leads::id.eq(id))
        .filter(leads::deleted_at.is_null())
        .select(Lead::as_select())
        .for_update()
        .first(tx.conn())?;
    seen(actor, lead)
}

fn seen(actor: &Actor, lead: Lead) -> AppResult<Lead> {
    if actor.sees(lead.fields.owner_id.map(Uuid::from)) { Ok(lead) } else { Err(AppError::NotFound) }
}
