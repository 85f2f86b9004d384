//! The contact's form: from what was typed to a [`NewContact`], and back.

use super::{
    commands,
    fields::LIFECYCLES,
    model::{Contact, NewContact},
    queries,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        companies,
        fields::{self, Custom},
        records::{
            Saved,
            people::{names, others},
        },
    },
    kernel::{CompanyId, ContactId, RecordType, countries, people},
    web::{Actor, Allow, Form, FormErrors},
};
use uuid::Uuid;

/// Reads the form. A company given by name is looked up, and added when it is new; the one the contact has (`kept`) may stay, even
/// when the actor may not see it.
pub fn parse(
    tx: &mut OrgTx,
    actor: &Actor,
    form: &Form,
    kept: Option<CompanyId>,
    custom: Option<&Custom>,
) -> AppResult<NewContact> {
    let max = |key: &str| RecordType::Contact.field(key).map_or(255, |field| field.max);
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
    if first_name.is_empty() && last_name.is_empty() && form.get("email").is_empty() {
        p.error("last_name", "is needed, or a first name, or an e-mail address");
    }
    for (field, message) in errors.iter() {
        p.error(field, message);
    }
    let mut new = NewContact {
        first_name,
        last_name,
        title: p.text("title", max("title")),
        email,
        other_emails,
        phone,
        other_phones,
        company_id: None,
        street: p.text("street", max("street")),
        city: p.text("city", max("city")),
        region: p.text("region", max("region")),
        postal_code: p.text("postal_code", max("postal_code")),
        country: p.optional("country", countries::parse),
        owner_id: p.id("owner_id"),
        lifecycle: p.choice("lifecycle", LIFECYCLES).unwrap_or("lead").to_owned(),
        do_not_contact: p.checkbox("do_not_contact"),
        description: p.text("description", max("description")),
        custom: Custom::default(),
    };
    new.custom = fields::read(tx, actor, RecordType::Contact, form, custom, &mut p)?;
    p.finish()?;
    let (id, name) = companies::reference(form, "company");
    let stays = match kept.filter(|kept| id == Some(*kept)) {
        Some(kept) => companies::names(tx, &[kept])?.get(&kept).is_some_and(|n| n == name),
        None => false,
    };
    new.company_id = if stays { kept } else { companies::resolve(tx, actor, id, name)? };
    Ok(new)
}

/// The form of a contact as it is now.
pub fn to_form(contact: &Contact, company: Option<&str>) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let lines = |values: &[Option<String>]| values.iter().flatten().cloned().collect::<Vec<_>>().join("\n");
    Form::new(
        [
            ("version", contact.version.to_string()),
            ("first_name", contact.first_name.clone()),
            ("last_name", contact.last_name.clone()),
            ("title", text(&contact.title)),
            ("email", text(&contact.email)),
            ("other_emails", lines(&contact.other_emails)),
            ("phone", text(&contact.phone)),
            ("other_phones", lines(&contact.other_phones)),
            ("company_id", company.and(contact.company_id).map(|id| id.to_string()).unwrap_or_default()),
            ("company", company.unwrap_or_default().to_owned()),
            ("street", text(&contact.street)),
            ("city", text(&contact.city)),
            ("region", text(&contact.region)),
            ("postal_code", text(&contact.postal_code)),
            ("country", text(&contact.country)),
            ("owner_id", contact.owner_id.map(|id| id.to_string()).unwrap_or_default()),
            ("lifecycle", contact.lifecycle.clone()),
            ("do_not_contact", if contact.do_not_contact { "true".to_owned() } else { String::new() }),
            ("description", text(&contact.description)),
            ("created_at", contact.created_at.to_rfc3339()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// For [`crate::features::records::Spec`].
pub(super) fn load(tx: &mut OrgTx, actor: &Actor, id: Uuid) -> AppResult<Form> {
    let contact = queries::find(tx, actor, ContactId(id))?;
    filled(tx, actor, &contact)
}

/// The form of a contact that was found.
pub(super) fn filled(tx: &mut OrgTx, actor: &Actor, contact: &Contact) -> AppResult<Form> {
    let names = companies::names(tx, &contact.company_id.into_iter().collect::<Vec<_>>())?;
    let mut form = to_form(contact, contact.company_id.and_then(|id| names.get(&id)).map(String::as_str));
    fields::fill(tx, actor, RecordType::Contact, &contact.custom, &mut form)?;
    Ok(form)
}

/// For [`crate::features::records::Spec`].
pub(super) fn save(tx: &mut OrgTx, actor: &Actor, id: Uuid, form: &Form) -> AppResult<Saved> {
    let by = Allow::check(actor)?;
    let version = form.get("version").parse().unwrap_or(0);
    // Stale before wrong: what was changed meanwhile may be what is wrong, and a stale form must leave nothing behind.
    let current = queries::lock(tx, actor, ContactId(id))?;
    if current.version != version {
        return Ok(Saved::Stale);
    }
    let new = parse(tx, actor, form, current.company_id, Some(&current.custom))?;
    commands::update(tx, &by, ContactId(id), version, &new)
}
