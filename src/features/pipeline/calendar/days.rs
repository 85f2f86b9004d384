//! What is to close on each day of a span: the first few deals of it, from the index of a pipeline's open deals by expected close, and how
//! many there are, from that index alone.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        pipeline::board::{
            Scope,
            cards::{COLUMNS, CardRow, NAMES, ON_BOARD, conditions, load},
        },
        records::list::sql::{Literal, Sql},
    },
    kernel::{PipelineId, calendar::Span},
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use std::{collections::HashMap, sync::Arc};

/// Deals of a day.
pub const SHOWN: usize = 4;

pub fn first(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, span: Span) -> AppResult<Vec<CardRow>> {
    let days: Vec<String> = span.from.iter_days().take_while(|d| *d < span.to).map(|d| d.to_string()).collect();
    let mut sql = Sql::new(format!("SELECT {COLUMNS}, d.expected_close_on::text AS sort_key FROM unnest("));
    sql.literal(Literal::Texts(days));
    sql.text(format!(
        "::date[]) AS k (day) CROSS JOIN LATERAL (SELECT r.* FROM deals r WHERE {ON_BOARD} AND r.expected_close_on = k.day AND r.pipeline_id = "
    ));
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&conditions(scope));
    sql.text(format!(
        " LIMIT {SHOWN}) d JOIN stages s ON s.org_id = d.org_id AND s.id = d.stage_id {NAMES} \
         ORDER BY d.expected_close_on, d.amount_key DESC NULLS LAST, d.id"
    ));
    load(tx, sql, scope)
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = sql_types::Date)]
    day: NaiveDate,
    #[diesel(sql_type = sql_types::BigInt)]
    deals: i64,
}

/// Of each day that has any. Counted once until something happens in the organisation.
pub fn counts(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, span: Span) -> AppResult<HashMap<NaiveDate, i64>> {
    let of = format!("{pipeline} {span:?} {scope:?}");
    Ok(Arc::unwrap_or_clone(tx.lately(of, |tx| counted(tx, pipeline, scope, span))?))
}

fn counted(tx: &mut OrgTx, pipeline: PipelineId, scope: &Scope, span: Span) -> AppResult<HashMap<NaiveDate, i64>> {
    let mut sql = Sql::new(format!(
        "SELECT r.expected_close_on AS day, count(*) AS deals FROM deals r WHERE {ON_BOARD} AND r.expected_close_on >= "
    ));
    sql.literal(Literal::Date(span.from));
    sql.text(" AND r.expected_close_on < ");
    sql.literal(Literal::Date(span.to));
    sql.text(" AND r.pipeline_id = ");
    sql.literal(Literal::Uuid(pipeline.0));
    sql.fragment(&conditions(scope));
    sql.text(" GROUP BY 1");
    let rows: Vec<Counted> = load(tx, sql, scope)?;
    Ok(rows.into_iter().map(|row| (row.day, row.deals)).collect())
}
