//! Which row of a file holds its headings, how its cells are delimited, and what is odd about both.

use super::{Warning, table::Dialect};
use crate::{
    features::imports::{mapping::Headings, presets},
    kernel::{RecordType, text},
};
use csv::{ReaderBuilder, StringRecord};
use std::{collections::HashMap, sync::LazyLock};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How far down headings are looked for.
const DEPTH: usize = 20;
const SAMPLE: usize = 60;

static HEADINGS: LazyLock<Vec<Headings>> = LazyLock::new(|| RecordType::ALL.into_iter().map(Headings::of).collect());

/// How many of these cells are headings known here, for whichever kind of record knows most.
pub fn known(cells: &[String]) -> usize {
    let by_field = HEADINGS.iter().map(|headings| headings.known(cells)).max().unwrap_or(0);
    by_field.max(presets::known(cells))
}

/// The delimiter under which most headings are known; among equals, the one that cuts most rows alike; then the one that gives most
/// columns. `text` begins behind a line that names the delimiter.
pub fn delimiter(text: &[u8], quote: u8) -> u8 {
    let score = |delimiter: u8| {
        let rows = rows(text, Dialect { delimiter, quote, told: false });
        let known = rows.iter().take(DEPTH).map(|row| known(row)).max().unwrap_or(0);
        let width = usual_width(&rows);
        let alike = rows.iter().filter(|row| row.len() == width).count() * 10;
        let regular = width > 1 && alike >= rows.len() * 8;
        (known, regular, width)
    };
    DELIMITERS.into_iter().rev().max_by_key(|d| score(*d)).unwrap_or(b',')
}

/// Apostrophes round cells, in a file that has no quotation marks.
pub fn quote(text: &[u8]) -> u8 {
    if text.contains(&b'"') {
        return b'"';
    }
    let ends = |b: Option<&u8>| b.is_none_or(|b| DELIMITERS.contains(b) || matches!(b, b'\r' | b'\n'));
    let opened = (0..text.len()).filter(|at| text[*at] == b'\'' && ends(at.checked_sub(1).and_then(|i| text.get(i))));
    let closed = (0..text.len()).filter(|at| text[*at] == b'\'' && ends(text.get(at + 1)));
    let (opened, closed) = (opened.count(), closed.count());
    if opened >= 4 && opened == closed { b'\'' } else { b'"' }
}

fn rows(text: &[u8], dialect: Dialect) -> Vec<Vec<String>> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quote(dialect.quote)
        .from_reader(text);
    let mut record = StringRecord::new();
    let mut rows = Vec::new();
    while rows.len() < SAMPLE && matches!(reader.read_record(&mut record), Ok(true)) {
        rows.push(record.iter().map(|cell| cell.trim().to_owned()).collect());
    }
    // The last one may have been cut off.
    if rows.len() > 2 && rows.len() < SAMPLE {
        rows.pop();
    }
    rows
}

fn usual_width(rows: &[Vec<String>]) -> usize {
    let mut widths: HashMap<usize, usize> = HashMap::new();
    rows.iter().for_each(|row| *widths.entry(row.len()).or_default() += 1);
    widths.into_iter().max_by_key(|(width, count)| (*count, *width)).map_or(0, |(width, _)| width)
}

/// The index of the row that holds the headings; `None` when the first row is a record already.
pub fn find(rows: &[Vec<String>]) -> Option<usize> {
    let near: Vec<&Vec<String>> = rows.iter().take(DEPTH).collect();
    let most = near.iter().map(|row| known(row)).max().unwrap_or(0);
    let width = usual_width(rows);
    let knows = |row: &[String]| known(row) == most && most > 0;
    // A lone heading among other cells may be a word of a title above the list.
    let fits = |row: &[String]| most > 1 || row.len() + 1 >= width;
    if let Some(at) = near.iter().position(|row| knows(row) && fits(row)) {
        return Some(at);
    }
    let wide = |row: &[String]| row.len() + 1 >= width && row.iter().filter(|c| !c.is_empty()).count() * 2 > width;
    let at = near.iter().position(|row| wide(row)).unwrap_or(0);
    near.get(at).filter(|row| !row.iter().any(|cell| is_data(cell))).map(|_| at)
}

/// Nothing that a column is called: a number, a date, an address.
fn is_data(cell: &str) -> bool {
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    cell.contains('@') || cell.contains("://") || digits > 0 && digits >= letters
}

/// Headings that are there twice or not at all.
pub fn odd_headings(header: &[String], rows: &[(u64, Vec<String>)], line: u64) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for heading in header.iter().filter(|h| !h.is_empty()) {
        *seen.entry(text::fold(heading)).or_default() += 1;
    }
    let mut twice: Vec<&String> = header.iter().filter(|h| seen.get(&text::fold(h)).is_some_and(|n| *n > 1)).collect();
    twice.dedup_by_key(|h| text::fold(h));
    let mut told: Vec<String> = Vec::new();
    for heading in twice {
        if !told.contains(&text::fold(heading)) {
            told.push(text::fold(heading));
            let count = seen.get(&text::fold(heading)).copied().unwrap_or(0);
            warnings.push(Warning::new(line, format!("{count} columns are called “{heading}”")));
        }
    }
    for (column, _) in header.iter().enumerate().filter(|(_, h)| h.is_empty()) {
        let filled = rows.iter().find(|(_, row)| row.get(column).is_some_and(|cell| !cell.trim().is_empty()));
        if let Some((at, _)) = filled {
            let what = format!("column {} has no heading, and holds something here", column + 1);
            warnings.push(Warning::new(*at, what));
        }
    }
    warnings
}

/// Which line ends there are outside quotation marks, when there are several kinds.
pub fn mixed_line_ends(text: &[u8], quote: u8) -> Option<Warning> {
    let (mut quoted, mut line, mut kinds) = (false, 1u64, [0u64; 3]);
    for (at, byte) in text.iter().enumerate() {
        let after_cr = at > 0 && text[at - 1] == b'\r';
        let kind = match byte {
            byte if *byte == quote => {
                quoted = !quoted;
                continue;
            }
            b'\n' if after_cr => continue,
            b'\n' => 0,
            b'\r' if text.get(at + 1) == Some(&b'\n') => 1,
            // The last byte looked at may be half of a pair.
            b'\r' if at + 1 < text.len() => 2,
            _ => continue,
        };
        line += 1;
        if !quoted && kinds[kind] == 0 {
            kinds[kind] = line - 1;
        }
    }
    let names = ["LF", "CR LF", "CR"];
    let mut found: Vec<(u64, &str)> = kinds.into_iter().zip(names).filter(|(line, _)| *line > 0).collect();
    found.sort_unstable();
    let (line, other) = *found.get(1)?;
    Some(Warning::new(line, format!("line ends are mixed: {other} here, {} before", found[0].1)))
}
