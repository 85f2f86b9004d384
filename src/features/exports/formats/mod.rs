//! The kinds of file: each takes rows one by one and keeps none of them.

mod csv;
mod jsonl;
mod vcard;
mod xlsx;

pub(super) use vcard::FIELDS as CARD;

use super::{
    cells::{Cell, Row},
    model::Format,
};
use crate::features::{
    fields::{Entry, Kind},
    imports::RECORD_ID,
};
use std::{fs::File, path::PathBuf};

/// A file being written.
pub(super) trait Sink: Send {
    fn row(&mut self, row: &Row) -> anyhow::Result<()>;
    /// Writes what is left.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// What a file is made of.
pub(super) struct Sheet {
    /// "Contacts"
    pub title: &'static str,
    pub entries: Vec<Entry>,
    pub bom: bool,
    /// Where a workbook keeps its parts until it is put together.
    pub scratch: PathBuf,
}

pub(super) fn open(format: Format, sheet: Sheet, file: File) -> anyhow::Result<Box<dyn Sink>> {
    Ok(match format {
        Format::Csv => Box::new(csv::Csv::open(sheet, file)?),
        Format::Xlsx => Box::new(xlsx::Xlsx::open(sheet, file)?),
        Format::Vcard => Box::new(vcard::Vcard::open(&sheet, file)),
        Format::Jsonl => Box::new(jsonl::Jsonl::open(sheet, file)),
    })
}

/// A column of a table.
#[derive(Clone, Debug)]
struct Column {
    heading: String,
    of: Of,
    /// They are wider than dates.
    holds_moments: bool,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Entry(usize),
    /// The currency of the money in that entry.
    Currency(usize),
    /// The record's own id, by which an import knows it again.
    Id,
}

/// Every entry, with a column for its currency after money whose currency stands in no column of its own; the id comes last.
fn columns(entries: &[Entry]) -> Vec<Column> {
    let mut columns = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let holds_moments = entry.kind.value() == &Kind::DateTime;
        columns.push(Column { heading: entry.label.clone(), of: Of::Entry(at), holds_moments });
        let shared = |e: &Entry| e.key == "currency" && entry.currency.as_deref() == Some(e.expr.as_str());
        if entry.currency.is_some() && !entries.iter().any(shared) {
            let heading = format!("{} currency", entry.label);
            columns.push(Column { heading, of: Of::Currency(at), holds_moments: false });
        }
    }
    columns.push(Column { heading: RECORD_ID.to_owned(), of: Of::Id, holds_moments: false });
    columns
}

impl Column {
    /// `spare` holds what is in no cell of the row.
    fn cell<'a>(&self, row: &'a Row, spare: &'a mut Cell) -> &'a Cell {
        let cell = |at: usize| row.cells.get(at).unwrap_or(&Cell::Empty);
        *spare = match self.of {
            Of::Entry(at) => return cell(at),
            Of::Id => Cell::Text(row.id.to_string()),
            Of::Currency(at) => match cell(at) {
                Cell::Money { currency, .. } => Cell::Text(currency.clone()),
                _ => Cell::Empty,
            },
        };
        spare
    }
}
