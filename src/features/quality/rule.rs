//! A validation rule as it is kept, and as it is asked of a record's values.

use super::formats::{self, Format};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::fields::{
        self, Catalogue, Entry, Expression, Kind,
        expression::{Value, Values},
    },
    kernel::{RecordType, RuleId},
    schema::validation_rules,
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// The key of the catalogue's entry that lists filter by: which rules a record breaks.
pub const BROKEN: &str = "broken_rule";

/// A row of `validation_rules`.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = validation_rules)]
pub struct ValidationRule {
    pub id: RuleId,
    pub record_type: String,
    /// `format` or `expression`.
    pub kind: String,
    pub field: String,
    pub format: String,
    pub expression: String,
    pub message: String,
    pub active: bool,
    pub measured_at: Option<DateTime<Utc>>,
    pub version: i32,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl ValidationRule {
    pub fn record(&self) -> Option<RecordType> {
        RecordType::parse(&self.record_type)
    }
}

/// A rule ready to be asked.
pub(super) struct Rule {
    pub id: RuleId,
    /// Where the message stands: the field's key, and its name.
    pub field: String,
    pub label: String,
    pub message: String,
    test: Test,
    /// The fields it reads by name.
    pub uses: BTreeSet<String>,
    /// The fields whose change may change its answer: those it reads, and what computed ones are made of.
    reads: BTreeSet<String>,
}

enum Test {
    Format(&'static Format, String),
    Holds(Expression),
}

/// What rules may read: everything but groups people make, whose changes are no changes of the record.
pub(super) fn catalogue(tx: &mut OrgTx, record: RecordType) -> AppResult<Catalogue> {
    let mut catalogue = Catalogue::whole(tx, record)?;
    catalogue.entries.retain(|entry| entry.kind != Kind::Tags && entry.key != BROKEN && entry.key != super::SCORE);
    Ok(catalogue)
}

/// Whether a format can be asked of the field.
pub(super) fn has_format(entry: &Entry) -> bool {
    matches!(
        entry.kind.value(),
        Kind::Text
            | Kind::LongText
            | Kind::Email
            | Kind::Phone
            | Kind::Url
            | Kind::Domain
            | Kind::Emails
            | Kind::Phones
    )
}

impl Rule {
    /// What the rule asks, or why it cannot be asked: a field it reads is gone, say. The message is for who writes it.
    pub fn read(rule: &ValidationRule, catalogue: &Catalogue) -> Result<Self, (&'static str, String)> {
        let (test, uses) = match rule.kind.as_str() {
            "format" => {
                let entry = catalogue.get(&rule.field).filter(|entry| has_format(entry));
                entry.ok_or(("field", "is not a field whose format can be checked".to_owned()))?;
                let format = Format::find(&rule.format).ok_or(("format", "is not one of the choices".to_owned()))?;
                if format.key == formats::PATTERN {
                    formats::check(&rule.expression).map_err(|told| ("pattern", told))?;
                }
                (Test::Format(format, rule.expression.clone()), BTreeSet::from([rule.field.clone()]))
            }
            _ => {
                let expression = Expression::parse(&rule.expression, catalogue).map_err(|told| ("expression", told))?;
                if expression.result() != fields::expression::Type::Bool {
                    let told = format!("gives {}, and must say yes or no", expression.result().name());
                    return Err(("expression", told));
                }
                let uses: BTreeSet<String> = expression.uses().map(str::to_owned).collect();
                if uses.is_empty() {
                    return Err(("expression", "must read at least one field".to_owned()));
                }
                (Test::Holds(expression), uses)
            }
        };
        let (id, field, message) = (rule.id, rule.field.clone(), rule.message.clone());
        let label = catalogue.get(&field).map_or_else(|| field.clone(), |entry| entry.label.clone());
        Ok(Self { id, field, label, message, test, reads: uses.clone(), uses })
    }

    /// Whether these values break it. What cannot be computed breaks it too.
    pub fn is_broken(&self, values: &Values) -> bool {
        match &self.test {
            Test::Holds(expression) => expression.holds(values) != Ok(true),
            Test::Format(format, own) => match values.fields.get(&self.field) {
                Some(Value::Text(text)) => !format.fits(text, own),
                Some(Value::List(all)) => all.iter().any(|text| !format.fits(text, own)),
                _ => false,
            },
        }
    }

    /// Whether a change of one of these fields may change its answer.
    pub fn concerns(&self, mut changed: impl Iterator<Item = impl AsRef<str>>) -> bool {
        changed.any(|key| self.reads.contains(key.as_ref()))
    }

    /// Its answer changes with the day.
    pub fn is_daily(&self) -> bool {
        matches!(&self.test, Test::Holds(expression) if expression.is_daily())
    }
}

/// The rules of a record type that are in force, with the entries they read.
pub(super) struct Rules {
    pub rules: Vec<Rule>,
    pub entries: Vec<Entry>,
}

impl Rules {
    /// Without rules it costs one small query. What cannot be asked any more is left out.
    pub fn load(tx: &mut OrgTx, record: RecordType) -> AppResult<Self> {
        let kept = super::queries::in_force(tx, record)?;
        if kept.is_empty() {
            return Ok(Self { rules: vec![], entries: vec![] });
        }
        let catalogue = catalogue(tx, record)?;
        let mut rules: Vec<Rule> = kept.iter().filter_map(|rule| Rule::read(rule, &catalogue).ok()).collect();
        let used: BTreeSet<String> = rules.iter().flat_map(|rule| rule.uses.iter().cloned()).collect();
        let entries: Vec<Entry> = catalogue.entries.into_iter().filter(|entry| used.contains(&entry.key)).collect();
        let computed = entries.iter().any(|entry| matches!(entry.kind, Kind::Formula(_)));
        let sources = if computed { fields::sources(tx, record)? } else { HashMap::new() };
        for rule in &mut rules {
            let further: Vec<String> = rule.uses.iter().flat_map(|key| made_of(record, key, &sources)).collect();
            rule.reads.extend(further);
        }
        Ok(Self { rules, entries })
    }
}

/// What a computed field is made of.
fn made_of(record: RecordType, key: &str, formulas: &HashMap<String, Vec<String>>) -> Vec<String> {
    let built_in: &[&str] = match (record, key) {
        (RecordType::Contact | RecordType::Lead, "name") => &["first_name", "last_name"],
        _ => &[],
    };
    let own = formulas.get(key).cloned().unwrap_or_default();
    let own = own.into_iter().flat_map(|key| {
        let names = if key == "name" { vec!["first_name".to_owned(), "last_name".to_owned()] } else { vec![] };
        names.into_iter().chain([key])
    });
    built_in.iter().map(|key| (*key).to_owned()).chain(own).collect()
}
