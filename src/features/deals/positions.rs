//! A card's place in its column: a fractional index, so that a move writes one row and never renumbers.
//!
//! Kept as a `kernel::rank` in a column collated "C": byte order is the cards' order, in Postgres and in the browser alike. Unique
//! among the open, live deals of a stage. Whoever asks for a place holds the stage's lock (`pipeline::lock_stage`) until the
//! transaction ends, so a place that was free stays free.

use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{DealId, StageId, rank},
    schema::deals,
};
use anyhow::anyhow;
use diesel::prelude::*;

/// Where in a column a card is to stand, by the cards it was dropped between. Neither: on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The card above.
    pub after: Option<DealId>,
    /// The card below.
    pub before: Option<DealId>,
}

impl Place {
    pub const TOP: Place = Place { after: None, before: None };
}

/// A free place for `moving` in that stage. The card above counts first, then the card below; when the named neighbours have gone
/// elsewhere meanwhile, a card dropped under something goes to the bottom, and any other to the top.
pub(super) fn at(tx: &mut OrgTx, stage: StageId, place: Place, moving: DealId) -> AppResult<String> {
    if let Some(above) = neighbour(tx, stage, place.after, moving)? {
        let below = beside(tx, stage, moving, Some(&above), Side::Below)?;
        return between(Some(&above), below.as_deref());
    }
    if let Some(below) = neighbour(tx, stage, place.before, moving)? {
        let above = beside(tx, stage, moving, Some(&below), Side::Above)?;
        return between(above.as_deref(), Some(&below));
    }
    if place.after.is_some() && place.before.is_none() {
        let last = beside(tx, stage, moving, None, Side::Above)?;
        return between(last.as_deref(), None);
    }
    let first = beside(tx, stage, moving, None, Side::Below)?;
    between(None, first.as_deref())
}

/// The place that a card has kept while it was off the board; where another has it by now, the one below that.
pub(super) fn kept(tx: &mut OrgTx, stage: StageId, moving: DealId) -> AppResult<String> {
    let own: String = deals::table.filter(deals::id.eq(moving)).select(deals::position).first(tx.conn())?;
    let same = deals::table
        .filter(deals::stage_id.eq(stage))
        .filter(deals::id.ne(moving))
        .filter(deals::status.eq("open"))
        .filter(deals::archived_at.is_null())
        .filter(deals::deleted_at.is_null())
        .filter(deals::position.eq(&own));
    if !diesel::select(diesel::dsl::exists(same)).get_result::<bool>(tx.conn())? {
        return Ok(own);
    }
    let below = beside(tx, stage, moving, Some(&own), Side::Below)?;
    between(Some(&own), below.as_deref())
}

/// The first place in use of a column.
pub fn top(tx: &mut OrgTx, stage: StageId) -> AppResult<Option<String>> {
    beside(tx, stage, DealId(uuid::Uuid::nil()), None, Side::Below)
}

enum Side {
    Above,
    Below,
}

/// The position of a named neighbour, if it still stands in this column.
fn neighbour(tx: &mut OrgTx, stage: StageId, id: Option<DealId>, moving: DealId) -> AppResult<Option<String>> {
    let Some(id) = id.filter(|id| *id != moving) else { return Ok(None) };
    Ok(deals::table
        .filter(deals::id.eq(id))
        .filter(deals::stage_id.eq(stage))
        .filter(deals::status.eq("open"))
        .filter(deals::archived_at.is_null())
        .filter(deals::deleted_at.is_null())
        .select(deals::position)
        .first(tx.conn())
        .optional()?)
}

/// The nearest position above or below one, whoever's card it is; without one, the last (`Above`) or first (`Below`) of all.
fn beside(tx: &mut OrgTx, stage: StageId, moving: DealId, from: Option<&str>, side: Side) -> AppResult<Option<String>> {
    let mut query = deals::table
        .filter(deals::stage_id.eq(stage))
        .filter(deals::id.ne(moving))
        .filter(deals::status.eq("open"))
        .filter(deals::archived_at.is_null())
        .filter(deals::deleted_at.is_null())
        .select(deals::position)
        .into_boxed();
    query = match side {
        Side::Above => query.order(deals::position.desc()),
        Side::Below => query.order(deals::position.asc()),
    };
    if let Some(from) = from {
        query = match side {
            Side::Above => query.filter(deals::position.lt(from.to_owned())),
            Side::Below => query.filter(deals::position.gt(from.to_owned())),
        };
    }
    Ok(query.first(tx.conn()).optional()?)
}

fn between(above: Option<&str>, below: Option<&str>) -> AppResult<String> {
    rank::between(above, below)
        .ok_or_else(|| AppError::Internal(anyhow!("no place between positions {above:?} and {below:?}")))
}
