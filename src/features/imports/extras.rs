//! What a row has more of than a record has fields: second addresses, fax numbers, cells that are not what their column says. Further
//! e-mail addresses and numbers gather in their lists; of postal addresses the first counts; the rest is kept in the description,
//! line by line under its heading, so that nothing of an address book is lost.

use super::{
    mapping::Column,
    rows::{RowReader, Staged, missing},
    values::{self, Value},
};
use crate::{
    features::deals,
    kernel::{FieldKind, lines, money, text},
};
use csv::StringRecord;
use rust_decimal::Decimal;
use serde_json::Value as Json;

impl RowReader<'_> {
    /// A value as its field has it, with what stands beside it.
    pub(super) fn plain(&self, column: &Column, cell: &str, staged: &mut Staged) -> Result<Value, String> {
        let (field, formats, custom) = (&column.field, column.treatment.formats, &self.context.custom);
        let before = self.value(staged, field.key).filter(|_| column.treatment.joined && field.kind == FieldKind::Text);
        let joined = before.map(|before| format!("{before}{}{cell}", if field.key == "street" { ", " } else { " " }));
        let cell = joined.as_deref().unwrap_or(cell);
        let list = match field.key {
            "email" => Some(("other_emails", FieldKind::Emails)),
            "phone" => Some(("other_phones", FieldKind::Phones)),
            _ => None,
        };
        // One address among several in a cell: the first is the main one.
        if let Some((more, kind)) =
            list.filter(|(more, _)| self.slot(more).is_some() && values::several(cell).count() > 1)
        {
            let value = self.typed(kind, field.max, cell, column, staged)?;
            self.put(staged, more, value);
            let first = values::several(cell).next().unwrap_or_default();
            return self.typed(field.kind, field.max, first, column, staged);
        }
        // Of several ways to say no, one is enough.
        if field.kind == FieldKind::Bool && self.value(staged, field.key) == Some("true") {
            return values::parse(field.kind, field.max, "true", custom, formats);
        }
        if field.kind == FieldKind::Money
            && let Some(currency) = values::currency_of(cell, formats, &self.context.currency)
        {
            if self.slot("currency").is_none() && currency.code() != self.context.currency {
                return Err(format!("is in {currency}, and {} is kept here", self.context.currency));
            }
            if self.value(staged, "currency").is_none() {
                self.put_text(staged, "currency", currency.code().to_owned());
            }
        }
        let value = self.typed(field.kind, field.max, cell, column, staged)?;
        match value.json.as_i64() {
            Some(n) if n > field.most => Err(format!("must be a whole number from 0 to {}", field.most)),
            _ => Ok(value),
        }
    }

    /// Numbers without a country code are of the row's country, else of the organisation's.
    fn typed(
        &self,
        kind: FieldKind,
        max: usize,
        cell: &str,
        column: &Column,
        staged: &Staged,
    ) -> Result<Value, String> {
        let custom = &self.context.custom;
        match (kind, &staged.region) {
            (FieldKind::Phone, Some(region)) => values::phone(cell, region),
            (FieldKind::Phones, Some(region)) => values::phones(cell, region),
            _ => values::parse(kind, max, cell, custom, column.treatment.formats),
        }
    }

    /// Of several addresses, the one that this row has: the first that holds anything.
    pub(super) fn group(&self, row: &StringRecord) -> u8 {
        let filled = |column: &&Column| column.treatment.group > 0 && !self.mapping.read(column.index, row).is_empty();
        self.mapping.columns.iter().filter(filled).map(|c| c.treatment.group).min().unwrap_or(0)
    }

    /// The row's further addresses are kept in the notes, each once: some programs write one in parts and as a whole.
    pub(super) fn other_addresses(&self, group: u8, row: &StringRecord, staged: &mut Staged) {
        let mut groups: Vec<u8> =
            self.mapping.columns.iter().map(|c| c.treatment.group).filter(|g| *g > group).collect();
        groups.sort_unstable();
        groups.dedup();
        let parts = |group: u8| -> Vec<&str> {
            let columns = self.mapping.columns.iter().filter(|c| c.treatment.group == group);
            columns.map(|c| self.mapping.read(c.index, row)).filter(|cell| !cell.is_empty()).collect()
        };
        let mut told = vec![parts(group)];
        for parts in groups.into_iter().map(parts).filter(|parts| !parts.is_empty()) {
            let whole = parts.join(", ");
            if !told.iter().any(|before| before.iter().all(|part| whole.contains(part))) {
                staged.notes.push(format!("Other address: {}", whole.replace('\n', ", ")));
                told.push(parts);
            }
        }
    }

    /// A number that nobody answers, as the column beside it says.
    pub(super) fn is_silent(&self, column: &Column, row: &StringRecord) -> bool {
        matches!(column.field.kind, FieldKind::Phone | FieldKind::Phones)
            && column.treatment.label_from.is_some_and(|at| {
                let kind = text::fold(row.get(at).unwrap_or_default());
                kind.contains("fax") || kind.contains("pager")
            })
    }

    /// What a note is called: `Website (Profile)`, `Nickname`.
    pub(super) fn label(&self, column: &Column, row: &StringRecord) -> String {
        let heading =
            self.mapping.plans.get(column.index).map_or(self.mapping.label(column), |plan| plan.heading.as_str());
        let kind = column.treatment.label_from.and_then(|at| row.get(at)).unwrap_or_default();
        let kind = kind.trim_start_matches('*').trim();
        let name = heading.split(" - ").next().unwrap_or(heading).trim_end_matches(|c: char| c.is_ascii_digit()).trim();
        match (column.treatment.label_from, kind) {
            (None, _) => heading.trim_end_matches('*').to_owned(),
            (Some(_), "") => name.to_owned(),
            (Some(_), kind) if name.starts_with("Custom") => kind.to_owned(),
            (Some(_), kind) => format!("{name} ({kind})"),
        }
    }

    /// Figures that depend on each other, each of them well written.
    pub(super) fn figures(&self, staged: &mut Staged) {
        let number = |key: &str| self.value(staged, key).and_then(|text| text.parse::<Decimal>().ok());
        let currency = self.value(staged, "currency").unwrap_or(self.context.currency.as_str());
        if let Some(told) = deals::too_fine(currency, number("amount")) {
            return missing(staged, "Amount", &told);
        }
        if let Some(quantity) = number("quantity") {
            let most = Decimal::from(100_000_000_000_i64);
            let price = number("amount").and_then(|amount| amount.checked_div(quantity));
            if quantity <= Decimal::ZERO || quantity >= most {
                return missing(staged, "Quantity", "must be more than nothing, and below 100,000,000,000");
            }
            if price.is_some_and(|price| !money::fits(price)) {
                return missing(staged, "Quantity", "is too little for that amount");
            }
        }
        if let (Some(mrr), Some(arr)) = (number("mrr"), number("arr"))
            && !lines::is_twelfth(mrr, arr)
        {
            missing(staged, "ARR", "is not twelve times MRR");
        }
    }

    pub(super) fn keep_notes(&self, staged: &mut Staged) {
        if staged.notes.is_empty() || !staged.problems.is_empty() {
            return;
        }
        let mut lines: Vec<String> = self.value(staged, "description").map(str::to_owned).into_iter().collect();
        lines.append(&mut staged.notes);
        let text: String = lines.join("\n").chars().take(10_000).collect();
        self.put_text(staged, "description", text);
    }

    /// Somebody with further addresses has a main one, and each once.
    pub(super) fn settle_list(&self, staged: &mut Staged, single: &'static str, list: &'static str) {
        let Some(Json::Array(change)) = staged.changes.get(list) else { return };
        let mut items: Vec<String> = change
            .get(1)
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect();
        if self.value(staged, single).is_none() && self.slot(single).is_some() && !items.is_empty() {
            self.put_text(staged, single, items.remove(0));
        }
        items.retain(|item| self.value(staged, single) != Some(item));
        staged.changes.remove(list);
        if let Some(at) = self.slot(list) {
            staged.values[at] = None;
        }
        if !items.is_empty() {
            self.put(staged, list, Value::list(items));
        }
    }
}
