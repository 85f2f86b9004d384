//! What a conversion is to do: the form's choices, read against what there is.

use super::{
    super::model::Lead,
    candidates,
    carry::{self, Offer},
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{companies, contacts, deals},
    kernel::{CompanyId, ContactId, Currency, StageId, money},
    web::{
        Actor, Form,
        permission::{Permission, contacts as contact_permission, deals as deal_permission},
    },
};
use rust_decimal::Decimal;

/// Found, to be made, or left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target<Id, New> {
    Nothing,
    Known(Id),
    New(New),
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub company: Target<CompanyId, String>,
    pub contact: Target<ContactId, ()>,
    pub deal: Option<NewDeal>,
    /// Values of the organisation's own fields that go along.
    pub carry: Vec<Offer>,
}

#[derive(Clone, Debug)]
pub(super) struct NewDeal {
    pub name: String,
    pub amount: Option<Decimal>,
    pub currency: Option<Currency>,
    pub stage_id: StageId,
}

/// Every e-mail address of the lead.
pub(super) fn emails(lead: &Lead) -> Vec<String> {
    lead.fields.email.iter().chain(lead.fields.other_emails.iter().flatten()).cloned().collect()
}

/// Whether a contact can be made of it: a company's telephone number is nobody's.
pub(super) fn has_person(lead: &Lead) -> bool {
    !lead.fields.person().is_empty() || lead.fields.email.is_some()
}

/// What the form proposes: the company of that domain, else of that name; the contact of that address; a deal when a value is known.
pub(super) fn propose(tx: &mut OrgTx, actor: &Actor, lead: &Lead) -> AppResult<Form> {
    let fields = &lead.fields;
    let name = fields.company_name.clone().unwrap_or_default();
    let known = match &fields.domain {
        Some(domain) => companies::known(tx, actor, None, domain, "company_id")?,
        None => None,
    };
    let known = match known {
        Some(id) => Some(id),
        None => companies::known(tx, actor, None, &name, "company_id")?,
    };
    let company = match known {
        Some(id) => companies::names(tx, &[id])?.remove(&id).map(|name| (id.to_string(), name)),
        None => None,
    };
    let (company_id, company) = company.unwrap_or_else(|| (String::new(), name.clone()));
    let same = candidates::contacts(tx, actor, lead)?;
    let contact = match same.iter().find(|found| found.is_sure()) {
        Some(found) => found.id.to_string(),
        None if has_person(lead) && actor.may(contact_permission::Create::KEY) => "new".to_owned(),
        None => String::new(),
    };
    let deal = fields.estimated_value.is_some() && actor.may(deal_permission::Create::KEY);
    let of = if company.is_empty() { lead.name() } else { company.clone() };
    let pairs = [
        ("version", lead.version.to_string()),
        ("company_id", company_id),
        ("company", company),
        ("contact", contact),
        ("with_deal", if deal { "true".to_owned() } else { String::new() }),
        ("deal_name", of.chars().take(200).collect()),
        ("amount", fields.estimated_value.map(money::typed).unwrap_or_default()),
        ("currency", fields.currency.clone()),
    ];
    let carry = carry::offers(tx, actor, lead)?.into_iter().map(|offer| ("carry".to_owned(), offer.key));
    Ok(Form::new(pairs.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(carry)))
}

/// Reads the posted form. Whatever is to be made, the role must allow; whatever is linked, the actor must see.
pub(super) fn parse(tx: &mut OrgTx, actor: &Actor, lead: &Lead, form: &Form) -> AppResult<Plan> {
    let mut p = form.parser();
    let deal = p.checkbox("with_deal").then(|| NewDealForm {
        name: p.required("deal_name", 200),
        amount: p.optional("amount", |text| money::parse_amount(text, actor.locale.mark())),
        currency: p.optional("currency", str::parse::<Currency>),
        stage_id: p.id("stage_id"),
    });
    if deal.as_ref().is_some_and(|deal| deal.stage_id.is_none()) {
        p.error("stage_id", "is required");
    }
    let currency =
        |deal: &NewDealForm| deal.currency.map_or_else(|| actor.org.currency.clone(), |c| c.code().to_owned());
    if let Some(told) = deal.as_ref().and_then(|deal| deals::too_fine(&currency(deal), deal.amount)) {
        p.error("amount", told);
    }
    if deal.is_some() && !actor.may(deal_permission::Create::KEY) {
        p.error("deal_name", "cannot be added: your role does not let you add deals");
    }
    p.finish()?;
    let deal = deal
        .and_then(|d| Some(NewDeal { name: d.name, amount: d.amount, currency: d.currency, stage_id: d.stage_id? }));
    let chosen: Vec<&str> = form.all("carry").collect();
    let carry = carry::offers(tx, actor, lead)?.into_iter().filter(|offer| chosen.contains(&offer.key.as_str()));
    let carry = carry.collect();
    let plan = Plan { company: company(tx, actor, form)?, contact: contact(tx, actor, lead, form)?, deal, carry };
    if plan.company == Target::Nothing && plan.contact == Target::Nothing && plan.deal.is_none() {
        return Err(AppError::field("contact", "is needed, or a company, or a deal: nothing would come of this lead"));
    }
    Ok(plan)
}

struct NewDealForm {
    name: String,
    amount: Option<Decimal>,
    currency: Option<Currency>,
    stage_id: Option<StageId>,
}

fn company(tx: &mut OrgTx, actor: &Actor, form: &Form) -> AppResult<Target<CompanyId, String>> {
    let (id, name) = companies::reference(form, "company");
    if let Some(known) = companies::known(tx, actor, id, name, "company_id")? {
        return Ok(Target::Known(known));
    }
    if name.is_empty() {
        return Ok(Target::Nothing);
    }
    companies::may_add(actor, "company_id")?;
    Ok(Target::New(name.to_owned()))
}

fn contact(tx: &mut OrgTx, actor: &Actor, lead: &Lead, form: &Form) -> AppResult<Target<ContactId, ()>> {
    match form.get("contact") {
        "" => Ok(Target::Nothing),
        "new" if !has_person(lead) => Err(AppError::field("contact", "needs a name or an e-mail address")),
        "new" if !actor.may(contact_permission::Create::KEY) => {
            Err(AppError::field("contact", "cannot be added: your role does not let you add contacts"))
        }
        "new" => Ok(Target::New(())),
        id => {
            let unknown = || AppError::field("contact", "is not one of your contacts");
            let id: ContactId = id.parse().map_err(|_| unknown())?;
            match contacts::find(tx, actor, id) {
                Ok(contact) => Ok(Target::Known(contact.id)),
                Err(AppError::NotFound) => Err(unknown()),
                Err(other) => Err(other),
            }
        }
    }
}
