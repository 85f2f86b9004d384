//! Making and changing segments, and who is in them.

use super::{
    model::{LONGEST, RULE, Segment},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::records::{
        filter::{self, Filter, Schema},
        require_edit, require_view,
    },
    kernel::{OperationId, RecordType, SegmentId, text},
    schema::segments,
    web::Actor,
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
    sql_types,
};
use uuid::Uuid;

/// What a form says of a segment.
pub struct NewSegment {
    pub record: RecordType,
    pub name: String,
    pub description: Option<String>,
    /// Of a dynamic one.
    pub filter: Option<Filter>,
}

/// Whoever may edit records of that type may make segments of them.
pub fn create(tx: &mut OrgTx, actor: &Actor, new: &NewSegment) -> AppResult<SegmentId> {
    require_view(actor, new.record)?;
    require_edit(actor, new.record)?;
    if let Some(filter) = &new.filter {
        check(tx, actor, new.record, filter)?;
    }
    let id = SegmentId::new();
    let json = new.filter.as_ref().map(serde_json::to_value).transpose().map_err(anyhow::Error::from)?;
    diesel::insert_into(segments::table)
        .values((
            segments::id.eq(id),
            segments::record_type.eq(new.record.key()),
            segments::name.eq(checked(&new.name)?),
            segments::description.eq(&new.description),
            segments::filter.eq(json),
            segments::created_by.eq(actor.id),
        ))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut event = Event::of("segment.created", "segment", id);
    event.changes.set("name", &new.name);
    events::record_quietly(tx, event)?;
    Ok(id)
}

/// The static segment of that name, new when there is none.
pub fn create_static(tx: &mut OrgTx, actor: &Actor, record: RecordType, name: &str) -> AppResult<Segment> {
    if let Some(known) = queries::by_name(tx, record, name)? {
        return match known.is_dynamic() {
            false => Ok(known),
            true => Err(AppError::field("name", "is the name of a dynamic segment: what matches its filter is in it")),
        };
    }
    let new = NewSegment { record, name: name.to_owned(), description: None, filter: None };
    let id = create(tx, actor, &new)?;
    queries::find(tx, id)
}

/// A filter that says something, that this person may use, and that is not built on another segment.
fn check(tx: &mut OrgTx, actor: &Actor, record: RecordType, filter: &Filter) -> AppResult<()> {
    filter.check()?;
    if filter.is_empty() {
        return Err(AppError::field("filter", "is empty: filter the list first, and save the segment there"));
    }
    if filter.names(RULE) {
        return Err(AppError::field("filter", "is built on another segment, which a segment cannot be"));
    }
    let schema = Schema::load(tx, actor, record, filter)?;
    match filter::compile(filter, record, &schema, actor) {
        Ok(_) => Ok(()),
        Err(problem) => Err(AppError::field("filter", problem.message)),
    }
}

fn checked(name: &str) -> AppResult<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err(AppError::field("name", "is required")),
        _ if text::is_turned(&name) => Err(AppError::field("name", text::TURNED)),
        n if n > LONGEST => Err(AppError::field("name", format!("is too long: at most {LONGEST} characters"))),
        _ => Ok(name),
    }
}

fn taken(error: DieselError) -> AppError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            AppError::field("name", "is another segment's name already")
        }
        other => other.into(),
    }
}

fn own(tx: &mut OrgTx, actor: &Actor, id: SegmentId) -> AppResult<Segment> {
    let segment = queries::find(tx, id)?;
    let record = segment.record().ok_or(AppError::NotFound)?;
    require_view(actor, record).map_err(|_| AppError::NotFound)?;
    if segment.may_change(actor) {
        Ok(segment)
    } else {
        Err(AppError::Forbidden("Only whoever made a segment, or an administrator, changes it."))
    }
}

pub fn rename(tx: &mut OrgTx, actor: &Actor, id: SegmentId, name: &str, description: Option<String>) -> AppResult<()> {
    let before = own(tx, actor, id)?;
    let name = checked(name)?;
    diesel::update(segments::table.filter(segments::id.eq(id)))
        .set((
            segments::name.eq(&name),
            segments::description.eq(&description),
            segments::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())
        .map_err(taken)?;
    let mut changes = Changes::new();
    changes.track("name", &before.name, &name).track("description", &before.description, &description);
    events::record_quietly(tx, Event::of("segment.updated", "segment", id).changes(changes))
}

pub fn delete(tx: &mut OrgTx, actor: &Actor, id: SegmentId) -> AppResult<Segment> {
    let segment = own(tx, actor, id)?;
    diesel::update(segments::table.filter(segments::id.eq(id)))
        .set(segments::deleted_at.eq(diesel::dsl::now))
        .execute(tx.conn())?;
    events::record_quietly(tx, Event::of("segment.deleted", "segment", id))?;
    Ok(segment)
}

pub fn undelete(tx: &mut OrgTx, actor: &Actor, id: SegmentId) -> AppResult<Segment> {
    diesel::update(segments::table.filter(segments::id.eq(id)))
        .set(segments::deleted_at.eq(None::<chrono::DateTime<chrono::Utc>>))
        .execute(tx.conn())
        .map_err(|error| match taken(error) {
            AppError::Invalid(_) => {
                AppError::Conflict("Another segment has its name by now: rename that one first.".into())
            }
            other => other,
        })?;
    let segment = own(tx, actor, id)?;
    events::record_quietly(tx, Event::of("segment.undeleted", "segment", id))?;
    Ok(segment)
}

/// Who is to be in a static segment, or no longer.
pub struct Members<'a> {
    pub segment: SegmentId,
    pub record: RecordType,
    pub ids: &'a [Uuid],
    /// In, or out.
    pub into: bool,
}

const CHANGE: &str = "
WITH done AS ({write}), remembered AS (
  INSERT INTO operation_changes (operation_id, record_type, record_id, action, before)
  SELECT $4, $3, record_id, 'segment', jsonb_build_object('segment', jsonb_build_object('id', $1, 'added', $5))
  FROM done WHERE $4 IS NOT NULL AND $6
  ON CONFLICT DO NOTHING
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, data)
  SELECT $7, $3 || CASE WHEN $5 THEN '.enlisted' ELSE '.unlisted' END, $3, record_id,
    jsonb_build_object('segment_id', $1, 'operation_id', $4, 'title',
      CASE WHEN $5 THEN 'Added to the segment ' ELSE 'Taken out of the segment ' END || (SELECT name FROM segments WHERE id = $1))
  FROM done
)
SELECT record_id AS id FROM done";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Puts records in or takes them out; the caller has found them to be the actor's to edit. Returns those for which it made a
/// difference. `remember`: the operation that does it, whose undo takes it back.
pub fn change(tx: &mut OrgTx, members: &Members, op: Option<OperationId>, remember: bool) -> AppResult<Vec<Uuid>> {
    let write = match members.into {
        true => {
            "INSERT INTO segment_members (segment_id, record_id) SELECT $1, i FROM unnest($2) i ON CONFLICT DO NOTHING RETURNING record_id"
        }
        false => "DELETE FROM segment_members WHERE segment_id = $1 AND record_id = ANY ($2) RETURNING record_id",
    };
    let by = tx.by();
    let rows: Vec<Id> = diesel::sql_query(CHANGE.replace("{write}", write))
        .bind::<sql_types::Uuid, _>(members.segment)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(members.ids)
        .bind::<sql_types::Text, _>(members.record.key())
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(op)
        .bind::<sql_types::Bool, _>(members.into)
        .bind::<sql_types::Bool, _>(remember)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
