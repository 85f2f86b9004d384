//! How the values of a list's cells are shown to one reader.

use super::cells::{Cell, Content, Row, Values, instant, is_person};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members::Person,
        fields::{Entry, Kind},
        pipeline::{self, Pipeline, Stage},
        records::require_edit,
        tags::{self, Tag},
    },
    kernel::{Money, RecordType, countries, people as numbers, text},
    web::Actor,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// What the reader may do, and the names of what values refer to.
pub(super) struct Shower<'a> {
    record: RecordType,
    actor: &'a Actor,
    people: HashMap<Uuid, Arc<Person>>,
    stages: Vec<Stage>,
    pipelines: Vec<Pipeline>,
    tags: Vec<Tag>,
    may_edit: bool,
}

impl<'a> Shower<'a> {
    pub fn load(
        tx: &mut OrgTx,
        actor: &'a Actor,
        record: RecordType,
        entries: &[&Entry],
        values: &[Values],
        people: &[Person],
    ) -> AppResult<Self> {
        let mut shown = HashMap::new();
        for (n, entry) in entries.iter().enumerate() {
            if *entry.kind.value() == Kind::Member {
                for id in values.iter().filter_map(|v| v.cell(n)?.parse::<Uuid>().ok()) {
                    if !shown.contains_key(&id)
                        && let Some(person) = people.iter().find(|p| p.id.0 == id)
                    {
                        shown.insert(id, Arc::new(person.clone()));
                    }
                }
            }
        }
        let any = |kind: Kind| entries.iter().any(|entry| *entry.kind.value() == kind);
        Ok(Self {
            record,
            actor,
            people: shown,
            stages: if any(Kind::Stage) { pipeline::stages(tx)? } else { vec![] },
            pipelines: if any(Kind::Pipeline) { pipeline::pipelines(tx)? } else { vec![] },
            tags: if any(Kind::Tags) { tags::all(tx)? } else { vec![] },
            may_edit: require_edit(actor, record).is_ok(),
        })
    }

    pub fn row(&self, entries: &[&Entry], mut values: Values) -> Row {
        let id = values.id.to_string();
        let href = format!("/{}/{id}", self.record.noun());
        let cells = entries.iter().enumerate().map(|(n, entry)| {
            let editable = self.may_edit && entry.editable && entry.key != "name";
            let class = match (entry.kind.is_number(), editable) {
                (false, false) => "",
                (false, true) => "edit",
                (true, false) => "end",
                (true, true) => "end edit",
            };
            Cell { class, content: self.content(entry, &mut values, n, &href) }
        });
        let cells = cells.collect();
        Row { element: format!("{}-{id}", self.record), id, cells, name: values.name }
    }

    fn content(&self, entry: &Entry, values: &mut Values, n: usize, href: &str) -> Content {
        if entry.key == "name" {
            let avatar = is_person(self.record)
                .then(|| (text::initials(&values.name), text::avatar_class(&values.id.to_string())));
            return Content::Name { text: values.name.clone(), href: href.to_owned(), avatar };
        }
        match values.take(n) {
            Some(raw) => self.shown(entry, raw, values.beside(n), values.untouchable),
            None if *entry.kind.value() == Kind::Bool => Content::Text("No".to_owned()),
            None => Content::Empty,
        }
    }

    fn shown(&self, entry: &Entry, raw: String, beside: Option<&str>, untouchable: bool) -> Content {
        match entry.kind.value() {
            Kind::Email | Kind::Emails | Kind::Phone | Kind::Phones => self.reach(entry, raw, untouchable),
            Kind::Domain => Content::Link { href: format!("https://{raw}"), text: raw, outside: true },
            Kind::Url if raw.starts_with("https://") || raw.starts_with("http://") => {
                let text = raw.trim_start_matches("https://").trim_start_matches("http://").to_owned();
                Content::Link { text, href: raw, outside: true }
            }
            Kind::Record(target) => {
                let link = |name: &str| Content::Link {
                    text: name.to_owned(),
                    href: format!("/{}/{raw}", target.noun()),
                    outside: false,
                };
                beside.map_or(Content::Empty, link)
            }
            Kind::Member => {
                let person = raw.parse().ok().and_then(|id: Uuid| self.people.get(&id));
                person.map_or(Content::Empty, |p| Content::Person(p.clone()))
            }
            Kind::Stage => {
                let id: Option<Uuid> = raw.parse().ok();
                let stage = self.stages.iter().find(|s| Some(s.id.0) == id);
                stage.map_or(Content::Empty, |s| Content::Dots(vec![(s.color.clone(), s.name.clone())]))
            }
            Kind::Pipeline => {
                let id: Option<Uuid> = raw.parse().ok();
                let found = self.pipelines.iter().find(|p| Some(p.id.0) == id);
                found.map_or(Content::Empty, |p| Content::Text(p.name.clone()))
            }
            Kind::Choice(choices) => {
                let choice = choices.iter().find(|c| c.key == raw);
                let label = choice.map_or_else(|| raw.clone(), |c| c.label.clone());
                match choice.map(|c| c.color.as_str()).filter(|c| !c.is_empty()) {
                    Some(color) => Content::Dots(vec![(color.to_owned(), label)]),
                    None => Content::Badge { text: label, tone: tone(&raw) },
                }
            }
            Kind::Choices(choices) => Content::Dots(
                raw.lines()
                    .map(|key| {
                        let choice = choices.iter().find(|c| c.key == key);
                        choice.map_or_else(|| (String::new(), key.to_owned()), |c| (c.color.clone(), c.label.clone()))
                    })
                    .collect(),
            ),
            kind => self.plain(entry, kind, raw, beside),
        }
    }

    fn reach(&self, entry: &Entry, raw: String, untouchable: bool) -> Content {
        let phone = matches!(entry.kind.value(), Kind::Phone | Kind::Phones);
        let shown = |v: &str| {
            if phone { numbers::format_phone(v, Some(self.actor.home())) } else { v.to_owned() }
        };
        let all: Vec<String> = raw.lines().map(shown).collect();
        if untouchable {
            return Content::Struck(all.join(", "));
        }
        match (all.len(), phone) {
            (1, true) => Content::Link { text: all.concat(), href: format!("tel:{raw}"), outside: false },
            (1, false) => Content::Link { text: all.concat(), href: format!("mailto:{raw}"), outside: false },
            _ => Content::Text(all.join(", ")),
        }
    }

    fn plain(&self, entry: &Entry, kind: &Kind, raw: String, currency: Option<&str>) -> Content {
        let actor = self.actor;
        let number = match kind {
            Kind::Money => raw
                .parse::<Decimal>()
                .ok()
                .map(|n| actor.locale.money(Money::from_columns(n, currency.unwrap_or(&actor.org.currency)))),
            Kind::Integer if entry.key == "number" => Some(format!("D-{raw}")),
            Kind::Integer => raw.parse().ok().map(|n| actor.locale.integer(n)),
            Kind::Decimal => raw.parse::<Decimal>().ok().map(|n| {
                let n = n.normalize();
                actor.locale.decimal(n, n.scale())
            }),
            Kind::Percent => raw.parse::<Decimal>().ok().map(|n| format!("{} %", n.normalize())),
            Kind::Date => raw.parse::<NaiveDate>().ok().map(|d| actor.locale.day(d, actor.today())),
            _ => None,
        };
        if let Some(number) = number {
            return Content::Number(number);
        }
        match kind {
            Kind::DateTime => instant(&raw).map_or(Content::Empty, |at| {
                // What somebody entered to the minute is shown so; when something happened is told as people say it.
                let text = if entry.is_custom() { actor.moment_to_the_minute(at) } else { actor.moment(at) };
                Content::Moment { text, exact: actor.exact(at) }
            }),
            Kind::Bool => Content::Text(if raw == "true" { "Yes" } else { "No" }.to_owned()),
            Kind::Country => Content::Text(countries::name(&raw)),
            Kind::Tags => {
                let color = |name: &str| self.tags.iter().find(|t| t.name == name).map(|t| t.color.clone());
                Content::Dots(raw.lines().map(|t| (color(t).unwrap_or_default(), t.to_owned())).collect())
            }
            _ => Content::Text(raw),
        }
    }
}

/// The colour of a built-in choice.
fn tone(key: &str) -> &'static str {
    match key {
        "customer" | "won" => "good",
        "lost" | "disqualified" => "bad",
        "qualified" | "working" => "info",
        "new" => "accent",
        _ => "none",
    }
}
