//! On which days something repeats: a rule of RFC 5545, in a canonical form of ours.
//!
//! Invariants: a rule names at most one time a day; it always says its days (`BYDAY`, `BYMONTHDAY`, …) itself, so that its first day
//! only says where counting the interval begins; how it ends is not in its text. Days are the calendar's: when on such a day
//! something is, and what clocks do then, is [`super::Schedule`]'s.

use crate::kernel::calendar;
use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// Nothing repeats longer than that.
const LAST_YEAR: i32 = 2300;
const LONGEST: usize = 400;
const INTERVALS: std::ops::RangeInclusive<u32> = 1..=999;
pub(super) const COUNTS: std::ops::RangeInclusive<i64> = 1..=1_000;

/// In the order they are written in.
const PARTS: [&str; 9] =
    ["FREQ", "INTERVAL", "WKST", "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS"];
const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// How a series ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum End {
    #[default]
    Never,
    /// After so many days of the rule.
    Count(i32),
    /// That day is the last it can be on.
    Until(NaiveDate),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule(String);

/// A rule that the form has words for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pattern {
    Daily,
    Weekly(Vec<Weekday>),
    /// On a day of the month.
    MonthlyDay(u32),
    /// On the nth such weekday of the month; -1 is the last.
    MonthlyNth(i32, Weekday),
    /// Month and day.
    Yearly(u32, u32),
    Custom,
}

impl Rule {
    /// As kept.
    pub(super) fn kept(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Of a pattern and how many of its periods lie between two. `Custom` has no rule.
    pub fn of(pattern: &Pattern, every: u32) -> Self {
        let days = match pattern {
            Pattern::Daily | Pattern::Custom => "FREQ=DAILY;".to_owned(),
            Pattern::Weekly(days) => {
                let days: Vec<&str> = days.iter().map(|day| day_key(*day)).collect();
                format!("FREQ=WEEKLY;BYDAY={};", days.join(","))
            }
            Pattern::MonthlyDay(day) => format!("FREQ=MONTHLY;BYMONTHDAY={day};"),
            Pattern::MonthlyNth(n, day) => format!("FREQ=MONTHLY;BYDAY={n}{};", day_key(*day)),
            Pattern::Yearly(month, day) => format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day};"),
        };
        let (freq, rest) = days.split_once(';').unwrap_or((&days, ""));
        let interval = if every == 1 { String::new() } else { format!("INTERVAL={every};") };
        Self(format!("{freq};{interval}{rest}").trim_end_matches(';').to_owned())
    }

    /// What someone wrote, and how it says it ends. `start` gives the days that the text leaves to be understood.
    pub fn parse(text: &str, start: NaiveDate) -> Result<(Self, End), String> {
        let upper: String = text.to_uppercase().split_whitespace().collect();
        let body = upper.strip_prefix("RRULE:").unwrap_or(&upper).trim_end_matches(';');
        if body.len() > LONGEST {
            return Err(format!("is too long: at most {LONGEST} characters"));
        }
        let mut parts: Vec<(&str, &str)> = Vec::new();
        for part in body.split(';') {
            let (key, value) =
                part.split_once('=').ok_or("must look like FREQ=WEEKLY;BYDAY=MO,TH (see RFC 5545)".to_owned())?;
            if matches!(key, "BYHOUR" | "BYMINUTE" | "BYSECOND") {
                return Err(format!("cannot have {key}: the time is that of the form"));
            }
            if !PARTS.contains(&key) && !matches!(key, "COUNT" | "UNTIL") {
                return Err(format!("has a part that is not known: {key}"));
            }
            if parts.iter().any(|(other, _)| *other == key) {
                return Err(format!("says {key} twice"));
            }
            parts.push((key, value));
        }
        let find =
            |parts: &[(&str, &str)], key: &str| parts.iter().find(|(k, _)| *k == key).map(|(_, v)| v.to_string());
        let freq = find(&parts, "FREQ").ok_or("must say FREQ, such as FREQ=WEEKLY")?;
        if !matches!(freq.as_str(), "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY") {
            return Err("can repeat DAILY, WEEKLY, MONTHLY or YEARLY".into());
        }
        let every = find(&parts, "INTERVAL").map_or(Ok(1), |n| n.parse::<u32>()).unwrap_or(0);
        if !INTERVALS.contains(&every) {
            return Err(format!("must have an INTERVAL from 1 to {}", INTERVALS.end()));
        }
        let end = match (find(&parts, "COUNT"), find(&parts, "UNTIL")) {
            (Some(_), Some(_)) => return Err("can end by COUNT or UNTIL, not by both".into()),
            (Some(count), None) => End::Count(parse_count(&count)?),
            (None, Some(until)) => End::Until(parse_until(&until)?),
            (None, None) => End::Never,
        };
        let implied = implied(&freq, &parts, start);
        let owned: Vec<(&str, String)> = parts
            .iter()
            .map(|(k, v)| (*k, (*v).to_owned()))
            .chain(implied)
            .filter(|(k, v)| !is_default(k, v))
            .collect();
        let told = PARTS.iter().filter_map(|key| owned.iter().find(|(k, _)| k == key).map(|(k, v)| format!("{k}={v}")));
        let rule = Self(told.collect::<Vec<_>>().join(";"));
        let told = "cannot be understood: its parts do not fit each other, or are not those of RFC 5545";
        rule.set(start).map_err(|_| told.to_owned())?;
        match rule.days(start).next() {
            Some(_) => Ok((rule, end)),
            None => Err("names no day that ever comes".into()),
        }
    }

    /// Its days from `start` on, `start` too where it names it. As of the calendar: no zone has a say.
    pub fn days(&self, start: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<> {
        // A rule was parsed before it was kept; one that cannot be is one that names no day.
        let set = self.set(start).ok().map(rrule::RRuleSet::limit);
        let days = set.into_iter().flat_map(|set| set.into_iter());
        days.map(|at| at.date_naive()).take_while(|day| day.year() < LAST_YEAR)
    }

    fn set(&self, start: NaiveDate) -> Result<rrule::RRuleSet, rrule::RRuleError> {
        format!("DTSTART:{}T000000Z\nRRULE:{}", start.format("%Y%m%d"), self.0).parse()
    }

    /// The first of its days not before `from`, where its periods are counted so that `anchor` lies in one of them.
    pub fn first_from(&self, anchor: NaiveDate, from: NaiveDate) -> Option<NaiveDate> {
        self.days(self.counted_back(anchor, from)).find(|day| *day >= from)
    }

    /// `anchor`, whole intervals earlier, so that it is not after `from`.
    fn counted_back(&self, anchor: NaiveDate, from: NaiveDate) -> NaiveDate {
        let behind = (anchor - from).num_days();
        if behind <= 0 {
            return anchor;
        }
        let every = i64::from(self.every());
        let back = |unit: i64| {
            let days = (behind + unit * every - 1) / (unit * every) * unit * every;
            anchor.checked_sub_days(Days::new(days.unsigned_abs())).unwrap_or(from)
        };
        let months = |unit: i64| {
            let apart = (i64::from(anchor.year()) * 12 + i64::from(anchor.month0()))
                - (i64::from(from.year()) * 12 + i64::from(from.month0()));
            let steps = apart / (unit * every) + 1;
            // Its first day: the rule says which days of the period are meant.
            let first = anchor.with_day(1).unwrap_or(anchor);
            let steps = u32::try_from(steps * unit * every).unwrap_or(0);
            first.checked_sub_months(Months::new(steps)).unwrap_or(from)
        };
        match self.part("FREQ") {
            Some("WEEKLY") => {
                // From the week's first day: another of its days may come before the anchor's.
                let first = self.part("WKST").and_then(weekday).unwrap_or(Weekday::Mon);
                back(7).week(first).first_day()
            }
            Some("MONTHLY") => months(1),
            Some("YEARLY") => months(12),
            _ => back(1),
        }
    }

    /// The rule as it is when what was on `from` is on `to`; `None` where the form has no words for it.
    pub fn moved(&self, from: NaiveDate, to: NaiveDate) -> Option<Self> {
        let named = |pattern: &Pattern| match pattern {
            Pattern::Weekly(days) => days.contains(&from.weekday()),
            Pattern::MonthlyDay(day) => *day == from.day(),
            Pattern::MonthlyNth(n, day) => *day == from.weekday() && (*n == nth(from) || *n == -1 && is_last(from)),
            Pattern::Yearly(month, day) => (*month, *day) == (from.month(), from.day()),
            Pattern::Daily => true,
            Pattern::Custom => false,
        };
        let pattern = self.pattern();
        if !named(&pattern) {
            return None;
        }
        let moved = match pattern {
            Pattern::Weekly(mut days) => {
                days.retain(|day| *day != from.weekday() && *day != to.weekday());
                days.push(to.weekday());
                days.sort_by_key(Weekday::num_days_from_monday);
                Pattern::Weekly(days)
            }
            Pattern::MonthlyDay(_) => Pattern::MonthlyDay(to.day()),
            Pattern::MonthlyNth(-1, _) if is_last(to) => Pattern::MonthlyNth(-1, to.weekday()),
            Pattern::MonthlyNth(..) => Pattern::MonthlyNth(nth(to), to.weekday()),
            Pattern::Yearly(..) => Pattern::Yearly(to.month(), to.day()),
            other => other,
        };
        Some(Self::of(&moved, self.every()))
    }

    fn part(&self, key: &str) -> Option<&str> {
        self.0.split(';').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
    }

    pub fn every(&self) -> u32 {
        self.part("INTERVAL").and_then(|n| n.parse().ok()).unwrap_or(1)
    }

    /// What the form calls it.
    pub fn pattern(&self) -> Pattern {
        let other = |keys: &[&str]| {
            self.0.split(';').filter_map(|part| part.split_once('=')).all(|(key, _)| keys.contains(&key))
        };
        let number = |key: &str| self.part(key).and_then(|value| value.parse::<u32>().ok());
        let found = match self.part("FREQ") {
            Some("DAILY") if other(&["FREQ", "INTERVAL"]) => Some(Pattern::Daily),
            Some("WEEKLY") if other(&["FREQ", "INTERVAL", "BYDAY"]) => {
                let days = self.part("BYDAY").unwrap_or("").split(',').map(weekday).collect::<Option<Vec<_>>>();
                days.map(Pattern::Weekly)
            }
            Some("MONTHLY") if other(&["FREQ", "INTERVAL", "BYMONTHDAY"]) => {
                number("BYMONTHDAY").map(Pattern::MonthlyDay)
            }
            Some("MONTHLY") if other(&["FREQ", "INTERVAL", "BYDAY"]) => {
                let day = self.part("BYDAY").unwrap_or("");
                let split = day.len().saturating_sub(2);
                let nth =
                    day.get(..split).and_then(|n| n.parse::<i32>().ok()).filter(|n| *n == -1 || (1..=5).contains(n));
                nth.zip(day.get(split..).and_then(weekday)).map(|(n, day)| Pattern::MonthlyNth(n, day))
            }
            Some("YEARLY") if other(&["FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY"]) => {
                number("BYMONTH").zip(number("BYMONTHDAY")).map(|(month, day)| Pattern::Yearly(month, day))
            }
            _ => None,
        };
        found.unwrap_or(Pattern::Custom)
    }
}

/// What the text leaves to be understood from the first day: RFC 5545, 3.3.10.
fn implied(freq: &str, parts: &[(&str, &str)], start: NaiveDate) -> Vec<(&'static str, String)> {
    let has = |keys: &[&str]| parts.iter().any(|(key, _)| keys.contains(key));
    match freq {
        "WEEKLY" if !has(&["BYDAY"]) => vec![("BYDAY", day_key(start.weekday()).to_owned())],
        "MONTHLY" if !has(&["BYDAY", "BYMONTHDAY"]) => vec![("BYMONTHDAY", start.day().to_string())],
        "YEARLY" if has(&["BYWEEKNO"]) && !has(&["BYDAY"]) => vec![("BYDAY", day_key(start.weekday()).to_owned())],
        "YEARLY" if !has(&["BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"]) => {
            let month = (!has(&["BYMONTH"])).then(|| ("BYMONTH", start.month().to_string()));
            month.into_iter().chain([("BYMONTHDAY", start.day().to_string())]).collect()
        }
        _ => vec![],
    }
}

fn is_default(key: &str, value: &str) -> bool {
    matches!((key, value), ("INTERVAL", "1") | ("WKST", "MO"))
}

fn parse_count(text: &str) -> Result<i32, String> {
    let count = text.parse::<i32>().ok().filter(|n| COUNTS.contains(&i64::from(*n)));
    count.ok_or_else(|| format!("must have a COUNT from {} to {}", COUNTS.start(), COUNTS.end()))
}

/// `20271231`, with a time after it or without, which says nothing more: at most one is on a day.
fn parse_until(text: &str) -> Result<NaiveDate, String> {
    let day = text.get(..8).filter(|_| text.len() == 8 || text[8..].starts_with('T'));
    let day = day.and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
    let day = day.filter(|day| calendar::parse_date(&day.to_string()).is_ok());
    day.ok_or_else(|| "must have an UNTIL such as 20271231".into())
}

pub fn day_key(day: Weekday) -> &'static str {
    DAYS[day.num_days_from_monday() as usize]
}

pub fn weekday(key: &str) -> Option<Weekday> {
    let n = DAYS.iter().position(|day| *day == key)?;
    Weekday::try_from(u8::try_from(n).ok()?).ok()
}

/// Which of its weekday's days in the month it is.
pub fn nth(day: NaiveDate) -> i32 {
    i32::try_from(day.day0() / 7).unwrap_or(0) + 1
}

/// Whether no such weekday follows in its month.
pub fn is_last(day: NaiveDate) -> bool {
    (day + Days::new(7)).month() != day.month()
}

/// A day of that name.
pub fn example(day: Weekday) -> NaiveDate {
    NaiveDate::default().week(Weekday::Mon).first_day() + Days::new(u64::from(day.num_days_from_monday()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Locale;

    fn d(text: &str) -> NaiveDate {
        text.parse().unwrap_or_default()
    }

    fn read(text: &str, start: &str) -> String {
        Rule::parse(text, d(start)).map_or_else(|told| format!("! {told}"), |(rule, _)| rule.0)
    }

    fn days(text: &str, start: &str, n: usize) -> Vec<String> {
        let rule = Rule::parse(text, d(start)).map(|(rule, _)| rule);
        rule.map(|rule| rule.days(d(start)).take(n).map(|day| day.to_string()).collect()).unwrap_or_default()
    }

    #[test]
    fn rules_are_written_one_way() {
        assert_eq!(read("rrule:freq=weekly; interval=1", "2026-12-02"), "FREQ=WEEKLY;BYDAY=WE");
        assert_eq!(read("FREQ=MONTHLY;COUNT=3", "2026-12-15"), "FREQ=MONTHLY;BYMONTHDAY=15");
        assert_eq!(read("FREQ=YEARLY;WKST=MO", "2026-03-09"), "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=9");
        assert_eq!(
            read("BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR;FREQ=MONTHLY;INTERVAL=2", "2026-12-01"),
            "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
        );
        assert_eq!(Rule::parse("FREQ=DAILY;COUNT=4", d("2026-12-01")).map(|r| r.1), Ok(End::Count(4)));
        let until = Rule::parse("FREQ=DAILY;UNTIL=20270101T220000Z", d("2026-12-01")).map(|r| r.1);
        assert_eq!(until, Ok(End::Until(d("2027-01-01"))));
        for bad in [
            "",
            "weekly",
            "FREQ=HOURLY",
            "FREQ=DAILY;FREQ=DAILY",
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;COUNT=4;UNTIL=20270101",
            "FREQ=DAILY;UNTIL=soon",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=WEEKLY;BYDAY=XX",
            "FREQ=MONTHLY;BYMONTHDAY=32",
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;X-THING=1",
        ] {
            assert!(read(bad, "2026-12-01").starts_with('!'), "{bad}: {}", read(bad, "2026-12-01"));
        }
    }

    #[test]
    fn the_first_of_a_month_is_not_every_one() {
        let first = days("FREQ=MONTHLY;BYDAY=1MO", "2026-12-01", 3);
        assert_eq!(first, ["2026-12-07", "2027-01-04", "2027-02-01"]);
        assert_eq!(days("FREQ=MONTHLY;BYDAY=-1FR", "2026-12-01", 2), ["2026-12-25", "2027-01-29"]);
        assert_eq!(days("FREQ=MONTHLY;BYMONTHDAY=31", "2026-12-01", 3), ["2026-12-31", "2027-01-31", "2027-03-31"]);
        assert_eq!(days("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-12-01", 2), ["2028-02-29", "2032-02-29"]);
    }

    #[test]
    fn intervals_are_counted_from_any_of_its_days() {
        let rule = |text: &str| Rule::kept(text);
        let first =
            |text: &str, anchor: &str, from: &str| rule(text).first_from(d(anchor), d(from)).map(|x| x.to_string());
        let fortnight = "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR";
        assert_eq!(first(fortnight, "2027-02-01", "2026-12-01").as_deref(), Some("2026-12-07"));
        assert_eq!(first(fortnight, "2027-02-05", "2026-12-05").as_deref(), Some("2026-12-07"));
        assert_eq!(first("FREQ=DAILY;INTERVAL=3", "2026-12-11", "2026-12-07").as_deref(), Some("2026-12-08"));
        assert_eq!(
            first("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31", "2027-05-31", "2026-12-01").as_deref(),
            Some("2027-01-31")
        );
        assert_eq!(first("FREQ=DAILY", "2026-12-01", "2026-12-05").as_deref(), Some("2026-12-05"));
    }

    #[test]
    fn moved_and_told() {
        let moved = |text: &str, from: &str, to: &str| {
            Rule::kept(text).moved(d(from), d(to)).map_or("none".into(), |rule| rule.0)
        };
        assert_eq!(moved("FREQ=WEEKLY;BYDAY=MO,FR", "2026-12-07", "2026-12-08"), "FREQ=WEEKLY;BYDAY=TU,FR");
        assert_eq!(moved("FREQ=MONTHLY;BYDAY=-1FR", "2026-12-25", "2026-12-31"), "FREQ=MONTHLY;BYDAY=-1TH");
        assert_eq!(moved("FREQ=MONTHLY;BYDAY=2TU", "2026-12-08", "2026-12-16"), "FREQ=MONTHLY;BYDAY=3WE");
        assert_eq!(moved("FREQ=WEEKLY;BYDAY=MO", "2026-12-08", "2026-12-09"), "none");
        let words = |text: &str| Rule::kept(text).words(Locale::from_tag("en-GB"));
        assert_eq!(words("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH"), "Every 2 weeks on Mon and Thu");
        assert_eq!(words("FREQ=MONTHLY;BYMONTHDAY=22"), "Every month on the 22nd");
        assert_eq!(words("FREQ=MONTHLY;BYDAY=-1FR"), "Every month on the last Friday");
        assert_eq!(words("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=9"), "Every year on 9 Mar");
    }
}
