//! One walk over `deals_lost` for the span, grouped in every way at once; one more for the span before, and a count of what was won.
//!
//! They cost what was lost, so each is counted once until something happens in the organisation.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::currencies::{
        Rates,
        ended::{self, Ended, Way},
    },
    kernel::PipelineId,
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{pg::Pg, prelude::*, query_builder::BoxedSqlQuery, query_builder::SqlQuery, sql_types as t};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Whose deals; `None`: everybody's, the unowned ones too.
    pub owners: Option<Vec<Uuid>>,
    pub pipeline: Option<PipelineId>,
    /// The reader's zone: months are theirs.
    pub zone: String,
}

impl Asked {
    pub fn ended(&self, status: &'static str) -> Ended {
        Ended { status, from: self.from, to: self.to, pipeline: self.pipeline, owners: self.owners.clone() }
    }
}

/// Lost deals that have one thing in common, in one currency. Which thing is `by`: `reason`, `rival`, `stage`, `owner`, `month` or `all`.
#[derive(QueryableByName, Clone, Debug)]
pub struct Group {
    #[diesel(sql_type = t::Text)]
    pub by: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub reason: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub rival: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub stage: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub owner: Option<Uuid>,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    pub month: Option<NaiveDate>,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
}

const LIVE: &str = "d.archived_at IS NULL AND d.deleted_at IS NULL AND d.closed_at >= $1 AND d.closed_at < $2";

const GROUPS: &str = "
SELECT CASE g WHEN 30 THEN 'month' WHEN 29 THEN 'owner' WHEN 27 THEN 'stage' WHEN 23 THEN 'rival' WHEN 15 THEN 'reason' ELSE 'all' END AS by,
  reason, rival, stage, owner, month, currency::text AS currency, deals, amount
FROM (
  SELECT GROUPING(d.lost_reason, d.lost_to, d.stage_id, d.owner_id, m.month) AS g, d.lost_reason AS reason, d.lost_to AS rival,
    d.stage_id AS stage, d.owner_id AS owner, m.month, c.currency, count(*) AS deals, coalesce(round(sum(d.amount * c.rate), 4), 0) AS amount
  FROM deals d AT_ITS_DAY CROSS JOIN LATERAL (SELECT date_trunc('month', d.closed_at AT TIME ZONE $7)::date AS month) m
    CROSS JOIN LATERAL (SELECT CURRENCY AS currency, RATE AS rate) c
  WHERE DEALS
  GROUP BY GROUPING SETS ((c.currency, d.lost_reason), (c.currency, d.lost_to), (c.currency, d.stage_id), (c.currency, d.owner_id),
    (c.currency, m.month), (c.currency))) x";

/// The lost deals, grouped by each thing in turn, with what they are worth in the organisation's currency as `way` says; and what is to be
/// said of that.
pub fn groups(tx: &mut OrgTx, actor: &Actor, asked: &Asked, way: Way) -> AppResult<(Vec<Group>, Option<String>)> {
    let lost = asked.ended("lost");
    let query = lost.binds(lost.statement(GROUPS, way), actor).bind::<t::Text, _>(asked.zone.clone());
    let counted =
        tx.lately(format!("{asked:?} {way:?}"), |tx| -> AppResult<Vec<Group>> { Ok(kept(query).load(tx.conn())?) })?;
    let mut groups = Arc::unwrap_or_clone(counted);
    let worth = groups.iter().filter(|group| group.by == "all" && !group.amount.is_zero());
    let note = ended::note(tx, actor, way, &lost, worth.map(|group| group.currency.as_str()))?;
    if way == Way::Today {
        let rates = Rates::today(tx, actor)?;
        for group in &mut groups {
            let (currency, amount) = rates.own(&group.currency, group.amount);
            (group.currency, group.amount) = (currency.to_owned(), amount);
        }
    }
    Ok((groups, note))
}

#[derive(QueryableByName, Clone, Debug)]
pub struct Count {
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub reason: Option<String>,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
}

/// How many were lost for which reason.
pub fn by_reason(tx: &mut OrgTx, asked: &Asked) -> AppResult<Arc<Vec<Count>>> {
    let sql = format!(
        "SELECT d.lost_reason AS reason, count(*) AS deals FROM deals d WHERE d.status = 'lost' AND {LIVE}{} GROUP BY 1",
        scope(asked, 2)
    );
    tx.lately(format!("{asked:?}"), |tx| Ok(bound(span(sql, asked), asked).load(tx.conn())?))
}

/// How many were won.
pub fn won(tx: &mut OrgTx, asked: &Asked) -> AppResult<i64> {
    let sql = format!(
        "SELECT NULL::text AS reason, count(*) AS deals FROM deals d WHERE d.status = 'won' AND {LIVE}{}",
        scope(asked, 2)
    );
    let count = tx.lately(format!("{asked:?}"), |tx| -> AppResult<Count> {
        Ok(bound(span(sql, asked), asked).get_result(tx.conn())?)
    })?;
    Ok(count.deals)
}

type Boxed = BoxedSqlQuery<'static, Pg, SqlQuery>;

fn span(sql: String, asked: &Asked) -> Boxed {
    diesel::sql_query(sql).into_boxed().bind::<t::Timestamptz, _>(asked.from).bind::<t::Timestamptz, _>(asked.to)
}

/// Whose, and of which pipeline; the binds are numbered after those already there.
fn scope(asked: &Asked, taken: usize) -> String {
    let mut next = taken;
    let mut place = || {
        next += 1;
        next
    };
    let mut sql = String::new();
    if asked.owners.is_some() {
        sql.push_str(&format!(" AND d.owner_id = ANY (${})", place()));
    }
    if asked.pipeline.is_some() {
        sql.push_str(&format!(" AND d.pipeline_id = ${}", place()));
    }
    sql
}

fn bound(mut query: Boxed, asked: &Asked) -> Boxed {
    if let Some(owners) = &asked.owners {
        query = query.bind::<t::Array<t::Uuid>, _>(owners.clone());
    }
    if let Some(pipeline) = asked.pipeline {
        query = query.bind::<t::Uuid, _>(pipeline.0);
    }
    query
}
