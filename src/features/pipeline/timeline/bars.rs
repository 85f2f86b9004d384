//! The deals of a group and the bar of each.

use super::window::{percent, share};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        pipeline::{
            board::{
                Scope,
                cards::{ON_BOARD, conditions, load},
            },
            lanes::{By, Lane},
        },
        records::list::sql::{Fragment, Literal, Sql},
    },
    kernel::{Money, PipelineId, calendar::Span},
    web::Actor,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(Debug, QueryableByName)]
pub struct BarRow {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    name: String,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    company: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    amount: Option<Decimal>,
    #[diesel(sql_type = sql_types::Text)]
    currency: String,
    #[diesel(sql_type = sql_types::Text)]
    stage: String,
    #[diesel(sql_type = sql_types::Text)]
    color: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    stage_entered_at: DateTime<Utc>,
    #[diesel(sql_type = sql_types::Date)]
    pub expected_close_on: NaiveDate,
}

/// One deal, as its row shows it. Places and widths are percent of the window.
pub struct Bar {
    pub id: String,
    pub name: String,
    pub company: Option<String>,
    pub amount: String,
    pub color: String,
    pub overdue: bool,
    /// From the day it was made.
    pub at: String,
    pub width: String,
    /// From the day it entered its stage.
    pub stage_at: String,
    pub stage_width: String,
    /// Where it is to close, when that is in the window.
    pub close_at: Option<String>,
    pub close: String,
    /// What the bar says, in words.
    pub told: String,
}

/// Deals of a lane to close on `from` or later, the earliest first: along the index of a stage's, or of an owner's, expected closes.
pub fn rows(
    tx: &mut OrgTx,
    (pipeline, by): (PipelineId, By),
    lane: &Lane,
    scope: &Scope,
    (from, after): (NaiveDate, Option<&str>),
    most: usize,
) -> AppResult<Vec<BarRow>> {
    let due = match by {
        By::Stage => "(CASE WHEN r.expected_close_on IS NULL THEN 'infinity'::date ELSE r.expected_close_on END)",
        _ => "r.expected_close_on",
    };
    let mut sql = Sql::new(format!(
        "SELECT d.id, d.name, c.name AS company, d.amount, d.currency::text AS currency, s.name AS stage, s.color, d.created_at, \
           d.stage_entered_at, d.expected_close_on FROM (SELECT r.* FROM deals r WHERE {ON_BOARD} AND {due} >= "
    ));
    sql.literal(Literal::Date(from));
    sql.text(format!(" AND {due} < 'infinity'::date AND r.pipeline_id = "));
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&lane.condition);
    sql.fragment(&conditions(scope));
    if let Some(after) = after {
        sql.fragment(&beyond(due, after)?);
    }
    sql.text(format!(
        " ORDER BY {due}, r.id LIMIT {most}) d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id \
         LEFT JOIN companies c ON c.org_id = d.org_id AND c.id = d.company_id ORDER BY d.expected_close_on, d.id"
    ));
    load(tx, sql, scope)
}

pub fn cursor(row: &BarRow) -> String {
    format!("{}~{}", row.expected_close_on, row.id)
}

/// A cursor is not trusted.
fn beyond(due: &str, cursor: &str) -> AppResult<Fragment> {
    let damaged = || AppError::field("after", "is not a place in this group");
    let (day, id) = cursor.split_once('~').ok_or_else(damaged)?;
    let day: NaiveDate = day.parse().map_err(|_| damaged())?;
    let id: Uuid = id.parse().map_err(|_| damaged())?;
    Ok(Fragment::text(format!(" AND ({due}, r.id) > ("))
        .bind(Literal::Date(day))
        .push(", ")
        .bind(Literal::Uuid(id))
        .push(")"))
}

pub fn bar(actor: &Actor, span: Span, row: BarRow) -> Bar {
    let day = |at: DateTime<Utc>| at.with_timezone(&actor.zone).date_naive();
    let today = actor.today();
    let close = row.expected_close_on;
    // A deal made after the day it was to close on has a bar of a day.
    let (made, entered) = (day(row.created_at).min(close), day(row.stage_entered_at).min(close));
    let overdue = close < today;
    let end = close.max(if overdue { today } else { close });
    let wide = |from: NaiveDate, to: NaiveDate| format!("{:.2}", (share(span, to) - share(span, from)).max(0.35));
    let label = |day: NaiveDate| actor.locale.day(day, today);
    let late = if overdue { ", overdue" } else { "" };
    let amount =
        row.amount.map(|amount| actor.locale.short(Money::from_columns(amount, &row.currency))).unwrap_or_default();
    Bar {
        id: row.id.to_string(),
        told: format!(
            "Since {}, in {} since {}, to close on {}{late}",
            label(made),
            row.stage,
            label(entered),
            label(close)
        ),
        at: percent(span, made),
        width: wide(made, end),
        stage_at: percent(span, entered),
        stage_width: wide(entered, close),
        close_at: (span.from <= close && close < span.to).then(|| percent(span, close)),
        close: label(close),
        name: row.name,
        company: row.company,
        amount,
        color: row.color,
        overdue,
    }
}
