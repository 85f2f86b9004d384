//! Money: a decimal amount in an ISO 4217 currency. Amounts of different currencies never add up.

use super::numbers::{self, DecimalMark};
use rust_decimal::Decimal;
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
}

/// Whether a column of ours holds it: not negative, below 10^15.
pub fn fits(amount: Decimal) -> bool {
    !amount.is_sign_negative() && amount < Decimal::from(LIMIT)
}

/// Reads an amount as people type it: `1234.5`, `1,234.50`, `1.234,50`, `1 234`, `€ 1'234`. Never negative; at most four
/// decimals and below 10^15. `mark` is the writer's: `1.234` is more than a thousand to who writes `1.234,50`.
pub fn parse_amount(text: &str, mark: DecimalMark) -> Result<Decimal, &'static str> {
    let amount = number(text, mark).ok_or("must be a number, such as 1234.50")?;
    without_doubt(text, amount, mark)?;
    in_range(amount)
}

/// `50.000` is fifty to some and fifty thousand to others who use the same language: nobody loses thousands without a word.
pub fn without_doubt(text: &str, amount: Decimal, mark: DecimalMark) -> Result<(), &'static str> {
    if amount.scale() < 3 && numbers::in_doubt(text).is_some_and(|thousands| thousands > amount) {
        return Err(match mark {
            DecimalMark::Point => "may mean thousands: write 50000, 50,000 or 50.00",
            DecimalMark::Comma => "may mean thousands: write 50000, 50.000 or 50,00",
        });
    }
    Ok(())
}

/// Like [`parse_amount`], of a control beside which the currency stands: a sign that can only mean another one is refused.
pub fn parse_amount_in(text: &str, mark: DecimalMark, currency: Option<Currency>) -> Result<Decimal, String> {
    let amount = parse_amount(text, mark)?;
    let said = numbers::currencies(text);
    match currency {
        Some(currency) if !said.is_empty() && !said.contains(&currency.code()) => {
            Err(format!("is written with the sign of {}, beside the currency {currency}", said[0]))
        }
        _ => Ok(amount),
    }
}

/// Whether an amount may be kept, which no people typed.
pub fn in_range(amount: Decimal) -> Result<Decimal, &'static str> {
    let amount = amount.normalize();
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

/// For a control whose text is read again: without needless zeros, but never with three decimals, which somebody's mark could make
/// thousands.
pub fn typed(amount: Decimal) -> String {
    let mut amount = amount.normalize();
    if amount.scale() == 3 {
        amount.rescale(4);
    }
    amount.to_string()
}

/// Reads a number as people type it, below zero too: at most `places` decimals, between -10^15 and 10^15.
pub fn parse_decimal(text: &str, places: u32, mark: DecimalMark) -> Result<Decimal, String> {
    // What has no decimals is in no doubt.
    let thousands = numbers::in_doubt(text).filter(|_| places == 0);
    let number = thousands.or_else(|| number(text, mark)).ok_or("must be a number, such as 1234.5")?;
    if number.abs() >= Decimal::from(LIMIT) {
        return Err("is too large".into());
    }
    match number.scale() {
        scale if scale <= places => Ok(number),
        _ if places == 0 => Err("must be a whole number".into()),
        _ => Err(format!("has more than {places} decimals")),
    }
}

/// By the writer's mark where that can be meant; else as the text itself suggests.
fn number(text: &str, mark: DecimalMark) -> Option<Decimal> {
    if text.chars().any(char::is_alphabetic) {
        return None;
    }
    let read = numbers::number(text, Some(mark)).or_else(|_| numbers::number(text, None)).ok()?.value.normalize();
    // No negative zero.
    Some(if read.is_zero() { Decimal::ZERO } else { read })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_people_type_them() {
        use DecimalMark::{Comma, Point};
        for (text, mark, plain) in [
            ("1234.5", Point, "1234.5"),
            ("1,234.50", Point, "1234.5"),
            ("1,234.50", Comma, "1234.5"),
            ("1.234,50", Point, "1234.5"),
            ("1.234,50", Comma, "1234.5"),
            ("1,234", Point, "1234"),
            ("1,234", Comma, "1.234"),
            ("1.234", Point, "1.234"),
            ("1.234", Comma, "1234"),
            ("50.000", Comma, "50000"),
            ("1.234.567", Point, "1234567"),
            ("1234.567", Comma, "1234.567"),
            ("0.125", Comma, "0.125"),
            ("0.500", Point, "0.5"),
            ("€ 1 234", Point, "1234"),
            ("1'234.50", Comma, "1234.5"),
            ("0,5", Point, "0.5"),
        ] {
            assert_eq!(parse_amount(text, mark).map(|d| d.to_string()), Ok(plain.to_owned()), "{text}");
        }
        assert_eq!(parse_amount("50.000", Point), Err("may mean thousands: write 50000, 50,000 or 50.00"));
        assert_eq!(parse_amount("€ 50,000", Comma), Err("may mean thousands: write 50000, 50.000 or 50,00"));
        for bad in [
            "",
            "-1",
            "1e400",
            "NaN",
            "abc",
            "1000000000000000",
            "1.23456",
            "99999999999999999999999999999999",
            "31.12.2026",
            "1,2,3",
            "1 2 3",
            "12 USD",
        ] {
            assert!(parse_amount(bad, Point).is_err() && parse_amount(bad, Comma).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_control_holds_is_read_as_it_was() {
        for text in ["0.001", "12.345", "12.34", "1234.5678", "50000", "1.2", "999.999"] {
            for mark in [DecimalMark::Point, DecimalMark::Comma] {
                let again = text.parse().map(|amount| parse_amount(&typed(amount), mark).map(|read| read.to_string()));
                assert_eq!(again, Ok(Ok(text.to_owned())), "{text}");
            }
        }
    }
}
