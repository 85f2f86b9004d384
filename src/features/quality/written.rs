//! What follows every write of a record: its formulas, the rules it must obey, and what lists know of its quality.
//!
//! A write is refused when the record, as it would be, breaks a rule that reads a field the write changes; a new record must obey
//! every rule. So a record that broke a rule before it was made can still be changed elsewhere, and stays on the rule's list.

use super::{
    completeness,
    rule::{Rule, Rules},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::Changes,
    features::fields,
    kernel::{RecordType, RuleId},
    web::FormErrors,
};
use chrono::NaiveDate;
use diesel::{prelude::*, sql_types};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What was written of a record.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    New,
    Changes(&'a Changes),
    /// These fields, by key.
    Fields(&'a [&'a str]),
}

/// Call it after every write of a record by a person, in the write's own transaction and before its event. Refuses with the rules'
/// messages at their fields.
pub fn written(tx: &mut OrgTx, record: RecordType, id: Uuid, what: Written<'_>) -> AppResult<()> {
    let rules = Rules::load(tx, record)?;
    let mut errors = FormErrors::default();
    for (_, rule) in settle(tx, record, &rules, &[id])? {
        let refused = match what {
            Written::New => true,
            Written::Changes(changes) => rule.concerns(changes.fields()),
            Written::Fields(keys) => rule.concerns(keys.iter()),
        };
        if refused {
            errors.add(&rule.field, &rule.message);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
}

/// After a write of these fields of many records: those that now break a rule that reads them, each with the rule's message.
pub fn refused(tx: &mut OrgTx, record: RecordType, ids: &[Uuid], keys: &[&str]) -> AppResult<Vec<(Uuid, String)>> {
    let rules = Rules::load(tx, record)?;
    let broken = settle(tx, record, &rules, ids)?;
    let concerned = broken.into_iter().filter(|(_, rule)| rule.concerns(keys.iter()));
    Ok(concerned.map(|(id, rule)| (id, rule.message.clone())).collect())
}

/// After a write that no rule refuses: of the program itself, an undo, or one that went past commands.
pub fn measure(tx: &mut OrgTx, record: RecordType, ids: &[Uuid]) -> AppResult<()> {
    let rules = Rules::load(tx, record)?;
    settle(tx, record, &rules, ids).map(drop)
}

/// Computes what follows from the records' values, and returns which of them break which rules.
fn settle<'a>(tx: &mut OrgTx, record: RecordType, rules: &'a Rules, ids: &[Uuid]) -> AppResult<Vec<(Uuid, &'a Rule)>> {
    fields::compute(tx, record, ids)?;
    completeness::keep(tx, record, ids)?;
    broken(tx, record, rules, ids)
}

/// Which of these records break which rules; lists are told.
fn broken<'a>(tx: &mut OrgTx, record: RecordType, rules: &'a Rules, ids: &[Uuid]) -> AppResult<Vec<(Uuid, &'a Rule)>> {
    if rules.rules.is_empty() || ids.is_empty() {
        return Ok(vec![]);
    }
    let mut all = Vec::new();
    for (id, values) in fields::values_of(tx, record, &rules.entries, ids)? {
        all.extend(rules.rules.iter().filter(|rule| rule.is_broken(&values)).map(|rule| (id, rule)));
    }
    keep(tx, rules, ids, &all)?;
    Ok(all)
}

fn keep(tx: &mut OrgTx, rules: &Rules, ids: &[Uuid], broken: &[(Uuid, &Rule)]) -> AppResult<()> {
    let asked: Vec<RuleId> = rules.rules.iter().map(|rule| rule.id).collect();
    let (records, breaks): (Vec<Uuid>, Vec<RuleId>) = broken.iter().map(|(id, rule)| (*id, rule.id)).unzip();
    diesel::sql_query(
        "DELETE FROM rule_breaks WHERE record_id = ANY ($1) AND rule_id = ANY ($2) \
           AND (record_id, rule_id) NOT IN (SELECT * FROM unnest($3, $4))",
    )
    .bind::<sql_types::Array<sql_types::Uuid>, _>(ids)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&asked)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&records)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&breaks)
    .execute(tx.conn())?;
    if records.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO rule_breaks (record_id, rule_id) SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&records)
    .bind::<sql_types::Array<sql_types::Uuid>, _>(&breaks)
    .execute(tx.conn())?;
    Ok(())
}

/// The rules of a record type as files ask them of their rows, before anything is written.
pub struct RowRules {
    rules: Rules,
    today: NaiveDate,
}

impl RowRules {
    /// `None`: there are no rules.
    pub fn load(tx: &mut OrgTx, record: RecordType) -> AppResult<Option<Self>> {
        let rules = Rules::load(tx, record)?;
        Ok((!rules.rules.is_empty()).then_some(Self { today: fields::today(tx)?, rules }))
    }

    /// What to select of a record, aliased `r`, for [`RowRules::problems`].
    pub fn columns(&self) -> String {
        fields::columns(&self.rules.entries)
    }

    /// What is wrong with a record of these values, by the name of the field where it is said. `changed`: the fields that the row
    /// changes of a record there is; `None`: it is new.
    pub fn problems(&self, values: &Value, changed: Option<&[String]>) -> BTreeMap<String, String> {
        let values = fields::values(&self.rules.entries, values, self.today);
        let asked = self.rules.rules.iter().filter(|rule| changed.is_none_or(|changed| rule.concerns(changed.iter())));
        let broken = asked.filter(|rule| rule.is_broken(&values));
        broken.map(|rule| (rule.label.clone(), rule.message.clone())).collect()
    }
}
