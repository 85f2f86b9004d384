//! The cards of the forecast's cells: the first few of each, by expected close. Deals whose category is their stage's are read stage by
//! stage (`deals_board_due`), those with one of their own from `deals_forecast_own`: a rare category never walks a busy month.

use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        pipeline::board::{
            Closing, Scope,
            cards::{COLUMNS, CardRow, NAMES, ON_BOARD, conditions, load},
        },
        records::list::sql::{Fragment, Literal, Sql},
    },
    kernel::PipelineId,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// Cards of a cell at a time; one more is read to know whether there are more.
pub const PAGE: usize = 5;

/// As `deals_board_due` has it.
const DUE: &str = "(CASE WHEN r.expected_close_on IS NULL THEN 'infinity'::date ELSE r.expected_close_on END)";

/// A cell: days from and to, both included, as Postgres writes them (`infinity`: no day), and the category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub since: String,
    pub until: String,
    pub category: &'static str,
}

#[derive(Debug, QueryableByName)]
pub struct Placed {
    /// The slot's number.
    #[diesel(sql_type = sql_types::Integer)]
    pub cell: i32,
    #[diesel(embed)]
    pub card: CardRow,
}

/// The first cards of each slot; of one slot, those after a card.
pub fn cards(
    tx: &mut OrgTx,
    pipeline: PipelineId,
    scope: &Scope,
    slots: &[Slot],
    after: Option<&str>,
) -> AppResult<Vec<Placed>> {
    let all = |of: fn(&Slot) -> &str| Literal::Texts(slots.iter().map(|slot| of(slot).to_owned()).collect());
    let mut narrowed = Fragment::text(format!(" AND {ON_BOARD} AND {DUE} >= k.since AND {DUE} <= k.until"));
    narrowed = narrowed.append(conditions(scope)).append(due(scope.closing));
    if let Some(after) = after {
        narrowed = narrowed.append(beyond(after)?);
    }
    let first = format!(" ORDER BY {DUE}, r.id LIMIT {}", PAGE + 1);
    let mut sql = Sql::new(format!(
        "SELECT k.n::int AS cell, {COLUMNS}, coalesce(d.expected_close_on, 'infinity'::date)::text AS sort_key FROM unnest("
    ));
    sql.literal(all(|slot| &slot.since));
    sql.text("::date[], ");
    sql.literal(all(|slot| &slot.until));
    sql.text("::date[], ");
    sql.literal(all(|slot| slot.category));
    sql.text(
        ") WITH ORDINALITY AS k (since, until, category, n) CROSS JOIN LATERAL (SELECT x.* FROM ( \
         (SELECT p.* FROM stages g CROSS JOIN LATERAL (SELECT r.* FROM deals r \
            WHERE r.org_id = g.org_id AND r.stage_id = g.id AND r.forecast_override IS NULL",
    );
    sql.fragment(&narrowed);
    sql.text(format!("{first}) p WHERE g.forecast_category = k.category AND g.pipeline_id = "));
    sql.literal(Literal::Uuid(pipeline.0));
    sql.text(") UNION ALL (SELECT r.* FROM deals r WHERE r.forecast_override = k.category AND r.pipeline_id = ");
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&narrowed);
    sql.text(format!(
        "{first})) x ORDER BY coalesce(x.expected_close_on, 'infinity'::date), x.id LIMIT {}) d \
         JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} \
         ORDER BY k.n, coalesce(d.expected_close_on, 'infinity'::date), d.id",
        PAGE + 1
    ));
    // Bounds of the close are bounds within that index, so that one plan suits them all.
    load(tx, sql, &Scope { closing: Closing::Any, ..scope.clone() })
}

/// What the scope says of the close, once more, as the index has it: of a cell that lies beyond it no deal is looked at.
fn due(closing: Closing) -> Fragment {
    let bound = |text: &str, day| Fragment::text(format!(" AND {DUE} {text} ")).bind(Literal::Date(day));
    match closing {
        Closing::Any => Fragment::default(),
        Closing::Undated => Fragment::text(format!(" AND {DUE} = 'infinity'::date")),
        Closing::Before(day) => bound("<", day),
        Closing::Within(span) => bound(">=", span.from).append(bound("<", span.to)),
    }
}

/// Where the next page of a cell begins.
pub fn cursor(row: &CardRow) -> String {
    format!("{}~{}", row.sort_key, row.id)
}

/// A cursor is not trusted.
fn beyond(cursor: &str) -> AppResult<Fragment> {
    let damaged = || AppError::field("after", "is not a place in this cell");
    let (day, id) = cursor.split_once('~').ok_or_else(damaged)?;
    let id: Uuid = id.parse().map_err(|_| damaged())?;
    if day != "infinity" && day.parse::<NaiveDate>().is_err() {
        return Err(damaged());
    }
    Ok(Fragment::text(format!(" AND ({DUE}, r.id) > ("))
        .bind(Literal::Text(day.to_owned()))
        .push("::date, ")
        .bind(Literal::Uuid(id))
        .push(")"))
}
