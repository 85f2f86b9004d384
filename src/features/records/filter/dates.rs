//! Periods by name, as they stand on the reader's own day. Quarters and years are the organisation's fiscal ones.

use crate::kernel::calendar::{self, Span};
use chrono::{Days, Months, NaiveDate};

/// Keys and words of every period.
pub const PERIODS: &[(&str, &str)] = &[
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("tomorrow", "Tomorrow"),
    ("this_week", "This week"),
    ("last_week", "Last week"),
    ("next_week", "Next week"),
    ("this_month", "This month"),
    ("last_month", "Last month"),
    ("next_month", "Next month"),
    ("this_quarter", "This quarter"),
    ("last_quarter", "Last quarter"),
    ("next_quarter", "Next quarter"),
    ("this_year", "This year"),
    ("last_year", "Last year"),
    ("next_year", "Next year"),
];

/// The days of a period around `today`; `None`: there is none of that name.
pub fn period(key: &str, today: NaiveDate, fiscal_start: u32) -> Option<Span> {
    let (which, unit) = match key {
        "today" => (0, "day"),
        "yesterday" => (-1, "day"),
        "tomorrow" => (1, "day"),
        _ => match key.split_once('_')? {
            ("this", unit) => (0, unit),
            ("last", unit) => (-1, unit),
            ("next", unit) => (1, unit),
            _ => return None,
        },
    };
    let span = match unit {
        "day" => Span { from: today, to: today + Days::new(1) },
        "week" => calendar::week(today),
        "month" => calendar::month(today),
        "quarter" => calendar::quarter(today, fiscal_start),
        "year" => year(today, fiscal_start),
        _ => return None,
    };
    Some(shift(span, which, unit))
}

/// The fiscal year around a day.
fn year(day: NaiveDate, fiscal_start: u32) -> Span {
    use chrono::Datelike;
    let since = (day.month() + 12 - fiscal_start) % 12;
    let from = calendar::month(day).from - Months::new(since);
    Span { from, to: from + Months::new(12) }
}

fn shift(span: Span, which: i32, unit: &str) -> Span {
    let step = |day: NaiveDate| match (unit, which) {
        (_, 0) => day,
        ("day", 1) => day + Days::new(1),
        ("day", _) => day - Days::new(1),
        ("week", 1) => day + Days::new(7),
        ("week", _) => day - Days::new(7),
        (_, which) => {
            let months = Months::new(match unit {
                "month" => 1,
                "quarter" => 3,
                _ => 12,
            });
            if which > 0 { day + months } else { day - months }
        }
    };
    Span { from: step(span.from), to: step(span.to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_each_other() {
        let today = calendar::parse_date("2026-11-20").unwrap_or_default();
        for fiscal in 1..=12 {
            for unit in ["week", "month", "quarter", "year"] {
                let of = |which: &str| period(&format!("{which}_{unit}"), today, fiscal);
                let (Some(last), Some(this), Some(next)) = (of("last"), of("this"), of("next")) else {
                    panic!("no {unit}")
                };
                assert!(last.to == this.from && this.to == next.from, "{unit} {fiscal}");
                assert!(this.from <= today && today < this.to, "{unit} {fiscal}");
            }
        }
        assert!(PERIODS.iter().all(|(key, _)| period(key, today, 1).is_some()));
        assert_eq!(period("this_century", today, 1), None);
    }
}
