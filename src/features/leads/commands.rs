//! Creating and changing leads: the row, its event and its search document in one transaction.

use super::{conversion, model::NewLead, queries};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::{
        accounts::members,
        assignment::{self, Arrival},
        quality::{self, Written},
        records::Saved,
    },
    kernel::{LeadId, MemberId, RecordType, WebFormId},
    schema::leads,
    search,
    web::{
        Allow,
        permission::leads::{Create, Edit},
    },
};
use diesel::prelude::*;
use serde_json::{Value, json};

/// Without an owner the rules of assignment give it one, if one of them fits.
pub fn create(tx: &mut OrgTx, by: &Allow<Create>, new: &NewLead) -> AppResult<LeadId> {
    let id = LeadId::new();
    create_as(tx, by, id, new).map(|()| id)
}

/// With an id that was chosen before.
pub fn create_as(tx: &mut OrgTx, by: &Allow<Create>, id: LeadId, new: &NewLead) -> AppResult<()> {
    members::check_owner(tx, new.owner_id, "owner_id")?;
    insert(tx, id, &by.org.currency, new.clone(), None, json!({}))
}

/// A lead that came in by itself; its event also says `data`.
pub fn receive(tx: &mut OrgTx, currency: &str, new: NewLead, form: WebFormId, data: Value) -> AppResult<LeadId> {
    let id = LeadId::new();
    insert(tx, id, currency, new, Some(form), data).map(|()| id)
}

fn insert(
    tx: &mut OrgTx,
    id: LeadId,
    currency: &str,
    mut new: NewLead,
    form: Option<WebFormId>,
    mut data: Value,
) -> AppResult<()> {
    let mut given = None;
    if new.owner_id.is_none() {
        let (source, campaign, country, region) =
            (new.source.clone(), new.campaign.clone(), new.country.clone(), new.region.clone());
        let arrival = Arrival { form, source, campaign, country, region, ..Arrival::of(RecordType::Lead) };
        given = assignment::owner(tx, &arrival)?;
        new.owner_id = given.map(|given| given.owner);
        data["assigned"] = json!(new.owner_id.is_some());
    }
    let created_by = tx.by();
    diesel::insert_into(leads::table)
        .values((leads::id.eq(id), &new, leads::created_by.eq(created_by)))
        .execute(tx.conn())?;
    assignment::remember(tx, RecordType::Lead, id.0, given)?;
    let nothing = NewLead { currency: currency.to_owned(), ..NewLead::default() };
    let changes = NewLead::changes(&nothing, &new, tx)?;
    match form {
        // Strangers neither know nor break an organisation's rules: what is missing is asked for later.
        Some(_) => quality::measure(tx, RecordType::Lead, &[id.0])?,
        None => quality::written(tx, RecordType::Lead, id.0, Written::New)?,
    }
    data["currency"] = json!(new.currency);
    let event = Event::new("lead.created", RecordType::Lead, id).version(1).changes(changes);
    events::record(tx, event.data(data))?;
    search::reindex(tx, RecordType::Lead, &[id.0])
}

/// What became of taking a lead that nobody has.
pub(super) enum Taken {
    /// It is the taker's, now or already. Its name.
    Theirs(String),
    /// Somebody was quicker: who has it.
    By(MemberId),
}

/// Makes an unassigned lead the actor's own. The first who asks has it.
pub(super) fn take(tx: &mut OrgTx, by: &Allow<Edit>, id: LeadId) -> AppResult<Taken> {
    let lead = queries::lock(tx, by, id)?;
    let name = lead.name();
    match lead.fields.owner_id {
        Some(owner) if owner == by.id => return Ok(Taken::Theirs(name)),
        Some(owner) => return Ok(Taken::By(owner)),
        None if lead.archived_at.is_some() => {
            return Err(AppError::Conflict("This lead is archived. Restore it first.".into()));
        }
        None => {}
    }
    let new = NewLead { owner_id: Some(by.id), ..lead.fields };
    match update(tx, by, id, lead.version, &new)? {
        Saved::Done(_) => Ok(Taken::Theirs(name)),
        Saved::Stale => Err(AppError::Conflict("This lead was changed at the same moment. Try again.".into())),
    }
}

/// Saves over `version`; a lead that moved on is left as it is.
pub fn update(tx: &mut OrgTx, by: &Allow<Edit>, id: LeadId, version: i32, new: &NewLead) -> AppResult<Saved> {
    let current = queries::lock(tx, by, id)?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    if conversion::of(tx, id)?.is_some() {
        return Err(AppError::Conflict("This lead is converted. Change what came of it instead.".into()));
    }
    let before = current.fields;
    if before.owner_id != new.owner_id {
        members::check_owner(tx, new.owner_id, "owner_id")?;
    }
    let changes = NewLead::changes(&before, new, tx)?;
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    let next = version + 1;
    diesel::update(leads::table.filter(leads::id.eq(id)))
        .set((new, leads::version.eq(next), leads::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    quality::written(tx, RecordType::Lead, id.0, Written::Changes(&changes))?;
    let event = Event::new("lead.updated", RecordType::Lead, id).version(next).changes(changes);
    events::record(tx, event.data(json!({ "currency": new.currency })))?;
    search::reindex(tx, RecordType::Lead, &[id.0])?;
    Ok(Saved::Done(next))
}
