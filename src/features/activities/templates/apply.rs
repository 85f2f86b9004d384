//! Using a template: its first step, or the next one, in the form of a new activity; and a whole set at once.

use super::{
    chain,
    model::{self, Step},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        activities::{
            commands, forms,
            model::NewActivity,
            queries,
            when::{Slot, time_value},
        },
        records,
    },
    kernel::{ActivityId, ActivityTemplateId, MemberId, RecordType},
    schema::{activities, activity_checklist, activity_dependencies, activity_origins as origins, members},
    web::{
        Actor, Allow, Form,
        permission::activities::{Create, Delete},
    },
};
use chrono::NaiveDate;
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

pub(super) type Links = [(RecordType, Option<Uuid>); 4];

/// A new activity's form, filled in by the template (`template`) or the step after something done (`after`) that its address names.
pub fn prefill(tx: &mut OrgTx, actor: &Actor, form: &mut Form) -> AppResult<()> {
    let step = if let Ok(id) = form.get("template").parse::<ActivityTemplateId>() {
        model::steps(tx, id)?.into_iter().next()
    } else if let Ok(done) = form.get("after").parse::<ActivityId>() {
        let before = queries::find(tx, actor, done)?;
        for (record, id) in before.fields.links() {
            if let (Some(id), false) = (id, form.has(&format!("{}_id", record.key()))) {
                form.set(&format!("{}_id", record.key()), id.to_string());
            }
        }
        chain::next(tx, done)?
    } else {
        None
    };
    let Some(step) = step else { return Ok(()) };
    let mut links: Links = forms::LINKED.map(|record| (record, None));
    for (record, id) in &mut links {
        *id = form.get(&format!("{}_id", record.key())).parse().ok();
    }
    let new = new_activity(tx, actor, &step, actor.today(), &links)?;
    let slot = new.slot();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    for (name, value) in [
        ("step_id", step.id.to_string()),
        ("type_id", new.type_id.to_string()),
        ("subject", new.subject.clone()),
        ("on", slot.day(actor.zone).map(|day| day.to_string()).unwrap_or_default()),
        ("time", slot.time(actor.zone).map(time_value).unwrap_or_default()),
        ("minutes", new.minutes.map(|n| n.to_string()).unwrap_or_default()),
        ("priority", new.priority.clone()),
        ("owner_id", new.owner_id.map(|id| id.to_string()).unwrap_or_default()),
        ("location", text(&new.location)),
        ("description", text(&new.description)),
    ] {
        form.set(name, value);
    }
    Ok(())
}

/// What was planned by a form that [`prefill`] filled in remembers its step.
pub fn attach(tx: &mut OrgTx, by: &Actor, form: &Form, id: ActivityId) -> AppResult<()> {
    let Ok(step) = form.get("step_id").parse::<Uuid>() else { return Ok(()) };
    let step = match model::step(tx, step) {
        Err(AppError::NotFound) => return Ok(()),
        step => step?,
    };
    let known = origins::table.filter(origins::activity_id.eq(id));
    if diesel::select(diesel::dsl::exists(known)).get_result(tx.conn())? {
        return Ok(());
    }
    fill(tx, id, &step, None)?;
    if let Ok(done) = form.get("after").parse::<ActivityId>() {
        queries::find(tx, by, done)?;
        chain::followed(tx, done, Some(id))?;
    }
    Ok(())
}

/// Plans every step of a set, counted from a day, for each of those. The same `run` sent twice plans it once. How many were planned.
pub fn apply(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    id: ActivityTemplateId,
    run: Uuid,
    from: NaiveDate,
    with: &[Links],
) -> AppResult<usize> {
    let template = model::find(tx, id)?;
    if template.retired_at.is_some() || !template.is_set() {
        return Err(AppError::NotFound);
    }
    // Two of the same form wait for each other.
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<diesel::sql_types::Text, _>(format!("template run {run}"))
        .execute(tx.conn())?;
    let planned: i64 = origins::table.filter(origins::run_id.eq(run)).count().get_result(tx.conn())?;
    if planned > 0 {
        return Ok(usize::try_from(planned).unwrap_or(0));
    }
    let steps = model::steps(tx, id)?;
    for links in with {
        plan(tx, by, &steps, run, from, links)?;
    }
    Ok(steps.len() * with.len())
}

pub(super) fn plan(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    steps: &[Step],
    run: Uuid,
    from: NaiveDate,
    links: &Links,
) -> AppResult<()> {
    let mut made: HashMap<Uuid, ActivityId> = HashMap::new();
    for step in steps {
        let new = new_activity(tx, by, step, from, links)?;
        let activity = commands::create(tx, by, None, new)?;
        fill(tx, activity, step, Some(run))?;
        for first in step.waits_for().filter_map(|step| made.get(&step).copied()) {
            diesel::insert_into(activity_dependencies::table)
                .values((activity_dependencies::activity_id.eq(activity), activity_dependencies::waits_for.eq(first)))
                .execute(tx.conn())?;
        }
        made.insert(step.id, activity);
    }
    Ok(())
}

/// Takes back what [`apply`] planned, but for what is done. How many.
pub fn take_back(tx: &mut OrgTx, by: &Allow<Delete>, run: Uuid) -> AppResult<usize> {
    let ids: Vec<ActivityId> =
        origins::table.filter(origins::run_id.eq(run)).select(origins::activity_id).load(tx.conn())?;
    let open: Vec<ActivityId> = activities::table
        .filter(activities::id.eq_any(ids))
        .filter(activities::closed_at.is_null())
        .filter(activities::deleted_at.is_null())
        .select(activities::id)
        .load(tx.conn())?;
    for id in &open {
        commands::set_deleted(tx, by, *id, true)?;
    }
    Ok(open.len())
}

/// A step as an activity, counted from that day.
pub(super) fn new_activity(
    tx: &mut OrgTx,
    actor: &Actor,
    step: &Step,
    from: NaiveDate,
    links: &Links,
) -> AppResult<NewActivity> {
    let fields = &step.fields;
    let day = step.day(from, actor.org.working_days);
    let slot = Slot::new(Some(day), fields.at_time, actor.zone);
    let mut new = NewActivity {
        type_id: fields.type_id,
        subject: fields.subject.clone(),
        owner_id: assignee(tx, actor, step, links)?,
        start_at: slot.start_at,
        due_on: slot.due_on,
        minutes: fields.minutes,
        priority: fields.priority.clone(),
        location: fields.location.clone(),
        video_url: None,
        description: fields.description.clone(),
        deal_id: None,
        contact_id: None,
        company_id: None,
        lead_id: None,
    };
    for (record, id) in links {
        new.link(*record, *id);
    }
    Ok(new)
}

/// Who is to do it; whoever uses the template where nobody fits, or nobody whose work they may plan.
fn assignee(tx: &mut OrgTx, actor: &Actor, step: &Step, links: &Links) -> AppResult<Option<MemberId>> {
    let active = |tx: &mut OrgTx, id: Uuid| -> AppResult<bool> {
        let of = members::table.filter(members::org_id.eq(tx.org_id().0)).filter(members::id.eq(id));
        Ok(diesel::select(diesel::dsl::exists(of.filter(members::deactivated_at.is_null()))).get_result(tx.conn())?)
    };
    let mut found: Option<Uuid> = None;
    match step.fields.assignee.as_str() {
        // Who would never see what is nobody's does it.
        "nobody" if actor.visible_owners().is_some() && links.iter().all(|(_, id)| id.is_none()) => {}
        "nobody" => return Ok(None),
        "owner" => {
            for (record, id) in links {
                let Some(id) = id else { continue };
                match records::visible(tx, actor, *record, *id) {
                    Ok(now) => found = found.or(now.owner_id),
                    Err(AppError::NotFound | AppError::Forbidden(_)) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        "role" => {
            // Whoever of the role has least open, so that work spreads.
            let sql = "SELECT m.id FROM members m WHERE m.org_id = app.org() AND m.role_id = $1 AND m.deactivated_at IS NULL \
                ORDER BY (SELECT count(*) FROM activities a WHERE a.owner_id = m.id AND a.closed_at IS NULL AND a.deleted_at IS NULL \
                  AND a.occurrence IS DISTINCT FROM 'later'), m.name LIMIT 1";
            #[derive(QueryableByName)]
            struct Id {
                #[diesel(sql_type = diesel::sql_types::Uuid)]
                id: Uuid,
            }
            if let Some(role) = step.fields.role_id {
                let row: Option<Id> = diesel::sql_query(sql)
                    .bind::<diesel::sql_types::Uuid, _>(role.0)
                    .get_result(tx.conn())
                    .optional()?;
                found = row.map(|row| row.id);
            }
        }
        _ => {}
    }
    let found = match found.filter(|id| actor.sees(Some(*id))) {
        Some(id) if active(tx, id)? => id,
        _ => actor.id.0,
    };
    Ok(Some(MemberId(found)))
}

/// The step's checklist, and where it came from.
pub(super) fn fill(tx: &mut OrgTx, id: ActivityId, step: &Step, run: Option<Uuid>) -> AppResult<()> {
    for (position, item) in (0..).zip(step.items()) {
        diesel::insert_into(activity_checklist::table)
            .values((
                (activity_checklist::id.eq(Uuid::now_v7()), activity_checklist::activity_id.eq(id)),
                (activity_checklist::text.eq(item), activity_checklist::position.eq(position)),
            ))
            .execute(tx.conn())?;
    }
    diesel::insert_into(origins::table)
        .values((origins::activity_id.eq(id), origins::step_id.eq(step.id), origins::run_id.eq(run)))
        .execute(tx.conn())?;
    Ok(())
}
