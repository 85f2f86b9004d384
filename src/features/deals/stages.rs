//! The bar of stages on a deal's page: where it stands, where it has been and for how long.

use super::model::{Deal, DealStatus};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::pipeline::Stage,
};
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;

/// One stage of the bar.
pub struct Step {
    pub id: String,
    pub name: String,
    /// `done`, `current`, `ahead`, `won` or `lost`.
    pub state: &'static str,
    /// Time spent there, in words; empty when none.
    pub days: String,
}

#[derive(QueryableByName)]
struct Spent {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    stage: Option<String>,
    #[diesel(sql_type = sql_types::BigInt)]
    seconds: i64,
}

/// Leaving a stage is what ends a stay: moves within a column do not.
const SPENT: &str = "
SELECT coalesce(e.data->'from_stage'->>'id', e.data->'stage'->>'id') AS stage, sum((e.data->>'seconds_in_stage')::bigint)::bigint AS seconds
FROM events e
WHERE e.record_id = $1 AND e.record_type = 'deal' AND e.data ? 'seconds_in_stage'
  AND (e.kind IN ('deal.won', 'deal.lost') OR e.kind = 'deal.moved' AND e.changes ? 'stage_id')
GROUP BY 1";

pub(super) fn steps(tx: &mut OrgTx, deal: &Deal, stages: &[Stage]) -> AppResult<Vec<Step>> {
    let rows: Vec<Spent> = kept(diesel::sql_query(SPENT).bind::<sql_types::Uuid, _>(deal.id.0)).load(tx.conn())?;
    let mut spent: HashMap<String, i64> = rows.into_iter().filter_map(|r| Some((r.stage?, r.seconds))).collect();
    if deal.is_open() {
        *spent.entry(deal.stage_id.to_string()).or_default() += (Utc::now() - deal.stage_entered_at).num_seconds();
    }
    let at = stages.iter().position(|s| s.id == deal.stage_id).unwrap_or(0);
    let state = |i: usize| match (&deal.status, i.cmp(&at)) {
        (_, std::cmp::Ordering::Less) => "done",
        (_, std::cmp::Ordering::Greater) => "ahead",
        (DealStatus::Won { .. }, _) => "won",
        (DealStatus::Lost { .. }, _) => "lost",
        (DealStatus::Open, _) => "current",
    };
    let step = |(i, stage): (usize, &Stage)| Step {
        id: stage.id.to_string(),
        name: stage.name.clone(),
        state: state(i),
        days: spent.get(&stage.id.to_string()).map(|s| format!("{} d", s / 86_400)).unwrap_or_default(),
    };
    Ok(stages.iter().enumerate().map(step).collect())
}

/// `1 day`, `4 days`.
pub(super) fn days(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}
