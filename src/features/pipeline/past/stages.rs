//! The stages of a pipeline, those that were removed since too, and how likely each of them made a deal then.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::pipeline::{Stage, queries},
    kernel::{PipelineId, StageId},
    schema::removed_stages,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// Of a pipeline's stages in their order: the one that a deal has come to, and no further, whose furthest stage is or was at `place`.
/// Whatever began is in the first at least.
pub fn as_far_as(stages: &[Stage], place: i32) -> Option<StageId> {
    stages.iter().rev().find(|stage| stage.position <= place).or(stages.first()).map(|stage| stage.id)
}

/// This stage, and those removed since whose deals have come as far as this one.
pub fn counting_as(tx: &mut OrgTx, stage: &Stage) -> AppResult<Vec<Uuid>> {
    let stages = queries::stages_of(tx, stage.pipeline_id)?;
    let removed: Vec<(StageId, i32)> = removed_stages::table
        .filter(removed_stages::pipeline_id.eq(stage.pipeline_id).or(removed_stages::pipeline_id.is_null()))
        .select((removed_stages::id, removed_stages::position))
        .load(tx.conn())?;
    let here = removed.into_iter().filter(|(_, place)| as_far_as(&stages, *place) == Some(stage.id));
    Ok(std::iter::once(stage.id).chain(here.map(|(id, _)| id)).map(Uuid::from).collect())
}

#[derive(Clone, Debug)]
pub(super) struct PastStage {
    pub id: StageId,
    pub name: String,
    pub color: String,
    pub removed: bool,
    /// In percent: today's; of a removed one the last. Unknown where nobody wrote it down.
    probability: Option<i16>,
}

#[derive(QueryableByName)]
struct Change {
    #[diesel(sql_type = t::Uuid)]
    stage: Uuid,
    #[diesel(sql_type = t::Nullable<t::SmallInt>)]
    before: Option<i16>,
}

/// The first change of each stage's probability after a moment says what it was until then; every change has an event.
const CHANGED: &str = "
SELECT DISTINCT ON (record_id) record_id AS stage, (changes->'probability'->>0)::smallint AS before FROM events
WHERE record_id = ANY ($1) AND record_type = 'stage' AND at >= $2 AND changes ? 'probability' ORDER BY record_id, at, id";

/// What each stage's probability was just before `moment`, where that is known.
pub(super) fn chances(
    tx: &mut OrgTx,
    stages: &[PastStage],
    moment: DateTime<Utc>,
) -> AppResult<Vec<(StageId, Option<i16>)>> {
    let ids: Vec<Uuid> = stages.iter().map(|stage| stage.id.0).collect();
    let query = diesel::sql_query(CHANGED).bind::<t::Array<t::Uuid>, _>(ids).bind::<t::Timestamptz, _>(moment);
    let changes: Vec<Change> = kept(query).load(tx.conn())?;
    let of = |stage: &PastStage| match changes.iter().find(|change| change.stage == stage.id.0) {
        Some(change) => change.before,
        None => stage.probability,
    };
    Ok(stages.iter().map(|stage| (stage.id, of(stage))).collect())
}

/// Those of today in their order, then those among `stood` that are no more.
pub(super) fn of(tx: &mut OrgTx, pipeline: PipelineId, stood: &[Uuid]) -> AppResult<Vec<PastStage>> {
    let mut stages: Vec<PastStage> = queries::stages_of(tx, pipeline)?
        .into_iter()
        .map(|s| PastStage { id: s.id, name: s.name, color: s.color, removed: false, probability: Some(s.probability) })
        .collect();
    let missing: Vec<Uuid> = stood.iter().filter(|id| stages.iter().all(|s| s.id.0 != **id)).copied().collect();
    if missing.is_empty() {
        return Ok(stages);
    }
    type Known = (StageId, String, String, Option<i16>);
    let known: Vec<Known> = removed_stages::table
        .filter(removed_stages::id.eq_any(&missing))
        .order((removed_stages::position, removed_stages::id))
        .select((removed_stages::id, removed_stages::name, removed_stages::color, removed_stages::probability))
        .load(tx.conn())?;
    let unknown = missing.iter().filter(|id| known.iter().all(|(known, ..)| known.0 != **id));
    let unknown: Vec<_> =
        unknown.map(|id| (StageId(*id), "Removed stage".to_owned(), "slate".to_owned(), None)).collect();
    stages.extend(known.into_iter().chain(unknown).map(|(id, name, color, probability)| PastStage {
        id,
        name,
        color,
        removed: true,
        probability,
    }));
    Ok(stages)
}
