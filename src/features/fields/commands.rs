//! Making, changing, ordering, retiring and restoring custom fields, each an event.
//!
//! A key never changes, and nothing here touches a record's values: a renamed field keeps them, a retired one hides them, a restored
//! one shows them again.

use super::{
    Catalogue, Expression,
    definition::{self, CustomField, Options},
    formulas, queries, unique,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{imports::RECORD_ID, quality},
    kernel::{CustomFieldId, RecordType, text},
    schema::custom_fields,
    web::{Allow, permission::organisation::Administer},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// Most fields of one record type.
const MOST: usize = 200;
const LONGEST_KEY: usize = 40;

/// Everything a form says about a field.
#[derive(Clone, Debug, PartialEq, AsChangeset, Insertable)]
#[diesel(table_name = custom_fields, treat_none_as_null = true)]
pub struct NewField {
    pub label: String,
    pub kind: String,
    pub options: Value,
    pub required: bool,
    pub is_unique: bool,
    pub searchable: bool,
    pub listed: bool,
    pub default_value: Option<Value>,
    pub help: String,
    pub section: String,
    pub viewers: Option<Vec<Option<String>>>,
    pub editors: Option<Vec<Option<String>>>,
}

impl NewField {
    pub fn options(&self) -> Options {
        serde_json::from_value(self.options.clone()).unwrap_or_default()
    }
}

impl From<&CustomField> for NewField {
    fn from(f: &CustomField) -> Self {
        Self {
            label: f.label.clone(),
            kind: f.kind.clone(),
            options: f.options.clone(),
            required: f.required,
            is_unique: f.is_unique,
            searchable: f.searchable,
            listed: f.listed,
            default_value: f.default_value.clone(),
            help: f.help.clone(),
            section: f.section.clone(),
            viewers: f.viewers.clone(),
            editors: f.editors.clone(),
        }
    }
}

pub fn create(tx: &mut OrgTx, _: &Allow<Administer>, record: RecordType, new: &NewField) -> AppResult<CustomField> {
    unique::stop_writers(tx, record)?;
    let all = queries::all(tx, record)?;
    if all.len() >= MOST {
        return Err(AppError::field("", format!("A record type has at most {MOST} fields of its own.")));
    }
    check(tx, record, &all, None, new)?;
    let (id, key) = (CustomFieldId::new(), free_key(&all, &new.label));
    let position = all.iter().map(|f| f.position).max().unwrap_or(0) + 1;
    diesel::insert_into(custom_fields::table)
        .values((
            new,
            (custom_fields::id.eq(id), custom_fields::record_type.eq(record.key()), custom_fields::key.eq(&key)),
            (custom_fields::position.eq(position), custom_fields::created_by.eq(tx.by().map(uuid::Uuid::from))),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("label", &new.label).set("kind", &new.kind).set("key", &key).set("record_type", &record.key());
    events::record(tx, Event::of("field.created", "field", id).version(1).changes(changes))?;
    if new.kind == "formula" {
        formulas::enqueue(tx, record)?;
    }
    queries::find(tx, id)
}

/// Refuses what was made from an older definition.
pub(super) fn same_version(field: &CustomField, version: &str) -> AppResult<()> {
    if field.version.to_string() == version {
        return Ok(());
    }
    Err(AppError::Conflict("Someone else changed this field meanwhile. Look at it again.".into()))
}

/// Saves over `version`. The kind changes only where no value is lost.
pub fn update(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: CustomFieldId,
    version: i32,
    new: &NewField,
) -> AppResult<CustomField> {
    let record = queries::find(tx, id)?.record().ok_or(AppError::NotFound)?;
    unique::stop_writers(tx, record)?;
    let before = queries::lock(tx, id)?;
    same_version(&before, &version.to_string())?;
    let old = NewField::from(&before);
    if old == *new {
        return Ok(before);
    }
    definition::may_become(&before.kind, &new.kind).map_err(|told| AppError::field("kind", told))?;
    let all = queries::all(tx, record)?;
    check(tx, record, &all, Some(&before), new)?;
    if before.kind == "choice" && new.kind == "choices" {
        widen(tx, record, &before.key)?;
    }
    diesel::update(custom_fields::table.filter(custom_fields::id.eq(id)))
        .set((new, custom_fields::version.eq(version + 1), custom_fields::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    let after = queries::find(tx, id)?;
    match (before.is_unique, after.is_unique) {
        (false, true) => unique::begin(tx, record, &after)?,
        (true, false) => unique::end(tx, &after)?,
        _ => {}
    }
    if after.kind == "formula" && old.options != new.options {
        formulas::enqueue(tx, record)?;
    }
    if before.searchable != after.searchable || (after.searchable && old.viewers != new.viewers) {
        crate::search::enqueue_bulk(tx, record, None)?;
    }
    events::record(tx, Event::of("field.updated", "field", id).version(version + 1).changes(changes(&old, new)))?;
    Ok(after)
}

/// Hides the field everywhere; its values stay where they are.
pub fn retire(tx: &mut OrgTx, _: &Allow<Administer>, id: CustomFieldId) -> AppResult<CustomField> {
    let field = queries::lock(tx, id)?;
    let record = field.record().ok_or(AppError::NotFound)?;
    if let Some(formula) = used_by(tx, record, &field.key)? {
        return Err(AppError::Conflict(format!(
            "{} is used by the formula {formula}. Change that one first.",
            field.label
        )));
    }
    if let Some(rule) = quality::rule_using(tx, record, &field.key)? {
        return Err(AppError::Conflict(format!(
            "{} is used by the validation rule “{rule}”. Change that one first.",
            field.label
        )));
    }
    set_retired(tx, &field, Some(Utc::now()), "field.retired")?;
    Ok(field)
}

/// Shows a retired field again, with the values it had.
pub fn restore(tx: &mut OrgTx, _: &Allow<Administer>, id: CustomFieldId) -> AppResult<CustomField> {
    let field = queries::lock(tx, id)?;
    let record = field.record().ok_or(AppError::NotFound)?;
    if field.kind == "formula" {
        let catalogue = Catalogue::whole(tx, record)?;
        let options = field.options();
        let told = |told: String| AppError::Conflict(format!("The formula of {} {told}.", field.label));
        let expression = formulas::check(&options.formula, &options.result, &catalogue).map_err(told)?;
        refuse_leak(&expression, &field.viewers, &queries::all(tx, record)?).map_err(told)?;
    }
    set_retired(tx, &field, None, "field.restored")?;
    if field.kind == "formula" {
        formulas::enqueue(tx, record)?;
    }
    Ok(field)
}

fn set_retired(tx: &mut OrgTx, field: &CustomField, at: Option<DateTime<Utc>>, kind: &'static str) -> AppResult<()> {
    if field.retired_at.is_some() == at.is_some() {
        return Ok(());
    }
    diesel::update(custom_fields::table.filter(custom_fields::id.eq(field.id)))
        .set((custom_fields::retired_at.eq(at), custom_fields::version.eq(field.version + 1)))
        .execute(tx.conn())?;
    if let Some(record) = field.record() {
        quality::field_changed(tx, record, &field.key)?;
    }
    if field.searchable
        && let Some(record) = field.record()
    {
        crate::search::enqueue_bulk(tx, record, None)?;
    }
    let mut changes = Changes::new();
    changes.set("label", &field.label);
    events::record(tx, Event::of(kind, "field", field.id).version(field.version + 1).changes(changes))
}

/// Moves a field one place up or down among those of its type.
pub fn shift(tx: &mut OrgTx, _: &Allow<Administer>, id: CustomFieldId, up: bool) -> AppResult<CustomField> {
    let field = queries::find(tx, id)?;
    let record = field.record().ok_or(AppError::NotFound)?;
    unique::stop_writers(tx, record)?;
    let mut order: Vec<CustomField> =
        queries::all(tx, record)?.into_iter().filter(|f| f.retired_at.is_none()).collect();
    let at = order.iter().position(|f| f.id == id).ok_or(AppError::NotFound)?;
    let to = if up { at.saturating_sub(1) } else { (at + 1).min(order.len() - 1) };
    order.swap(at, to);
    for (place, field) in (1i32..).zip(&order) {
        diesel::update(custom_fields::table.filter(custom_fields::id.eq(field.id)))
            .set(custom_fields::position.eq(place))
            .execute(tx.conn())?;
    }
    Ok(field)
}

/// What no form can know by itself: a formula reads, and what depends on the field still does afterwards.
fn check(
    tx: &mut OrgTx,
    record: RecordType,
    all: &[CustomField],
    before: Option<&CustomField>,
    new: &NewField,
) -> AppResult<()> {
    let own = before.map(|f| f.id);
    let folded = text::fold(&new.label);
    if all.iter().any(|f| Some(f.id) != own && f.retired_at.is_none() && text::fold(&f.label) == folded) {
        return Err(AppError::field("label", "is the name of another field of this type"));
    }
    if Catalogue::labels(record).chain([RECORD_ID]).any(|label| text::fold(label) == folded) {
        return Err(AppError::field("label", "is the name of a built-in field"));
    }
    let options = new.options();
    if new.kind == "formula" {
        let catalogue = Catalogue::whole(tx, record)?;
        let expression = formulas::check(&options.formula, &options.result, &catalogue)
            .map_err(|told| AppError::field("formula", told))?;
        refuse_leak(&expression, &new.viewers, all).map_err(|told| AppError::field("formula", told))?;
    }
    if let Some(before) = before
        && before.viewers != new.viewers
    {
        for (formula, seen_by) in formulas_with(tx, record, all, &before.key)? {
            if !definition::within(&seen_by, &new.viewers) {
                let told = format!("must not be fewer than see the formula {formula}, which reads this field");
                return Err(AppError::field("viewers", told));
            }
        }
    }
    if let Some(before) = before.filter(|before| before.kind == "choice" && new.kind == "choices")
        && let Some(formula) = used_by(tx, record, &before.key)?
    {
        return Err(AppError::field("kind", format!("cannot change: the formula {formula} uses this field")));
    }
    Ok(())
}

/// Whoever sees a formula learns of what it reads.
fn refuse_leak(
    expression: &Expression,
    seen_by: &Option<Vec<Option<String>>>,
    all: &[CustomField],
) -> Result<(), String> {
    let read = expression.uses().filter_map(|key| all.iter().find(|field| field.key == key));
    match read.into_iter().find(|field| !definition::within(seen_by, &field.viewers)) {
        Some(hidden) => Err(format!(
            "reads {}, which not everybody sees who would see this field: choose fewer who may see it",
            hidden.label
        )),
        None => Ok(()),
    }
}

/// The label of a formula in force that reads that field.
fn used_by(tx: &mut OrgTx, record: RecordType, key: &str) -> AppResult<Option<String>> {
    let all = queries::all(tx, record)?;
    Ok(formulas_with(tx, record, &all, key)?.into_iter().next().map(|(label, _)| label))
}

/// The formulas in force that read that field: label and who sees each.
#[expect(clippy::type_complexity, reason = "roles as the table keeps them")]
fn formulas_with(
    tx: &mut OrgTx,
    record: RecordType,
    all: &[CustomField],
    key: &str,
) -> AppResult<Vec<(String, Option<Vec<Option<String>>>)>> {
    let catalogue = Catalogue::whole(tx, record)?;
    let formulas = all.iter().filter(|f| f.kind == "formula" && f.retired_at.is_none());
    let reads = |f: &&CustomField| {
        Expression::parse(&f.options().formula, &catalogue).is_ok_and(|e| e.uses().any(|used| used == key))
    };
    Ok(formulas.filter(reads).map(|f| (f.label.clone(), f.viewers.clone())).collect())
}

/// One choice becomes a list of one.
fn widen(tx: &mut OrgTx, record: RecordType, key: &str) -> AppResult<()> {
    tx.without_time_limit()?;
    diesel::sql_query(format!(
        "UPDATE {} SET custom = jsonb_set(custom, ARRAY[$1], jsonb_build_array(custom->$1)) WHERE jsonb_typeof(custom->$1) = 'string'",
        record.noun()
    ))
    .bind::<diesel::sql_types::Text, _>(key)
    .execute(tx.conn())?;
    Ok(())
}

/// `c_` and the label's letters; numbered when another field, retired or not, has that one.
fn free_key(all: &[CustomField], label: &str) -> String {
    let folded = text::fold(label);
    let words = folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug: String = words.collect::<Vec<_>>().join("_").chars().take(LONGEST_KEY).collect();
    slug = slug.trim_matches('_').to_owned();
    if slug.is_empty() {
        "field".clone_into(&mut slug);
    }
    let taken = |key: &String| all.iter().any(|f| f.key == *key);
    let numbered = (2..).map(|n| format!("c_{slug}_{n}"));
    std::iter::once(format!("c_{slug}")).chain(numbered).find(|key| !taken(key)).unwrap_or_default()
}

fn changes(before: &NewField, after: &NewField) -> Changes {
    let mut changes = Changes::new();
    changes
        .track("label", &before.label, &after.label)
        .track("kind", &before.kind, &after.kind)
        .track("options", &before.options, &after.options)
        .track("required", &before.required, &after.required)
        .track("unique", &before.is_unique, &after.is_unique)
        .track("searchable", &before.searchable, &after.searchable)
        .track("listed", &before.listed, &after.listed)
        .track("default", &before.default_value, &after.default_value)
        .track("help", &before.help, &after.help)
        .track("section", &before.section, &after.section)
        .track("viewers", &before.viewers, &after.viewers)
        .track("editors", &before.editors, &after.editors);
    changes
}
