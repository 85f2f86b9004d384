//! How many deals stood in each stage at a moment, and what they were worth.

use super::asked::Scope;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::PipelineId,
};
use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub(super) struct Total {
    #[diesel(sql_type = t::Uuid)]
    pub stage_id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
    /// The part of it that did not follow the stage's probability, and what the deals' own made of that.
    #[diesel(sql_type = t::Numeric)]
    own_amount: Decimal,
    #[diesel(sql_type = t::Numeric)]
    own_weighted: Decimal,
}

impl Total {
    /// What it came to by the deals' own probabilities, and by the stage's where they had none.
    pub fn weighted(&self, probability: i16) -> Decimal {
        (self.amount - self.own_amount) * Decimal::from(probability) / Decimal::ONE_HUNDRED + self.own_weighted
    }
}

/// Whole months from `deal_months`; of the month that the moment lies in, what began and ended before it.
const TOTALS: &str = "
SELECT stage_id, currency::text AS currency, sum(deals)::bigint AS deals, sum(amount) AS amount, sum(own_amount) AS own_amount,
  sum(own_weighted) AS own_weighted FROM (
  SELECT stage_id, currency, deals, amount, own_amount, own_weighted FROM deal_months
  WHERE pipeline_id = $1 AND month < $2
    AND ($5 IS NULL OR coalesce(owner_id, '00000000-0000-0000-0000-000000000000') = ANY ($5)) AND ($6 IS NULL OR owner_now = ANY ($6))
  UNION ALL
  SELECT stage_id, currency, 1, coalesce(amount, 0), CASE WHEN probability IS NULL THEN 0 ELSE coalesce(amount, 0) END,
    coalesce(amount * probability / 100, 0) FROM deal_states
  WHERE pipeline_id = $1 AND valid_from >= $3 AND valid_from < $4 AND state = 'open'
    AND ($5 IS NULL OR coalesce(owner_id, '00000000-0000-0000-0000-000000000000') = ANY ($5)) AND ($6 IS NULL OR owner_now = ANY ($6))
  UNION ALL
  SELECT stage_id, currency, -1, -coalesce(amount, 0), CASE WHEN probability IS NULL THEN 0 ELSE -coalesce(amount, 0) END,
    -coalesce(amount * probability / 100, 0) FROM deal_states
  WHERE pipeline_id = $1 AND valid_to >= $3 AND valid_to < $4 AND state = 'open' AND valid_to < 'infinity'
    AND ($5 IS NULL OR coalesce(owner_id, '00000000-0000-0000-0000-000000000000') = ANY ($5)) AND ($6 IS NULL OR owner_now = ANY ($6))
) parts GROUP BY stage_id, parts.currency HAVING sum(deals) <> 0";

/// What stood there just before `moment`. Counted once until something happens in the organisation.
pub(super) fn at(
    tx: &mut OrgTx,
    pipeline: PipelineId,
    moment: DateTime<Utc>,
    scope: &Scope,
) -> AppResult<Arc<Vec<Total>>> {
    let month = moment.date_naive() - chrono::Days::new(u64::from(moment.day0()));
    let query = diesel::sql_query(TOTALS)
        .bind::<t::Uuid, _>(pipeline.0)
        .bind::<t::Date, _>(month)
        .bind::<t::Timestamptz, _>(midnight(month))
        .bind::<t::Timestamptz, _>(moment)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone())
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.visible.clone());
    tx.lately(format!("{pipeline} {moment} {scope:?}"), |tx| Ok(kept(query).load(tx.conn())?))
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    Utc.from_utc_datetime(&day.and_time(chrono::NaiveTime::MIN))
}
