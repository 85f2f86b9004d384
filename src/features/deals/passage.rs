//! What stands between a deal and the stage it is to enter: fields of the stages on the way that are empty, and required criteria of those
//! it leaves behind that are not ticked. Asked on the way forward only. The one place that decides; every move goes through it.

use super::model::Deal;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        fields::{Catalogue, Entry, Kind},
        pipeline::{self, Criterion, Stage},
    },
    kernel::{CriterionId, DealId, RecordType, StageId},
    schema::{deal_criteria, deals},
    web::{
        Allow, FormErrors,
        permission::{deals::Edit, organisation::Override},
    },
};
use diesel::{prelude::*, sql_types as t};
use std::collections::HashMap;
use uuid::Uuid;

/// How a deal is moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Passing {
    /// Nothing may be missing.
    #[default]
    Asked,
    /// Whatever is missing, by somebody who may say so.
    Overriding,
}

/// What is missing of one deal; empty: it may pass.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    pub fields: Vec<Entry>,
    pub criteria: Vec<Criterion>,
}

impl Missing {
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.criteria.is_empty()
    }

    /// In one line: "Amount, Expected close; not ticked: Budget confirmed".
    pub fn words(&self) -> String {
        let list = |names: Vec<&str>| names.join(", ");
        let fields = list(self.fields.iter().map(|entry| entry.label.as_str()).collect());
        let criteria = list(self.criteria.iter().map(|c| c.label.as_str()).collect());
        match (fields.is_empty(), criteria.is_empty()) {
            (_, true) => fields,
            (true, false) => format!("not ticked: {criteria}"),
            (false, false) => format!("{fields}; not ticked: {criteria}"),
        }
    }

    /// For a form: at each field that is empty, and at the checklist.
    pub fn errors(&self, to: &str) -> FormErrors {
        let mut errors = FormErrors::default();
        for entry in &self.fields {
            errors.add(&entry.key, format!("{} is needed before “{to}”", entry.label));
        }
        if !self.criteria.is_empty() {
            let labels: Vec<&str> = self.criteria.iter().map(|c| c.label.as_str()).collect();
            errors.add("criteria", format!("Not ticked yet: {}", labels.join(", ")));
        }
        errors
    }
}

/// Lets a deal pass, or refuses with what is missing. Returns what was overridden. The past comes back as it was: an undo is not asked.
pub(super) fn pass(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, to: &Stage, passing: Passing) -> AppResult<Missing> {
    if tx.cause().is_some_and(|cause| cause.get("undo_of").is_some()) {
        return Ok(Missing::default());
    }
    let missing = of(tx, deal, to)?;
    judge(by, missing, passing, &to.name)
}

/// The same before a deal is won, which leaves its stage for good.
pub(super) fn win(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, passing: Passing) -> AppResult<Missing> {
    if tx.cause().is_some_and(|cause| cause.get("undo_of").is_some()) {
        return Ok(Missing::default());
    }
    let missing = to_win(tx, deal)?;
    judge(by, missing, passing, "Won")
}

fn judge(by: &Allow<Edit>, missing: Missing, passing: Passing, to: &str) -> AppResult<Missing> {
    match passing {
        _ if missing.is_empty() => Ok(missing),
        Passing::Overriding => Allow::<Override>::check(by).map(|_| missing),
        Passing::Asked => Err(missing.errors(to).into()),
    }
}

/// What is missing of this deal before it enters that stage.
pub(super) fn of(tx: &mut OrgTx, deal: &Deal, to: &Stage) -> AppResult<Missing> {
    Ok(of_many(tx, &[deal.id.0], to)?.remove(&deal.id.0).unwrap_or_default())
}

/// What is missing of a deal before it is won: what its stage wants ticked.
pub(super) fn to_win(tx: &mut OrgTx, deal: &Deal) -> AppResult<Missing> {
    let mut criteria: Vec<Criterion> = pipeline::criteria(tx)?;
    criteria.retain(|c| c.required && c.stage_id == deal.stage_id);
    let done = if criteria.is_empty() { vec![] } else { ticked(tx, &[deal.id.0])? };
    criteria.retain(|c| !done.contains(&(deal.id.0, c.id)));
    Ok(Missing { fields: vec![], criteria })
}

/// A new deal needs what its stage asks for.
pub(super) fn begin(tx: &mut OrgTx, id: DealId, stage: &Stage) -> AppResult<()> {
    let fields = entries(tx, stage.required_fields().map(str::to_owned).collect())?;
    let empty = empty_fields(tx, &[id.0], &fields)?.remove(&id.0).unwrap_or_default();
    let missing = Missing { fields: empty, criteria: vec![] };
    if missing.is_empty() { Ok(()) } else { Err(missing.errors(&stage.name).into()) }
}

/// A deal that stays where it is.
pub struct Held {
    pub id: Uuid,
    pub name: String,
    pub why: String,
}

/// Of these deals, those that may not enter the stage, with the reason in words.
pub fn held_back(tx: &mut OrgTx, ids: &[Uuid], to: &Stage) -> AppResult<Vec<Held>> {
    let missing = of_many(tx, ids, to)?;
    let told = |missing: Missing| format!("“{}” asks for: {}", to.name, missing.words());
    named(tx, missing.into_iter().map(|(id, missing)| (id, told(missing))).collect())
}

/// Of these deals, those that may not be won yet, because their stage wants something ticked, with the reason in words.
pub fn held_from_winning(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<Vec<Held>> {
    let criteria: Vec<Criterion> = pipeline::criteria(tx)?.into_iter().filter(|c| c.required).collect();
    if criteria.is_empty() {
        return Ok(vec![]);
    }
    let rows: Vec<(Uuid, StageId)> =
        deals::table.filter(deals::id.eq_any(ids)).select((deals::id, deals::stage_id)).load(tx.conn())?;
    let done = ticked(tx, ids)?;
    let open = |id: Uuid, stage: StageId| {
        let asked = criteria.iter().filter(|c| c.stage_id == stage && !done.contains(&(id, c.id)));
        Missing { fields: vec![], criteria: asked.cloned().collect() }
    };
    let missing = rows.into_iter().map(|(id, stage)| (id, open(id, stage))).filter(|(_, missing)| !missing.is_empty());
    named(tx, missing.map(|(id, missing)| (id, format!("“Won” asks for: {}", missing.words()))).collect())
}

/// In the order in which they were made.
fn named(tx: &mut OrgTx, mut why: HashMap<Uuid, String>) -> AppResult<Vec<Held>> {
    let ids: Vec<Uuid> = why.keys().copied().collect();
    let rows: Vec<(Uuid, String)> = deals::table
        .filter(deals::id.eq_any(ids))
        .order(deals::number)
        .select((deals::id, deals::name))
        .load(tx.conn())?;
    let held = |(id, name)| why.remove(&id).map(|why| Held { id, name, why: format!("held back: {why}") });
    Ok(rows.into_iter().filter_map(held).collect())
}

/// Those of which something is missing.
fn of_many(tx: &mut OrgTx, ids: &[Uuid], to: &Stage) -> AppResult<HashMap<Uuid, Missing>> {
    let stages = pipeline::stages(tx)?;
    let criteria: Vec<Criterion> = pipeline::criteria(tx)?.into_iter().filter(|c| c.required).collect();
    if criteria.is_empty() && stages.iter().all(|s| s.required_fields().next().is_none()) {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, StageId)> =
        deals::table.filter(deals::id.eq_any(ids)).select((deals::id, deals::stage_id)).load(tx.conn())?;
    let mut from: HashMap<StageId, Vec<Uuid>> = HashMap::new();
    for (id, stage) in rows {
        from.entry(stage).or_default().push(id);
    }
    let mut all = HashMap::new();
    for (stage, ids) in from {
        let (asked, criteria) = way(&stages, &criteria, stage, to);
        let asked = entries(tx, asked)?;
        for (id, fields) in empty_fields(tx, &ids, &asked)? {
            all.entry(id).or_insert_with(Missing::default).fields = fields;
        }
        let done = if criteria.is_empty() { vec![] } else { ticked(tx, &ids)? };
        for id in ids {
            let open: Vec<Criterion> = criteria.iter().filter(|c| !done.contains(&(id, c.id))).cloned().collect();
            if !open.is_empty() {
                all.entry(id).or_insert_with(Missing::default).criteria = open;
            }
        }
    }
    all.retain(|_, missing| !missing.is_empty());
    Ok(all)
}

/// What is asked between two stages: the fields of each stage that is entered or passed over, the criteria of each that is left. Into
/// another pipeline only the stage itself asks.
fn way(stages: &[Stage], criteria: &[Criterion], from: StageId, to: &Stage) -> (Vec<String>, Vec<Criterion>) {
    let own: Vec<&Stage> = stages.iter().filter(|s| s.pipeline_id == to.pipeline_id).collect();
    let place = |id: StageId| own.iter().position(|s| s.id == id);
    let (entered, left): (&[&Stage], &[&Stage]) = match (place(from), place(to.id)) {
        (Some(a), Some(b)) if a < b => (&own[a + 1..=b], &own[a..b]),
        (Some(_), _) => (&[], &[]),
        (None, Some(b)) => (&own[b..=b], &[]),
        (None, None) => (&[], &[]),
    };
    let fields = entered.iter().flat_map(|s| s.required_fields()).map(str::to_owned).collect();
    let criteria = criteria.iter().filter(|c| left.iter().any(|s| s.id == c.stage_id)).cloned().collect();
    (fields, criteria)
}

/// The fields of these keys. One that was retired since is asked no more.
fn entries(tx: &mut OrgTx, keys: Vec<String>) -> AppResult<Vec<Entry>> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let catalogue = Catalogue::whole(tx, RecordType::Deal)?;
    Ok(catalogue.entries.into_iter().filter(|entry| keys.contains(&entry.key)).collect())
}

#[derive(QueryableByName)]
struct Empty {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    /// One for each field asked for.
    #[diesel(sql_type = t::Array<t::Bool>)]
    empty: Vec<bool>,
}

fn empty_fields(tx: &mut OrgTx, ids: &[Uuid], asked: &[Entry]) -> AppResult<HashMap<Uuid, Vec<Entry>>> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let tests: Vec<String> = asked.iter().map(is_empty).collect();
    let sql = format!("SELECT r.id, ARRAY[{}] AS empty FROM deals r WHERE r.id = ANY ($1)", tests.join(", "));
    let rows: Vec<Empty> = diesel::sql_query(sql).bind::<t::Array<t::Uuid>, _>(ids).load(tx.conn())?;
    let missing =
        |row: &Empty| row.empty.iter().zip(asked).filter(|(empty, _)| **empty).map(|(_, e)| e.clone()).collect();
    Ok(rows.iter().map(|row| (row.id, missing(row))).filter(|(_, all): &(Uuid, Vec<Entry>)| !all.is_empty()).collect())
}

/// Trusted SQL: whether the field of `r` is empty. A yes or no that must be filled in must be yes.
fn is_empty(entry: &Entry) -> String {
    let expr = &entry.expr;
    match entry.kind.value() {
        Kind::Bool => format!("({expr}) IS NOT TRUE"),
        _ if entry.kind.is_list() => format!("coalesce(cardinality({expr}), 0) = 0"),
        Kind::Text | Kind::LongText => format!("coalesce(btrim(({expr})::text), '') = ''"),
        _ => format!("({expr}) IS NULL"),
    }
}

fn ticked(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<Vec<(Uuid, CriterionId)>> {
    Ok(deal_criteria::table
        .filter(deal_criteria::deal_id.eq_any(ids))
        .select((deal_criteria::deal_id, deal_criteria::criterion_id))
        .load(tx.conn())?)
}

/// What an event says of a move that passed over something.
pub(super) fn overridden(missing: &Missing) -> Option<String> {
    (!missing.is_empty()).then(|| missing.words())
}

/// Of errors that a move was refused with: whether it is the stage that asks. Checked again, since a rule may refuse at the same field.
pub(super) fn asked(error: &AppError) -> bool {
    matches!(error, AppError::Invalid(errors) if errors.iter().any(|(key, message)| key == "criteria" || message.contains(" is needed before “")))
}
