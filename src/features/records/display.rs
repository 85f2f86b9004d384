//! Values as the reader sees them: money, dates, phones and countries in their own locale, choices and references by name.

use crate::{
    features::accounts::members::Person,
    kernel::{Field, FieldKind, Money, countries, people, text},
    web::{Actor, Form},
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

/// A field's value on the page: one part, or several for lists of e-mails and phones; none when empty.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub parts: Vec<Part>,
    /// The face of an owner.
    pub person: Option<Person>,
    /// Keeps its line breaks.
    pub long: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Part {
    pub text: String,
    pub href: Option<String>,
    /// Not to be used: the person asked not to be contacted.
    pub struck: bool,
}

/// What a form's raw text of that field reads as. `currency`: of money, when it is not the organisation's.
pub fn text(field: &Field, raw: &str, actor: &Actor, currency: Option<&str>) -> String {
    let raw = raw.trim();
    let read = match field.kind {
        FieldKind::Money => amount(raw, actor, currency),
        FieldKind::Integer => raw.parse().ok().map(|n| actor.locale.integer(n)),
        FieldKind::Percent => raw.parse::<Decimal>().ok().map(|n| format!("{} %", n.normalize())),
        FieldKind::Date => raw.parse::<NaiveDate>().ok().map(|d| actor.locale.day(d, actor.today())),
        FieldKind::DateTime => raw.parse::<DateTime<Utc>>().ok().map(|at| actor.moment(at)),
        FieldKind::Bool => Some(if matches!(raw, "true" | "on" | "1" | "yes") { "Yes" } else { "No" }.to_owned()),
        FieldKind::Choice(choices) => choices.iter().find(|(key, _)| *key == raw).map(|(_, label)| (*label).to_owned()),
        FieldKind::Country => Some(countries::name(raw)),
        FieldKind::Phone | FieldKind::Phones => Some(people::format_phone(raw, Some(actor.locale.region()))),
        _ => None,
    };
    if raw.is_empty() { String::new() } else { read.unwrap_or_else(|| raw.to_owned()) }
}

fn amount(raw: &str, actor: &Actor, currency: Option<&str>) -> Option<String> {
    let amount = raw.parse::<Decimal>().ok().or_else(|| crate::kernel::money::parse_amount(raw).ok())?;
    let currency = currency.filter(|c| c.len() == 3).unwrap_or(&actor.org.currency);
    Some(actor.locale.money(Money::from_columns(amount, currency)))
}

/// What a value kept in an event reads as: plain JSON, lists, `{"id", "name"}`, `{"amount", "currency"}`.
pub fn json(field: Option<&Field>, value: &Value, actor: &Actor, currency: Option<&str>) -> String {
    let plain = |raw: &str| field.map_or_else(|| raw.to_owned(), |field| text(field, raw, actor, currency));
    match value {
        Value::Null => String::new(),
        Value::String(raw) => plain(raw),
        Value::Number(n) => plain(&n.to_string()),
        Value::Bool(b) => plain(if *b { "true" } else { "false" }),
        Value::Array(all) => all.iter().map(|v| json(field, v, actor, currency)).collect::<Vec<_>>().join(", "),
        Value::Object(object) => match (object.get("name"), object.get("amount")) {
            (Some(name), _) => name.as_str().unwrap_or_default().to_owned(),
            (None, Some(amount)) => json(field, amount, actor, object.get("currency").and_then(Value::as_str)),
            _ => String::new(),
        },
    }
}

/// The field of a record given as its form. `people` is the directory, for owners.
pub fn shown(field: &Field, form: &Form, actor: &Actor, people: &[Person]) -> Shown {
    let raw = form.get(field.key);
    let mut shown = Shown { long: field.kind == FieldKind::LongText, ..Shown::default() };
    match field.kind {
        FieldKind::Member => {
            shown.person = people.iter().find(|p| p.id.to_string() == raw).cloned();
            return shown;
        }
        FieldKind::Emails | FieldKind::Phones => {
            shown.parts = many(form, field.key).iter().map(|raw| part(field, raw, form, actor)).collect();
            return shown;
        }
        FieldKind::Company | FieldKind::Contact | FieldKind::Pipeline | FieldKind::Stage => {
            let name = form.get(name_key(field.key));
            if !name.is_empty() {
                let noun = match field.kind {
                    FieldKind::Company => Some("companies"),
                    FieldKind::Contact => Some("contacts"),
                    _ => None,
                };
                let href = noun.map(|noun| format!("/{noun}/{raw}"));
                shown.parts.push(Part { text: name.to_owned(), href, struck: false });
            }
            return shown;
        }
        _ => {}
    }
    if !raw.is_empty() || field.kind == FieldKind::Bool {
        shown.parts.push(part(field, raw, form, actor));
    }
    shown
}

fn part(field: &Field, raw: &str, form: &Form, actor: &Actor) -> Part {
    let untouchable = form.get("do_not_contact") == "true";
    let (href, struck) = match field.kind {
        FieldKind::Email | FieldKind::Emails if untouchable => (None, true),
        FieldKind::Phone | FieldKind::Phones if untouchable => (None, true),
        FieldKind::Email | FieldKind::Emails => (Some(format!("mailto:{raw}")), false),
        FieldKind::Phone | FieldKind::Phones => (Some(format!("tel:{raw}")), false),
        FieldKind::Domain => (Some(format!("https://{raw}")), false),
        _ => (None, false),
    };
    let text = if field.kind == FieldKind::Bool && raw.is_empty() {
        "No".to_owned()
    } else {
        text(field, raw, actor, Some(form.get("currency")))
    };
    Part { text, href, struck }
}

/// Where a reference's name travels beside its id: `company_id` → `company`.
pub fn name_key(key: &str) -> &str {
    key.strip_suffix("_id").unwrap_or(key)
}

/// The values of a repeated field; each may hold several lines.
pub fn many(form: &Form, key: &str) -> Vec<String> {
    form.all(key).flat_map(str::lines).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

/// A key that is in no catalogue, as words: `lost_reason` → `Lost reason`.
pub fn label(field: Option<&Field>, key: &str) -> String {
    if let Some(field) = field {
        return field.label.to_owned();
    }
    text::sentence(&name_key(key).replace('_', " "))
}

impl Shown {
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.person.is_none()
    }

    pub fn has_links(&self) -> bool {
        self.parts.iter().any(|part| part.href.is_some())
    }

    /// For labels and comparisons; "empty" when there is nothing.
    pub fn words(&self) -> String {
        let parts: Vec<&str> =
            self.person.iter().map(|p| p.name.as_str()).chain(self.parts.iter().map(|p| p.text.as_str())).collect();
        if parts.is_empty() { "empty".to_owned() } else { parts.join(", ") }
    }
}
