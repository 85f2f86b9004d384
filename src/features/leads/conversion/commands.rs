//! Carrying a conversion out: what is found is linked, what is new is made through its own commands, and everything says so.

use super::{
    super::{
        model::{Lead, NewLead},
        queries,
    },
    Made, belongings, carry,
    plan::{self, NewDeal, Plan, Target},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        accounts::members,
        activities,
        assignment::{self, Arrival, Given},
        companies::{self, NewCompany},
        contacts::{self, NewContact},
        deals::{self, DealFields},
        fields::Custom,
        mails, records,
    },
    kernel::{CompanyId, ContactId, DealId, LeadId, MemberId, RecordType},
    schema::{lead_conversions, leads},
    search,
    web::{Actor, Allow, Form, permission::leads::Edit},
};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// What became of a posted conversion.
pub(super) enum Outcome {
    Done {
        name: String,
        became: Vec<String>,
    },
    /// It was converted before: the form came twice.
    Already,
    /// Someone changed the lead since the form was opened.
    Stale,
}

/// Converts the lead as the form says.
pub(super) fn convert(tx: &mut OrgTx, by: &Allow<Edit>, id: LeadId, form: &Form) -> AppResult<Outcome> {
    let lead = queries::lock(tx, by, id)?;
    if super::of(tx, id)?.is_some() {
        return Ok(Outcome::Already);
    }
    if lead.archived_at.is_some() {
        return Err(AppError::Conflict("This lead is archived. Restore it first.".into()));
    }
    if form.get("version").parse() != Ok(lead.version) {
        return Ok(Outcome::Stale);
    }
    let plan = plan::parse(tx, by, &lead, form)?;
    let (owner, given) = owner(tx, by, &lead, &plan)?;
    let mut made = Vec::new();
    let company = company(tx, by, &lead, owner, &plan, &mut made)?;
    let contact = contact(tx, by, &lead, owner, company, &plan, &mut made)?;
    let deal = match &plan.deal {
        Some(new) => {
            let custom = carry::custom(tx, &plan.carry, RecordType::Deal)?;
            Some(deal(tx, by, &lead, owner, (company, contact), (new, custom), &mut made)?)
        }
        None => None,
    };
    remember(tx, given, company, deal)?;
    let became = close(tx, by, &lead, (contact, company, deal), &made)?;
    Ok(Outcome::Done { name: lead.name(), became })
}

/// The lead's owner goes on owning what comes of it, unless they have left. Of a lead that nobody has, the rules of assignment are asked:
/// for the deal, else for the new company; and when none of them fits, it is the reader's.
fn owner(tx: &mut OrgTx, by: &Actor, lead: &Lead, plan: &Plan) -> AppResult<(MemberId, Option<(RecordType, Given)>)> {
    if lead.fields.owner_id.is_none() {
        for arrival in arrivals(tx, lead, plan)? {
            if let Some(given) = assignment::owner(tx, &arrival)? {
                return Ok((given.owner, Some((arrival.record, given))));
            }
        }
    }
    match members::check_owner(tx, lead.fields.owner_id, "owner_id") {
        Ok(()) => Ok((lead.fields.owner_id.unwrap_or(by.id), None)),
        Err(AppError::Invalid(_)) => Ok((by.id, None)),
        Err(other) => Err(other),
    }
}

/// What the rules are asked about, in turn.
fn arrivals(tx: &mut OrgTx, lead: &Lead, plan: &Plan) -> AppResult<Vec<Arrival>> {
    let NewLead { source, campaign, country, region, .. } = lead.fields.clone();
    let said = |record| {
        let (source, campaign) = (source.clone(), campaign.clone());
        Arrival { source, campaign, country: country.clone(), region: region.clone(), ..Arrival::of(record) }
    };
    let mut arrivals = Vec::new();
    if plan.deal.is_some() {
        arrivals.push(match plan.company {
            Target::Known(id) => assignment::deal(tx, Some(id), source.clone())?,
            _ => said(RecordType::Deal),
        });
    }
    if matches!(plan.company, Target::New(_)) {
        arrivals.push(said(RecordType::Company));
    }
    arrivals.push(said(RecordType::Lead));
    Ok(arrivals)
}

/// The territory of what the rules were asked about.
fn remember(
    tx: &mut OrgTx,
    given: Option<(RecordType, Given)>,
    company: Option<CompanyId>,
    deal: Option<DealId>,
) -> AppResult<()> {
    let Some((record, given)) = given else { return Ok(()) };
    let id = match record {
        RecordType::Deal => deal.map(Uuid::from),
        RecordType::Company => company.map(Uuid::from),
        _ => None,
    };
    id.map_or(Ok(()), |id| assignment::remember(tx, record, id, Some(given)))
}

fn company(
    tx: &mut OrgTx,
    by: &Actor,
    lead: &Lead,
    owner: MemberId,
    plan: &Plan,
    made: &mut Vec<Made>,
) -> AppResult<Option<CompanyId>> {
    let name = match &plan.company {
        Target::Nothing => return Ok(None),
        Target::Known(id) => return Ok(Some(*id)),
        Target::New(name) => name.clone(),
    };
    let NewLead { domain, street, postal_code, city, region, country, .. } = lead.fields.clone();
    // A person's number stays with the person.
    let phone = if plan.contact == Target::Nothing { lead.fields.phone.clone() } else { None };
    let new = NewCompany {
        custom: carry::custom(tx, &plan.carry, RecordType::Company)?,
        name,
        domain,
        phone,
        street,
        postal_code,
        city,
        region,
        country,
        owner_id: Some(owner),
        ..NewCompany::default()
    };
    let id = companies::create(tx, &Allow::check(by)?, &new)?;
    made.push(Made { record: RecordType::Company.key().into(), id: id.into(), version: 1 });
    Ok(Some(id))
}

fn contact(
    tx: &mut OrgTx,
    by: &Actor,
    lead: &Lead,
    owner: MemberId,
    company_id: Option<CompanyId>,
    plan: &Plan,
    made: &mut Vec<Made>,
) -> AppResult<Option<ContactId>> {
    match &plan.contact {
        Target::Nothing => return Ok(None),
        Target::Known(id) => return Ok(Some(*id)),
        Target::New(()) => {}
    }
    let l = lead.fields.clone();
    let new = NewContact {
        first_name: l.first_name,
        last_name: l.last_name,
        title: l.title,
        email: l.email,
        other_emails: l.other_emails,
        phone: l.phone,
        other_phones: l.other_phones,
        company_id,
        street: l.street,
        city: l.city,
        region: l.region,
        postal_code: l.postal_code,
        country: l.country,
        owner_id: Some(owner),
        lifecycle: "qualified".to_owned(),
        do_not_contact: l.do_not_contact,
        description: l.description,
        custom: carry::custom(tx, &plan.carry, RecordType::Contact)?,
    };
    let id = contacts::create(tx, &Allow::check(by)?, &new)?;
    made.push(Made { record: RecordType::Contact.key().into(), id: id.into(), version: 1 });
    Ok(Some(id))
}

fn deal(
    tx: &mut OrgTx,
    by: &Actor,
    lead: &Lead,
    owner: MemberId,
    (company_id, contact): (Option<CompanyId>, Option<ContactId>),
    (new, custom): (&NewDeal, Custom),
    made: &mut Vec<Made>,
) -> AppResult<DealId> {
    let fields = DealFields {
        name: new.name.clone(),
        company_id,
        amount: new.amount,
        currency: new.currency,
        owner_id: Some(owner),
        source: lead.fields.source.clone(),
        custom,
        ..DealFields::default()
    };
    let deal = deals::create(tx, &Allow::check(by)?, deals::NewDeal { id: None, stage_id: new.stage_id, fields })?;
    if let Some(id) = contact {
        let name = contacts::find(tx, by, id)?.name();
        deals::take_part(tx, deal.id, id, name)?;
    }
    made.push(Made { record: RecordType::Deal.key().into(), id: deal.id.into(), version: deal.version });
    Ok(deal.id)
}

/// Archives the lead, keeps what came of it, and tells everyone's history.
fn close(
    tx: &mut OrgTx,
    by: &Actor,
    lead: &Lead,
    (contact, company, deal): (Option<ContactId>, Option<CompanyId>, Option<DealId>),
    made: &[Made],
) -> AppResult<Vec<String>> {
    let parts = [
        (RecordType::Contact, contact.map(Uuid::from)),
        (RecordType::Company, company.map(Uuid::from)),
        (RecordType::Deal, deal.map(Uuid::from)),
    ];
    let moved = belongings::hand_over(tx, lead.id.into(), &parts)?;
    diesel::insert_into(lead_conversions::table)
        .values((
            (lead_conversions::lead_id.eq(lead.id), lead_conversions::contact_id.eq(contact)),
            (lead_conversions::company_id.eq(company), lead_conversions::deal_id.eq(deal)),
            (lead_conversions::made.eq(json!(made)), lead_conversions::status_before.eq(&lead.fields.status)),
            (lead_conversions::converted_by.eq(by.id), lead_conversions::moved.eq(json!(moved))),
        ))
        .execute(tx.conn())?;
    diesel::update(leads::table.filter(leads::id.eq(lead.id)))
        .set((
            (leads::status.eq("qualified"), leads::archived_at.eq(Some(chrono::Utc::now()))),
            (leads::version.eq(lead.version + 1), leads::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    activities::follow_lead(tx, lead.id.into(), &parts)?;
    mails::follow_lead(tx, lead.id.into(), &parts)?;
    let mut names = Vec::new();
    let mut refs = serde_json::Map::new();
    for (record, id) in parts.into_iter().filter_map(|(record, id)| Some((record, id?))) {
        let name = records::standing(tx, by, record, id, false)?.name;
        refs.insert(record.key().to_owned(), json!({ "id": id, "name": name }));
        names.push(name);
        tell(tx, record, id, lead)?;
    }
    let mut changes = Changes::new();
    changes.track("status", &lead.fields.status, &"qualified".to_owned());
    refs.insert("title".to_owned(), json!(format!("Converted to {}", names.join(", "))));
    let event = Event::new("lead.converted", RecordType::Lead, lead.id).version(lead.version + 1);
    events::record(tx, event.changes(changes).data(refs.into()))?;
    search::reindex(tx, RecordType::Lead, &[lead.id.0])?;
    Ok(names)
}

fn tell(tx: &mut OrgTx, record: RecordType, id: Uuid, lead: &Lead) -> AppResult<()> {
    let kind = match record {
        RecordType::Company => "company.lead_converted",
        RecordType::Contact => "contact.lead_converted",
        RecordType::Deal => "deal.lead_converted",
        RecordType::Lead => return Ok(()),
    };
    let name = lead.name();
    let data = json!({ "title": format!("Lead {name} converted"), "lead": { "id": lead.id, "name": name } });
    events::record(tx, Event::new(kind, record, id).data(data))
}
