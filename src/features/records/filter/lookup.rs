//! Rules that an index can answer though row-level security keeps their own condition from it: texts that are something, own fields
//! that hold something. What they find is a superset of what the rule finds; the rule is asked all the same.
//!
//! How many there are decides what it is good for. Few are the list's candidates, whatever else it asks. Many are met soon enough by
//! walking the list's order.

use super::{Filter, Op, Schema};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::fields::{self, Entry, Kind, ParseContext},
    kernel::{RecordType, people},
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use uuid::Uuid;

/// More are not worth looking up one by one.
const FEW: usize = 1_000;

/// Fields whose texts an index has; `app.those` knows them too.
const TEXTS: &[(RecordType, &str)] = &[
    (RecordType::Company, "city"),
    (RecordType::Company, "industry"),
    (RecordType::Company, "country"),
    (RecordType::Contact, "city"),
    (RecordType::Contact, "country"),
    (RecordType::Lead, "city"),
    (RecordType::Lead, "country"),
    (RecordType::Lead, "source"),
    (RecordType::Lead, "campaign"),
    (RecordType::Lead, "company_name"),
    (RecordType::Deal, "source"),
    (RecordType::Deal, "lost_reason"),
];

/// A rule that may be looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The texts that the field may be.
    Texts(&'static str, Vec<String>),
    /// What own fields hold, each as jsonb containment has it.
    Held(Vec<Value>),
    /// Of alternatives, each of which can be looked up.
    Any(Vec<Lookup>),
}

/// What of a filter can be looked up, each by itself: of parts that must all hold any, of alternatives only when it can be of all.
pub fn lookups(filter: &Filter, record: RecordType, schema: &Schema, actor: &Actor) -> Vec<Lookup> {
    let Some(catalogue) = schema.get(record) else { return Vec::new() };
    let of = |part: &Filter| lookups(part, record, schema, actor);
    match filter {
        Filter::All(parts) => parts.iter().flat_map(of).collect(),
        Filter::Any(parts) if !parts.is_empty() => {
            let best = |part| of(part).into_iter().min_by_key(|lookup| !matches!(lookup, Lookup::Texts(..)));
            let each: Option<Vec<Lookup>> = parts.iter().map(best).collect();
            each.map(Lookup::Any).into_iter().collect()
        }
        Filter::Rule { key, op: op @ (Op::Is | Op::AnyOf), values } => {
            let entry = catalogue.get(key).filter(|entry| entry.filterable);
            entry.and_then(|entry| lookup(record, entry, *op, values, actor)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn lookup(record: RecordType, entry: &Entry, op: Op, values: &[String], actor: &Actor) -> Option<Lookup> {
    let values = values.iter().map(|v| v.trim()).filter(|v| !v.is_empty());
    let values: Vec<&str> = values.take(if op == Op::Is { 1 } else { usize::MAX }).collect();
    if values.is_empty() {
        return None;
    }
    if !entry.is_custom() {
        let known = TEXTS.iter().find(|(r, key)| *r == record && *key == entry.key)?;
        return Some(Lookup::Texts(known.1, values.into_iter().map(str::to_owned).collect()));
    }
    let held = values.into_iter().map(|value| Some(json!({ entry.key.clone(): held(entry, value, actor)? })));
    held.collect::<Option<Vec<Value>>>().map(Lookup::Held)
}

/// The value as records keep it, where there is but one way to keep it.
fn held(entry: &Entry, value: &str, actor: &Actor) -> Option<Value> {
    match &entry.kind {
        Kind::Choice(_) => Some(json!(value)),
        Kind::Choices(_) => Some(json!([value])),
        Kind::Bool => (value == "true").then(|| json!(true)),
        Kind::Integer | Kind::Date => fields::parse(entry, value, &ParseContext::of(actor)).ok(),
        Kind::Email => Some(json!(value.to_lowercase())),
        Kind::Phone => people::parse_phone(value, Some(actor.home())).ok().map(Value::from),
        Kind::Member if value == "me" => Some(json!(actor.id)),
        Kind::Member | Kind::Record(_) => value.parse::<Uuid>().ok().map(|id| json!(id)),
        _ => None,
    }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// The fewest that any of them finds; `None` when each finds many. What own fields hold is only asked when the list was walked in vain
/// (`rare`): of what many hold, its index reads all before it gives the first.
pub fn candidates(tx: &mut OrgTx, record: RecordType, lookups: &[Lookup], rare: bool) -> AppResult<Option<Vec<Uuid>>> {
    let mut fewest: Option<Vec<Uuid>> = None;
    for lookup in lookups {
        if let Some(found) = few(tx, record, lookup, rare)?
            && fewest.as_ref().is_none_or(|few| found.len() < few.len())
        {
            fewest = Some(found);
        }
    }
    Ok(fewest)
}

/// What it finds, unless that is too many.
fn few(tx: &mut OrgTx, record: RecordType, lookup: &Lookup, rare: bool) -> AppResult<Option<Vec<Uuid>>> {
    let most = i32::try_from(FEW + 1).unwrap_or(i32::MAX);
    let found: Vec<Id> = match lookup {
        Lookup::Texts(field, texts) => diesel::sql_query("SELECT id FROM app.those($1, $2, $3, $4) id")
            .bind::<sql_types::Text, _>(record.noun())
            .bind::<sql_types::Text, _>(*field)
            .bind::<sql_types::Array<sql_types::Text>, _>(texts)
            .bind::<sql_types::Integer, _>(most)
            .load(tx.conn())?,
        Lookup::Held(_) if !rare => return Ok(None),
        Lookup::Held(values) => diesel::sql_query("SELECT id FROM app.holding($1, $2, $3) id")
            .bind::<sql_types::Text, _>(record.noun())
            .bind::<sql_types::Jsonb, _>(json!(values))
            .bind::<sql_types::Integer, _>(most)
            .load(tx.conn())?,
        Lookup::Any(each) => {
            let mut all = Vec::new();
            for one in each {
                let Some(found) = few(tx, record, one, rare)? else { return Ok(None) };
                all.extend(found);
            }
            return Ok((all.len() <= FEW).then_some(all));
        }
    };
    Ok((found.len() <= FEW).then(|| found.into_iter().map(|row| row.id).collect()))
}
