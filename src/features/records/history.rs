//! What happened to a record: all of it on a page of its own, each change with Undo (`page`, `reversal`); and, to whoever saves a form
//! that is out of date, what happened since they opened it, told beside what they typed, so that nothing is overwritten silently.

mod conflict;
mod page;
mod reversal;
mod rows;

pub use conflict::{Conflict, Mine, Thing, compare, conflict, conflict_of};
pub use page::{index, undo};

use super::display::{self, Described};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events,
    features::fields::{self, Catalogue, Entry, Kind},
    kernel::money,
    web::{Actor, Form},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use uuid::Uuid;

/// One field that changed, over however many saves: first value, last value, who saved last and when.
#[derive(Clone, Debug)]
pub struct ChangeLine {
    pub key: String,
    pub label: String,
    pub before: String,
    pub after: String,
    pub by: String,
    pub at: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    actor_name: Option<String>,
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
    #[diesel(sql_type = sql_types::Jsonb)]
    data: Value,
}

const SINCE: &str = "
SELECT e.at, m.name AS actor_name, e.changes, e.data
FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
WHERE e.record_id = $1 AND e.record_type = $2 AND e.version > $3
ORDER BY e.at, e.id";

fn rows_since(tx: &mut OrgTx, kind: &str, id: Uuid, version: i32) -> AppResult<Vec<Row>> {
    Ok(diesel::sql_query(SINCE)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Text, _>(kind)
        .bind::<sql_types::Integer, _>(version)
        .load(tx.conn())?)
}

fn add(lines: &mut Vec<ChangeLine>, actor: &Actor, catalogue: &Catalogue, key: &str, pair: &Value, row: &Row) {
    let field = catalogue.known(key);
    // Hidden from this reader.
    if field.is_none() && key.starts_with("c_") {
        return;
    }
    let currency = row.data.get("currency").and_then(Value::as_str);
    let side = |i: usize| display::json(field, pair.get(i).unwrap_or(&Value::Null), actor, currency);
    put(lines, actor, row, key, &display::label(field, key), [side(0), side(1)]);
}

/// The field's line: begun, or with a later value.
fn put(lines: &mut Vec<ChangeLine>, actor: &Actor, row: &Row, key: &str, label: &str, [before, after]: [String; 2]) {
    let by = events::doer(row.actor_name.clone(), &row.data);
    let at = actor.within(row.at);
    match lines.iter_mut().find(|line| line.key == key) {
        Some(line) => (line.after, line.by, line.at) = (after, by, at),
        None => {
            let (key, label) = (key.to_owned(), label.to_owned());
            lines.push(ChangeLine { key, label, before, after, by, at });
        }
    }
}

/// Puts the value that history kept into the form, as a control holds it; what it refers to goes by the name it had then.
fn type_in(form: &mut Form, entry: &Entry, value: &Value, zone: Tz) {
    if let Kind::Record(_) = &entry.kind {
        let (id_name, name) = entry.reference();
        form.set(&id_name, fields::id(value).map(|id| id.to_string()).unwrap_or_default());
        form.set(&name, value.get("name").and_then(Value::as_str).unwrap_or_default());
        return;
    }
    let text = match value {
        // As the control writes it: read by anybody's mark it is what it was.
        value if entry.kind.is_number() => fields::number(value).map(money::typed).unwrap_or_default(),
        Value::Bool(yes) if !entry.is_custom() => if *yes { "true" } else { "" }.to_owned(),
        value if entry.kind == Kind::Member || entry.is_custom() => fields::raw(entry, value, zone),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    form.set(&entry.key, text);
    if entry.own_currency
        && let Some(currency) = value.get("currency").and_then(Value::as_str)
    {
        form.set(&fields::currency_name(&entry.key), currency);
    }
}
