//! The records that a mail is about, from those it names: a deal's and a contact's company with them.

use super::merge::Subject;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::RecordType,
    schema::{contacts, deals},
};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// What was written to a lead goes on with what became of it.
pub fn follow_lead(tx: &mut OrgTx, lead: Uuid, became: &[(RecordType, Option<Uuid>)]) -> AppResult<()> {
    for (record, id) in became {
        let (Some(id), true) = (id, *record != RecordType::Lead) else { continue };
        let mut tables = vec!["mail_messages"];
        if *record == RecordType::Contact {
            tables.push("mail_recipients");
        }
        for table in tables {
            let column = format!("{}_id", record.key());
            let sql = format!("UPDATE {table} SET {column} = $2 WHERE lead_id = $1 AND {column} IS NULL");
            diesel::sql_query(sql).bind::<t::Uuid, _>(lead).bind::<t::Uuid, _>(*id).execute(tx.conn())?;
        }
    }
    Ok(())
}

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
