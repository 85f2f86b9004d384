//! Sums of several currencies in the organisation's own.

use super::queries;
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::{Currency, Money, lines, money},
    web::Actor,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use rust_decimal::{Decimal, RoundingStrategy};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What one unit is worth, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub rate: Decimal,
    pub on: NaiveDate,
}

/// The rates in force on one day, by currency.
#[derive(Clone, Debug)]
pub struct Rates {
    own: String,
    by: BTreeMap<String, Rate>,
}

impl Rates {
    /// Today's, where the organisation is. Kept by the process until somebody writes a rate.
    pub fn today(tx: &mut OrgTx, actor: &Actor) -> AppResult<Arc<Self>> {
        let day = chrono::Utc::now().with_timezone(&actor.org.zone).date_naive();
        Self::on(tx, &actor.org.currency, day)
    }

    /// Those of a day.
    pub fn on(tx: &mut OrgTx, own: &str, day: NaiveDate) -> AppResult<Arc<Self>> {
        let own = own.to_owned();
        tx.known(format!("rates of {day} in {own}"), |tx| {
            let by = queries::on(tx, &own, day)?;
            Ok(Self { own, by })
        })
    }

    pub fn get(&self, currency: &str) -> Option<Rate> {
        self.by.get(currency).copied()
    }

    /// What the amount is in the organisation's currency, unrounded; the amount itself where there is no rate.
    pub fn own<'a>(&'a self, currency: &'a str, amount: Decimal) -> (&'a str, Decimal) {
        if currency == self.own {
            return (currency, amount);
        }
        match self.get(currency).and_then(|rate| amount.checked_mul(rate.rate)) {
            Some(converted) => (&self.own, converted),
            None => (currency, amount),
        }
    }

    /// What a price is in another currency, through the organisation's own, rounded; with the cross rate and the older of the rates' days.
    pub fn cross(&self, amount: Decimal, from: Currency, to: Currency) -> Option<(Decimal, Rate)> {
        let worth = |currency: Currency| match currency.code() == self.own {
            true => Some((Decimal::ONE, None)),
            false => self.get(currency.code()).map(|rate| (rate.rate, Some(rate.on))),
        };
        let ((a, a_on), (b, b_on)) = (worth(from)?, worth(to)?);
        let rate = a.checked_div(b)?.round_dp_with_strategy(12, RoundingStrategy::MidpointAwayFromZero);
        let on = [a_on, b_on].into_iter().flatten().min()?;
        let converted = lines::round(amount.checked_mul(rate)?, to);
        money::fits(converted).then_some((converted, Rate { rate, on }))
    }

    /// One total of sums per currency.
    pub fn convert<'a>(&self, sums: impl IntoIterator<Item = (&'a str, Decimal)>) -> Converted {
        let mut converted = Converted::new(&self.own);
        for (currency, amount) in sums {
            converted.add(currency, amount, self.get(currency));
        }
        converted
    }

    /// What a page says under totals of these currencies: at which rates, and what has none. `None`: they are all in the own currency.
    pub fn note<'a>(&self, currencies: impl IntoIterator<Item = &'a str>, actor: &Actor) -> Option<String> {
        let foreign: BTreeSet<&str> = currencies.into_iter().filter(|currency| *currency != self.own).collect();
        let mut converted = Converted::new(&self.own);
        for currency in foreign {
            converted.add(currency, Decimal::ONE, self.get(currency));
        }
        converted.note("today’s rates", actor)
    }
}

/// A total in the organisation's currency, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    own: String,
    /// In the organisation's currency, unrounded.
    pub total: Decimal,
    /// Of each foreign currency the rates that were used: the oldest and the newest.
    pub used: BTreeMap<String, (Rate, Rate)>,
    /// What had no rate, in its own currency.
    pub missing: BTreeMap<String, Decimal>,
}

impl Converted {
    pub(super) fn new(own: &str) -> Self {
        Self { own: own.to_owned(), total: Decimal::ZERO, used: BTreeMap::new(), missing: BTreeMap::new() }
    }

    /// An amount with the rate of its day.
    pub fn add(&mut self, currency: &str, amount: Decimal, rate: Option<Rate>) {
        if currency == self.own {
            self.total += amount;
            return;
        }
        match rate.and_then(|rate| Some((rate, amount.checked_mul(rate.rate)?))) {
            Some((rate, worth)) => {
                self.total += worth;
                let (first, last) = self.used.entry(currency.to_owned()).or_insert((rate, rate));
                if rate.on < first.on {
                    *first = rate;
                }
                if rate.on > last.on {
                    *last = rate;
                }
            }
            None => *self.missing.entry(currency.to_owned()).or_default() += amount,
        }
    }

    /// Rounded to the currency's digits.
    pub fn money(&self) -> Money {
        let money = Money::from_columns(self.total, &self.own);
        Money::new(lines::round(self.total, money.currency), money.currency)
    }

    /// "Other currencies at today’s rates: 1 USD = €0.92 of 27 Nov. No rate for CHF: not in the total."
    pub fn note(&self, at: &str, actor: &Actor) -> Option<String> {
        let one = |(code, (first, last)): (&String, &(Rate, Rate))| {
            let (rate, today) = (last.rate.normalize(), actor.today());
            let worth = actor.locale.decimal(rate, rate.scale().min(6));
            let day = actor.locale.day(last.on, today);
            match first.on == last.on {
                true => format!("1 {code} = {worth} {} of {day}", self.own),
                false => format!("{code} of {} to {day}", actor.locale.day(first.on, today)),
            }
        };
        let used: Vec<String> = self.used.iter().map(one).collect();
        let missing: Vec<&str> = self.missing.keys().map(String::as_str).collect();
        let mut told = Vec::new();
        if !used.is_empty() {
            told.push(format!("Other currencies at {at}: {}.", used.join(", ")));
        }
        if !missing.is_empty() {
            told.push(format!("No rate for {}: told apart.", missing.join(", ")));
        }
        (!told.is_empty()).then(|| told.join(" "))
    }
}

/// A sum of one currency and day.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated {
    pub currency: String,
    pub on: NaiveDate,
    pub amount: Decimal,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Numeric>)]
    rate: Option<Decimal>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Date>)]
    on_day: Option<NaiveDate>,
}

/// One total of sums per currency and day, each at the rate of its day: one statement, however many.
pub fn at_days(tx: &mut OrgTx, own: &str, sums: &[Dated]) -> AppResult<Converted> {
    let mut converted = Converted::new(own);
    let foreign: Vec<&Dated> = sums.iter().filter(|sum| sum.currency != own).collect();
    for sum in sums.iter().filter(|sum| sum.currency == own) {
        converted.add(own, sum.amount, None);
    }
    for (sum, rate) in foreign.iter().zip(rates(tx, &foreign)?) {
        converted.add(&sum.currency, sum.amount, rate);
    }
    Ok(converted)
}

/// The rate of each, in the order given.
fn rates(tx: &mut OrgTx, sums: &[&Dated]) -> AppResult<Vec<Option<Rate>>> {
    if sums.is_empty() {
        return Ok(Vec::new());
    }
    let query = diesel::sql_query(
        "SELECT x.n, r.rate, r.on_day FROM unnest($1, $2) WITH ORDINALITY AS x (currency, day, n) \
         LEFT JOIN LATERAL app.rate_of(x.currency::char(3), x.day) r ON true ORDER BY x.n",
    )
    .bind::<sql_types::Array<sql_types::Text>, _>(sums.iter().map(|s| s.currency.clone()).collect::<Vec<_>>())
    .bind::<sql_types::Array<sql_types::Date>, _>(sums.iter().map(|s| s.on).collect::<Vec<_>>());
    let found: Vec<Found> = kept(query).load(tx.conn())?;
    debug_assert!(found.iter().zip(1..).all(|(row, n)| row.n == n));
    Ok(found.into_iter().map(|row| Some(Rate { rate: row.rate?.normalize(), on: row.on_day? })).collect())
}

/// SQL of the day at whose rate a deal's amount is converted, of deals called `alias`: won, the day it was; open, the day it is expected
/// to close, but today when that is to come or nobody knows. `zone` and `today` are SQL of the organisation's (a bind, or a literal).
pub fn deal_day(alias: &str, zone: &str, today: &str) -> String {
    format!(
        "CASE {alias}.status WHEN 'open' THEN least(coalesce({alias}.expected_close_on, {today}), {today}) \
         ELSE ({alias}.closed_at AT TIME ZONE {zone})::date END"
    )
}
