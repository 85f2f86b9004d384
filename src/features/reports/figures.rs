//! The sums, each one statement over rows that are kept by month.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::currencies::{
        Rates,
        ended::{Ended, Way},
    },
    kernel::{PipelineId, calendar::Span},
    web::Actor,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use std::sync::Arc;
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

/// Counted once until something happens in the organisation, as everything here.
pub(super) fn closed(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<Closed>> {
    let query = diesel::sql_query(CLOSED)
        .bind::<t::Date, _>(scope.span.from)
        .bind::<t::Date, _>(scope.span.to)
        .bind::<t::Nullable<t::Uuid>, _>(scope.pipeline.map(Uuid::from))
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone());
    let counted =
        tx.lately(format!("{scope:?}"), |tx| -> AppResult<Vec<Closed>> { Ok(kept(query).load(tx.conn())?) })?;
    Ok(Arc::unwrap_or_clone(counted))
}

/// What was won in foreign currencies, at the rates of the days it was won.
const FOREIGN: &str = "
SELECT d.owner_id, date_trunc('month', d.closed_at AT TIME ZONE $4)::date AS month, true AS won, CURRENCY::text AS currency, 0::bigint AS deals,
  round(sum(d.amount * RATE), 4) AS amount, 0::bigint AS days
FROM deals d AT_ITS_DAY WHERE DEALS AND d.currency <> $3::char(3) AND d.amount IS NOT NULL GROUP BY 1, 2, 4";

/// The same in the organisation's currency, as far as there are rates.
pub(super) fn in_own(
    tx: &mut OrgTx,
    actor: &Actor,
    way: Way,
    of: &Ended,
    mut closed: Vec<Closed>,
) -> AppResult<Vec<Closed>> {
    let own = actor.org.currency.clone();
    match way {
        Way::Apart => {}
        Way::Today => {
            let rates = Rates::today(tx, actor)?;
            for row in &mut closed {
                let (currency, amount) = rates.own(&row.currency, row.amount);
                (row.currency, row.amount) = (currency.to_owned(), amount);
            }
        }
        Way::Then if closed.iter().all(|row| row.currency == own) => {}
        Way::Then => {
            for row in closed.iter_mut().filter(|row| row.currency != own) {
                row.amount = Decimal::ZERO;
            }
            let foreign = of.binds(of.statement(FOREIGN, way), actor);
            closed.extend(kept(foreign).load::<Closed>(tx.conn())?);
        }
    }
    Ok(closed)
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

pub(super) fn begun(tx: &mut OrgTx, scope: &Scope, pipeline: PipelineId) -> AppResult<Arc<Vec<Begun>>> {
    let query = diesel::sql_query(BEGUN)
        .bind::<t::Date, _>(scope.span.from)
        .bind::<t::Date, _>(scope.span.to)
        .bind::<t::Uuid, _>(pipeline.0)
        .bind::<t::Nullable<t::Array<t::Uuid>>, _>(scope.owners.clone());
    tx.lately(format!("{pipeline} {scope:?}"), |tx| Ok(kept(query).load(tx.conn())?))
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
  SELECT l.org_id, l.product_id, CURRENCY AS currency, count(DISTINCT d.id) AS deals, sum(l.quantity) AS quantity, round(sum(l.net * RATE), 4) AS amount
  FROM deals d JOIN deal_lines l ON l.org_id = d.org_id AND l.deal_id = d.id AT_ITS_DAY
  WHERE DEALS GROUP BY l.org_id, l.product_id, 3) s
LEFT JOIN products p ON p.org_id = s.org_id AND p.id = s.product_id
ORDER BY s.amount DESC, p.name_key, s.currency LIMIT 200";

/// In the organisation's currency as `way` says.
pub(super) fn sold(tx: &mut OrgTx, actor: &Actor, way: Way, of: &Ended) -> AppResult<Vec<Sold>> {
    let query = of.binds(of.statement(SOLD, way), actor);
    let counted =
        tx.lately(format!("{of:?} {way:?}"), |tx| -> AppResult<Vec<Sold>> { Ok(kept(query).load(tx.conn())?) })?;
    let mut sold = Arc::unwrap_or_clone(counted);
    if way == Way::Today {
        let rates = Rates::today(tx, actor)?;
        for row in &mut sold {
            let (currency, amount) = rates.own(&row.currency, row.amount);
            (row.currency, row.amount) = (currency.to_owned(), amount);
        }
    }
    Ok(sold)
}
