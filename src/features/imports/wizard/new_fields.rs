//! Fields made on the spot for columns that none fits: their names are the headings, their kinds what the cells look like, their choices
//! the words of the column.

use super::{ColumnPlan, Draft, preview, preview::samples, scan};
use crate::{
    config::Config,
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        fields::{self, KINDS, NewField, Options},
        imports::{queries::Import, reader::FileShape, stage::Stopped, values, values::Formats},
    },
    kernel::{FieldKind, Locale, RecordType, people},
    schema::custom_fields,
    web::{Actor, Allow, Form, FormErrors, SelectOption, permission::organisation::Administer},
};
use actix_web::web;
use diesel::prelude::*;

/// Posted for a field that is to be made.
pub const NEW: &str = "new";
/// Links, formulas and users need more than a name.
const NOT_HERE: [&str; 3] = ["record", "formula", "member"];
const LONGEST: usize = 80;
/// Choices of one field.
const CHOICES: usize = 200;
const SECTION: &str = "More";

/// A field to be made of a column.
pub struct Wanted {
    index: usize,
    label: String,
    kind: String,
    choices: Vec<String>,
}

pub fn may_add(actor: &Actor) -> bool {
    Allow::<Administer>::check(actor).is_ok()
}

/// What a field is called that is made of a column of that heading.
pub fn label(heading: &str) -> String {
    heading.trim().chars().take(LONGEST).collect()
}

/// The kinds on offer; the one chosen, or the likeliest.
pub fn kinds(shape: &FileShape, index: usize, chosen: &str) -> Vec<SelectOption> {
    let chosen = if chosen.is_empty() { likely(shape, index) } else { chosen };
    let offered = KINDS.iter().filter(|(key, ..)| !NOT_HERE.contains(key));
    offered.map(|(key, label, _)| SelectOption::new(*key, *label, *key == chosen)).collect()
}

/// As far as the first rows tell.
fn likely(shape: &FileShape, index: usize) -> &'static str {
    let cells = samples(shape, index, usize::MAX);
    let filled =
        shape.first_rows.iter().filter_map(|row| row.cells.get(index)).filter(|c| !c.trim().is_empty()).count();
    let formats = shape.formats.get(index).copied().unwrap_or_default().formats();
    if cells.is_empty() {
        return "text";
    }
    let all = |fits: &dyn Fn(&str) -> bool| cells.iter().all(|cell| fits(cell));
    let reads = |kind: FieldKind, formats: Formats| {
        let custom = values::Custom::new(Locale::from_tag("en-GB"), chrono_tz::UTC);
        all(&|cell| values::parse(kind, 255, cell, &custom, formats).is_ok())
    };
    // An id or a postal code is no number.
    let numeric =
        all(&|cell| cell.len() <= 1 || !cell.starts_with('0') || cell.starts_with("0.") || cell.starts_with("0,"));
    let is_word = |cell: &str| {
        values::written(
            &fields::Kind::Bool,
            cell,
            formats,
            &values::Custom::new(Locale::from_tag("en-GB"), chrono_tz::UTC),
        )
        .is_ok()
    };
    match () {
        () if all(&|cell| is_word(cell) && !cell.chars().all(|c| c.is_ascii_digit())) => "bool",
        () if all(&|cell| people::parse_email(cell).is_ok()) => "email",
        () if all(&|cell| cell.starts_with('+') && people::parse_phone(cell, None).is_ok()) => "phone",
        () if all(&|cell| cell.contains("://") && !cell.contains(char::is_whitespace)) => "url",
        () if numeric && reads(FieldKind::Integer, formats) => "integer",
        () if numeric && reads(FieldKind::Money, formats) => "decimal",
        () if reads(FieldKind::Date, formats) => {
            if all(&|cell| cell.contains(':')) {
                "date_time"
            } else {
                "date"
            }
        }
        () if cells.iter().any(|cell| cell.contains('\n') || cell.chars().count() > 120) => "long_text",
        () if filled >= 6 && cells.len() * 2 <= filled && all(&|cell| cell.chars().count() <= 40) => "choice",
        () => "text",
    }
}

/// The fields asked for: one by one, or all that is left over.
pub fn wanted(actor: &Actor, draft: &Draft, columns: &[ColumnPlan], form: &Form) -> Vec<Wanted> {
    if !may_add(actor) {
        return Vec::new();
    }
    let rest = form.has("keep_rest");
    let each = columns.iter().enumerate().filter(|(_, column)| column.key.is_none());
    each.filter_map(|(index, column)| {
        let asked = form.get(&format!("field-{index}")) == NEW;
        let kept = column.heading.trim().is_empty() || draft.headings.is_kept(&column.heading);
        let filled = !kept && !samples(&draft.shape, index, 1).is_empty();
        let said = |name: &str| form.get(&format!("{name}-{index}")).trim().to_owned();
        let kind = Some(said("new-kind")).filter(|kind| !kind.is_empty());
        (asked || (rest && filled)).then(|| Wanted {
            index,
            label: if asked { said("new-label") } else { label(&column.heading) },
            kind: kind.unwrap_or_else(|| likely(&draft.shape, index).to_owned()),
            choices: Vec::new(),
        })
    })
    .collect()
}

/// Says what is wrong with them, and reads the words of those that are to be choices.
pub async fn prepare(config: &Config, draft: &Draft, wanted: &mut [Wanted], errors: &mut FormErrors) -> AppResult<()> {
    for field in wanted {
        let at = format!("new-label-{}", field.index);
        let known = KINDS.iter().any(|(key, ..)| *key == field.kind && !NOT_HERE.contains(key));
        if field.label.is_empty() {
            errors.add(&at, "is required");
        } else if field.label.chars().count() > LONGEST {
            errors.add(&at, format!("is too long: at most {LONGEST} characters"));
        } else if !known {
            errors.add(&at, "has a kind that is not one of the choices");
        } else if matches!(field.kind.as_str(), "choice" | "choices") {
            match words(config, draft, field).await? {
                Some(words) if !words.is_empty() => field.choices = words,
                Some(_) => errors.add(&at, "has no words to choose from: the column is empty"),
                None => errors.add(&at, format!("has more than {CHOICES} different words in the file: make it a text")),
            }
        }
    }
    if !errors.is_empty() {
        errors.add("", "Some columns need another look. See those marked below.");
    }
    Ok(())
}

async fn words(config: &Config, draft: &Draft, field: &Wanted) -> AppResult<Option<Vec<String>>> {
    let (path, overrides) = (preview::path(config, &draft.import), draft.import.options().overrides);
    let (index, split) = (field.index, field.kind == "choices");
    let read = web::block(move || scan::distinct(&path, &overrides, index, CHOICES, split));
    match read.await.map_err(|error| AppError::Internal(error.into()))? {
        Ok(words) => Ok(words),
        Err(Stopped::Other(error)) => Err(error),
        Err(_) => Err(AppError::Conflict("The file cannot be read to its end.".into())),
    }
}

/// Makes them, and gives them their columns.
pub fn create(
    tx: &mut OrgTx,
    actor: &Actor,
    record: RecordType,
    wanted: &[Wanted],
    columns: &mut [ColumnPlan],
) -> AppResult<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let by = Allow::<Administer>::check(actor)?;
    for field in wanted {
        let options = Options { choices: fields::choices_of(&field.choices), ..Options::default() };
        let new = NewField {
            label: field.label.clone(),
            kind: field.kind.clone(),
            options: serde_json::to_value(options).map_err(anyhow::Error::from)?,
            required: false,
            is_unique: false,
            searchable: false,
            listed: false,
            default_value: None,
            help: String::new(),
            section: SECTION.to_owned(),
            viewers: None,
            editors: None,
        };
        let made = fields::create(tx, &by, record, &new).map_err(|error| match error {
            AppError::Invalid(errors) => AppError::field(&format!("new-label-{}", field.index), errors.summary()),
            other => other,
        })?;
        if let Some(column) = columns.get_mut(field.index) {
            column.key = Some(made.key);
        }
    }
    Ok(())
}

/// The fields that were made for this import and are there still.
pub fn made(tx: &mut OrgTx, import: &Import) -> AppResult<Vec<String>> {
    let keys: Vec<String> = import.options().columns.into_iter().filter_map(|column| column.key).collect();
    Ok(custom_fields::table
        .filter(custom_fields::record_type.eq(&import.record_type))
        .filter(custom_fields::created_at.ge(import.created_at))
        .filter(custom_fields::key.eq_any(keys))
        .filter(custom_fields::retired_at.is_null())
        .order(custom_fields::position)
        .select(custom_fields::label)
        .load(tx.conn())?)
}
