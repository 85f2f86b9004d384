//! Templates used without anybody's form: by automations. What they planned is found again by its run, and taken back where nobody
//! touched it.

use super::{
    apply::{self, Links},
    model,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::activities::{commands, forms, when::Slot},
    kernel::{ActivityId, ActivityTemplateId, DealId, RecordType},
    schema::{activities, activity_origins as origins},
    web::{Allow, permission::activities::Create},
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

/// Templates that can be used: current and with a step.
pub fn usable_templates(tx: &mut OrgTx) -> AppResult<Vec<(ActivityTemplateId, String)>> {
    let mut usable = Vec::new();
    for template in model::all(tx)?.into_iter().filter(|template| template.retired_at.is_none()) {
        if !model::steps(tx, template.id)?.is_empty() {
            usable.push((template.id, template.name));
        }
    }
    Ok(usable)
}

/// Plans a template with a record: every step of a set, the first of a chain. "Whoever uses the template" is the record's owner
/// here. What was planned, in words.
pub fn plan_template(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    id: ActivityTemplateId,
    run: Uuid,
    (record, of): (RecordType, Uuid),
) -> AppResult<Vec<String>> {
    let gone = || AppError::Conflict("The template is not there any more, or retired.".into());
    let template = match model::find(tx, id) {
        Err(AppError::NotFound) => return Err(gone()),
        template => template?,
    };
    let mut steps = model::steps(tx, id)?;
    if template.retired_at.is_some() || steps.is_empty() {
        return Err(gone());
    }
    if !template.is_set() {
        steps.truncate(1);
    }
    for step in steps.iter_mut().filter(|step| step.fields.assignee == "me") {
        step.fields.assignee = "owner".into();
    }
    let links: Links = forms::LINKED.map(|kind| (kind, Some(of).filter(|_| kind == record)));
    apply::plan(tx, by, &steps, run, by.today(), &links)?;
    told(tx, by, run)
}

fn told(tx: &mut OrgTx, by: &Allow<Create>, run: Uuid) -> AppResult<Vec<String>> {
    let made = origins::table.filter(origins::run_id.eq(run)).select(origins::activity_id);
    let made: Vec<ActivityId> = made.load(tx.conn())?;
    let rows: Vec<(String, Option<DateTime<Utc>>, Option<NaiveDate>)> = activities::table
        .filter(activities::id.eq_any(made))
        .order((activities::at, activities::id))
        .select((activities::subject, activities::start_at, activities::due_on))
        .load(tx.conn())?;
    let now = Utc::now();
    let said = |(subject, start_at, due_on): (String, _, _)| {
        format!("“{subject}”, {}", Slot { start_at, due_on }.words(by, now))
    };
    Ok(rows.into_iter().map(said).collect())
}

/// Takes back what these runs planned, where nobody did or changed anything since. How many.
pub fn take_back_untouched(tx: &mut OrgTx, runs: &[Uuid]) -> AppResult<usize> {
    let ids: Vec<ActivityId> =
        origins::table.filter(origins::run_id.eq_any(runs)).select(origins::activity_id).load(tx.conn())?;
    let untouched: Vec<(ActivityId, Option<DealId>)> = activities::table
        .filter(activities::id.eq_any(ids))
        .filter(activities::closed_at.is_null())
        .filter(activities::deleted_at.is_null())
        .filter(activities::version.eq(1))
        .order(activities::id)
        .select((activities::id, activities::deal_id))
        .for_no_key_update()
        .load(tx.conn())?;
    for (id, deal) in &untouched {
        diesel::update(activities::table.filter(activities::id.eq(*id)))
            .set((
                (activities::deleted_at.eq(diesel::dsl::now), activities::updated_at.eq(diesel::dsl::now)),
                activities::version.eq(2),
            ))
            .execute(tx.conn())?;
        events::record(tx, Event::of("activity.deleted", "activity", *id).version(2))?;
        commands::announce(tx, *id, &[*deal])?;
    }
    Ok(untouched.len())
}
