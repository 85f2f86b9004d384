//! Taking a merge back: the merged record returns as it was, what moved goes back, and every field of the survivor that still holds what
//! the merge gave it holds again what it had. What somebody changed since is kept, and told.

use super::{
    super::queue,
    book::{self, Merge},
    image, name_in, parents,
    relations::{self, Moved, Way},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        fields::{Catalogue, Kind},
        quality,
        records::{display, require_delete, require_edit, standing},
    },
    kernel::{MergeId, RecordType},
    schema::{import_left, imports},
    search,
    web::Actor,
};
use diesel::{prelude::*, sql_types};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What became of it.
pub(super) struct Undone {
    pub record: RecordType,
    pub survivor: Uuid,
    pub name: String,
    /// Labels of the fields that were changed since, and stay so.
    pub kept: Vec<String>,
    /// Related records that somebody moved on since.
    pub stayed: usize,
    /// The file of an import that was undone while the merge stood, and that had made or changed the record that is back.
    pub undone_import: Option<String>,
    /// It was taken back before: the form came twice.
    pub already: bool,
}

/// Takes the merge back.
pub(super) fn undo(tx: &mut OrgTx, actor: &Actor, id: MergeId) -> AppResult<Undone> {
    let merge = book::lock(tx, id)?;
    let record = merge.record()?;
    require_edit(actor, record)?;
    require_delete(actor, record)?;
    let now = standing(tx, actor, record, merge.survivor_id, true)?;
    standing(tx, actor, record, merge.merged_id, true)?;
    let name = name_in(&merge.before["merged"]);
    let (survivor, merged) = (merge.survivor_id, merge.merged_id);
    let mut undone = Undone { record, survivor, name, kept: vec![], stayed: 0, undone_import: None, already: true };
    if merge.undone_at.is_some() {
        return Ok(undone);
    }
    if now.deleted {
        return Err(AppError::Conflict(
            "The record it was merged into is itself deleted or merged. Bring that back first.".into(),
        ));
    }
    if book::merged_later(tx, &merge)? {
        return Err(AppError::Conflict("Something else was merged into this record later. Undo that first.".into()));
    }
    tx.without_time_limit()?;
    undone.already = false;
    undone.stayed = apart(tx, &merge, record)?;
    undone.kept = restore(tx, actor, &merge, record)?;
    bring_back(tx, &merge, record)?;
    undone.undone_import = undone_import(tx, &merge)?;
    quality::measure(tx, record, &[survivor, merged])?;
    book::close(tx, id)?;
    queue::answered(tx, record, (survivor, merged), false)?;
    search::reindex(tx, record, &[survivor, merged])?;
    Ok(undone)
}

/// What was the merged record's own goes back to it.
fn apart(tx: &mut OrgTx, merge: &Merge, record: RecordType) -> AppResult<usize> {
    let moved: Moved = serde_json::from_value(merge.moved.clone()).map_err(anyhow::Error::from)?;
    let (from_name, to_name) = (name_in(&merge.before["merged"]), name_in(&merge.after));
    let way = Way {
        merge: merge.id,
        record,
        from: merge.merged_id,
        to: merge.survivor_id,
        from_name: &from_name,
        to_name: &to_name,
    };
    relations::hand_back(tx, &way, &moved)
}

/// After the survivor gave up what only one record may have.
fn bring_back(tx: &mut OrgTx, merge: &Merge, record: RecordType) -> AppResult<()> {
    let sql = format!(
        "UPDATE {} SET deleted_at = NULL, version = version + 1, updated_at = now() WHERE id = $1",
        record.noun()
    );
    diesel::sql_query(sql).bind::<sql_types::Uuid, _>(merge.merged_id).execute(tx.conn())?;
    let data = json!({ "title": format!("Merge into {} undone", name_in(&merge.after)), "merge_id": merge.id });
    events::record(tx, Event::new(kind(record), record, merge.merged_id).data(data))
}

/// Its undo could not reach the record, which was merged away.
fn undone_import(tx: &mut OrgTx, merge: &Merge) -> AppResult<Option<String>> {
    let left = import_left::table.filter(import_left::record_id.eq(merge.merged_id)).select(import_left::import_id);
    let left: Vec<Uuid> = left.load(tx.conn())?;
    let undone = imports::table.filter(imports::id.eq_any(left)).filter(imports::undone_at.ge(merge.merged_at));
    Ok(undone.order(imports::undone_at.desc()).select(imports::file_name).first(tx.conn()).optional()?)
}

fn kind(record: RecordType) -> &'static str {
    match record {
        RecordType::Company => "company.merge_undone",
        RecordType::Contact => "contact.merge_undone",
        RecordType::Lead => "lead.merge_undone",
        RecordType::Deal => "deal.merge_undone",
    }
}

/// Columns a merge never decides.
const KEPT: &[&str] = &[
    "org_id",
    "id",
    "name_key",
    "version",
    "created_at",
    "created_by",
    "updated_at",
    "archived_at",
    "deleted_at",
    "completeness",
];
/// Of these one must be there: they go back together or not at all.
const NAMES: &[&str] = &["first_name", "last_name", "company_name", "email"];

/// The survivor's fields. Returns the labels of those that were changed since.
fn restore(tx: &mut OrgTx, actor: &Actor, merge: &Merge, record: RecordType) -> AppResult<Vec<String>> {
    let now = image(tx, record, merge.survivor_id)?;
    let (before, after) = (&merge.before["survivor"], &merge.after);
    let (mut back, mut kept) = differing(before, after, &now);
    if kept.iter().any(|key| NAMES.contains(&key.as_str())) {
        kept.extend(back.keys().filter(|key| NAMES.contains(&key.as_str())).cloned().collect::<Vec<_>>());
        back.retain(|key, _| !NAMES.contains(&key.as_str()));
    }
    let parent = back.get("parent_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    if let Some(parent) = parent
        && parents::descends(tx, parent, &[merge.survivor_id])?
    {
        back.remove("parent_id");
        kept.push("parent_id".to_owned());
    }
    let mut restored: Vec<String> = back.keys().filter(|key| *key != "custom").cloned().collect();
    if let Some(custom) = custom(before, after, &now, &mut restored, &mut kept) {
        back.insert("custom".to_owned(), custom);
    }
    external_ids(tx, record, merge, &mut back)?;
    write(tx, record, merge.survivor_id, &back)?;
    let changes = changes(tx, record, merge, &restored)?;
    let version = now.get("version").and_then(Value::as_i64).and_then(|v| i32::try_from(v).ok()).unwrap_or(0) + 1;
    let title = format!("Merge with {} undone", name_in(&merge.before["merged"]));
    let event = Event::new(kind(record), record, merge.survivor_id).version(version).changes(changes);
    events::record(tx, event.data(json!({ "title": title, "merge_id": merge.id })))?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    // An amount and its currency are one thing to people.
    let computed = |key: &str| catalogue.get(key).is_some_and(|entry| matches!(entry.kind, Kind::Formula(_)));
    kept.retain(|key| key != "currency" && key != "external_id" && !computed(key));
    let label = |key: &String| catalogue.get(key).map_or_else(|| display::words(key), |entry| entry.label.clone());
    Ok(kept.iter().map(label).collect())
}

/// What goes back, with the value it had; and the keys of what was changed since.
fn differing(before: &Value, after: &Value, now: &Value) -> (Map<String, Value>, Vec<String>) {
    let (mut back, mut kept) = (Map::new(), Vec::new());
    for (key, was) in before.as_object().into_iter().flatten() {
        let gave = after.get(key).unwrap_or(&Value::Null);
        if KEPT.contains(&key.as_str()) || key == "custom" || was == gave {
            continue;
        }
        if now.get(key) == Some(gave) {
            back.insert(key.clone(), was.clone());
        } else {
            kept.push(key.clone());
        }
    }
    (back, kept)
}

/// The custom values as they shall be, each judged on its own; `None` when nothing of them goes back.
fn custom(
    before: &Value,
    after: &Value,
    now: &Value,
    restored: &mut Vec<String>,
    kept: &mut Vec<String>,
) -> Option<Value> {
    let empty = Map::new();
    let of = |row: &Value| row.get("custom").and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
    let (before, after, mut now) = (of(before), of(after), of(now));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut any = false;
    for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
        if now.get(key) != after.get(key) {
            kept.push(key.clone());
            continue;
        }
        any = true;
        restored.push(key.clone());
        match before.get(key) {
            Some(was) => now.insert(key.clone(), was.clone()),
            None => now.remove(key),
        };
    }
    any.then_some(Value::Object(now))
}

/// The other system's id goes back to the record it came from, if the survivor still has it.
fn external_ids(tx: &mut OrgTx, record: RecordType, merge: &Merge, back: &mut Map<String, Value>) -> AppResult<()> {
    let Some(was) = back.remove("external_id") else { return Ok(()) };
    let table = record.noun();
    diesel::sql_query(format!("UPDATE {table} SET external_id = $2 WHERE id = $1"))
        .bind::<sql_types::Uuid, _>(merge.survivor_id)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(was.as_str())
        .execute(tx.conn())?;
    diesel::sql_query(format!("UPDATE {table} SET external_id = $2 WHERE id = $1 AND external_id IS NULL"))
        .bind::<sql_types::Uuid, _>(merge.merged_id)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(merge.before["merged"]["external_id"].as_str())
        .execute(tx.conn())?;
    Ok(())
}

/// Keys are columns of the table: they come from a row of it.
fn write(tx: &mut OrgTx, record: RecordType, id: Uuid, back: &Map<String, Value>) -> AppResult<()> {
    let table = record.noun();
    let columns: String = back.keys().map(|key| format!("{key} = (t.p).{key}, ")).collect();
    let sql = format!(
        "UPDATE {table} u SET {columns}version = version + 1, updated_at = now() \
         FROM (SELECT jsonb_populate_record(r, $2) AS p FROM {table} r WHERE r.id = $1) t WHERE u.id = $1"
    );
    diesel::sql_query(sql)
        .bind::<sql_types::Uuid, _>(id)
        .bind::<sql_types::Jsonb, _>(Value::Object(back.clone()))
        .execute(tx.conn())?;
    Ok(())
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = sql_types::Jsonb)]
    changes: Value,
}

/// The changes that history keeps of the merge, turned round, as far as they were taken back.
fn changes(tx: &mut OrgTx, record: RecordType, merge: &Merge, restored: &[String]) -> AppResult<Changes> {
    let kept: Option<Kept> = diesel::sql_query(
        "SELECT changes FROM events WHERE record_id = $1 AND record_type = $2 AND version = $3 AND at <= $4 ORDER BY at DESC LIMIT 1",
    )
    .bind::<sql_types::Uuid, _>(merge.survivor_id)
    .bind::<sql_types::Text, _>(record.key())
    .bind::<sql_types::Integer, _>(merge.survivor_version)
    .bind::<sql_types::Timestamptz, _>(merge.merged_at)
    .get_result(tx.conn())
    .optional()?;
    Ok(kept.map_or_else(Changes::new, |kept| Changes::reversed(&kept.changes, |key| restored.iter().any(|r| r == key))))
}
