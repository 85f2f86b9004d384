//! The records that a mail is about, from those it names: a deal's and a contact's company with them.

use super::merge::Subject;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    schema::{contacts, deals},
};
use diesel::prelude::*;
use uuid::Uuid;

/// The contact's company.
pub(super) fn of_contact(tx: &mut OrgTx, contact: Uuid) -> AppResult<Subject> {
    complete(tx, Subject { contact: Some(contact), ..Subject::default() })
}

/// What is about a deal or a contact is about their company, unless another is named.
pub(super) fn complete(tx: &mut OrgTx, mut about: Subject) -> AppResult<Subject> {
    if about.company.is_some() {
        return Ok(about);
    }
    if let Some(deal) = about.deal {
        let found: Option<Option<Uuid>> =
            deals::table.filter(deals::id.eq(deal)).select(deals::company_id).first(tx.conn()).optional()?;
        about.company = found.flatten();
    }
    if let (None, Some(contact)) = (about.company, about.contact) {
        let found: Option<Option<Uuid>> = contacts::table
            .filter(contacts::id.eq(contact))
            .select(contacts::company_id)
            .first(tx.conn())
            .optional()?;
        about.company = found.flatten();
    }
    Ok(about)
}
