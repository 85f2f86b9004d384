//! Deals moved and closed by the stageful, set-based, with one event for each deal: when a stage or pipeline goes, and in bulk.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::Changes,
    features::{
        pipeline::{self, Stage},
        quality,
    },
    kernel::{CompetitorId, DealId, OperationId, RecordType, StageId, rank},
    schema::deals,
};
use anyhow::anyhow;
use diesel::{prelude::*, sql_types};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{closure, positions, rivals};

/// Whether a stage has deals, archived and deleted ones too: they point at it all the same.
pub fn any_in_stage(tx: &mut OrgTx, stage: StageId) -> AppResult<bool> {
    let any = deals::table.filter(deals::stage_id.eq(stage));
    Ok(diesel::select(diesel::dsl::exists(any)).get_result(tx.conn())?)
}

const MOVE: &str = "
WITH moved AS (
  UPDATE deals d SET pipeline_id = $2, stage_id = $3, position = p.position, stage_entered_at = now(), updated_at = now(),
    version = d.version + 1
  FROM unnest($4, $5) AS p (id, position) WHERE d.id = p.id
  RETURNING d.id, d.version, d.status)
INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
SELECT $1, 'deal.moved', 'deal', m.id, m.version,
  jsonb_build_object('stage_id', jsonb_build_array($6::jsonb, $7::jsonb)) || $9,
  jsonb_build_object('from_stage', $6::jsonb, 'to_stage', $7::jsonb, 'seconds_in_stage', b.seconds)
FROM moved m JOIN unnest($4, $8) AS b (id, seconds) ON b.id = m.id";

/// Sends every deal of a stage to another one, above what stands there, in the order they had. The caller holds both stages.
pub fn move_stage(tx: &mut OrgTx, from: &Stage, to: &Stage) -> AppResult<()> {
    tx.without_time_limit()?;
    let rows: Vec<(DealId, chrono::DateTime<chrono::Utc>)> = deals::table
        .filter(deals::stage_id.eq(from.id))
        .order((deals::position, deals::id))
        .select((deals::id, deals::stage_entered_at))
        .for_no_key_update()
        .load(tx.conn())?;
    let top = positions::top(tx, to.id)?;
    let places = rank::many_before(rows.len(), top.as_deref())
        .ok_or_else(|| AppError::Internal(anyhow!("no places above {top:?}")))?;
    let now = chrono::Utc::now();
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| id.0).collect();
    let seconds: Vec<i64> = rows.iter().map(|(_, since)| (now - since).num_seconds().max(0)).collect();
    let name = |stage: &Stage| json!({ "id": stage.id, "name": stage.name });
    let (by, pipelines) = (tx.by().map(Uuid::from), pipeline_change(tx, from, to)?);
    diesel::sql_query(MOVE)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(to.pipeline_id)
        .bind::<sql_types::Uuid, _>(to.id)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Array<sql_types::Text>, _>(places)
        .bind::<sql_types::Jsonb, _>(name(from))
        .bind::<sql_types::Jsonb, _>(name(to))
        .bind::<sql_types::Array<sql_types::BigInt>, _>(seconds)
        .bind::<sql_types::Jsonb, _>(pipelines)
        .execute(tx.conn())?;
    // A formula may speak of the stage, or of what it makes the deal worth.
    for piece in rows.chunks(1_000) {
        quality::measure(tx, RecordType::Deal, &piece.iter().map(|(id, _)| id.0).collect::<Vec<_>>())?;
    }
    Ok(())
}

const SEND: &str = "
WITH was AS MATERIALIZED (
  SELECT d.id, d.version + 1 AS version, d.pipeline_id, d.stage_id, d.position, d.stage_entered_at, s.name AS stage, l.name AS pipeline,
    p.position AS place
  FROM unnest($1, $2) AS p (id, position) JOIN deals d ON d.id = p.id
  JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id JOIN pipelines l ON l.org_id = d.org_id AND l.id = d.pipeline_id
), remembered AS (
  INSERT INTO operation_changes (operation_id, record_type, record_id, action, before, version_after)
  SELECT $3, 'deal', id, 'updated', jsonb_build_object('pipeline_id', pipeline_id, 'stage_id', stage_id, 'position', position,
    'stage_entered_at', stage_entered_at), version FROM was
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $4, 'deal.moved', 'deal', id, version,
    jsonb_build_object('stage_id', jsonb_build_array(jsonb_build_object('id', stage_id, 'name', stage), $7::jsonb))
      || CASE WHEN pipeline_id = $5 THEN '{}'::jsonb ELSE jsonb_build_object('pipeline_id',
        jsonb_build_array(jsonb_build_object('id', pipeline_id, 'name', pipeline), $8::jsonb)) END,
    jsonb_build_object('operation_id', $3, 'from_stage', jsonb_build_object('id', stage_id, 'name', stage), 'to_stage', $7::jsonb,
      'seconds_in_stage', greatest(0, extract(epoch FROM now() - stage_entered_at)::bigint))
  FROM was
)
UPDATE deals d SET pipeline_id = $5, stage_id = $6, position = was.place, stage_entered_at = now(), updated_at = now(),
  version = was.version
FROM was WHERE d.org_id = app.org() AND d.id = was.id";

/// Sends these open deals to a stage, on top, for an operation that remembers where they stood. The caller holds the stage, then them.
pub fn send(tx: &mut OrgTx, op: OperationId, ids: &[Uuid], to: &Stage) -> AppResult<()> {
    let places = top_places(tx, to.id, ids.len())?;
    let pipeline = pipeline::pipeline(tx, to.pipeline_id)?;
    let by = tx.by().map(Uuid::from);
    diesel::sql_query(SEND)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Array<sql_types::Text>, _>(places)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Uuid, _>(to.pipeline_id)
        .bind::<sql_types::Uuid, _>(to.id)
        .bind::<sql_types::Jsonb, _>(json!({ "id": to.id, "name": to.name }))
        .bind::<sql_types::Jsonb, _>(json!({ "id": pipeline.id, "name": pipeline.name }))
        .execute(tx.conn())?;
    Ok(())
}

const CLOSE: &str = "
WITH was AS MATERIALIZED (
  SELECT d.id, d.version + 1 AS version, d.stage_id, d.position, d.stage_entered_at, d.amount, d.currency, s.name AS stage
  FROM deals d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id WHERE d.id = ANY ($1)
), remembered AS (
  INSERT INTO operation_changes (operation_id, record_type, record_id, action, before, version_after)
  SELECT $2, 'deal', id, 'updated', jsonb_build_object('status', 'open', 'closed_at', NULL, 'closed_by', NULL, 'lost_reason', NULL,
    'lost_note', NULL, 'lost_to', NULL, 'stage_id', stage_id, 'position', position), version FROM was
), noted AS (
  INSERT INTO events (actor_id, kind, record_type, record_id, version, changes, data)
  SELECT $3, 'deal.' || $4, 'deal', id, version, $7,
    jsonb_build_object('operation_id', $2, 'stage', jsonb_build_object('id', stage_id, 'name', stage),
      'seconds_in_stage', greatest(0, extract(epoch FROM now() - stage_entered_at)::bigint), 'amount', amount::text,
      'currency', currency)
  FROM was
)
UPDATE deals d SET status = $4, closed_at = now(), closed_by = $3, lost_reason = $5, lost_note = $6, lost_to = $8, updated_at = now(),
  version = was.version
FROM was WHERE d.org_id = app.org() AND d.id = was.id";

/// How many deals end at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending<'a> {
    Won,
    Lost { reason: Option<&'a str>, note: Option<&'a str>, to: Option<CompetitorId> },
}

/// Closes these open deals for an operation that remembers where they stood. The caller holds them.
pub fn close_many(tx: &mut OrgTx, op: OperationId, ids: &[Uuid], how: Ending<'_>) -> AppResult<()> {
    let (status, reason, note, to) = match how {
        Ending::Won => ("won", None, None, None),
        Ending::Lost { reason, note, to } => ("lost", reason, note, to),
    };
    if let Some(to) = to {
        rivals::met_in(tx, ids, to)?;
    }
    let mut changes = Changes::new();
    changes.track("status", &"open", &status).set("lost_reason", &reason).set("lost_note", &note);
    changes.set("lost_to", &closure::competitor(tx, to)?);
    let by = tx.by().map(Uuid::from);
    diesel::sql_query(CLOSE)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
        .bind::<sql_types::Text, _>(status)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(reason)
        .bind::<sql_types::Nullable<sql_types::Text>, _>(note)
        .bind::<sql_types::Jsonb, _>(changes.into_value())
        .bind::<sql_types::Nullable<sql_types::Uuid>, _>(to.map(Uuid::from))
        .execute(tx.conn())?;
    Ok(())
}

fn top_places(tx: &mut OrgTx, stage: StageId, count: usize) -> AppResult<Vec<String>> {
    let top = positions::top(tx, stage)?;
    rank::many_before(count, top.as_deref()).ok_or_else(|| AppError::Internal(anyhow!("no places above {top:?}")))
}

#[derive(QueryableByName)]
struct Stood {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    stage: StageId,
}

/// Before an operation that moved these deals is undone: free places on top of the stages they stood in, in the order they had. Takes
/// the stages' locks, so call it before the deals' own. Returns those whose stage is gone.
pub fn places_back(tx: &mut OrgTx, op: OperationId, ids: &[Uuid]) -> AppResult<Vec<Uuid>> {
    let rows: Vec<Stood> = diesel::sql_query(
        "SELECT record_id AS id, app.as_uuid(before->>'stage_id') AS stage FROM operation_changes \
         WHERE operation_id = $1 AND record_type = 'deal' AND record_id = ANY ($2) AND undo IS NULL AND jsonb_exists(before, 'position') \
         ORDER BY before->>'stage_id', before->>'position' COLLATE \"C\", record_id",
    )
    .bind::<sql_types::Uuid, _>(op)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .load(tx.conn())?;
    let mut homeless = Vec::new();
    for group in rows.chunk_by(|a, b| a.stage == b.stage) {
        let ids: Vec<Uuid> = group.iter().map(|row| row.id).collect();
        if pipeline::lock_stage(tx, group[0].stage)?.is_none() {
            homeless.extend(ids);
            continue;
        }
        let places = top_places(tx, group[0].stage, ids.len())?;
        diesel::sql_query(
            "UPDATE operation_changes c SET before = c.before || jsonb_build_object('position', p.position) \
             FROM unnest($2, $3) AS p (id, position) WHERE c.operation_id = $1 AND c.record_type = 'deal' AND c.record_id = p.id",
        )
        .bind::<sql_types::Uuid, _>(op)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
        .bind::<sql_types::Array<sql_types::Text>, _>(places)
        .execute(tx.conn())?;
    }
    Ok(homeless)
}

/// What the event says beside the stage when the deals change pipelines too.
fn pipeline_change(tx: &mut OrgTx, from: &Stage, to: &Stage) -> AppResult<Value> {
    if from.pipeline_id == to.pipeline_id {
        return Ok(json!({}));
    }
    let mut name = |id| pipeline::pipeline(tx, id).map(|p| json!({ "id": p.id, "name": p.name }));
    Ok(json!({ "pipeline_id": [name(from.pipeline_id)?, name(to.pipeline_id)?] }))
}

/// Gives those of these deals that are open free places on top of their stages, in the order they had: before many come back to the
/// board at once. Takes the stages' locks, so call it before the deals' own.
pub fn make_room(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<()> {
    let rows: Vec<(DealId, StageId)> = deals::table
        .filter(deals::id.eq_any(ids))
        .filter(deals::status.eq("open"))
        .order((deals::stage_id, deals::position, deals::id))
        .select((deals::id, deals::stage_id))
        .load(tx.conn())?;
    for group in rows.chunk_by(|a, b| a.1 == b.1) {
        let stage = group[0].1;
        crate::features::pipeline::lock_stage(tx, stage)?;
        let top = positions::top(tx, stage)?;
        let places = rank::many_before(group.len(), top.as_deref())
            .ok_or_else(|| AppError::Internal(anyhow!("no places above {top:?}")))?;
        diesel::sql_query(
            "UPDATE deals d SET position = p.position FROM unnest($1, $2) AS p (id, position) \
             WHERE d.id = p.id AND d.stage_id = $3 AND (d.archived_at IS NOT NULL OR d.deleted_at IS NOT NULL)",
        )
        .bind::<sql_types::Array<sql_types::Uuid>, _>(group.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind::<sql_types::Array<sql_types::Text>, _>(places)
        .bind::<sql_types::Uuid, _>(stage)
        .execute(tx.conn())?;
    }
    Ok(())
}
