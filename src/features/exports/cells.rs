//! The values of records, typed, as every format writes them: read in one statement a batch, with the names of what they refer to.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members::{self, Person},
        fields::{Entry, Kind},
        pipeline,
        records::list::{self, Values},
    },
    kernel::{RecordType, money},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal;
use std::collections::HashMap;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Empty,
    Text(String),
    Number(Decimal),
    Money {
        amount: Decimal,
        currency: String,
    },
    Date(NaiveDate),
    Moment(DateTime<Utc>),
    Bool(bool),
    /// One of several: its key and its label.
    Choice(String, String),
    Choices(Vec<(String, String)>),
    List(Vec<String>),
    Person {
        id: Uuid,
        name: String,
        email: String,
    },
    /// Another record, a pipeline or a stage, by name.
    Link(Uuid, String),
}

/// A record's cells, one for each entry.
pub(super) struct Row {
    pub id: Uuid,
    pub cells: Vec<Cell>,
}

/// These records in the order of `ids`.
pub(super) fn read(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    entries: &[Entry],
    ids: &[Uuid],
) -> AppResult<Vec<Row>> {
    let borrowed: Vec<&Entry> = entries.iter().collect();
    let values = list::values(tx, record, &borrowed, ids)?;
    let names = Names::load(tx, entries, &values)?;
    let mut rows: HashMap<Uuid, Row> = HashMap::with_capacity(values.len());
    for value in values {
        let cell = |(n, entry): (usize, &Entry)| {
            value.cell(n).map_or(Cell::Empty, |raw| names.cell(actor, entry, raw, value.beside(n)))
        };
        rows.insert(value.id, Row { id: value.id, cells: entries.iter().enumerate().map(cell).collect() });
    }
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// Names by id of what the cells of a batch refer to.
struct Names {
    people: Vec<Person>,
    others: HashMap<Uuid, String>,
}

impl Names {
    fn load(tx: &mut OrgTx, entries: &[Entry], values: &[Values]) -> AppResult<Self> {
        let any = |kind: &Kind| entries.iter().any(|entry| entry.kind.value() == kind);
        let mut others = HashMap::new();
        for (n, entry) in entries.iter().enumerate() {
            if let Kind::Record(target) = entry.kind.value() {
                let mut ids: Vec<Uuid> = values.iter().filter_map(|v| v.cell(n)?.parse().ok()).collect();
                ids.sort_unstable();
                ids.dedup();
                others.extend(list::names(tx, *target, &ids, None)?);
            }
        }
        if any(&Kind::Pipeline) {
            others.extend(pipeline::pipelines(tx)?.into_iter().map(|p| (p.id.into(), p.name)));
        }
        if any(&Kind::Stage) {
            others.extend(pipeline::stages(tx)?.into_iter().map(|s| (s.id.into(), s.name)));
        }
        let people = if any(&Kind::Member) { members::directory(tx)? } else { vec![] };
        Ok(Self { people, others })
    }

    /// What cannot be read as its kind stays text: an export loses nothing.
    fn cell(&self, actor: &Actor, entry: &Entry, raw: &str, currency: Option<&str>) -> Cell {
        let typed = match entry.kind.value() {
            Kind::Integer | Kind::Decimal | Kind::Percent => {
                raw.parse().ok().map(|n: Decimal| Cell::Number(n.normalize()))
            }
            Kind::Money => raw.parse().ok().map(|n: Decimal| Cell::Money {
                amount: n.normalize(),
                currency: currency.unwrap_or(&actor.org.currency).to_owned(),
            }),
            Kind::Date => raw.parse().ok().map(Cell::Date),
            Kind::DateTime => list::instant(raw).map(Cell::Moment),
            Kind::Bool => Some(Cell::Bool(raw == "true")),
            Kind::Choice(_) => Some(Cell::Choice(raw.to_owned(), label(entry, raw))),
            Kind::Choices(_) => {
                Some(Cell::Choices(raw.lines().map(|key| (key.to_owned(), label(entry, key))).collect()))
            }
            Kind::Emails | Kind::Phones | Kind::Tags => Some(Cell::List(raw.lines().map(str::to_owned).collect())),
            Kind::Member => self.person(raw),
            Kind::Record(_) | Kind::Pipeline | Kind::Stage => {
                let link = raw.parse().ok().and_then(|id: Uuid| Some(Cell::Link(id, self.others.get(&id)?.clone())));
                // What is deleted, or nobody's to see, has no name to give.
                Some(link.unwrap_or(Cell::Empty))
            }
            _ => None,
        };
        typed.unwrap_or_else(|| Cell::Text(raw.to_owned()))
    }

    fn person(&self, raw: &str) -> Option<Cell> {
        let person = self.people.iter().find(|p| p.id.to_string() == raw)?;
        Some(Cell::Person { id: person.id.0, name: person.name.clone(), email: person.email.clone() })
    }
}

fn label(entry: &Entry, key: &str) -> String {
    entry.kind.choices().iter().find(|c| c.key == key).map_or_else(|| key.to_owned(), |c| c.label.clone())
}

impl Cell {
    /// As one text that our own import reads back as the same value: ISO dates, decimal points, owners by address, lists by `; `.
    pub fn plain(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(n) => money::typed(*n),
            Cell::Money { amount, .. } => with_cents(*amount),
            Cell::Date(day) => day.to_string(),
            Cell::Moment(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Cell::Bool(yes) => if *yes { "true" } else { "false" }.to_owned(),
            Cell::Choice(_, label) => label.clone(),
            Cell::Choices(all) => all.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>().join("; "),
            Cell::List(all) => all.join("; "),
            Cell::Person { email, .. } => email.clone(),
            Cell::Link(_, name) => name.clone(),
        }
    }
}

/// Two decimals, or four: three could be taken for thousands.
fn with_cents(amount: Decimal) -> String {
    let scale = if amount.scale() <= 2 { 2 } else { 4 };
    let mut amount = amount;
    amount.rescale(scale);
    amount.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_never_taken_for_thousands() {
        assert_eq!(Cell::Number(Decimal::new(1_234, 3)).plain(), "1.2340", "nor is another number");
        for (amount, text) in [("1", "1.00"), ("1.234", "1.2340"), ("1234.5", "1234.50"), ("0.0001", "0.0001")] {
            let amount: Decimal = amount.parse().unwrap_or_default();
            assert_eq!(with_cents(amount), text);
            assert_eq!(money::parse_amount(text, crate::kernel::numbers::DecimalMark::Point), Ok(amount.normalize()));
        }
    }
}
