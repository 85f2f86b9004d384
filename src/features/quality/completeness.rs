//! How complete a record is: of the fields that count, how many are filled in, each by its weight; 0 to 100.
//!
//! The score is kept in a column of the record, so that lists sort and filter by it. Every write ends in [`keep`]; when the meaning
//! changes, a job goes through all records.

use crate::{
    db::{OrgTx, Tx, is_worth_keeping, kept},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        fields::{Catalogue, Entry, Kind},
        records,
    },
    kernel::RecordType,
    schema::quality_settings,
    web::{Actor, Allow, permission::organisation::Administer},
};
use diesel::{prelude::*, sql_types, upsert::excluded};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Heaviest weight of a field.
pub const HEAVIEST: i32 = 5;
/// Most fields that count.
pub const MOST: usize = 60;
const INCOMPLETE_BELOW: i32 = 60;
const STALE_AFTER: i32 = 180;

/// What an organisation says of a record type's quality.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// Catalogue key → weight, 1 to [`HEAVIEST`].
    pub weights: BTreeMap<String, i32>,
    pub incomplete_below: i32,
    /// Days without a change.
    pub stale_after: i32,
    /// 0: the program's own.
    pub version: i32,
}

fn usual(record: RecordType) -> &'static [(&'static str, i32)] {
    match record {
        RecordType::Company => &[
            ("domain", 3),
            ("industry", 2),
            ("employees", 1),
            ("phone", 2),
            ("city", 1),
            ("country", 2),
            ("owner_id", 3),
        ],
        RecordType::Contact => &[
            ("first_name", 1),
            ("last_name", 2),
            ("email", 3),
            ("phone", 2),
            ("title", 1),
            ("company_id", 3),
            ("country", 1),
            ("owner_id", 2),
        ],
        RecordType::Lead => &[
            ("last_name", 1),
            ("company_name", 2),
            ("email", 3),
            ("phone", 2),
            ("title", 1),
            ("source", 2),
            ("country", 1),
            ("owner_id", 2),
        ],
        RecordType::Deal => {
            &[("company_id", 3), ("amount", 3), ("expected_close_on", 3), ("owner_id", 2), ("source", 1)]
        }
    }
}

impl Meaning {
    pub fn load(tx: &mut OrgTx, record: RecordType) -> AppResult<Self> {
        tx.known(record.key(), |tx| Self::read(tx, record)).map(Arc::unwrap_or_clone)
    }

    fn read(tx: &mut OrgTx, record: RecordType) -> AppResult<Self> {
        let kept: Option<(Value, i32, i32, i32)> = quality_settings::table
            .filter(quality_settings::record_type.eq(record.key()))
            .select((
                quality_settings::fields,
                quality_settings::incomplete_below,
                quality_settings::stale_after,
                quality_settings::version,
            ))
            .first(tx.conn())
            .optional()?;
        Ok(match kept {
            Some((fields, incomplete_below, stale_after, version)) => Self {
                weights: serde_json::from_value(fields).unwrap_or_default(),
                incomplete_below,
                stale_after,
                version,
            },
            None => Self {
                weights: usual(record).iter().map(|(key, weight)| ((*key).to_owned(), *weight)).collect(),
                incomplete_below: INCOMPLETE_BELOW,
                stale_after: STALE_AFTER,
                version: 0,
            },
        })
    }

    /// Saves over `version`, and has every record measured anew when what counts has changed.
    pub fn save(&self, tx: &mut OrgTx, _: &Allow<Administer>, record: RecordType) -> AppResult<()> {
        let before = Self::load(tx, record)?;
        if before.version != self.version {
            return Err(AppError::Conflict("Someone else changed this meanwhile. Look at it again.".into()));
        }
        if before == *self {
            return Ok(());
        }
        let next = self.version + 1;
        diesel::insert_into(quality_settings::table)
            .values((
                quality_settings::record_type.eq(record.key()),
                quality_settings::fields.eq(serde_json::json!(self.weights)),
                quality_settings::incomplete_below.eq(self.incomplete_below),
                quality_settings::stale_after.eq(self.stale_after),
                quality_settings::version.eq(next),
            ))
            .on_conflict((quality_settings::org_id, quality_settings::record_type))
            .do_update()
            .set((
                quality_settings::fields.eq(excluded(quality_settings::fields)),
                quality_settings::incomplete_below.eq(excluded(quality_settings::incomplete_below)),
                quality_settings::stale_after.eq(excluded(quality_settings::stale_after)),
                quality_settings::version.eq(excluded(quality_settings::version)),
                quality_settings::updated_at.eq(diesel::dsl::now),
            ))
            .execute(tx.conn())?;
        let mut changes = Changes::new();
        changes
            .track("fields", &before.weights, &self.weights)
            .track("incomplete_below", &before.incomplete_below, &self.incomplete_below)
            .track("stale_after", &before.stale_after, &self.stale_after);
        let event = Event::of("quality.updated", "organisation", tx.org_id()).version(next);
        events::record_quietly(tx, event.changes(changes).data(serde_json::json!({ "record_type": record.key() })))?;
        if before.weights != self.weights {
            super::measure::enqueue(tx, record, None)?;
        }
        Ok(())
    }

    /// The fields that count and are there, with their weights.
    pub(super) fn counted(&self, tx: &mut OrgTx, record: RecordType) -> AppResult<Vec<(Entry, i32)>> {
        let own = self.weights.keys().any(|key| key.starts_with("c_"));
        let catalogue = if own { Catalogue::whole(tx, record)? } else { Catalogue::built_in(record) };
        let counted = catalogue.entries.into_iter().filter(counts);
        Ok(counted.filter_map(|entry| self.weights.get(&entry.key).map(|w| (entry, *w))).collect())
    }
}

/// Whether a field may count: people fill it in, and it can be empty.
pub(super) fn counts(entry: &Entry) -> bool {
    let always =
        matches!(entry.kind, Kind::Tags | Kind::Formula(_) | Kind::Currency) || (entry.required && !entry.is_custom());
    let flag = entry.kind == Kind::Bool && !entry.is_custom();
    !always && !flag && (entry.is_custom() || entry.editable)
}

/// Whether the field is filled in, over the record's table, aliased `r`.
fn filled(entry: &Entry, expr: &str) -> String {
    match entry.kind.value() {
        kind if kind.is_list() => format!("coalesce(cardinality({expr}), 0) > 0"),
        Kind::Text | Kind::LongText | Kind::Email | Kind::Phone | Kind::Url | Kind::Domain => {
            format!("coalesce({expr}, '') <> ''")
        }
        _ => format!("({expr}) IS NOT NULL"),
    }
}

/// The score as SQL; `expr` gives each field's value. NULL when nothing counts.
fn score(counted: &[(Entry, i32)], expr: impl Fn(&Entry) -> String) -> String {
    let whole: i32 = counted.iter().map(|(_, weight)| weight).sum();
    if whole == 0 {
        return "NULL::integer".to_owned();
    }
    let part =
        |(entry, weight): &(Entry, i32)| format!("CASE WHEN {} THEN {weight} ELSE 0 END", filled(entry, &expr(entry)));
    let parts: Vec<String> = counted.iter().map(part).collect();
    format!("((({}) * 100 + {}) / {whole})", parts.join(" + "), whole / 2)
}

/// Measures these records, from their rows as this transaction left them. No edit: neither a new version nor an event.
pub(super) fn keep(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let counted = Meaning::load(tx, record)?.counted(tx, record)?;
    let score = score(&counted, |entry| entry.expr.clone());
    diesel::sql_query(format!(
        "UPDATE {} r SET completeness = {score} WHERE r.id = ANY ($1) AND r.completeness IS DISTINCT FROM {score}",
        record.noun()
    ))
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .execute(tx.conn())?;
    Ok(())
}

/// The score of a new record that a file makes, as SQL over `value`: what the file writes into a built-in field; `None`: nothing.
/// Without an answer (fields of one's own count) a job measures afterwards.
pub fn of_new(tx: &mut OrgTx, record: RecordType, value: impl Fn(&str) -> Option<String>) -> AppResult<Option<String>> {
    let counted = Meaning::load(tx, record)?.counted(tx, record)?;
    if counted.iter().any(|(entry, _)| entry.is_custom()) {
        return Ok(None);
    }
    Ok(Some(score(&counted, |entry| value(&entry.key).unwrap_or_else(|| nothing(entry).to_owned()))))
}

/// An empty value of the field's SQL type.
fn nothing(entry: &Entry) -> &'static str {
    if entry.kind.is_list() { "'{}'::text[]" } else { "NULL::text" }
}

/// A record's quality, as its page shows it.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub score: Option<i32>,
    /// Below what the organisation calls complete.
    pub low: bool,
    /// What is missing, each with where to fill it in.
    pub missing: Vec<(String, Option<String>)>,
    /// The messages of the rules it breaks.
    pub broken: Vec<String>,
}

#[derive(QueryableByName)]
struct Measured {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Integer>)]
    completeness: Option<i32>,
    #[diesel(sql_type = sql_types::Bool)]
    archived: bool,
    #[diesel(sql_type = sql_types::Array<sql_types::Bool>)]
    filled: Vec<bool>,
    #[diesel(sql_type = sql_types::Array<sql_types::Text>)]
    broken: Vec<String>,
}

impl Panel {
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid) -> AppResult<Self> {
        let meaning = Meaning::load(tx, record)?;
        let mut counted = meaning.counted(tx, record)?;
        if counted.iter().any(|(entry, _)| entry.is_custom()) {
            let seen = Catalogue::load(tx, actor, record)?;
            counted.retain(|(entry, _)| seen.get(&entry.key).is_some());
        }
        counted.sort_by_key(|(_, weight)| -weight);
        let filled: Vec<String> = counted.iter().map(|(entry, _)| filled(entry, &entry.expr)).collect();
        let sql = format!(
            "SELECT r.completeness, r.archived_at IS NOT NULL AS archived, ARRAY[{}]::boolean[] AS filled, ARRAY(SELECT v.message FROM rule_breaks b \
               JOIN validation_rules v ON v.org_id = b.org_id AND v.id = b.rule_id WHERE b.record_id = r.id ORDER BY v.id) AS broken \
             FROM {} r WHERE r.id = $1",
            filled.join(", "),
            record.noun()
        );
        // What counts is the organisation's choice, so that there are many shapes of this statement.
        let keep = is_worth_keeping(&sql);
        let query = diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id);
        let found: Measured = if keep { kept(query).get_result(tx.conn())? } else { query.get_result(tx.conn())? };
        let may = !found.archived && records::require_edit(actor, record).is_ok();
        let missing = counted.into_iter().zip(found.filled).filter(|(_, filled)| !filled);
        let missing = missing.map(|((entry, _), _)| {
            let href = may.then(|| format!("/{}/{id}/edit#f-{}", record.noun(), control(&entry.key)));
            (entry.label, href)
        });
        let low = found.completeness.is_some_and(|score| score < meaning.incomplete_below);
        Ok(Self { score: found.completeness, low, missing: missing.collect(), broken: found.broken })
    }

    /// Something to say.
    pub fn is_shown(&self) -> bool {
        self.score.is_some() || !self.broken.is_empty()
    }
}

/// The control of a field on its record's form.
fn control(key: &str) -> &str {
    match key {
        "company_id" => "company",
        "parent_id" => "parent",
        key => key,
    }
}
