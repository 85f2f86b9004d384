//! What a file looks like, and what somebody says it looks like instead. Everything detected is shown and may be overridden; a shape's
//! own [`FileShape::overrides`] pin it down, so that the file is read later exactly as it was shown.

use super::FileProblem;
use crate::features::imports::values::Detected;
use serde::{Deserialize, Serialize};

/// How the file holds its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Cells between delimiters: CSV, TSV and their kin.
    Csv,
    Xlsx,
    Vcard,
}

#[allow(dead_code, reason = "what the wizard's pages choose from")]
impl Format {
    pub const ALL: [Format; 3] = [Format::Csv, Format::Xlsx, Format::Vcard];

    /// As it is written in options and addresses.
    pub fn key(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Vcard => "vcard",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Format::Csv => "CSV or other delimited text",
            Format::Xlsx => "Excel workbook (.xlsx)",
            Format::Vcard => "vCard (.vcf)",
        }
    }

    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.key() == key)
    }
}

/// What becomes of rows with fewer cells than there are columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShortRows {
    /// The row is reported: cells may have been lost anywhere in it.
    #[default]
    Report,
    /// The writer leaves out empty cells at the end.
    Fill,
}

/// What the importer says of the file; whatever is `None` is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    pub format: Option<Format>,
    /// A label of the Encoding Standard: `utf-8`, `windows-1252`, `utf-16le`.
    pub encoding: Option<String>,
    /// One ASCII character.
    pub delimiter: Option<char>,
    pub quote: Option<char>,
    /// The line (row of a sheet) the headings stand on; 0 for a file without headings.
    pub header_row: Option<u64>,
    pub sheet: Option<String>,
    pub short_rows: Option<ShortRows>,
    /// A delimiter before a space is part of the cell, in rows that have too many: `24, place Kléber`, written without quotation marks.
    pub loose_delimiters: Option<bool>,
    /// Cells that stand for nothing, such as `NULL`.
    pub empty_words: Option<Vec<String>>,
}

/// Something to look at before the file is imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub line: Option<u64>,
    pub what: String,
}

impl Warning {
    pub fn new(line: impl Into<Option<u64>>, what: impl Into<String>) -> Self {
        Self { line: line.into(), what: what.into() }
    }

    /// `Line 3: a row has 4 cells, the header 5.`
    pub fn message(&self) -> String {
        match self.line {
            Some(line) => format!("Line {line}: {}.", self.what),
            None => {
                let mut chars = self.what.chars();
                let first = chars.next().into_iter().flat_map(char::to_uppercase).collect::<String>();
                format!("{first}{}.", chars.as_str())
            }
        }
    }
}

/// A row as it would be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    pub line: u64,
    pub cells: Vec<String>,
    /// Why this row would be reported rather than imported.
    pub problem: Option<String>,
}

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileShape {
    pub format: Format,
    pub encoding: String,
    /// Of delimited text.
    pub delimiter: Option<char>,
    pub quote: Option<char>,
    /// The first line only names the delimiter (`sep=;`, as Excel writes it).
    #[serde(default)]
    pub names_delimiter: bool,
    /// The line the headings stand on; 0 when there are none.
    pub header_row: u64,
    /// Of a workbook, in its order.
    pub sheets: Vec<String>,
    pub sheet: Option<String>,
    pub short_rows: ShortRows,
    #[serde(default)]
    pub loose_delimiters: bool,
    pub empty_words: Vec<String>,
    /// The headings, trimmed; `Column 1`, `Column 2`, … when there are none.
    pub columns: Vec<String>,
    /// How the dates and numbers of each column are written, as far as the first rows tell.
    pub formats: Vec<Detected>,
    pub first_rows: Vec<PreviewRow>,
    pub warnings: Vec<Warning>,
    /// Why it cannot be imported like this. Other overrides may help.
    pub refused: Option<FileProblem>,
}

impl FileShape {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            encoding: "UTF-8".into(),
            delimiter: None,
            quote: None,
            names_delimiter: false,
            header_row: 0,
            sheets: Vec::new(),
            sheet: None,
            short_rows: ShortRows::Report,
            loose_delimiters: false,
            empty_words: Vec::new(),
            columns: Vec::new(),
            formats: Vec::new(),
            first_rows: Vec::new(),
            warnings: Vec::new(),
            refused: None,
        }
    }

    /// Of a file that cannot be read like that.
    pub fn refused(problem: FileProblem, overrides: &Overrides) -> Self {
        Self { refused: Some(problem), ..Self::new(overrides.format.unwrap_or(Format::Csv)) }
    }

    /// Reads the file again as it is shown here.
    #[allow(dead_code, reason = "what the wizard's pages choose from")]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            format: Some(self.format),
            encoding: (self.format != Format::Xlsx).then(|| self.encoding.clone()),
            delimiter: self.delimiter,
            quote: self.quote,
            header_row: (self.format != Format::Vcard).then_some(self.header_row),
            sheet: self.sheet.clone(),
            short_rows: Some(self.short_rows),
            loose_delimiters: Some(self.loose_delimiters),
            empty_words: Some(self.empty_words.clone()),
        }
    }
}
