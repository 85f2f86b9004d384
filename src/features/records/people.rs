//! What the forms of people share, be they contacts or leads: a name in one field or two, further e-mail addresses and numbers.

use super::display;
use crate::{
    kernel::names,
    web::{Form, FormErrors},
};

/// Most further addresses, and numbers, of one person.
const OTHERS: usize = 20;

/// First and last name, also from one `name`; a single word is somebody's first name.
pub fn names(form: &Form) -> (String, String) {
    let (first, last, whole) = (form.get("first_name"), form.get("last_name"), form.get("name"));
    if !first.is_empty() || !last.is_empty() {
        return (first.to_owned(), last.to_owned());
    }
    match names::split(whole) {
        (first, only) if first.is_empty() && !only.contains(' ') => (only, first),
        both => both,
    }
}

/// The further values of a repeated field: read, without repeats, without the primary one.
pub fn others(
    form: &Form,
    key: &str,
    primary: Option<&str>,
    errors: &mut FormErrors,
    parse: impl Fn(&str) -> Result<String, &'static str>,
) -> Vec<Option<String>> {
    let mut kept: Vec<String> = Vec::new();
    for text in display::many(form, key) {
        match parse(&text) {
            Ok(value) if Some(value.as_str()) == primary || kept.contains(&value) => {}
            Ok(value) => kept.push(value),
            Err(told) => {
                let text: String = text.chars().take(60).collect();
                errors.add(key, format!("“{text}” {told}"));
            }
        }
    }
    if kept.len() > OTHERS {
        errors.add(key, format!("are too many: at most {OTHERS}"));
    }
    kept.into_iter().map(Some).collect()
}
