//! A file as a stream of rows, whatever its format: delimited text, a sheet of an Excel workbook, vCards. What the file is gets found
//! by looking ([`sniff`]), is shown, and may be overridden; [`open`] reads it accordingly. Line numbers are those an editor shows (rows
//! of a sheet, first lines of cards). Never more than a few megabytes in memory, whatever the file; what cannot be read safely stops
//! the file ([`FileProblem`]) or comes as a row with its problem, and is never half understood.

mod archive;
mod card;
mod cards;
mod decode;
mod examine;
mod header;
mod inflate;
mod lines;
mod shape;
mod sheet_cells;
mod table;
mod workbook;

pub use examine::{open, sniff};
pub use shape::{FileShape, Format, Overrides, PreviewRow, ShortRows, Warning};

use super::{cells, values::Detected};
use crate::kernel::text;
use csv::StringRecord;
use serde::{Deserialize, Serialize};

const MAX_COLUMNS: usize = 1_000;

/// Why a file cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileProblem {
    pub line: Option<u64>,
    pub what: String,
}

impl FileProblem {
    pub fn new(line: impl Into<Option<u64>>, what: impl Into<String>) -> Self {
        Self { line: line.into(), what: what.into() }
    }

    pub fn message(&self) -> String {
        match self.line {
            Some(line) => format!("The file cannot be read at line {line}: {}.", self.what),
            None => format!("The file cannot be read: {}.", self.what),
        }
    }
}

/// A format's own reading: every row of the file, headings and all.
trait Source {
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<Read>, FileProblem>;

    /// As far as the file has been read.
    fn encoding(&self) -> &'static str {
        "UTF-8"
    }
}

/// What a source says of the row it has just read.
#[derive(Clone, Debug, Default)]
struct Read {
    line: u64,
    /// The line it ends on.
    last: u64,
    problem: Option<String>,
}

/// A row of the file.
#[derive(Clone, Debug)]
pub struct Row<'r> {
    /// The line it begins on, counting from 1.
    pub line: u64,
    /// As many cells as there are headings, unless there is a problem.
    pub record: &'r StringRecord,
    /// Why it must not be imported.
    pub problem: Option<String>,
}

/// An open file, its headings read.
pub struct Rows<'a> {
    source: Box<dyn Source + 'a>,
    record: StringRecord,
    /// The row behind the current one: a total stands at the foot.
    ahead: StringRecord,
    waiting: Option<Read>,
    pub header: Vec<String>,
    /// The line of the headings; 0 when the file has none.
    pub header_row: u64,
    pub format: Format,
    pub delimiter: Option<char>,
    /// How the dates and numbers of each column are written, as far as the first rows tell.
    pub formats: Vec<Detected>,
    short_rows: ShortRows,
    loose_delimiters: bool,
    empty_words: Vec<String>,
}

impl<'a> Rows<'a> {
    /// `header` is what the columns are called when the file does not say so.
    fn new(source: Box<dyn Source + 'a>, shape: &FileShape) -> Result<Self, FileProblem> {
        let mut rows = Self {
            source,
            record: StringRecord::new(),
            ahead: StringRecord::new(),
            waiting: None,
            header: shape.columns.clone(),
            header_row: shape.header_row,
            format: shape.format,
            delimiter: shape.delimiter,
            formats: shape.formats.clone(),
            short_rows: shape.short_rows,
            loose_delimiters: shape.loose_delimiters,
            empty_words: shape.empty_words.clone(),
        };
        rows.advance()?;
        while rows.waiting.as_ref().is_some_and(|read| read.line <= rows.header_row) {
            rows.advance()?;
        }
        Ok(rows)
    }

    /// As far as the file has been read; ASCII is called UTF-8.
    pub fn encoding(&self) -> &'static str {
        self.source.encoding()
    }

    fn advance(&mut self) -> Result<(), FileProblem> {
        self.waiting = self.source.next(&mut self.ahead)?;
        Ok(())
    }

    /// The next row.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, FileProblem> {
        let Some(Read { line, last, mut problem }) = self.waiting.take() else { return Ok(None) };
        std::mem::swap(&mut self.record, &mut self.ahead);
        self.advance()?;
        self.fit();
        let (cells, width) = (self.record.len(), self.header.len());
        if problem.is_none() && cells != width {
            let joined = if last > line {
                format!(": lines {line} to {last} were read as one row (is a quotation mark missing?)")
            } else {
                String::new()
            };
            let columns = if cells == 1 { "column" } else { "columns" };
            problem = Some(format!("has {cells} {columns}, the header has {width}{joined}"));
        }
        if problem.is_none() && self.waiting.is_none() && is_total(&self.record) {
            problem = Some("looks like a total at the foot of the list, not a record".into());
        }
        Ok(Some(Row { line, record: &self.record, problem }))
    }

    /// Empty cells at the end come and go; words for nothing are nothing; what was guarded is bare again.
    fn fit(&mut self) {
        let (cells, width) = (self.record.len(), self.header.len());
        if cells > width && self.record.iter().skip(width).all(|cell| cell.trim().is_empty()) {
            self.record.truncate(width);
        } else if cells > width
            && self.loose_delimiters
            && let Some(joined) = rejoin(self.record.iter(), self.delimiter.unwrap_or(','), width)
        {
            self.record = joined.into();
        }
        if cells < width && self.short_rows == ShortRows::Fill {
            (cells..width).for_each(|_| self.record.push_field(""));
        }
        // An address book guards nothing.
        if self.format != Format::Vcard
            && self.record.iter().any(|cell| cell.starts_with('\'') || self.is_nothing(cell))
        {
            self.record =
                self.record.iter().map(|cell| if self.is_nothing(cell) { "" } else { cells::unguard(cell) }).collect();
        }
    }

    fn is_nothing(&self, cell: &str) -> bool {
        self.empty_words.iter().any(|word| word == cell.trim())
    }
}

/// The cells with those that begin with a space put back behind the one before, if that makes `width` of them.
fn rejoin<'c>(cells: impl Iterator<Item = &'c str>, delimiter: char, width: usize) -> Option<Vec<String>> {
    let mut joined: Vec<String> = Vec::with_capacity(width);
    for cell in cells {
        match joined.last_mut() {
            Some(last) if cell.starts_with(' ') => {
                last.push(delimiter);
                last.push_str(cell);
            }
            _ => joined.push(cell.to_owned()),
        }
    }
    (joined.len() == width).then_some(joined)
}

/// `Total,,,1234`: a word for it, a number, and hardly anything else.
fn is_total(record: &StringRecord) -> bool {
    const WORDS: [&str; 14] = [
        "total",
        "totals",
        "grand total",
        "subtotal",
        "sum",
        "summe",
        "gesamt",
        "gesamtsumme",
        "totaal",
        "som",
        "somme",
        "total general",
        "totale",
        "razem",
    ];
    let filled: Vec<&str> = record.iter().map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let Some(first) = filled.first() else { return false };
    let word = text::fold(first.trim_end_matches(':'));
    let number = |cell: &&str| cell.chars().any(|c| c.is_ascii_digit()) && !cell.chars().any(char::is_alphabetic);
    record.len() >= 3
        && filled.len() * 2 <= record.len() + 1
        && WORDS.contains(&word.as_str())
        && filled[1..].iter().any(number)
}

#[cfg(test)]
mod tests;
