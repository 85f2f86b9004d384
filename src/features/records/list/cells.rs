//! The rows of a list: the values of the chosen columns as text, read in one statement. How each is shown: `shown`.

use super::shown::Shower;
use crate::{
    db::{OrgTx, Tx, is_worth_keeping, kept},
    error::AppResult,
    features::{
        accounts::members::Person,
        fields::{Catalogue, Entry, Kind},
    },
    kernel::RecordType,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
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
    pub(super) name: String,
    #[diesel(sql_type = sql_types::Bool)]
    pub(super) untouchable: bool,
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

pub(super) fn is_person(record: RecordType) -> bool {
    matches!(record, RecordType::Contact | RecordType::Lead)
}

impl Values {
    pub(super) fn take(&mut self, n: usize) -> Option<String> {
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
