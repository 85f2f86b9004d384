//! Writing currencies and rates; each change is an event.

use super::{
    queries::{self, Kept},
    source::Day,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::Currency,
    schema::{org_currencies, rate_sources},
    web::{Allow, permission::organisation::Administer},
};
use chrono::{NaiveDate, Utc};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use uuid::Uuid;

const RECORD: &str = "exchange_rate";

/// Sells in these from now on, beside the own one; none: in all.
pub(super) fn choose(tx: &mut OrgTx, by: &Allow<Administer>, chosen: &[Currency]) -> AppResult<()> {
    let own = &by.org.currency;
    let mut codes: Vec<String> = chosen.iter().map(|c| c.code().to_owned()).filter(|code| code != own).collect();
    codes.sort();
    codes.dedup();
    let before = queries::enabled(tx)?;
    if *before == codes {
        return Ok(());
    }
    diesel::delete(org_currencies::table).execute(tx.conn())?;
    let rows: Vec<_> = codes.iter().map(|code| org_currencies::currency.eq(code)).collect();
    diesel::insert_into(org_currencies::table).values(rows).execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("currencies", &*before, &codes);
    let org = tx.org_id().0;
    events::record(tx, Event::of("organisation.updated", "organisation", org).changes(changes))
}

/// A rate as a person gives it: one unit of the currency is worth so much of the organisation's own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewRate {
    pub currency: Currency,
    pub on: NaiveDate,
    pub rate: Decimal,
}

/// Writes rates of a person; one that is there for the day already is written over. How many changed.
pub(super) fn write(tx: &mut OrgTx, by: &Allow<Administer>, new: &[NewRate]) -> AppResult<usize> {
    let own = by.org.currency.clone();
    if let Some(wrong) = new.iter().find(|rate| rate.currency.code() == own) {
        return Err(AppError::field(
            "currency",
            format!("is the organisation’s own: {} is always worth itself", wrong.currency),
        ));
    }
    let mut written = 0;
    for rate in new {
        let changed = upsert(tx, &own, rate.currency.code(), (rate.on, rate.rate), true)?;
        if let Some((id, was)) = changed {
            written += 1;
            let told = |rate: Decimal| rate.normalize().to_string();
            let mut changes = Changes::new();
            changes.track("rate", &was.map(told), &Some(told(rate.rate)));
            changes.set("currency", &rate.currency.code()).set("on", &rate.on);
            let kind = if was.is_some() { "exchange_rate.updated" } else { "exchange_rate.created" };
            events::record(tx, Event::of(kind, RECORD, id).changes(changes))?;
        }
    }
    Ok(written)
}

#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    was: Option<Decimal>,
}

/// `None`: it was that already. Else its id, and what it was.
fn upsert(
    tx: &mut OrgTx,
    own: &str,
    currency: &str,
    (on, rate): (NaiveDate, Decimal),
    manual: bool,
) -> AppResult<Option<(Uuid, Option<Decimal>)>> {
    let by = tx.by().map(Uuid::from).filter(|_| manual);
    let written: Option<Written> = diesel::sql_query(
        "WITH old AS (SELECT rate FROM exchange_rates WHERE org_id = app.org() AND into_currency = $1::char(3) AND currency = $2::char(3) \
           AND on_day = $3 AND manual = $5) \
         INSERT INTO exchange_rates (into_currency, currency, on_day, rate, manual, created_by) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (org_id, into_currency, currency, on_day, manual) DO UPDATE SET rate = excluded.rate, created_by = excluded.created_by, \
           created_at = now() WHERE exchange_rates.rate <> excluded.rate RETURNING id, (SELECT rate FROM old) AS was",
    )
    .bind::<sql_types::Text, _>(own)
    .bind::<sql_types::Text, _>(currency)
    .bind::<sql_types::Date, _>(on)
    .bind::<sql_types::Numeric, _>(rate)
    .bind::<sql_types::Bool, _>(manual)
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(by)
    .get_result(tx.conn())
    .optional()?;
    Ok(written.map(|row| (row.id, row.was)))
}

/// Changes a rate: what was fetched gets a person's beside it, which counts.
pub(super) fn update(tx: &mut OrgTx, by: &Allow<Administer>, before: &Kept, rate: Decimal) -> AppResult<()> {
    let currency = before.currency.parse().map_err(|error: &str| AppError::field("currency", error))?;
    write(tx, by, &[NewRate { currency, on: before.on_day, rate }]).map(drop)
}

pub(super) fn delete(tx: &mut OrgTx, _: &Allow<Administer>, rate: &Kept) -> AppResult<()> {
    diesel::sql_query("DELETE FROM exchange_rates WHERE id = $1")
        .bind::<sql_types::Uuid, _>(rate.id)
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("rate", &Some(rate.rate.normalize().to_string()), &None);
    changes.set("currency", &rate.currency).set("on", &rate.on_day);
    events::record(tx, Event::of("exchange_rate.deleted", RECORD, rate.id).changes(changes))
}

/// Where rates come from; whether they are fetched at all.
pub(super) fn set_source(tx: &mut OrgTx, _: &Allow<Administer>, fetching: bool, url: Option<String>) -> AppResult<()> {
    let before = queries::source(tx)?;
    let said =
        (rate_sources::fetching.eq(fetching), rate_sources::url.eq(&url), rate_sources::problem.eq(None::<&str>));
    diesel::insert_into(rate_sources::table)
        .values(said)
        .on_conflict(rate_sources::org_id)
        .do_update()
        .set(said)
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("rates_fetched", &before.fetching, &fetching).track("rates_url", &before.url, &url);
    if changes.is_empty() {
        return Ok(());
    }
    let org = tx.org_id().0;
    events::record(tx, Event::of("organisation.updated", "organisation", org).changes(changes))
}

/// Keeps what a source said, of the currencies chosen; returns the last day there is something of. Nothing of a person's is touched.
pub(super) fn keep(tx: &mut OrgTx, own: &str, wanted: &[String], days: &[Day]) -> AppResult<Option<NaiveDate>> {
    let mut last = None;
    for day in days {
        for currency in wanted.iter().filter(|currency| *currency != own) {
            if let Some(rate) = day.worth(currency, own) {
                upsert(tx, own, currency, (day.on, rate), false)?;
                last = last.max(Some(day.on));
            }
        }
    }
    Ok(last)
}

/// How the last try went.
pub(super) fn tried(tx: &mut OrgTx, outcome: Result<NaiveDate, String>) -> AppResult<()> {
    let now = Utc::now();
    match outcome {
        Ok(day) => {
            let said = (
                rate_sources::tried_at.eq(now),
                rate_sources::fetched_at.eq(now),
                rate_sources::fetched_day.eq(day),
                rate_sources::problem.eq(None::<&str>),
            );
            let insert = diesel::insert_into(rate_sources::table).values(said).on_conflict(rate_sources::org_id);
            insert.do_update().set(said).execute(tx.conn())?;
        }
        Err(problem) => {
            let said = (rate_sources::tried_at.eq(now), rate_sources::problem.eq(Some(problem)));
            let insert =
                diesel::insert_into(rate_sources::table).values(said.clone()).on_conflict(rate_sources::org_id);
            insert.do_update().set(said).execute(tx.conn())?;
        }
    }
    Ok(())
}
