//! E-mail addresses, phone numbers and countries in the one form they are kept in.

use phonenumber::{Mode, country};
use std::{
    collections::HashMap,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
};

/// An address in lower case, as deliverable as can be told without asking (RFC 5321 lengths).
pub fn parse_email(text: &str) -> Result<String, &'static str> {
    let text = text.trim().to_lowercase();
    let valid = text.len() <= 254
        && text.is_ascii()
        && lettre::Address::from_str(&text).is_ok_and(|a| a.domain().contains('.') && !a.domain().starts_with('['));
    if valid { Ok(text) } else { Err("must be an e-mail address, such as ada@example.com") }
}

/// A phone number in E.164. `region` (ISO 3166) reads numbers written without a country code.
pub fn parse_phone(text: &str, region: Option<&str>) -> Result<String, &'static str> {
    const ERROR: &str = "must be a phone number with its country code, such as +31 20 123 4567";
    let text = text.trim();
    if text.len() > 40 {
        return Err(ERROR);
    }
    let region = region.and_then(|r| country::Id::from_str(r).ok());
    let number = phonenumber::parse(region, text).map_err(|_| ERROR)?;
    let e164 = number.format().mode(Mode::E164).to_string();
    if (8..=16).contains(&e164.len()) { Ok(e164) } else { Err(ERROR) }
}

/// Numbers as shown lately, by region and number: finding a number's plan costs more than the rest of its row in a list.
static SHOWN: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);
/// A few megabytes; then it begins anew.
const SHOWN_MOST: usize = 20_000;

/// An E.164 number as people read it, e.g. `+31 20 123 4567`; national form for numbers of the reader's own country.
pub fn format_phone(e164: &str, region: Option<&str>) -> String {
    let key = format!("{}{e164}", region.unwrap_or_default());
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = shown.get(&key) {
        return text.clone();
    }
    let text = written(e164, region);
    if shown.len() >= SHOWN_MOST {
        shown.clear();
    }
    shown.insert(key, text.clone());
    text
}

fn written(e164: &str, region: Option<&str>) -> String {
    let Ok(number) = phonenumber::parse(None, e164) else { return e164.to_owned() };
    let home = region.and_then(|r| country::Id::from_str(r).ok());
    let mode = if home.is_some() && number.country().id() == home { Mode::National } else { Mode::International };
    number.format().mode(mode).to_string()
}
