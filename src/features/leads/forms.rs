//! The lead's form: from what was typed to a [`NewLead`], and back.

use super::{
    commands,
    fields::STATUSES,
    model::{Lead, NewLead},
    queries,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        fields::{self, Custom},
        records::{
            Saved,
            people::{names, others},
        },
    },
    kernel::{Currency, LeadId, RecordType, countries, money, people, text},
    web::{Actor, Allow, Form, FormErrors},
};
use uuid::Uuid;

/// `custom` is what an existing lead holds.
pub fn parse(tx: &mut OrgTx, actor: &Actor, form: &Form, custom: Option<&Custom>) -> AppResult<NewLead> {
    let max = |key: &str| RecordType::Lead.field(key).map_or(255, |field| field.max);
    let most = |key: &str| RecordType::Lead.field(key).map_or(i64::MAX, |field| field.most);
    let region = actor.home_of(form.get("country"));
    let mut errors = FormErrors::default();
    let (first_name, last_name) = names(form);
    let mut p = form.parser();
    p.text("first_name", max("first_name"));
    p.text("last_name", max("last_name"));
    p.text("name", max("first_name"));
    let email = p.optional("email", people::parse_email);
    let phone = p.optional("phone", |t| people::parse_phone(t, Some(&region)));
    let other_emails = others(form, "other_emails", email.as_deref(), &mut errors, people::parse_email);
    let other_phones =
        others(form, "other_phones", phone.as_deref(), &mut errors, |t| people::parse_phone(t, Some(&region)));
    let company_name = p.text("company_name", max("company_name"));
    if first_name.is_empty() && last_name.is_empty() && company_name.is_none() && form.get("email").is_empty() {
        p.error("last_name", "is needed, or a company, or an e-mail address");
    }
    for (field, message) in errors.iter() {
        p.error(field, message);
    }
    let currency = p.optional("currency", str::parse::<Currency>);
    let mut new = NewLead {
        first_name,
        last_name,
        company_name,
        title: p.text("title", max("title")),
        email,
        other_emails,
        phone,
        other_phones,
        domain: p.optional("domain", |t| text::domain(t).ok_or("must be a website, such as example.com")),
        street: p.text("street", max("street")),
        postal_code: p.text("postal_code", max("postal_code")),
        city: p.text("city", max("city")),
        region: p.text("region", max("region")),
        country: p.optional("country", countries::parse),
        source: p.text("source", max("source")),
        campaign: p.text("campaign", max("campaign")),
        status: p.choice("status", STATUSES).unwrap_or("new").to_owned(),
        score: p.integer("score", 0, most("score")).and_then(|n| i32::try_from(n).ok()),
        estimated_value: p.optional("estimated_value", |text| money::parse_amount(text, actor.locale.mark())),
        currency: currency.map_or_else(|| actor.org.currency.clone(), |c| c.code().to_owned()),
        owner_id: p.id("owner_id"),
        do_not_contact: p.checkbox("do_not_contact"),
        description: p.text("description", max("description")),
        custom: Custom::default(),
    };
    new.custom = fields::read(tx, actor, RecordType::Lead, form, custom, &mut p)?;
    p.finish()?;
    Ok(new)
}

/// The form of a lead as it is now.
pub fn to_form(lead: &Lead) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let lines = |values: &[Option<String>]| values.iter().flatten().cloned().collect::<Vec<_>>().join("\n");
    let fields = &lead.fields;
    Form::new(
        [
            ("version", lead.version.to_string()),
            ("first_name", fields.first_name.clone()),
            ("last_name", fields.last_name.clone()),
            ("company_name", text(&fields.company_name)),
            ("title", text(&fields.title)),
            ("email", text(&fields.email)),
            ("other_emails", lines(&fields.other_emails)),
            ("phone", text(&fields.phone)),
            ("other_phones", lines(&fields.other_phones)),
            ("domain", text(&fields.domain)),
            ("street", text(&fields.street)),
            ("postal_code", text(&fields.postal_code)),
            ("city", text(&fields.city)),
            ("region", text(&fields.region)),
            ("country", text(&fields.country)),
            ("source", text(&fields.source)),
            ("campaign", text(&fields.campaign)),
            ("status", fields.status.clone()),
            ("score", fields.score.map(|n| n.to_string()).unwrap_or_default()),
            ("estimated_value", fields.estimated_value.map(money::typed).unwrap_or_default()),
            ("currency", fields.currency.clone()),
            ("owner_id", fields.owner_id.map(|id| id.to_string()).unwrap_or_default()),
            ("do_not_contact", if fields.do_not_contact { "true".to_owned() } else { String::new() }),
            ("description", text(&fields.description)),
            ("created_at", lead.created_at.to_rfc3339()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// For [`crate::features::records::Spec`].
pub(super) fn load(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<Form> {
    let lead = queries::find(tx, actor, LeadId(id))?;
    let mut form = to_form(&lead);
    fields::fill(tx, actor, RecordType::Lead, &lead.fields.custom, &mut form)?;
    Ok(form)
}

/// For [`crate::features::records::Spec`].
pub(super) fn save(tx: &mut OrgTx, actor: &Actor, id: Uuid, form: &Form) -> AppResult<Saved> {
    let by = Allow::check(actor)?;
    let version = form.get("version").parse().unwrap_or(0);
    // Stale before wrong: what was changed meanwhile may be what is wrong.
    let current = queries::lock(tx, actor, LeadId(id))?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    let new = parse(tx, actor, form, Some(&current.fields.custom))?;
    commands::update(tx, &by, LeadId(id), version, &new)
}
