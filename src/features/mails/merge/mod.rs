//! The merge language: text with fields in it, `{{ contact.first_name }}` or `{{ contact.first_name | there }}`. What stands after the
//! bar is written where the field is empty.
//!
//! A template is parsed before it is kept, so that a field nobody knows is found while its writer is there. Values are put in as text:
//! in HTML they are escaped, and the whole is sanitised once more, so that no value ever becomes markup; in a subject they stay on
//! one line.

mod fields;
mod values;

pub use fields::{Known, Vocabulary};
pub use values::{Subject, Values};

use crate::kernel::text;

/// Longest text that a field may leave in its place, in characters.
const FALLBACK: usize = 200;

/// Whose fields they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Space {
    Contact,
    Company,
    Deal,
    Lead,
    Sender,
    Organisation,
}

impl Space {
    pub const ALL: [Space; 6] =
        [Space::Contact, Space::Company, Space::Deal, Space::Lead, Space::Sender, Space::Organisation];

    pub fn key(self) -> &'static str {
        match self {
            Space::Contact => "contact",
            Space::Company => "company",
            Space::Deal => "deal",
            Space::Lead => "lead",
            Space::Sender => "sender",
            Space::Organisation => "organisation",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|space| space.key() == text)
    }
}

/// What a text is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Markup {
    Html,
    /// A subject: one line.
    Plain,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub space: Space,
    pub key: String,
    /// Empty: nothing is written.
    pub fallback: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// As it stands, markup and all.
    Text(String),
    Field(Field),
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template(pub Vec<Piece>);

impl Template {
    /// What is wrong is said in a sentence.
    pub fn parse(source: &str, markup: Markup) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(start) = rest.find("{{") {
            let (before, from) = rest.split_at(start);
            let inside = &from[2..];
            let end = inside.find("}}").ok_or_else(|| {
                format!(
                    "“{}” has no end: a field looks like {{{{ contact.first_name | there }}}}.",
                    short(from, markup)
                )
            })?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Field(field(&inside[..end], markup)?));
            rest = &inside[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Text(_) => None,
        })
    }

    /// As it is typed: parsed again, it is the same.
    pub fn print(&self, markup: Markup) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field) => out.push_str(&field.print(markup)),
            }
        }
        out
    }

    /// With values in the fields' places. HTML comes out as it was sanitised going in, with text added.
    pub fn render(&self, markup: Markup, value: impl Fn(&Field) -> Option<String>) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field) => {
                    let found = value(field).filter(|value| !value.trim().is_empty());
                    let written = found.unwrap_or_else(|| field.fallback.clone());
                    match markup {
                        Markup::Html => escape_into(&mut out, &written),
                        Markup::Plain => out.push_str(&written),
                    }
                }
            }
        }
        match markup {
            Markup::Html => super::body::clean(&out),
            Markup::Plain => text::one_line(&out.replace(char::is_control, " ")),
        }
    }
}

impl Field {
    pub fn name(&self) -> String {
        format!("{}.{}", self.space.key(), self.key)
    }

    fn print(&self, markup: Markup) -> String {
        let mut out = format!("{{{{ {}", self.name());
        if !self.fallback.is_empty() {
            out.push_str(" | ");
            match markup {
                Markup::Html => escape_into(&mut out, &self.fallback),
                Markup::Plain => out.push_str(&self.fallback),
            }
        }
        out.push_str(" }}");
        out
    }
}

/// What stands between the braces.
fn field(inside: &str, markup: Markup) -> Result<Field, String> {
    if markup == Markup::Html && inside.contains(['<', '>']) {
        return Err(format!(
            "“{{{{{}}}}}” is formatted in part, or goes over several lines: type it anew in one go.",
            short(&strip_tags(inside), Markup::Plain)
        ));
    }
    let text = if markup == Markup::Html { unescape(inside) } else { inside.to_owned() };
    let (name, fallback) = text.split_once('|').unwrap_or((&text, ""));
    let (name, fallback) = (name.trim(), text::one_line(fallback));
    let unknown = || {
        format!(
            "“{}” is not a field: a field looks like {{{{ contact.first_name | there }}}}.",
            short(&text, Markup::Plain)
        )
    };
    let (space, key) = name.split_once('.').ok_or_else(unknown)?;
    let space = Space::parse(space).ok_or_else(unknown)?;
    let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fits || fallback.contains(['{', '}']) || fallback.chars().any(char::is_control) {
        return Err(unknown());
    }
    if fallback.chars().count() > FALLBACK {
        return Err(format!("What stands for “{name}” where it is empty is too long: at most {FALLBACK} characters."));
    }
    Ok(Field { space, key: key.to_owned(), fallback })
}

/// The beginning, for a message.
fn short(text: &str, markup: Markup) -> String {
    let text = if markup == Markup::Html { unescape(&strip_tags(text)) } else { text.to_owned() };
    let text = text::one_line(&text);
    if text.chars().count() <= 40 { text } else { format!("{}…", text.chars().take(39).collect::<String>()) }
}

fn strip_tags(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Text as HTML says it; several lines stay several.
pub fn escape_into(out: &mut String, text: &str) {
    for c in text.trim().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A value that looks like a field is no field.
            '{' | '}' => out.push_str(&format!("&#{};", u32::from(c))),
            '\n' => out.push_str("<br>"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

/// The characters that editors and the sanitiser write as entities.
pub fn unescape(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        let end = from.char_indices().take(12).find(|(_, c)| *c == ';').map(|(i, _)| i);
        let found = end.and_then(|end| entity(&from[1..end]).map(|c| (c, end)));
        match found {
            Some((c, end)) => {
                out.push(c);
                rest = &from[end + 1..];
            }
            None => {
                out.push('&');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || *c == '\n')
        }
    }
}
