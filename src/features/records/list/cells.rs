//! The rows of a list: the values of the chosen columns as text, read in one statement, and how each is shown.

use crate::{
    db::{OrgTx, Tx, is_worth_keeping, kept},
    error::AppResult,
    features::{
        accounts::members::Person,
        fields::{Catalogue, Entry, Kind},
        pipeline::{self, Pipeline, Stage},
        records::require_edit,
        tags::{self, Tag},
    },
    kernel::{Money, RecordType, countries, people as numbers, text},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// A row as the template shows it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Of the record; the element's is `contact-…`.
    pub id: String,
    pub element: String,
    pub name: String,
    pub cells: Vec<Cell>,
}

/// What it belongs to and where it is edited is said once: by the row's element and the column's head.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `end`: numbers; `edit`: the reader may edit it in place.
    pub class: &'static str,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub enum Content {
    Empty,
    /// The record itself; initials and colour where it is a person.
    Name {
        text: String,
        href: String,
        avatar: Option<(String, String)>,
    },
    Text(String),
    Number(String),
    Link {
        text: String,
        href: String,
        outside: bool,
    },
    /// Not to be used: the person asked not to be contacted.
    Struck(String),
    Badge {
        text: String,
        tone: &'static str,
    },
    Dots(Vec<(String, String)>),
    Person(Arc<Person>),
    Moment {
        text: String,
        exact: String,
    },
}

/// What the record is called, over its table aliased `r`.
pub(super) fn name_sql(record: RecordType) -> &'static str {
    match record {
        RecordType::Contact => "coalesce(nullif(btrim(r.first_name || ' ' || r.last_name), ''), r.email, '')",
        RecordType::Lead => {
            "coalesce(nullif(btrim(r.first_name || ' ' || r.last_name), ''), r.company_name, r.email, '')"
        }
        RecordType::Company | RecordType::Deal => "r.name",
    }
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// The names of these records, of owners that the reader sees when `owners` says so.
pub fn names(
    tx: &mut OrgTx,
    record: RecordType,
    ids: &[Uuid],
    owners: Option<Vec<Uuid>>,
) -> AppResult<HashMap<Uuid, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT r.id, {} AS name FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL AND ($2 IS NULL OR r.owner_id = ANY ($2))",
        name_sql(record),
        record.noun()
    );
    let query = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(owners);
    let rows: Vec<Named> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

#[derive(QueryableByName, Debug)]
pub struct Values {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Bool)]
    untouchable: bool,
    /// Two for each column: the value, and what it does not say itself: the currency of money, the name of a linked record.
    #[diesel(sql_type = sql_types::Array<sql_types::Nullable<sql_types::Text>>)]
    cells: Vec<Option<String>>,
}

/// These records, in this order, with the values of these columns; `known`: their values, where they were read with the page.
pub(super) fn rows(
    tx: &mut OrgTx,
    actor: &Actor,
    catalogue: &Catalogue,
    keys: &[&str],
    ids: &[Uuid],
    known: Option<Vec<Values>>,
    people: &[Person],
) -> AppResult<Vec<Row>> {
    let entries = entries(catalogue, keys);
    let record = catalogue.record;
    let values = match known {
        Some(values) => values,
        None => read(tx, record, columns(record, &entries, true), ids)?,
    };
    let shower = Shower::load(tx, actor, record, &entries, &values, people)?;
    let mut found: HashMap<Uuid, Row> = values.into_iter().map(|v| (v.id, shower.row(&entries, v))).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// What a list's rows show, as plain texts: for cards.
pub fn texts(
    tx: &mut OrgTx,
    actor: &Actor,
    catalogue: &Catalogue,
    keys: &[&str],
    ids: &[Uuid],
    people: &[Person],
) -> AppResult<HashMap<Uuid, Vec<String>>> {
    let rows = rows(tx, actor, catalogue, keys, ids, None, people)?;
    let text = |row: Row| Some((row.id.parse().ok()?, row.cells.iter().map(|cell| cell.content.text()).collect()));
    Ok(rows.into_iter().filter_map(text).collect())
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Empty => String::new(),
            Content::Name { text, .. }
            | Content::Text(text)
            | Content::Number(text)
            | Content::Link { text, .. }
            | Content::Struck(text)
            | Content::Badge { text, .. }
            | Content::Moment { text, .. } => text.clone(),
            Content::Dots(all) => all.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(", "),
            Content::Person(person) => person.name.clone(),
        }
    }
}

fn entries<'a>(catalogue: &'a Catalogue, keys: &[&str]) -> Vec<&'a Entry> {
    keys.iter().filter_map(|key| catalogue.get(key)).collect()
}

/// What [`rows`] needs of each record, as SQL over its table aliased `r`: the columns of [`Values`] but for the id.
pub(super) fn wanted(catalogue: &Catalogue, keys: &[&str]) -> String {
    columns(catalogue.record, &entries(catalogue, keys), true)
}

/// These records' values, one for each entry, in no order.
pub fn values(tx: &mut OrgTx, record: RecordType, entries: &[&Entry], ids: &[Uuid]) -> AppResult<Vec<Values>> {
    read(tx, record, columns(record, entries, false), ids)
}

fn read(tx: &mut OrgTx, record: RecordType, columns: String, ids: &[Uuid]) -> AppResult<Vec<Values>> {
    let sql = format!("SELECT r.id, {columns} FROM {} r WHERE r.id = ANY ($1)", record.noun());
    let keep = is_worth_keeping(&sql);
    let query = diesel::sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids);
    Ok(if keep { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// `linked`: beside the id of another record stands its name.
fn columns(record: RecordType, entries: &[&Entry], linked: bool) -> String {
    let cell = |entry: &&Entry| {
        let expr = &entry.expr;
        let value = match entry.kind.value() {
            kind if kind.is_list() => format!("array_to_string({expr}, E'\\n')"),
            _ => format!("({expr})::text"),
        };
        let beside = match entry.kind.value() {
            Kind::Record(target) if linked => format!(
                "(SELECT {} FROM {} n WHERE n.org_id = r.org_id AND n.id = ({expr}) AND n.deleted_at IS NULL)",
                name_sql(*target).replace("r.", "n."),
                target.noun()
            ),
            _ => entry.currency.clone().unwrap_or_else(|| "NULL".to_owned()),
        };
        format!("{value}, {beside}")
    };
    let cells: Vec<String> = entries.iter().map(cell).collect();
    let untouchable = if is_person(record) { "r.do_not_contact" } else { "false" };
    format!("{} AS name, {untouchable} AS untouchable, ARRAY[{}]::text[] AS cells", name_sql(record), cells.join(", "))
}

fn is_person(record: RecordType) -> bool {
    matches!(record, RecordType::Contact | RecordType::Lead)
}

/// How values are shown to one reader, with the names of what they refer to.
struct Shower<'a> {
    record: RecordType,
    actor: &'a Actor,
    people: HashMap<Uuid, Arc<Person>>,
    stages: Vec<Stage>,
    pipelines: Vec<Pipeline>,
    tags: Vec<Tag>,
    may_edit: bool,
}

impl<'a> Shower<'a> {
    fn load(
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

    fn row(&self, entries: &[&Entry], mut values: Values) -> Row {
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
            if phone { numbers::format_phone(v, Some(self.actor.locale.region())) } else { v.to_owned() }
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
            Kind::DateTime => instant(&raw)
                .map_or(Content::Empty, |at| Content::Moment { text: actor.moment(at), exact: actor.exact(at) }),
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

impl Values {
    fn take(&mut self, n: usize) -> Option<String> {
        self.cells.get_mut(2 * n).and_then(Option::take).filter(|v| !v.is_empty())
    }

    /// The text of the n-th entry, one line for each value of a list; `None` when it is empty.
    pub fn cell(&self, n: usize) -> Option<&str> {
        self.cells.get(2 * n).and_then(Option::as_deref).filter(|v| !v.is_empty())
    }

    /// The currency of the n-th entry's money, when it is not the organisation's; the name of the record it links to.
    pub fn beside(&self, n: usize) -> Option<&str> {
        self.cells.get(2 * n + 1).and_then(Option::as_deref)
    }
}

/// As Postgres writes it in UTC.
pub fn instant(raw: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(raw, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|at| at.to_utc())
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
