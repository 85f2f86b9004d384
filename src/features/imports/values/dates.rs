//! Dates and moments as other programs and other countries write them.

use super::Custom;
use crate::kernel::{Locale, text};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const ERROR: &str = "must be a date, such as 2026-11-28";
/// Years of two digits below this are of this century.
const PIVOT: i32 = 50;

/// What the first of three numbers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::enum_variant_names, reason = "day first is what people call it")]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
    YearFirst,
}

#[allow(dead_code, reason = "what the wizard's pages choose from")]
impl DateOrder {
    /// Key and words.
    pub const ALL: [(&'static str, DateOrder, &'static str); 3] = [
        ("day_first", DateOrder::DayFirst, "Day first (31/12/2026)"),
        ("month_first", DateOrder::MonthFirst, "Month first (12/31/2026)"),
        ("year_first", DateOrder::YearFirst, "Year first (2026-12-31)"),
    ];

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(k, ..)| *k == key).map(|(_, order, _)| *order)
    }
}

/// Names of months, long and short, folded, in a locale and in English.
#[derive(Clone, Debug, Default)]
pub struct Months(HashMap<String, u32>);

impl Months {
    pub fn of(locale: Locale) -> Self {
        let mut names = HashMap::new();
        for locale in [locale, Locale::from_tag("en-GB")] {
            for (name, month) in locale.month_names() {
                names.entry(text::fold(name.trim_end_matches('.'))).or_insert(month);
            }
        }
        names.entry("sept".into()).or_insert(9);
        Self(names)
    }
}

/// ISO 8601; numbers in the column's order of day and month, or else the organisation's (an impossible month turns that round);
/// `31 Dec 2026` and `Dec 31, 2026` in English and the organisation's language; Excel's day numbers. A time behind it is left out.
pub fn date(cell: &str, order: Option<DateOrder>, custom: &Custom) -> Result<NaiveDate, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(cell) {
        return checked(at.with_timezone(&custom.zone).date_naive());
    }
    let (day, _) = split_time(cell);
    let found =
        numbers(day).map_or_else(|| named(day, &custom.months), |parts| by_order(&parts, order, custom.month_first));
    found.or_else(|| excel_day(cell).map(|(day, _)| day)).map_or_else(|| Err(ERROR.into()), checked)
}

/// A moment, in the organisation's zone unless it says another; a bare date is noon of that day where the organisation is, so that it is
/// the same day in most of the world.
pub fn moment(cell: &str, order: Option<DateOrder>, custom: &Custom) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(cell) {
        checked(at.date_naive())?;
        return Ok(at.with_timezone(&Utc));
    }
    let day = date(cell, order, custom)?;
    let time = split_time(cell).1.or_else(|| excel_day(cell).and_then(|(_, time)| time));
    let zone = if cell.ends_with("UTC") { Tz::UTC } else { custom.zone };
    Ok(time.map_or_else(|| noon(day, zone), |time| in_zone(day, time, zone)))
}

pub fn noon(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    in_zone(day, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default(), zone)
}

fn in_zone(day: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = day.and_time(time);
    zone.from_local_datetime(&local)
        .earliest()
        .map_or_else(|| Utc.from_utc_datetime(&local), |at| at.with_timezone(&Utc))
}

fn checked(date: NaiveDate) -> Result<NaiveDate, String> {
    if (1900..=2200).contains(&date.year()) { Ok(date) } else { Err("must lie between 1900 and 2200".into()) }
}

/// The day's text and the time behind it: `31/12/2026 2:30 PM`.
fn split_time(cell: &str) -> (&str, Option<NaiveTime>) {
    let Some(colon) = cell.find(':') else { return (cell, None) };
    let Some(at) = cell[..colon].rfind(['T', ' ', '\u{a0}', '\u{202f}']) else { return (cell, None) };
    let time = cell[at..].trim_start_matches(['T', ' ', '\u{a0}', '\u{202f}']);
    let time = time.trim_end_matches("UTC").trim().replace(['\u{a0}', '\u{202f}'], " ").to_uppercase();
    let forms = ["%H:%M:%S%.f", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p"];
    let found = forms.iter().find_map(|form| NaiveTime::parse_from_str(&time, form).ok());
    if found.is_some() { (cell[..at].trim_end_matches([',', ' ']), found) } else { (cell, None) }
}

/// Three numbers and what stands between them.
struct Parts<'a> {
    parts: [&'a str; 3],
    between: char,
}

fn numbers(day: &str) -> Option<Parts<'_>> {
    let all_digits = |p: &str| !p.is_empty() && p.len() <= 4 && p.bytes().all(|b| b.is_ascii_digit());
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Parts { parts: [&day[..4], &day[4..6], &day[6..]], between: '-' });
    }
    let between = day.chars().find(|c| matches!(c, '/' | '.' | '-' | ' '))?;
    // `1. 12. 2026` and `1.12.2026.` are written in some countries.
    let mut parts = day.trim_end_matches('.').split(between).map(str::trim);
    let parts = [parts.next()?, parts.next()?, parts.next().filter(|_| parts.next().is_none())?];
    parts.iter().all(|p| all_digits(p)).then_some(Parts { parts, between })
}

fn by_order(
    Parts { parts: [a, b, c], between }: &Parts,
    order: Option<DateOrder>,
    month_first: bool,
) -> Option<NaiveDate> {
    let build = |y: &str, m: &str, d: &str| {
        let (m, d) = (m.parse().ok().filter(|_| m.len() <= 2)?, d.parse().ok().filter(|_| d.len() <= 2)?);
        NaiveDate::from_ymd_opt(year(y)?, m, d)
    };
    if a.len() == 4 {
        return build(a, b, c);
    }
    match order {
        Some(DateOrder::DayFirst) => build(c, b, a),
        Some(DateOrder::MonthFirst) => build(c, a, b),
        Some(DateOrder::YearFirst) => build(a, b, c),
        None if month_first && *between != '.' => build(c, a, b).or_else(|| build(c, b, a)),
        None => build(c, b, a).or_else(|| build(c, a, b)),
    }
}

fn year(text: &str) -> Option<i32> {
    let year: i32 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 => Some(if year < PIVOT { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

/// A day with its month's name, in any order in which the year comes last or first.
fn named(day: &str, months: &Months) -> Option<NaiveDate> {
    const LITTLE_WORDS: [&str; 9] = ["de", "del", "of", "den", "der", "le", "el", "il", "the"];
    let (mut month, mut numbers): (Option<u32>, Vec<&str>) = (None, Vec::new());
    let words = day.split([' ', ',', '-', '/', '\u{a0}', '\u{202f}']).filter(|w| !w.is_empty());
    for (at, word) in words.enumerate() {
        let folded = text::fold(word.trim_end_matches('.'));
        if let Some(found) = months.0.get(&folded) {
            if month.replace(*found).is_some() {
                return None;
            }
        } else if folded.starts_with(|c: char| c.is_ascii_digit()) {
            numbers.push(ordinal(word)?);
        } else if !(LITTLE_WORDS.contains(&folded.as_str()) || at == 0 && is_weekday(&folded)) {
            return None;
        }
    }
    let [first, second] = numbers[..] else { return None };
    let (day, of) = if first.len() == 4 { (second, first) } else { (first, second) };
    NaiveDate::from_ymd_opt(year(of)?, month?, day.parse().ok()?)
}

/// `1st`, `2.`, `1er` without their endings.
fn ordinal(word: &str) -> Option<&str> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    ["", ".", "st", "nd", "rd", "th", "er", "º"].contains(&&word[end..]).then_some(&word[..end])
}

/// By their first letters, in the languages of the locales.
fn is_weekday(folded: &str) -> bool {
    const STARTS: [&str; 36] = [
        "mon", "tue", "wed", "thu", "fri", "sat", "sun", "mo", "di", "mi", "do", "fr", "sa", "so", "lun", "mar", "mer",
        "jeu", "ven", "sam", "dim", "ma", "wo", "vr", "za", "zo", "mie", "jue", "vie", "sab", "dom", "gio", "tis",
        "ons", "tors", "seg",
    ];
    STARTS.iter().any(|start| folded.starts_with(start))
}

/// Days since 1899-12-30, for 1954 to 2119: smaller numbers are likelier to be something else. The fraction is the time.
fn excel_day(cell: &str) -> Option<(NaiveDate, Option<NaiveTime>)> {
    let number: f64 = cell.parse().ok().filter(|n| (20_000.0..80_000.0).contains(n))?;
    let day = NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(Days::new(number as u64))?;
    let seconds = (number.fract() * 86_400.0).round() as u32;
    Some((day, (seconds > 0).then(|| NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)).flatten()))
}

/// What the cells of a column say of its order; `Err` for a date that could be read either way.
pub(super) fn evidence(cell: &str) -> Option<Result<DateOrder, ()>> {
    let (day, _) = split_time(cell);
    let Parts { parts: [a, b, c], .. } = numbers(day)?;
    let (first, second): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
    if a.len() == 4 {
        return Some(Ok(DateOrder::YearFirst)).filter(|_| second <= 12);
    }
    year(c)?;
    match (first, second) {
        (1..=12, 1..=12) if first == second => None,
        (1..=12, 1..=12) => Some(Err(())),
        (13..=31, 1..=12) => Some(Ok(DateOrder::DayFirst)),
        (1..=12, 13..=31) => Some(Ok(DateOrder::MonthFirst)),
        _ => None,
    }
}
