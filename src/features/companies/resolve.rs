//! From what a form says about a company, an id or only a name, to the company meant.

use super::{commands, model::NewCompany};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{CompanyId, text},
    schema::companies,
    web::{
        Actor, Allow, Form,
        permission::{Permission, companies::Create},
    },
};
use diesel::prelude::*;
use uuid::Uuid;

/// What a combobox named `field` posted: the chosen id (`{field}_id`) and the text. Without a script the text changes and the id
/// does not, so an emptied text means no company, whatever the id says.
pub fn reference<'a>(form: &'a Form, field: &str) -> (Option<CompanyId>, &'a str) {
    let name = form.get(field);
    let id = form.get(&format!("{field}_id"));
    // A malformed id becomes one that no record has, and so the same error.
    let id = (!id.is_empty()).then(|| id.parse().unwrap_or(CompanyId(Uuid::nil())));
    if form.has(field) && name.is_empty() { (None, "") } else { (id, name) }
}

/// The company meant: the id when it agrees with the name, else the visible live company of that name or domain, else a new one when
/// the actor may add companies. Errors belong to `company_id`.
pub fn resolve(tx: &mut OrgTx, actor: &Actor, id: Option<CompanyId>, name: &str) -> AppResult<Option<CompanyId>> {
    resolve_as(tx, actor, id, name, "company_id")
}

pub(super) fn resolve_as(
    tx: &mut OrgTx,
    actor: &Actor,
    id: Option<CompanyId>,
    name: &str,
    field: &str,
) -> AppResult<Option<CompanyId>> {
    if let Some(found) = known(tx, actor, id, name, field)? {
        return Ok(Some(found));
    }
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    may_add(actor, field)?;
    let new = NewCompany { name: name.to_owned(), owner_id: Some(actor.id), ..NewCompany::default() };
    commands::create(tx, &Allow::check(actor)?, &new).map(Some)
}

/// Refuses at `field` unless the role may add the company named there.
pub fn may_add(actor: &Actor, field: &str) -> AppResult<()> {
    if actor.may(Create::KEY) {
        return Ok(());
    }
    Err(AppError::field(field, "is not known, and your role does not let you add companies"))
}

/// [`resolve`], for who adds a new company themselves: `None` when there is none of that name.
pub fn known(
    tx: &mut OrgTx,
    actor: &Actor,
    id: Option<CompanyId>,
    name: &str,
    field: &str,
) -> AppResult<Option<CompanyId>> {
    let name = name.trim();
    if let Some(id) = id {
        let chosen = match super::find(tx, actor, id) {
            Ok(company) => company,
            Err(AppError::NotFound) => return Err(AppError::field(field, "is not one of your companies")),
            Err(other) => return Err(other),
        };
        if name.is_empty() || text::fold(name) == text::fold(&chosen.name) {
            return Ok(Some(id));
        }
    }
    if name.is_empty() {
        return Ok(None);
    }
    if name.chars().count() > 200 {
        return Err(AppError::field(field, "is too long: at most 200 characters"));
    }
    by_name(tx, actor, name)
}

/// Live and visible, by folded name, else by domain; the oldest when several share it.
fn by_name(tx: &mut OrgTx, actor: &Actor, name: &str) -> AppResult<Option<CompanyId>> {
    let live = || {
        let live = companies::table
            .filter(companies::archived_at.is_null())
            .filter(companies::deleted_at.is_null())
            .select(companies::id)
            .order(companies::id)
            .into_boxed();
        match actor.visible_owners() {
            Some(owners) => live.filter(companies::owner_id.eq_any(owners)),
            None => live,
        }
    };
    let found = live().filter(companies::name_key.eq(text::fold(name))).first(tx.conn()).optional()?;
    match (found, text::domain(name)) {
        (None, Some(domain)) => Ok(live().filter(companies::domain.eq(domain)).first(tx.conn()).optional()?),
        (found, _) => Ok(found),
    }
}
