//! JSON Lines: an object a record, under the catalogue's keys, with `id`. Decimals are strings, as exact as they are kept.

use super::{Cell, Row, Sheet, Sink};
use crate::features::fields::Entry;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use std::{
    fs::File,
    io::{BufWriter, Write},
};

pub(super) struct Jsonl {
    entries: Vec<Entry>,
    file: BufWriter<File>,
}

impl Jsonl {
    pub(super) fn open(sheet: Sheet, file: File) -> Self {
        Self { entries: sheet.entries, file: BufWriter::new(file) }
    }
}

impl Sink for Jsonl {
    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let mut object = Map::new();
        object.insert("id".to_owned(), json!(row.id));
        for (entry, cell) in self.entries.iter().zip(&row.cells) {
            object.insert(entry.key.clone(), value(cell));
        }
        serde_json::to_writer(&mut self.file, &object)?;
        self.file.write_all(b"\n")?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.file.flush()?;
        Ok(())
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => json!(text),
        // Whole numbers as numbers; fractions as text, which no reader rounds.
        Cell::Number(n) if n.scale() == 0 => {
            n.to_string().parse::<i64>().map_or_else(|_| json!(n.to_string()), Value::from)
        }
        Cell::Number(n) => json!(n.to_string()),
        Cell::Money { amount, currency } => json!({ "amount": amount.to_string(), "currency": currency }),
        Cell::Date(day) => json!(day.to_string()),
        Cell::Moment(at) => json!(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Cell::Bool(yes) => json!(yes),
        Cell::Choice(key, _) => json!(key),
        Cell::Choices(all) => json!(all.iter().map(|(key, _)| key).collect::<Vec<_>>()),
        Cell::List(all) => json!(all),
        Cell::Person { id, name, email } => json!({ "id": id, "name": name, "email": email }),
        Cell::Link(id, name) => json!({ "id": id, "name": name }),
    }
}
