//! Moving deals: along a board, and to another pipeline.
//!
//! Locks are always taken stage first, deal second, and one stage only, so that moves never wait for each other in a circle. Two
//! people moving one card: the second waits for the first, then moves it from where it stands by then. The last one wins.

use super::{
    commands::{announce, must_be_on_board, reread},
    model::Deal,
    passage::{self, Passing},
    positions::{self, Place},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        pipeline::{self, Stage},
        quality::{self, Written},
    },
    kernel::{DealId, RecordType, StageId},
    schema::deals,
    search,
    web::{Allow, permission::deals::Edit},
};
use chrono::Utc;
use diesel::prelude::*;
use serde_json::{Value, json};

/// What a move did.
pub struct Moved {
    pub deal: Deal,
    /// The stage it stood in before; the same one when it only changed places.
    pub from: StageId,
}

/// Puts a card between two others, in its own column or another of the same pipeline. `tab` is the tab that has shown it already.
pub fn move_to(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    to: StageId,
    place: Place,
    tab: Option<String>,
) -> AppResult<Moved> {
    move_to_passing(tx, by, id, to, place, Passing::Asked, tab)
}

/// The same, by somebody who may pass over what the stage asks for.
pub fn move_to_passing(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    to: StageId,
    place: Place,
    passing: Passing,
    tab: Option<String>,
) -> AppResult<Moved> {
    let stage = pipeline::lock_stage(tx, to)?;
    let deal = queries::lock(tx, by, id)?;
    let stage = stage.ok_or_else(|| AppError::field("stage_id", "is not one of the stages"))?;
    if stage.pipeline_id != deal.pipeline_id {
        return Err(AppError::field("stage_id", "belongs to another pipeline"));
    }
    put(tx, by, deal, &stage, place, passing, tab)
}

/// Sends a deal to a stage of any pipeline, on top.
pub fn move_pipeline(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    to: StageId,
    tab: Option<String>,
) -> AppResult<Moved> {
    move_pipeline_passing(tx, by, id, to, Passing::Asked, tab)
}

/// The same, by somebody who may pass over what the stage asks for.
pub fn move_pipeline_passing(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    to: StageId,
    passing: Passing,
    tab: Option<String>,
) -> AppResult<Moved> {
    let stage = pipeline::lock_stage(tx, to)?;
    let deal = queries::lock(tx, by, id)?;
    let stage = stage.ok_or_else(|| AppError::field("stage_id", "is not one of the stages"))?;
    put(tx, by, deal, &stage, Place::TOP, passing, tab)
}

/// Gives a deal a free place on top of its stage: for whoever brings it back to the board (restore, undo). Call it in the same
/// transaction, before the row is brought back and before it is locked.
pub fn reposition(tx: &mut OrgTx, id: DealId) -> AppResult<()> {
    place(tx, id, |tx, stage| positions::at(tx, stage, Place::TOP, id))
}

/// The same, where it stood when it left the board.
pub(super) fn put_back(tx: &mut OrgTx, id: DealId) -> AppResult<()> {
    place(tx, id, |tx, stage| positions::kept(tx, stage, id))
}

fn place(tx: &mut OrgTx, id: DealId, free: impl FnOnce(&mut OrgTx, StageId) -> AppResult<String>) -> AppResult<()> {
    let stage: StageId = deals::table.filter(deals::id.eq(id)).select(deals::stage_id).first(tx.conn())?;
    pipeline::lock_stage(tx, stage)?;
    let position = free(tx, stage)?;
    diesel::update(deals::table.filter(deals::id.eq(id)).filter(deals::stage_id.eq(stage)))
        .set(deals::position.eq(position))
        .execute(tx.conn())?;
    Ok(())
}

fn put(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    deal: Deal,
    stage: &Stage,
    place: Place,
    passing: Passing,
    tab: Option<String>,
) -> AppResult<Moved> {
    must_be_on_board(&deal)?;
    let missing = if stage.id == deal.stage_id {
        None
    } else {
        passage::overridden(&passage::pass(tx, by, &deal, stage, passing)?)
    };
    let position = positions::at(tx, stage.id, place, deal.id)?;
    let target = diesel::update(deals::table.filter(deals::id.eq(deal.id)));
    let seconds = (Utc::now() - deal.stage_entered_at).num_seconds().max(0);
    let from = queries::stage_ref(tx, deal.stage_id)?;
    let to = json!({ "id": stage.id, "name": stage.name });
    let mut data = json!({ "from_stage": from, "to_stage": to, "seconds_in_stage": seconds });
    if let Some(missing) = missing {
        data["overrode"] = json!(missing);
    }
    let mut event = Event::new("deal.moved", RecordType::Deal, deal.id).version(deal.version).data(data);
    if stage.id == deal.stage_id {
        target.set(deals::position.eq(position)).execute(tx.conn())?;
    } else {
        target
            .set((
                (deals::pipeline_id.eq(stage.pipeline_id), deals::stage_id.eq(stage.id), deals::position.eq(position)),
                (deals::stage_entered_at.eq(diesel::dsl::now), deals::updated_at.eq(diesel::dsl::now)),
                deals::version.eq(deals::version + 1),
            ))
            .execute(tx.conn())?;
        let written = ["stage_id", "pipeline_id", "stage_entered_at"];
        quality::written(tx, RecordType::Deal, deal.id.into(), Written::Fields(&written))?;
        event = event.version(deal.version + 1).changes(stage_change(tx, &deal, stage, from, to)?);
    }
    events::record_quietly(tx, event)?;
    if stage.pipeline_id != deal.pipeline_id {
        search::reindex(tx, RecordType::Deal, &[deal.id.into()])?;
    }
    announce(tx, deal.id, &touched(deal.stage_id, stage.id), tab)?;
    Ok(Moved { from: deal.stage_id, deal: reread(tx, deal.id)? })
}

fn stage_change(tx: &mut OrgTx, deal: &Deal, stage: &Stage, from: Value, to: Value) -> AppResult<Changes> {
    let mut changes = Changes::new();
    changes.track("stage_id", &from, &to);
    if deal.pipeline_id != stage.pipeline_id {
        let name = |tx: &mut OrgTx, id| pipeline::pipeline(tx, id).map(|p| json!({ "id": p.id, "name": p.name }));
        changes.track("pipeline_id", &name(tx, deal.pipeline_id)?, &name(tx, stage.pipeline_id)?);
    }
    Ok(changes)
}

fn touched(from: StageId, to: StageId) -> Vec<uuid::Uuid> {
    if from == to { vec![to.into()] } else { vec![from.into(), to.into()] }
}
