//! A company as it is kept, and as it is asked for.

use crate::{
    db::OrgTx,
    error::AppResult,
    events::Changes,
    features::fields::{self, Custom},
    kernel::{CompanyId, MemberId, RecordType},
    schema::companies,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = companies)]
pub struct Company {
    pub id: CompanyId,
    pub name: String,
    pub domain: Option<String>,
    pub industry: Option<String>,
    pub employees: Option<i32>,
    /// In the organisation's currency.
    pub annual_revenue: Option<Decimal>,
    /// E.164.
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub parent_id: Option<CompanyId>,
    pub owner_id: Option<MemberId>,
    pub description: Option<String>,
    pub custom: Custom,
    pub version: i32,
    pub created_at: DateTime<Utc>,
    pub archived_at: Option<DateTime<Utc>>,
}

/// Everything a form decides about a company. `None` clears.
#[derive(Insertable, AsChangeset, Clone, Debug, Default, PartialEq)]
#[diesel(table_name = companies, treat_none_as_null = true)]
pub struct NewCompany {
    pub name: String,
    pub domain: Option<String>,
    pub industry: Option<String>,
    pub employees: Option<i32>,
    pub annual_revenue: Option<Decimal>,
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub parent_id: Option<CompanyId>,
    pub owner_id: Option<MemberId>,
    pub description: Option<String>,
    pub custom: Custom,
}

impl From<Company> for NewCompany {
    fn from(c: Company) -> Self {
        Self {
            name: c.name,
            domain: c.domain,
            industry: c.industry,
            employees: c.employees,
            annual_revenue: c.annual_revenue,
            phone: c.phone,
            street: c.street,
            city: c.city,
            region: c.region,
            postal_code: c.postal_code,
            country: c.country,
            parent_id: c.parent_id,
            owner_id: c.owner_id,
            description: c.description,
            custom: c.custom,
        }
    }
}

impl NewCompany {
    /// What differs, as history keeps it.
    pub(super) fn changes(before: &Self, after: &Self, tx: &mut OrgTx) -> AppResult<Changes> {
        let mut changes = Changes::new();
        changes
            .track("name", &before.name, &after.name)
            .track("domain", &before.domain, &after.domain)
            .track("industry", &before.industry, &after.industry)
            .track("employees", &before.employees, &after.employees)
            .track("annual_revenue", &before.annual_revenue, &after.annual_revenue)
            .track("phone", &before.phone, &after.phone)
            .track("street", &before.street, &after.street)
            .track("city", &before.city, &after.city)
            .track("region", &before.region, &after.region)
            .track("postal_code", &before.postal_code, &after.postal_code)
            .track("country", &before.country, &after.country)
            .track("description", &before.description, &after.description);
        if before.parent_id != after.parent_id {
            let sides = [before.parent_id, after.parent_id];
            let names = super::queries::names(tx, &sides.iter().flatten().copied().collect::<Vec<_>>())?;
            let side = |id: Option<CompanyId>| id.map_or(Value::Null, |id| json!({ "id": id, "name": names.get(&id) }));
            changes.track("parent_id", &side(before.parent_id), &side(after.parent_id));
        }
        if before.owner_id != after.owner_id {
            let people = crate::features::accounts::members::directory(tx)?;
            let name = |id: MemberId| people.iter().find(|p| p.id == id).map(|p| p.name.clone());
            let side = |id: Option<MemberId>| id.map_or(Value::Null, |id| json!({ "id": id, "name": name(id) }));
            changes.track("owner_id", &side(before.owner_id), &side(after.owner_id));
        }
        fields::track(tx, RecordType::Company, &before.custom, &after.custom, &mut changes)?;
        Ok(changes)
    }
}
