//! Money: a decimal amount in an ISO 4217 currency. Amounts of different currencies never add up.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use std::{fmt, str::FromStr};

/// The largest amount `NUMERIC(19,4)` holds, exclusive.
const LIMIT: i64 = 1_000_000_000_000_000;

/// An ISO 4217 currency in use, e.g. `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Currency = Currency(*b"EUR");

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The sign people write before an amount; the code itself where there is no common sign.
    pub fn symbol(&self) -> String {
        match self.code() {
            "EUR" => "€".into(),
            "USD" => "$".into(),
            "GBP" => "£".into(),
            "JPY" => "¥".into(),
            "INR" => "₹".into(),
            code => format!("{code}\u{a0}"),
        }
    }

    /// Digits after the point (ISO 4217 "minor unit"): 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn digits(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|c| c.exponent()).unwrap_or(2).into()
    }

    /// Code and name of every currency in use, by code.
    pub fn all() -> Vec<(String, String)> {
        use iso_currency::IntoEnumIterator;
        let mut all: Vec<(String, String)> = iso_currency::Currency::iter()
            .filter(|c| c.exponent().is_some())
            .map(|c| (c.code().to_owned(), c.name().to_owned()))
            .collect();
        all.sort_unstable();
        all
    }
}

impl FromStr for Currency {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let code = s.trim().to_ascii_uppercase();
        match iso_currency::Currency::from_code(&code) {
            Some(c) if c.exponent().is_some() => {
                code.as_bytes().try_into().map(Currency).map_err(|_| "must be a three-letter currency code")
            }
            _ => Err("must be an ISO 4217 currency code, such as EUR"),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Money {
    pub amount: Decimal,
    pub currency: Currency,
}

impl Money {
    pub fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// From the two columns a row keeps; an unknown code (retired since) is shown as it is.
    pub fn from_columns(amount: Decimal, code: &str) -> Self {
        let mut bytes = *b"XXX";
        if code.len() == 3 {
            bytes.copy_from_slice(code.as_bytes());
        }
        Self { amount, currency: Currency(bytes) }
    }

    /// Short, for cards: €12.4k, €2.86M, €950. Rounded half away from zero.
    pub fn short(&self) -> String {
        let (scaled, suffix) = match self.amount.abs().to_f64().unwrap_or(0.0) {
            a if a >= 999_950_000_000.0 => (self.amount / Decimal::from(1_000_000_000_000_i64), "T"),
            a if a >= 999_950_000.0 => (self.amount / Decimal::from(1_000_000_000), "B"),
            a if a >= 999_950.0 => (self.amount / Decimal::from(1_000_000), "M"),
            a if a >= 1_000.0 => (self.amount / Decimal::from(1_000), "k"),
            _ => (self.amount, ""),
        };
        let digits = match suffix {
            "" => 0,
            "k" => 1,
            _ => 2,
        };
        let rounded = scaled.round_dp_with_strategy(digits, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
        format!("{}{rounded:.prec$}{suffix}", self.currency.symbol(), prec = digits as usize)
    }
}

/// Whether a column of ours holds it: not negative, below 10^15.
pub fn fits(amount: Decimal) -> bool {
    !amount.is_sign_negative() && amount < Decimal::from(LIMIT)
}

/// Reads an amount as people type it: `1234.5`, `1,234.50`, `1.234,50`, `1 234`, `€ 1'234`. Never negative; at most four
/// decimals and below 10^15.
pub fn parse_amount(text: &str) -> Result<Decimal, &'static str> {
    let amount = number(text).ok_or("must be a number, such as 1234.50")?;
    if amount.is_sign_negative() && !amount.is_zero() {
        return Err("must not be negative");
    }
    if amount >= Decimal::from(LIMIT) {
        return Err("is too large");
    }
    if amount.scale() > 4 {
        return Err("has more than four decimals");
    }
    Ok(amount)
}

/// Reads a number as people type it, below zero too: at most `places` decimals, between -10^15 and 10^15.
pub fn parse_decimal(text: &str, places: u32) -> Result<Decimal, String> {
    let number = number(&text.replace('\u{2212}', "-")).ok_or("must be a number, such as 1234.5")?;
    if number.abs() >= Decimal::from(LIMIT) {
        return Err("is too large".into());
    }
    match number.scale() {
        scale if scale <= places => Ok(number),
        _ if places == 0 => Err("must be a whole number".into()),
        _ => Err(format!("has more than {places} decimals")),
    }
}

fn number(text: &str) -> Option<Decimal> {
    let cleaned: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’' | '€' | '$' | '£' | '\u{a0}' | '\u{202f}'))
        .collect();
    if cleaned.is_empty() || cleaned.len() > 40 {
        return None;
    }
    let number = Decimal::from_str(&to_point_decimal(&cleaned)).ok()?.normalize();
    // No negative zero.
    Some(if number.is_zero() { Decimal::ZERO } else { number })
}

/// The last separator is the decimal one, unless it is alone and followed by exactly three digits with a non-zero group before.
fn to_point_decimal(s: &str) -> String {
    let comma = s.rfind(',');
    let point = s.rfind('.');
    let decimal_at = match (comma, point) {
        (Some(c), Some(p)) => Some(c.max(p)),
        (Some(c), None) if s.matches(',').count() > 1 || s.len() - c - 1 == 3 => None,
        (Some(c), None) => Some(c),
        (None, Some(_)) if s.matches('.').count() > 1 => None,
        (None, p) => p,
    };
    s.char_indices()
        .filter_map(|(i, c)| match c {
            ',' | '.' if Some(i) == decimal_at => Some('.'),
            ',' | '.' => None,
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_is_short() {
        let eur = |n: i64| Money::new(Decimal::from(n), Currency::EUR).short();
        assert_eq!(eur(12_400), "€12.4k");
        assert_eq!(eur(2_860_000), "€2.86M");
        assert_eq!(eur(950), "€950");
        assert_eq!(eur(999_999), "€1.00M");
        assert_eq!(eur(999_999_999_999), "€1.00T");
    }

    #[test]
    fn amounts_as_people_type_them() {
        for (text, plain) in [
            ("1234.5", "1234.5"),
            ("1,234.50", "1234.5"),
            ("1.234,50", "1234.5"),
            ("1,234", "1234"),
            ("€ 1 234", "1234"),
            ("0,5", "0.5"),
        ] {
            assert_eq!(parse_amount(text).map(|d| d.to_string()), Ok(plain.to_owned()), "{text}");
        }
        for bad in ["", "-1", "1e400", "NaN", "abc", "1000000000000000", "1.23456", "99999999999999999999999999999999"]
        {
            assert!(parse_amount(bad).is_err(), "{bad}");
        }
    }
}
