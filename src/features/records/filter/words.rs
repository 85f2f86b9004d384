//! A filter as people say it: "Amount > €10,000", "has no deal where Status is Open".

use super::{Filter, Op, PERIODS, Schema, relations::relation};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members::Person,
        fields::{Entry, Kind},
        pipeline::{self, Pipeline, Stage},
        records::list,
        tags::{self, Tag},
    },
    kernel::{Money, RecordType, countries, money, numbers::DecimalMark},
    web::Actor,
};
use std::collections::HashMap;
use uuid::Uuid;

/// What the ids in a filter are called.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub people: Vec<Person>,
    pub stages: Vec<Stage>,
    pub pipelines: Vec<Pipeline>,
    pub tags: Vec<Tag>,
    records: HashMap<Uuid, String>,
}

impl Names {
    /// Enough for a list that no rule narrows and that has no groups.
    pub fn of(people: Vec<Person>) -> Self {
        Self { people, ..Self::default() }
    }

    /// Records that the reader may not see stay without a name.
    pub fn load(
        tx: &mut OrgTx,
        actor: &Actor,
        (record, filter, schema): (RecordType, &Filter, &Schema),
        people: Vec<Person>,
    ) -> AppResult<Self> {
        let mut wanted: HashMap<RecordType, Vec<Uuid>> = HashMap::new();
        references(record, filter, schema, &mut wanted);
        let mut records = HashMap::new();
        for (record, ids) in wanted {
            records.extend(list::names(tx, record, &ids, actor.visible_owners())?);
        }
        Ok(Self {
            people,
            stages: pipeline::stages(tx)?,
            pipelines: pipeline::pipelines(tx)?,
            tags: tags::all(tx)?,
            records,
        })
    }

    /// Further records.
    pub fn add(&mut self, names: HashMap<Uuid, String>) {
        self.records.extend(names);
    }

    /// The value of a field that names something, in words; `None` when it names nothing.
    pub fn id(&self, kind: &Kind, value: &str) -> Option<String> {
        let found = match kind.value() {
            Kind::Member if value == "me" => Some("me".to_owned()),
            Kind::Member if value == "team" => Some("my team".to_owned()),
            Kind::Member => self.people.iter().find(|p| p.id.to_string() == value).map(|p| p.name.clone()),
            Kind::Stage => self.stages.iter().find(|s| s.id.to_string() == value).map(|s| s.name.clone()),
            Kind::Pipeline => self.pipelines.iter().find(|p| p.id.to_string() == value).map(|p| p.name.clone()),
            Kind::Tags => self.tags.iter().find(|t| t.id.to_string() == value).map(|t| t.name.clone()),
            Kind::Record(_) => value.parse().ok().and_then(|id: Uuid| self.records.get(&id).cloned()),
            _ => return None,
        };
        Some(found.unwrap_or_else(|| "somebody or something else".to_owned()))
    }

    /// The whole filter; nested groups in brackets.
    pub fn words(&self, filter: &Filter, record: RecordType, schema: &Schema, actor: &Actor) -> String {
        match filter {
            Filter::All(parts) => self.joined(parts, " and ", record, schema, actor),
            Filter::Any(parts) => self.joined(parts, " or ", record, schema, actor),
            Filter::Rule { key, op, values } => match schema.get(record).and_then(|c| c.get(key)) {
                Some(entry) => self.rule(entry, *op, values, actor),
                None => "a field that is no longer there".to_owned(),
            },
            Filter::Related { relation: key, has, filter } => {
                let Some(relation) = relation(record, key) else { return "other records".to_owned() };
                let what = if *has { relation.words } else { relation.words.trim_start_matches("a ") };
                let head = format!("{} {what}", if *has { "has" } else { "has no" });
                let inner = self.words(filter, relation.target, schema, actor);
                if inner.is_empty() { head } else { format!("{head} where {inner}") }
            }
        }
    }

    fn joined(&self, parts: &[Filter], word: &str, record: RecordType, schema: &Schema, actor: &Actor) -> String {
        let parts: Vec<String> = parts
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| {
                let words = self.words(part, record, schema, actor);
                let group = matches!(part, Filter::All(inner) | Filter::Any(inner) if inner.len() > 1);
                if group { format!("({words})") } else { words }
            })
            .collect();
        parts.join(word)
    }

    fn rule(&self, entry: &Entry, op: Op, values: &[String], actor: &Actor) -> String {
        let label = &entry.label;
        let first = values.first().map(String::as_str).unwrap_or_default();
        match op {
            Op::Empty | Op::NotEmpty => format!("{label} {}", op.label()),
            Op::LastDays => format!("{label} in the last {first} days"),
            Op::NextDays => format!("{label} in the next {first} days"),
            Op::DaysAgo => format!("{label} more than {first} days ago"),
            Op::Between => {
                let second = values.get(1).map(String::as_str).unwrap_or_default();
                let currency = values.get(2).map(String::as_str);
                let side = |v| self.value(entry, v, currency, actor);
                format!("{label} between {} and {}", side(first), side(second))
            }
            _ if matches!(entry.kind.value(), Kind::Money) => {
                let currency = values.get(1).map(String::as_str);
                format!("{label} {} {}", op.sign(), self.value(entry, first, currency, actor))
            }
            _ => {
                let all: Vec<String> = values.iter().map(|v| self.value(entry, v, None, actor)).collect();
                format!("{label} {} {}", op.sign(), all.join(" or "))
            }
        }
    }

    fn value(&self, entry: &Entry, value: &str, currency: Option<&str>, actor: &Actor) -> String {
        if let Some(name) = self.id(&entry.kind, value) {
            return name;
        }
        let kind = entry.kind.value();
        let read = match kind {
            Kind::Money => {
                let currency = currency.unwrap_or(&actor.org.currency);
                money::parse_decimal(value, 4, DecimalMark::Point)
                    .ok()
                    .map(|n| actor.locale.money(Money::from_columns(n, currency)))
            }
            Kind::Integer => value.parse().ok().map(|n| actor.locale.integer(n)),
            Kind::Date | Kind::DateTime => {
                let period = PERIODS.iter().find(|(key, _)| *key == value).map(|(_, words)| words.to_lowercase());
                period.or_else(|| value.parse().ok().map(|day| actor.locale.day(day, actor.today())))
            }
            Kind::Bool => Some(if value == "true" { "yes" } else { "no" }.to_owned()),
            Kind::Country => Some(countries::name(value)),
            _ => kind.choices().iter().find(|c| c.key == value).map(|c| c.label.clone()),
        };
        read.unwrap_or_else(|| match kind {
            Kind::Text | Kind::LongText | Kind::Email | Kind::Url | Kind::Domain => format!("“{value}”"),
            _ => value.to_owned(),
        })
    }
}

fn references(record: RecordType, filter: &Filter, schema: &Schema, wanted: &mut HashMap<RecordType, Vec<Uuid>>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            parts.iter().for_each(|part| references(record, part, schema, wanted));
        }
        Filter::Rule { key, values, .. } => {
            let entry = schema.get(record).and_then(|c| c.get(key));
            if let Some(Kind::Record(target)) = entry.map(|e| e.kind.value()) {
                wanted.entry(*target).or_default().extend(values.iter().filter_map(|v| v.parse::<Uuid>().ok()));
            }
        }
        Filter::Related { relation: key, filter, .. } => {
            if let Some(relation) = relation(record, key) {
                references(relation.target, filter, schema, wanted);
            }
        }
    }
}
