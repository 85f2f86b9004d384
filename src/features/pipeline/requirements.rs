//! What stages ask for: fields that a deal needs before it enters, and criteria to be ticked before it goes on. Who keeps to it is
//! `deals::passage`; this is what is asked.

use super::{commands::tell, model::Stage, queries};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    events::{Changes, Event},
    features::{
        fields::{Catalogue, Entry, Kind},
        records::Saved,
    },
    kernel::{CriterionId, RecordType, StageId},
    schema::{stage_criteria, stages},
    web::{Allow, permission::organisation::ManagePipelines},
};
use diesel::prelude::*;
use std::sync::Arc;

/// Criteria of one stage, at most.
pub const MOST: usize = 30;

/// One line of a stage's checklist. Retired ones are not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = stage_criteria)]
pub struct Criterion {
    pub id: CriterionId,
    pub stage_id: StageId,
    pub label: String,
    /// A deal does not go on without it; else it is advice.
    pub required: bool,
}

/// Every criterion that is still asked, in order within each stage.
pub fn criteria(tx: &mut OrgTx) -> AppResult<Vec<Criterion>> {
    let all = tx.known("stage_criteria", |tx| {
        Ok(stage_criteria::table
            .filter(stage_criteria::retired_at.is_null())
            .select(Criterion::as_select())
            .order((stage_criteria::stage_id, stage_criteria::position, stage_criteria::id))
            .load(tx.conn())?)
    });
    all.map(Arc::unwrap_or_clone)
}

/// The fields that a stage may ask for: those that people fill in.
pub fn askable(catalogue: &Catalogue) -> impl Iterator<Item = &Entry> {
    catalogue.entries.iter().filter(|entry| {
        let filled_in = entry.editable && !matches!(entry.kind, Kind::Tags | Kind::Formula(_));
        filled_in && !matches!(entry.key.as_str(), "name" | "currency")
    })
}

/// What a form says of one criterion. Without an id it is a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub id: Option<CriterionId>,
    pub label: String,
    pub required: bool,
}

/// Replaces what a stage asks for, if it still has the version `seen`. Criteria that are left out are retired: what was ticked stays.
pub fn set(
    tx: &mut OrgTx,
    _: &Allow<ManagePipelines>,
    id: StageId,
    seen: i32,
    fields: Vec<String>,
    asked: Vec<Asked>,
) -> AppResult<Saved> {
    let stage = queries::lock_stage(tx, id)?.ok_or(crate::error::AppError::NotFound)?;
    let catalogue = Catalogue::whole(tx, RecordType::Deal)?;
    let fields: Vec<String> = askable(&catalogue).map(|e| e.key.clone()).filter(|key| fields.contains(key)).collect();
    let before: Vec<Criterion> = criteria(tx)?.into_iter().filter(|c| c.stage_id == id).collect();
    let mut changes = Changes::new();
    let words = |label: &str, required: bool| if required { format!("{label} (required)") } else { label.to_owned() };
    changes
        .track(
            "required_fields",
            &labels(&catalogue, stage.required_fields()),
            &labels(&catalogue, fields.iter().map(String::as_str)),
        )
        .track(
            "criteria",
            &before.iter().map(|c| words(&c.label, c.required)).collect::<Vec<_>>(),
            &asked.iter().map(|c| words(&c.label, c.required)).collect::<Vec<_>>(),
        );
    if changes.is_empty() {
        return Ok(Saved::Done(stage.version));
    }
    if stage.version != seen {
        return Ok(Saved::Stale);
    }
    write(tx, &stage, fields, &before, &asked)?;
    tell(tx, Event::of("stage.updated", "stage", id).version(stage.version + 1).changes(changes))?;
    Ok(Saved::Done(stage.version + 1))
}

fn labels<'a>(catalogue: &Catalogue, keys: impl Iterator<Item = &'a str>) -> Vec<String> {
    keys.map(|key| catalogue.known(key).map_or(key, |entry| &entry.label).to_owned()).collect()
}

fn write(tx: &mut OrgTx, stage: &Stage, fields: Vec<String>, before: &[Criterion], asked: &[Asked]) -> AppResult<()> {
    let fields: Vec<Option<String>> = fields.into_iter().map(Some).collect();
    diesel::update(stages::table.filter(stages::id.eq(stage.id)))
        .set((stages::required_fields.eq(fields), stages::version.eq(stages::version + 1)))
        .execute(tx.conn())?;
    let mut kept = Vec::new();
    for (position, criterion) in (0i32..).zip(asked) {
        // An id of another stage's, or of nobody's, is a new line.
        let known = criterion.id.filter(|id| before.iter().any(|c| c.id == *id) && !kept.contains(id));
        let (label, required) = (&criterion.label, criterion.required);
        match known {
            Some(id) => {
                kept.push(id);
                diesel::update(stage_criteria::table.filter(stage_criteria::id.eq(id)))
                    .set((
                        stage_criteria::label.eq(label),
                        stage_criteria::required.eq(required),
                        stage_criteria::position.eq(position),
                    ))
                    .execute(tx.conn())?;
            }
            None => {
                diesel::insert_into(stage_criteria::table)
                    .values((
                        (stage_criteria::id.eq(CriterionId::new()), stage_criteria::stage_id.eq(stage.id)),
                        (stage_criteria::label.eq(label), stage_criteria::required.eq(required)),
                        stage_criteria::position.eq(position),
                    ))
                    .execute(tx.conn())?;
            }
        }
    }
    let gone: Vec<CriterionId> = before.iter().map(|c| c.id).filter(|id| !kept.contains(id)).collect();
    diesel::update(stage_criteria::table.filter(stage_criteria::id.eq_any(gone)))
        .set(stage_criteria::retired_at.eq(Some(chrono::Utc::now())))
        .execute(tx.conn())?;
    Ok(())
}
