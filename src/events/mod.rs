//! Every change is an event, written in the transaction that makes it: who, when, what, before → after.
//!
//! Audit, timeline, undo, notifications, automation and live updates are all readers of these rows.

use crate::{
    db::{OrgTx, SystemTx, Tx},
    error::AppResult,
    features::notifications,
    kernel::{MemberId, OrgId, RecordType},
    live::{self, LiveMessage},
    schema::events,
};
use diesel::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What changed: field → [before, after], in the fields' own JSON form. References carry `{"id", "name"}`, so that history stays
/// readable after what it names is gone.
#[derive(Clone, Debug, Default)]
pub struct Changes(Map<String, Value>);

impl Changes {
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the field when its value really changed.
    pub fn track<T: Serialize + PartialEq>(&mut self, field: &str, before: &T, after: &T) -> &mut Self {
        if before != after {
            self.0.insert(field.to_owned(), json!([before, after]));
        }
        self
    }

    /// For a new record: every field that has a value.
    pub fn set<T: Serialize>(&mut self, field: &str, value: &T) -> &mut Self {
        let value = json!(value);
        if !value.is_null() && value != json!("") && value != json!([]) {
            self.0.insert(field.to_owned(), json!([null, value]));
        }
        self
    }

    /// Changes as another event keeps them, turned round: for an undo.
    pub fn reversed(kept: &Value, only: impl Fn(&str) -> bool) -> Self {
        let pairs = kept.as_object().into_iter().flatten().filter(|(field, _)| only(field));
        Self(pairs.map(|(field, pair)| (field.clone(), json!([pair[1], pair[0]]))).collect())
    }

    /// What the field was and became, if it changed.
    pub fn pair(&self, field: &str) -> Option<(&Value, &Value)> {
        let pair = self.0.get(field)?.as_array()?;
        pair.first().zip(pair.get(1))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys of the fields that changed.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A change to one record.
#[derive(Clone, Debug)]
pub struct Event {
    /// `deal.moved`: record type and past participle.
    pub kind: &'static str,
    /// `deal`, or another noun for what is not a record people work with (`member`, `pipeline`).
    pub record_type: &'static str,
    pub record_id: Uuid,
    /// The record's version after the change.
    pub version: Option<i32>,
    pub changes: Changes,
    /// What else a reader needs: seconds in stage, the import it came from.
    pub data: Value,
}

impl Event {
    pub fn new(kind: &'static str, record: RecordType, id: impl Into<Uuid>) -> Self {
        Self::of(kind, record.key(), id)
    }

    pub fn of(kind: &'static str, record_type: &'static str, id: impl Into<Uuid>) -> Self {
        Self { kind, record_type, record_id: id.into(), version: None, changes: Changes::new(), data: json!({}) }
    }

    pub fn version(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// Who did it, in words: the member's name, the automation's, or the program's.
pub fn doer(member: Option<String>, data: &Value) -> String {
    let automation = || data.get("automation")?.get("name")?.as_str();
    match (member, automation()) {
        (Some(name), _) => name,
        (None, Some(name)) => format!("Automation “{name}”"),
        (None, None) => "Pipewright".to_owned(),
    }
}

/// Writes the event and tells open tabs that the record changed.
pub fn record(tx: &mut OrgTx, event: Event) -> AppResult<()> {
    live::publish(tx, &LiveMessage::record(event.record_type, event.record_id))?;
    record_quietly(tx, event)
}

/// Writes the event only, for commands that send a better live message themselves (board moves).
pub fn record_quietly(tx: &mut OrgTx, mut event: Event) -> AppResult<()> {
    notifications::hear(tx, &event)?;
    let by = tx.by().map(Uuid::from);
    if let (Some(Value::Object(cause)), Value::Object(data)) = (tx.cause(), &mut event.data) {
        data.extend(cause.clone());
    }
    diesel::insert_into(events::table)
        .values((
            events::actor_id.eq(by),
            events::kind.eq(event.kind),
            events::record_type.eq(event.record_type),
            events::record_id.eq(event.record_id),
            events::version.eq(event.version),
            events::changes.eq(event.changes.into_value()),
            events::data.eq(event.data),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Writes the event from a transaction across organisations: someone signed up, joined, or changed their own name.
pub fn record_in(tx: &mut SystemTx, org: OrgId, by: Option<MemberId>, event: Event) -> AppResult<()> {
    diesel::insert_into(events::table)
        .values((
            events::org_id.eq(org),
            events::actor_id.eq(by.map(Uuid::from)),
            events::kind.eq(event.kind),
            events::record_type.eq(event.record_type),
            events::record_id.eq(event.record_id),
            events::version.eq(event.version),
            events::changes.eq(event.changes.into_value()),
            events::data.eq(event.data),
        ))
        .execute(tx.conn())?;
    Ok(())
}
