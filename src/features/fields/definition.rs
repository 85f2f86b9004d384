//! A custom field as an organisation defines it, and the catalogue entry it becomes.

use super::{Choice, Entry, Kind, Origin, values::PLACES};
use crate::{
    features::accounts::organisations::ROLES,
    kernel::{CustomFieldId, RecordType},
    schema::custom_fields,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Kinds a custom field may have: key, label, what it is for.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("text", "Text", "One line, at most 255 characters"),
    ("long_text", "Long text", "Several lines"),
    ("integer", "Whole number", "Counts"),
    ("decimal", "Decimal number", "Exact, up to ten decimals"),
    ("money", "Money", "An amount with its currency"),
    ("date", "Date", "A day"),
    ("date_time", "Date and time", "A moment, shown in each reader's time zone"),
    ("bool", "Yes or no", "May also stay unanswered"),
    ("choice", "One of", "One of the choices below"),
    ("choices", "Many of", "Any of the choices below"),
    ("email", "E-mail", "An address"),
    ("phone", "Phone", "A number, kept in international form"),
    ("url", "Web address", "A link to a page"),
    ("member", "User", "A member of this organisation"),
    ("record", "Link to a record", "A company, contact or deal"),
    ("formula", "Formula", "Computed from other fields"),
];

/// Results a formula may have.
pub const RESULTS: &[(&str, &str)] = &[
    ("decimal", "Decimal number"),
    ("integer", "Whole number"),
    ("text", "Text"),
    ("date", "Date"),
    ("bool", "Yes or no"),
];

/// Kinds that may turn into others without losing a value.
const LOSSLESS: &[(&str, &str)] = &[("text", "long_text"), ("integer", "decimal"), ("choice", "choices")];

/// What kinds of field need beside their kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<ChoiceOption>,
    /// Money: each value has a currency of its own, beside it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_currency: bool,
    /// Link: `company`, `contact`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub record: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// Of a formula: a key of `RESULTS`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub result: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChoiceOption {
    pub key: String,
    pub label: String,
    #[serde(default)]
    pub color: String,
    #[serde(default)]
    pub retired: bool,
}

/// A row of `custom_fields`.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = custom_fields)]
pub struct CustomField {
    pub id: CustomFieldId,
    pub record_type: String,
    pub key: String,
    pub label: String,
    pub kind: String,
    pub options: Value,
    pub required: bool,
    pub is_unique: bool,
    pub searchable: bool,
    pub listed: bool,
    pub default_value: Option<Value>,
    pub help: String,
    pub section: String,
    pub position: i32,
    pub viewers: Option<Vec<Option<String>>>,
    pub editors: Option<Vec<Option<String>>>,
    pub retired_at: Option<DateTime<Utc>>,
    pub version: i32,
}

impl CustomField {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }

    pub fn options(&self) -> Options {
        serde_json::from_value(self.options.clone()).unwrap_or_default()
    }

    pub fn seen_by(&self, actor: &Actor) -> bool {
        listed(&self.viewers, &actor.role)
    }

    pub fn edited_by(&self, actor: &Actor) -> bool {
        self.seen_by(actor) && listed(&self.editors, &actor.role)
    }

    pub fn kind(&self) -> Kind {
        kind(&self.kind, &self.options())
    }

    /// As readers of the catalogue know it; `editable` is whether this reader may change it.
    pub fn entry(&self, editable: bool) -> Entry {
        let kind = self.kind();
        let computed = matches!(kind, Kind::Formula(_));
        let scalar = !kind.is_list() && kind != Kind::LongText;
        let own = matches!(kind, Kind::Money);
        Entry {
            key: self.key.clone(),
            label: self.label.clone(),
            expr: expr(&self.key, &kind),
            currency: own.then(|| format!("(r.custom->'{}'->>'currency')", self.key)),
            own_currency: self.options().own_currency,
            origin: Origin::Custom(self.id),
            section: self.section.clone(),
            help: self.help.clone(),
            required: self.required && !computed,
            unique: self.is_unique,
            listed: self.listed,
            sortable: scalar && !matches!(kind, Kind::Member | Kind::Record(_)),
            filterable: kind != Kind::LongText,
            groupable: matches!(
                kind.value(),
                Kind::Choice(_) | Kind::Bool | Kind::Member | Kind::Record(_) | Kind::Date
            ),
            importable: editable && !computed,
            exportable: true,
            editable: editable && !computed,
            max: if kind == Kind::LongText { 10_000 } else { 255 },
            aliases: vec![],
            default: self.default_value.clone(),
            kind,
        }
    }
}

/// Whether the role is among them; nobody named is everybody.
fn listed(roles: &Option<Vec<Option<String>>>, role: &str) -> bool {
    roles.as_ref().is_none_or(|roles| roles.iter().flatten().any(|r| r == role))
}

/// Whether every role among the first is among the second.
pub(super) fn within(some: &Option<Vec<Option<String>>>, others: &Option<Vec<Option<String>>>) -> bool {
    ROLES.iter().all(|(role, ..)| !listed(some, role) || listed(others, role))
}

pub fn kind(key: &str, options: &Options) -> Kind {
    let choices = || {
        let all = options.choices.iter();
        all.map(|c| Choice { key: c.key.clone(), label: c.label.clone(), color: c.color.clone(), retired: c.retired })
            .collect()
    };
    match key {
        "long_text" => Kind::LongText,
        "integer" => Kind::Integer,
        "decimal" => Kind::Decimal,
        "money" => Kind::Money,
        "date" => Kind::Date,
        "date_time" => Kind::DateTime,
        "bool" => Kind::Bool,
        "choice" => Kind::Choice(choices()),
        "choices" => Kind::Choices(choices()),
        "email" => Kind::Email,
        "phone" => Kind::Phone,
        "url" => Kind::Url,
        "member" => Kind::Member,
        "record" => Kind::Record(RecordType::parse(&options.record).unwrap_or(RecordType::Company)),
        "formula" => Kind::Formula(Box::new(kind(&options.result, &Options::default()))),
        _ => Kind::Text,
    }
}

/// The value as SQL of the kind's type. The key is checked when the field is made, by the database too; the functions answer NULL
/// where an old value is not of the kind.
fn expr(key: &str, kind: &Kind) -> String {
    let text = format!("r.custom->>'{key}'");
    match kind.value() {
        Kind::Integer => format!("trunc(app.as_number({text}))::bigint"),
        Kind::Decimal => format!("app.as_number({text})"),
        Kind::Money => format!("app.as_number(r.custom->'{key}'->>'amount')"),
        Kind::Date => format!("app.as_date({text})"),
        Kind::DateTime => format!("app.as_time({text})"),
        Kind::Bool => format!("app.as_bool({text})"),
        Kind::Choices(_) => format!("app.as_list(r.custom->'{key}')"),
        Kind::Member | Kind::Record(_) => format!("app.as_uuid({text})"),
        _ => format!("({text})"),
    }
}

/// Whether a field of one kind may become one of another, and if not, why.
pub fn may_become(from: &str, to: &str) -> Result<(), String> {
    let label =
        |key: &str| KINDS.iter().find(|(k, ..)| *k == key).map_or("another kind", |(_, label, _)| label).to_lowercase();
    if from == to || LOSSLESS.contains(&(from, to)) {
        return Ok(());
    }
    let to_what: Vec<String> = LOSSLESS.iter().filter(|(f, _)| *f == from).map(|(_, t)| label(t)).collect();
    let may = match to_what.as_slice() {
        [] => format!("a field of {} keeps its kind", label(from)),
        some => format!("{} may become {} only", label(from), some.join(" or ")),
    };
    Err(format!(
        "cannot change: {} values do not all have a form as {}; {may}. Make a new field instead",
        label(from),
        label(to)
    ))
}

/// Kinds whose values may be told apart reliably enough to be unique.
pub fn may_be_unique(kind: &str) -> bool {
    matches!(kind, "text" | "integer" | "decimal" | "email" | "phone" | "url" | "date" | "member" | "record")
}

/// Kinds that search reads.
pub fn may_be_searched(kind: &str) -> bool {
    matches!(kind, "text" | "long_text" | "email" | "phone" | "url" | "choice" | "integer")
}

/// Of the values of a decimal formula.
pub const FORMULA_PLACES: u32 = PLACES;
