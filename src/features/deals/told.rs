//! What a deal's events say of its values: amount, closing date, stage, probability, owner, outcome. One statement, read once for the bar
//! of stages, the chart and the list of changes.

use super::model::Deal;
use crate::{
    db::{OrgTx, Tx, by_one_plan, kept},
    error::AppResult,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use serde_json::Value;
use uuid::Uuid;

/// An event that changed one of the values.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Told {
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Text)]
    pub kind: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub who: Option<String>,
    #[diesel(sql_type = t::Jsonb)]
    pub changes: Value,
    /// It is part of a split.
    #[diesel(sql_type = t::Bool)]
    pub split: bool,
}

impl Told {
    /// What the field was and became, if this event changed it.
    pub fn pair(&self, field: &str) -> Option<(&Value, &Value)> {
        let pair = self.changes.get(field)?;
        Some((pair.get(0)?, pair.get(1)?))
    }
}

/// Events on a page of one deal: far more than any deal has, and a bound all the same.
const MOST: i64 = 5_000;

/// The deal's, the oldest first.
pub(super) fn of(tx: &mut OrgTx, deal: &Deal) -> AppResult<Vec<Told>> {
    let sql = format!(
        "SELECT e.at, e.kind, m.name AS who, e.changes, coalesce((e.data->>'split')::boolean, false) AS split FROM events e LEFT JOIN members m ON m.org_id = e.org_id AND m.id = e.actor_id
         WHERE e.record_id = $1 AND e.record_type = 'deal' AND e.at >= $2
           AND e.changes ?| ARRAY['stage_id', 'status', 'amount', 'currency', 'probability', 'expected_close_on', 'owner_id']
         ORDER BY e.at DESC, e.id DESC LIMIT {MOST}"
    );
    let mut rows: Vec<Told> =
        kept(diesel::sql_query(sql).bind::<t::Uuid, _>(deal.id.0).bind::<t::Timestamptz, _>(begun(deal)))
            .load(tx.conn())?;
    rows.reverse();
    Ok(rows)
}

/// When the stages' own probability changed, the oldest first: stage, when, from what.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct StageChange {
    #[diesel(sql_type = t::Uuid)]
    pub stage: Uuid,
    #[diesel(sql_type = t::Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = t::Nullable<t::SmallInt>)]
    pub before: Option<i16>,
}

/// Of the stages the deal was in since it was made.
pub(super) fn of_stages(tx: &mut OrgTx, deal: &Deal, told: &[Told]) -> AppResult<Vec<StageChange>> {
    let been = told
        .iter()
        .filter_map(|event| event.pair("stage_id"))
        .flat_map(|(before, after)| [id_of(before), id_of(after)]);
    let mut stages: Vec<Uuid> = been.flatten().filter_map(|id| id.parse().ok()).chain([deal.stage_id.0]).collect();
    stages.sort_unstable();
    stages.dedup();
    let sql = format!(
        "SELECT e.record_id AS stage, e.at, (e.changes->'probability'->>0)::smallint AS before
         FROM events e WHERE e.record_id = ANY ($1) AND e.record_type = 'stage' AND e.kind = 'stage.updated' AND e.at >= $2 AND e.changes ? 'probability'
         ORDER BY e.at, e.id LIMIT {MOST}"
    );
    let query = diesel::sql_query(sql).bind::<t::Array<t::Uuid>, _>(stages).bind::<t::Timestamptz, _>(begun(deal));
    Ok(by_one_plan(tx.conn(), |conn| kept(query).load(conn))?)
}

/// No event of a deal is older than the deal: earlier partitions need not be looked into.
fn begun(deal: &Deal) -> DateTime<Utc> {
    deal.created_at - chrono::TimeDelta::days(1)
}

/// The id of a reference as events keep it.
pub(super) fn id_of(value: &Value) -> Option<String> {
    value.get("id").and_then(Value::as_str).map(str::to_owned)
}
