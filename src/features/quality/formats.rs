//! The formats that a rule can ask of a text: well-known ones, and patterns of the organisation's own.
//!
//! A pattern is a regular expression of the `regex` crate, which looks at each character a bounded number of times whatever the
//! pattern says; its compiled size is bounded too. It must match the whole text.

use regex::{Regex, RegexBuilder};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The format that is a pattern of one's own.
pub const PATTERN: &str = "pattern";
/// Longest pattern, in characters.
pub const LONGEST: usize = 500;
/// Of a compiled pattern, in bytes.
const SIZE: usize = 512 << 10;
/// Compiled patterns kept; then they are compiled anew.
const KEPT: usize = 500;

/// A format people know by name.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub key: &'static str,
    pub label: &'static str,
    /// What fits, as the settings show it.
    pub example: &'static str,
    test: Test,
}

#[derive(Clone, Copy, Debug)]
enum Test {
    Pattern(&'static str),
    Iban,
    BusinessEmail,
    /// The rule brings it.
    Own,
}

const fn format(key: &'static str, label: &'static str, example: &'static str, pattern: &'static str) -> Format {
    Format { key, label, example, test: Test::Pattern(pattern) }
}

pub const FORMATS: &[Format] = &[
    format("digits", "Digits only", "204186", "[0-9]+"),
    format("letters", "Letters, spaces, hyphens and apostrophes", "Anne-Marie O’Brien", r"[\p{L}\p{M} '’.\-]+"),
    format("capitals", "Capital letters, digits and hyphens", "AB-1204", "[A-Z0-9-]+"),
    format("postal_nl", "Dutch postal code", "1012 AB", "[1-9][0-9]{3} ?[A-Z]{2}"),
    format("postal_be", "Belgian postal code", "1000", "[1-9][0-9]{3}"),
    format("postal_de", "German postal code", "10115", "[0-9]{5}"),
    format("postal_fr", "French postal code", "75001", "[0-9]{5}"),
    format("postal_gb", "British postal code", "SW1A 1AA", "[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}"),
    format("postal_us", "American ZIP code", "10001 or 10001-1234", "[0-9]{5}(-[0-9]{4})?"),
    format("vat_eu", "European VAT number", "NL123456789B01", "[A-Z]{2}[0-9A-Z+*]{2,12}"),
    Format { key: "iban", label: "IBAN, with its check digits", example: "NL91 ABNA 0417 1643 00", test: Test::Iban },
    Format {
        key: "business_email",
        label: "E-mail address of an organisation, not of a free provider",
        example: "ada@example.com",
        test: Test::BusinessEmail,
    },
    format("https", "Web address with https", "https://example.com", r"https://[^\s]+"),
    format(
        "linkedin",
        "LinkedIn address",
        "https://www.linkedin.com/in/ada",
        r"https://([a-z]{2,3}\.)?linkedin\.com/.+",
    ),
    Format { key: PATTERN, label: "A pattern of your own", example: "", test: Test::Own },
];

/// Where anybody gets an address.
const FREE: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "yahoo.com",
    "ymail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "proton.me",
    "protonmail.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "t-online.de",
    "mail.com",
    "yandex.ru",
    "mail.ru",
    "zoho.com",
    "orange.fr",
    "free.fr",
    "laposte.net",
    "ziggo.nl",
    "kpnmail.nl",
    "hotmail.nl",
    "live.nl",
];

static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

impl Format {
    pub fn find(key: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| format.key == key)
    }

    /// Whether the text is of that format. `own` is the rule's pattern. What is empty is of every format.
    pub fn fits(&self, text: &str, own: &str) -> bool {
        let text = text.trim();
        text.is_empty()
            || match self.test {
                Test::Pattern(pattern) => matches(pattern, text),
                Test::Own => matches(own, text),
                Test::Iban => is_iban(text),
                Test::BusinessEmail => text.rsplit_once('@').is_some_and(|(_, domain)| !FREE.contains(&domain)),
            }
    }
}

/// Reads a pattern of one's own; the message is for who wrote it.
pub fn check(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("is required".into());
    }
    if pattern.chars().count() > LONGEST {
        return Err(format!("is too long: at most {LONGEST} characters"));
    }
    compile(pattern).map(drop).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large: use smaller repetitions".to_owned(),
        other => {
            let told = other.to_string();
            let told = told.lines().last().unwrap_or_default().trim_start_matches("error: ").trim();
            format!("cannot be read: {}", told.chars().take(160).collect::<String>())
        }
    })
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(40).build()
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = compiled.get(pattern) {
        // A clone shares the compiled program; matching goes on without the lock.
        let known = known.clone();
        drop(compiled);
        return known.is_match(text);
    }
    let Ok(fresh) = compile(pattern) else { return true };
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    compiled.insert(pattern.to_owned(), fresh.clone());
    drop(compiled);
    fresh.is_match(text)
}

/// ISO 13616: the number, its first four characters moved to the end and letters read as 10 to 35, leaves 1 when divided by 97.
fn is_iban(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    let shaped = (15..=34).contains(&plain.len())
        && plain.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && plain[..2].iter().all(u8::is_ascii_uppercase)
        && plain[2..4].iter().all(u8::is_ascii_digit);
    if !shaped {
        return false;
    }
    let rest = plain[4..].iter().chain(&plain[..4]).fold(0_u32, |rest, b| {
        let value = if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(key: &str, text: &str) -> bool {
        Format::find(key).is_some_and(|format| format.fits(text, ""))
    }

    #[test]
    fn examples_fit_and_others_do_not() {
        for format in FORMATS.iter().filter(|f| !f.example.is_empty() && f.key != "postal_us") {
            assert!(format.fits(format.example, ""), "{}", format.key);
            assert!(format.fits("  ", ""), "{}", format.key);
        }
        for (key, text) in [
            ("digits", "12a"),
            ("letters", "R2D2"),
            ("postal_nl", "0123 AB"),
            ("postal_us", "1234"),
            ("iban", "NL91 ABNA 0417 1643 01"),
            ("iban", "nl91"),
            ("business_email", "ada@gmail.com"),
            ("https", "http://example.com"),
            ("linkedin", "https://example.com/linkedin.com/"),
        ] {
            assert!(!fits(key, text), "{key}: {text}");
        }
    }

    #[test]
    fn patterns_are_bounded_and_match_the_whole_text() {
        assert!(check("KVK-[0-9]{8}").is_ok());
        assert!(!matches("a|b", "ab") && matches("a|b", "b"));
        for bad in ["", "(", "a{1000}{1000}", &"(".repeat(100), &"a".repeat(501)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        // Exponential for engines that go back.
        assert!(!matches("(a+)+b", &"a".repeat(20_000)));
    }
}
