//! A contact as it is kept, and as it is asked for.

use crate::{
    db::OrgTx,
    error::AppResult,
    events::Changes,
    features::{
        accounts::members,
        companies,
        fields::{self, Custom},
    },
    kernel::{CompanyId, ContactId, MemberId, RecordType},
    schema::contacts,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = contacts)]
pub struct Contact {
    pub id: ContactId,
    pub first_name: String,
    pub last_name: String,
    pub title: Option<String>,
    /// The address to use, in lower case.
    pub email: Option<String>,
    pub other_emails: Vec<Option<String>>,
    /// The number to use, E.164.
    pub phone: Option<String>,
    pub other_phones: Vec<Option<String>>,
    pub company_id: Option<CompanyId>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub owner_id: Option<MemberId>,
    /// One of [`super::LIFECYCLES`].
    pub lifecycle: String,
    pub do_not_contact: bool,
    pub description: Option<String>,
    pub custom: Custom,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl Contact {
    /// First and last name, else the e-mail address.
    pub fn name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        match name.trim() {
            "" => self.email.clone().unwrap_or_default(),
            name => name.to_owned(),
        }
    }
}

/// Everything a form decides about a contact. `None` clears.
#[derive(Insertable, AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = contacts, treat_none_as_null = true)]
pub struct NewContact {
    pub first_name: String,
    pub last_name: String,
    pub title: Option<String>,
    pub email: Option<String>,
    pub other_emails: Vec<Option<String>>,
    pub phone: Option<String>,
    pub other_phones: Vec<Option<String>>,
    pub company_id: Option<CompanyId>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub owner_id: Option<MemberId>,
    pub lifecycle: String,
    pub do_not_contact: bool,
    pub description: Option<String>,
    pub custom: Custom,
}

impl From<Contact> for NewContact {
    fn from(c: Contact) -> Self {
        Self {
            first_name: c.first_name,
            last_name: c.last_name,
            title: c.title,
            email: c.email,
            other_emails: c.other_emails,
            phone: c.phone,
            other_phones: c.other_phones,
            company_id: c.company_id,
            street: c.street,
            city: c.city,
            region: c.region,
            postal_code: c.postal_code,
            country: c.country,
            owner_id: c.owner_id,
            lifecycle: c.lifecycle,
            do_not_contact: c.do_not_contact,
            description: c.description,
            custom: c.custom,
        }
    }
}

impl NewContact {
    /// What differs, as history keeps it.
    pub(super) fn changes(before: &Self, after: &Self, tx: &mut OrgTx) -> AppResult<Changes> {
        let mut changes = Changes::new();
        changes
            .track("first_name", &before.first_name, &after.first_name)
            .track("last_name", &before.last_name, &after.last_name)
            .track("title", &before.title, &after.title)
            .track("email", &before.email, &after.email)
            .track("other_emails", &before.other_emails, &after.other_emails)
            .track("phone", &before.phone, &after.phone)
            .track("other_phones", &before.other_phones, &after.other_phones)
            .track("street", &before.street, &after.street)
            .track("city", &before.city, &after.city)
            .track("region", &before.region, &after.region)
            .track("postal_code", &before.postal_code, &after.postal_code)
            .track("country", &before.country, &after.country)
            .track("lifecycle", &before.lifecycle, &after.lifecycle)
            .track("do_not_contact", &before.do_not_contact, &after.do_not_contact)
            .track("description", &before.description, &after.description);
        if before.company_id != after.company_id {
            let sides = [before.company_id, after.company_id];
            let names = companies::names(tx, &sides.iter().flatten().copied().collect::<Vec<_>>())?;
            let side = |id: Option<CompanyId>| id.map_or(Value::Null, |id| json!({ "id": id, "name": names.get(&id) }));
            changes.track("company_id", &side(before.company_id), &side(after.company_id));
        }
        if before.owner_id != after.owner_id {
            let people = members::directory(tx)?;
            let name = |id: MemberId| people.iter().find(|p| p.id == id).map(|p| p.name.clone());
            let side = |id: Option<MemberId>| id.map_or(Value::Null, |id| json!({ "id": id, "name": name(id) }));
            changes.track("owner_id", &side(before.owner_id), &side(after.owner_id));
        }
        fields::track(tx, RecordType::Contact, &before.custom, &after.custom, &mut changes)?;
        Ok(changes)
    }
}
