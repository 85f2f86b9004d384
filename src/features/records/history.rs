//! What happened to a record: all of it on a page of its own, each change with Undo (`page`, `reversal`); and, to whoever saves a form
//! that is out of date, what happened since they opened it, told beside what they typed, so that nothing is overwritten silently.

mod page;
mod reversal;
mod rows;

pub use page::{index, undo};

use super::{display, visible};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events,
    features::fields::{Catalogue, Entry, Kind},
    kernel::RecordType,
    web::{Actor, Form},
};
use chrono::{DateTime, Utc};
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

/// A stale save, as the form shows it: theirs against yours, field by field.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// "Ada Verhoeven" or "Ada Verhoeven and Ben Okafor".
    pub who: String,
    pub at: String,
    pub lines: Vec<Sides>,
    /// The record as it is now: leaving the form keeps theirs.
    pub keep_theirs: String,
}

impl Conflict {
    pub fn of(changes: Vec<ChangeLine>, keep_theirs: String, yours: impl Fn(&ChangeLine) -> String) -> Self {
        let mut names: Vec<&str> = changes.iter().map(|line| line.by.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let who = if names.is_empty() { "Someone else".to_owned() } else { names.join(" and ") };
        let at = changes.last().map(|line| line.at.clone()).unwrap_or_default();
        let side = |line: ChangeLine| {
            let yours = yours(&line);
            Sides { differs: yours != line.after, yours, line }
        };
        Self { who, at, lines: changes.into_iter().map(side).collect(), keep_theirs }
    }
}

/// One field of a conflict.
#[derive(Clone, Debug)]
pub struct Sides {
    pub line: ChangeLine,
    pub yours: String,
    pub differs: bool,
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

/// What a conflict is told about that is no record: a stage, a pipeline. Its fields are its events' keys with their labels.
pub struct Thing {
    /// As its events call it.
    pub kind: &'static str,
    pub id: Uuid,
    pub fields: &'static [(&'static str, &'static str)],
    /// Where it is shown as it is now.
    pub at: String,
}

const SINCE: &str = "
SELECT e.at, m.name AS actor_name, e.changes, e.data
FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
WHERE e.record_id = $1 AND e.record_type = $2 AND e.version > $3
ORDER BY e.at, e.id";

/// What changed after that version, in the order in which the fields were first touched.
pub fn changes_since(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    id: Uuid,
    version: i32,
) -> AppResult<Vec<ChangeLine>> {
    let rows = rows_since(tx, record.key(), id, version)?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let mut lines: Vec<ChangeLine> = Vec::new();
    for row in rows {
        let Value::Object(changes) = &row.changes else { continue };
        for (key, pair) in changes {
            add(&mut lines, actor, &catalogue, key, pair, &row);
        }
    }
    Ok(lines)
}

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

/// Like [`conflict`], for what is no record and has that version now; values are shown as they are kept.
pub fn conflict_of(tx: &mut OrgTx, actor: &Actor, thing: Thing, version: i32, form: &mut Form) -> AppResult<Conflict> {
    let seen = form.get("version").parse().unwrap_or(0);
    form.set("version", version.to_string());
    let mut lines = Vec::new();
    for row in rows_since(tx, thing.kind, thing.id, seen)? {
        for (key, label) in thing.fields {
            let Some(pair) = row.changes.get(key) else { continue };
            let side = |i: usize| display::json(None::<&Entry>, pair.get(i).unwrap_or(&Value::Null), actor, None);
            put(&mut lines, actor, &row, key, label, [side(0), side(1)]);
        }
    }
    Ok(Conflict::of(lines, thing.at, |line| form.get(&line.key).to_owned()))
}

/// Sets the stale form beside what was saved meanwhile, and moves its `version` on: submitting it again overwrites knowingly.
pub fn conflict(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, form: &mut Form) -> AppResult<Conflict> {
    let now = visible(tx, actor, record, id)?;
    let seen = form.get("version").parse().unwrap_or(0);
    let changes = changes_since(tx, actor, record, id, seen)?;
    form.set("version", now.version.to_string());
    let people = crate::features::accounts::members::directory(tx)?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let yours = |line: &ChangeLine| match catalogue.known(&line.key) {
        Some(field) if field.kind == Kind::Member => {
            display::shown(field, form, actor, &people).person.map(|p| p.name).unwrap_or_default()
        }
        Some(field) => {
            let parts = display::shown(field, form, actor, &people).parts;
            parts.into_iter().map(|p| p.text).collect::<Vec<_>>().join(", ")
        }
        None => form.get(&line.key).to_owned(),
    };
    Ok(Conflict::of(changes, format!("/{}/{id}", record.noun()), yours))
}
