//! What people group records by themselves, as entries of the catalogue: tags and segments; and which validation rules they break.
//! Filters name all of them by id (see `records::filter`).

use super::{Choice, Entry, Kind};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{quality, segments},
    kernel::{Field, FieldKind, RecordType},
};

static TAGS: Field = Field::new("tags", "Tags", FieldKind::Text).computed();
static SEGMENT: Field = Field::new(segments::RULE, "Segment", FieldKind::Text).computed();

static BROKEN: Field = Field::new(quality::BROKEN, "Breaks rule", FieldKind::Text).computed();

static SCORE: Field = Field::new(quality::SCORE, "Completeness", FieldKind::Integer).computed();

/// What these entries are called.
pub(super) fn labels() -> [&'static str; 4] {
    [TAGS.label, SEGMENT.label, BROKEN.label, SCORE.label]
}

/// How complete the record is, 0 to 100.
pub(super) fn completeness(record: RecordType) -> Entry {
    Entry::built_in(record, &SCORE)
}

/// The names of a record's tags, in order.
pub(super) fn tags(record: RecordType) -> Entry {
    let expr = format!(
        "ARRAY(SELECT t.name FROM record_tags x JOIN tags t ON t.org_id = x.org_id AND t.id = x.tag_id WHERE x.org_id = r.org_id \
         AND x.record_type = '{record}' AND x.record_id = r.id AND t.deleted_at IS NULL ORDER BY t.name_key)"
    );
    Entry { kind: Kind::Tags, expr, ..Entry::built_in(record, &TAGS) }
}

/// The segments of that record type, only to filter by: which there are is looked up where a filter asks.
pub(super) fn segment(record: RecordType) -> Entry {
    let entry = Entry::built_in(record, &SEGMENT);
    Entry { kind: Kind::Choices(Vec::new()), expr: "'{}'::text[]".to_owned(), exportable: false, ..entry }
}

/// These segments as what such an entry offers.
pub(super) fn offer(entry: &mut Entry, segments: &[segments::Segment]) {
    let choice = |s: &segments::Segment| Choice {
        key: s.id.to_string(),
        label: s.name.clone(),
        color: String::new(),
        retired: false,
    };
    entry.kind = Kind::Choices(segments.iter().map(choice).collect());
}

/// The validation rules of that record type, by their messages; `None` when there are none.
pub(super) fn rules(tx: &mut OrgTx, record: RecordType) -> AppResult<Option<Entry>> {
    let choice = |r: quality::ValidationRule| Choice {
        key: r.id.to_string(),
        label: r.message,
        color: String::new(),
        retired: !r.active,
    };
    let choices: Vec<Choice> = quality::rules(tx, record)?.into_iter().map(choice).collect();
    let expr =
        "ARRAY(SELECT b.rule_id::text FROM rule_breaks b WHERE b.org_id = r.org_id AND b.record_id = r.id)".to_owned();
    let entry = Entry::built_in(record, &BROKEN);
    Ok((!choices.is_empty()).then_some(Entry { kind: Kind::Choices(choices), expr, ..entry }))
}
