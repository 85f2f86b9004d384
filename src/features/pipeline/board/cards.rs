//! The board's reads. One query for the first cards of every column (a LATERAL top 26 per stage, each served by `deals_board`),
//! one for a further page of a column, one for single cards; totals from the kept counters, or from the filtered rows themselves
//! when a filter asks for what the counters do not know.

use super::filters::{Closing, Owners, Scope};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::{DealId, PipelineId, StageId},
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types,
};
use rust_decimal::Decimal;
use std::collections::HashMap;
use uuid::Uuid;

/// Cards of a column at a time; one more is read to know whether there are more.
pub const PAGE: usize = 25;

/// What a card shows.
#[derive(Debug, QueryableByName)]
pub struct CardRow {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    pub number: i64,
    #[diesel(sql_type = sql_types::Integer)]
    pub version: i32,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Uuid)]
    pub stage_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub position: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    pub amount: Option<Decimal>,
    #[diesel(sql_type = sql_types::Text)]
    pub currency: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Date>)]
    pub expected_close_on: Option<NaiveDate>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub stage_entered_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::SmallInt>)]
    pub rotting_days: Option<i16>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub company: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub avatar_tag: Option<String>,
    /// The nearest open activity: what, its type's icon, and when.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub next: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub next_icon: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub next_start_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Date>)]
    pub next_due_on: Option<NaiveDate>,
    #[diesel(sql_type = sql_types::SmallInt)]
    pub slips: i16,
    #[diesel(sql_type = sql_types::Integer)]
    pub slipped_days: i32,
    #[diesel(sql_type = sql_types::SmallInt)]
    pub shrunk_percent: i16,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub next_step: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Date>)]
    pub next_step_on: Option<NaiveDate>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    pub next_step_set_at: DateTime<Utc>,
    /// `red:Key account`: colour and name.
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    pub tags: Vec<String>,
}

/// Count and sums of a column in one currency.
#[derive(Clone, Debug, QueryableByName)]
pub struct Total {
    #[diesel(sql_type = sql_types::Uuid)]
    pub stage_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub currency: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = sql_types::Numeric)]
    pub amount: Decimal,
    /// The amounts times their chance: the deal's own, or the stage's.
    #[diesel(sql_type = sql_types::Numeric)]
    pub weighted: Decimal,
}

const COLUMNS: &str = "d.id, d.number, d.version, d.name, d.stage_id, d.position, d.amount, d.currency::text AS currency, \
    d.expected_close_on, d.stage_entered_at, s.rotting_days, c.name AS company, m.id AS owner_id, m.name AS owner, m.avatar_tag, \
    n.subject AS next, n.icon AS next_icon, n.start_at AS next_start_at, n.due_on AS next_due_on, \
    d.slips, d.slipped_days, d.shrunk_percent, d.next_step, d.next_step_on, coalesce(d.next_step_set_at, d.created_at) AS next_step_set_at, \
    ARRAY(SELECT t.color || ':' || t.name FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id \
      WHERE x.record_type = 'deal' AND x.record_id = d.id AND t.deleted_at IS NULL ORDER BY t.name_key LIMIT 4) AS tags";
const NAMES: &str = "LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id \
    LEFT JOIN members m ON m.org_id = d.org_id AND m.id = d.owner_id \
    LEFT JOIN LATERAL (SELECT a.subject, t.icon, a.start_at, a.due_on FROM activities a \
      JOIN activity_types t ON t.org_id = a.org_id AND t.id = a.type_id \
      WHERE a.org_id = d.org_id AND a.deal_id = d.id AND a.closed_at IS NULL AND a.deleted_at IS NULL AND d.next_activity_at IS NOT NULL \
      ORDER BY a.at LIMIT 1) n ON true";
const ON_BOARD: &str = "d.status = 'open' AND d.archived_at IS NULL AND d.deleted_at IS NULL";

/// The first cards of every column, by column and place.
pub fn first_cards(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope) -> AppResult<Vec<CardRow>> {
    let query = first_cards_query(pipeline, scope, "");
    // Kept without filters only: a plan for any filter would suit few.
    Ok(if scope.is_counted() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// The plan of `first_cards`'s query, for the test that proves its index.
pub fn explain_first_cards(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope) -> AppResult<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = sql_types::Text, column_name = "QUERY PLAN")]
        line: String,
    }
    let lines: Vec<Line> = first_cards_query(pipeline, scope, "EXPLAIN ").load(tx.conn())?;
    Ok(lines.into_iter().map(|l| l.line).collect::<Vec<_>>().join("\n"))
}

fn first_cards_query(pipeline: PipelineId, scope: &Scope, prefix: &str) -> Boxed {
    let conditions = Conditions::of(scope, 1);
    let sql = format!(
        "{prefix}SELECT {COLUMNS} FROM stages s CROSS JOIN LATERAL ( \
           SELECT d.* FROM deals d WHERE d.org_id = s.org_id AND d.stage_id = s.id AND {ON_BOARD}{} \
           ORDER BY d.position LIMIT {}) d {NAMES} \
         WHERE s.pipeline_id = $1 ORDER BY s.position, s.id, d.position",
        conditions.sql,
        PAGE + 1
    );
    conditions.bind(boxed(sql).bind::<sql_types::Uuid, _>(pipeline.0))
}

/// The cards of one column below a place.
pub fn more_cards(tx: &mut OrgTx, stage: StageId, after: &str, scope: &Scope) -> AppResult<Vec<CardRow>> {
    let conditions = Conditions::of(scope, 2);
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT d.* FROM deals d \
           WHERE d.stage_id = $1 AND d.position > $2 AND {ON_BOARD}{} ORDER BY d.position LIMIT {}) d \
         JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} ORDER BY d.position",
        conditions.sql,
        PAGE + 1
    );
    let query = boxed(sql).bind::<sql_types::Uuid, _>(stage.0).bind::<sql_types::Text, _>(after.to_owned());
    let query = conditions.bind(query);
    Ok(if scope.is_counted() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// These cards, as far as they are on a board and within the scope.
pub fn cards(tx: &mut OrgTx, ids: &[DealId], scope: &Scope) -> AppResult<Vec<CardRow>> {
    let conditions = Conditions::of(scope, 1);
    let sql = format!(
        "SELECT {COLUMNS} FROM deals d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} \
         WHERE d.id = ANY ($1) AND {ON_BOARD}{} ORDER BY d.stage_id, d.position",
        conditions.sql
    );
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let query = conditions.bind(boxed(sql).bind::<sql_types::Array<sql_types::Uuid>, _>(ids));
    Ok(if scope.is_counted() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// Count and sums per stage and currency; never across currencies, always exact.
pub fn totals(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope) -> AppResult<HashMap<StageId, Vec<Total>>> {
    let conditions = Conditions::of(scope, 1);
    let sql = if scope.is_counted() {
        format!(
            "SELECT d.stage_id, d.currency::text AS currency, sum(d.deals)::bigint AS deals, sum(d.amount) AS amount, \
               sum(d.weighted_by_deal) + sum(d.amount_by_stage) * s.probability / 100 AS weighted \
             FROM deal_totals d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id \
             WHERE d.pipeline_id = $1{} GROUP BY d.stage_id, d.currency, s.probability HAVING sum(d.deals) <> 0",
            conditions.sql
        )
    } else {
        format!(
            "SELECT d.stage_id, d.currency::text AS currency, count(*) AS deals, coalesce(sum(d.amount), 0) AS amount, \
               coalesce(sum(d.amount * coalesce(d.probability, s.probability) / 100), 0) AS weighted \
             FROM deals d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id \
             WHERE d.pipeline_id = $1 AND {ON_BOARD}{} GROUP BY d.stage_id, d.currency",
            conditions.sql
        )
    };
    let query = conditions.bind(boxed(sql).bind::<sql_types::Uuid, _>(pipeline.0));
    let rows: Vec<Total> = if scope.is_counted() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? };
    let mut totals: HashMap<StageId, Vec<Total>> = HashMap::new();
    for row in rows {
        totals.entry(StageId(row.stage_id)).or_default().push(row);
    }
    Ok(totals)
}

type Boxed = BoxedSqlQuery<'static, Pg, SqlQuery>;

fn boxed(sql: String) -> Boxed {
    diesel::sql_query(sql).into_boxed()
}

/// The scope as SQL over `d`, beginning with ` AND`, its binds numbered after those already there. Only the conditions there are
/// get written: the planner sees neither `IS NULL OR` nor a list where one owner would let it walk `deals_board_owner`.
struct Conditions {
    sql: String,
    binds: Vec<Bind>,
}

enum Bind {
    Id(Uuid),
    Ids(Vec<Uuid>),
    Date(NaiveDate),
    Amount(Decimal),
    Texts(Vec<String>),
}

impl Conditions {
    fn of(scope: &Scope, taken: usize) -> Self {
        let mut it = Self { sql: String::new(), binds: vec![] };
        let mut add = |condition: &str, bind: Bind| {
            it.binds.push(bind);
            it.sql.push_str(&condition.replace('?', &format!("${}", taken + it.binds.len())));
        };
        match &scope.owners {
            Owners::Everyone | Owners::Nobody => {}
            Owners::One(id) => add(" AND d.owner_id = ?", Bind::Id(*id)),
            Owners::Some(ids) => add(" AND d.owner_id = ANY (?)", Bind::Ids(ids.clone())),
        }
        match scope.closing {
            Closing::Any | Closing::Undated => {}
            Closing::Before(day) => add(" AND d.expected_close_on < ?", Bind::Date(day)),
            Closing::Within(span) => {
                add(" AND d.expected_close_on >= ?", Bind::Date(span.from));
                add(" AND d.expected_close_on < ?", Bind::Date(span.to));
            }
        }
        if let Some(amount) = scope.amount_min {
            add(" AND d.amount >= ?", Bind::Amount(amount));
        }
        if let Some(amount) = scope.amount_max {
            add(" AND d.amount <= ?", Bind::Amount(amount));
        }
        if !scope.words.is_empty() {
            add(" AND d.id = ANY (ARRAY(SELECT app.matching('deal', ?)))", Bind::Texts(scope.words.clone()));
        }
        if let Some(tag) = scope.tag {
            let tagged = "SELECT x.record_id FROM record_tags x WHERE x.record_type = 'deal' AND x.tag_id = ?";
            add(&format!(" AND d.id IN ({tagged})"), Bind::Id(tag.0));
        }
        if scope.owners == Owners::Nobody {
            it.sql.push_str(" AND d.owner_id IS NULL");
        }
        if scope.closing == Closing::Undated {
            it.sql.push_str(" AND d.expected_close_on IS NULL");
        }
        it
    }

    fn bind(self, query: Boxed) -> Boxed {
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Id(id) => query.bind::<sql_types::Uuid, _>(id),
            Bind::Ids(ids) => query.bind::<sql_types::Array<sql_types::Uuid>, _>(ids),
            Bind::Date(day) => query.bind::<sql_types::Date, _>(day),
            Bind::Amount(amount) => query.bind::<sql_types::Numeric, _>(amount),
            Bind::Texts(texts) => query.bind::<sql_types::Array<sql_types::Text>, _>(texts),
        })
    }
}
