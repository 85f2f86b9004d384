//! A cell's text as the value that is kept: the same laws as forms have, plus the ways other programs write dates and numbers.

mod dates;
mod detect;
mod words;

#[allow(unused_imports, reason = "what the wizard's pages choose from")]
pub use self::dates::DateOrder;
pub use crate::kernel::numbers::DecimalMark;
pub use dates::noon;
pub use detect::{Detected, Formats, detect_formats};

use crate::{
    features::{
        fields::{Choice, Kind},
        tags,
    },
    kernel::{Currency, FieldKind, Locale, money, numbers, people, text},
};
use chrono_tz::Tz;
use dates::Months;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Value as Json, json};

/// How this organisation's people write.
#[derive(Clone, Debug)]
pub struct Custom {
    /// ISO 3166: for phone numbers without a country code.
    pub region: String,
    pub zone: Tz,
    pub month_first: bool,
    pub mark: DecimalMark,
    months: Months,
}

impl Custom {
    pub fn new(locale: Locale, zone: Tz) -> Self {
        Self {
            region: locale.region().to_owned(),
            zone,
            month_first: locale.tag() == "en-US",
            mark: locale.mark(),
            months: Months::of(locale),
        }
    }
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

/// `cell` is trimmed and not empty; `formats` are those of its column.
pub fn parse(kind: FieldKind, max: usize, cell: &str, custom: &Custom, formats: Formats) -> Result<Value, String> {
    match kind {
        FieldKind::Text | FieldKind::LongText => plain(cell, max).map(Value::text),
        FieldKind::Email => Ok(Value::text(people::parse_email(cell)?)),
        FieldKind::Emails => each(cell, |part| Ok(people::parse_email(part)?)),
        FieldKind::Phone => phone(cell, &custom.region),
        FieldKind::Phones => phones(cell, &custom.region),
        FieldKind::Domain => {
            text::domain(cell).map(Value::text).ok_or_else(|| "must be a web domain, such as example.com".into())
        }
        FieldKind::Country => words::country(cell).map(Value::text),
        FieldKind::Integer => whole(cell, formats, custom),
        FieldKind::Percent => percent(cell, formats, custom),
        FieldKind::Money => amount(cell, formats, custom),
        FieldKind::Currency => Ok(Value::text(cell.parse::<Currency>()?.code())),
        FieldKind::Date => dates::date(cell, formats.dates, custom).map(|d| Value::text(d.to_string())),
        FieldKind::DateTime => dates::moment(cell, formats.dates, custom).map(|at| Value::text(at.to_rfc3339())),
        FieldKind::Bool => bool(cell),
        FieldKind::Choice(choices) => choice(cell, choices),
        FieldKind::Member | FieldKind::Company | FieldKind::Contact | FieldKind::Pipeline | FieldKind::Stage => {
            plain(cell, max).map(Value::text)
        }
    }
}

/// A cell as the parser of own fields takes it: numbers with a point, ISO dates.
pub fn written(kind: &Kind, cell: &str, formats: Formats, custom: &Custom) -> Result<String, String> {
    Ok(match kind {
        Kind::Integer => money::typed(integer(cell, formats, custom)?),
        Kind::Decimal | Kind::Percent => {
            money::typed(number(cell.trim_end_matches('%').trim(), formats, custom)?.value)
        }
        Kind::Money => {
            let number = number(cell, formats, custom)?;
            not_in_doubt(cell, number.value, formats)?;
            let amount = money::typed(number.value);
            number.currency.map_or(amount.clone(), |currency| format!("{amount} {currency}"))
        }
        Kind::Date => dates::date(cell, formats.dates, custom)?.to_string(),
        Kind::DateTime => dates::moment(cell, formats.dates, custom)?.to_rfc3339(),
        Kind::Bool => words::bool(cell).ok_or("must be yes or no")?.to_string(),
        _ => cell.to_owned(),
    })
}

fn plain(cell: &str, max: usize) -> Result<String, String> {
    if cell.chars().count() > max {
        return Err(format!("is too long: at most {} characters", text::grouped(max)));
    }
    Ok(cell.replace("\r\n", "\n"))
}

/// Several values in one cell, as Google (` ::: `) and people (`;`, `,`) write them.
fn each(cell: &str, parse: impl Fn(&str) -> Result<String, String>) -> Result<Value, String> {
    let mut items: Vec<String> = Vec::new();
    for part in several(cell) {
        let item = parse(part)?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.len() > 20 { Err("holds more than 20 values".into()) } else { Ok(Value::list(items)) }
}

/// The values of a cell that may hold several.
pub fn several(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([';', ',', '|', '\n']).flat_map(|p| p.split(":::")).map(str::trim).filter(|p| !p.is_empty())
}

/// The words of a cell that may hold several of these choices, whose labels may hold what parts them.
pub fn words_of<'c>(choices: &[Choice], cell: &'c str) -> Vec<&'c str> {
    const TOGETHER: usize = 4;
    let known = |word: &str| {
        let folded = text::fold(word);
        choices.iter().any(|c| c.key == word || text::fold(&c.label) == folded)
    };
    let ends: Vec<usize> = cell.match_indices([';', '\n']).map(|(at, _)| at).chain([cell.len()]).collect();
    let (mut words, mut start, mut n) = (Vec::new(), 0, 0);
    while n < ends.len() {
        let longest = (n..ends.len().min(n + TOGETHER)).rev().find(|m| known(cell[start..ends[*m]].trim()));
        let last = longest.unwrap_or(n);
        let piece = cell[start..ends[last]].trim();
        if longest.is_some() {
            words.push(piece)
        } else {
            words.extend(several(piece))
        }
        (start, n) = ((ends[last] + 1).min(cell.len()), last + 1);
    }
    words
}

/// `region` (ISO 3166) reads a number without a country code.
pub fn phone(cell: &str, region: &str) -> Result<Value, String> {
    Ok(Value::text(people::parse_phone(cell, Some(region))?))
}

pub fn phones(cell: &str, region: &str) -> Result<Value, String> {
    each(cell, |part| Ok(people::parse_phone(part, Some(region))?))
}

/// The ISO 3166 code of a country as files write it.
pub fn region(cell: &str) -> Option<String> {
    words::country(cell).ok()
}

/// Tags as programs write them: between `;`, `,`, line breaks or Google's ` ::: `, whose own groups begin with a star.
pub fn tags(cell: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for name in tags::parse(&cell.replace(":::", ";")) {
        let name = match name.strip_prefix("* ") {
            Some("myContacts" | "starred") => continue,
            Some(group) => group.to_owned(),
            None => name,
        };
        if name.chars().count() > tags::LONGEST {
            return Err(format!("holds one of more than {} characters", tags::LONGEST));
        }
        names.push(name);
    }
    Ok(names)
}

/// What has no decimals is in no doubt.
fn integer(cell: &str, formats: Formats, custom: &Custom) -> Result<Decimal, String> {
    match numbers::in_doubt(cell) {
        Some(thousands) if formats.decimal.is_none() => Ok(thousands),
        _ => Ok(number(cell, formats, custom)?.value),
    }
}

fn whole(cell: &str, formats: Formats, custom: &Custom) -> Result<Value, String> {
    const ERROR: &str = "must be a whole number, 0 or more";
    let number = integer(cell, formats, custom).map_err(|_| ERROR)?;
    let number = Some(number).filter(|n| n.is_integer() && (!n.is_sign_negative() || n.is_zero())).ok_or(ERROR)?;
    let number = number.to_i32().ok_or("is too large")?;
    Ok(Value { sql: number.to_string(), json: json!(number) })
}

fn percent(cell: &str, formats: Formats, custom: &Custom) -> Result<Value, String> {
    const ERROR: &str = "must be a percentage from 0 to 100";
    let number = number(cell.trim_end_matches('%').trim(), formats, custom).map_err(|_| ERROR)?.value;
    let rounded = number.round().to_i16().filter(|n| (0..=100).contains(n)).ok_or(ERROR)?;
    Ok(Value { sql: rounded.to_string(), json: json!(rounded) })
}

/// As the column is written; in doubt as the organisation writes.
fn number(cell: &str, formats: Formats, custom: &Custom) -> Result<numbers::Number, String> {
    let doubt = formats.decimal.is_none() && numbers::in_doubt(cell).is_some();
    numbers::number(cell, formats.decimal.or(doubt.then_some(custom.mark)))
}

/// What stands beside an amount is its currency.
fn amount(cell: &str, formats: Formats, custom: &Custom) -> Result<Value, String> {
    let number = number(cell, formats, custom)
        .map_err(|e| if e.starts_with("must be") { "must be an amount, such as 1234.50".to_owned() } else { e })?;
    not_in_doubt(cell, number.value, formats)?;
    Ok(Value::text(money::in_range(number.value)?.to_string()))
}

/// Nobody loses thousands because nothing says how the column is written.
fn not_in_doubt(cell: &str, read: Decimal, formats: Formats) -> Result<(), String> {
    match numbers::in_doubt(cell).filter(|thousands| formats.decimal.is_none() && *thousands > read) {
        None => Ok(()),
        Some(thousands) => {
            Err(format!("may be {} or {thousands}: say at the mapping how numbers are written", read.normalize()))
        }
    }
}

/// The currency written beside an amount (`€ 12`, `12 CHF`, `$ 5`). A sign that several share is of the organisation's if it is one of
/// them, else of the likeliest.
pub fn currency_of(cell: &str, formats: Formats, own: &str) -> Option<Currency> {
    let certain = numbers::number(cell, formats.decimal).ok()?.currency;
    certain.or_else(|| {
        let meant = numbers::currencies(cell);
        meant.iter().find(|code| **code == own).or(meant.first())?.parse().ok()
    })
}

fn bool(cell: &str) -> Result<Value, String> {
    let value = words::bool(cell).ok_or("must be yes or no")?;
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

#[cfg(test)]
mod tests;
