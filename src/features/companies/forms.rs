//! The company's form: from what was typed to a [`NewCompany`], and back.

use super::{
    commands,
    model::{Company, NewCompany},
    queries,
    resolve::{reference, resolve_as},
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        fields::{self, Custom},
        records::Saved,
    },
    kernel::{CompanyId, RecordType, countries, money, people, text},
    web::{Actor, Allow, Form},
};
use uuid::Uuid;

/// Reads the form. A parent given by name is looked up, and added when it is new; the present one (`kept`) may stay, even when the
/// actor may not see it.
pub fn parse(
    tx: &mut OrgTx,
    actor: &Actor,
    form: &Form,
    kept: Option<CompanyId>,
    custom: Option<&Custom>,
) -> AppResult<NewCompany> {
    let max = |key: &str| RecordType::Company.field(key).map_or(255, |field| field.max);
    let region = actor.home_of(form.get("country"));
    let mut p = form.parser();
    let mut new = NewCompany {
        name: p.required("name", max("name")),
        domain: p.optional("domain", |t| text::domain(t).ok_or("must be a web domain, such as example.com")),
        industry: p.text("industry", max("industry")),
        employees: p.integer("employees", 0, i32::MAX.into()).and_then(|n| i32::try_from(n).ok()),
        annual_revenue: p.optional("annual_revenue", |text| money::parse_amount(text, actor.locale.mark())),
        phone: p.optional("phone", |t| people::parse_phone(t, Some(&region))),
        street: p.text("street", max("street")),
        city: p.text("city", max("city")),
        region: p.text("region", max("region")),
        postal_code: p.text("postal_code", max("postal_code")),
        country: p.optional("country", countries::parse),
        parent_id: None,
        owner_id: p.id("owner_id"),
        description: p.text("description", max("description")),
        custom: Custom::default(),
    };
    new.custom = fields::read(tx, actor, RecordType::Company, form, custom, &mut p)?;
    p.finish()?;
    let (id, name) = reference(form, "parent");
    let stays = match kept.filter(|kept| id == Some(*kept)) {
        Some(kept) => queries::names(tx, &[kept])?.get(&kept).is_some_and(|n| n == name),
        None => false,
    };
    new.parent_id = if stays { kept } else { resolve_as(tx, actor, id, name, "parent_id")? };
    Ok(new)
}

/// The form of a company as it is now.
pub fn to_form(company: &Company, parent: Option<&str>) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Form::new(
        [
            ("version", company.version.to_string()),
            ("name", company.name.clone()),
            ("domain", text(&company.domain)),
            ("industry", text(&company.industry)),
            ("employees", company.employees.map(|n| n.to_string()).unwrap_or_default()),
            ("annual_revenue", company.annual_revenue.map(money::typed).unwrap_or_default()),
            ("phone", text(&company.phone)),
            ("street", text(&company.street)),
            ("city", text(&company.city)),
            ("region", text(&company.region)),
            ("postal_code", text(&company.postal_code)),
            ("country", text(&company.country)),
            ("parent_id", parent.and(company.parent_id).map(|id| id.to_string()).unwrap_or_default()),
            ("parent", parent.unwrap_or_default().to_owned()),
            ("owner_id", company.owner_id.map(|id| id.to_string()).unwrap_or_default()),
            ("description", text(&company.description)),
            ("created_at", company.created_at.to_rfc3339()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// For [`crate::features::records::Spec`].
pub(super) fn load(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<Form> {
    let company = queries::find(tx, actor, CompanyId(id))?;
    filled(tx, actor, &company)
}

/// The form of a company that was found.
pub(super) fn filled(tx: &mut OrgTx, actor: &Actor, company: &Company) -> AppResult<Form> {
    let names = queries::names(tx, &company.parent_id.into_iter().collect::<Vec<_>>())?;
    let mut form = to_form(company, company.parent_id.and_then(|id| names.get(&id)).map(String::as_str));
    fields::fill(tx, actor, RecordType::Company, &company.custom, &mut form)?;
    Ok(form)
}

/// For [`crate::features::records::Spec`].
pub(super) fn save(tx: &mut OrgTx, actor: &Actor, id: Uuid, form: &Form) -> AppResult<Saved> {
    let by = Allow::check(actor)?;
    let version = form.get("version").parse().unwrap_or(0);
    // Stale before wrong: what was changed meanwhile may be what is wrong, and a stale form must leave nothing behind.
    let current = queries::lock(tx, actor, CompanyId(id))?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    let new = parse(tx, actor, form, current.parent_id, Some(&current.custom))?;
    commands::update(tx, &by, CompanyId(id), version, &new)
}
