//! The part of an activity's form that says how it repeats: from what was chosen to a rule, and back.

use super::{
    Schedule,
    rule::{self, COUNTS, End, Pattern, Rule},
};
use crate::{
    error::{AppError, AppResult},
    kernel::{Locale, calendar},
    web::{Form, SelectOption},
};
use chrono::{Datelike, NaiveDate, Weekday};

const KINDS: &[(&str, &str)] = &[
    ("none", "Does not repeat"),
    ("daily", "By days"),
    ("weekly", "By weeks"),
    ("monthly_day", "By months, on that day of the month"),
    ("monthly_nth", "By months, on that weekday (such as the second Tuesday)"),
    ("monthly_last", "By months, on the last such weekday"),
    ("yearly", "By years"),
    ("custom", "By a rule of my own (RFC 5545)"),
];
const ENDS: &[(&str, &str)] = &[("never", "Never"), ("count", "After so many times"), ("until", "On a day")];
const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// How something is to repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repeat {
    pub rule: Rule,
    pub end: End,
}

/// What the form says; `None`: it does not repeat. `day` is the one that the form is of.
pub fn read(form: &Form, day: Option<NaiveDate>) -> AppResult<Option<Repeat>> {
    let mut p = form.parser();
    let kind = p.choice("repeat", KINDS).unwrap_or("none");
    if kind == "none" {
        p.finish()?;
        return Ok(None);
    }
    let Some(day) = day else { return Err(AppError::field("on", "is needed for what repeats")) };
    let every = p.integer("repeat_every", 1, 999).and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let mut end = match p.choice("repeat_end", ENDS).unwrap_or("never") {
        "count" => match p.integer("repeat_count", *COUNTS.start(), *COUNTS.end()) {
            Some(n) => End::Count(i32::try_from(n).unwrap_or(1)),
            None if form.get("repeat_count").is_empty() => {
                p.error("repeat_count", "is needed: how many times?");
                End::Never
            }
            None => End::Never,
        },
        "until" => match p.optional("repeat_until", calendar::parse_date) {
            Some(until) if until < day => {
                p.error("repeat_until", "must not be before the day it begins on");
                End::Never
            }
            Some(until) => End::Until(until),
            None if form.get("repeat_until").is_empty() => {
                p.error("repeat_until", "is needed: which is the last day?");
                End::Never
            }
            None => End::Never,
        },
        _ => End::Never,
    };
    let of = |pattern: Pattern| Some(Rule::of(&pattern, every));
    let rule = match kind {
        "weekly" => {
            let mut days: Vec<Weekday> = form.all("repeat_days").filter_map(rule::weekday).collect();
            if days.is_empty() {
                days.push(day.weekday());
            }
            days.sort_by_key(Weekday::num_days_from_monday);
            days.dedup();
            of(Pattern::Weekly(days))
        }
        "monthly_day" => of(Pattern::MonthlyDay(day.day())),
        "monthly_nth" => of(Pattern::MonthlyNth(rule::nth(day), day.weekday())),
        "monthly_last" if !rule::is_last(day) => {
            p.error("repeat", "needs a day that is the last of its weekday in the month");
            None
        }
        "monthly_last" => of(Pattern::MonthlyNth(-1, day.weekday())),
        "yearly" => of(Pattern::Yearly(day.month(), day.day())),
        "custom" => match p.optional("repeat_rule", |text| Rule::parse(text, day)) {
            Some((rule, own)) => {
                match (own, end) {
                    (End::Never, _) => {}
                    (own, End::Never) => end = own,
                    (own, end) if own == end => {}
                    _ => p.error("repeat_rule", "and the field below say different ends"),
                }
                Some(rule)
            }
            None if form.get("repeat_rule").is_empty() => {
                p.error("repeat_rule", "is needed, such as FREQ=WEEKLY;BYDAY=MO,TH");
                None
            }
            None => None,
        },
        _ => of(Pattern::Daily),
    };
    p.finish()?;
    match rule {
        Some(rule) => Ok(Some(Repeat { rule, end })),
        None => Err(AppError::field("repeat", "is not one of the choices")),
    }
}

/// Whether two forms choose the same days, and the same end.
pub fn same_choices(one: &Form, other: &Form) -> (bool, bool) {
    let days = |form: &Form| {
        let mut said: Vec<String> = vec![form.get("repeat").to_owned()];
        said.push(Some(form.get("repeat_every")).filter(|n| !n.is_empty()).unwrap_or("1").to_owned());
        match form.get("repeat") {
            "weekly" => {
                let mut ticked: Vec<String> = form.all("repeat_days").map(str::to_owned).collect();
                ticked.sort();
                said.extend(ticked);
            }
            "custom" => said.push(form.get("repeat_rule").to_uppercase()),
            _ => {}
        }
        said
    };
    let end = |form: &Form| match form.get("repeat_end") {
        "count" => format!("count {}", form.get("repeat_count")),
        "until" => format!("until {}", form.get("repeat_until")),
        _ => "never".to_owned(),
    };
    (days(one) == days(other), end(one) == end(other))
}

/// The form with how it repeats filled in.
pub fn fill_in(form: Form, schedule: &Schedule) -> Form {
    let pattern = schedule.rule.pattern();
    let kind = match &pattern {
        Pattern::Daily => "daily",
        Pattern::Weekly(_) => "weekly",
        Pattern::MonthlyDay(_) => "monthly_day",
        Pattern::MonthlyNth(-1, _) => "monthly_last",
        Pattern::MonthlyNth(..) => "monthly_nth",
        Pattern::Yearly(..) => "yearly",
        Pattern::Custom => "custom",
    };
    let mut pairs: Vec<(&str, String)> =
        vec![("repeat", kind.into()), ("repeat_every", schedule.rule.every().to_string())];
    match &pattern {
        Pattern::Weekly(days) => pairs.extend(days.iter().map(|day| ("repeat_days", rule::day_key(*day).to_owned()))),
        Pattern::Custom => pairs.push(("repeat_rule", schedule.rule.text().to_owned())),
        _ => {}
    }
    match schedule.end {
        End::Never => pairs.push(("repeat_end", "never".into())),
        End::Count(n) => pairs.extend([("repeat_end", "count".into()), ("repeat_count", n.to_string())]),
        End::Until(day) => pairs.extend([("repeat_end", "until".into()), ("repeat_until", day.to_string())]),
    }
    let kept: Vec<(String, String)> = form
        .pairs()
        .filter(|(name, _)| !name.starts_with("repeat"))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    Form::new(kept.into_iter().chain(pairs.into_iter().map(|(name, value)| (name.to_owned(), value))))
}

/// What the form offers.
#[derive(Clone, Debug)]
pub struct RepeatView {
    pub kinds: Vec<SelectOption>,
    pub ends: Vec<SelectOption>,
    pub days: Vec<SelectOption>,
}

impl RepeatView {
    pub fn of(form: &Form, locale: Locale) -> Self {
        let chosen = |choices: &[(&str, &str)], name: &str| {
            choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == form.get(name))).collect()
        };
        let days: Vec<&str> = form.all("repeat_days").collect();
        let day = |day: Weekday| {
            let key = rule::day_key(day);
            SelectOption::new(key, locale.weekday_short(rule::example(day)), days.contains(&key))
        };
        Self { kinds: chosen(KINDS, "repeat"), ends: chosen(ENDS, "repeat_end"), days: WEEK.map(day).into() }
    }
}
