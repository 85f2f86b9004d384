//! Until `features::companies` resolves names: by id, or by the exact folded name of a visible company.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{CompanyId, text},
    schema::companies,
    web::{Actor, Form},
};
use diesel::prelude::*;

pub fn reference<'a>(form: &'a Form, field: &str) -> (Option<CompanyId>, &'a str) {
    let name = form.get(field);
    let id = form.get(&format!("{field}_id"));
    let id = (!id.is_empty()).then(|| id.parse().unwrap_or(CompanyId(uuid::Uuid::nil())));
    if form.has(field) && name.is_empty() { (None, "") } else { (id, name) }
}

pub fn resolve(tx: &mut OrgTx, _: &Actor, id: Option<CompanyId>, name: &str) -> AppResult<Option<CompanyId>> {
    if id.is_some() || name.is_empty() {
        return Ok(id);
    }
    let found: Option<CompanyId> = companies::table
        .filter(companies::name_key.eq(text::fold(name)))
        .select(companies::id)
        .first(tx.conn())
        .optional()?;
    found.map(Some).ok_or_else(|| AppError::field("company_id", "is not known"))
}
