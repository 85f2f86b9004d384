//! Forms: parse, don't validate. A posted form becomes a domain value, or itself again with an error beside each field.
//!
//! ```ignore
//! let mut p = form.parser();
//! let name = p.required("name", 200);
//! let amount = p.optional("amount", |text| money::parse_amount(text, actor.locale.mark()));
//! p.finish()?; // Err(FormErrors) when anything above failed
//! ```

use crate::{
    error::{AppError, AppResult},
    kernel::text,
};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode, web};
use std::{collections::BTreeMap, future::Future, pin::Pin, str::FromStr};

/// A field's name and what is wrong with it; the empty name is the form as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormErrors(BTreeMap<String, String>);

impl FormErrors {
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| message.into());
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// What is wrong with fields that the form does not have is said of the form as a whole too. Sentences only: other messages belong
    /// to a control.
    pub fn placed(mut self, form: &Form) -> Self {
        let homeless = |(field, message): (&String, &String)| {
            (!field.is_empty() && !form.has(field) && is_sentence(message)).then(|| message.clone())
        };
        let told: Vec<String> = self.0.iter().filter_map(homeless).collect();
        if !told.is_empty() {
            self.add("", told.join(" "));
        }
        self
    }

    /// All of it in one line: "Amount must be a number; Name is required". A sentence of its own stands alone.
    pub fn summary(&self) -> String {
        let part = |(field, message): (&String, &String)| {
            if field.is_empty() || is_sentence(message) {
                message.clone()
            } else {
                format!("{} {message}", text::sentence(&field.strip_prefix("c_").unwrap_or(field).replace('_', " ")))
            }
        };
        self.0.iter().map(part).collect::<Vec<_>>().join("; ")
    }
}

/// Whether a message begins with what somebody typed, in quotation marks: that stays as it was typed, also where messages begin with a
/// capital letter.
pub fn quotes(message: impl AsRef<str>) -> bool {
    message.as_ref().starts_with(|first: char| !first.is_alphanumeric())
}

/// Messages follow their field's name unless they begin with a capital letter.
fn is_sentence(message: &str) -> bool {
    message.starts_with(char::is_uppercase)
}

impl From<FormErrors> for AppError {
    fn from(errors: FormErrors) -> Self {
        AppError::Invalid(errors)
    }
}

/// What was posted, as text, in order; names may repeat.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Decodes a urlencoded body. Invalid UTF-8 and NUL are refused, not replaced.
    pub fn decode(body: &[u8]) -> AppResult<Self> {
        let mut pairs = Vec::new();
        for pair in body.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            pairs.push((decode_text(&pair[..at])?, decode_text(value)?));
        }
        Ok(Self(pairs))
    }

    /// The field's text, trimmed; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    /// The field's text exactly as typed (passwords).
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// Every non-empty value of a repeated field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    }

    /// Every field in the order it was posted, values trimmed.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.trim()))
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((name.to_owned(), value.into()));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Once more, beside what is there under that name.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    pub fn parser(&self) -> Parser<'_> {
        Parser { form: self, errors: FormErrors::default() }
    }

    /// For templates: the user's own text, with errors.
    pub fn view(self, errors: FormErrors) -> FormView {
        FormView { form: self, errors }
    }
}

fn decode_text(bytes: &[u8]) -> AppResult<String> {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let decoded: Vec<u8> = percent_decode(&spaced);
    match String::from_utf8(decoded) {
        Ok(text) if !text.contains('\0') => Ok(text.replace("\r\n", "\n")),
        Ok(_) => {
            Err(AppError::Rejected(StatusCode::BAD_REQUEST, "The text holds a character that cannot be kept (NUL)."))
        }
        Err(_) => Err(AppError::Rejected(StatusCode::BAD_REQUEST, "The text is not valid UTF-8.")),
    }
}

fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(bytes).collect()
}

impl FromRequest for Form {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = AppResult<Self>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(req, payload);
        Box::pin(async move {
            let body =
                bytes.await.map_err(|_| AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large."))?;
            Form::decode(&body)
        })
    }
}

/// Takes fields out of a form, gathering every error instead of stopping at the first.
pub struct Parser<'a> {
    form: &'a Form,
    errors: FormErrors,
}

impl Parser<'_> {
    /// Text of 1 to `max` characters.
    pub fn required(&mut self, name: &str, max: usize) -> String {
        let text = self.text(name, max);
        if text.is_none() && self.errors.get(name).is_none() {
            self.errors.add(name, "is required");
        }
        text.unwrap_or_default()
    }

    /// Text of at most `max` characters; `None` when empty.
    pub fn text(&mut self, name: &str, max: usize) -> Option<String> {
        let typed = self.form.get(name);
        if typed.chars().count() > max {
            self.errors.add(name, format!("is too long: at most {} characters", text::grouped(max)));
            return None;
        }
        (!typed.is_empty()).then(|| typed.to_owned())
    }

    /// A value read by `parse`; `None` when empty.
    pub fn optional<T, E: Into<String>>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.form.get(name);
        if text.is_empty() {
            return None;
        }
        match parse(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.errors.add(name, message);
                None
            }
        }
    }

    /// An id from a select; `None` when empty. Whether it exists and is ours is the command's to find out.
    pub fn id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.optional(name, |text| text.parse::<T>().map_err(|_| "is not one of the choices"))
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        self.optional(name, |text| match text.replace([',', ' ', '\u{a0}'], "").parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Ok(n),
            // A bound that only the column's type sets is nothing to tell people.
            Ok(n) if max >= i32::MAX.into() && n > max => Err("is too large".to_owned()),
            _ if max >= i32::MAX.into() => Err(format!("must be a whole number, {min} or more")),
            _ => Err(format!("must be a whole number from {min} to {max}")),
        })
    }

    /// One of `choices`; `None` when empty.
    pub fn choice(&mut self, name: &str, choices: &[(&'static str, &str)]) -> Option<&'static str> {
        self.optional(name, |text| {
            choices.iter().find(|(key, _)| *key == text).map(|(key, _)| *key).ok_or("is not one of the choices")
        })
    }

    pub fn checkbox(&mut self, name: &str) -> bool {
        matches!(self.form.get(name), "on" | "true" | "1" | "yes")
    }

    pub fn error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.add(name, message);
    }

    pub fn finish(self) -> Result<(), FormErrors> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

/// A choice of a select, as `templates/ui/form.html` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectOption {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

impl SelectOption {
    pub fn new(value: impl Into<String>, label: impl Into<String>, selected: bool) -> Self {
        Self { value: value.into(), label: label.into(), selected }
    }
}

/// A form as a template shows it.
#[derive(Clone, Debug, Default)]
pub struct FormView {
    form: Form,
    errors: FormErrors,
}

impl FormView {
    pub fn value(&self, name: &str) -> &str {
        self.form.get(name)
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.form.get(name) == value
    }

    pub fn checked(&self, name: &str) -> bool {
        matches!(self.form.get(name), "on" | "true" | "1" | "yes")
    }

    pub fn all<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        self.form.all(name).collect()
    }

    /// The message under the field, empty when it is fine.
    pub fn error(&self, name: &str) -> &str {
        self.errors.get(name).unwrap_or_default()
    }

    /// What is wrong with the form as a whole.
    pub fn form_error(&self) -> &str {
        self.error("")
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_refuses_what_cannot_be_kept() {
        assert_eq!(Form::decode(b"name=A+%C3%A9&x").map(|f| f.get("name").to_owned()).ok(), Some("A é".into()));
        assert!(Form::decode(b"name=%FF").is_err());
        assert!(Form::decode(b"name=a%00b").is_err());
    }

    #[test]
    fn every_error_is_gathered() {
        let form = Form::new([("amount".into(), "x".into())]);
        let mut p = form.parser();
        p.required("name", 10);
        p.integer("amount", 0, 9);
        let errors = p.finish().err().unwrap_or_default();
        assert_eq!(errors.iter().count(), 2);
    }

    #[test]
    fn whole_numbers_are_refused_in_words_people_use() {
        let refused = |text: &str, max: i64| {
            let form = Form::new([("n".into(), text.into())]);
            let mut p = form.parser();
            p.integer("n", 0, max);
            p.finish().err().unwrap_or_default().get("n").unwrap_or_default().to_owned()
        };
        assert_eq!(refused("250 %", 100), "must be a whole number from 0 to 100");
        assert_eq!(refused("many", i32::MAX.into()), "must be a whole number, 0 or more");
        assert_eq!(refused("-1", i32::MAX.into()), "must be a whole number, 0 or more");
        assert_eq!(refused("3,000,000,000", i32::MAX.into()), "is too large");
        assert_eq!(refused("1,200", i32::MAX.into()), "");
    }
}
