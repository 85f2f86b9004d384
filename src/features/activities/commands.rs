//! Planning, changing, completing and deleting: the row and its event in one transaction, and word to open boards, whose cards show
//! what is next.

use super::{
    model::{Activity, Difference, NewActivity, member_ref},
    queries, series, templates, types,
    when::Slot,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        accounts::members,
        calendar,
        records::{self, Saved},
    },
    kernel::{ActivityId, DealId, MemberId, RecordType},
    live::{self, LiveMessage},
    schema::{activities, contacts, deals},
    web::{
        Actor, Allow,
        permission::activities::{Create, Delete, Edit},
    },
};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

const RECORD: &str = "activity";

/// Plans it. The same form sent twice plans it once: `id` was chosen when the form was made.
pub fn create(
    tx: &mut OrgTx,
    by: &Allow<Create>,
    id: Option<ActivityId>,
    mut new: NewActivity,
) -> AppResult<ActivityId> {
    if let Some(id) = id
        && exists(tx, id)?
    {
        return queries::find(tx, by, id).map(|found| found.id);
    }
    let class = check(tx, by, None, &new)?;
    queries::stays_in_sight(tx, by, None, &new)?;
    complete_links(tx, &mut new)?;
    let id = id.unwrap_or_else(ActivityId::new);
    diesel::insert_into(activities::table)
        .values((activities::id.eq(id), &new, activities::class.eq(class), activities::created_by.eq(by.id.0)))
        .execute(tx.conn())?;
    let changes = NewActivity::changes(tx, by, None, &new)?;
    events::record(tx, Event::of("activity.created", RECORD, id).version(1).changes(changes))?;
    announce(tx, id, &[new.deal_id])?;
    Ok(id)
}

/// Saves over `version`; one that moved on is left as it is.
pub fn update(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: ActivityId,
    version: i32,
    mut new: NewActivity,
) -> AppResult<Saved> {
    let before = queries::lock(tx, by, id)?;
    if before.version != version {
        return Ok(Saved::Stale);
    }
    let class = check(tx, by, Some(&before.fields), &new)?;
    queries::stays_in_sight(tx, by, Some(id), &new)?;
    complete_links(tx, &mut new)?;
    let changes = NewActivity::changes(tx, by, Some(&before.fields), &new)?;
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    diesel::update(activities::table.filter(activities::id.eq(id)))
        .set((
            &new,
            activities::class.eq(class),
            activities::version.eq(version + 1),
            activities::updated_at.eq(diesel::dsl::now),
            // An occurrence that was changed on its own is its own from now on.
            activities::occurrence.eq(before.series_id.map(|_| "own")),
        ))
        .execute(tx.conn())?;
    events::record(tx, Event::of("activity.updated", RECORD, id).version(version + 1).changes(changes))?;
    announce(tx, id, &[before.fields.deal_id, new.deal_id])?;
    Ok(Saved::Done(version + 1))
}

/// What a change of an occurrence makes of it, but for when it is, and of the others that `others` finds. How many those are. The caller
/// announces it, once they are all where they belong.
pub(super) fn spread(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    before: &Activity,
    new: &NewActivity,
    others: impl FnOnce(&mut OrgTx, &Difference) -> AppResult<usize>,
) -> AppResult<usize> {
    let class = check(tx, by, Some(&before.fields), new)?;
    queries::stays_in_sight(tx, by, Some(before.id), new)?;
    let mut new = new.clone();
    complete_links(tx, &mut new)?;
    let changes = NewActivity::changes(tx, by, Some(&before.fields), &new)?;
    let version = before.version + 1;
    let mut changed = 0;
    if let Some(difference) = Difference::between(&before.fields, &new, class) {
        diesel::update(activities::table.filter(activities::id.eq(before.id))).set(&difference).execute(tx.conn())?;
        changed = others(tx, &difference)?;
    }
    diesel::update(activities::table.filter(activities::id.eq(before.id)))
        .set((activities::version.eq(version), activities::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    if !changes.is_empty() {
        events::record(tx, Event::of("activity.updated", RECORD, before.id).version(version).changes(changes))?;
    }
    Ok(changed)
}

/// Another time, nothing else. What is closed stays as it is.
pub fn reschedule(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, slot: Slot) -> AppResult<Activity> {
    let before = queries::lock(tx, by, id)?;
    must_be_open(&before)?;
    let mut new = before.fields.clone();
    (new.start_at, new.due_on) = (slot.start_at, slot.due_on);
    let version = before.version;
    let _ = update(tx, by, id, version, new)?;
    Ok(before)
}

/// An occurrence that was put off is again what its series says.
pub(super) fn rejoin(tx: &mut OrgTx, id: ActivityId) -> AppResult<()> {
    let of = activities::table.filter(activities::id.eq(id)).filter(activities::occurrence.eq("own"));
    diesel::update(of).set(activities::occurrence.eq("next")).execute(tx.conn())?;
    Ok(())
}

/// Someone else is to do it.
pub fn assign(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, owner: Option<MemberId>) -> AppResult<()> {
    let before = queries::lock(tx, by, id)?;
    let new = NewActivity { owner_id: owner, ..before.fields.clone() };
    update(tx, by, id, before.version, new).map(drop)
}

/// Done or cancelled, with what came of it. Doing what is done changes nothing but its outcome, which an empty one takes away.
pub fn close(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: ActivityId,
    status: &'static str,
    outcome: Option<String>,
) -> AppResult<Activity> {
    let before = queries::lock(tx, by, id)?;
    let cleared = !before.is_open() && outcome.as_deref() == Some("");
    let outcome = outcome.filter(|text| !text.is_empty());
    let outcome = if cleared { None } else { outcome.or_else(|| before.outcome.clone()) };
    if !before.is_open() && before.outcome == outcome {
        return Ok(before);
    }
    let mut changes = Changes::new();
    changes.track("outcome", &before.outcome, &outcome);
    if before.is_open() {
        changes.track("status", &before.status.as_str(), &status);
        diesel::update(activities::table.filter(activities::id.eq(id)))
            .set((
                (activities::status.eq(status), activities::closed_at.eq(diesel::dsl::now)),
                activities::closed_by.eq(Some(by.id.0)),
            ))
            .execute(tx.conn())?;
    }
    diesel::update(activities::table.filter(activities::id.eq(id)))
        .set((
            (activities::outcome.eq(&outcome), activities::version.eq(before.version + 1)),
            activities::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    let kind = match (before.is_open(), status) {
        (false, _) => "activity.updated",
        (true, "cancelled") => "activity.cancelled",
        (true, _) => "activity.done",
    };
    events::record(tx, Event::of(kind, RECORD, id).version(before.version + 1).changes(changes))?;
    if before.is_open() && status == "done" {
        templates::follow(tx, by, &before)?;
    }
    announce(tx, id, &[before.fields.deal_id])?;
    Ok(before)
}

/// To be done after all; or, while open, where it stands: a key of [`super::model::OPEN`].
pub fn set_open(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, status: &str) -> AppResult<Activity> {
    let before = queries::lock(tx, by, id)?;
    if before.is_open() && before.status == status {
        return Ok(before);
    }
    diesel::update(activities::table.filter(activities::id.eq(id)))
        .set((
            (activities::status.eq(status), activities::closed_at.eq(None::<chrono::DateTime<chrono::Utc>>)),
            (activities::closed_by.eq(None::<Uuid>), activities::version.eq(before.version + 1)),
            activities::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    if !before.is_open() {
        templates::reopen(tx, id)?;
    }
    let mut changes = Changes::new();
    changes.track("status", &before.status.as_str(), &status);
    let kind = if before.is_open() { "activity.updated" } else { "activity.reopened" };
    events::record(tx, Event::of(kind, RECORD, id).version(before.version + 1).changes(changes))?;
    announce(tx, id, &[before.fields.deal_id])?;
    Ok(before)
}

/// Deletes it, or takes its deletion back.
pub fn set_deleted(tx: &mut OrgTx, by: &Allow<Delete>, id: ActivityId, deleted: bool) -> AppResult<Activity> {
    let before = queries::lock_any(tx, by, id)?;
    if before.deleted_at.is_some() == deleted {
        return Ok(before);
    }
    queries::require_removable(tx, by, &before)?;
    if let (Some((series, day)), false) = (before.occurrence(), deleted)
        && series::stands_on(tx, series, day)?
    {
        return Err(AppError::Conflict("Another one of its series is on that day by now.".into()));
    }
    diesel::update(activities::table.filter(activities::id.eq(id)))
        .set((
            activities::deleted_at.eq(deleted.then(chrono::Utc::now)),
            activities::version.eq(before.version + 1),
            activities::updated_at.eq(diesel::dsl::now),
        ))
        .execute(tx.conn())?;
    if let Some((series, day)) = before.occurrence() {
        series::except(tx, series, day, deleted)?;
    }
    let kind = if deleted { "activity.deleted" } else { "activity.undeleted" };
    events::record(tx, Event::of(kind, RECORD, id).version(before.version + 1))?;
    announce(tx, id, &[before.fields.deal_id])?;
    Ok(before)
}

/// It, and the people and companies on whose pages it stands; deals are told of it for their cards.
fn around(tx: &mut OrgTx, id: ActivityId) -> AppResult<Vec<Uuid>> {
    type Links = (Option<Uuid>, Option<Uuid>, Option<Uuid>);
    let links: Option<Links> = activities::table
        .filter(activities::id.eq(id))
        .select((activities::contact_id, activities::company_id, activities::lead_id))
        .first(tx.conn())
        .optional()?;
    let (contact, company, lead) = links.unwrap_or_default();
    Ok([Some(id.0), contact, company, lead].into_iter().flatten().collect())
}

/// What was planned with a lead goes on with what became of it.
pub fn follow_lead(tx: &mut OrgTx, lead: Uuid, became: &[(RecordType, Option<Uuid>)]) -> AppResult<()> {
    for (record, id) in became {
        let (Some(id), true) = (id, *record != RecordType::Lead) else { continue };
        let column = format!("{}_id", record.key());
        let sql = format!("UPDATE activities SET {column} = $2 WHERE lead_id = $1 AND {column} IS NULL");
        diesel::sql_query(sql)
            .bind::<diesel::sql_types::Uuid, _>(lead)
            .bind::<diesel::sql_types::Uuid, _>(*id)
            .execute(tx.conn())?;
    }
    Ok(())
}

/// Something about it changed that has no column: who takes part, what is ticked off.
pub(super) fn note(tx: &mut OrgTx, id: ActivityId, field: &str, before: &Value, after: &Value) -> AppResult<()> {
    let mut changes = Changes::new();
    changes.track(field, before, after);
    events::record(tx, Event::of("activity.updated", RECORD, id).changes(changes))
}

/// The name a person goes by in an event.
pub(super) fn person(tx: &mut OrgTx, id: MemberId) -> AppResult<Value> {
    member_ref(tx, Some(id))
}

fn must_be_open(activity: &Activity) -> AppResult<()> {
    if activity.is_open() {
        return Ok(());
    }
    Err(AppError::Conflict(format!("This {} is closed. Reopen it first.", activity.class().label().to_lowercase())))
}

fn exists(tx: &mut OrgTx, id: ActivityId) -> AppResult<bool> {
    Ok(diesel::select(diesel::dsl::exists(activities::table.filter(activities::id.eq(id)))).get_result(tx.conn())?)
}

/// Type, assignee and links must be there and be this person's to use, where they are new. Returns the class.
fn check(tx: &mut OrgTx, by: &Actor, before: Option<&NewActivity>, new: &NewActivity) -> AppResult<String> {
    let known = before.map(|b| b.type_id) == Some(new.type_id);
    let kind = match types::find(tx, new.type_id) {
        Ok(kind) if known || kind.retired_at.is_none() => kind,
        Ok(_) | Err(AppError::NotFound) => return Err(AppError::field("type_id", "is not one of the types")),
        Err(other) => return Err(other),
    };
    if before.and_then(|b| b.owner_id) != new.owner_id {
        members::check_active(tx, new.owner_id, "owner_id")?;
        if new.owner_id.is_some_and(|owner| !by.sees(Some(owner.0))) {
            return Err(AppError::field("owner_id", "is not one of the people you work with"));
        }
    }
    let old = before.map(NewActivity::links);
    for (i, (record, id)) in new.links().into_iter().enumerate() {
        let Some(id) = id.filter(|id| old.and_then(|links| links[i].1) != Some(*id)) else { continue };
        match records::visible(tx, by, record, id) {
            Ok(_) => {}
            Err(AppError::NotFound | AppError::Forbidden(_)) => {
                let told = format!("is not one of your {}", record.plural().to_lowercase());
                return Err(AppError::field(record.key(), told));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(kind.class)
}

/// What is about a deal or a contact is about their company, unless another is named.
fn complete_links(tx: &mut OrgTx, new: &mut NewActivity) -> AppResult<()> {
    if new.company_id.is_some() {
        return Ok(());
    }
    if let Some(deal) = new.deal_id {
        new.company_id = deals::table.filter(deals::id.eq(deal)).select(deals::company_id).first(tx.conn())?;
    }
    if let (None, Some(contact)) = (new.company_id, new.contact_id) {
        new.company_id =
            contacts::table.filter(contacts::id.eq(contact)).select(contacts::company_id).first(tx.conn())?;
    }
    Ok(())
}

/// Guests are told what concerns them; boards show what is next on each card, and calendars when it is.
pub(super) fn announce(tx: &mut OrgTx, id: ActivityId, deals: &[Option<DealId>]) -> AppResult<()> {
    calendar::follow(tx, id)?;
    let around = around(tx, id)?;
    live::publish(tx, &LiveMessage { ids: around, ..LiveMessage::record(RECORD, id.0) })?;
    let mut ids: Vec<Uuid> = deals.iter().flatten().map(|id| id.0).collect();
    ids.dedup();
    if ids.is_empty() { Ok(()) } else { live::publish(tx, &LiveMessage::deals(ids, vec![], None)) }
}
