//! Writing tags, and tagging records: set-based, with one event for each record whose tags changed.

use super::{
    model::{LONGEST, Tag, color_of},
    names, queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        operations::{self, NewOperation, Tally},
        pipeline::COLORS,
    },
    kernel::{MemberId, OperationId, RecordType, TagId, text},
    live::{self, LiveMessage},
    schema::tags,
    search,
    web::{
        Allow,
        permission::tags::{Administer, Create},
    },
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
    sql_types,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Makes a tag; without a colour it gets one by its name.
pub fn create(tx: &mut OrgTx, by: &Allow<Create>, name: &str, color: Option<&str>) -> AppResult<Tag> {
    write(tx, name, color, Some(by.id))
}

/// For those who have asked already whether it may be made.
pub fn make(tx: &mut OrgTx, name: &str) -> AppResult<Tag> {
    let by = tx.by();
    write(tx, name, None, by)
}

fn write(tx: &mut OrgTx, name: &str, color: Option<&str>, by: Option<MemberId>) -> AppResult<Tag> {
    let name = checked(name)?;
    let color = color.filter(|c| COLORS.iter().any(|(key, _)| key == c));
    let color = color.unwrap_or_else(|| color_of(&text::fold(&name)));
    let id = TagId::new();
    diesel::insert_into(tags::table)
        .values((tags::id.eq(id), tags::name.eq(&name), tags::color.eq(color), tags::created_by.eq(by)))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut event = Event::of("tag.created", "tag", id);
    event.changes.set("name", &name).set("color", &color);
    events::record_quietly(tx, event)?;
    Ok(Tag { id, name, color: color.to_owned() })
}

fn checked(name: &str) -> AppResult<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(AppError::field("name", "is required"));
    }
    if name.chars().count() > LONGEST {
        return Err(AppError::field("name", format!("is too long: at most {LONGEST} characters")));
    }
    if text::is_turned(&name) {
        return Err(AppError::field("name", text::TURNED));
    }
    if name.contains([';', ',']) {
        return Err(AppError::field("name", "cannot hold a comma or semicolon, which stand between tags"));
    }
    Ok(name)
}

fn taken(error: DieselError) -> AppError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            AppError::field("name", "is another tag's name already: merge the one into the other instead")
        }
        other => other.into(),
    }
}

/// Renames and recolours.
pub fn update(tx: &mut OrgTx, _: &Allow<Administer>, id: TagId, name: &str, color: &str) -> AppResult<()> {
    let before = lock(tx, id)?;
    let name = checked(name)?;
    if COLORS.iter().all(|(key, _)| *key != color) {
        return Err(AppError::field("color", "is not one of the choices"));
    }
    diesel::update(tags::table.filter(tags::id.eq(id)))
        .set((tags::name.eq(&name), tags::color.eq(color)))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut changes = Changes::new();
    changes.track("name", &before.name, &name).track("color", &before.color.as_str(), &color);
    if changes.is_empty() {
        return Ok(());
    }
    if before.name != name {
        names::enqueue_reindex(tx, id)?;
    }
    events::record_quietly(tx, Event::of("tag.updated", "tag", id).changes(changes))?;
    live::publish(tx, &LiveMessage::refresh())
}

fn lock(tx: &mut OrgTx, id: TagId) -> AppResult<Tag> {
    let live = tags::table.filter(tags::id.eq(id)).filter(tags::deleted_at.is_null());
    Ok(live.select(Tag::as_select()).for_update().first(tx.conn())?)
}

/// What a merge did.
pub struct Merged {
    pub gone: Tag,
    pub kept: Tag,
    /// Its undo takes the merge back.
    pub operation: OperationId,
}

/// The kind of the operation that keeps what a merge takes to undo.
pub const MERGE: &str = "tag_merge";

/// Every record of `from` gets `into` instead; whoever had both keeps one. Filters that name `from` mean `into` from now on.
pub fn merge(tx: &mut OrgTx, _: &Allow<Administer>, from: TagId, into: TagId) -> AppResult<Merged> {
    if from == into {
        return Err(AppError::field("into", "cannot be the tag itself"));
    }
    tx.without_time_limit()?;
    // In one order, so that two mergers never wait in a circle.
    let (first, second) = (lock(tx, from.min(into))?, lock(tx, from.max(into))?);
    let (gone, kept) = if first.id == from { (first, second) } else { (second, first) };
    let operation = remember(tx, &gone, &kept)?;
    diesel::sql_query(
        "INSERT INTO record_tags (record_type, record_id, tag_id) \
         SELECT record_type, record_id, $2 FROM record_tags WHERE tag_id = $1 ON CONFLICT DO NOTHING",
    )
    .bind::<sql_types::Uuid, _>(from)
    .bind::<sql_types::Uuid, _>(into)
    .execute(tx.conn())?;
    diesel::sql_query("DELETE FROM record_tags WHERE tag_id = $1")
        .bind::<sql_types::Uuid, _>(from)
        .execute(tx.conn())?;
    diesel::update(tags::table.filter(tags::id.eq(from).or(tags::merged_into.eq(from))))
        .set((tags::merged_into.eq(into), tags::deleted_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    names::enqueue_reindex(tx, into)?;
    let mut event = Event::of("tag.merged", "tag", from);
    event.changes.track("name", &gone.name, &kept.name);
    events::record_quietly(tx, event)?;
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(Merged { gone, kept, operation })
}

/// Which records had the tag that goes, and which of them the other one too.
fn remember(tx: &mut OrgTx, gone: &Tag, kept: &Tag) -> AppResult<OperationId> {
    let followers: Vec<TagId> = tags::table.filter(tags::merged_into.eq(gone.id)).select(tags::id).load(tx.conn())?;
    let new = NewOperation {
        kind: MERGE,
        record: RecordType::Contact,
        title: format!("Merge the tag {} into {}", gone.name, kept.name),
        params: json!({ "from": gone.id, "into": kept.id, "followers": followers, "back": "/settings/tags" }),
        total: 0,
        request_key: None,
    };
    let op = operations::begin(tx, &new)?;
    let count = diesel::sql_query(
        "INSERT INTO operation_changes (operation_id, record_type, record_id, action, before) \
         SELECT $1, x.record_type, x.record_id, 'tagged', jsonb_build_object('tags', jsonb_build_object('removed', jsonb_build_array($2), \
           'added', CASE WHEN y.tag_id IS NULL THEN jsonb_build_array($3) ELSE '[]'::jsonb END)) \
         FROM record_tags x LEFT JOIN record_tags y ON y.record_type = x.record_type AND y.record_id = x.record_id AND y.tag_id = $3 \
         WHERE x.tag_id = $2",
    )
    .bind::<sql_types::Uuid, _>(op)
    .bind::<sql_types::Uuid, _>(gone.id)
    .bind::<sql_types::Uuid, _>(kept.id)
    .execute(tx.conn())?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    // A tag that no record has can be taken apart from the other all the same.
    operations::advance(tx, op, &Tally { changed: count.max(1), ..Tally::default() })?;
    operations::set_total(tx, op, count.max(1))?;
    operations::finish(tx, op)?;
    Ok(op)
}

/// The tag that went is a tag again; its records get it back by the operation's undo, which calls this first.
pub fn unmerge(tx: &mut OrgTx, params: &Value) -> AppResult<()> {
    let id = |key: &str| params[key].as_str().and_then(|id| id.parse::<TagId>().ok()).ok_or(AppError::NotFound);
    let (from, into) = (id("from")?, id("into")?);
    let gone = tags::table.filter(tags::id.eq(from)).filter(tags::merged_into.eq(into));
    let changed = diesel::update(gone)
        .set((tags::merged_into.eq(None::<TagId>), tags::deleted_at.eq(None::<chrono::DateTime<chrono::Utc>>)))
        .execute(tx.conn())
        .map_err(|error| match taken(error) {
            AppError::Invalid(_) => {
                AppError::Conflict("Another tag has its name by now: rename that one first.".into())
            }
            other => other,
        })?;
    if changed == 0 {
        return Err(AppError::Conflict("The tag it was merged into was itself merged or deleted since.".into()));
    }
    let followers: Vec<TagId> = serde_json::from_value(params["followers"].clone()).unwrap_or_default();
    diesel::update(tags::table.filter(tags::id.eq_any(followers)).filter(tags::merged_into.eq(into)))
        .set(tags::merged_into.eq(from))
        .execute(tx.conn())?;
    events::record_quietly(tx, Event::of("tag.merge_undone", "tag", from))
}

/// Takes the tag off all records, until it is undone.
pub fn delete(tx: &mut OrgTx, _: &Allow<Administer>, id: TagId) -> AppResult<Tag> {
    let tag = lock(tx, id)?;
    diesel::update(tags::table.filter(tags::id.eq(id)))
        .set(tags::deleted_at.eq(diesel::dsl::now))
        .execute(tx.conn())?;
    names::enqueue_reindex(tx, id)?;
    events::record_quietly(tx, Event::of("tag.deleted", "tag", id))?;
    live::publish(tx, &LiveMessage::refresh())?;
    Ok(tag)
}

/// Brings it back, on all records that had it. A tag that was merged has none, and does not come back.
pub fn undelete(tx: &mut OrgTx, _: &Allow<Administer>, id: TagId) -> AppResult<Tag> {
    let changed = diesel::update(tags::table.filter(tags::id.eq(id)).filter(tags::merged_into.is_null()))
        .set(tags::deleted_at.eq(None::<chrono::DateTime<chrono::Utc>>))
        .execute(tx.conn())
        .map_err(|error| match taken(error) {
            AppError::Invalid(_) => {
                AppError::Conflict("Another tag has its name by now: rename that one first.".into())
            }
            other => other,
        })?;
    if changed == 0 {
        return Err(AppError::NotFound);
    }
    names::enqueue_reindex(tx, id)?;
    events::record_quietly(tx, Event::of("tag.undeleted", "tag", id))?;
    live::publish(tx, &LiveMessage::refresh())?;
    queries::find(tx, id)
}

/// Records and tags, pair by pair.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    records: Vec<Uuid>,
    tags: Vec<Uuid>,
}

impl Pairs {
    pub fn push(&mut self, record: Uuid, tag: TagId) {
        self.records.push(record);
        self.tags.push(tag.0);
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Each of these records with each of these tags.
pub fn each(records: &[Uuid], tags: &[TagId]) -> Pairs {
    let mut pairs = Pairs::default();
    for record in records {
        for tag in tags {
            pairs.push(*record, *tag);
        }
    }
    pairs
}

/// The names before come from the statement's snapshot, which does not see what it writes itself.
const CHANGE: &str = "
WITH added AS (
  INSERT INTO record_tags (record_type, record_id, tag_id)
  SELECT $1, p.record_id, p.tag_id FROM unnest($2, $3) AS p (record_id, tag_id) JOIN tags t ON t.id = p.tag_id AND t.deleted_at IS NULL
  ON CONFLICT DO NOTHING RETURNING record_id, tag_id
), removed AS (
  DELETE FROM record_tags x USING unnest($4, $5) AS p (record_id, tag_id)
  WHERE x.record_type = $1 AND x.record_id = p.record_id AND x.tag_id = p.tag_id RETURNING x.record_id, x.tag_id
), touched AS (
  SELECT record_id AS id, coalesce(array_agg(tag_id) FILTER (WHERE up), '{}') AS added,
    coalesce(array_agg(tag_id) FILTER (WHERE NOT up), '{}') AS removed
  FROM (SELECT record_id, tag_id, true AS up FROM added UNION ALL SELECT record_id, tag_id, false FROM removed) c GROUP BY record_id
), named AS (
  SELECT c.id, c.added, c.removed, b.before, (
    SELECT coalesce(jsonb_agg(t.name ORDER BY t.name_key), '[]') FROM tags t
    WHERE t.deleted_at IS NULL AND t.id = ANY (b.ids || c.added) AND t.id <> ALL (c.removed)) AS after
  FROM touched c CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(t.name ORDER BY t.name_key), '[]') AS before, coalesce(array_agg(t.id), '{}') AS ids
    FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id AND t.deleted_at IS NULL
    WHERE x.record_type = $1 AND x.record_id = c.id) b
), remembered AS (
  INSERT INTO operation_changes (operation_id, record_type, record_id, action, before)
  SELECT $6, $1, id, 'tagged', jsonb_build_object('tags', jsonb_build_object('added', added, 'removed', removed))
  FROM named WHERE $6 IS NOT NULL AND $8
  ON CONFLICT DO NOTHING
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, changes, data)
  SELECT $7, $1 || '.tagged', $1, id, jsonb_build_object('tags', jsonb_build_array(before, after)),
    $9 || CASE WHEN $6 IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('operation_id', $6) END
  FROM named
)
SELECT id FROM named";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Adds and removes tags of records that the caller has found to be the actor's to edit (and locked, when there are many). Returns
/// those whose tags changed. `remember`: the operation that does it, whose undo takes it back.
pub fn change(
    tx: &mut OrgTx,
    record: RecordType,
    add: &Pairs,
    remove: &Pairs,
    op: Option<OperationId>,
    remember: bool,
) -> AppResult<Vec<Uuid>> {
    let by = tx.by();
    let cause = tx.cause().cloned().unwrap_or_else(|| json!({}));
    type Ids = sql_types::Array<sql_types::Uuid>;
    let rows: Vec<Id> = diesel::sql_query(CHANGE)
        .bind::<sql_types::Text, _>(record.key())
        .bind::<Ids, _>(&add.records)
        .bind::<Ids, _>(&add.tags)
        .bind::<Ids, _>(&remove.records)
        .bind::<Ids, _>(&remove.tags)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(op)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Bool, _>(remember)
        .bind::<sql_types::Jsonb, _>(cause)
        .load(tx.conn())?;
    let changed: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    search::reindex(tx, record, &changed)?;
    Ok(changed)
}
