//! Reading companies, within what the reader may see.

use super::model::Company;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{CompanyId, text},
    schema::companies,
    web::Actor,
};
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

/// A live or archived company that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<Company> {
    let company: Company = companies::table
        .filter(companies::id.eq(id))
        .filter(companies::deleted_at.is_null())
        .select(Company::as_select())
        .first(tx.conn())?;
    if actor.sees(company.owner_id.map(Uuid::from)) { Ok(company) } else { Err(AppError::NotFound) }
}

/// [`find`], held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: CompanyId) -> AppResult<Company> {
    let company: Company = companies::table
        .filter(companies::id.eq(id))
        .filter(companies::deleted_at.is_null())
        .select(Company::as_select())
        .for_update()
        .first(tx.conn())?;
    if actor.sees(company.owner_id.map(Uuid::from)) { Ok(company) } else { Err(AppError::NotFound) }
}

/// Names by id, of companies that are not deleted.
pub fn names(tx: &mut OrgTx, ids: &[CompanyId]) -> AppResult<HashMap<CompanyId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(CompanyId, String)> = companies::table
        .filter(companies::id.eq_any(ids))
        .filter(companies::deleted_at.is_null())
        .select((companies::id, companies::name))
        .load(tx.conn())?;
    Ok(rows.into_iter().collect())
}

/// The live companies whose name begins with these words, for a combobox: id, name, domain.
pub(super) fn options(tx: &mut OrgTx, actor: &Actor, q: &str) -> AppResult<Vec<(CompanyId, String, Option<String>)>> {
    let from = text::fold(q);
    let mut query =
        companies::table.filter(companies::archived_at.is_null()).filter(companies::deleted_at.is_null()).into_boxed();
    if !from.is_empty() {
        // A range of a leakproof operator, which LIKE is not: it reaches the index under row-level security.
        query = query
            .filter(companies::name_key.ge(from.clone()))
            .filter(companies::name_key.lt(format!("{from}\u{10FFFF}")));
    }
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(companies::owner_id.eq_any(owners));
    }
    let rows = query
        .order((companies::name_key, companies::id))
        .select((companies::id, companies::name, companies::domain))
        .limit(10)
        .load(tx.conn())?;
    Ok(rows)
}

/// The company's ancestors, nearest first; stops where a circle would begin.
pub(super) fn ancestors(tx: &mut OrgTx, id: CompanyId) -> AppResult<Vec<CompanyId>> {
    let mut line = vec![id];
    while let Some(last) = line.last() {
        let parent: Option<Option<CompanyId>> = companies::table
            .filter(companies::id.eq(*last))
            .select(companies::parent_id)
            .first(tx.conn())
            .optional()?;
        match parent.flatten() {
            Some(parent) if !line.contains(&parent) && line.len() < 100 => line.push(parent),
            _ => break,
        }
    }
    Ok(line)
}
