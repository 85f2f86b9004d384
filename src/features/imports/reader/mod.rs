//! A CSV file as a stream of rows: encoding and delimiter found by looking, header first, line numbers as an editor shows them.
//! Never more than a few megabytes in memory, whatever the file: a quote that is never closed is refused, not swallowed.

mod decode;
mod lines;

use csv::StringRecord;
use decode::{Decoded, refused};
use lines::{Lines, Passed};
use std::{
    cell::{Cell, RefCell},
    io::{self, Cursor, Read},
    rc::Rc,
};

/// The longest cell, in bytes.
const MAX_FIELD: usize = 1024 * 1024;
/// The most lines one row may span.
const MAX_LINES: u64 = 1_000;
/// The most bytes that may be read without a row coming of them.
const MAX_ROW: usize = 8 * 1024 * 1024;
const MAX_COLUMNS: usize = 1_000;
const PREFIX: u64 = 64 * 1024;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Why a file cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// An open file, its header read.
pub struct Rows<'a> {
    csv: csv::Reader<Watched<Box<dyn Read + 'a>>>,
    record: StringRecord,
    pub header: Vec<String>,
    pub encoding: Rc<Cell<&'static str>>,
    pub delimiter: u8,
    lines: Lines,
    passed: Rc<RefCell<Passed>>,
}

impl<'a> Rows<'a> {
    /// `known` counts the cells of a header row that mean something: the delimiter is the one under which most do.
    pub fn open(input: impl Read + 'a, known: impl Fn(&[String]) -> usize) -> Result<Self, FileProblem> {
        let (encoding, passed) = (Rc::new(Cell::new("UTF-8")), Rc::new(RefCell::new(Passed::default())));
        let mut decoded = Decoded::new(Box::new(input) as Box<dyn Read + 'a>);
        let mut prefix = Vec::new();
        decoded.by_ref().take(PREFIX).read_to_end(&mut prefix).map_err(|e| FileProblem::new(1, e.to_string()))?;
        if prefix.iter().all(u8::is_ascii_whitespace) {
            return Err(FileProblem::new(None, "it is empty"));
        }
        encoding.set(decoded.encoding());
        let (told, skip) = told_separator(&prefix);
        let delimiter = told.unwrap_or_else(|| sniff(&prefix[skip..], &known));
        prefix.drain(..skip);
        let watched =
            Watched { prefix: Cursor::new(prefix), rest: decoded, passed: passed.clone(), encoding: encoding.clone() };
        let csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(watched);
        let mut rows = Self {
            csv,
            record: StringRecord::new(),
            header: Vec::new(),
            encoding,
            delimiter,
            lines: Lines::new(1 + u64::from(skip > 0), delimiter),
            passed,
        };
        rows.read_header(known)?;
        Ok(rows)
    }

    fn read_header(&mut self, known: impl Fn(&[String]) -> usize) -> Result<(), FileProblem> {
        let Some((line, _)) = self.next()? else { return Err(FileProblem::new(None, "it is empty")) };
        let header: Vec<String> = self.record.iter().map(|cell| cell.trim().to_owned()).collect();
        if header.len() > MAX_COLUMNS {
            return Err(FileProblem::new(line, format!("it has more than {MAX_COLUMNS} columns")));
        }
        if known(&header) == 0 {
            let seen: String =
                header.iter().take(8).cloned().collect::<Vec<_>>().join(", ").chars().take(200).collect();
            let what = format!("none of its column headings is known here (it begins: {seen})");
            return Err(FileProblem::new(line, what));
        }
        self.header = header;
        Ok(())
    }

    /// The next row and the line it begins on, counting from 1.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(u64, &StringRecord)>, FileProblem> {
        let before = self.csv.position().byte();
        let more = self.csv.read_record(&mut self.record);
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
        if self.record.iter().any(|cell| cell.len() > MAX_FIELD) {
            return Err(FileProblem::new(line, "a cell is longer than 1 MB (a quotation mark that is not closed?)"));
        }
        Ok(Some((line, &self.record)))
    }
}

fn problem(line: u64, error: &csv::Error) -> FileProblem {
    match error.kind() {
        csv::ErrorKind::Io(io) => FileProblem::new(line, io.to_string()),
        _ => FileProblem::new(line, error.to_string()),
    }
}

/// Excel's own first line: `sep=;`. Returns the separator and how many bytes the line takes.
fn told_separator(prefix: &[u8]) -> (Option<u8>, usize) {
    let end = prefix.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    let line = prefix[..end].trim_ascii();
    match line.strip_prefix(b"sep=") {
        Some([delimiter]) => (Some(*delimiter), end),
        _ => (None, 0),
    }
}

/// The delimiter under which most headings are known; among equals, the one that gives most columns.
fn sniff(prefix: &[u8], known: &impl Fn(&[String]) -> usize) -> u8 {
    let score = |delimiter: u8| {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(prefix);
        let mut record = StringRecord::new();
        let header: Vec<String> = match reader.read_record(&mut record) {
            Ok(true) => record.iter().map(|cell| cell.trim().to_owned()).collect(),
            _ => Vec::new(),
        };
        (known(&header), header.len())
    };
    DELIMITERS.into_iter().rev().max_by_key(|d| score(*d)).unwrap_or(b',')
}

/// Remembers what passes until it has become a row, and notices a row that never ends before it fills the memory.
struct Watched<R> {
    /// The part of the file that has been looked at already.
    prefix: Cursor<Vec<u8>>,
    rest: Decoded<R>,
    passed: Rc<RefCell<Passed>>,
    encoding: Rc<Cell<&'static str>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut n = self.prefix.read(out)?;
        if n == 0 {
            n = self.rest.read(out)?;
            self.encoding.set(self.rest.encoding());
        }
        let mut passed = self.passed.borrow_mut();
        passed.push(&out[..n]);
        if passed.waiting().len() > MAX_ROW {
            return Err(refused("a row is longer than 8 MB (a quotation mark that is not closed?)"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(header: &[String]) -> usize {
        header.iter().filter(|h| matches!(h.as_str(), "name" | "city")).count()
    }

    type Lines = Vec<(u64, Vec<String>)>;

    fn read(bytes: &[u8]) -> Result<Lines, FileProblem> {
        let mut rows = Rows::open(bytes, known)?;
        let mut out = Vec::new();
        while let Some((line, record)) = rows.next()? {
            out.push((line, record.iter().map(str::to_owned).collect()));
        }
        Ok(out)
    }

    #[test]
    fn rows_know_their_lines() -> Result<(), FileProblem> {
        let rows = read(b"name;city\r\n\"two\nlines\";X\r\n\r\nlast;Y")?;
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(rows[0].1, ["two\nlines", "X"]);
        assert_eq!(read(b"sep=|\nname|city\na,b|c")?, [(3, vec!["a,b".into(), "c".into()])]);
        // Old Mac files end lines with a bare CR; empty lines count, at the start as well.
        let rows = read(b"\n\nname,city\r\ra,\"x\ry\"\r\rb,5\" pipe\r")?;
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [5, 8]);
        // However the file is cut into pieces as it is read.
        let long = [b"name,city\r\n".to_vec(), b"a,\"b\r\n\"\"c\"\r\n\r\n".repeat(30_000)].concat();
        let rows = read(&long)?;
        assert!(rows.iter().enumerate().all(|(n, row)| row.0 == 2 + 3 * n as u64 && row.1 == ["a", "b\r\n\"c"]));
        assert_eq!(rows.len(), 30_000);
        Ok(())
    }

    #[test]
    fn what_cannot_be_read_safely_is_refused_by_line() {
        let line = |bytes: &[u8]| read(bytes).err().map(|p| p.line);
        assert_eq!(line(b""), Some(None));
        assert_eq!(line(b"foo,bar\n1,2\n"), Some(Some(1)));
        assert_eq!(line(b"name,city\na,\"b\nc,d\ne,f\n"), Some(Some(2)));
        assert_eq!(line(b"name,city\n\n\na,b\n\n\"c,d\ne,f"), Some(Some(6)));
        // Closed by the opening quote of a later row: what lies between is no cell.
        assert_eq!(line(b"name,city\n\"a\",\"b\n\"c\",\"d\"\n"), Some(Some(2)));
        let endless = [b"name,city\na,b\nc,\"".to_vec(), b"x\n".repeat(2_000)].concat();
        assert_eq!(line(&endless), Some(Some(3)));
        let wide = [b"name,city\na,\"".to_vec(), vec![b'x'; 9 * 1024 * 1024], b"\"\n".to_vec()].concat();
        assert_eq!(line(&wide), Some(Some(2)));
        let wide = [b"name,city\r\n\r\na,\"".to_vec(), b"x\r\n".repeat(3 * 1024 * 1024)].concat();
        assert_eq!(line(&wide), Some(Some(3)));
    }
}
