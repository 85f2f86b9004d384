//! An event in words. Kinds are `noun.participle`; a kind this page does not know reads as its participle.

use super::Line;
use crate::{
    features::{
        fields::{Catalogue, Entry, Kind},
        records::display,
    },
    web::Actor,
};
use serde_json::Value;

pub(in crate::features::records) struct Words {
    pub icon: &'static str,
    pub title: String,
    pub lines: Vec<Line>,
}

/// An event in words, and what it passed over.
pub(in crate::features::records) fn of(
    kind: &str,
    changes: &Value,
    data: &Value,
    catalogue: &Catalogue,
    actor: &Actor,
) -> Words {
    let mut words = plain(kind, changes, data, catalogue, actor);
    words.lines.extend(passed_over(data));
    words
}

/// What a stage asked for and the deal went on without.
pub(in crate::features::records) fn passed_over(data: &Value) -> Option<Line> {
    let missing = data.get("overrode").and_then(Value::as_str)?;
    Some(Line { label: "Without".to_owned(), before: String::new(), after: missing.to_owned() })
}

/// `data.title` of an event says what its kind and changes cannot: "Chiara Rossi added as champion".
fn plain(kind: &str, changes: &Value, data: &Value, catalogue: &Catalogue, actor: &Actor) -> Words {
    let verb = kind.split_once('.').map_or(kind, |(_, verb)| verb);
    let currency = data.get("currency").and_then(Value::as_str);
    let told = data.get("title").and_then(Value::as_str).map(str::to_owned);
    if kind == "note.added" {
        return Words { icon: "note", title: "Note".into(), lines: vec![] };
    }
    if kind == "comment.added" {
        return Words { icon: "message", title: "Comment".into(), lines: vec![] };
    }
    if kind.starts_with("file.") {
        return Words { icon: "paperclip", title: told.unwrap_or_else(|| "File".into()), lines: vec![] };
    }
    let fixed = match verb {
        "created" if data.get("import_id").is_some() => Some(("file-import", "Imported".to_owned())),
        "created" => Some(("plus", "Created".to_owned())),
        "archived" => Some(("archive", "Archived".to_owned())),
        "restored" => Some(("archive-off", "Restored".to_owned())),
        "deleted" => Some(("trash", "Deleted".to_owned())),
        "merged" | "merged_into" => Some(("git-merge", "Merged".to_owned())),
        "anonymised" => Some(("eye-off", "Anonymised".to_owned())),
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
    let lines = lines(changes, catalogue, actor, currency);
    let icon = icon(changes, catalogue);
    match (told, lines.as_slice()) {
        (Some(title), _) => Words { icon, title, lines },
        (None, []) => Words { icon: "pencil", title: display::words(verb), lines },
        (None, [line]) => Words { icon, title: sentence(changes, catalogue, line), lines: vec![] },
        (None, _) => Words { icon: "pencil", title: "Edited".into(), lines },
    }
}

/// Whether an event tells the reader anything: one that changed nothing but fields hidden from them does not.
pub(in crate::features::records) fn tells(changes: &Value, catalogue: &Catalogue) -> bool {
    let Value::Object(changes) = changes else { return true };
    changes.is_empty() || changes.keys().any(|key| !key.starts_with("c_") || catalogue.known(key).is_some())
}

/// Field by field, in the order of forms; what is hidden from the reader is left out.
pub(in crate::features::records) fn lines(
    changes: &Value,
    catalogue: &Catalogue,
    actor: &Actor,
    currency: Option<&str>,
) -> Vec<Line> {
    let Value::Object(changes) = changes else { return vec![] };
    let entries: Vec<&Entry> = catalogue.entries.iter().chain(&catalogue.retired).collect();
    let mut lines: Vec<(usize, Line)> = changes
        .iter()
        .map(|(key, pair)| (entries.iter().position(|entry| entry.key == *key), key, pair))
        // A custom field that is not in the reader's catalogue is not theirs to see.
        .filter(|(place, key, _)| place.is_some() || !key.starts_with("c_"))
        .map(|(place, key, pair)| {
            let field = place.and_then(|place| entries.get(place).copied());
            let side = |i: usize| display::json(field, pair.get(i).unwrap_or(&Value::Null), actor, currency);
            let line = Line { label: display::label(field, key), before: side(0), after: side(1) };
            (place.unwrap_or(usize::MAX), line)
        })
        .collect();
    lines.sort_by_key(|(place, _)| *place);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// One change as a title: "Contact made → Proposal", "Amount €64,000 → €86,000", "Owner: Ada → Ben", "Industry: Retail".
fn sentence(changes: &Value, catalogue: &Catalogue, line: &Line) -> String {
    let kind = only_kind(changes, catalogue);
    let Line { label, before, after } = line;
    let joint = if matches!(kind, Some(Kind::Money | Kind::Percent | Kind::Integer)) { "" } else { ":" };
    match (kind, before.is_empty(), after.is_empty()) {
        (Some(Kind::Stage), false, false) => format!("{before} → {after}"),
        (Some(Kind::LongText), true, _) => format!("{label} added"),
        (Some(Kind::LongText), _, true) => format!("{label} cleared"),
        (Some(Kind::LongText), ..) => format!("{label} rewritten"),
        (_, true, _) => format!("{label}: {after}"),
        (_, _, true) => format!("{label} cleared, was {before}"),
        _ => format!("{label}{joint} {before} → {after}"),
    }
}

fn only_kind<'a>(changes: &Value, catalogue: &'a Catalogue) -> Option<&'a Kind> {
    let mut seen = changes.as_object()?.keys().filter_map(|key| catalogue.known(key));
    seen.next().map(|entry| entry.kind.value())
}

fn icon(changes: &Value, catalogue: &Catalogue) -> &'static str {
    match only_kind(changes, catalogue) {
        Some(Kind::Stage | Kind::Pipeline) => "arrow-right",
        Some(Kind::Money | Kind::Currency) => "currency-euro",
        Some(Kind::Member) => "user",
        Some(Kind::Date | Kind::DateTime) => "calendar",
        Some(Kind::Record(record)) => record.icon(),
        Some(Kind::Email | Kind::Emails) => "mail",
        Some(Kind::Phone | Kind::Phones) => "phone",
        _ => "pencil",
    }
}

fn lost(changes: &Value, data: &Value) -> String {
    let said = |key: &str| {
        let value = changes.get(key).and_then(|pair| pair.get(1)).or_else(|| data.get(key));
        value.and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    match (said("lost_reason"), said("lost_note")) {
        (Some(reason), Some(note)) => format!("Lost: {reason} – {note}"),
        (Some(said), None) | (None, Some(said)) => format!("Lost: {said}"),
        (None, None) => "Lost".into(),
    }
}
