//! `/leads/{id}/conversion`: what will come of the lead, proposed and open to change.

use super::{
    super::{model::Lead, queries},
    candidates, carry,
    commands::{self, Outcome},
    plan, reversal,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        currencies,
        pipeline::{self, StageGroup},
    },
    kernel::{LeadId, RecordType},
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::{Permission, contacts as contact_permission, deals as deal_permission, leads::Edit},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "leads/conversion.html")]
struct ConversionPage {
    shell: Shell,
    id: LeadId,
    name: String,
    input: FormView,
    contacts: Vec<SelectOption>,
    /// Address, name and why: companies that may be the lead's.
    companies: Vec<(String, String, String)>,
    /// Value, label and text of what may go along, and whether it is to.
    carry: Vec<(String, String, String, bool)>,
    may_add_deals: bool,
    stages: Vec<StageGroup>,
    currencies: Vec<SelectOption>,
    /// Says that the lead was changed meanwhile.
    stale: bool,
}

/// `GET /leads/{id}/conversion`
pub async fn form(page: Page, _: Allow<Edit>, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), LeadId(*id));
    let proposed = db
        .org(&page, move |tx| {
            let lead = queries::find(tx, &actor, id)?;
            if super::of(tx, id)?.is_some() || lead.archived_at.is_some() {
                return Ok(None);
            }
            plan::propose(tx, &actor, &lead).map(Some)
        })
        .await?;
    match proposed {
        Some(form) => shown(&page, &db, id, StatusCode::OK, form, FormErrors::default(), false).await,
        None => Ok(reply::redirect(&page.req, &format!("/leads/{id}"), None)),
    }
}

/// `POST /leads/{id}/conversion`
pub async fn convert(
    page: Page,
    by: Allow<Edit>,
    id: web::Path<Uuid>,
    posted: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, form) = (LeadId(*id), posted.clone());
    let at = format!("/leads/{id}");
    match db.org(&page, move |tx| commands::convert(tx, &by, id, &form)).await {
        Ok(Outcome::Done { name, became }) => {
            let told = format!("{name} converted to {}", became.join(", "));
            let flash = Flash::success(told).undo(format!("{at}/conversion/undo"));
            Ok(reply::redirect(&page.req, &at, Some(flash)))
        }
        Ok(Outcome::Already) => {
            Ok(reply::redirect(&page.req, &at, Some(Flash::info("This lead is converted already"))))
        }
        Ok(Outcome::Stale) => shown(&page, &db, id, StatusCode::CONFLICT, posted, FormErrors::default(), true).await,
        Err(AppError::Invalid(errors)) => {
            let errors = errors.placed(&posted);
            shown(&page, &db, id, StatusCode::UNPROCESSABLE_ENTITY, posted, errors, false).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /leads/{id}/conversion/undo`
pub async fn undo(page: Page, by: Allow<Edit>, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (id, at) = (LeadId(*id), format!("/leads/{id}"));
    let flash = match db.org(&page, move |tx| reversal::undo(tx, &by, id)).await {
        Ok(name) => Flash::success(format!("{name} is a lead again")),
        Err(AppError::Conflict(why)) => Flash::danger(why),
        Err(other) => return Err(other),
    };
    Ok(reply::redirect(&page.req, &at, Some(flash)))
}

async fn shown(
    page: &Page,
    db: &Db,
    id: LeadId,
    status: StatusCode,
    mut form: Form,
    errors: FormErrors,
    stale: bool,
) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("leads"));
    let whole = db
        .org(page, move |tx| {
            let lead = queries::find(tx, &actor, id)?;
            form.set("version", lead.version.to_string());
            let currency = form.get("currency").to_owned();
            let chosen: Vec<String> = form.all("carry").map(str::to_owned).collect();
            let companies = candidates::companies(tx, &actor, &lead)?.into_iter();
            let carry = carry::offers(tx, &actor, &lead)?.into_iter();
            Ok(ConversionPage {
                shell,
                id,
                name: lead.name(),
                contacts: contact_choices(tx, &actor, &lead, form.get("contact"))?,
                companies: companies.map(|c| (candidates::address(RecordType::Company, c.id), c.name, c.why)).collect(),
                carry: carry
                    .map(|offer| {
                        let ticked = chosen.contains(&offer.key);
                        (offer.key, offer.label, offer.text, ticked)
                    })
                    .collect(),
                may_add_deals: actor.may(deal_permission::Create::KEY),
                stages: StageGroup::all(&pipeline::pipelines(tx)?, &pipeline::stages(tx)?, form.get("stage_id")),
                currencies: currencies::options(&currencies::codes(tx, &actor)?, &currency),
                input: form.view(errors),
                stale,
            })
        })
        .await?;
    reply::page_with(&page.req, status, &whole)
}

/// A new contact, those with one of its addresses, or none.
fn contact_choices(tx: &mut OrgTx, actor: &Actor, lead: &Lead, chosen: &str) -> AppResult<Vec<SelectOption>> {
    let mut choices = vec![SelectOption::new("", "No contact", chosen.is_empty())];
    if plan::has_person(lead) && actor.may(contact_permission::Create::KEY) {
        let person = lead.fields.person();
        let name = if person.is_empty() { lead.fields.email.clone().unwrap_or_default() } else { person };
        choices.push(SelectOption::new("new", format!("A new contact: {name}"), chosen == "new"));
    }
    for found in candidates::contacts(tx, actor, lead)? {
        let id = found.id.to_string();
        let label = format!("{}, {} ({})", found.name, found.detail, found.why);
        choices.push(SelectOption::new(&id, label, id == chosen));
    }
    Ok(choices)
}
