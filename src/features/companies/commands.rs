//! Creating and changing companies: the row, its event and its search document in one transaction.

use super::{
    model::{Company, NewCompany},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        accounts::members,
        assignment::{self, Arrival, Given},
        quality::{self, Written},
        records::Saved,
    },
    kernel::{CompanyId, RecordType},
    schema::companies,
    search,
    web::{
        Actor, Allow,
        permission::companies::{Create, Edit},
    },
};
use diesel::prelude::*;
use uuid::Uuid;

pub fn create(tx: &mut OrgTx, by: &Allow<Create>, new: &NewCompany) -> AppResult<CompanyId> {
    let id = CompanyId::new();
    create_as(tx, by, id, new).map(|()| id)
}

/// With an id that was chosen before.
pub fn create_as(tx: &mut OrgTx, by: &Allow<Create>, id: CompanyId, new: &NewCompany) -> AppResult<()> {
    members::check_owner(tx, new.owner_id, "owner_id")?;
    check_parent(tx, by, new.parent_id, None)?;
    let (new, given) = with_owner(tx, new)?;
    let created_by = tx.by();
    diesel::insert_into(companies::table)
        .values((companies::id.eq(id), &new, companies::created_by.eq(created_by)))
        .execute(tx.conn())?;
    assignment::remember(tx, RecordType::Company, id.0, given)?;
    let changes = NewCompany::changes(&NewCompany::default(), &new, tx)?;
    quality::written(tx, RecordType::Company, id.0, Written::New)?;
    events::record(tx, Event::new("company.created", RecordType::Company, id).version(1).changes(changes))?;
    search::reindex(tx, RecordType::Company, &[id.0])
}

/// Without an owner, the rules of assignment give it one, if one of them fits.
fn with_owner(tx: &mut OrgTx, new: &NewCompany) -> AppResult<(NewCompany, Option<Given>)> {
    let mut new = new.clone();
    if new.owner_id.is_some() {
        return Ok((new, None));
    }
    let (country, region, industry) = (new.country.clone(), new.region.clone(), new.industry.clone());
    let arrival = Arrival { country, region, industry, employees: new.employees, ..Arrival::of(RecordType::Company) };
    let given = assignment::owner(tx, &arrival)?;
    new.owner_id = given.map(|given| given.owner);
    Ok((new, given))
}

/// Saves over `version`; a company that moved on is left as it is.
pub fn update(tx: &mut OrgTx, by: &Allow<Edit>, id: CompanyId, version: i32, new: &NewCompany) -> AppResult<Saved> {
    let current = queries::lock(tx, by, id)?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    let before = NewCompany::from(current);
    if before.owner_id != new.owner_id {
        members::check_owner(tx, new.owner_id, "owner_id")?;
    }
    if before.parent_id != new.parent_id {
        check_parent(tx, by, new.parent_id, Some(id))?;
    }
    let changes = NewCompany::changes(&before, new, tx)?;
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    let next = version + 1;
    diesel::update(companies::table.filter(companies::id.eq(id)))
        .set((new, companies::version.eq(next), companies::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    quality::written(tx, RecordType::Company, id.0, Written::Changes(&changes))?;
    events::record(tx, Event::new("company.updated", RecordType::Company, id).version(next).changes(changes))?;
    search::reindex(tx, RecordType::Company, &[id.0])?;
    Ok(Saved::Done(next))
}

/// The parent must be there to be seen, and must not descend from the company itself.
fn check_parent(tx: &mut OrgTx, actor: &Actor, parent: Option<CompanyId>, of: Option<CompanyId>) -> AppResult<()> {
    let Some(parent) = parent else { return Ok(()) };
    let found: Option<Company> = match queries::find(tx, actor, parent) {
        Ok(company) => Some(company),
        Err(AppError::NotFound) => None,
        Err(other) => return Err(other),
    };
    if !found.is_some_and(|c| actor.sees(c.owner_id.map(Uuid::from))) {
        return Err(AppError::field("parent_id", "is not one of your companies"));
    }
    match of {
        Some(id) if id == parent => Err(AppError::field("parent_id", "cannot be the company itself")),
        Some(id) if queries::ancestors(tx, parent)?.contains(&id) => {
            Err(AppError::field("parent_id", "belongs to this company already; that would make a circle"))
        }
        _ => Ok(()),
    }
}
