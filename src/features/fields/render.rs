//! The one renderer of custom values: as a form's control holds them, as files hold them, as the reader sees them, as history keeps
//! them. What [`plain`] writes, [`super::parse`] reads back to the same value.

use super::{Custom, Entry, Kind, values};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{Money, RecordType, money, people},
    schema::members,
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Names of the members and records that values link to.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<Uuid, String>);

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

impl Names {
    /// Of everything these values link to: one query for each type that occurs.
    pub fn load<'a>(
        tx: &mut OrgTx,
        entries: impl IntoIterator<Item = &'a Entry>,
        records: &[&Custom],
    ) -> AppResult<Self> {
        let mut wanted: BTreeMap<Option<RecordType>, BTreeSet<Uuid>> = BTreeMap::new();
        for entry in entries {
            let of = match &entry.kind {
                Kind::Member => None,
                Kind::Record(record) => Some(*record),
                _ => continue,
            };
            let ids = records.iter().filter_map(|custom| id(custom.get(&entry.key)));
            wanted.entry(of).or_default().extend(ids);
        }
        let mut names = HashMap::new();
        for (of, ids) in wanted.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let ids: Vec<Uuid> = ids.into_iter().collect();
            names.extend(match of {
                None => member_names(tx, &ids)?,
                Some(record) => record_names(tx, record, &ids)?,
            });
        }
        Ok(Self(names))
    }

    pub fn get(&self, id: Uuid) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }
}

fn member_names(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<Vec<(Uuid, String)>> {
    Ok(members::table.filter(members::id.eq_any(ids)).select((members::id, members::name)).load(tx.conn())?)
}

/// Whoever sees a record may know the names of what it links to, as of a deal's company.
fn record_names(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<Vec<(Uuid, String)>> {
    let name = crate::features::records::name_sql(record);
    let sql = format!("SELECT id, {name} AS name FROM {} WHERE id = ANY ($1) AND deleted_at IS NULL", record.noun());
    let rows: Vec<Named> = diesel::sql_query(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The id in a link: a string, or history's `{"id", "name"}`.
pub fn id(value: &Value) -> Option<Uuid> {
    value.get("id").unwrap_or(value).as_str()?.parse().ok()
}

/// As a form's control holds it: what [`super::parse`] takes. Several choices stand on a line each.
pub fn raw(entry: &Entry, value: &Value, zone: Tz) -> String {
    match (entry.kind.value(), value) {
        (_, Value::Null) => String::new(),
        (Kind::Member | Kind::Record(_), value) => id(value).map(|id| id.to_string()).unwrap_or_default(),
        (Kind::Money | Kind::Decimal | Kind::Percent, value) => {
            values::number(value).map(money::typed).unwrap_or_default()
        }
        (Kind::DateTime, Value::String(at)) => {
            moment(at).map_or_else(|| at.clone(), |at| at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string())
        }
        (_, Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// As files hold it, the same in every locale: ISO dates, points in decimals, labels of choices, names of links.
pub fn plain(entry: &Entry, value: &Value, names: &Names) -> String {
    match (entry.kind.value(), value) {
        (_, Value::Null) => String::new(),
        (Kind::Member | Kind::Record(_), value) => named(value, names),
        (Kind::Money, value) => {
            let amount = values::number(value).map(|n| n.to_string()).unwrap_or_default();
            match value.get("currency").and_then(Value::as_str) {
                Some(currency) if entry.own_currency => format!("{amount} {currency}"),
                _ => amount,
            }
        }
        (Kind::Bool, Value::Bool(yes)) => (if *yes { "yes" } else { "no" }).to_owned(),
        (Kind::Choice(_) | Kind::Choices(_), value) => labels(entry, value).join("; "),
        (_, Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// As the reader sees it, in their own locale and time zone.
pub fn display(entry: &Entry, value: &Value, actor: &Actor, names: &Names) -> String {
    match (entry.kind.value(), value) {
        (_, Value::Null) => String::new(),
        (Kind::Integer, Value::Number(n)) => n.as_i64().map_or_else(|| n.to_string(), |n| actor.locale.integer(n)),
        (Kind::Decimal | Kind::Percent, value) => match values::number(value) {
            Some(n) => {
                let shown = actor.locale.decimal(n, n.normalize().scale());
                if *entry.kind.value() == Kind::Percent { format!("{shown} %") } else { shown }
            }
            None => plain(entry, value, names),
        },
        (Kind::Money, value) => {
            let currency = value.get("currency").and_then(Value::as_str).unwrap_or(&actor.org.currency);
            let amount = values::number(value);
            amount.map(|n| actor.locale.money(Money::from_columns(n, currency))).unwrap_or_default()
        }
        (Kind::Date, Value::String(day)) => match day.parse::<NaiveDate>() {
            Ok(day) => actor.locale.day(day, actor.today()),
            Err(_) => day.clone(),
        },
        (Kind::DateTime, Value::String(at)) => {
            moment(at).map_or_else(|| at.clone(), |at| actor.moment_to_the_minute(at))
        }
        (Kind::Bool, Value::Bool(yes)) => (if *yes { "Yes" } else { "No" }).to_owned(),
        (Kind::Choice(_) | Kind::Choices(_), value) => labels(entry, value).join(", "),
        (Kind::Phone, Value::String(number)) => people::format_phone(number, Some(actor.home())),
        _ => plain(entry, value, names),
    }
}

/// As an event keeps it: links with their names, so that history stays readable after what they name is gone.
pub fn told(entry: &Entry, value: &Value, names: &Names) -> Value {
    match (&entry.kind, id(value)) {
        (Kind::Member | Kind::Record(_), Some(id)) => json!({ "id": id, "name": names.get(id) }),
        _ => value.clone(),
    }
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    text.parse().ok()
}

fn named(value: &Value, names: &Names) -> String {
    let known = id(value).and_then(|id| names.get(id));
    known.or_else(|| value.get("name").and_then(Value::as_str)).unwrap_or_default().to_owned()
}

/// The labels of the chosen; a key that is no choice any more stands for itself.
fn labels<'a>(entry: &'a Entry, value: &'a Value) -> Vec<&'a str> {
    let label =
        |key: &'a str| entry.kind.choices().iter().find(|c| c.key == key).map_or(key, |choice| choice.label.as_str());
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(label).collect(),
        Value::String(key) => vec![label(key)],
        _ => vec![],
    }
}
