//! Reads of deals. What the actor may not see is not found.

use super::model::{Deal, DealRow};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{CompanyId, DealId, MemberId, StageId},
    schema::{companies, deals, members, stages},
    web::Actor,
};
use diesel::prelude::*;
use serde_json::{Value, json};

/// The deal, archived ones too.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: DealId) -> AppResult<Deal> {
    let row = deals::table
        .filter(deals::id.eq(id))
        .filter(deals::deleted_at.is_null())
        .select(DealRow::as_select())
        .first(tx.conn())?;
    visible(actor, row.into())
}

/// Like [`find`], and nobody else changes it until this transaction ends. The stage, if it is to be locked as well, comes first.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: DealId) -> AppResult<Deal> {
    let row = deals::table
        .filter(deals::id.eq(id))
        .filter(deals::deleted_at.is_null())
        .select(DealRow::as_select())
        .for_no_key_update()
        .first(tx.conn())?;
    visible(actor, row.into())
}

fn visible(actor: &Actor, deal: Deal) -> AppResult<Deal> {
    if actor.sees(deal.owner_id.map(Into::into)) { Ok(deal) } else { Err(AppError::NotFound) }
}

/// `{"id", "name"}`, as events keep references, so that history stays readable after what it names is gone.
pub(super) fn company_ref(tx: &mut OrgTx, id: Option<CompanyId>) -> AppResult<Value> {
    let Some(id) = id else { return Ok(Value::Null) };
    let name: Option<String> =
        companies::table.filter(companies::id.eq(id)).select(companies::name).first(tx.conn()).optional()?;
    Ok(json!({ "id": id, "name": name }))
}

pub(super) fn member_ref(tx: &mut OrgTx, id: Option<MemberId>) -> AppResult<Value> {
    let Some(id) = id else { return Ok(Value::Null) };
    let name: Option<String> =
        members::table.filter(members::id.eq(id)).select(members::name).first(tx.conn()).optional()?;
    Ok(json!({ "id": id, "name": name }))
}

pub(super) fn stage_ref(tx: &mut OrgTx, id: StageId) -> AppResult<Value> {
    let name: Option<String> =
        stages::table.filter(stages::id.eq(id)).select(stages::name).first(tx.conn()).optional()?;
    Ok(json!({ "id": id, "name": name }))
}

/// The company's name, whoever owns it: a deal says whom it is with.
pub(super) fn company_name(tx: &mut OrgTx, id: Option<CompanyId>) -> AppResult<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    let query = companies::table.filter(companies::id.eq(id)).filter(companies::deleted_at.is_null());
    Ok(query.select(companies::name).first(tx.conn()).optional()?)
}
