//! What the forecast adds up: open deals by month and category, from the kept sums or, under a filter those do not know, from the deals;
//! and what was won, from the index of won deals.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        currencies::Rates,
        pipeline::board::{
            Scope,
            cards::{ON_BOARD, conditions, load},
        },
        records::list::sql::{Literal, Sql},
    },
    kernel::{
        PipelineId,
        calendar::{self, Span},
    },
    web::Actor,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::sync::Arc;

/// Open deals of one month, category and currency.
#[derive(Clone, Debug, QueryableByName)]
pub struct Open {
    /// Its first day; `None`: without an expected close.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Date>)]
    pub month: Option<NaiveDate>,
    #[diesel(sql_type = sql_types::Text)]
    pub category: String,
    #[diesel(sql_type = sql_types::Text)]
    pub currency: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub deals: i64,
    #[diesel(sql_type = sql_types::Numeric)]
    pub amount: Decimal,
    #[diesel(sql_type = sql_types::Numeric)]
    pub weighted: Decimal,
}

/// What is to close before `until`, and what has no day. Counted once until something happens in the organisation, as [`won`].
pub fn open(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, until: NaiveDate) -> AppResult<Vec<Open>> {
    let sums = tx.lately(format!("{pipeline} {until} {scope:?}"), |tx| to_close(tx, pipeline, scope, until))?;
    Ok(Arc::unwrap_or_clone(sums))
}

fn to_close(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, until: NaiveDate) -> AppResult<Vec<Open>> {
    let mut sql = if scope.is_counted() {
        Sql::new(
            "SELECT r.month, coalesce(r.forecast_override, s.forecast_category) AS category, r.currency::text AS currency, \
               sum(r.deals)::bigint AS deals, sum(r.amount) AS amount, \
               sum(r.weighted_by_deal + r.amount_by_stage * s.probability / 100) AS weighted \
             FROM deal_forecasts r JOIN stages s ON s.org_id = r.org_id AND s.id = r.stage_id WHERE r.pipeline_id = ",
        )
    } else {
        Sql::new(format!(
            "SELECT date_trunc('month', r.expected_close_on)::date AS month, \
               coalesce(r.forecast_override, s.forecast_category) AS category, r.currency::text AS currency, \
               count(*) AS deals, coalesce(sum(r.amount), 0) AS amount, \
               coalesce(sum(r.amount * coalesce(r.probability, s.probability) / 100), 0) AS weighted \
             FROM deals r JOIN stages s ON s.org_id = r.org_id AND s.id = r.stage_id WHERE {ON_BOARD} AND r.pipeline_id = "
        ))
    };
    let day = if scope.is_counted() { "r.month" } else { "r.expected_close_on" };
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&conditions(scope));
    sql.text(format!(" AND ({day} IS NULL OR {day} < "));
    sql.literal(Literal::Date(until));
    sql.text(") GROUP BY 1, 2, 3");
    if scope.is_counted() {
        sql.text(" HAVING sum(r.deals) <> 0");
    }
    load(tx, sql, scope)
}

/// What was won in one month and currency.
#[derive(Clone, Debug, QueryableByName)]
pub struct Won {
    #[diesel(sql_type = sql_types::Date)]
    pub month: NaiveDate,
    #[diesel(sql_type = sql_types::Text)]
    pub currency: String,
    #[diesel(sql_type = sql_types::Numeric)]
    pub amount: Decimal,
}

/// In the organisation's currency where today's rates can tell: what open deals are worth is not known better.
pub fn in_own(
    tx: &mut OrgTx,
    actor: &Actor,
    mut open: Vec<Open>,
    mut won: Vec<Won>,
) -> AppResult<(Vec<Open>, Vec<Won>)> {
    let rates = Rates::today(tx, actor)?;
    for sum in &mut open {
        let (currency, amount) = rates.own(&sum.currency, sum.amount);
        let weighted = rates.own(&sum.currency, sum.weighted).1;
        (sum.currency, sum.amount, sum.weighted) = (currency.to_owned(), amount, weighted);
    }
    for sum in &mut won {
        let (currency, amount) = rates.own(&sum.currency, sum.amount);
        (sum.currency, sum.amount) = (currency.to_owned(), amount);
    }
    Ok((open, won))
}

/// By the reader's own days.
pub fn won(tx: &mut OrgTx, actor: &Actor, pipeline: PipelineId, scope: &Scope, span: Span) -> AppResult<Vec<Won>> {
    let of = format!("{pipeline} {span:?} {} {scope:?}", actor.zone);
    let sums = tx.lately(of, |tx| closed(tx, actor, pipeline, scope, span))?;
    Ok(Arc::unwrap_or_clone(sums))
}

fn closed(tx: &mut OrgTx, actor: &Actor, pipeline: PipelineId, scope: &Scope, span: Span) -> AppResult<Vec<Won>> {
    let (from, to) = calendar::instants(span, actor.zone);
    let mut sql = Sql::new("SELECT date_trunc('month', r.closed_at AT TIME ZONE ");
    sql.literal(Literal::Text(actor.zone.name().to_owned()));
    sql.text(
        ")::date AS month, r.currency::text AS currency, coalesce(sum(r.amount), 0) AS amount \
         FROM deals r WHERE r.status = 'won' AND r.archived_at IS NULL AND r.deleted_at IS NULL AND r.pipeline_id = ",
    );
    sql.literal(Literal::Uuid(pipeline.0));
    sql.text(" AND r.closed_at >= ");
    sql.literal(Literal::Instant(from));
    sql.text(" AND r.closed_at < ");
    sql.literal(Literal::Instant(to));
    sql.fragment(&conditions(scope));
    sql.text(" GROUP BY 1, 2");
    load(tx, sql, scope)
}
