//! Reads of currencies and rates.

use super::convert::Rate;
use crate::{
    db::{OrgTx, Tx, kept, paging::Page as Rows},
    error::AppResult,
    kernel::Currency,
    schema::{org_currencies, rate_sources},
    web::{Actor, SelectOption},
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Rates on a page of their history.
pub(super) const PAGE: i64 = 50;

/// Codes of the currencies the organisation chose, in order; none: it chose none, and every one is offered.
pub fn enabled(tx: &mut OrgTx) -> AppResult<Arc<Vec<String>>> {
    tx.known("currencies", |tx| {
        Ok(org_currencies::table.select(org_currencies::currency).order(org_currencies::currency).load(tx.conn())?)
    })
}

/// Codes of the currencies, other than the organisation's own, that deals are in, chosen or not: what totals convert.
pub(super) fn needed(tx: &mut OrgTx, own: &str) -> AppResult<Vec<String>> {
    let query = diesel::sql_query(
        "SELECT currency::text AS currency FROM (SELECT currency FROM deal_totals GROUP BY 1 HAVING sum(deals) <> 0 \
         UNION SELECT currency FROM deal_closings GROUP BY 1 HAVING sum(deals) <> 0) used WHERE currency <> $1::char(3) ORDER BY 1",
    )
    .bind::<sql_types::Text, _>(own.to_owned());
    let rows: Vec<Code> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| row.currency).collect())
}

#[derive(QueryableByName)]
struct Code {
    #[diesel(sql_type = sql_types::Text)]
    currency: String,
}

/// Codes that forms offer: the organisation's own currency and those it chose, else all there are.
pub fn codes(tx: &mut OrgTx, actor: &Actor) -> AppResult<Vec<String>> {
    let enabled = enabled(tx)?;
    let fits = |code: &String| enabled.is_empty() || *code == actor.org.currency || enabled.contains(code);
    Ok(Currency::all().into_iter().map(|(code, _)| code).filter(fits).collect())
}

/// The choices of a select; what is there already is one, too.
pub fn options(codes: &[String], chosen: &str) -> Vec<SelectOption> {
    let there = Some(chosen.to_owned()).filter(|chosen| !chosen.is_empty() && !codes.contains(chosen));
    let all = codes.iter().cloned().chain(there);
    all.map(|code| SelectOption::new(code.clone(), code.clone(), code == chosen)).collect()
}

#[derive(QueryableByName)]
struct Latest {
    #[diesel(sql_type = sql_types::Text)]
    currency: String,
    #[diesel(sql_type = sql_types::Numeric)]
    rate: Decimal,
    #[diesel(sql_type = sql_types::Date)]
    on_day: NaiveDate,
}

/// The rates in force on a day: of each currency the latest, a person's before a fetched one.
pub(super) fn on(tx: &mut OrgTx, own: &str, day: NaiveDate) -> AppResult<BTreeMap<String, Rate>> {
    let query = diesel::sql_query(
        "SELECT DISTINCT ON (r.currency) r.currency::text AS currency, r.rate, r.on_day FROM exchange_rates r \
         WHERE r.org_id = app.org() AND r.into_currency = $1::char(3) AND r.on_day <= $2 ORDER BY r.currency, r.on_day DESC, r.manual DESC",
    )
    .bind::<sql_types::Text, _>(own.to_owned())
    .bind::<sql_types::Date, _>(day);
    let rows: Vec<Latest> = kept(query).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.currency, Rate { rate: row.rate.normalize(), on: row.on_day })).collect())
}

/// A rate as its history shows it.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Kept {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    pub currency: String,
    #[diesel(sql_type = sql_types::Date)]
    pub on_day: NaiveDate,
    #[diesel(sql_type = sql_types::Numeric)]
    pub rate: Decimal,
    #[diesel(sql_type = sql_types::Bool)]
    pub manual: bool,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub by: Option<String>,
}

const KEPT: &str = "SELECT r.id, r.currency::text AS currency, r.on_day, r.rate, r.manual, m.name AS by FROM exchange_rates r \
     LEFT JOIN members m ON m.org_id = r.org_id AND m.id = r.created_by \
     WHERE r.org_id = app.org() AND r.into_currency = $1::char(3)";

/// A page of the history, the latest days first; of one currency where one is asked for.
pub(super) fn history(
    tx: &mut OrgTx,
    own: &str,
    currency: &str,
    after: Option<(NaiveDate, Uuid)>,
) -> AppResult<Rows<Kept>> {
    let query = diesel::sql_query(format!(
        "{KEPT} AND ($2 = '' OR r.currency = $2::char(3)) AND ($3 IS NULL OR (r.on_day, r.id) < ($3, $4)) ORDER BY r.on_day DESC, r.id DESC LIMIT $5"
    ))
    .bind::<sql_types::Text, _>(own.to_owned())
    .bind::<sql_types::Text, _>(currency.to_owned())
    .bind::<sql_types::Nullable<sql_types::Date>, _>(after.map(|a| a.0))
    .bind::<sql_types::Uuid, _>(after.map_or(Uuid::nil(), |a| a.1))
    .bind::<sql_types::BigInt, _>(PAGE + 1);
    let rows: Vec<Kept> = kept(query).load(tx.conn())?;
    Ok(Rows::new(rows, PAGE, |row| (row.on_day, row.id)))
}

pub(super) fn find(tx: &mut OrgTx, own: &str, id: Uuid) -> AppResult<Kept> {
    let query = diesel::sql_query(format!("{KEPT} AND r.id = $2"))
        .bind::<sql_types::Text, _>(own.to_owned())
        .bind::<sql_types::Uuid, _>(id);
    Ok(kept(query).get_result(tx.conn())?)
}

/// Where rates come from.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = rate_sources)]
pub(super) struct Source {
    pub fetching: bool,
    pub url: Option<String>,
    pub tried_at: Option<DateTime<Utc>>,
    pub fetched_at: Option<DateTime<Utc>>,
    pub fetched_day: Option<NaiveDate>,
    pub problem: Option<String>,
}

impl Default for Source {
    fn default() -> Self {
        Self { fetching: true, url: None, tried_at: None, fetched_at: None, fetched_day: None, problem: None }
    }
}

pub(super) fn source(tx: &mut OrgTx) -> AppResult<Source> {
    Ok(rate_sources::table.select(Source::as_select()).first(tx.conn()).optional()?.unwrap_or_default())
}
