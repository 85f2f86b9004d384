//! The organisation's own fields, given to many records at once: read with the one parser there is, written under their key of the
//! records' `custom` column. Unique ones tell records apart, and references have their own pages: neither is offered here.

use super::values::{Edit, Mode, Setting, short};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::fields::{self, Catalogue, Entry, Kind, ParseContext},
    web::{Actor, Form},
};
use serde_json::{Value, json};

/// Those that this reader may give to many records.
pub fn editable(catalogue: &Catalogue) -> impl Iterator<Item = &Entry> {
    let fits = |kind: &Kind| {
        !matches!(kind, Kind::Formula(_) | Kind::Money | Kind::Member | Kind::Record(_) | Kind::Emails | Kind::Phones)
    };
    catalogue.custom().filter(move |entry| entry.editable && !entry.unique && fits(&entry.kind))
}

/// An edit of such a field from the form's `mode` and `value`.
pub fn parse(tx: &mut OrgTx, actor: &Actor, entry: &Entry, form: &Form) -> AppResult<Edit> {
    let mode = match form.get("mode") {
        "add" if entry.kind.is_list() => Mode::Add,
        "remove" if entry.kind.is_list() => Mode::Remove,
        "clear" if entry.required => {
            return Err(AppError::field("value", "is required: this field cannot be cleared"));
        }
        "clear" => Mode::Clear,
        _ => Mode::Set,
    };
    let value = match mode {
        Mode::Clear => Value::Null,
        _ => read(tx, actor, entry, form)?,
    };
    let label = &entry.label;
    let words = match mode {
        Mode::Set => format!("Set {label} to “{}”", words(entry, &value)),
        Mode::Clear => format!("Clear {label}"),
        Mode::Add => format!("Add {} to {label}", words(entry, &value)),
        Mode::Remove => format!("Remove {} from {label}", words(entry, &value)),
    };
    Ok(Edit { key: entry.key.clone(), mode, shown: value.clone(), value, words: short(&words) })
}

fn read(tx: &mut OrgTx, actor: &Actor, entry: &Entry, form: &Form) -> AppResult<Value> {
    let text = form.all("value").collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() && entry.kind == Kind::Bool { "false".to_owned() } else { text };
    let context = ParseContext::load(tx, actor)?;
    let value = fields::parse(entry, &text, &context).map_err(|told| AppError::field("value", told))?;
    if value.is_null() || value == json!([]) {
        return Err(AppError::field("value", "is needed. To empty the field, choose to clear it"));
    }
    Ok(value)
}

fn words(entry: &Entry, value: &Value) -> String {
    let one = |value: &Value| match value {
        Value::Bool(yes) => if *yes { "Yes" } else { "No" }.to_owned(),
        Value::String(text) => {
            let choice = entry.kind.choices().iter().find(|choice| choice.key == *text);
            choice.map_or_else(|| text.clone(), |choice| choice.label.clone())
        }
        other => other.to_string(),
    };
    match value {
        Value::Array(all) => all.iter().map(one).collect::<Vec<_>>().join(", "),
        single => one(single),
    }
}

/// As SQL over the record `r` and the image `n`, whose `custom` holds the value under the key.
pub(super) fn setting(edit: &Edit) -> AppResult<Setting> {
    let key = edit.key.as_str();
    if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(AppError::field("field", "is not there any more"));
    }
    let (old, new) = (format!("coalesce(r.custom->'{key}', '[]')"), format!("(n.custom->'{key}')"));
    let list = |of: String| format!("r.custom || jsonb_build_object('{key}', {of})");
    let (new, differs) = match edit.mode {
        Mode::Set => ("r.custom || n.custom".to_owned(), format!("r.custom->'{key}' IS DISTINCT FROM {new}")),
        Mode::Clear => (format!("r.custom - '{key}'::text"), format!("r.custom->'{key}' IS NOT NULL")),
        Mode::Add => (
            list(format!("(SELECT jsonb_agg(DISTINCT x) FROM jsonb_array_elements({old} || {new}) x)")),
            format!("NOT {old} @> {new}"),
        ),
        Mode::Remove => (
            list(format!(
                "(SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements({old}) x WHERE NOT {new} @> x)"
            )),
            format!("EXISTS (SELECT 1 FROM jsonb_array_elements({old}) x WHERE {new} @> x)"),
        ),
    };
    let after = format!("(({new})->'{key}')");
    let before = format!("coalesce(r.custom->'{key}', 'null'::jsonb)");
    Ok(Setting { column: "custom".to_owned(), after, new, differs, before, refused: vec![] })
}
