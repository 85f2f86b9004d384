//! The figures of Home, each one kept statement that an index serves: kept totals for what is open, `deals_closed` for what was
//! won. The two lists take the first few of each pipeline and of each stage, which are few, when the reader sees everybody's
//! deals (`deals_board_close`, `deals_rotting`), else the first few of each owner (`deals_closing`, `deals_entered`).

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types as t,
};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// Rows of the lists.
const LISTED: i32 = 8;

/// Whose deals are counted: those of these owners; `None`: everybody's, and those that nobody owns.
pub type Scope = Option<Vec<Uuid>>;

/// The instants that bound this month and the last, and "this day" of the last, in the reader's time zone.
#[derive(Clone, Copy, Debug)]
pub struct Months {
    pub last: DateTime<Utc>,
    /// As far into the last month as now is into this one.
    pub last_to_date: DateTime<Utc>,
    pub this: DateTime<Utc>,
    pub next: DateTime<Utc>,
}

/// Open deals of one stage in one currency.
#[derive(Clone, Debug, QueryableByName)]
pub struct StageTotal {
    #[diesel(sql_type = t::Uuid)]
    pub pipeline_id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub pipeline: String,
    #[diesel(sql_type = t::Uuid)]
    pub stage_id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub stage: String,
    #[diesel(sql_type = t::Text)]
    pub color: String,
    /// Absent where the stage is empty.
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub currency: Option<String>,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
    #[diesel(sql_type = t::Numeric)]
    pub weighted: Decimal,
}

/// Every stage in board order, with what lies open in it.
pub fn by_stage(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<StageTotal>> {
    let owned = owned(scope, "owner_id = ANY ($1)");
    let sql = format!(
        "
SELECT p.id AS pipeline_id, p.name AS pipeline, s.id AS stage_id, s.name AS stage, s.color, d.currency::text AS currency,
  coalesce(d.deals, 0)::bigint AS deals, coalesce(d.amount, 0) AS amount,
  coalesce(d.by_stage * s.probability / 100 + d.by_deal, 0) AS weighted
FROM stages s
JOIN pipelines p ON p.org_id = s.org_id AND p.id = s.pipeline_id
LEFT JOIN (
  SELECT stage_id, currency, sum(deals) AS deals, sum(amount) AS amount, sum(amount_by_stage) AS by_stage, sum(weighted_by_deal) AS by_deal
  FROM deal_totals WHERE {owned}
  GROUP BY stage_id, currency HAVING sum(deals) <> 0
) d ON d.stage_id = s.id
ORDER BY p.position, p.id, s.position, s.id, d.currency"
    );
    Ok(kept(with_owners(boxed(sql), scope)).load(tx.conn())?)
}

/// What one person won in one currency, in one part of the two months.
#[derive(Clone, Debug, QueryableByName)]
pub struct Won {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    /// 0: the last month up to "this day"; 1: its rest; 2: this month.
    #[diesel(sql_type = t::Integer)]
    part: i32,
    #[diesel(sql_type = t::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub amount: Decimal,
    /// Some of it was won in another currency, at the rate of its day.
    #[diesel(sql_type = t::Bool)]
    pub converted: bool,
}

impl Won {
    pub fn is_this_month(&self) -> bool {
        self.part == 2
    }

    pub fn is_to_date(&self) -> bool {
        self.part == 0
    }
}

/// Known until some won deal changes, or a rate: thousands are looked at. What was won in other currencies comes in the organisation's own,
/// at the rate of the day it was won; without a rate, as it is.
pub fn won(tx: &mut OrgTx, actor: &Actor, scope: &Scope, months: Months) -> AppResult<Vec<Won>> {
    let org = (actor.org.currency.clone(), actor.org.zone.name());
    let known = tx.known(format!("{months:?} {scope:?} {org:?}"), |tx| count_won(tx, &org, scope, months));
    known.map(Arc::unwrap_or_clone)
}

/// Of the own currency no day matters; of others each has its rate. Currencies are made text once they are few.
fn count_won(
    tx: &mut OrgTx,
    (own, zone): &(String, &'static str),
    scope: &Scope,
    months: Months,
) -> AppResult<Vec<Won>> {
    let owned = owned(scope, "owner_id = ANY ($7)");
    let sql = format!(
        "
SELECT owner_id, CASE WHEN r.rate IS NULL THEN g.currency ELSE $5 END::text AS currency, part, sum(deals)::bigint AS deals,
  round(sum(amount * coalesce(r.rate, 1)), 4) AS amount, bool_or(r.on_day IS NOT NULL) AS converted
FROM (
  SELECT owner_id, currency, (closed_at >= $2)::int + (closed_at >= $4)::int AS part,
    CASE WHEN currency <> $5::char(3) THEN (closed_at AT TIME ZONE $6)::date END AS day, count(*) AS deals, coalesce(sum(amount), 0) AS amount
  FROM deals
  WHERE status = 'won' AND archived_at IS NULL AND deleted_at IS NULL AND closed_at >= $1 AND closed_at < $3 AND {owned}
  GROUP BY 1, 2, 3, 4) g
CROSS JOIN LATERAL app.rate_of(g.currency, g.day) r
GROUP BY 1, 2, 3"
    );
    let query = boxed(sql)
        .bind::<t::Timestamptz, _>(months.last)
        .bind::<t::Timestamptz, _>(months.this)
        .bind::<t::Timestamptz, _>(months.next)
        .bind::<t::Timestamptz, _>(months.last_to_date)
        .bind::<t::Text, _>(own.clone())
        .bind::<t::Text, _>(*zone);
    Ok(kept(with_owners(query, scope)).load(tx.conn())?)
}

/// An open deal in one of the lists.
#[derive(Clone, Debug, QueryableByName)]
pub struct Listed {
    #[diesel(sql_type = t::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = t::Text)]
    pub name: String,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub company: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Numeric>)]
    pub amount: Option<Decimal>,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::Text)]
    pub stage: String,
    #[diesel(sql_type = t::Nullable<t::Date>)]
    pub expected_close_on: Option<NaiveDate>,
    #[diesel(sql_type = t::Timestamptz)]
    pub stage_entered_at: DateTime<Utc>,
}

#[derive(Clone, QueryableByName)]
struct Parted {
    #[diesel(sql_type = t::Bool)]
    stale: bool,
    #[diesel(embed)]
    listed: Listed,
}

/// Open deals expected to close from one day up to another, the nearest first; and those that stand in their stage for longer than it
/// allows, the longest standing first.
pub fn lists(tx: &mut OrgTx, scope: &Scope, from: NaiveDate, to: NaiveDate) -> AppResult<(Vec<Listed>, Vec<Listed>)> {
    let due = "d.expected_close_on >= $1 AND d.expected_close_on < $2";
    let (closing, stale) = match scope {
        None => (
            few("pipelines p", &format!("d.org_id = p.org_id AND d.pipeline_id = p.id AND {due}"), "expected_close_on"),
            few(
                "stages p",
                "d.org_id = p.org_id AND d.stage_id = p.id AND d.stage_entered_at < now() - make_interval(days => p.rotting_days::int)",
                "stage_entered_at",
            ),
        ),
        Some(_) => (
            few("unnest($3) o(id)", &format!("d.owner_id = o.id AND {due}"), "expected_close_on"),
            few(
                "unnest($3) o(id)",
                "d.owner_id = o.id AND d.stage_entered_at < now() - make_interval(days => (SELECT min(rotting_days)::int FROM stages))
                 AND d.stage_entered_at < now() - make_interval(days => (SELECT r.rotting_days::int FROM stages r WHERE r.org_id = d.org_id AND r.id = d.stage_id))",
                "stage_entered_at",
            ),
        ),
    };
    let sql = format!("SELECT false AS stale, c.* FROM ({closing}) c UNION ALL SELECT true, s.* FROM ({stale}) s");
    let rows = tx.lately(format!("{from} {to} {scope:?}"), |tx| -> AppResult<Vec<Parted>> {
        let query = boxed(sql).bind::<t::Date, _>(from).bind::<t::Date, _>(to);
        Ok(kept(with_owners(query, scope)).load(tx.conn())?)
    })?;
    let (mut stale, mut closing): (Vec<Listed>, Vec<Listed>) = (Vec::new(), Vec::new());
    for row in Arc::unwrap_or_clone(rows) {
        if row.stale { stale.push(row.listed) } else { closing.push(row.listed) }
    }
    closing.sort_by_key(|row| (row.expected_close_on, row.id));
    stale.sort_by_key(|row| (row.stage_entered_at, row.id));
    Ok((closing, stale))
}

/// The first few open deals of each `part` by index, then the first few of all.
fn few(part: &str, condition: &str, order: &str) -> String {
    format!(
        "SELECT d.id, d.name, c.name AS company, m.name AS owner, d.amount, d.currency::text AS currency, s.name AS stage,
           d.expected_close_on, d.stage_entered_at
         FROM (
           SELECT x.* FROM {part} CROSS JOIN LATERAL (
             SELECT d.* FROM deals d
             WHERE d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL AND {condition}
             ORDER BY d.{order} LIMIT {LISTED}) x
           ORDER BY x.{order}, x.id LIMIT {LISTED}) d
         JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
         LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id AND c.deleted_at IS NULL
         LEFT JOIN members m ON m.org_id = d.org_id AND m.id = d.owner_id
         ORDER BY d.{order}, d.id"
    )
}

type Boxed = BoxedSqlQuery<'static, Pg, SqlQuery>;

fn boxed(sql: String) -> Boxed {
    diesel::sql_query(sql).into_boxed()
}

/// The condition, when there is one to make.
fn owned(scope: &Scope, condition: &'static str) -> &'static str {
    if scope.is_some() { condition } else { "true" }
}

/// The owners as the last bind.
fn with_owners(query: Boxed, scope: &Scope) -> Boxed {
    match scope {
        Some(owners) => query.bind::<t::Array<t::Uuid>, _>(owners.clone()),
        None => query,
    }
}
