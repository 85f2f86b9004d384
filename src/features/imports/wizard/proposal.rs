//! What each column of a file is taken for until somebody says otherwise: as a template of the same headings has it, as the program it
//! was exported from is known to write it, as its heading is known, or as its cells look.

use super::preview::samples;
use crate::{
    features::imports::{
        mapping::Headings,
        options::Options,
        presets::{self, ColumnPlan},
        reader::FileShape,
        templates::Template,
    },
    kernel::{Field, FieldKind, RecordType, people},
};

/// The choices a draft begins with.
pub fn options(
    headings: &Headings,
    record: RecordType,
    shape: &FileShape,
    template: Option<&Template>,
    before: &Options,
) -> Options {
    match template {
        Some(template) => {
            let kept = template.applied(&shape.columns);
            let pipeline = before.pipeline.clone().or(kept.pipeline.clone());
            Options { pipeline, overrides: before.overrides.clone(), ..kept }
        }
        None => Options { columns: columns(headings, record, shape), ..before.clone() },
    }
}

/// A proposal for every column.
fn columns(headings: &Headings, record: RecordType, shape: &FileShape) -> Vec<ColumnPlan> {
    if let Some(preset) = presets::recognise(&shape.columns, record) {
        return headings.completed(preset.mapping);
    }
    let mapping = headings.map(&shape.columns);
    let mut plans: Vec<ColumnPlan> = shape
        .columns
        .iter()
        .enumerate()
        .map(|(index, heading)| {
            let known = mapping.columns.iter().find(|c| c.index == index);
            ColumnPlan {
                index,
                heading: heading.clone(),
                key: known.map(|c| mapping.entry(c).map_or(c.field.key, |entry| entry.key.as_str()).to_owned()),
                ..ColumnPlan::default()
            }
        })
        .collect();
    for index in 0..plans.len() {
        if plans[index].key.is_none() && !headings.is_kept(&plans[index].heading) {
            plans[index].key = by_content(headings, &plans, &samples(shape, index, 20)).map(str::to_owned);
        }
    }
    plans
}

/// A column whose every cell is an address or a number of the kind that the record lacks so far.
fn by_content<'h>(headings: &'h Headings, plans: &[ColumnPlan], samples: &[&str]) -> Option<&'h str> {
    if samples.len() < 2 {
        return None;
    }
    let all = |looks: fn(&str) -> bool| samples.iter().all(|cell| looks(cell));
    let kind = match () {
        () if all(|cell| people::parse_email(cell).is_ok()) => FieldKind::Email,
        () if all(is_phone) => FieldKind::Phone,
        () => return None,
    };
    let free = |field: &&Field| field.kind == kind && !plans.iter().any(|c| c.key.as_deref() == Some(field.key));
    headings.fields().iter().find(free).map(|field| field.key)
}

/// An international number, written so that nothing else is meant.
fn is_phone(cell: &str) -> bool {
    cell.trim_start().starts_with('+') && people::parse_phone(cell, None).is_ok()
}
