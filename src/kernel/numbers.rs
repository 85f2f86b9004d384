//! Numbers as people and programs write them: `1.234,56`, `1,234.56`, `1 234,56`, `1'234.56`, `(123)`, `€ 12`, `12 EUR`, `35 %`.

use super::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const ERROR: &str = "must be a number, such as 1234.50";

/// What stands before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    Point,
    Comma,
}

impl DecimalMark {
    /// Key and words.
    pub const ALL: [(&'static str, DecimalMark, &'static str); 2] =
        [("point", DecimalMark::Point, "1,234.56"), ("comma", DecimalMark::Comma, "1.234,56")];

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(k, ..)| *k == key).map(|(_, mark, _)| *mark)
    }

    fn char(self) -> char {
        match self {
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        }
    }

    fn of(c: char) -> Self {
        if c == ',' { DecimalMark::Comma } else { DecimalMark::Point }
    }
}

/// A number, and the currency that stands beside it, if one alone is meant (`$` is none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: Decimal,
    pub currency: Option<Currency>,
}

/// Without a `mark`, the last separator is the decimal one, unless it is there several times, or is a comma before exactly three digits.
pub fn number(cell: &str, mark: Option<DecimalMark>) -> Result<Number, String> {
    if cell.len() > 60 {
        return Err(ERROR.into());
    }
    let (body, currency) = without_currency(cell.trim())?;
    let (body, negative) = without_sign(&body);
    let plain = if let Some(scientific) = scientific(body) {
        scientific
    } else {
        plain(body, mark)?.parse().map_err(|_| ERROR)?
    };
    Ok(Number { value: if negative { -plain } else { plain }, currency })
}

/// Currencies of the signs that mean one alone.
const SIGNS: [(&str, &str); 12] = [
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("zł", "PLN"),
    ("₺", "TRY"),
    ("₽", "RUB"),
    ("₴", "UAH"),
    ("₩", "KRW"),
    ("₪", "ILS"),
    ("US$", "USD"),
    ("R$", "BRL"),
    ("Fr.", "CHF"),
];
/// Signs of several currencies: taken off, and nothing concluded.
const SHARED: [&str; 4] = ["$", "¥", "kr.", "kr"];

fn without_currency(cell: &str) -> Result<(String, Option<Currency>), String> {
    // A bracket or a minus may stand outside of the sign.
    let (open, inner) = match cell.strip_prefix('(').and_then(|c| c.strip_suffix(')')) {
        Some(inner) => ("(", inner.trim()),
        None => ("", cell),
    };
    let (minus, inner) = match inner.strip_prefix(['-', '−', '–']) {
        Some(rest) => ("-", rest.trim()),
        None => ("", inner),
    };
    let code = |text: &str| text.parse::<Currency>().ok().filter(|_| text.chars().all(|c| c.is_ascii_alphabetic()));
    let stripped = |sign: &str| inner.strip_prefix(sign).or_else(|| inner.strip_suffix(sign)).map(str::trim);
    let shared = || SHARED.iter().find_map(|sign| stripped(sign)).map(|rest| (rest, None));
    let signed = || SIGNS.iter().find_map(|(sign, code)| Some((stripped(sign)?, code.parse().ok())));
    let coded = || {
        let first = inner.get(..3).and_then(|t| Some((inner.get(3..)?.trim(), Some(code(t)?))));
        let at = inner.len().checked_sub(3)?;
        first.or_else(|| Some((inner.get(..at)?.trim(), Some(code(inner.get(at..)?)?))))
    };
    let (rest, currency) = signed().or_else(shared).or_else(coded).unwrap_or((inner, None));
    let close = if open.is_empty() { "" } else { ")" };
    Ok((format!("{open}{minus}{rest}{close}"), currency))
}

fn without_sign(body: &str) -> (&str, bool) {
    if let Some(inner) = body.strip_prefix('(').and_then(|b| b.strip_suffix(')')) {
        return (inner.trim(), true);
    }
    let minus = ['-', '−', '–'];
    if let Some(rest) = body.strip_prefix(minus).or_else(|| body.strip_suffix(minus)) {
        return (rest.trim(), true);
    }
    (body.strip_prefix('+').unwrap_or(body).trim(), false)
}

/// `1.5E+06`, as spreadsheets write large numbers into text.
fn scientific(body: &str) -> Option<Decimal> {
    let (mantissa, exponent) = body.split_once(['e', 'E'])?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| (-20..=20).contains(e))?;
    digits(mantissa).then(|| Decimal::from_scientific(&format!("{mantissa}e{exponent}")).ok()).flatten()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’' | '_')
}

/// Digits and at most one point.
fn plain(body: &str, mark: Option<DecimalMark>) -> Result<String, String> {
    let wrong = || ERROR.to_owned();
    if !body.chars().all(|c| c.is_ascii_digit() || is_space(c) || matches!(c, '.' | ',')) || body.is_empty() {
        return Err(wrong());
    }
    let at = decimal_at(body, mark);
    let (whole, decimals) = at.map_or((body, ""), |at| (&body[..at], &body[at + 1..]));
    if decimals.contains(|c: char| !c.is_ascii_digit()) || !is_grouped(whole) {
        return Err(wrong());
    }
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() && decimals.is_empty() {
        return Err(wrong());
    }
    let digits = if digits.is_empty() { "0" } else { &digits };
    Ok(if decimals.is_empty() { digits.to_owned() } else { format!("{digits}.{decimals}") })
}

/// Where the decimals begin.
fn decimal_at(body: &str, mark: Option<DecimalMark>) -> Option<usize> {
    let (comma, point) = (body.rfind(','), body.rfind('.'));
    let (at, other) = match (comma, point) {
        (Some(comma), Some(point)) if mark.is_none() => return Some(comma.max(point)),
        (Some(_), Some(_)) => return body.rfind(mark?.char()),
        (Some(at), None) | (None, Some(at)) => (at, DecimalMark::of(body[at..].chars().next()?)),
        (None, None) => return None,
    };
    let several = body.matches(other.char()).count() > 1;
    let three = body.len() - at - 1 == 3 && !matches!(&body[..at], "" | "0");
    match mark {
        _ if several => None,
        // Before anything but three digits it cannot be a mark of thousands.
        Some(mark) => (mark == other || !three).then_some(at),
        None => (other == DecimalMark::Point || !three).then_some(at),
    }
}

/// Whether marks of thousands are all the same and stand where they can: before three digits, or before two as in India.
fn is_grouped(whole: &str) -> bool {
    let mut marks = whole.chars().filter(|c| !c.is_ascii_digit());
    let Some(mark) = marks.next() else { return true };
    let same = marks.all(|c| c == mark || is_space(c) && is_space(mark));
    let groups: Vec<&str> = whole.split(|c: char| !c.is_ascii_digit()).collect();
    let [first, middle @ .., last] = &groups[..] else { return false };
    let sizes = |size: usize| middle.iter().all(|group| group.len() == size);
    same && (1..=3).contains(&first.len())
        && last.len() == 3
        && (sizes(3) || mark == ',' && sizes(2) && first.len() <= 2)
}

/// What a cell says of the column's decimal mark; `Err` for a number that could be read either way.
pub fn evidence(cell: &str) -> Option<Result<DecimalMark, ()>> {
    let (body, _) = without_currency(cell.trim().trim_end_matches('%').trim()).ok()?;
    let (body, _) = without_sign(&body);
    let read = |mark| plain(body, Some(mark)).ok();
    let (point, comma) = (read(DecimalMark::Point), read(DecimalMark::Comma));
    let lone = !(body.contains(',') && body.contains('.')) && body.contains([',', '.']);
    match (point, comma) {
        (Some(a), Some(b)) if a != b => Some(Err(())),
        (Some(_), Some(_)) if lone => {
            let at = decimal_at(body, None);
            let c = body.chars().find(|c| matches!(c, '.' | ','))?;
            let other = if c == ',' { DecimalMark::Point } else { DecimalMark::Comma };
            Some(Ok(if at.is_some() { DecimalMark::of(c) } else { other }))
        }
        (Some(_), None) => Some(Ok(DecimalMark::Point)),
        (None, Some(_)) => Some(Ok(DecimalMark::Comma)),
        _ => None,
    }
}

/// The larger reading of a number whose lone mark stands before three digits, so that it may be of thousands or of decimals.
pub fn in_doubt(cell: &str) -> Option<Decimal> {
    let read = |mark| number(cell, Some(mark)).ok().map(|number| number.value);
    let (point, comma) = (read(DecimalMark::Point)?, read(DecimalMark::Comma)?);
    (point != comma).then(|| if point.abs() > comma.abs() { point } else { comma })
}

/// Codes of the currencies that the sign in a text can mean, the likeliest first; none when there is no sign.
pub fn currencies(text: &str) -> &'static [&'static str] {
    let signs: [(&str, &[&str]); 6] = [
        ("€", &["EUR"]),
        ("£", &["GBP", "EGP", "FKP", "GIP", "SHP", "SSP", "SYP"]),
        ("₹", &["INR"]),
        ("₺", &["TRY"]),
        ("¥", &["JPY", "CNY"]),
        ("$", DOLLARS),
    ];
    signs.iter().find(|(sign, _)| text.contains(sign)).map_or(&[], |(_, codes)| codes)
}

/// Whose sign is `$`, those of pesos included.
const DOLLARS: &[&str] = &[
    "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "BRL", "CLP", "COP", "UYU", "DOP", "CUP", "BBD",
    "BMD", "BND", "BSD", "BZD", "FJD", "GYD", "JMD", "KYD", "LRD", "NAD", "SBD", "SRD", "TTD", "XCD", "CVE", "MOP",
    "NIO", "TOP", "WST", "ZWL",
];
