//! Creating and changing contacts: the row, its event and its search document in one transaction.

use super::{model::NewContact, queries};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    features::{
        accounts::members,
        companies,
        quality::{self, Written},
        records::Saved,
    },
    kernel::{ContactId, RecordType},
    schema::contacts,
    search,
    web::{
        Allow,
        permission::contacts::{Create, Edit},
    },
};
use diesel::prelude::*;

pub fn create(tx: &mut OrgTx, by: &Allow<Create>, new: &NewContact) -> AppResult<ContactId> {
    let id = ContactId::new();
    create_as(tx, by, id, new).map(|()| id)
}

/// With an id that was chosen before.
pub fn create_as(tx: &mut OrgTx, by: &Allow<Create>, id: ContactId, new: &NewContact) -> AppResult<()> {
    members::check_owner(tx, new.owner_id, "owner_id")?;
    companies::resolve(tx, by, new.company_id, "")?;
    let created_by = tx.by();
    diesel::insert_into(contacts::table)
        .values((contacts::id.eq(id), new, contacts::created_by.eq(created_by)))
        .execute(tx.conn())?;
    let changes = NewContact::changes(&NewContact::default(), new, tx)?;
    quality::written(tx, RecordType::Contact, id.0, Written::New)?;
    events::record(tx, Event::new("contact.created", RecordType::Contact, id).version(1).changes(changes))?;
    search::reindex(tx, RecordType::Contact, &[id.0])
}

/// Saves over `version`; a contact that moved on is left as it is.
pub fn update(tx: &mut OrgTx, by: &Allow<Edit>, id: ContactId, version: i32, new: &NewContact) -> AppResult<Saved> {
    let current = queries::lock(tx, by, id)?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    let before = NewContact::from(current);
    if before.owner_id != new.owner_id {
        members::check_owner(tx, new.owner_id, "owner_id")?;
    }
    if before.company_id != new.company_id {
        companies::resolve(tx, by, new.company_id, "")?;
    }
    let changes = NewContact::changes(&before, new, tx)?;
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    let next = version + 1;
    diesel::update(contacts::table.filter(contacts::id.eq(id)))
        .set((new, contacts::version.eq(next), contacts::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    quality::written(tx, RecordType::Contact, id.0, Written::Changes(&changes))?;
    events::record(tx, Event::new("contact.updated", RecordType::Contact, id).version(next).changes(changes))?;
    search::reindex(tx, RecordType::Contact, &[id.0])?;
    Ok(Saved::Done(next))
}
