//! Cells of the organisation's own fields: written as files write dates and numbers, read by the one parser that forms use.

use super::{
    mapping::Column,
    presets::Notes,
    rows::{RowReader, Staged},
    values,
};
use crate::{
    features::fields::{self, Entry, Kind},
    kernel::people,
};
use csv::StringRecord;
use serde_json::{Value as Json, json};

impl RowReader<'_> {
    pub(super) fn own(&self, column: &Column, cell: &str, row: &StringRecord, staged: &mut Staged) {
        let Some(entry) = self.mapping.entry(column) else { return };
        // A currency is read with the amount beside it.
        if entry.kind == Kind::Currency {
            return;
        }
        match self.own_value(entry, column, cell, row, staged) {
            Ok((Json::Null, _)) => {}
            Ok((Json::Array(none), _)) if none.is_empty() => {}
            Ok((value, told)) => {
                staged.changes.insert(entry.key.clone(), json!([null, told]));
                staged.custom.insert(entry.key.clone(), value);
            }
            Err(_) if column.treatment.notes == Notes::Unreadable => {
                staged.notes.push(format!("{}: {cell}", self.label(column, row)));
            }
            Err(problem) => staged.problems.push((entry.label.clone(), problem)),
        }
    }

    /// The value as records keep it, and as history tells it.
    fn own_value(
        &self,
        entry: &Entry,
        column: &Column,
        cell: &str,
        row: &StringRecord,
        staged: &Staged,
    ) -> Result<(Json, Json), String> {
        match &entry.kind {
            Kind::Member => {
                let owner = self.context.member(cell)?;
                Ok((json!(owner.id), json!({ "id": owner.id, "name": owner.name })))
            }
            // Looked up for the whole file at once: see `apply::own`.
            Kind::Record(_) if cell.chars().count() > 255 => Err("is too long: at most 255 characters".into()),
            Kind::Record(_) => Ok((json!({ "name": cell }), json!({ "name": cell }))),
            Kind::Phone => {
                let region = staged.region.as_deref().unwrap_or(&self.context.custom.region);
                let phone = people::parse_phone(cell, Some(region))?;
                Ok((json!(phone), json!(phone)))
            }
            Kind::Choices(_) => {
                let text = self.meanings(entry, column, cell);
                fields::parse(entry, &text, &self.context.parse).map(|value| (value.clone(), value))
            }
            kind => {
                let text = values::written(kind, cell, column.treatment.formats, &self.context.custom)?;
                let text = match kind {
                    Kind::Money => self.with_currency(entry, text, row),
                    _ => text,
                };
                fields::parse(entry, &text, &self.context.parse).map(|value| (value.clone(), value))
            }
        }
    }

    /// Several words in one cell, each as what it means.
    fn meanings(&self, entry: &Entry, column: &Column, cell: &str) -> String {
        let plan = self.mapping.plans.get(column.index);
        let words = values::words_of(entry.kind.choices(), cell);
        words.into_iter().map(|word| plan.map_or(word, |plan| plan.meaning(word))).collect::<Vec<_>>().join("\n")
    }

    /// The currency that a column of its own names.
    fn with_currency(&self, entry: &Entry, amount: String, row: &StringRecord) -> String {
        let name = fields::currency_name(&entry.key);
        let beside = self.mapping.columns.iter().find(|c| self.mapping.entry(c).is_some_and(|e| e.key == name));
        let currency = beside.map_or("", |column| self.mapping.read(column.index, row));
        if currency.is_empty() || amount.chars().any(|c| c.is_ascii_alphabetic()) {
            amount
        } else {
            format!("{amount} {currency}")
        }
    }
}
