//! vCard 4.0 (RFC 6350): a card a person, in UTF-8, escaped (§3.4) and folded at 75 octets (§3.2).

use super::{Cell, Row, Sheet, Sink};
use crate::kernel::countries;
use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, Write},
};

/// Octets of a line, the line break not counted.
const WIDTH: usize = 75;

/// What a card is made of, whatever columns were chosen.
pub(in super::super) const FIELDS: &[&str] = &[
    "first_name",
    "last_name",
    "company_id",
    "company_name",
    "title",
    "email",
    "other_emails",
    "phone",
    "other_phones",
    "domain",
    "street",
    "city",
    "region",
    "postal_code",
    "country",
    "description",
    "tags",
];

pub(super) struct Vcard {
    at: HashMap<String, usize>,
    file: BufWriter<File>,
}

impl Vcard {
    pub(super) fn open(sheet: &Sheet, file: File) -> Self {
        let at = sheet.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
        Self { at, file: BufWriter::new(file) }
    }

    fn text(&self, row: &Row, key: &str) -> String {
        self.at.get(key).and_then(|at| row.cells.get(*at)).map(Cell::plain).unwrap_or_default()
    }

    fn list(&self, row: &Row, first: &str, others: &str) -> Vec<String> {
        let mut all = vec![self.text(row, first)];
        if let Some(Cell::List(more)) = self.at.get(others).and_then(|at| row.cells.get(*at)) {
            all.extend(more.iter().cloned());
        }
        all.retain(|value| !value.is_empty());
        all
    }

    fn card(&self, row: &Row) -> Vec<String> {
        let text = |key: &str| self.text(row, key);
        let (first, last) = (text("first_name"), text("last_name"));
        let company = Some(text("company_id")).filter(|c| !c.is_empty()).unwrap_or_else(|| text("company_name"));
        let person = format!("{first} {last}").trim().to_owned();
        let (emails, phones) = (self.list(row, "email", "other_emails"), self.list(row, "phone", "other_phones"));
        // A card must say what it is called (§6.2.1).
        let called = [person.as_str(), company.as_str(), emails.first().map_or("", String::as_str)];
        let called = called.into_iter().find(|name| !name.is_empty()).unwrap_or("?");
        let is_company = person.is_empty() && called == company;
        let mut lines = vec!["BEGIN:VCARD".to_owned(), "VERSION:4.0".to_owned()];
        lines.push(format!("UID:urn:uuid:{}", row.id));
        lines.push(format!("KIND:{}", if is_company { "org" } else { "individual" }));
        lines.push(format!("FN:{}", escape(called)));
        if !person.is_empty() {
            lines.push(format!("N:{};{};;;", escape(&last), escape(&first)));
        }
        for (property, value) in [("ORG", company), ("TITLE", text("title")), ("NOTE", text("description"))] {
            if !value.is_empty() {
                lines.push(format!("{property}:{}", escape(&value)));
            }
        }
        for (property, all) in [("EMAIL", &emails), ("TEL", &phones)] {
            for (n, value) in all.iter().enumerate() {
                let first = if n == 0 && all.len() > 1 { ";PREF=1" } else { "" };
                lines.push(format!("{property}{first}:{}", escape(value)));
            }
        }
        let country = Some(text("country")).filter(|c| !c.is_empty()).map(|code| countries::name(&code));
        let place = [text("street"), text("city"), text("region"), text("postal_code"), country.unwrap_or_default()];
        if place.iter().any(|part| !part.is_empty()) {
            lines.push(format!("ADR:;;{}", place.map(|part| escape(&part)).join(";")));
        }
        let domain = text("domain");
        if !domain.is_empty() {
            lines.push(format!("URL:https://{domain}"));
        }
        let tags = self.list(row, "", "tags");
        if !tags.is_empty() {
            let tags: Vec<String> = tags.iter().map(|tag| escape(tag)).collect();
            lines.push(format!("CATEGORIES:{}", tags.join(",")));
        }
        lines.push("END:VCARD".to_owned());
        lines
    }
}

impl Sink for Vcard {
    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        for line in self.card(row) {
            self.file.write_all(fold(&line).as_bytes())?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.file.flush()?;
        Ok(())
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ',' | ';' => out.extend(['\\', c]),
            '\n' | '\r' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

/// Longer lines go on after a line break and a space; a character is never cut.
fn fold(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > WIDTH {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let folded = fold(&format!("NOTE:{}", "é😀".repeat(60)));
        assert!(folded.split("\r\n").all(|line| line.len() <= WIDTH), "{folded}");
        assert_eq!(folded.replace("\r\n ", ""), format!("NOTE:{}\r\n", "é😀".repeat(60)));
        assert_eq!(escape("a;b,c\\d\ne"), "a\\;b\\,c\\\\d\\ne");
    }
}
