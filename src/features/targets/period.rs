//! Months, and the organisation's fiscal quarters and years.

use crate::{
    kernel::{Locale, calendar, calendar::Span},
    web::Actor,
};
use chrono::{Datelike, Months, NaiveDate};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub const ALL: [Unit; 3] = [Unit::Month, Unit::Quarter, Unit::Year];

    pub fn key(self) -> &'static str {
        match self {
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Unit::Month => "Month",
            Unit::Quarter => "Quarter",
            Unit::Year => "Year",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.key() == key)
    }

    /// What it is made of.
    pub fn smaller(self) -> Option<Self> {
        match self {
            Unit::Month => None,
            Unit::Quarter => Some(Unit::Month),
            Unit::Year => Some(Unit::Quarter),
        }
    }

    pub fn months(self) -> u32 {
        match self {
            Unit::Month => 1,
            Unit::Quarter => 3,
            Unit::Year => 12,
        }
    }
}

/// Whole months, from the first day of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub unit: Unit,
    pub span: Span,
}

impl Period {
    /// The one around a day. `fiscal_start`: the month, 1 to 12, with which a fiscal year begins.
    pub fn around(unit: Unit, day: NaiveDate, fiscal_start: u32) -> Self {
        let first = calendar::month(day).from;
        let since = (first.month() + 12 - fiscal_start) % 12 % unit.months();
        Self::from_first(unit, first - Months::new(since))
    }

    /// The one that holds today, where the organisation is.
    pub fn now(unit: Unit, actor: &Actor) -> Self {
        Self::around(unit, calendar::today(actor.org.zone), actor.org.fiscal_year_start)
    }

    fn from_first(unit: Unit, from: NaiveDate) -> Self {
        Self { unit, span: Span { from, to: from + Months::new(unit.months()) } }
    }

    pub fn next(self) -> Self {
        Self::from_first(self.unit, self.span.to)
    }

    pub fn previous(self) -> Self {
        Self::from_first(self.unit, self.span.from - Months::new(self.unit.months()))
    }

    /// The smaller periods it is made of, in order.
    pub fn parts(self, unit: Unit) -> Vec<Self> {
        let count = self.unit.months() / unit.months();
        (0..count).map(|n| Self::from_first(unit, self.span.from + Months::new(n * unit.months()))).collect()
    }

    /// `November 2026`, `Q4 2026`, `2026`; a fiscal year that is not the calendar's is named by both: `2026/27`.
    pub fn label(self, locale: Locale, fiscal_start: u32) -> String {
        let year = Self::around(Unit::Year, self.span.from, fiscal_start).span.from.year();
        let named = if fiscal_start == 1 { year.to_string() } else { format!("{year}/{:02}", (year + 1) % 100) };
        match self.unit {
            Unit::Month => locale.month(self.span.from),
            Unit::Quarter => {
                let since = (self.span.from.month() + 12 - fiscal_start) % 12;
                format!("Q{} {named}", since / 3 + 1)
            }
            Unit::Year => named,
        }
    }

    /// How much of it is over by the end of `today`, in working days: 0 to 1.
    pub fn elapsed(self, actor: &Actor, today: NaiveDate) -> rust_decimal::Decimal {
        let days = || self.span.from.iter_days().take_while(|day| *day < self.span.to);
        let working = |day: &NaiveDate| actor.org.working_days.includes(*day);
        let all = days().filter(working).count().max(1);
        let over = days().filter(working).filter(|day| *day <= today).count();
        rust_decimal::Decimal::from(over) / rust_decimal::Decimal::from(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fiscal_periods_are_made_of_their_parts() {
        let day = |text: &str| calendar::parse_date(text).unwrap_or_default();
        for start in 1..=12 {
            for unit in Unit::ALL {
                let period = Period::around(unit, day("2026-11-20"), start);
                assert!(period.span.from <= day("2026-11-20") && day("2026-11-20") < period.span.to);
                assert_eq!((period.next().previous(), period.previous().span.to), (period, period.span.from));
                for smaller in Unit::ALL.into_iter().filter(|smaller| *smaller <= unit) {
                    let parts = period.parts(smaller);
                    assert_eq!(parts.first().map(|p| p.span.from), Some(period.span.from));
                    assert_eq!(parts.last().map(|p| p.span.to), Some(period.span.to));
                    assert!(parts.iter().all(|p| *p == Period::around(smaller, p.span.from, start)));
                }
            }
        }
        let gb = Locale::from_tag("en-GB");
        assert_eq!(Period::around(Unit::Quarter, day("2027-01-15"), 4).label(gb, 4), "Q4 2026/27");
        assert_eq!(Period::around(Unit::Year, day("2027-01-15"), 1).label(gb, 1), "2027");
    }
}
