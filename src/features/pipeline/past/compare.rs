//! What led from the pipeline of one moment to that of another: steps that add up exactly.
//!
//! A deal stands in the pipeline when it is open there, is owned by whom the filter asks for, and is in the currency looked at. Whoever came to
//! stand there is a step up, whoever ceased to a step down, and a changed amount a step of its own, also of a deal that left since: it left
//! with what it was worth by then. A deal that came and ended within the time is both. Moves between stages change no total. What a split
//! did to the amounts of its deals is a step of its own, which comes to nothing while all of them stand here.

use super::asked::Scope;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::PipelineId,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub key: &'static str,
    pub label: &'static str,
    pub words: &'static str,
    /// Shown even when nothing of it happened.
    pub usual: bool,
}

const fn step(key: &'static str, label: &'static str, words: &'static str, usual: bool) -> Step {
    Step { key, label, words, usual }
}

/// In the order in which they are told.
pub(super) const STEPS: &[Step] = &[
    step("new", "New", "came in since", true),
    step("reopened", "Reopened", "were won or lost, and are open again", true),
    step("returned", "Brought back", "were deleted or archived, and are back", false),
    step("from_pipeline", "From another pipeline", "were moved here", false),
    step("owner_in", "Owner moved in", "got an owner who is asked for", false),
    step("currency_in", "Other currency before", "are in this currency now", false),
    step("up", "Amount up", "are worth more", true),
    step("down", "Amount down", "are worth less", true),
    step("split", "Split", "were split, or split off from another", false),
    step("forward", "Moved on", "stand in a later stage", true),
    step("back", "Moved back", "stand in an earlier stage", true),
    step("won", "Won", "were won", true),
    step("lost", "Lost", "were lost", true),
    step("removed", "Removed", "were deleted or archived", true),
    step("to_pipeline", "To another pipeline", "were moved away", false),
    step("owner_out", "Owner moved out", "got an owner who is not asked for", false),
    step("currency_out", "Other currency now", "are in another currency now", false),
];

/// What is compared.
#[derive(Clone, Debug)]
pub(super) struct Between {
    pub pipeline: PipelineId,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub currency: String,
}

/// The steps, a row for each deal and step. `a` and `b`: what was open there at the first moment and has changed since, and what came about
/// since and holds at the second one. Where one side is missing, the deal's state at that moment is looked up. One row of `t` for each
/// step a deal took part in; `size` is what the step is about, `delta` what it does to the total.
const STEPPED: &str = "
WITH a AS (
  SELECT deal_id, pipeline_id, stage_id, owner_id, currency, coalesce(amount, 0) AS amount, state FROM deal_states
  WHERE pipeline_id = $1 AND state = 'open' AND valid_to < 'infinity' AND valid_to >= $2 AND valid_to < $3 AND valid_from < $2
    AND ($6 IS NULL OR owner_now = ANY ($6))
), b AS (
  SELECT deal_id, pipeline_id, stage_id, owner_id, currency, coalesce(amount, 0) AS amount, state FROM deal_states
  WHERE pipeline_id = $1 AND valid_from >= $2 AND valid_from < $3 AND valid_to >= $3 AND ($6 IS NULL OR owner_now = ANY ($6))
), sides AS (
  SELECT coalesce(a.deal_id, b.deal_id) AS deal_id,
    coalesce(a.pipeline_id, x.pipeline_id) AS a_pipeline, coalesce(a.stage_id, x.stage_id) AS a_stage,
    CASE WHEN a.deal_id IS NULL THEN x.owner_id ELSE a.owner_id END AS a_owner,
    coalesce(a.currency, x.currency) AS a_currency, coalesce(a.amount, x.amount, 0) AS a_amount, coalesce(a.state, x.state) AS a_state,
    coalesce(b.pipeline_id, y.pipeline_id) AS b_pipeline, coalesce(b.stage_id, y.stage_id) AS b_stage,
    CASE WHEN b.deal_id IS NULL THEN y.owner_id ELSE b.owner_id END AS b_owner,
    coalesce(b.currency, y.currency) AS b_currency, coalesce(b.amount, y.amount, 0) AS b_amount, coalesce(b.state, y.state) AS b_state
  FROM a FULL JOIN b ON b.deal_id = a.deal_id
  LEFT JOIN LATERAL (SELECT * FROM deal_states s WHERE a.deal_id IS NULL AND s.deal_id = b.deal_id AND s.valid_from < $2 AND s.valid_to >= $2 LIMIT 1) x ON true
  LEFT JOIN LATERAL (SELECT * FROM deal_states s WHERE b.deal_id IS NULL AND s.deal_id = a.deal_id AND s.valid_from < $3 AND s.valid_to >= $3 LIMIT 1) y ON true
), splits AS (
  SELECT deal_id, sum(amount) AS amount FROM deal_splits WHERE at >= $2 AND at < $3 AND currency = $5::char(3) GROUP BY deal_id HAVING sum(amount) <> 0
), judged AS (
  SELECT *, coalesce(a_state = 'open' AND a_pipeline = $1 AND a_mine AND a_currency = $5, false) AS stood,
    coalesce(b_state = 'open' AND b_pipeline = $1 AND b_mine AND b_currency = $5, false) AS stands,
    coalesce(b_state IN ('won', 'lost') AND b_state IS DISTINCT FROM a_state AND b_pipeline = $1 AND b_mine AND b_currency = $5, false) AS ended
  FROM (
    SELECT *, $4 IS NULL OR coalesce(a_owner, '00000000-0000-0000-0000-000000000000') = ANY ($4) AS a_mine,
      $4 IS NULL OR coalesce(b_owner, '00000000-0000-0000-0000-000000000000') = ANY ($4) AS b_mine FROM sides) s
), t AS (
  SELECT j.deal_id, p.step, p.delta, p.size, j.a_stage, j.b_stage, j.a_amount, j.b_amount, j.a_currency, j.b_currency
  FROM (
    -- Of deals that stood here in one currency all the while, and of those that there were not before.
    SELECT j.*, CASE WHEN j.stood AND j.b_currency = j.a_currency OR NOT j.stood AND j.a_state IS NULL AND (j.stands OR j.ended) THEN coalesce(s.amount, 0) ELSE 0 END AS split
    FROM judged j LEFT JOIN splits s ON s.deal_id = j.deal_id) j
  LEFT JOIN (SELECT org_id, id, position FROM stages UNION ALL SELECT org_id, id, position FROM removed_stages) g ON g.id = j.a_stage
  LEFT JOIN (SELECT org_id, id, position FROM stages UNION ALL SELECT org_id, id, position FROM removed_stages) h ON h.id = j.b_stage
  CROSS JOIN LATERAL (
    SELECT CASE WHEN j.a_state IS NULL THEN 'new' WHEN j.a_pipeline <> $1 THEN 'from_pipeline' WHEN NOT j.a_mine THEN 'owner_in'
        WHEN j.a_currency <> $5 THEN 'currency_in' WHEN j.a_state IN ('won', 'lost') THEN 'reopened' ELSE 'returned' END AS step,
      j.b_amount - j.split AS delta, j.b_amount - j.split AS size
    -- What was split off from another was worth something before.
    WHERE NOT j.stood AND (j.stands OR j.ended) AND j.split <= 0
    UNION ALL
    SELECT 'split', j.split, j.b_amount WHERE j.split <> 0
    UNION ALL
    SELECT CASE WHEN j.b_amount - j.split > before.amount THEN 'up' ELSE 'down' END, j.b_amount - j.split - before.amount, j.b_amount - j.split - before.amount
    FROM (SELECT CASE WHEN j.stood THEN j.a_amount ELSE 0 END AS amount) before
    WHERE (j.stood AND j.b_currency = j.a_currency OR NOT j.stood AND j.split > 0) AND j.b_amount - j.split <> before.amount
    UNION ALL
    SELECT CASE WHEN h.position > g.position THEN 'forward' ELSE 'back' END, 0, j.b_amount
    WHERE j.stood AND j.stands AND j.a_stage <> j.b_stage
    UNION ALL
    SELECT CASE WHEN j.b_pipeline <> $1 THEN 'to_pipeline' WHEN NOT j.b_mine THEN 'owner_out' WHEN j.b_currency <> $5 THEN 'currency_out'
        WHEN j.b_state IN ('won', 'lost') THEN j.b_state ELSE 'removed' END,
      -CASE WHEN j.b_currency = j.a_currency THEN j.b_amount ELSE j.a_amount END, CASE WHEN j.b_currency = j.a_currency THEN j.b_amount ELSE j.a_amount END
    WHERE j.stood AND NOT j.stands
    UNION ALL
    SELECT j.b_state, -j.b_amount, j.b_amount WHERE NOT j.stood AND j.ended) p
)";

/// How many deals took part in a step, what they are worth, and what that did to the total.
#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub(super) struct Sum {
    #[diesel(sql_type = t::Text)]
    pub step: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub delta: Decimal,
    #[diesel(sql_type = t::Numeric)]
    pub size: Decimal,
}

/// A deal of a step.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct Part {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub name: String,
    #[diesel(sql_type = t::BigInt)]
    pub number: i64,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub from_stage: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub to_stage: Option<String>,
    #[diesel(sql_type = t::Numeric)]
    pub size: Decimal,
    #[diesel(sql_type = t::Bool)]
    pub deleted: bool,
}

macro_rules! bound {
    ($sql:expr, $between:expr, $scope:expr) => {
        diesel::sql_query($sql)
            .bind::<t::Uuid, _>($between.pipeline.0)
            .bind::<t::Timestamptz, _>($between.from)
            .bind::<t::Timestamptz, _>($between.to)
            .bind::<t::Nullable<t::Array<t::Uuid>>, _>($scope.owners.clone())
            .bind::<t::Text, _>($between.currency.clone())
            .bind::<t::Nullable<t::Array<t::Uuid>>, _>($scope.visible.clone())
    };
}

/// Every step that happened, in no order. Costs what changed in between, so it is counted once until something happens.
pub(super) fn sums(tx: &mut OrgTx, between: &Between, scope: &Scope) -> AppResult<Arc<Vec<Sum>>> {
    let sql = format!(
        "{STEPPED} SELECT step, count(*) AS deals, sum(delta) AS delta, sum(size) AS size FROM t GROUP BY step"
    );
    tx.lately(format!("{between:?} {scope:?}"), |tx| Ok(kept(bound!(sql, between, scope)).load(tx.conn())?))
}

/// Deals of one step, the largest first, `skip` of them passed over. Named once it is known which they are, and kept like the sums.
pub(super) fn parts(
    tx: &mut OrgTx,
    between: &Between,
    scope: &Scope,
    step: &str,
    (skip, most): (i64, i64),
) -> AppResult<Arc<Vec<Part>>> {
    let sql = format!(
        "{STEPPED}
SELECT t.deal_id AS id, d.name, d.number, c.name AS company, m.name AS owner, t.size,
  (SELECT coalesce(g.name, r.name) FROM (SELECT t.a_stage AS id) k LEFT JOIN stages g ON g.id = k.id LEFT JOIN removed_stages r ON r.id = k.id) AS from_stage,
  (SELECT coalesce(g.name, r.name) FROM (SELECT t.b_stage AS id) k LEFT JOIN stages g ON g.id = k.id LEFT JOIN removed_stages r ON r.id = k.id) AS to_stage,
  d.deleted_at IS NOT NULL AS deleted
FROM (SELECT * FROM t WHERE t.step = $7 ORDER BY abs(t.size) DESC, t.deal_id LIMIT $8 OFFSET $9) t JOIN deals d ON d.id = t.deal_id
LEFT JOIN companies c ON c.id = d.company_id AND c.deleted_at IS NULL
LEFT JOIN members m ON m.id = d.owner_id ORDER BY abs(t.size) DESC, t.deal_id"
    );
    tx.lately(format!("{between:?} {scope:?} {step} {skip} {most}"), |tx| {
        let query = bound!(sql, between, scope)
            .bind::<t::Text, _>(step.to_owned())
            .bind::<t::BigInt, _>(most)
            .bind::<t::BigInt, _>(skip);
        Ok(kept(query).load(tx.conn())?)
    })
}
