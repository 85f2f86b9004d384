//! Rates as people type them.

use super::commands::NewRate;
use crate::{
    error::AppResult,
    kernel::{Currency, calendar},
    web::Form,
};
use rust_decimal::Decimal;

/// `0.92`, `0,92`: of one kind of separator that stands once, the decimal one. Above zero, at most twelve decimals, below a billion.
pub(super) fn parse_rate(text: &str) -> Result<Decimal, &'static str> {
    const WRONG: &str = "must be a number above zero, such as 0.92";
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’')).collect();
    let (commas, points) = (plain.matches(',').count(), plain.matches('.').count());
    let number = match (commas, points) {
        (1, 0) => plain.replace(',', "."),
        (0, _) => plain,
        (_, 1) if plain.rfind('.') > plain.rfind(',') => plain.replace(',', ""),
        (1, _) => plain.replace('.', "").replace(',', "."),
        _ => return Err(WRONG),
    };
    let only_digits = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rate: Decimal = number.parse().ok().filter(|_| only_digits && number.len() <= 30).ok_or(WRONG)?;
    let rate = rate.normalize();
    match rate {
        rate if rate <= Decimal::ZERO => Err(WRONG),
        rate if rate >= Decimal::from(1_000_000_000) => Err("is too large"),
        rate if rate.scale() > 12 => Err("has more than twelve decimals"),
        rate => Ok(rate),
    }
}

pub(super) fn parse(form: &Form) -> AppResult<NewRate> {
    let mut p = form.parser();
    let currency = p.optional("currency", str::parse::<Currency>);
    let on = p.optional("on", calendar::parse_date);
    let rate = p.optional("rate", parse_rate);
    for (name, missing) in [
        ("currency", form.get("currency").is_empty()),
        ("on", form.get("on").is_empty()),
        ("rate", form.get("rate").is_empty()),
    ] {
        if missing {
            p.error(name, "is required");
        }
    }
    p.finish()?;
    Ok(NewRate {
        currency: currency.unwrap_or(Currency::EUR),
        on: on.unwrap_or_default(),
        rate: rate.unwrap_or_default(),
    })
}
