//! Reading contacts, within what the reader may see.

use super::model::Contact;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{ContactId, text},
    schema::contacts,
    web::Actor,
};
use diesel::prelude::*;
use uuid::Uuid;

/// A live or archived contact that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: ContactId) -> AppResult<Contact> {
    let contact: Contact = contacts::table
        .filter(contacts::id.eq(id))
        .filter(contacts::deleted_at.is_null())
        .select(Contact::as_select())
        .first(tx.conn())?;
    if actor.sees(contact.owner_id.map(Uuid::from)) { Ok(contact) } else { Err(AppError::NotFound) }
}

/// [`find`], held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: ContactId) -> AppResult<Contact> {
    let contact: Contact = contacts::table
        .filter(contacts::id.eq(id))
        .filter(contacts::deleted_at.is_null())
        .select(Contact::as_select())
        .for_update()
        .first(tx.conn())?;
    if actor.sees(contact.owner_id.map(Uuid::from)) { Ok(contact) } else { Err(AppError::NotFound) }
}

/// The live contacts whose name begins with these words, for a combobox.
pub(super) fn options(tx: &mut OrgTx, actor: &Actor, q: &str) -> AppResult<Vec<Contact>> {
    let from = text::fold(q);
    let mut query =
        contacts::table.filter(contacts::archived_at.is_null()).filter(contacts::deleted_at.is_null()).into_boxed();
    if !from.is_empty() {
        // A range of a leakproof operator, which LIKE is not: it reaches the index under row-level security.
        query = query
            .filter(contacts::name_key.ge(from.clone()))
            .filter(contacts::name_key.lt(format!("{from}\u{10FFFF}")));
    }
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(contacts::owner_id.eq_any(owners));
    }
    let found = query.order((contacts::name_key, contacts::id)).select(Contact::as_select()).limit(10);
    Ok(found.load(tx.conn())?)
}

/// The live contacts whose first address is one of these, the oldest first.
pub fn by_email(tx: &mut OrgTx, actor: &Actor, emails: &[String]) -> AppResult<Vec<Contact>> {
    let mut query = contacts::table
        .filter(contacts::archived_at.is_null())
        .filter(contacts::deleted_at.is_null())
        .filter(contacts::email.eq_any(emails))
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(contacts::owner_id.eq_any(owners));
    }
    Ok(query.order(contacts::id).select(Contact::as_select()).limit(5).load(tx.conn())?)
}
