//! The organisation's own fields, given to many records at once: read with the one parser there is, written under their key of the
//! records' `custom` column. Unique ones tell records apart, and are not offered here.

use super::values::{Edit, Mode, Setting, short};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        fields::{self, Catalogue, Custom, Entry, Kind, Names, ParseContext},
        records,
    },
    kernel::RecordType,
    web::{Actor, Form},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Those that this reader may give to many records.
pub fn editable(catalogue: &Catalogue) -> impl Iterator<Item = &Entry> {
    let fits = |kind: &Kind| !matches!(kind, Kind::Formula(_) | Kind::Emails | Kind::Phones);
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
    let shown = shown(tx, entry, &value)?;
    let label = &entry.label;
    let words = match mode {
        Mode::Set => format!("Set {label} to “{}”", words(entry, &shown)),
        Mode::Clear => format!("Clear {label}"),
        Mode::Add => format!("Add {} to {label}", words(entry, &value)),
        Mode::Remove => format!("Remove {} from {label}", words(entry, &value)),
    };
    Ok(Edit { key: entry.key.clone(), mode, shown, value, words: short(&words), currency: None })
}

/// As events keep it: links with their names.
fn shown(tx: &mut OrgTx, entry: &Entry, value: &Value) -> AppResult<Value> {
    let mut holder = Custom::default();
    holder.set(&entry.key, value.clone());
    let names = Names::load(tx, [entry], &[&holder])?;
    Ok(fields::told(entry, value, &names))
}

fn read(tx: &mut OrgTx, actor: &Actor, entry: &Entry, form: &Form) -> AppResult<Value> {
    let text = form.all("value").collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() && entry.kind == Kind::Bool { "false".to_owned() } else { text };
    let mut context = ParseContext::load(tx, actor)?;
    let text = match &entry.kind {
        Kind::Record(record) => link(tx, actor, *record, form, &mut context)?,
        Kind::Money if entry.own_currency && !form.get("currency").is_empty() => {
            format!("{text} {}", form.get("currency"))
        }
        _ => text,
    };
    let value = fields::parse(entry, &text, &context).map_err(|told| AppError::field("value", told))?;
    if let (Kind::Record(record), Some(linked)) = (&entry.kind, fields::id(&value)) {
        seen(tx, actor, *record, linked)?;
    }
    if value.is_null() || value == json!([]) {
        return Err(AppError::field("value", "is needed. To empty the field, choose to clear it"));
    }
    Ok(value)
}

/// The chosen record's id, or the name that was typed.
fn link(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    form: &Form,
    context: &mut ParseContext,
) -> AppResult<String> {
    let (name, id) = (form.get("value"), form.get("value_id"));
    if name.is_empty() || id.parse::<Uuid>().is_ok() {
        return Ok(if name.is_empty() { String::new() } else { id.to_owned() });
    }
    fields::name_records(tx, actor, record, &[name.to_owned()], context)?;
    Ok(name.to_owned())
}

fn seen(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<()> {
    match records::visible(tx, actor, record, id) {
        Ok(_) => Ok(()),
        Err(AppError::NotFound | AppError::Forbidden(_)) => {
            let told = format!("is no {} that you can see", record.label().to_lowercase());
            Err(AppError::field("value", told))
        }
        Err(other) => Err(other),
    }
}

fn words(entry: &Entry, value: &Value) -> String {
    let one = |value: &Value| match value {
        Value::Bool(yes) => if *yes { "Yes" } else { "No" }.to_owned(),
        Value::String(text) => {
            let choice = entry.kind.choices().iter().find(|choice| choice.key == *text);
            choice.map_or_else(|| text.clone(), |choice| choice.label.clone())
        }
        Value::Object(object) => {
            let part = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
            let text = format!("{}{} {}", part("name"), part("amount"), part("currency"));
            text.trim().to_owned()
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
