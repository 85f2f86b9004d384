//! The sums, each one statement over rows that are kept by month.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::{PipelineId, calendar, calendar::Span},
    web::Actor,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Which rows count.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub span: Span,
    pub pipeline: Option<PipelineId>,
    /// `None`: everybody's, and nobody's.
    pub owners: Option<Vec<Uuid>>,
}

/// What one person won or lost in one month and currency.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct Closed {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Date)]
    pub month: NaiveDate,
    #[diesel(sql_type = t::Bool)]
    pub won: bool,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
    #[diesel(sql_type = t::BigInt)]
    pub days: i64,
}

const CLOSED: &str = "
SELECT owner_id, month, status = 'won' AS won, currency::text AS currency, sum(deals)::bigint AS deals, sum(amount) AS amount,
  sum(cycle_days)::bigint AS days
FROM deal_closings
WHERE month >= $1 AND month < $2 AND ($3 IS NULL OR pipeline_id = $3) AND ($4 IS NULL OR owner_id = ANY ($4))
GROUP BY owner_id, month, status, deal_closings.currency HAVING sum(deals) <> 0";

pub(super) fn closed(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<Closed>> {
    let query = diesel::sql_query(CLOSED)
        .bind::<t::Date, _>(scope.span.from)
        .bind::<t::Date, _>(scope.span.to)
        .bind::<t::Nullable<t::Uuid>, _>(scope.pipeline.map(Uuid::from))
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone());
    Ok(kept(query).load(tx.conn())?)
}

/// Deals that began in the time, by how far they came and what became of them.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct Begun {
    #[diesel(sql_type = t::Uuid)]
    pub furthest_id: Uuid,
    /// `open`, `won` or `lost`.
    #[diesel(sql_type = t::Text)]
    pub state: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    /// Of a stage that is no more: where it was.
    #[diesel(sql_type = t::Nullable<t::Integer>)]
    pub removed: Option<i32>,
}

const BEGUN: &str = "
SELECT b.furthest_id, b.state, b.deals, r.position AS removed FROM (
  SELECT org_id, furthest_id, state, sum(deals)::bigint AS deals FROM deal_beginnings
  WHERE month >= $1 AND month < $2 AND pipeline_id = $3 AND ($4 IS NULL OR owner_id = ANY ($4))
  GROUP BY org_id, furthest_id, state HAVING sum(deals) <> 0) b
LEFT JOIN removed_stages r ON r.org_id = b.org_id AND r.id = b.furthest_id";

pub(super) fn begun(tx: &mut OrgTx, scope: &Scope, pipeline: PipelineId) -> AppResult<Vec<Begun>> {
    let query = diesel::sql_query(BEGUN)
        .bind::<t::Date, _>(scope.span.from)
        .bind::<t::Date, _>(scope.span.to)
        .bind::<t::Uuid, _>(pipeline.0)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone());
    Ok(kept(query).load(tx.conn())?)
}

/// What the lines of won deals brought for one product, in one currency.
#[derive(Clone, Debug, QueryableByName)]
pub(super) struct Sold {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub product_id: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub quantity: Decimal,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
}

const SOLD: &str = "
SELECT s.product_id, p.name, s.currency::text AS currency, s.deals, s.quantity, s.amount FROM (
  SELECT l.org_id, l.product_id, d.currency, count(DISTINCT d.id) AS deals, sum(l.quantity) AS quantity, sum(l.net) AS amount
  FROM deals d JOIN deal_lines l ON l.org_id = d.org_id AND l.deal_id = d.id
  WHERE d.status = 'won' AND d.archived_at IS NULL AND d.deleted_at IS NULL AND d.closed_at >= $1 AND d.closed_at < $2
    AND ($3 IS NULL OR d.pipeline_id = $3) AND ($4 IS NULL OR d.owner_id = ANY ($4))
  GROUP BY l.org_id, l.product_id, d.currency) s
LEFT JOIN products p ON p.org_id = s.org_id AND p.id = s.product_id
ORDER BY s.amount DESC, p.name_key, s.currency LIMIT 200";

pub(super) fn sold(tx: &mut OrgTx, actor: &Actor, scope: &Scope) -> AppResult<Vec<Sold>> {
    let (from, to) = calendar::instants(scope.span, actor.org.zone);
    let query = diesel::sql_query(SOLD)
        .bind::<t::Timestamptz, _>(from)
        .bind::<t::Timestamptz, _>(to)
        .bind::<t::Nullable<t::Uuid>, _>(scope.pipeline.map(Uuid::from))
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone());
    Ok(kept(query).load(tx.conn())?)
}
