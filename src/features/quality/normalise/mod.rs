//! Putting records in order: names as people write them, phone numbers in E.164, web domains bare, countries by their ISO codes. An
//! operation like any bulk edit: previewed, with progress, cancelled, undone.
//!
//! What cannot be read stays as it is. What is in order already is not touched, so doing it twice changes nothing more.

pub(super) mod pages;
mod words;

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::operations::{self, Done, Tally},
    kernel::{OperationId, RecordType, countries, people, text},
    search,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What is put in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Names,
    Phones,
    Domains,
    Countries,
}

impl Part {
    pub const ALL: [Part; 4] = [Part::Names, Part::Phones, Part::Domains, Part::Countries];

    pub fn key(self) -> &'static str {
        match self {
            Part::Names => "names",
            Part::Phones => "phones",
            Part::Domains => "domains",
            Part::Countries => "countries",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Part::Names => "Names",
            Part::Phones => "Phone numbers",
            Part::Domains => "Web domains",
            Part::Countries => "Countries",
        }
    }

    pub fn says(self) -> &'static str {
        match self {
            Part::Names => {
                "Spaces put in order; ALL CAPITALS and all small letters as people write them. McDonald and van der Berg stay."
            }
            Part::Phones => {
                "The international form, such as +31201234567, by the record’s country or else the organisation’s."
            }
            Part::Domains => "The bare host in small letters: example.com for https://www.Example.com/contact.",
            Part::Countries => "ISO codes: GB for UK, NL for nl.",
        }
    }

    /// The columns it puts in order.
    pub fn columns(self, record: RecordType) -> &'static [&'static str] {
        match (self, record) {
            (Part::Names, RecordType::Company) => &["name"],
            (Part::Names, RecordType::Contact) => &["first_name", "last_name"],
            (Part::Names, RecordType::Lead) => &["first_name", "last_name", "company_name"],
            (Part::Phones, RecordType::Company) => &["phone"],
            (Part::Phones, RecordType::Contact | RecordType::Lead) => &["phone", "other_phones"],
            (Part::Domains, RecordType::Company | RecordType::Lead) => &["domain"],
            (Part::Countries, RecordType::Company | RecordType::Contact | RecordType::Lead) => &["country"],
            _ => &[],
        }
    }
}

/// The record types there is something to put in order of.
pub const TYPES: [RecordType; 3] = [RecordType::Company, RecordType::Contact, RecordType::Lead];

/// A record that would change: field → [before, after].
pub(super) struct Ordered {
    pub id: Uuid,
    pub changes: Map<String, Value>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Jsonb)]
    image: Value,
}

fn columns(record: RecordType, parts: &[Part]) -> Vec<&'static str> {
    Part::ALL.into_iter().filter(|p| parts.contains(p)).flat_map(|p| p.columns(record)).copied().collect()
}

/// What would change of these records.
pub(super) fn look(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    parts: &[Part],
    ids: &[Uuid],
    lock: bool,
) -> AppResult<(usize, Vec<Ordered>)> {
    let columns = columns(record, parts);
    if columns.is_empty() {
        return Ok((0, vec![]));
    }
    let pairs: Vec<String> = columns.iter().chain(&["country"]).map(|c| format!("'{c}', r.{c}")).collect();
    let sql = format!(
        "SELECT r.id, jsonb_build_object({}) AS image FROM {} r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL \
         AND ($2 IS NULL OR r.owner_id = ANY ($2)) ORDER BY r.id{}",
        pairs.join(", "),
        record.noun(),
        if lock { " FOR NO KEY UPDATE" } else { "" }
    );
    let rows: Vec<Row> = diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners())
        .load(tx.conn())?;
    let seen = rows.len();
    // The organisation's own, not the reader's: whoever asks, the same comes out.
    let home = actor.home();
    let ordered =
        rows.into_iter().map(|row| Ordered { changes: changes(&row.image, record, &columns, home), id: row.id });
    Ok((seen, ordered.filter(|o| !o.changes.is_empty()).collect()))
}

fn changes(image: &Value, record: RecordType, columns: &[&'static str], home: &str) -> Map<String, Value> {
    let country = image["country"].as_str().and_then(|c| countries::parse(c).ok());
    let region = country.as_deref().unwrap_or(home);
    let mut changes = Map::new();
    for column in columns {
        let before = &image[*column];
        let after = in_order(before, record, column, region);
        if after != *before {
            changes.insert((*column).to_owned(), json!([before, after]));
        }
    }
    changes
}

fn in_order(before: &Value, record: RecordType, column: &str, region: &str) -> Value {
    let max = record.field(column).map_or(255, |field| field.max);
    let one = |text: &str| {
        let after = match column {
            "first_name" | "last_name" => words::person(text),
            "name" | "company_name" => words::organisation(text),
            "phone" | "other_phones" => people::parse_phone(text, Some(region)).unwrap_or_else(|_| text.to_owned()),
            "domain" => text::domain(text).unwrap_or_else(|| text.to_owned()),
            _ => countries::parse(text).unwrap_or_else(|_| text.to_owned()),
        };
        // A name must not vanish, nor outgrow its column.
        if after.is_empty() || after.chars().count() > max { text.to_owned() } else { after }
    };
    match before {
        Value::String(text) => json!(one(text)),
        Value::Array(all) => {
            let mut kept: Vec<String> = Vec::new();
            for text in all.iter().filter_map(Value::as_str).map(one) {
                if !kept.contains(&text) {
                    kept.push(text);
                }
            }
            json!(kept)
        }
        other => other.clone(),
    }
}

/// Puts these records in order, in an operation's transaction.
pub fn batch(
    tx: &mut OrgTx,
    actor: &Actor,
    op: OperationId,
    record: RecordType,
    parts: &[Part],
    ids: &[Uuid],
) -> AppResult<(Tally, Vec<Uuid>)> {
    let (seen, ordered) = look(tx, actor, record, parts, ids, true)?;
    let mut tally = Tally::default();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    tally.skip("not found", count(ids.len().saturating_sub(seen)));
    tally.skip("in order already", count(seen - ordered.len()));
    let changed: Vec<Uuid> = ordered.iter().map(|o| o.id).collect();
    if !changed.is_empty() {
        operations::remember(tx, op, record, &changed, &columns(record, parts), Done::Updated)?;
        write(tx, op, record, &columns(record, parts), &ordered)?;
        super::measure(tx, record, &changed)?;
        search::reindex(tx, record, &changed)?;
        tally.changed += count(changed.len());
    }
    Ok((tally, changed))
}

fn write(tx: &mut OrgTx, op: OperationId, record: RecordType, columns: &[&str], ordered: &[Ordered]) -> AppResult<()> {
    let (table, key) = (record.noun(), record.key());
    let set: Vec<String> = columns.iter().map(|c| format!("{c} = (t.p).{c}")).collect();
    let sql = format!(
        "WITH v AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3) v(id, image, changes)), \
         t AS MATERIALIZED (SELECT r.id, r.version + 1 AS version, v.changes, jsonb_populate_record(r, v.image) AS p \
           FROM v JOIN {table} r ON r.org_id = app.org() AND r.id = v.id), \
         noted AS (INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data) \
           SELECT $4, '{key}.updated', '{key}', t.id, t.version, t.changes, jsonb_build_object('operation_id', $5) FROM t) \
         UPDATE {table} u SET {}, version = t.version, updated_at = now() FROM t WHERE u.org_id = app.org() AND u.id = t.id",
        set.join(", ")
    );
    let image = |o: &Ordered| Value::Object(o.changes.iter().map(|(k, pair)| (k.clone(), pair[1].clone())).collect());
    let ids: Vec<Uuid> = ordered.iter().map(|o| o.id).collect();
    let images: Vec<Value> = ordered.iter().map(image).collect();
    let changes: Vec<Value> = ordered.iter().map(|o| Value::Object(o.changes.clone())).collect();
    let by = tx.by();
    diesel::sql_query(sql)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Array<sql_types::Jsonb>, _>(images)
        .bind::<sql_types::Array<sql_types::Jsonb>, _>(changes)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(op)
        .execute(tx.conn())?;
    Ok(())
}
