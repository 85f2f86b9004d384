//! The board's reads. One query for the first cards of every column (a LATERAL top 21 per stage, each served by `deals_board`),
//! one for a further page of a column, one for single cards; totals from the kept counters, or from the filtered rows themselves
//! when a filter asks for what the counters do not know.

use super::{
    filters::{Closing, Owners, Scope},
    look::Look,
    order::Order,
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::{
        pipeline::lanes::Lane,
        records::list::{
            keys::money_key,
            sql::{Fragment, Literal, Sql},
        },
    },
    kernel::{DealId, PipelineId, StageId},
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::collections::HashMap;
use uuid::Uuid;

/// Cards of a column at a time, and of a column in one of several rows; one more is read to know whether there are more.
pub const PAGE: usize = 20;
pub const LANE: usize = 4;

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
    /// What the column is ordered by, as text.
    #[diesel(sql_type = sql_types::Text)]
    pub sort_key: String,
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
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub company_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub company: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    pub owner_id: Option<Uuid>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub owner: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub avatar_tag: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub priority: Option<String>,
    /// The category of the forecast it counts in, and whether that is its own rather than its stage's.
    #[diesel(sql_type = sql_types::Text)]
    pub category: String,
    #[diesel(sql_type = sql_types::Bool)]
    pub own_category: bool,
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

/// What a card needs of its deal `d` and its stage `s`.
pub(in crate::features::pipeline) const COLUMNS: &str = "d.id, d.number, d.version, d.name, d.stage_id, d.position, d.amount, \
    d.currency::text AS currency, d.expected_close_on, d.stage_entered_at, s.rotting_days, d.company_id, c.name AS company, \
    m.id AS owner_id, m.name AS owner, m.avatar_tag, d.priority, coalesce(d.forecast_override, s.forecast_category) AS category, \
    d.forecast_override IS NOT NULL AS own_category, \
    n.subject AS next, nt.icon AS next_icon, n.start_at AS next_start_at, n.due_on AS next_due_on, \
    d.slips, d.slipped_days, d.shrunk_percent, d.next_step, d.next_step_on, coalesce(d.next_step_set_at, d.created_at) AS next_step_set_at, \
    ARRAY(SELECT t.color || ':' || t.name FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id \
      WHERE x.record_type = 'deal' AND x.record_id = d.id AND t.deleted_at IS NULL ORDER BY t.name_key LIMIT 4) AS tags";
/// The order begins with `closed_at`, which is the same for all of them, since `activities_deal` does: its first entry is the next one.
pub(in crate::features::pipeline) const NAMES: &str = "LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id \
    LEFT JOIN members m ON m.org_id = d.org_id AND m.id = d.owner_id \
    LEFT JOIN LATERAL (SELECT a.subject, a.type_id, a.start_at, a.due_on FROM activities a \
      WHERE a.org_id = d.org_id AND a.deal_id = d.id AND a.closed_at IS NULL AND a.deleted_at IS NULL AND d.next_activity_at IS NOT NULL \
      ORDER BY a.closed_at, a.at LIMIT 1) n ON true \
    LEFT JOIN activity_types nt ON nt.org_id = d.org_id AND nt.id = n.type_id";
/// Over deals aliased `r`.
pub(in crate::features::pipeline) const ON_BOARD: &str =
    "r.status = 'open' AND r.archived_at IS NULL AND r.deleted_at IS NULL";

/// Kept prepared without filters only: a plan for any filter would suit few.
pub(in crate::features::pipeline) fn load<T>(tx: &mut OrgTx, sql: Sql, scope: &Scope) -> AppResult<Vec<T>>
where
    T: QueryableByName<diesel::pg::Pg> + 'static,
{
    let query = sql.query();
    Ok(if scope.is_counted() { kept(query).load(tx.conn())? } else { query.load(tx.conn())? })
}

/// The first cards of every column, by column and place.
pub fn first_cards(
    tx: &mut OrgTx,
    pipeline: PipelineId,
    scope: &Scope,
    look: &Look,
    lane: Option<&Lane>,
) -> AppResult<Vec<CardRow>> {
    if scope.is_counted() {
        let mut sql = first_cards_query(pipeline, scope, look, lane, (&card_columns(look.order()), NAMES));
        sql.text(format!(" ORDER BY s.position, s.id, {}", look.order().by("d")));
        return load(tx, sql, scope);
    }
    // A filter is planned anew each time, so only which cards they are is asked by it; the rest by a statement that is kept.
    let which: Vec<Id> = first_cards_query(pipeline, scope, look, lane, ("SELECT d.id", "")).query().load(tx.conn())?;
    let ids: Vec<Uuid> = which.into_iter().map(|row| row.id).collect();
    if ids.is_empty() { Ok(vec![]) } else { by_ids(tx, ids, look.order()) }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

fn card_columns(order: Order) -> String {
    format!("SELECT {COLUMNS}, ({})::text AS sort_key", order.expr("d"))
}

fn by_ids(tx: &mut OrgTx, ids: Vec<Uuid>, order: Order) -> AppResult<Vec<CardRow>> {
    let mut sql = Sql::new(format!("{} FROM (SELECT r.* FROM deals r WHERE r.id = ANY (", card_columns(order)));
    sql.literal(Literal::Uuids(ids));
    sql.text(format!(
        ")) d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} ORDER BY s.position, s.id, {}",
        order.by("d")
    ));
    Ok(kept(sql.query()).load(tx.conn())?)
}

/// The plan of `first_cards`'s query, for the test that proves its index.
pub fn explain_first_cards(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, order: Order) -> AppResult<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = sql_types::Text, column_name = "QUERY PLAN")]
        line: String,
    }
    let look = Look::ordered(order);
    let what = format!("EXPLAIN {}", card_columns(order));
    let lines: Vec<Line> = first_cards_query(pipeline, scope, &look, None, (&what, NAMES)).query().load(tx.conn())?;
    Ok(lines.into_iter().map(|l| l.line).collect::<Vec<_>>().join("\n"))
}

/// `what` of the first cards of each column. Folded columns show none.
fn first_cards_query(
    pipeline: PipelineId,
    scope: &Scope,
    look: &Look,
    lane: Option<&Lane>,
    (what, names): (&str, &str),
) -> Sql {
    let order = look.order();
    let mut sql = Sql::new(format!(
        "{what} FROM stages s CROSS JOIN LATERAL (SELECT r.* FROM deals r WHERE r.org_id = s.org_id AND r.stage_id = s.id AND {ON_BOARD}"
    ));
    sql.fragment(&conditions(scope));
    if let Some(lane) = lane {
        sql.fragment(&lane.condition);
    }
    let most = if lane.is_some() { LANE } else { PAGE } + 1;
    sql.text(format!(" ORDER BY {} LIMIT {most}) d {names} WHERE s.pipeline_id = ", order.by("r")));
    sql.literal(Literal::Uuid(pipeline.0));
    if !look.folded.is_empty() && lane.is_none() {
        sql.text(" AND s.id <> ALL (");
        sql.literal(Literal::Uuids(look.folded.iter().map(|id| id.0).collect()));
        sql.text(")");
    }
    sql
}

/// The cards of one column below a place.
pub fn more_cards(
    tx: &mut OrgTx,
    stage: StageId,
    after: &str,
    (scope, lane): (&Scope, Option<&Lane>),
    order: Order,
) -> AppResult<Vec<CardRow>> {
    let mut sql = Sql::new(format!(
        "SELECT {COLUMNS}, ({})::text AS sort_key FROM (SELECT r.* FROM deals r WHERE {ON_BOARD} AND r.stage_id = ",
        order.expr("d")
    ));
    sql.literal(Literal::Uuid(stage.0));
    sql.fragment(&order.after(after)?);
    sql.fragment(&conditions(scope));
    if let Some(lane) = lane {
        sql.fragment(&lane.condition);
    }
    sql.text(format!(
        " ORDER BY {} LIMIT {}) d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} ORDER BY {}",
        order.by("r"),
        PAGE + 1,
        order.by("d")
    ));
    load(tx, sql, scope)
}

/// These cards, as far as they are on a board and within the scope.
pub fn cards(tx: &mut OrgTx, ids: &[DealId], scope: &Scope, order: Order) -> AppResult<Vec<CardRow>> {
    let mut sql = Sql::new(format!(
        "SELECT {COLUMNS}, ({})::text AS sort_key FROM (SELECT r.* FROM deals r WHERE {ON_BOARD} AND r.id = ANY (",
        order.expr("d")
    ));
    sql.literal(Literal::Uuids(ids.iter().map(|id| id.0).collect()));
    sql.text(")");
    sql.fragment(&conditions(scope));
    sql.text(format!(
        ") d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} ORDER BY d.stage_id, {}",
        order.by("d")
    ));
    load(tx, sql, scope)
}

/// Count and sums per stage and currency; never across currencies, always exact.
pub fn totals(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope) -> AppResult<HashMap<StageId, Vec<Total>>> {
    let rows: Vec<Total> = match kept_totals(scope) {
        Some((table, narrowed)) => {
            let mut sql = Sql::new(format!(
                "SELECT r.stage_id, r.currency::text AS currency, sum(r.deals)::bigint AS deals, sum(r.amount) AS amount, \
                   sum(r.weighted_by_deal) + sum(r.amount_by_stage) * s.probability / 100 AS weighted \
                 FROM {table} r JOIN stages s ON s.org_id = r.org_id AND s.id = r.stage_id WHERE r.pipeline_id = "
            ));
            sql.literal(Literal::Uuid(pipeline.0));
            sql.fragment(&narrowed);
            sql.text(" GROUP BY r.stage_id, r.currency, s.probability HAVING sum(r.deals) <> 0");
            kept(sql.query()).load(tx.conn())?
        }
        None => {
            let mut sql = Sql::new(format!(
                "SELECT r.stage_id, r.currency::text AS currency, count(*) AS deals, coalesce(sum(r.amount), 0) AS amount, \
                   coalesce(sum(r.amount * coalesce(r.probability, s.probability) / 100), 0) AS weighted \
                 FROM deals r JOIN stages s ON s.org_id = r.org_id AND s.id = r.stage_id WHERE {ON_BOARD} AND r.pipeline_id = "
            ));
            sql.literal(Literal::Uuid(pipeline.0));
            sql.fragment(&conditions(scope));
            sql.text(" GROUP BY r.stage_id, r.currency");
            sql.query().load(tx.conn())?
        }
    };
    let mut totals: HashMap<StageId, Vec<Total>> = HashMap::new();
    for row in rows {
        totals.entry(StageId(row.stage_id)).or_default().push(row);
    }
    Ok(totals)
}

/// The table of kept totals that knows what is in the scope, and the scope over it as `r`: by stage, currency and owner, and by month of
/// the expected close where the scope asks for whole months.
pub(in crate::features::pipeline) fn kept_totals(scope: &Scope) -> Option<(&'static str, Fragment)> {
    let whole = Scope { closing: Closing::Any, ..scope.clone() };
    if !whole.is_counted() {
        return None;
    }
    let first = |day: NaiveDate| (day.day() == 1).then_some(Literal::Date(day));
    let months = match scope.closing {
        Closing::Any => return Some(("deal_totals", conditions(scope))),
        Closing::Undated => Fragment::text(" AND r.month IS NULL"),
        Closing::Before(day) => Fragment::text(" AND r.month < ").bind(first(day)?),
        Closing::Within(span) => {
            Fragment::text(" AND r.month >= ").bind(first(span.from)?).push(" AND r.month < ").bind(first(span.to)?)
        }
    };
    Some(("deal_forecasts", conditions(&whole).append(months)))
}

/// The scope over `r`, beginning with ` AND`. Only the conditions there are get written: the planner sees neither `IS NULL OR` nor a list
/// where one owner would let it walk `deals_board_owner`.
pub(in crate::features::pipeline) fn conditions(scope: &Scope) -> Fragment {
    let mut all = match &scope.owners {
        Owners::Everyone => Fragment::default(),
        Owners::Nobody => Fragment::text(" AND r.owner_id IS NULL"),
        Owners::One(id) => Fragment::text(" AND r.owner_id = ").bind(Literal::Uuid(*id)),
        Owners::Some(ids) => Fragment::text(" AND r.owner_id = ANY (").bind(Literal::Uuids(ids.clone())).push(")"),
    };
    all = match scope.closing {
        Closing::Any => all,
        Closing::Undated => all.push(" AND r.expected_close_on IS NULL"),
        Closing::Before(day) => all.push(" AND r.expected_close_on < ").bind(Literal::Date(day)),
        Closing::Within(span) => all
            .push(" AND r.expected_close_on >= ")
            .bind(Literal::Date(span.from))
            .push(" AND r.expected_close_on < ")
            .bind(Literal::Date(span.to)),
    };
    for (amount, beyond) in [(scope.amount_min, ">="), (scope.amount_max, "<=")] {
        let Some(amount) = amount else { continue };
        // Comparing the key reaches an index; it is exact below 900 trillion.
        all = match money_key(amount) {
            Ok(key) => all.push(format!(" AND r.amount_key {beyond} ")).bind(Literal::Integer(key)),
            Err(_) => all.push(format!(" AND r.amount {beyond} ")).bind(Literal::Decimal(amount)),
        };
    }
    if !scope.words.is_empty() {
        all = all
            .push(" AND r.id = ANY (ARRAY(SELECT app.matching('deal', ")
            .bind(Literal::Texts(scope.words.clone()))
            .push(")))");
    }
    if let Some(tag) = scope.tag {
        all = all
            .push(" AND r.id IN (SELECT x.record_id FROM record_tags x WHERE x.record_type = 'deal' AND x.tag_id = ")
            .bind(Literal::Uuid(tag.0))
            .push(")");
    }
    if let Some(rules) = &scope.rules {
        all = all.push(" AND ").append(rules.clone());
    }
    all
}
