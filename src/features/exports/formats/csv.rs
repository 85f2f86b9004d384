//! RFC 4180, with cells that a spreadsheet would take for a formula behind an apostrophe. Numbers and dates are no formulas and
//! stay as they are.

use super::{Cell, Column, Row, Sheet, Sink, columns};
use crate::features::imports::cells;
use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use std::{
    fs::File,
    io::{BufWriter, Write},
};

pub(super) struct Csv {
    columns: Vec<Column>,
    writer: Writer<BufWriter<File>>,
}

impl Csv {
    pub(super) fn open(sheet: Sheet, file: File) -> anyhow::Result<Self> {
        let mut file = BufWriter::new(file);
        if sheet.bom {
            file.write_all("\u{feff}".as_bytes())?;
        }
        let columns = columns(&sheet.entries);
        // Quotation marks that are seen tell a reader that apostrophes are none.
        let mut heading =
            WriterBuilder::new().terminator(Terminator::CRLF).quote_style(QuoteStyle::Always).from_writer(file);
        heading.write_record(columns.iter().map(|column| cells::guard(&column.heading)))?;
        let file = heading.into_inner().map_err(|error| error.into_error())?;
        Ok(Self { columns, writer: WriterBuilder::new().terminator(Terminator::CRLF).from_writer(file) })
    }
}

impl Sink for Csv {
    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let mut spare = Cell::Empty;
        for column in &self.columns {
            let cell = column.cell(row, &mut spare);
            let text = cell.plain();
            match cell {
                Cell::Number(_) | Cell::Money { .. } | Cell::Date(_) | Cell::Moment(_) => {
                    self.writer.write_field(text)?
                }
                _ => self.writer.write_field(cells::guard(&text))?,
            }
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.writer.flush()?;
        Ok(())
    }
}
