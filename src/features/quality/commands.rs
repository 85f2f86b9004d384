//! Making, changing, deleting and restoring validation rules, each an event; records are measured against them by a job.

use super::{
    measure, queries,
    rule::{self, Rule, ValidationRule},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{RecordType, RuleId},
    schema::validation_rules,
    web::{Allow, permission::organisation::Administer},
};
use chrono::Utc;
use diesel::prelude::*;

/// Most rules of one record type: every write of a record asks all of them.
const MOST: usize = 50;

/// Everything a form says about a rule.
#[derive(Clone, Debug, PartialEq, AsChangeset, Insertable)]
#[diesel(table_name = validation_rules)]
pub struct NewRule {
    pub kind: String,
    pub field: String,
    pub format: String,
    pub expression: String,
    pub message: String,
    pub active: bool,
}

impl From<&ValidationRule> for NewRule {
    fn from(r: &ValidationRule) -> Self {
        Self {
            kind: r.kind.clone(),
            field: r.field.clone(),
            format: r.format.clone(),
            expression: r.expression.clone(),
            message: r.message.clone(),
            active: r.active,
        }
    }
}

pub fn create(tx: &mut OrgTx, _: &Allow<Administer>, record: RecordType, new: &NewRule) -> AppResult<ValidationRule> {
    if queries::all(tx, record)?.len() >= MOST {
        return Err(AppError::field("", format!("A record type has at most {MOST} rules.")));
    }
    let id = RuleId::new();
    check(tx, record, id, new)?;
    let by = tx.by().map(uuid::Uuid::from);
    diesel::insert_into(validation_rules::table)
        .values((
            new,
            (validation_rules::id.eq(id), validation_rules::record_type.eq(record.key())),
            validation_rules::created_by.eq(by),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("record_type", &record.key()).set("message", &new.message).set("field", &new.field);
    changes.set("format", &new.format).set("expression", &new.expression).set("active", &new.active);
    events::record(tx, Event::of("rule.created", "rule", id).version(1).changes(changes))?;
    measure::enqueue(tx, record, None)?;
    queries::find(tx, id)
}

/// Saves over `version`.
pub fn update(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: RuleId,
    version: i32,
    new: &NewRule,
) -> AppResult<ValidationRule> {
    let before = lock(tx, id)?;
    if before.version != version {
        return Err(AppError::Conflict("Someone else changed this rule meanwhile. Look at it again.".into()));
    }
    let record = before.record().ok_or(AppError::NotFound)?;
    let old = NewRule::from(&before);
    if old == *new {
        return Ok(before);
    }
    check(tx, record, id, new)?;
    diesel::update(validation_rules::table.filter(validation_rules::id.eq(id)))
        .set((
            new,
            (validation_rules::version.eq(version + 1), validation_rules::updated_at.eq(diesel::dsl::now)),
            validation_rules::measured_at.eq(None::<chrono::DateTime<Utc>>),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes
        .track("field", &old.field, &new.field)
        .track("format", &old.format, &new.format)
        .track("expression", &old.expression, &new.expression)
        .track("message", &old.message, &new.message)
        .track("active", &old.active, &new.active);
    events::record(tx, Event::of("rule.updated", "rule", id).version(version + 1).changes(changes))?;
    settle(tx, record, id, new.active)?;
    queries::find(tx, id)
}

pub fn delete(tx: &mut OrgTx, _: &Allow<Administer>, id: RuleId) -> AppResult<ValidationRule> {
    let rule = lock(tx, id)?;
    set_deleted(tx, &rule, true)?;
    Ok(rule)
}

/// Brings a deleted rule back.
pub fn restore(tx: &mut OrgTx, _: &Allow<Administer>, id: RuleId) -> AppResult<ValidationRule> {
    let gone = validation_rules::table.filter(validation_rules::id.eq(id)).for_update();
    let rule: ValidationRule = gone.select(ValidationRule::as_select()).first(tx.conn())?;
    if rule.deleted_at.is_some() {
        set_deleted(tx, &rule, false)?;
    }
    Ok(rule)
}

fn set_deleted(tx: &mut OrgTx, rule: &ValidationRule, deleted: bool) -> AppResult<()> {
    let record = rule.record().ok_or(AppError::NotFound)?;
    diesel::update(validation_rules::table.filter(validation_rules::id.eq(rule.id)))
        .set((
            validation_rules::deleted_at.eq(deleted.then(Utc::now)),
            validation_rules::measured_at.eq(None::<chrono::DateTime<Utc>>),
            (validation_rules::version.eq(rule.version + 1), validation_rules::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("message", &rule.message);
    let kind = if deleted { "rule.deleted" } else { "rule.restored" };
    events::record(tx, Event::of(kind, "rule", rule.id).version(rule.version + 1).changes(changes))?;
    settle(tx, record, rule.id, rule.active && !deleted)
}

/// What breaks a rule that is not in force any more is forgotten; one in force is asked of every record.
fn settle(tx: &mut OrgTx, record: RecordType, id: RuleId, in_force: bool) -> AppResult<()> {
    if in_force {
        return measure::enqueue(tx, record, None);
    }
    tx.without_time_limit()?;
    diesel::sql_query("DELETE FROM rule_breaks WHERE rule_id = $1")
        .bind::<diesel::sql_types::Uuid, _>(id)
        .execute(tx.conn())?;
    Ok(())
}

fn lock(tx: &mut OrgTx, id: RuleId) -> AppResult<ValidationRule> {
    let live =
        validation_rules::table.filter(validation_rules::id.eq(id)).filter(validation_rules::deleted_at.is_null());
    Ok(live.for_update().select(ValidationRule::as_select()).first(tx.conn())?)
}

/// The rule reads, and its message stands at a field there is.
fn check(tx: &mut OrgTx, record: RecordType, id: RuleId, new: &NewRule) -> AppResult<()> {
    let catalogue = rule::catalogue(tx, record)?;
    if catalogue.get(&new.field).is_none() {
        return Err(AppError::field("field", "is not one of the choices"));
    }
    let candidate = ValidationRule {
        id,
        record_type: record.key().to_owned(),
        kind: new.kind.clone(),
        field: new.field.clone(),
        format: new.format.clone(),
        expression: new.expression.clone(),
        message: new.message.clone(),
        active: new.active,
        measured_at: None,
        version: 1,
        deleted_at: None,
    };
    Rule::read(&candidate, &catalogue).map(drop).map_err(|(field, told)| AppError::field(field, told))
}

/// The message of a rule that reads that field, or whose message stands there.
pub fn using(tx: &mut OrgTx, record: RecordType, key: &str) -> AppResult<Option<String>> {
    let kept = queries::all(tx, record)?;
    if kept.is_empty() {
        return Ok(None);
    }
    let catalogue = rule::catalogue(tx, record)?;
    Ok(kept.into_iter().find_map(|rule| {
        let reads = Rule::read(&rule, &catalogue).is_ok_and(|read| read.uses.contains(key));
        (reads || rule.field == key).then_some(rule.message)
    }))
}
