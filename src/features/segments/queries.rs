//! Reading segments.

use super::model::Segment;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{RecordType, SegmentId, text},
    schema::{segment_members, segments},
};
use diesel::prelude::*;

/// Most segments of an organisation that menus offer.
const OFFERED: i64 = 500;
/// Where counting members stops.
pub const COUNTED: i64 = 10_000;

/// Of every type, by name.
pub fn all(tx: &mut OrgTx) -> AppResult<Vec<Segment>> {
    let live = segments::table.filter(segments::deleted_at.is_null());
    Ok(live.order((segments::name_key, segments::id)).limit(OFFERED).select(Segment::as_select()).load(tx.conn())?)
}

/// Those of one record type, by name.
pub fn of(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<Segment>> {
    let live = segments::table.filter(segments::deleted_at.is_null()).filter(segments::record_type.eq(record.key()));
    Ok(live.order((segments::name_key, segments::id)).limit(OFFERED).select(Segment::as_select()).load(tx.conn())?)
}

/// Those of one record type that records are put into by hand.
pub fn statics(tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<Segment>> {
    Ok(of(tx, record)?.into_iter().filter(|segment| !segment.is_dynamic()).collect())
}

pub fn find(tx: &mut OrgTx, id: SegmentId) -> AppResult<Segment> {
    let live = segments::table.filter(segments::id.eq(id)).filter(segments::deleted_at.is_null());
    Ok(live.select(Segment::as_select()).first(tx.conn())?)
}

pub fn by_name(tx: &mut OrgTx, record: RecordType, name: &str) -> AppResult<Option<Segment>> {
    let live = segments::table
        .filter(segments::record_type.eq(record.key()))
        .filter(segments::name_key.eq(text::fold(name)))
        .filter(segments::deleted_at.is_null());
    Ok(live.select(Segment::as_select()).first(tx.conn()).optional()?)
}

/// How many members a static one has; counting stops at [`COUNTED`] and one more.
pub(super) fn count(tx: &mut OrgTx, id: SegmentId) -> AppResult<i64> {
    let members = segment_members::table.filter(segment_members::segment_id.eq(id)).select(segment_members::record_id);
    let found: Vec<uuid::Uuid> = members.limit(COUNTED + 1).load(tx.conn())?;
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))
}
