//! An Excel workbook, written row by row into scratch files: numbers, dates and yes/no as such, everything else as text, so that
//! nothing is a formula. Moments are in UTC and say so, whoever opens the file. The headings stay in view.

use super::{Cell, Column, Row, Sheet, Sink, columns};
use crate::features::imports::cells::{self, EPOCH, MICROS_OF_A_DAY, UTC_FORMAT};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{Format, Workbook, Worksheet};
use std::{fs::File, io::BufWriter};

/// Rows of a sheet, the headings among them; more begin another sheet.
const MOST: u32 = 1_048_576;
/// Characters of a cell; Excel's own limit.
const LONGEST: usize = 32_767;
/// What Excel's floating point keeps exactly.
const DIGITS: u32 = 15;

pub(super) struct Xlsx {
    title: &'static str,
    columns: Vec<Column>,
    file: File,
    workbook: Workbook,
    sheets: usize,
    row: u32,
    formats: Formats,
}

struct Formats {
    heading: Format,
    money: Format,
    date: Format,
    moment: Format,
}

impl Xlsx {
    pub(super) fn open(sheet: Sheet, file: File) -> anyhow::Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(&sheet.scratch)?;
        let formats = Formats {
            heading: Format::new().set_bold(),
            money: Format::new().set_num_format("#,##0.00##"),
            date: Format::new().set_num_format("yyyy-mm-dd"),
            moment: Format::new().set_num_format(UTC_FORMAT),
        };
        let columns = columns(&sheet.entries);
        let mut made = Self { title: sheet.title, columns, file, workbook, sheets: 0, row: 0, formats };
        made.begin_sheet()?;
        Ok(made)
    }

    fn begin_sheet(&mut self) -> anyhow::Result<()> {
        self.sheets += 1;
        let name = if self.sheets == 1 { self.title.to_owned() } else { format!("{} {}", self.title, self.sheets) };
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?.set_freeze_panes(1, 0)?;
        for (at, column) in (0u16..).zip(&self.columns) {
            let least = if column.holds_moments { 23 } else { 12 };
            let width = column.heading.chars().count().clamp(least, 40);
            sheet.set_column_width(at, u32::try_from(width).unwrap_or(12))?;
            sheet.write_string_with_format(0, at, &column.heading, &self.formats.heading)?;
        }
        self.row = 1;
        Ok(())
    }
}

impl Sink for Xlsx {
    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        if self.row >= MOST {
            self.begin_sheet()?;
        }
        let sheet = self.workbook.worksheet_from_index(self.sheets - 1)?;
        let mut spare = Cell::Empty;
        for (at, column) in (0u16..).zip(&self.columns) {
            write(sheet, (self.row, at), column.cell(row, &mut spare), &self.formats)?;
        }
        self.row += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.workbook.save_to_writer(BufWriter::new(&self.file))?;
        Ok(())
    }
}

fn write(sheet: &mut Worksheet, (row, at): (u32, u16), cell: &Cell, formats: &Formats) -> anyhow::Result<()> {
    match cell {
        Cell::Empty => {}
        Cell::Number(n) if n.mantissa().unsigned_abs() < 10u128.pow(DIGITS) => {
            sheet.write_number(row, at, n.to_f64().unwrap_or_default())?;
        }
        Cell::Money { amount, .. } if amount.mantissa().unsigned_abs() < 10u128.pow(DIGITS) => {
            sheet.write_number_with_format(row, at, amount.to_f64().unwrap_or_default(), &formats.money)?;
        }
        Cell::Date(day) => {
            sheet.write_datetime_with_format(row, at, day, &formats.date)?;
        }
        Cell::Moment(moment) => {
            sheet.write_number_with_format(row, at, serial(*moment), &formats.moment)?;
        }
        Cell::Bool(yes) => {
            sheet.write_boolean(row, at, *yes)?;
        }
        other => {
            let text: String = cells::escape(&other.plain()).chars().take(LONGEST).collect();
            if !text.is_empty() {
                sheet.write_string(row, at, text)?;
            }
        }
    }
    Ok(())
}

/// Days since Excel's day nought, in UTC, to the microsecond: a double tells those apart.
fn serial(moment: DateTime<Utc>) -> f64 {
    let since = moment.naive_utc() - EPOCH.and_time(NaiveTime::MIN);
    let rest = since - TimeDelta::days(since.num_days());
    since.num_days() as f64 + rest.num_microseconds().unwrap_or(0) as f64 / MICROS_OF_A_DAY
}
