//! E-mail addresses, phone numbers and countries in the one form they are kept in.

use phonenumber::{Mode, PhoneNumber, country};
use std::{
    collections::HashMap,
    str::FromStr,
    sync::{LazyLock, Mutex, PoisonError},
};

/// An address in lower case, as deliverable as can be told without asking (RFC 5321 lengths).
pub fn parse_email(text: &str) -> Result<String, &'static str> {
    let mut text = text.trim().to_lowercase();
    // As mail servers know a domain of other letters (RFC 5891).
    if let Some((local, domain)) = text.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii())
        && let Ok(url::Host::Domain(ascii)) = url::Host::parse(domain)
    {
        text = format!("{local}@{ascii}");
    }
    let valid = text.len() <= 254
        && text.is_ascii()
        && lettre::Address::from_str(&text).is_ok_and(|a| a.domain().contains('.') && !a.domain().starts_with('['));
    if valid { Ok(text) } else { Err("must be an e-mail address, such as ada@example.com") }
}

/// A phone number in E.164. `region` (ISO 3166) reads numbers written without a country code: those must be ones that can be there.
pub fn parse_phone(text: &str, region: Option<&str>) -> Result<String, &'static str> {
    const ERROR: &str = "must be a phone number with its country code, such as +31 20 123 4567";
    let text = text.trim();
    if text.len() > 40 {
        return Err(ERROR);
    }
    let region = region.and_then(|r| country::Id::from_str(r).ok());
    let number = match abroad(text) {
        Some(number) => number,
        None => phonenumber::parse(region, text).ok().filter(PhoneNumber::is_valid).ok_or(ERROR)?,
    };
    let e164 = number.format().mode(Mode::E164).to_string();
    // Of the North American plan every number has ten digits, and none begins with 0 or 1.
    if e164.strip_prefix("+1").is_some_and(|rest| rest.len() != 10 || rest.starts_with(['0', '1'])) {
        return Err(ERROR);
    }
    if (8..=16).contains(&e164.len()) { Ok(e164) } else { Err(ERROR) }
}

/// A number that names its country. It is read without a region: one whose national numbers begin with a zero of their own (Italy's)
/// would lose it where the region's trunk prefix is that zero.
fn abroad(text: &str) -> Option<PhoneNumber> {
    if text.starts_with(['+', '＋']) {
        return phonenumber::parse(None, text).ok();
    }
    // As dialled from most of the world; elsewhere `00` may begin something else, which then is no number.
    let number = phonenumber::parse(None, format!("+{}", text.strip_prefix("00")?)).ok()?;
    number.is_valid().then_some(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_of_other_letters_are_kept_as_mail_servers_know_them() {
        assert_eq!(parse_email("Jan@Müller.de"), Ok("jan@xn--mller-kva.de".to_owned()));
        for text in ["jän@mueller.de", "jan@müller", "jan@mü ller.de"] {
            assert!(parse_email(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_that_name_their_country_keep_its_zeros() {
        for text in ["+390612345678", "+39 06 1234 5678", "0039 06 1234 5678", "+39 (06) 12345678"] {
            for region in [None, Some("NL"), Some("IT"), Some("US")] {
                if region.is_some() || text.starts_with('+') {
                    assert_eq!(parse_phone(text, region), Ok("+390612345678".to_owned()), "{text} {region:?}");
                }
            }
        }
        assert_eq!(parse_phone("+225 01 23 45 67 89", Some("NL")), Ok("+2250123456789".to_owned()));
        assert_eq!(parse_phone("+49 (0)30 123456", Some("NL")), Ok("+4930123456".to_owned()));
        assert_eq!(parse_phone("020 123 4567", Some("NL")), Ok("+31201234567".to_owned()));
        assert_eq!(parse_phone("06 1234 5678", Some("IT")), Ok("+390612345678".to_owned()));
        assert_eq!(parse_phone("(212) 555-0142", Some("US")), Ok("+12125550142".to_owned()));
        assert!(parse_phone("0301234567", Some("US")).is_err(), "a Dutch number, or none at all");
        for elsewhere in ["020-1234567", "0612345678", "1234567890123", "12345678"] {
            assert!(parse_phone(elsewhere, Some("GB")).is_err(), "no number of Britain: {elsewhere}");
        }
        assert_eq!(format_phone("+390612345678", Some("NL")), "+39 06 1234 5678");
    }
}
