//! The stages of a pipeline, those that were removed since too.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::pipeline::queries,
    kernel::{PipelineId, StageId},
    schema::removed_stages,
};
use diesel::prelude::*;
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(super) struct PastStage {
    pub id: StageId,
    pub name: String,
    pub color: String,
    pub removed: bool,
}

/// Those of today in their order, then those among `stood` that are no more.
pub(super) fn of(tx: &mut OrgTx, pipeline: PipelineId, stood: &[Uuid]) -> AppResult<Vec<PastStage>> {
    let mut stages: Vec<PastStage> = queries::stages_of(tx, pipeline)?
        .into_iter()
        .map(|s| PastStage { id: s.id, name: s.name, color: s.color, removed: false })
        .collect();
    let missing: Vec<Uuid> = stood.iter().filter(|id| stages.iter().all(|s| s.id.0 != **id)).copied().collect();
    if missing.is_empty() {
        return Ok(stages);
    }
    let known: Vec<(StageId, String, String)> = removed_stages::table
        .filter(removed_stages::id.eq_any(&missing))
        .order((removed_stages::position, removed_stages::id))
        .select((removed_stages::id, removed_stages::name, removed_stages::color))
        .load(tx.conn())?;
    let unknown = missing.iter().filter(|id| known.iter().all(|(known, ..)| known.0 != **id));
    let unknown: Vec<_> = unknown.map(|id| (StageId(*id), "Removed stage".to_owned(), "slate".to_owned())).collect();
    stages.extend(known.into_iter().chain(unknown).map(|(id, name, color)| PastStage {
        id,
        name,
        color,
        removed: true,
    }));
    Ok(stages)
}
