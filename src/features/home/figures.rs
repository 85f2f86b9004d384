//! The figures of Home, each one statement that an index serves: kept totals for what is open, `deals_closed` for what was won,
//! `deals_closing` and `deals_entered` for the two lists, asked owner by owner so that each answer is a few rows.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    schema::members,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types as t};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Rows of the lists.
const LISTED: i32 = 8;

/// Whose deals are counted. `unowned`: those without an owner, too.
#[derive(Clone, Debug)]
pub struct Scope {
    pub owners: Vec<Uuid>,
    pub unowned: bool,
}

impl Scope {
    /// The given owners; for `None`, everybody, and deals that nobody owns.
    pub fn load(tx: &mut OrgTx, owners: Option<Vec<Uuid>>) -> AppResult<Self> {
        match owners {
            Some(owners) => Ok(Self { owners, unowned: false }),
            None => Ok(Self { owners: members::table.select(members::id).load(tx.conn())?, unowned: true }),
        }
    }
}

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
    let sql = "
SELECT p.id AS pipeline_id, p.name AS pipeline, s.id AS stage_id, s.name AS stage, s.color, d.currency::text AS currency,
  coalesce(d.deals, 0)::bigint AS deals, coalesce(d.amount, 0) AS amount,
  coalesce(d.by_stage * s.probability / 100 + d.by_deal, 0) AS weighted
FROM stages s
JOIN pipelines p ON p.org_id = s.org_id AND p.id = s.pipeline_id
LEFT JOIN (
  SELECT stage_id, currency, sum(deals) AS deals, sum(amount) AS amount, sum(amount_by_stage) AS by_stage, sum(weighted_by_deal) AS by_deal
  FROM deal_totals WHERE owner_id = ANY ($1) OR ($2 AND owner_id IS NULL)
  GROUP BY stage_id, currency HAVING sum(deals) <> 0
) d ON d.stage_id = s.id
ORDER BY p.position, p.id, s.position, s.id, d.currency";
    Ok(scoped(sql, scope).load(tx.conn())?)
}

/// What one person won in one currency.
#[derive(Clone, Debug, QueryableByName)]
pub struct Won {
    #[diesel(sql_type = t::Nullable<t::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = t::Text)]
    pub currency: String,
    #[diesel(sql_type = t::BigInt)]
    pub this_deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub this_month: Decimal,
    #[diesel(sql_type = t::Numeric)]
    pub last_to_date: Decimal,
    #[diesel(sql_type = t::BigInt)]
    pub last_deals: i64,
    #[diesel(sql_type = t::Numeric)]
    pub last_month: Decimal,
}

pub fn won(tx: &mut OrgTx, scope: &Scope, months: Months) -> AppResult<Vec<Won>> {
    let sql = "
SELECT owner_id, currency::text AS currency,
  count(*) FILTER (WHERE closed_at >= $4) AS this_deals,
  coalesce(sum(amount) FILTER (WHERE closed_at >= $4), 0) AS this_month,
  coalesce(sum(amount) FILTER (WHERE closed_at < $6), 0) AS last_to_date,
  count(*) FILTER (WHERE closed_at < $4) AS last_deals,
  coalesce(sum(amount) FILTER (WHERE closed_at < $4), 0) AS last_month
FROM deals
WHERE status = 'won' AND archived_at IS NULL AND deleted_at IS NULL AND closed_at >= $3 AND closed_at < $5
  AND (owner_id = ANY ($1) OR ($2 AND owner_id IS NULL))
GROUP BY owner_id, currency";
    Ok(scoped(sql, scope)
        .bind::<t::Timestamptz, _>(months.last)
        .bind::<t::Timestamptz, _>(months.this)
        .bind::<t::Timestamptz, _>(months.next)
        .bind::<t::Timestamptz, _>(months.last_to_date)
        .load(tx.conn())?)
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

/// Open deals expected to close from one day up to another, the nearest first.
pub fn closing(tx: &mut OrgTx, scope: &Scope, from: NaiveDate, to: NaiveDate) -> AppResult<Vec<Listed>> {
    let sql = list_sql(
        "d.expected_close_on >= $3 AND d.expected_close_on < $4",
        "d.expected_close_on",
        "true",
        "c.expected_close_on, c.id",
    );
    Ok(scoped(&sql, scope).bind::<t::Date, _>(from).bind::<t::Date, _>(to).load(tx.conn())?)
}

/// Open deals that stand in their stage for longer than it allows, the longest standing first.
pub fn stale(tx: &mut OrgTx, scope: &Scope) -> AppResult<Vec<Listed>> {
    let sql = list_sql(
        "d.stage_entered_at < now() - make_interval(days => (SELECT min(rotting_days)::int FROM stages))",
        "d.stage_entered_at",
        "d.stage_entered_at < now() - make_interval(days => s.rotting_days::int)",
        "c.stage_entered_at, c.id",
    );
    Ok(scoped(&sql, scope).load(tx.conn())?)
}

/// The first few of each owner by index, then the first few of all. `$1`, `$2`: the scope.
fn list_sql(condition: &str, order: &str, stage_condition: &str, overall: &str) -> String {
    let few = format!(
        "SELECT d.id, d.name, d.company_id, d.owner_id, d.amount, d.currency, d.stage_id, s.name AS stage, d.expected_close_on, d.stage_entered_at
         FROM deals d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id
         WHERE d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL AND {condition} AND {stage_condition}"
    );
    format!(
        "WITH c AS (
           SELECT x.* FROM unnest($1) o(id) CROSS JOIN LATERAL ({few} AND d.owner_id = o.id ORDER BY {order} LIMIT {LISTED}) x
           UNION ALL
           SELECT x.* FROM (SELECT 1 WHERE $2) o CROSS JOIN LATERAL ({few} AND d.owner_id IS NULL ORDER BY {order} LIMIT {LISTED}) x)
         SELECT c.id, c.name, co.name AS company, m.name AS owner, c.amount, c.currency::text AS currency, c.stage,
           c.expected_close_on, c.stage_entered_at
         FROM (SELECT * FROM c ORDER BY {overall} LIMIT {LISTED}) c
         LEFT JOIN companies co ON co.id = c.company_id AND co.org_id = (SELECT app.org()) AND co.deleted_at IS NULL
         LEFT JOIN members m ON m.id = c.owner_id AND m.org_id = (SELECT app.org())
         ORDER BY {overall}"
    )
}

type Scoped<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

fn scoped<'a>(sql: &str, scope: &Scope) -> Scoped<'a> {
    diesel::sql_query(sql.to_owned())
        .into_boxed()
        .bind::<t::Array<t::Uuid>, _>(scope.owners.clone())
        .bind::<t::Bool, _>(scope.unowned)
}
