//! A cell's text as the value that is kept: the same laws as forms have, plus the ways other programs write dates and numbers.

use crate::kernel::{Currency, FieldKind, calendar, countries, money, people, text};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Value as Json, json};
use std::{collections::HashMap, sync::LazyLock};

/// How this organisation's people write.
#[derive(Clone, Debug)]
pub struct Custom {
    /// ISO 3166: for phone numbers without a country code.
    pub region: String,
    pub zone: Tz,
    pub month_first: bool,
}

/// A value as Postgres reads it and as an event shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub sql: String,
    pub json: Json,
}

impl Value {
    fn text(text: impl Into<String>) -> Self {
        let sql = text.into();
        Self { json: Json::String(sql.clone()), sql }
    }

    pub fn list(items: Vec<String>) -> Self {
        let quoted: Vec<String> =
            items.iter().map(|i| format!("\"{}\"", i.replace('\\', "\\\\").replace('"', "\\\""))).collect();
        Self { sql: format!("{{{}}}", quoted.join(",")), json: json!(items) }
    }
}

/// `cell` is trimmed and not empty.
pub fn parse(kind: FieldKind, max: usize, cell: &str, custom: &Custom) -> Result<Value, String> {
    match kind {
        FieldKind::Text | FieldKind::LongText => plain(cell, max).map(Value::text),
        FieldKind::Email => Ok(Value::text(people::parse_email(cell)?)),
        FieldKind::Emails => each(cell, |part| Ok(people::parse_email(part)?)),
        FieldKind::Phone => phone(cell, custom).map(Value::text),
        FieldKind::Phones => each(cell, |part| phone(part, custom)),
        FieldKind::Domain => {
            text::domain(cell).map(Value::text).ok_or_else(|| "must be a web domain, such as example.com".into())
        }
        FieldKind::Country => country(cell).map(Value::text),
        FieldKind::Integer => whole(cell),
        FieldKind::Percent => percent(cell),
        FieldKind::Money => Ok(Value::text(money::parse_amount(cell)?.to_string())),
        FieldKind::Currency => Ok(Value::text(cell.parse::<Currency>()?.code())),
        FieldKind::Date => date(cell, custom).map(|d| Value::text(d.to_string())),
        FieldKind::DateTime => moment(cell, custom).map(|at| Value::text(at.to_rfc3339())),
        FieldKind::Bool => bool(cell),
        FieldKind::Choice(choices) => choice(cell, choices),
        FieldKind::Member | FieldKind::Company | FieldKind::Contact | FieldKind::Pipeline | FieldKind::Stage => {
            plain(cell, max).map(Value::text)
        }
    }
}

fn plain(cell: &str, max: usize) -> Result<String, String> {
    if cell.chars().count() > max {
        return Err(format!("is too long: at most {max} characters"));
    }
    Ok(cell.replace("\r\n", "\n"))
}

/// Several values in one cell, as Google (` ::: `) and people (`;`, `,`) write them.
fn each(cell: &str, parse: impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    let parts = cell.split([';', ',']).flat_map(|p| p.split(":::")).map(str::trim).filter(|p| !p.is_empty());
    let mut items: Vec<String> = Vec::new();
    for part in parts {
        let item = parse(part)?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.len() > 20 { Err("holds more than 20 values".into()) } else { Ok(Value::list(items)) }
}

fn phone(cell: &str, custom: &Custom) -> Result<String, String> {
    Ok(people::parse_phone(cell, Some(&custom.region))?)
}

/// Folded names and codes → alpha-2. Looking each up in the standard's table would cost more than all else in a row.
static COUNTRIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut names: HashMap<String, &'static str> = HashMap::new();
    for (code, name) in countries::all() {
        let formal = rust_iso3166::from_alpha2(code);
        let words = [Some(code), formal.map(|c| c.alpha3), formal.map(|c| c.name), Some(name.as_str())];
        for word in words.into_iter().flatten() {
            names.insert(text::fold(word), code);
        }
    }
    names
});

/// By code or name; one letter wrong is forgiven where it leaves no doubt (`Philipines`).
fn country(cell: &str) -> Result<String, String> {
    let folded = text::fold(cell);
    if let Some(code) = COUNTRIES.get(&folded) {
        return Ok((*code).to_owned());
    }
    countries::parse(cell).or_else(|error| {
        let mut near = COUNTRIES.iter().filter(|(name, _)| name.len() >= 6 && one_letter_off(name, &folded));
        match (near.next(), near.next()) {
            (Some((_, code)), None) => Ok((*code).to_owned()),
            _ => Err(error.to_owned()),
        }
    })
}

/// One letter more, less or other.
fn one_letter_off(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    head + tail + 1 >= a.len().max(b.len())
}

fn whole(cell: &str) -> Result<Value, String> {
    const ERROR: &str = "must be a whole number, 0 or more";
    let number = money::parse_amount(cell).map_err(|_| ERROR)?;
    let number = Some(number).filter(Decimal::is_integer).ok_or(ERROR)?.to_i32().ok_or("is too large")?;
    Ok(Value { sql: number.to_string(), json: json!(number) })
}

fn percent(cell: &str) -> Result<Value, String> {
    const ERROR: &str = "must be a percentage from 0 to 100";
    let number = money::parse_amount(cell.trim_end_matches('%').trim()).map_err(|_| ERROR)?;
    let rounded = number.round().to_i16().filter(|n| (0..=100).contains(n)).ok_or(ERROR)?;
    Ok(Value { sql: rounded.to_string(), json: json!(rounded) })
}

fn bool(cell: &str) -> Result<Value, String> {
    let value = match text::fold(cell).as_str() {
        "true" | "t" | "yes" | "y" | "1" | "x" | "on" | "ja" | "oui" | "si" => true,
        "false" | "f" | "no" | "n" | "0" | "off" | "nein" | "nee" | "non" => false,
        _ => return Err("must be yes or no".into()),
    };
    Ok(Value { sql: value.to_string(), json: json!(value) })
}

/// Words of other systems for a choice of ours, folded.
const WORDS: &[(&str, &str)] = &[
    ("subscriber", "lead"),
    ("other", "lead"),
    ("new", "lead"),
    ("marketing qualified lead", "qualified"),
    ("sales qualified lead", "qualified"),
    ("opportunity", "qualified"),
    ("evangelist", "customer"),
    ("client", "customer"),
    ("former customer", "former"),
    ("churned", "former"),
];

fn choice(cell: &str, choices: &[(&str, &str)]) -> Result<Value, String> {
    let folded = text::fold(cell);
    let word = WORDS.iter().find(|(word, _)| *word == folded).map(|(_, key)| *key);
    let key = choices
        .iter()
        .find(|(key, label)| text::fold(key) == folded || text::fold(label) == folded || Some(*key) == word)
        .map(|(key, _)| *key);
    let labels: Vec<&str> = choices.iter().map(|(_, label)| *label).collect();
    key.map(Value::text).ok_or_else(|| format!("must be one of {}", labels.join(", ")))
}

/// ISO 8601, `31/12/2026` in the organisation's order of day and month (an impossible month turns it round), `31.12.2026`,
/// `31 Dec 2026`, `Dec 31, 2026`, and Excel's day numbers.
pub fn date(cell: &str, custom: &Custom) -> Result<NaiveDate, String> {
    const ERROR: &str = "must be a date, such as 2026-11-28";
    if let Ok(at) = DateTime::parse_from_rfc3339(cell) {
        return checked(at.with_timezone(&custom.zone).date_naive());
    }
    let day = cell.split(['T', ' ']).next().unwrap_or(cell);
    if let Ok(date) = calendar::parse_date(day) {
        return Ok(date);
    }
    let order: [&str; 2] = if custom.month_first { ["%m/%d/%Y", "%d/%m/%Y"] } else { ["%d/%m/%Y", "%m/%d/%Y"] };
    let forms = ["%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d"];
    let found = order.iter().chain(&forms).find_map(|form| NaiveDate::parse_from_str(day, form).ok());
    let named = || {
        ["%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y"]
            .iter()
            .find_map(|form| NaiveDate::parse_from_str(cell, form).ok())
    };
    found.or_else(named).or_else(|| excel_day(cell)).map_or_else(|| Err(ERROR.into()), checked)
}

fn checked(date: NaiveDate) -> Result<NaiveDate, String> {
    if (1900..=2200).contains(&date.year()) { Ok(date) } else { Err("must lie between 1900 and 2200".into()) }
}

/// Days since 1899-12-30, for 1954 to 2119: smaller numbers are likelier to be something else.
fn excel_day(cell: &str) -> Option<NaiveDate> {
    let number: f64 = cell.parse().ok().filter(|n| (20_000.0..80_000.0).contains(n))?;
    NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(chrono::Days::new(number as u64))
}

/// A moment; a bare date is noon of that day where the organisation is, so that it is the same day in most of the world.
pub fn moment(cell: &str, custom: &Custom) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(cell) {
        checked(at.date_naive())?;
        return Ok(at.with_timezone(&Utc));
    }
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(cell, form) {
            checked(local.date())?;
            return Ok(in_zone(local, custom.zone));
        }
    }
    date(cell, custom).map(|day| noon(day, custom.zone))
}

pub fn noon(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    in_zone(day.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default()), zone)
}

fn in_zone(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    zone.from_local_datetime(&local)
        .earliest()
        .map_or_else(|| Utc.from_utc_datetime(&local), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(month_first: bool) -> Custom {
        Custom { region: "NL".into(), zone: chrono_tz::Europe::Amsterdam, month_first }
    }

    fn sql(kind: FieldKind, cell: &str) -> Result<String, String> {
        parse(kind, 255, cell, &custom(false)).map(|v| v.sql)
    }

    #[test]
    fn cells_as_other_programs_write_them() {
        for (kind, cell, kept) in [
            (FieldKind::Date, "2017-03-01", "2017-03-01"),
            (FieldKind::Date, "01/03/2017", "2017-03-01"),
            (FieldKind::Date, "12/31/2017", "2017-12-31"),
            (FieldKind::Date, "31.12.2017", "2017-12-31"),
            (FieldKind::Date, "1 Mar 2017", "2017-03-01"),
            (FieldKind::Date, "45631.0", "2024-12-05"),
            (FieldKind::Date, "2006-06-15T20:47:07.000Z", "2006-06-15"),
            (FieldKind::Percent, "50.0", "50"),
            (FieldKind::Percent, "35 %", "35"),
            (FieldKind::Integer, "1,200", "1200"),
            (FieldKind::Integer, "9395.0", "9395"),
            (FieldKind::Country, "Korea", "KR"),
            (FieldKind::Country, "deu", "DE"),
            (FieldKind::Country, "Panama", "PA"),
            (FieldKind::Country, "Philipines", "PH"),
            (FieldKind::Phone, "020 123 4567", "+31201234567"),
            (FieldKind::Emails, "A@x.nl ::: b@x.nl", "{\"a@x.nl\",\"b@x.nl\"}"),
            (FieldKind::Bool, "Yes", "true"),
            (FieldKind::Money, "1.234,50", "1234.5"),
        ] {
            assert_eq!(sql(kind, cell), Ok(kept.to_owned()), "{cell}");
        }
        let american = date("03/01/2017", &custom(true)).map(|d| d.to_string());
        assert_eq!(american, Ok("2017-03-01".into()));
    }

    #[test]
    fn what_cannot_be_right_is_refused() {
        for (kind, cell) in [
            (FieldKind::Date, "99999-01-01"),
            (FieldKind::Date, "31/02/2017"),
            (FieldKind::Percent, "101"),
            (FieldKind::Integer, "2.5"),
            (FieldKind::Money, "-3"),
            (FieldKind::Country, "Atlantis"),
            (FieldKind::Phone, "phone work"),
        ] {
            assert!(sql(kind, cell).is_err(), "{cell}");
        }
    }
}
