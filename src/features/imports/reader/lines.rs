//! Which lines a row of the file stands on, and whether its quotation marks make sense. The csv crate reads leniently: it skips empty
//! lines without a word, does not count bare CRs, and lets a stray quote swallow the rows behind it. So the bytes that it has consumed
//! are looked at once more, whatever the pieces they arrived in.

/// Bytes handed to the csv reader that no finished row accounts for yet.
#[derive(Default)]
pub struct Passed {
    bytes: Vec<u8>,
    taken: usize,
}

impl Passed {
    pub fn push(&mut self, more: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(more);
    }

    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let start = self.taken;
        self.taken = (start + count).min(self.bytes.len());
        &self.bytes[start..self.taken]
    }
}

/// Where a row stands, and whether it is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Span {
    /// Counting from 1, as editors do: CR, LF and CR LF all end a line.
    pub line: u64,
    /// How many lines it takes.
    pub lines: u64,
    /// A quotation mark is never closed, or is closed in the middle of a later line's cell.
    pub stray_quote: bool,
    /// Each of its lines has this many delimiters, quotation marks aside: as many rows may have been read as one.
    pub alike: Option<usize>,
}

/// The line that the next byte stands on.
pub struct Lines {
    line: u64,
    after_cr: bool,
    delimiter: u8,
    quote: u8,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    CellStart,
    Plain,
    /// Inside quotes that were opened on this line.
    Quoted(u64),
    /// Behind a quote that closes, or that is the first of two.
    Closed(u64),
}

impl Lines {
    pub fn new(first: u64, delimiter: u8, quote: u8) -> Self {
        Self { line: first, after_cr: false, delimiter, quote }
    }

    /// Goes past a row that the csv reader has just finished, `count` bytes long with the empty lines before it.
    pub fn row(&mut self, passed: &mut Passed, count: usize) -> Span {
        let bytes = passed.take(count);
        let bytes = &bytes[self.skip_empty(bytes)..];
        let first = self.line;
        let (mut at, mut stray_quote, mut last) = (At::CellStart, false, first);
        for &byte in bytes {
            last = self.line;
            let next = self.after(at, byte);
            stray_quote |= matches!(at, At::Closed(opened) if opened < last) && next == At::Plain;
            at = next;
            self.step(byte);
        }
        stray_quote |= matches!(at, At::Quoted(_));
        let lines = 1 + last - first;
        let alike = if lines > 1 { self.delimiters_alike(bytes) } else { None };
        Span { line: first, lines, stray_quote, alike }
    }

    /// The number of delimiters, when every line that is not empty has the same.
    fn delimiters_alike(&self, bytes: &[u8]) -> Option<usize> {
        let mut lines = bytes.split(|b| matches!(b, b'\r' | b'\n')).filter(|line| !line.is_empty());
        let count = |line: &[u8]| line.iter().filter(|b| **b == self.delimiter).count();
        let first = count(lines.next()?);
        let second = count(lines.next()?);
        (first == second && lines.all(|line| count(line) == first)).then_some(first)
    }

    /// The line on which a row begins that could not be finished.
    pub fn begun(&mut self, passed: &Passed) -> u64 {
        self.skip_empty(passed.waiting());
        self.line
    }

    fn skip_empty(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        bytes[..count].iter().for_each(|b| self.step(*b));
        count
    }

    fn step(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_cr);
        self.after_cr = byte == b'\r';
    }

    fn after(&self, at: At, byte: u8) -> At {
        match (at, byte) {
            (At::Quoted(opened), byte) if byte == self.quote => At::Closed(opened),
            (At::Closed(opened), byte) if byte == self.quote => At::Quoted(opened),
            (At::Quoted(opened), _) => At::Quoted(opened),
            (At::CellStart, byte) if byte == self.quote => At::Quoted(self.line),
            (_, byte) if byte == self.delimiter => At::CellStart,
            (_, b'\r' | b'\n') => At::CellStart,
            _ => At::Plain,
        }
    }
}
