//! A rule as people say it.

use super::rule::{Pattern, Rule, example};
use crate::kernel::Locale;
use chrono::NaiveDate;

impl Rule {
    /// `Every 2 weeks on Mon and Thu`.
    pub fn words(&self, locale: Locale) -> String {
        let each = |one: &str, many: &str| match self.every() {
            1 => format!("Every {one}"),
            n => format!("Every {n} {many}"),
        };
        match self.pattern() {
            Pattern::Daily => each("day", "days"),
            Pattern::Weekly(days) if days.len() == 7 && self.every() == 1 => "Every day".into(),
            Pattern::Weekly(days) => {
                let names: Vec<String> = days.iter().map(|day| locale.weekday_short(example(*day))).collect();
                format!("{} on {}", each("week", "weeks"), and(&names))
            }
            Pattern::MonthlyDay(day) => format!("{} on the {}", each("month", "months"), ordinal(day)),
            Pattern::MonthlyNth(n, day) => {
                format!("{} on the {} {}", each("month", "months"), nth_words(n), locale.weekday(example(day)))
            }
            Pattern::Yearly(month, day) => {
                let of = NaiveDate::from_ymd_opt(2000, month, day);
                format!("{} on {}", each("year", "years"), of.map(|of| locale.day(of, of)).unwrap_or_default())
            }
            Pattern::Custom => format!("By the rule {}", self.text()),
        }
    }
}

fn and(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

fn nth_words(n: i32) -> &'static str {
    match n {
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        5 => "fifth",
        _ => "last",
    }
}
