//! An event in words. Kinds are `noun.participle`; a kind this page does not know reads as its participle.

use super::Line;
use crate::{
    features::records::display,
    kernel::{FieldKind, RecordType},
    web::Actor,
};
use serde_json::Value;

pub(super) struct Words {
    pub icon: &'static str,
    pub title: String,
    pub lines: Vec<Line>,
}

/// `data.title` of an event says what its kind and changes cannot: "Chiara Rossi added as champion".
pub(super) fn of(kind: &str, changes: &Value, data: &Value, record: RecordType, actor: &Actor) -> Words {
    let verb = kind.split_once('.').map_or(kind, |(_, verb)| verb);
    let currency = data.get("currency").and_then(Value::as_str);
    let told = data.get("title").and_then(Value::as_str).map(str::to_owned);
    if kind == "note.added" {
        return Words { icon: "note", title: "Note".into(), lines: vec![] };
    }
    let fixed = match verb {
        "created" if data.get("import_id").is_some() => Some(("file-import", "Imported".to_owned())),
        "created" => Some(("plus", "Created".to_owned())),
        "archived" => Some(("archive", "Archived".to_owned())),
        "restored" => Some(("archive-off", "Restored".to_owned())),
        "deleted" => Some(("trash", "Deleted".to_owned())),
        "undeleted" => Some(("restore", "Deletion taken back".to_owned())),
        "won" => Some(("trophy", "Won".to_owned())),
        "lost" => Some(("thumb-down", lost(changes, data))),
        "converted" => Some(("switch-horizontal", "Converted".to_owned())),
        "lead_converted" => Some(("target", "Lead converted".to_owned())),
        "reopened" => Some(("refresh", "Reopened".to_owned())),
        _ => None,
    };
    if let Some((icon, title)) = fixed {
        return Words { icon, title: told.unwrap_or(title), lines: vec![] };
    }
    let lines = lines(changes, record, actor, currency);
    let icon = icon(changes, record);
    match (told, lines.as_slice()) {
        (Some(title), _) => Words { icon, title, lines },
        (None, []) => Words { icon: "pencil", title: display::label(None, verb), lines },
        (None, [line]) => Words { icon, title: sentence(changes, record, line), lines: vec![] },
        (None, _) => Words { icon: "pencil", title: "Edited".into(), lines },
    }
}

fn lines(changes: &Value, record: RecordType, actor: &Actor, currency: Option<&str>) -> Vec<Line> {
    let Value::Object(changes) = changes else { return vec![] };
    let mut lines: Vec<(usize, Line)> = changes
        .iter()
        .map(|(key, pair)| {
            let field = record.field(key);
            let side = |i: usize| display::json(field, pair.get(i).unwrap_or(&Value::Null), actor, currency);
            let place = record.fields().iter().position(|f| f.key == key).unwrap_or(usize::MAX);
            (place, Line { label: display::label(field, key), before: side(0), after: side(1) })
        })
        .collect();
    lines.sort_by_key(|(place, _)| *place);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// One change as a title: "Contact made → Proposal", "Amount €64,000 → €86,000", "Owner: Ada → Ben", "Industry: Retail".
fn sentence(changes: &Value, record: RecordType, line: &Line) -> String {
    let kind = only_kind(changes, record);
    let Line { label, before, after } = line;
    let joint = if matches!(kind, Some(FieldKind::Money | FieldKind::Percent | FieldKind::Integer)) { "" } else { ":" };
    match (kind, before.is_empty(), after.is_empty()) {
        (Some(FieldKind::Stage), false, false) => format!("{before} → {after}"),
        (Some(FieldKind::LongText), true, _) => format!("{label} added"),
        (Some(FieldKind::LongText), _, true) => format!("{label} cleared"),
        (Some(FieldKind::LongText), ..) => format!("{label} rewritten"),
        (_, true, _) => format!("{label}: {after}"),
        (_, _, true) => format!("{label} cleared, was {before}"),
        _ => format!("{label}{joint} {before} → {after}"),
    }
}

fn only_kind(changes: &Value, record: RecordType) -> Option<FieldKind> {
    let key = changes.as_object()?.keys().next()?;
    record.field(key).map(|field| field.kind)
}

fn icon(changes: &Value, record: RecordType) -> &'static str {
    match only_kind(changes, record) {
        Some(FieldKind::Stage | FieldKind::Pipeline) => "arrow-right",
        Some(FieldKind::Money | FieldKind::Currency) => "currency-euro",
        Some(FieldKind::Member) => "user",
        Some(FieldKind::Date) => "calendar",
        Some(FieldKind::Company) => "building",
        Some(FieldKind::Email | FieldKind::Emails) => "mail",
        Some(FieldKind::Phone | FieldKind::Phones) => "phone",
        _ => "pencil",
    }
}

fn lost(changes: &Value, data: &Value) -> String {
    let reason = changes.get("lost_reason").and_then(|pair| pair.get(1)).or_else(|| data.get("lost_reason"));
    match reason.and_then(Value::as_str) {
        Some(reason) if !reason.is_empty() => format!("Lost: {reason}"),
        _ => "Lost".into(),
    }
}
