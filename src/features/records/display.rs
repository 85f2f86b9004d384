//! Values as the reader sees them: money, dates, phones and countries in their own locale, choices and references by name.

use crate::{
    features::{
        accounts::members::Person,
        deals,
        fields::{self, Entry, Kind},
    },
    kernel::{Field, Money, countries, money, people, text},
    web::{Actor, Form},
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
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
    /// Of a choice: a key of the palette, or empty.
    pub color: String,
}

/// A field, declared by the program or by the organisation.
pub trait Described {
    fn key(&self) -> &str;
    fn label(&self) -> &str;
    fn kind(&self) -> Kind;
    /// Where the id of a reference travels in a form, and where its name does.
    fn reference(&self) -> (String, String);
}

impl Described for Field {
    fn key(&self) -> &str {
        self.key
    }
    fn label(&self) -> &str {
        self.label
    }
    fn kind(&self) -> Kind {
        self.kind.into()
    }
    fn reference(&self) -> (String, String) {
        (self.key.to_owned(), name_key(self.key).to_owned())
    }
}

impl Described for Entry {
    fn key(&self) -> &str {
        &self.key
    }
    fn label(&self) -> &str {
        &self.label
    }
    fn kind(&self) -> Kind {
        self.kind.value().clone()
    }
    fn reference(&self) -> (String, String) {
        match self.is_custom() {
            true => (fields::id_name(&self.key), self.key.clone()),
            false => (self.key.clone(), name_key(&self.key).to_owned()),
        }
    }
}

/// What a value that is kept, numbers with a point, reads as. `currency`: of money, when it is not the organisation's.
pub fn text(field: &impl Described, raw: &str, actor: &Actor, currency: Option<&str>) -> String {
    let raw = raw.trim();
    let read = match field.kind() {
        Kind::Money => amount(raw, actor, currency),
        Kind::Integer => raw.parse().ok().map(|n| actor.locale.integer(n)),
        Kind::Decimal => raw.parse::<Decimal>().ok().map(|n| actor.locale.decimal(n, n.normalize().scale())),
        Kind::Percent => raw.parse::<Decimal>().ok().map(|n| format!("{} %", n.normalize())),
        Kind::Date => raw.parse::<NaiveDate>().ok().map(|d| actor.locale.day(d, actor.today())),
        Kind::DateTime => moment(raw, actor).map(|at| actor.moment_to_the_minute(at)),
        Kind::Bool => Some(if matches!(raw, "true" | "on" | "1" | "yes") { "Yes" } else { "No" }.to_owned()),
        Kind::Choice(choices) | Kind::Choices(choices) => {
            choices.into_iter().find(|choice| choice.key == raw).map(|choice| choice.label)
        }
        Kind::Country => Some(countries::name(raw)),
        Kind::Phone | Kind::Phones => Some(people::format_phone(raw, Some(actor.home()))),
        _ => None,
    };
    if raw.is_empty() { String::new() } else { read.unwrap_or_else(|| raw.to_owned()) }
}

/// The same of what a form says: numbers are written with the reader's own mark there.
pub fn said(field: &impl Described, raw: &str, actor: &Actor, currency: Option<&str>) -> String {
    let number = |raw: &str| money::parse_decimal(raw, fields::PLACES, actor.locale.mark()).ok();
    let kept = match field.kind() {
        Kind::Percent => number(raw.trim().trim_end_matches('%')),
        kind if kind.is_number() => number(raw.trim()),
        _ => None,
    };
    text(field, &kept.map_or_else(|| raw.to_owned(), |number| number.to_string()), actor, currency)
}

/// As kept, or as a control of the reader's own clock holds it.
fn moment(raw: &str, actor: &Actor) -> Option<DateTime<Utc>> {
    let local = || NaiveDateTime::parse_from_str(raw, "%Y-%m-%dT%H:%M").ok();
    raw.parse().ok().or_else(|| Some(local()?.and_local_timezone(actor.zone).earliest()?.to_utc()))
}

fn amount(raw: &str, actor: &Actor, currency: Option<&str>) -> Option<String> {
    let amount = raw.parse().ok()?;
    let currency = currency.filter(|c| c.len() == 3).unwrap_or(&actor.org.currency);
    Some(actor.locale.money(Money::from_columns(amount, currency)))
}

/// What a value kept in an event reads as: plain JSON, lists, `{"id", "name"}`, `{"amount", "currency"}`.
pub fn json(field: Option<&impl Described>, value: &Value, actor: &Actor, currency: Option<&str>) -> String {
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
pub fn shown(field: &impl Described, form: &Form, actor: &Actor, people: &[Person]) -> Shown {
    let (raw, kind) = (form.get(field.key()), field.kind());
    let mut shown = Shown { long: kind == Kind::LongText, ..Shown::default() };
    match &kind {
        Kind::Member => shown.person = people.iter().find(|p| p.id.to_string() == raw).cloned(),
        Kind::Record(_) | Kind::Pipeline | Kind::Stage => shown.parts.extend(reference(field, &kind, form)),
        _ if kind.is_list() => {
            shown.parts = many(form, field.key()).iter().map(|raw| part(field, &kind, raw, form, actor)).collect();
        }
        // Not ticked is no; a custom field may stay unanswered.
        Kind::Bool if raw.is_empty() && field.key().starts_with("c_") => {}
        Kind::Bool => shown.parts.push(part(field, &kind, raw, form, actor)),
        _ if raw.is_empty() => {}
        _ => shown.parts.push(part(field, &kind, raw, form, actor)),
    }
    shown
}

fn reference(field: &impl Described, kind: &Kind, form: &Form) -> Option<Part> {
    let (id_name, text_name) = field.reference();
    let (id, name) = (form.get(&id_name), form.get(&text_name));
    let href = match kind {
        Kind::Record(record) => Some(format!("/{}/{id}", record.noun())),
        _ => None,
    };
    (!name.is_empty()).then(|| Part { text: name.to_owned(), href, ..Part::default() })
}

fn part(field: &impl Described, kind: &Kind, raw: &str, form: &Form, actor: &Actor) -> Part {
    let untouchable = form.get("do_not_contact") == "true";
    let (href, struck) = match kind {
        Kind::Email | Kind::Emails | Kind::Phone | Kind::Phones if untouchable => (None, true),
        Kind::Email | Kind::Emails => (Some(format!("mailto:{raw}")), false),
        Kind::Phone | Kind::Phones => (Some(format!("tel:{raw}")), false),
        Kind::Domain => (Some(format!("https://{raw}")), false),
        Kind::Url => (Some(raw.to_owned()).filter(|url| url.starts_with("http")), false),
        _ => (None, false),
    };
    let own_currency = form.get(&fields::currency_name(field.key()));
    let currency = if own_currency.is_empty() { form.get("currency") } else { own_currency };
    let text =
        if *kind == Kind::Bool && raw.is_empty() { "No".to_owned() } else { said(field, raw, actor, Some(currency)) };
    let color = kind.choices().iter().find(|choice| choice.key == raw).map(|choice| choice.color.clone());
    Part { text, href, struck, color: color.unwrap_or_default() }
}

/// Where a reference's name travels beside its id: `company_id` → `company`.
pub fn name_key(key: &str) -> &str {
    key.strip_suffix("_id").unwrap_or(key)
}

/// Puts one value into a record's form, as if it had been typed there; `id` of what it refers to.
pub fn put(form: &mut Form, entry: &Entry, value: &str, id: &str, currency: &str) {
    match &entry.kind {
        Kind::Record(_) => {
            let (id_name, name) = entry.reference();
            form.set(&id_name, id);
            form.set(&name, value);
        }
        _ => form.set(&entry.key, value),
    }
    match currency {
        "" => {}
        code if entry.own_currency => form.set(&fields::currency_name(&entry.key), code),
        code => form.set("currency", code),
    }
}

/// The values of a repeated field; each may hold several lines.
pub fn many(form: &Form, key: &str) -> Vec<String> {
    form.all(key).flat_map(str::lines).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

/// A key that is in no catalogue, as words: `lost_reason` → `Lost reason`.
pub fn label(field: Option<&impl Described>, key: &str) -> String {
    if key.starts_with(deals::lines::HISTORY_KEY) {
        return "Line".to_owned();
    }
    field.map_or_else(|| words(key), |field| field.label().to_owned())
}

/// `lost_reason` → `Lost reason`.
pub fn words(key: &str) -> String {
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
