//! Delimited text as a stream of rows. Never more than a few megabytes in memory, whatever the file: a quotation mark that is never
//! closed is refused, not swallowed, and rows that one swallowed are told.

use super::{
    FileProblem, Read as RowRead, Source,
    decode::{Decoded, refused},
    lines::{Lines, Passed},
};
use csv::StringRecord;
use encoding_rs::Encoding;
use std::{
    cell::{Cell, RefCell},
    io::{self, Read},
    rc::Rc,
};

/// The longest cell, in bytes.
const MAX_FIELD: usize = 1024 * 1024;
/// The most lines one row may span.
const MAX_LINES: u64 = 1_000;
/// The most bytes that may be read without a row coming of them.
const MAX_ROW: usize = 8 * 1024 * 1024;

/// How the text is cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    pub quote: u8,
    /// The first line only names the delimiter (`sep=;`).
    pub told: bool,
}

/// Rows of delimited text.
pub struct Table<'a> {
    csv: csv::Reader<Watched<Box<dyn Read + 'a>>>,
    encoding: Rc<Cell<&'static str>>,
    lines: Lines,
    passed: Rc<RefCell<Passed>>,
}

impl<'a> Table<'a> {
    pub fn new(input: impl Read + 'a, encoding: Option<&'static Encoding>, dialect: Dialect) -> Self {
        let decoded = Decoded::new(Box::new(input) as Box<dyn Read + 'a>, encoding);
        let (encoding, passed) = (Rc::new(Cell::new("UTF-8")), Rc::new(RefCell::new(Passed::default())));
        let watched = Watched { decoded, skipping: dialect.told, passed: passed.clone(), encoding: encoding.clone() };
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .quote(dialect.quote)
            .from_reader(watched);
        let lines = Lines::new(1 + u64::from(dialect.told), dialect.delimiter, dialect.quote);
        Self { csv, encoding, lines, passed }
    }
}

impl Source for Table<'_> {
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<RowRead>, FileProblem> {
        let before = self.csv.position().byte();
        let more = self.csv.read_record(record);
        let more = more.map_err(|e| problem(self.lines.begun(&self.passed.borrow()), &e))?;
        if !more {
            return Ok(None);
        }
        let count = usize::try_from(self.csv.position().byte() - before).unwrap_or(usize::MAX);
        let span = self.lines.row(&mut self.passed.borrow_mut(), count);
        let line = span.line;
        if span.stray_quote || span.lines > MAX_LINES {
            return Err(FileProblem::new(line, "a quotation mark is opened and not closed"));
        }
        if record.iter().any(|cell| cell.len() > MAX_FIELD) {
            return Err(FileProblem::new(line, "a cell is longer than 1 MB (a quotation mark that is not closed?)"));
        }
        let swallowed = span.alike.is_some_and(|n| n >= 2 && n + 1 == record.len());
        let problem = swallowed.then(|| {
            let last = line + span.lines - 1;
            format!("lines {line} to {last} were read as one row: is a quotation mark missing?")
        });
        Ok(Some(RowRead { line, last: line + span.lines - 1, problem }))
    }

    fn encoding(&self) -> &'static str {
        self.encoding.get()
    }
}

fn problem(line: u64, error: &csv::Error) -> FileProblem {
    match error.kind() {
        csv::ErrorKind::Io(io) => FileProblem::new(line, io.to_string()),
        _ => FileProblem::new(line, error.to_string()),
    }
}

/// Excel's own first line: `sep=;`. Returns the separator and how many bytes the line takes.
pub fn told_separator(text: &[u8]) -> (Option<u8>, usize) {
    let end = text.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    let line = text[..end].trim_ascii();
    match line.strip_prefix(b"sep=") {
        Some([delimiter]) => (Some(*delimiter), end),
        _ => (None, 0),
    }
}

/// Remembers what passes until it has become a row, and notices a row that never ends before it fills the memory.
struct Watched<R> {
    decoded: Decoded<R>,
    /// The line that names the delimiter has yet to be left out.
    skipping: bool,
    passed: Rc<RefCell<Passed>>,
    encoding: Rc<Cell<&'static str>>,
}

impl<R: Read> Watched<R> {
    fn skip_line(&mut self) -> io::Result<()> {
        let mut byte = [0];
        while self.decoded.read(&mut byte)? == 1 && byte[0] != b'\n' {}
        Ok(())
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.skipping) {
            self.skip_line()?;
        }
        let n = self.decoded.read(out)?;
        self.encoding.set(self.decoded.encoding());
        let mut passed = self.passed.borrow_mut();
        passed.push(&out[..n]);
        if passed.waiting().len() > MAX_ROW {
            return Err(refused("a row is longer than 8 MB (a quotation mark that is not closed?)"));
        }
        Ok(n)
    }
}
