//! The arithmetic of lines: what one comes to, and what a document of several does.
//!
//! Laws (tests below, and against the database in tests/it/lines.rs):
//! - A line is rounded once, half away from zero, to the digits its currency has (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD. What
//!   recurs is rounded for one period and multiplied, since each period is invoiced by itself.
//! - A document's net is the sum of its lines, exactly. Tax is reckoned on the sum of what has the same rate and rounded once for each rate.
//! - A discount takes at most all there is; a line is never below zero.
//! - A year is twelve months: `arr` is the lines' year, `mrr` its twelfth.

use super::money::{self, Currency};
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

/// Most periods of a line.
pub const MOST_PERIODS: i32 = 1_200;

/// What is taken off a line, or off each of its periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discount {
    #[default]
    None,
    /// 0 to 100, at most two decimals.
    Percent(Decimal),
    Amount(Decimal),
}

/// How often a line is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    Month,
    Quarter,
    Year,
}

/// Keys and labels of intervals.
pub const INTERVALS: &[(&str, &str)] =
    &[("month", "Every month"), ("quarter", "Every quarter"), ("year", "Every year")];

impl Interval {
    pub fn key(self) -> &'static str {
        match self {
            Interval::Month => "month",
            Interval::Quarter => "quarter",
            Interval::Year => "year",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        [Interval::Month, Interval::Quarter, Interval::Year].into_iter().find(|i| i.key() == key)
    }

    pub fn months(self) -> i32 {
        match self {
            Interval::Month => 1,
            Interval::Quarter => 3,
            Interval::Year => 12,
        }
    }

    /// Periods of a year: what a line has until somebody says otherwise.
    pub fn of_a_year(self) -> i32 {
        12 / self.months()
    }
}

/// A line as far as money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Above zero, at most four decimals.
    pub quantity: Decimal,
    /// Not negative, at most four decimals.
    pub unit_price: Decimal,
    pub discount: Discount,
    /// Percent; `None`: not taxed.
    pub tax_rate: Option<Decimal>,
    /// And how many periods.
    pub recurring: Option<(Interval, i32)>,
}

/// Commercial rounding: half away from zero, to the currency's digits.
pub fn round(amount: Decimal, currency: Currency) -> Decimal {
    amount.round_dp_with_strategy(currency.digits(), RoundingStrategy::MidpointAwayFromZero)
}

/// Whether a month's revenue is a year's twelfth, as far as people write digits.
pub fn is_twelfth(mrr: Decimal, arr: Decimal) -> bool {
    let exact = arr / Decimal::from(12);
    [2, 4].iter().any(|digits| exact.round_dp_with_strategy(*digits, RoundingStrategy::MidpointAwayFromZero) == mrr)
}

impl Priced {
    /// Quantity times price; `None`: more than can be kept.
    pub fn gross(&self) -> Option<Decimal> {
        self.quantity.checked_mul(self.unit_price).filter(|gross| money::fits(*gross))
    }

    /// What is taken off, before rounding.
    fn off(&self, gross: Decimal) -> Decimal {
        match self.discount {
            Discount::None => Decimal::ZERO,
            Discount::Percent(percent) => gross * percent / Decimal::ONE_HUNDRED,
            Discount::Amount(amount) => amount.min(gross),
        }
    }

    /// One period's net.
    pub fn period_net(&self, currency: Currency) -> Option<Decimal> {
        let gross = self.gross()?;
        Some(round((gross - self.off(gross)).max(Decimal::ZERO), currency))
    }

    pub fn periods(&self) -> i32 {
        self.recurring.map_or(1, |(_, periods)| periods)
    }

    /// All periods' net; `None`: more than can be kept.
    pub fn net(&self, currency: Currency) -> Option<Decimal> {
        let net = self.period_net(currency)?.checked_mul(Decimal::from(self.periods()))?;
        money::fits(net).then_some(net)
    }

    /// What a line says wrong: field and message.
    pub fn check(&self, currency: Currency) -> Result<(), (&'static str, String)> {
        if self.quantity <= Decimal::ZERO {
            return Err(("quantity", "must be more than nothing".into()));
        }
        let Some(gross) = self.gross() else { return Err(("quantity", "makes more than can be kept".into())) };
        match self.discount {
            Discount::Percent(percent) if percent > Decimal::ONE_HUNDRED => {
                return Err(("discount", "cannot be more than 100 %".into()));
            }
            Discount::Amount(amount) if amount > gross => {
                return Err(("discount", "cannot be more than quantity times price".into()));
            }
            _ => {}
        }
        if !(1..=MOST_PERIODS).contains(&self.periods()) {
            return Err(("periods", format!("must be a whole number from 1 to {MOST_PERIODS}")));
        }
        self.net(currency).map(drop).ok_or(("quantity", "makes more than can be kept".into()))
    }
}

/// Tax of one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaxGroup {
    pub rate: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}

/// What the lines of a document come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub net: Decimal,
    /// By rate, the lowest first.
    pub taxes: Vec<TaxGroup>,
    /// Net and tax.
    pub gross: Decimal,
    pub one_off: Decimal,
    pub arr: Decimal,
    /// The longest a line runs; 0: nothing recurs.
    pub term_months: i32,
}

impl Totals {
    /// A month's part of the year, to four decimals.
    pub fn mrr(&self) -> Decimal {
        (self.arr / Decimal::from(12)).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)
    }

    /// Each line with its net of one period, as it is kept.
    pub fn of(lines: &[(Priced, Decimal)], currency: Currency) -> Self {
        let mut totals = Self::default();
        let mut by_rate: BTreeMap<Decimal, Decimal> = BTreeMap::new();
        for (line, period) in lines {
            let net = period * Decimal::from(line.periods());
            totals.net += net;
            if let Some(rate) = line.tax_rate {
                *by_rate.entry(rate.normalize()).or_default() += net;
            }
            match line.recurring {
                None => totals.one_off += net,
                Some((every, periods)) => {
                    totals.arr += period * Decimal::from(every.of_a_year());
                    totals.term_months = totals.term_months.max(every.months() * periods);
                }
            }
        }
        let group = |(rate, net): (Decimal, Decimal)| TaxGroup {
            rate,
            net,
            tax: round(net * rate / Decimal::ONE_HUNDRED, currency),
        };
        totals.taxes = by_rate.into_iter().map(group).collect();
        totals.gross = totals.net + totals.taxes.iter().map(|group| group.tax).sum::<Decimal>();
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currencies() -> impl Strategy<Value = Currency> {
        prop::sample::select(vec!["EUR", "JPY", "KWD", "USD"]).prop_map(|code| code.parse().unwrap_or(Currency::EUR))
    }

    fn line() -> impl Strategy<Value = Priced> {
        let discount = prop_oneof![
            Just(Discount::None),
            (0i64..=10_000).prop_map(|n| Discount::Percent(Decimal::new(n, 2))),
            (0i64..1_000_000_000).prop_map(|n| Discount::Amount(Decimal::new(n, 4))),
        ];
        let recurring = prop::option::of((
            prop::sample::select(vec![Interval::Month, Interval::Quarter, Interval::Year]),
            1i32..=60,
        ));
        let rate = prop::option::of(prop::sample::select(vec![0i64, 7_000, 19_000, 8_375]));
        (1i64..100_000_000, 0i64..10_000_000_000, discount, rate, recurring).prop_map(
            |(quantity, price, discount, rate, recurring)| Priced {
                quantity: Decimal::new(quantity, 4),
                unit_price: Decimal::new(price, 4),
                discount,
                tax_rate: rate.map(|n| Decimal::new(n, 3)),
                recurring,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn lines_keep_their_laws(lines in prop::collection::vec(line(), 0..8), currency in currencies()) {
            let half = Decimal::new(5, currency.digits() + 1);
            let mut priced = Vec::new();
            for line in &lines {
                let gross = line.gross().unwrap_or_default();
                let period = line.period_net(currency).unwrap_or_default();
                // Never below zero nor above the gross, but for rounding; in the currency's digits; within half a digit of the exact.
                prop_assert!(period >= Decimal::ZERO && period <= gross + half);
                prop_assert!(period.scale() <= currency.digits());
                prop_assert!((period - (gross - line.off(gross))).abs() <= half);
                if let Discount::Amount(amount) = line.discount {
                    prop_assert_eq!(line.check(currency).is_err(), amount > gross);
                }
                priced.push((*line, period));
            }
            let totals = Totals::of(&priced, currency);
            let nets: Decimal = lines.iter().filter_map(|line| line.net(currency)).sum();
            prop_assert_eq!(totals.net, nets);
            // Each rate once, on what bears it; order does not matter.
            let taxed: Decimal = totals.taxes.iter().map(|group| group.net).sum();
            let bearing: Decimal = lines.iter().filter(|l| l.tax_rate.is_some()).filter_map(|l| l.net(currency)).sum();
            prop_assert_eq!(taxed, bearing);
            prop_assert!(totals.taxes.windows(2).all(|pair| pair[0].rate < pair[1].rate));
            for group in &totals.taxes {
                prop_assert!((group.tax - group.net * group.rate / Decimal::ONE_HUNDRED).abs() <= half);
            }
            prop_assert_eq!(totals.gross, totals.net + totals.taxes.iter().map(|g| g.tax).sum::<Decimal>());
            priced.reverse();
            prop_assert_eq!(&Totals::of(&priced, currency), &totals);
            // A year is twelve months, to the last digit a month has.
            prop_assert!((totals.mrr() * Decimal::from(12) - totals.arr).abs() <= Decimal::new(6, 4));
        }
    }

    #[test]
    fn halves_go_away_from_zero_in_the_digits_of_the_currency() {
        let net = |quantity: &str, price: &str, code: &str| {
            let line = Priced {
                quantity: quantity.parse().unwrap_or_default(),
                unit_price: price.parse().unwrap_or_default(),
                discount: Discount::None,
                tax_rate: None,
                recurring: None,
            };
            line.period_net(code.parse().unwrap_or(Currency::EUR)).unwrap_or_default().to_string()
        };
        assert_eq!(net("1", "0.125", "EUR"), "0.13", "bankers' rounding would say 0.12");
        assert_eq!(net("3", "33.3333", "EUR"), "100.00");
        assert_eq!(net("1.5", "333", "JPY"), "500");
        assert_eq!(net("1", "0.0125", "KWD"), "0.013");
    }
}
