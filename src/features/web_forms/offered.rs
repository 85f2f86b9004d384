//! The lead's fields that a web form may show: how they are typed in, and how what a stranger typed becomes a lead.
//!
//! Fields that name members or records, that are computed or that must be unique are not offered: they would tell strangers what
//! is in here.

use super::model::{NewWebForm, WebField};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::{
        fields::{self, Catalogue, Custom, Entry, Input, Kind, ParseContext},
        leads::NewLead,
    },
    kernel::{Locale, RecordType, calendar},
    schema::organisations,
    web::{Form, FormErrors, SelectOption},
};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

/// Of the built-in ones.
const BUILT_IN: &[&str] = &[
    "first_name",
    "last_name",
    "company_name",
    "title",
    "email",
    "phone",
    "domain",
    "street",
    "postal_code",
    "city",
    "region",
    "country",
    "estimated_value",
    "description",
];
/// One of these a lead must have.
pub(super) const NAMING: &[&str] = &["email", "last_name", "first_name", "company_name"];
/// The name of the tick that consents.
pub(super) const CONSENT: &str = "consent";

/// Every field that may stand on a form.
pub(super) fn all(tx: &mut OrgTx) -> AppResult<Vec<Entry>> {
    let catalogue = Catalogue::whole(tx, RecordType::Lead)?;
    let offered = |entry: &Entry| match entry.is_custom() {
        false => BUILT_IN.contains(&entry.key.as_str()),
        true => !entry.unique && is_plain(&entry.kind),
    };
    Ok(catalogue.entries.into_iter().filter(offered).collect())
}

fn is_plain(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Member
            | Kind::Record(_)
            | Kind::Formula(_)
            | Kind::Pipeline
            | Kind::Stage
            | Kind::Tags
            | Kind::Currency
            | Kind::DateTime
    )
}

/// The fields that stand on this form, as far as they still are there.
pub(super) fn standing(tx: &mut OrgTx, form: &NewWebForm) -> AppResult<Vec<(WebField, Entry)>> {
    let all = all(tx)?;
    let entry = |field: WebField| all.iter().find(|e| e.key == field.key).cloned().map(|entry| (field, entry));
    Ok(form.fields().into_iter().filter_map(entry).collect())
}

/// As a form's template shows it.
pub(super) fn input(field: &WebField, entry: &Entry, form: &Form, errors: &FormErrors) -> Input {
    let entry = Entry { required: field.required, ..entry.clone() };
    let mut options = fields::options(&entry, form, &[]);
    let value = form.all(&entry.key).collect::<Vec<_>>().join("\n");
    if field.required && !entry.is_custom() && !options.is_empty() && value.is_empty() {
        options.insert(0, SelectOption::new("", "Choose …", true));
    }
    Input {
        name: entry.key.clone(),
        label: field.label.clone(),
        help: entry.help.clone(),
        required: field.required,
        max: entry.max.to_string(),
        control: fields::control(&entry),
        value,
        id: String::new(),
        id_name: String::new(),
        error: errors.get(&entry.key).unwrap_or_default().to_owned(),
        options,
        currency_name: String::new(),
        currencies: vec![],
    }
}

/// What browsers fill in by themselves.
pub(super) fn autocomplete(key: &str) -> &'static str {
    match key {
        "first_name" => "given-name",
        "last_name" => "family-name",
        "company_name" => "organization",
        "title" => "organization-title",
        "email" => "email",
        "phone" => "tel",
        "domain" => "url",
        "street" => "street-address",
        "postal_code" => "postal-code",
        "city" => "address-level2",
        "region" => "address-level1",
        "country" => "country",
        _ => "off",
    }
}

/// How an organisation writes, and what its money is.
pub(super) fn context(tx: &mut OrgTx) -> AppResult<ParseContext> {
    let (currency, locale, zone): (String, String, String) = organisations::table
        .select((organisations::currency, organisations::locale, organisations::time_zone))
        .first(tx.conn())?;
    let locale = Locale::from_tag(&locale);
    Ok(ParseContext {
        region: locale.region().to_owned(),
        zone: calendar::zone(&zone),
        month_first: locale.tag() == "en-US",
        mark: locale.mark(),
        currency,
        people: HashMap::new(),
        records: HashMap::new(),
    })
}

/// The lead that these answers make; every error at its field.
pub(super) fn read(
    tx: &mut OrgTx,
    form: &NewWebForm,
    standing: &[(WebField, Entry)],
    answers: &Form,
    context: &ParseContext,
) -> AppResult<NewLead> {
    let mut errors = FormErrors::default();
    let mut lead = NewLead {
        currency: context.currency.clone(),
        status: "new".to_owned(),
        source: form.source.clone(),
        campaign: form.campaign.clone(),
        custom: defaults(tx)?,
        ..NewLead::default()
    };
    for (field, entry) in standing {
        let typed = answers.all(&field.key).collect::<Vec<_>>().join("\n");
        match fields::parse(entry, &typed, context) {
            Ok(Value::Null) if field.required => errors.add(&field.key, "is required"),
            Ok(Value::Null) => {}
            Ok(value) => take(&mut lead, &field.key, value),
            Err(told) => errors.add(&field.key, told),
        }
    }
    let named = !lead.person().is_empty() || lead.company_name.is_some() || lead.email.is_some();
    if let Some((field, _)) = standing.iter().find(|(f, _)| NAMING.contains(&f.key.as_str())).filter(|_| !named) {
        errors.add(&field.key, "is needed");
    }
    if errors.is_empty() { Ok(lead) } else { Err(errors.into()) }
}

/// What the organisation's own fields hold unless the form asks for them.
fn defaults(tx: &mut OrgTx) -> AppResult<Custom> {
    let mut custom = Custom::default();
    for entry in Catalogue::whole(tx, RecordType::Lead)?.custom().filter(|entry| !entry.unique) {
        custom.set(&entry.key, entry.default.clone().unwrap_or_default());
    }
    Ok(custom)
}

fn take(lead: &mut NewLead, key: &str, value: Value) {
    let text = value.as_str().map(str::to_owned);
    match key {
        "first_name" => lead.first_name = text.unwrap_or_default(),
        "last_name" => lead.last_name = text.unwrap_or_default(),
        "company_name" => lead.company_name = text,
        "title" => lead.title = text,
        "email" => lead.email = text,
        "phone" => lead.phone = text,
        "domain" => lead.domain = text,
        "street" => lead.street = text,
        "postal_code" => lead.postal_code = text,
        "city" => lead.city = text,
        "region" => lead.region = text,
        "country" => lead.country = text,
        "description" => lead.description = text,
        "estimated_value" => {
            // An amount may name a currency of its own.
            lead.estimated_value = fields::number(&value);
            if let Some(currency) = value.get("currency").and_then(Value::as_str) {
                currency.clone_into(&mut lead.currency);
            }
        }
        own => lead.custom.set(own, value),
    }
}
