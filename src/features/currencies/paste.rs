//! Rates pasted from a table: a day, a currency and a rate in each line, in whatever order.

use super::{commands::NewRate, forms};
use crate::{
    error::{AppError, AppResult},
    kernel::{Currency, calendar},
};
use chrono::NaiveDate;

const MOST: usize = 5_000;
/// Lines whose fault is told.
const TOLD: usize = 5;

/// All of it or nothing: what is wrong is told line by line. A line without a day is of `today`.
pub(super) fn read(text: &str, today: NaiveDate) -> AppResult<Vec<NewRate>> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let (mut rates, mut wrong, mut refused) = (Vec::new(), Vec::new(), 0);
    for (n, line) in lines {
        if rates.len() >= MOST {
            return Err(AppError::field("rates", format!("are too many: at most {MOST} at once")));
        }
        match one(line, today) {
            Ok(Some(rate)) => rates.push(rate),
            // The headings of a table.
            Ok(None) if n == 0 => {}
            Ok(None) => refused += 1,
            Err(message) => {
                refused += 1;
                if wrong.len() < TOLD {
                    wrong.push(format!("line {}: {message}", n + 1));
                }
            }
        }
    }
    if refused > wrong.len() {
        wrong.push(format!("{} more lines", refused - wrong.len()));
    }
    match (wrong.is_empty(), rates.is_empty()) {
        (false, _) => Err(AppError::field("rates", format!("could not be read: {}", wrong.join("; ")))),
        (true, true) => Err(AppError::field("rates", "are needed: a day, a currency and a rate in each line")),
        _ => Ok(rates),
    }
}

/// `None`: it says no number at all.
fn one(line: &str, today: NaiveDate) -> Result<Option<NewRate>, String> {
    let cells: Vec<&str> = match line {
        _ if line.contains('\t') => line.split('\t').collect(),
        _ if line.contains(';') => line.split(';').collect(),
        // A comma may be a decimal one: between cells there is one after a letter or before one.
        _ if line.split(',').count() > 2 => line.split(',').collect(),
        _ => line.split_whitespace().collect(),
    };
    let (mut currency, mut on, mut rate): (Option<Currency>, _, _) = (None, None, None);
    for cell in cells.iter().map(|cell| cell.trim().trim_matches('"').trim()).filter(|cell| !cell.is_empty()) {
        if cell.len() == 3 && cell.bytes().all(|b| b.is_ascii_alphabetic()) {
            currency = Some(cell.parse().map_err(|_| format!("{cell} is no currency"))?);
        } else if let Ok(day) = calendar::parse_date(cell) {
            on = Some(day);
        } else if cell.bytes().any(|b| b.is_ascii_digit()) {
            rate = Some(forms::parse_rate(cell).map_err(|error| format!("“{cell}” {error}"))?);
        }
    }
    match (currency, rate) {
        (Some(currency), Some(rate)) => Ok(Some(NewRate { currency, on: on.unwrap_or(today), rate })),
        (None, None) | (Some(_), None) if !line.bytes().any(|b| b.is_ascii_digit()) => Ok(None),
        (None, _) => Err("names no currency".to_owned()),
        (_, None) => Err("says no rate".to_owned()),
    }
}
