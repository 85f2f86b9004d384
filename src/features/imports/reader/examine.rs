//! Looking at a file before it is read: its format, encoding, delimiter, headings, first rows, and what is odd about them.

use super::{
    FileProblem, FileShape, Format, MAX_COLUMNS, Overrides, PreviewRow, Rows, ShortRows, Source, Warning, card,
    cards::Cards,
    decode::Decoded,
    header, rejoin,
    table::{self, Dialect, Table},
    workbook,
};
use crate::features::imports::{cells::NOTHING, presets, values::detect_formats};
use csv::StringRecord;
use encoding_rs::Encoding;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

const PREFIX: u64 = 64 * 1024;
/// Rows that are looked at, and rows that are shown.
const SAMPLE: usize = 200;
const SHOWN: usize = 20;

/// What the file looks like, overrides applied.
pub fn sniff(path: &Path, overrides: &Overrides) -> Result<FileShape, FileProblem> {
    let examined = examine(path, overrides)?;
    let mut shape = examined.shape;
    if shape.format != Format::Xlsx && examined.encoding.is_none() {
        // The first part may be plain ASCII and say nothing; what is shown is what the whole file will be read as.
        let mut decoded = Decoded::new(file(path)?, None);
        decoded.settle();
        shape.encoding = decoded.encoding().to_owned();
    }
    if shape.refused.is_none() {
        match first_rows(path, &shape, examined.encoding) {
            Ok(rows) => shape.first_rows = rows,
            Err(problem) => shape.refused = Some(problem),
        }
        let odd = shape.first_rows.iter().filter_map(|row| row.problem.as_ref().map(|p| (row.line, p)));
        shape.warnings.extend(odd.map(|(line, problem)| Warning::new(line, problem.clone())));
        shape.first_rows.truncate(SHOWN);
    }
    Ok(shape)
}

/// Opens the file to be read from its first row on.
pub fn open(path: &Path, overrides: &Overrides) -> Result<Rows<'static>, FileProblem> {
    let examined = examine(path, overrides)?;
    if let Some(problem) = examined.shape.refused {
        return Err(problem);
    }
    Rows::new(source(path, &examined.shape, examined.encoding)?, &examined.shape)
}

struct Examined {
    shape: FileShape,
    /// The encoding somebody chose.
    encoding: Option<&'static Encoding>,
}

fn first_rows(
    path: &Path,
    shape: &FileShape,
    encoding: Option<&'static Encoding>,
) -> Result<Vec<PreviewRow>, FileProblem> {
    let mut rows = Rows::new(source(path, shape, encoding)?, shape)?;
    let mut shown = Vec::new();
    while shown.len() < SAMPLE
        && let Some(row) = rows.next()?
    {
        let cells = row.record.iter().map(|cell| cell.trim().to_owned()).collect();
        shown.push(PreviewRow { line: row.line, cells, problem: row.problem });
    }
    Ok(shown)
}

fn source(path: &Path, shape: &FileShape, encoding: Option<&'static Encoding>) -> Result<Box<dyn Source>, FileProblem> {
    Ok(match shape.format {
        Format::Xlsx => workbook::reopen(path, shape.sheet.as_deref())?.source,
        Format::Vcard => Box::new(Cards::new(file(path)?, encoding)),
        Format::Csv => {
            let dialect = Dialect {
                delimiter: byte(shape.delimiter, b',')?,
                quote: byte(shape.quote, b'"')?,
                told: shape.names_delimiter,
            };
            Box::new(Table::new(file(path)?, encoding, dialect))
        }
    })
}

fn file(path: &Path) -> Result<File, FileProblem> {
    File::open(path).map_err(|error| FileProblem::new(None, error.to_string()))
}

fn byte(c: Option<char>, default: u8) -> Result<u8, FileProblem> {
    let Some(c) = c else { return Ok(default) };
    u8::try_from(c)
        .ok()
        .filter(|b| b.is_ascii() && !matches!(b, b'\r' | b'\n' | 0))
        .ok_or_else(|| FileProblem::new(None, format!("“{c}” cannot stand between cells: choose one plain character")))
}

fn examine(path: &Path, overrides: &Overrides) -> Result<Examined, FileProblem> {
    let encoding = match &overrides.encoding {
        None => None,
        Some(label) => Some(
            Encoding::for_label(label.as_bytes())
                .ok_or_else(|| FileProblem::new(None, format!("“{label}” is not an encoding known here")))?,
        ),
    };
    let mut magic = Vec::new();
    file(path)?.take(8).read_to_end(&mut magic).map_err(|e| FileProblem::new(None, e.to_string()))?;
    if magic.is_empty() {
        return Err(FileProblem::new(None, "it is empty"));
    }
    let archive = magic.starts_with(b"PK\x03\x04");
    let mut shape = match overrides.format {
        Some(Format::Xlsx) => workbook_shape(path, overrides)?,
        None if archive => workbook_shape(path, overrides)?,
        format => text_shape(path, overrides, format, encoding)?,
    };
    if shape.columns.len() > MAX_COLUMNS {
        return Err(FileProblem::new(shape.header_row, format!("it has more than {MAX_COLUMNS} columns")));
    }
    if let Some(what) = presets::foreign(&shape.columns).filter(|_| shape.refused.is_none()) {
        let what = format!("it holds {what}: none of them is a company, a contact, a lead or a deal");
        shape.refused = Some(FileProblem::new(shape.header_row, what));
    }
    Ok(Examined { shape, encoding })
}

fn workbook_shape(path: &Path, overrides: &Overrides) -> Result<FileShape, FileProblem> {
    let mut book = workbook::open(path, overrides.sheet.as_deref())?;
    let mut shape = FileShape::new(Format::Xlsx);
    shape.short_rows = ShortRows::Fill;
    let sample = sample(&mut *book.source)?;
    if sample.is_empty() {
        return Err(FileProblem::new(None, format!("its sheet “{}” is empty", book.sheet)));
    }
    if book.sheets.len() > 1 && overrides.sheet.is_none() {
        let what = format!("the workbook has {} sheets; “{}” is read", book.sheets.len(), book.sheet);
        shape.warnings.push(Warning::new(None, what));
    }
    shape.sheets = book.sheets;
    shape.sheet = Some(book.sheet);
    settle(&mut shape, sample, overrides);
    Ok(shape)
}

fn text_shape(
    path: &Path,
    overrides: &Overrides,
    format: Option<Format>,
    encoding: Option<&'static Encoding>,
) -> Result<FileShape, FileProblem> {
    let mut decoded = Decoded::new(file(path)?, encoding);
    let (text, broken) = prefix(&mut decoded);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(match broken {
            Some(error) => FileProblem::new(1, error.to_string()),
            None => FileProblem::new(None, "it is empty"),
        });
    }
    let format = format.unwrap_or_else(|| if is_card(&text) { Format::Vcard } else { Format::Csv });
    let mut shape = FileShape::new(format);
    shape.encoding = decoded.encoding().to_owned();
    if format == Format::Vcard {
        shape.columns = card::COLUMNS.iter().map(|c| (*c).to_owned()).collect();
        return Ok(shape);
    }
    let (told, skip) = table::told_separator(&text);
    let quote = byte(overrides.quote, header::quote(&text))?;
    let delimiter = match overrides.delimiter {
        Some(_) => byte(overrides.delimiter, b',')?,
        None => told.unwrap_or_else(|| header::delimiter(&text[skip..], quote)),
    };
    if delimiter == quote {
        return Err(FileProblem::new(None, "the delimiter and the quotation mark are the same character"));
    }
    shape.delimiter = Some(char::from(delimiter));
    shape.quote = Some(char::from(quote));
    shape.names_delimiter = skip > 0;
    shape.warnings.extend(header::mixed_line_ends(&text, quote));
    let mut source = source(path, &shape, encoding)?;
    let (sample, refused) = sample_until(&mut *source);
    if sample.is_empty() {
        return Err(refused.unwrap_or_else(|| FileProblem::new(None, "it is empty")));
    }
    shape.refused = refused;
    settle(&mut shape, sample, overrides);
    Ok(shape)
}

/// The first part of the text, as far as it can be decoded.
fn prefix(decoded: &mut Decoded<File>) -> (Vec<u8>, Option<io::Error>) {
    let mut text = Vec::new();
    let mut piece = [0; 8 * 1024];
    while (text.len() as u64) < PREFIX {
        match decoded.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => text.extend_from_slice(&piece[..n]),
            Err(error) => return (text, Some(error)),
        }
    }
    (text, None)
}

fn is_card(text: &[u8]) -> bool {
    let start = text.trim_ascii_start();
    start.get(..11).is_some_and(|s| s.eq_ignore_ascii_case(b"BEGIN:VCARD"))
}

type Sample = Vec<(u64, Vec<String>)>;

fn sample(source: &mut dyn Source) -> Result<Sample, FileProblem> {
    let (sample, problem) = sample_until(source);
    problem.map_or(Ok(sample), Err)
}

fn sample_until(source: &mut dyn Source) -> (Sample, Option<FileProblem>) {
    let (mut sample, mut record) = (Vec::new(), StringRecord::new());
    while sample.len() < SAMPLE {
        match source.next(&mut record) {
            Ok(Some(read)) => sample.push((read.line, record.iter().map(str::to_owned).collect())),
            Ok(None) => break,
            Err(problem) => return (sample, Some(problem)),
        }
    }
    (sample, None)
}

/// Headings, rows that are short, words for nothing: from the first rows, unless somebody said so.
fn settle(shape: &mut FileShape, mut sample: Sample, overrides: &Overrides) {
    let trimmed = |row: &Vec<String>| row.iter().map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = sample.iter().map(|(_, row)| trimmed(row)).collect();
    let at = match overrides.header_row {
        Some(0) => None,
        Some(line) => sample.iter().position(|(l, _)| *l >= line),
        None => header::find(&rows),
    };
    match at {
        Some(at) => {
            let body = sample.split_off(at + 1);
            let (line, headings) = sample.pop().map(|(line, row)| (line, trimmed(&row))).unwrap_or_default();
            if let (Some((first, _)), Some((last, _))) = (sample.first(), sample.last()) {
                let lines = if first == last { format!("line {first}") } else { format!("lines {first} to {last}") };
                let what = format!("the headings stand here; what is above them ({lines}) is not read");
                shape.warnings.push(Warning::new(line, what));
            }
            shape.warnings.extend(header::odd_headings(&headings, &body, line));
            (shape.header_row, shape.columns) = (line, headings);
            sample = body;
        }
        None => {
            shape.header_row = 0;
            let width = rows.iter().map(Vec::len).max().unwrap_or(0);
            shape.columns = (1..=width).map(|n| format!("Column {n}")).collect();
            if overrides.header_row.is_none() {
                shape.warnings.push(Warning::new(None, "the file seems to have no headings: its first row is data"));
            }
        }
    }
    settle_loose(shape, &sample, overrides);
    sample.iter_mut().for_each(|(_, row)| *row = trimmed(row));
    settle_rows(shape, &sample, overrides);
    let cells = |column: usize| sample.iter().filter_map(move |(_, row)| row.get(column)).map(String::as_str);
    shape.formats = (0..shape.columns.len()).map(|column| detect_formats(cells(column))).collect();
}

/// Cells written without the quotation marks they need, in a file that writes no space behind its delimiters.
fn settle_loose(shape: &mut FileShape, body: &[(u64, Vec<String>)], overrides: &Overrides) {
    let (width, delimiter) = (shape.columns.len(), shape.delimiter.unwrap_or(','));
    let long: Vec<_> = body.iter().filter(|(_, row)| row.len() > width).collect();
    let joined = |row: &Vec<String>| rejoin(row.iter().map(String::as_str), delimiter, width).is_some();
    let spaced = |row: &Vec<String>| row.len() == width && row.iter().skip(1).any(|cell| cell.starts_with(' '));
    let loose = long.len() >= 2 && long.iter().all(|(_, row)| joined(row)) && !body.iter().any(|(_, row)| spaced(row));
    shape.loose_delimiters = overrides.loose_delimiters.unwrap_or(shape.format == Format::Csv && loose);
    if let Some((line, _)) = long.first().filter(|_| shape.loose_delimiters && overrides.loose_delimiters.is_none()) {
        let what = format!("“{delimiter}” before a space is read as part of the cell, here and in rows like it");
        shape.warnings.push(Warning::new(*line, what));
    }
}

fn settle_rows(shape: &mut FileShape, body: &[(u64, Vec<String>)], overrides: &Overrides) {
    let width = shape.columns.len();
    let short = body.iter().filter(|(_, row)| row.len() < width).count();
    let long = body.iter().any(|(_, row)| row.len() > width && row[width..].iter().any(|c| !c.is_empty()));
    if let Some(said) = overrides.short_rows {
        shape.short_rows = said;
    } else if shape.format == Format::Csv && !long && short >= 2 && short * 2 >= body.len() {
        shape.short_rows = ShortRows::Fill;
        shape.warnings.push(Warning::new(None, "rows leave out empty cells at their end; they are filled in"));
    }
    shape.empty_words = match &overrides.empty_words {
        Some(words) => words.clone(),
        None => empty_words(body),
    };
    if !shape.empty_words.is_empty() && overrides.empty_words.is_none() {
        let what = format!("“{}” is read as an empty cell", shape.empty_words.join("”, “"));
        shape.warnings.push(Warning::new(None, what));
    }
}

/// What databases write for nothing, when it stands in several columns or often.
fn empty_words(body: &[(u64, Vec<String>)]) -> Vec<String> {
    let stands = |word: &str| {
        let at = body.iter().flat_map(|(_, row)| row.iter().enumerate()).filter(|(_, cell)| *cell == word);
        let columns: Vec<usize> = at.map(|(column, _)| column).collect();
        columns.len() >= 3 || columns.windows(2).any(|pair| pair[0] != pair[1])
    };
    NOTHING.into_iter().filter(|word| stands(word)).map(str::to_owned).collect()
}
