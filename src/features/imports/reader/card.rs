//! One vCard as a row under fixed headings. The preferred address of each kind comes first; work comes before home. What a contact
//! here has no place for keeps a column of its own.

use calcard::{
    Entry, Parser,
    vcard::{VCard, VCardEntry, VCardParameterName, VCardProperty, VCardValue},
};
use csv::StringRecord;
use std::fmt::Write as _;

/// The columns of every file of vCards.
pub const COLUMNS: [&str; 25] = [
    "UID",
    "Full name",
    "First name",
    "Middle name",
    "Last name",
    "Prefix",
    "Suffix",
    "Nickname",
    "Company",
    "Department",
    "Title",
    "E-mail",
    "Other e-mails",
    "Phone",
    "Other phones",
    "Fax and pager",
    "Street",
    "City",
    "Region",
    "Postal code",
    "Country",
    "Website",
    "Birthday",
    "Categories",
    "Notes",
];

/// Between several values of one cell.
const AND: &str = " ::: ";

/// The row of a card; what is wrong with it otherwise.
pub fn read(text: &str) -> Result<StringRecord, String> {
    let text = with_charsets(text);
    match Parser::new(&text).strict().entry() {
        Entry::VCard(card) => Ok(cells(&card)),
        Entry::InvalidLine(line) => Err(format!("holds a line that is no property: {}", shorten(&line))),
        _ => Err("is not a vCard that can be read".into()),
    }
}

/// A card that could not be read, to be shown again.
pub fn as_text(text: &str) -> StringRecord {
    let mut cells = vec![String::new(); COLUMNS.len()];
    if let Some(last) = cells.last_mut() {
        last.push_str(&text.chars().take(2_000).collect::<String>());
    }
    cells.into()
}

fn shorten(line: &str) -> String {
    line.chars().take(60).collect()
}

/// vCard 2.1 leaves the character set out where it was obvious to the writer: bytes that are UTF-8 are taken for that.
fn with_charsets(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let head = line.split(':').next().unwrap_or_default();
        let upper = head.to_ascii_uppercase();
        let Some(encoding) = upper.find("QUOTED-PRINTABLE").filter(|_| !line.starts_with([' ', '\t', '='])) else {
            out.push_str(line);
            continue;
        };
        // The encoding's name may stand there without saying what it is.
        let bare = !upper[..encoding].ends_with("ENCODING=");
        out.push_str(&head[..encoding]);
        out.push_str(if bare { "ENCODING=" } else { "" });
        out.push_str(&head[encoding..]);
        let value: String = lines[at..]
            .iter()
            .scan(true, |more, l| {
                more.then(|| {
                    *more = l.trim_end().ends_with('=');
                    *l
                })
            })
            .collect();
        if !upper.contains("CHARSET") && quoted_is_utf8(&value) {
            out.push_str(";CHARSET=UTF-8");
        }
        out.push_str(&line[head.len()..]);
    }
    out
}

fn quoted_is_utf8(value: &str) -> bool {
    let mut bytes = Vec::new();
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match rest.next() {
            Some(b'\r') => drop(rest.next_if_eq(&b'\n')),
            Some(b'\n') | None => {}
            Some(first) => {
                if let (Some(high), Some(low)) = (digit(Some(first)), digit(rest.next())) {
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                }
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

fn cells(card: &VCard) -> StringRecord {
    let name = parts(card, &VCardProperty::N);
    let part = |n: usize| name.get(n).map_or("", String::as_str).replace(',', " ");
    let address = address(card);
    let place = |n: usize| address.get(n).cloned().unwrap_or_default();
    let street: Vec<String> = (0..3).map(place).filter(|p| !p.is_empty()).collect();
    let org = parts(card, &VCardProperty::Org);
    let (mut emails, mut phones) = (ranked(card, &VCardProperty::Email), ranked(card, &VCardProperty::Tel));
    phones.iter_mut().for_each(|phone| phone.text = dialled(&phone.text));
    let faxes: Vec<String> = phones.extract_if(.., |phone| phone.silent).map(|phone| phone.text).collect();
    let rest = |values: &mut Vec<Ranked>| values.drain(..).skip(1).map(|v| v.text).collect::<Vec<_>>().join(AND);
    let first = |values: &[Ranked]| values.first().map_or_else(String::new, |v| v.text.clone());
    let (email, phone) = (first(&emails), first(&phones));
    let url = texts(card, &VCardProperty::Url);
    let categories = card.properties(&VCardProperty::Categories).flat_map(|e| e.values.iter().filter_map(text));
    let row: [String; COLUMNS.len()] = [
        texts(card, &VCardProperty::Uid).into_iter().next().unwrap_or_default(),
        texts(card, &VCardProperty::Fn).into_iter().next().unwrap_or_default(),
        part(1),
        part(2),
        part(0),
        part(3),
        part(4),
        joined(card, &VCardProperty::Nickname, ", "),
        org.first().cloned().unwrap_or_default(),
        org.get(1..).unwrap_or_default().iter().filter(|o| !o.is_empty()).cloned().collect::<Vec<_>>().join(", "),
        texts(card, &VCardProperty::Title).into_iter().next().unwrap_or_default(),
        email,
        rest(&mut emails),
        phone,
        rest(&mut phones),
        faxes.join(AND),
        street.join(", ").replace('\n', ", "),
        place(3),
        place(4),
        place(5),
        place(6),
        url.join(AND),
        card.property(&VCardProperty::Bday).and_then(|e| e.values.first()).map_or_else(String::new, day),
        categories.collect::<Vec<_>>().join(AND),
        joined(card, &VCardProperty::Note, "\n"),
    ];
    row.iter().map(|cell| cell.trim()).collect()
}

fn text(value: &VCardValue) -> Option<String> {
    match value {
        VCardValue::Component(parts) => {
            Some(parts.iter().filter(|p| !p.is_empty()).cloned().collect::<Vec<_>>().join(", "))
        }
        value => value.as_text().map(str::to_owned),
    }
    .map(|t| t.trim().replace('\0', ""))
}

/// Every value of a property that is a text.
fn texts(card: &VCard, property: &VCardProperty) -> Vec<String> {
    let values = card.properties(property).filter_map(|entry| entry.values.first().and_then(text));
    values.filter(|t| !t.is_empty()).collect()
}

fn joined(card: &VCard, property: &VCardProperty, between: &str) -> String {
    let values = card.properties(property).flat_map(|entry| entry.values.iter().filter_map(text));
    values.filter(|t| !t.is_empty()).collect::<Vec<_>>().join(between)
}

/// The parts of the first property of that kind that has any.
fn parts(card: &VCard, property: &VCardProperty) -> Vec<String> {
    card.properties(property).map(values).find(|parts| parts.iter().any(|p| !p.is_empty())).unwrap_or_default()
}

fn values(entry: &VCardEntry) -> Vec<String> {
    entry.values.iter().map(|value| text(value).unwrap_or_default()).collect()
}

struct Ranked {
    rank: u8,
    text: String,
    /// A fax or a pager: nobody answers.
    silent: bool,
}

/// The values of a property without those that are there twice, the preferred one first.
fn ranked(card: &VCard, property: &VCardProperty) -> Vec<Ranked> {
    let mut found: Vec<Ranked> = Vec::new();
    for entry in card.properties(property) {
        let Some(text) = entry.values.first().and_then(text).filter(|t| !t.is_empty()) else { continue };
        let kinds = kinds(entry);
        let silent = kinds.iter().any(|k| k.contains("FAX") || k == "PAGER");
        if !found.iter().any(|f| f.text == text && f.silent == silent) {
            found.push(Ranked { rank: rank(&kinds), text, silent });
        }
    }
    found.sort_by_key(|f| f.rank);
    found
}

/// The types of a property and its other parameters, in capitals.
fn kinds(entry: &VCardEntry) -> Vec<String> {
    let mut kinds = Vec::new();
    for param in &entry.params {
        match &param.name {
            VCardParameterName::Pref => kinds.push("PREF".to_owned()),
            VCardParameterName::Type => kinds.extend(param.value.as_text().map(str::to_ascii_uppercase)),
            VCardParameterName::Other(name) => kinds.push(name.to_ascii_uppercase()),
            _ => {}
        }
    }
    kinds
}

fn rank(kinds: &[String]) -> u8 {
    let is = |word: &str| kinds.iter().any(|k| k == word);
    match () {
        () if is("PREF") => 0,
        () if is("WORK") => 1,
        () if is("CELL") => 2,
        () => 3,
    }
}

/// `tel:+1-418-656-9254;ext=102` as people write it.
fn dialled(text: &str) -> String {
    let number = text.strip_prefix("tel:").unwrap_or(text);
    match number.split_once(";ext=") {
        Some((number, extension)) => format!("{number} ext. {extension}"),
        None => number.split(';').next().unwrap_or(number).to_owned(),
    }
}

fn address(card: &VCard) -> Vec<String> {
    let mut found: Vec<(u8, Vec<String>)> = card
        .properties(&VCardProperty::Adr)
        .map(|entry| (rank(&kinds(entry)), values(entry)))
        .filter(|(_, parts)| parts.iter().any(|p| !p.is_empty()))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().next().map(|(_, parts)| parts).unwrap_or_default()
}

fn day(value: &VCardValue) -> String {
    let Some(date) = value.as_partial_date_time() else { return text(value).unwrap_or_default() };
    let mut out = date.year.map_or_else(|| "-".to_owned(), |year| format!("{year:04}"));
    for part in [date.month, date.day].into_iter().flatten() {
        let _ = write!(out, "-{part:02}");
    }
    out
}
