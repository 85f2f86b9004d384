//! A stale save compared three ways: the record as the form was opened on it, as it is now, and what the form says. What only somebody
//! else changed is taken into the form; what only the form changes is told as one's own; what both changed is theirs to choose.

use super::{ChangeLine, add, put, rows_since, type_in};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        accounts::members,
        fields::{self, Catalogue, Entry, Kind},
        records::{
            display::{self, Described},
            spec,
        },
    },
    kernel::{RecordType, countries},
    web::{Actor, Form},
};
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// A stale save, as the form shows it: theirs beside yours.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// "Ada Verhoeven" or "Ada Verhoeven and Ben Okafor".
    pub who: String,
    pub at: String,
    /// What they changed.
    pub theirs: Vec<ChangeLine>,
    /// What the form changes.
    pub mine: Vec<Mine>,
    /// The record as it is now: leaving the form keeps theirs.
    pub keep_theirs: String,
}

/// A field that the form changes.
#[derive(Clone, Debug)]
pub struct Mine {
    pub key: String,
    pub label: String,
    pub text: String,
    /// They changed it too, to something else.
    pub differs: bool,
}

impl Conflict {
    pub fn of(theirs: Vec<ChangeLine>, mine: Vec<Mine>, keep_theirs: String) -> Self {
        let mut names: Vec<&str> = theirs.iter().map(|line| line.by.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let who = if names.is_empty() { "Someone else".to_owned() } else { names.join(" and ") };
        let at = theirs.last().map(|line| line.at.clone()).unwrap_or_default();
        Self { who, at, theirs, mine, keep_theirs }
    }

    pub fn differs(&self, line: &ChangeLine) -> bool {
        self.mine.iter().any(|mine| mine.differs && mine.key == line.key)
    }

    /// What saving would do to theirs.
    pub fn outcome(&self) -> String {
        let both: Vec<&str> = self.mine.iter().filter(|mine| mine.differs).map(|mine| mine.label.as_str()).collect();
        let all = self.theirs.iter().all(|line| self.differs(line));
        match (both.is_empty(), all) {
            (true, true) => String::new(),
            (true, false) => {
                "No field was changed by both: the form below has theirs beside yours, and saving keeps both.".into()
            }
            (false, true) => format!("Both changed {}: saving replaces theirs with yours.", both.join(", ")),
            (false, false) => {
                format!(
                    "Both changed {}: saving replaces theirs with yours there. The rest of theirs is in the form below.",
                    both.join(", ")
                )
            }
        }
    }
}

/// What a conflict is told about that is no record: a stage, a pipeline. Its fields are its events' keys with their labels.
pub struct Thing {
    /// As its events call it.
    pub kind: &'static str,
    pub id: Uuid,
    pub fields: &'static [(&'static str, &'static str)],
    /// As its form would be opened now, with its `version`.
    pub now: Form,
    /// Where it is shown as it is now.
    pub at: String,
}

/// Like [`conflict`], for what is no record; values are shown as they are kept.
pub fn conflict_of(tx: &mut OrgTx, actor: &Actor, thing: Thing, form: &mut Form) -> AppResult<Conflict> {
    let plain = |value: &Value| display::json(None::<&Entry>, value, actor, None);
    let (mut theirs, mut was) = (Vec::new(), thing.now.clone());
    for row in rows_since(tx, thing.kind, thing.id, seen(form))? {
        for (key, label) in thing.fields {
            let Some(pair) = row.changes.get(key) else { continue };
            let [before, after] = [&pair[0], &pair[1]].map(plain);
            if theirs.iter().all(|line: &ChangeLine| line.key != *key) {
                was.set(key, before.clone());
            }
            put(&mut theirs, actor, &row, key, label, [before, after]);
        }
    }
    form.set("version", thing.now.get("version"));
    let mut mine = Vec::new();
    for (key, label) in thing.fields {
        if !form.has(key) {
            continue;
        }
        let sides = [&was, &*form, &thing.now].map(|form| form.get(key).to_owned());
        if let Some(differs) = compare(&sides) {
            let [_, text, _] = sides;
            mine.push(Mine { key: (*key).to_owned(), label: (*label).to_owned(), text, differs });
        } else {
            form.set(key, thing.now.get(key).to_owned());
        }
    }
    Ok(Conflict::of(theirs, mine, thing.at))
}

/// Of what was, what the form says and what is: `None` when the form changes nothing, else whether both changed it.
pub fn compare<T: PartialEq>([was, said, is]: &[T; 3]) -> Option<bool> {
    (said != was && said != is).then(|| is != was)
}

fn seen(form: &Form) -> i32 {
    form.get("version").parse().unwrap_or(0)
}

/// Sets the stale form beside what was saved meanwhile, and moves its `version` on: submitting it again overwrites knowingly.
pub fn conflict(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, form: &mut Form) -> AppResult<Conflict> {
    let now = (spec(record).load)(tx, actor, id)?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let (mut theirs, mut was, mut met) = (Vec::new(), now.clone(), HashSet::new());
    for row in rows_since(tx, record.key(), id, seen(form))? {
        let Value::Object(changes) = &row.changes else { continue };
        for (key, pair) in changes {
            add(&mut theirs, actor, &catalogue, key, pair, &row);
            if let Some(entry) = catalogue.get(key).filter(|_| met.insert(key.clone())) {
                type_in(&mut was, entry, &pair[0], actor.zone);
            }
        }
    }
    form.set("version", now.get("version"));
    let people = members::directory(tx)?;
    let mut mine = Vec::new();
    for entry in &catalogue.entries {
        if !asks(form, entry) {
            continue;
        }
        let sides = [&was, &*form, &now].map(|form| said(form, entry, actor));
        match compare(&sides) {
            Some(differs) => {
                let shown = display::shown(entry, form, actor, &people);
                let text = if shown.is_empty() { String::new() } else { shown.words() };
                mine.push(Mine { key: entry.key.clone(), label: entry.label.clone(), text, differs });
            }
            None => take(form, entry, &now),
        }
    }
    Ok(Conflict::of(theirs, mine, format!("/{}/{id}", record.noun())))
}

/// Whether the form asks for it. A box that is not ticked sends nothing.
fn asks(form: &Form, entry: &Entry) -> bool {
    let unticked = entry.kind == Kind::Bool && !entry.is_custom() && entry.editable;
    unticked || names(entry).iter().any(|name| form.has(name))
}

/// Where a field travels in a form.
fn names(entry: &Entry) -> Vec<String> {
    let mut names = vec![entry.key.clone()];
    if let Kind::Record(_) = &entry.kind {
        let (id, name) = entry.reference();
        names.extend([id, name].into_iter().filter(|name| *name != entry.key));
    }
    if entry.own_currency {
        names.push(fields::currency_name(&entry.key));
    }
    names
}

/// What a form says of a field, however it is written.
fn said(form: &Form, entry: &Entry, actor: &Actor) -> Vec<String> {
    let text = form.get(&entry.key);
    match &entry.kind {
        Kind::Bool if !entry.is_custom() => vec![matches!(text, "on" | "true" | "1" | "yes").to_string()],
        Kind::Country => vec![countries::parse(text).unwrap_or_else(|_| text.to_owned())],
        kind if kind.is_list() => display::many(form, &entry.key),
        kind if kind.is_number() => {
            let currency = form.get(&fields::currency_name(&entry.key));
            vec![display::said(entry, text, actor, Some(currency)), currency.to_owned()]
        }
        _ => names(entry).iter().map(|name| form.get(name).to_owned()).collect(),
    }
}

fn take(form: &mut Form, entry: &Entry, now: &Form) {
    for name in names(entry) {
        form.remove(&name);
        if now.has(&name) {
            form.set(&name, now.get(&name));
        }
    }
}
