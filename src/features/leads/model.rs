//! A lead as it is kept, and as it is asked for.

use crate::{
    db::OrgTx,
    error::AppResult,
    events::Changes,
    features::{
        accounts::members,
        fields::{self, Custom},
    },
    kernel::{LeadId, MemberId, Money, RecordType},
    schema::leads,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = leads)]
pub struct Lead {
    pub id: LeadId,
    #[diesel(embed)]
    pub fields: NewLead,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

impl Lead {
    /// The person, else the company, else the e-mail address.
    pub fn name(&self) -> String {
        let fields = &self.fields;
        let person = fields.person();
        if !person.is_empty() {
            return person;
        }
        fields.company_name.clone().or_else(|| fields.email.clone()).unwrap_or_default()
    }
}

/// Everything a form decides about a lead. `None` clears.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = leads, treat_none_as_null = true)]
pub struct NewLead {
    pub first_name: String,
    pub last_name: String,
    /// As words: which company it is, conversion finds out.
    pub company_name: Option<String>,
    pub title: Option<String>,
    /// The address to use, in lower case.
    pub email: Option<String>,
    pub other_emails: Vec<Option<String>>,
    /// The number to use, E.164.
    pub phone: Option<String>,
    pub other_phones: Vec<Option<String>>,
    pub domain: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub source: Option<String>,
    pub campaign: Option<String>,
    /// One of [`super::STATUSES`].
    pub status: String,
    pub score: Option<i32>,
    pub estimated_value: Option<Decimal>,
    /// ISO 4217.
    pub currency: String,
    pub owner_id: Option<MemberId>,
    pub do_not_contact: bool,
    pub description: Option<String>,
    pub custom: Custom,
}

impl NewLead {
    /// First and last name.
    pub fn person(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }

    pub fn money(&self) -> Option<Money> {
        self.estimated_value.map(|amount| Money::from_columns(amount, &self.currency))
    }

    /// What differs, as history keeps it.
    pub(super) fn changes(before: &Self, after: &Self, tx: &mut OrgTx) -> AppResult<Changes> {
        let money = |lead: &Self| lead.estimated_value.map(|amount| amount.normalize().to_string());
        let mut changes = Changes::new();
        changes
            .track("first_name", &before.first_name, &after.first_name)
            .track("last_name", &before.last_name, &after.last_name)
            .track("company_name", &before.company_name, &after.company_name)
            .track("title", &before.title, &after.title)
            .track("email", &before.email, &after.email)
            .track("other_emails", &before.other_emails, &after.other_emails)
            .track("phone", &before.phone, &after.phone)
            .track("other_phones", &before.other_phones, &after.other_phones)
            .track("domain", &before.domain, &after.domain)
            .track("street", &before.street, &after.street)
            .track("postal_code", &before.postal_code, &after.postal_code)
            .track("city", &before.city, &after.city)
            .track("region", &before.region, &after.region)
            .track("country", &before.country, &after.country)
            .track("source", &before.source, &after.source)
            .track("campaign", &before.campaign, &after.campaign)
            .track("status", &before.status, &after.status)
            .track("score", &before.score, &after.score)
            .track("estimated_value", &money(before), &money(after))
            .track("currency", &before.currency, &after.currency)
            .track("do_not_contact", &before.do_not_contact, &after.do_not_contact)
            .track("description", &before.description, &after.description);
        if before.owner_id != after.owner_id {
            let people = members::directory(tx)?;
            let name = |id: MemberId| people.iter().find(|p| p.id == id).map(|p| p.name.clone());
            let side = |id: Option<MemberId>| id.map_or(Value::Null, |id| json!({ "id": id, "name": name(id) }));
            changes.track("owner_id", &side(before.owner_id), &side(after.owner_id));
        }
        fields::track(tx, RecordType::Lead, &before.custom, &after.custom, &mut changes)?;
        Ok(changes)
    }
}
