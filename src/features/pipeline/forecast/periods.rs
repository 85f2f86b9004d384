//! Months and quarters: which ones a forecast shows, and which day of one a deal gets that is moved there.

use crate::{
    features::targets::{self, Period},
    kernel::calendar::{self, Span, WorkingDays},
    web::Actor,
};
use chrono::{Datelike, Days, Months, NaiveDate};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    Month,
    Quarter,
}

impl Unit {
    pub const ALL: [Unit; 2] = [Unit::Month, Unit::Quarter];

    pub fn key(self) -> &'static str {
        match self {
            Unit::Month => "month",
            Unit::Quarter => "quarter",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Unit::Month => "Months",
            Unit::Quarter => "Quarters",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.key() == text)
    }

    /// Periods side by side.
    pub fn shown(self) -> u32 {
        match self {
            Unit::Month => 5,
            Unit::Quarter => 4,
        }
    }

    fn months(self) -> Months {
        match self {
            Unit::Month => Months::new(1),
            Unit::Quarter => Months::new(3),
        }
    }

    /// The period around a day.
    pub fn around(self, day: NaiveDate, fiscal_start: u32) -> Span {
        match self {
            Unit::Month => calendar::month(day),
            Unit::Quarter => calendar::quarter(day, fiscal_start),
        }
    }

    /// The periods a page shows from the one around `day` on.
    pub fn from(self, day: NaiveDate, fiscal_start: u32) -> Vec<Span> {
        let first = self.around(day, fiscal_start);
        let next = |span: &Span| Some(Span { from: span.to, to: span.to + self.months() });
        std::iter::successors(Some(first), next).take(self.shown() as usize).collect()
    }

    /// As many periods earlier.
    pub fn back(self, from: NaiveDate) -> NaiveDate {
        (0..self.shown()).fold(from, |day, _| day - self.months())
    }

    /// The same period as targets have it, which also names it: `November 2026`, `Q4 2026`, `Q1 2031/32`.
    pub fn period(self, span: Span, actor: &Actor) -> Period {
        let unit = match self {
            Unit::Month => targets::Unit::Month,
            Unit::Quarter => targets::Unit::Quarter,
        };
        Period::around(unit, span.from, actor.org.fiscal_year_start)
    }

    pub fn name(self, span: Span, actor: &Actor) -> String {
        self.period(span, actor).label(actor.locale, actor.org.fiscal_year_start)
    }
}

/// The day of that period for a deal that was to close on `from`: the same day of the month (and the same month of the quarter) where there
/// is one, else the last before it. A deal that had no day gets the period's last working day.
pub fn day_in(unit: Unit, period: Span, from: Option<NaiveDate>, fiscal_start: u32, days: WorkingDays) -> NaiveDate {
    let last = period.to - Days::new(1);
    let Some(from) = from else {
        return (0..7).map(|back| last - Days::new(back)).find(|day| days.includes(*day)).unwrap_or(last);
    };
    let was = unit.around(from, fiscal_start);
    let skipped = (from.year() - was.from.year()) * 12 + from.month0() as i32 - was.from.month0() as i32;
    let month = calendar::month(period.from + Months::new(u32::try_from(skipped).unwrap_or(0)));
    let wanted = month.from + Days::new(u64::from(from.day0()));
    wanted.min(month.to - Days::new(1)).min(last)
}

/// Working days of a span from `today` on.
pub fn working_days(span: Span, today: NaiveDate, days: WorkingDays) -> usize {
    span.from.max(today).iter_days().take_while(|day| *day < span.to).filter(|day| days.includes(*day)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> NaiveDate {
        calendar::parse_date(text).unwrap_or_default()
    }

    #[test]
    fn the_day_of_the_month_stays_where_there_is_one() {
        let days = WorkingDays::from_numbers(&[1, 2, 3, 4, 5]);
        let to = |unit: Unit, at: &str, from: Option<&str>| day_in(unit, unit.around(d(at), 1), from.map(d), 1, days);
        assert_eq!(to(Unit::Month, "2027-02-01", Some("2026-12-15")), d("2027-02-15"));
        assert_eq!(to(Unit::Month, "2027-02-01", Some("2026-12-31")), d("2027-02-28"));
        assert_eq!(to(Unit::Quarter, "2027-01-01", Some("2026-11-20")), d("2027-02-20"));
        assert_eq!(to(Unit::Quarter, "2027-01-01", Some("2026-11-30")), d("2027-02-28"));
        // Sunday the 31st: the Friday before.
        assert_eq!(to(Unit::Month, "2027-01-01", None), d("2027-01-29"));
    }

    proptest! {
        /// Always within the period, never a later day of the month than before, and there already is there already.
        #[test]
        fn a_move_stays_in_its_period(from in 0i64..40_000, to in 0i64..40_000, quarter: bool, start in 1u32..=12) {
            let unit = if quarter { Unit::Quarter } else { Unit::Month };
            let day = |n: i64| d("1990-01-01") + Days::new(n.unsigned_abs());
            let period = unit.around(day(to), start);
            let moved = day_in(unit, period, Some(day(from)), start, WorkingDays::from_numbers(&[]));
            prop_assert!(period.from <= moved && moved < period.to);
            prop_assert!(moved.day() <= day(from).day());
            prop_assert_eq!(day_in(unit, unit.around(moved, start), Some(moved), start, WorkingDays::from_numbers(&[])), moved);
        }
    }
}
