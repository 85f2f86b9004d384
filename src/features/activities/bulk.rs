//! What is ticked in a list: done, put off, given or deleted at once, by the commands of one; written into the book of operations, by
//! which all of it is taken back.

use super::{
    commands, dependencies,
    model::{Activity, Class},
    queries,
    returning::Back,
    when::{self, Slot},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        notifications,
        operations::{self, Operation},
    },
    kernel::{ActivityId, MemberId, OperationId},
    schema::{operation_changes, operations as book},
    web::{
        Actor, Allow, Form, Page,
        flash::Flash,
        permission::activities::{Delete, Edit},
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The word operations keep.
pub const KIND: &str = "activities";
/// Most that one bulk action takes.
const MOST: usize = 200;
const RECORD: &str = "activity";

/// What one was, as far as a bulk action changes it.
#[derive(Serialize, Deserialize)]
struct Was {
    status: String,
    owner: Option<MemberId>,
    start_at: Option<DateTime<Utc>>,
    due_on: Option<NaiveDate>,
    /// Its series said when it is.
    follows: bool,
}

impl Was {
    fn of(activity: &Activity) -> Self {
        Self {
            status: activity.status.clone(),
            owner: activity.fields.owner_id,
            start_at: activity.fields.start_at,
            due_on: activity.fields.due_on,
            follows: activity.occurrence.as_deref().is_some_and(|now| now != "own"),
        }
    }
}

/// One that was changed: what it was, and its version since.
struct Changed {
    id: ActivityId,
    was: Was,
    version: i32,
}

/// `POST /activities/bulk`: `ids`, and `action`: `done`, `delete`, `assign` with `owner_id`, or `until-` and a key of
/// [`when::SNOOZES`]
pub(super) async fn bulk(page: Page, by: Allow<Edit>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let class = Class::parse(form.get("class")).unwrap_or_default();
    let ids: Vec<ActivityId> = form.all("ids").filter_map(|id| id.parse().ok()).collect();
    let to = Back::of(&page, &form).unwrap_or_else(|| format!("/{}", class.noun()));
    if ids.is_empty() {
        return Ok(reply::redirect(&page.req, &to, Some(Flash::info("Nothing was ticked, so nothing was changed"))));
    }
    if ids.len() > MOST {
        return Err(AppError::field("", format!("At most {MOST} at a time.")));
    }
    if form.get("action") == "assign" && owner(&form).is_none() {
        let told = "Choose whom to give them to; nothing was changed";
        return Ok(reply::redirect(&page.req, &to, Some(Flash::info(told))));
    }
    let (posted, back) = (form.clone(), to.clone());
    let (told, op) = db
        .org(&page, move |tx| {
            let changed = apply(tx, &by, &ids, &posted)?;
            let many = words(class, changed.len());
            let mut told = format!("{many} {}", verb(posted.get("action")));
            if ids.len() > 1 && !changed.is_empty() {
                tell(tx, class, &changed, &posted, &many)?;
            }
            let op = if changed.is_empty() { None } else { Some(keep(tx, &by, &told, &back, ids.len(), &changed)?) };
            if posted.get("action") == "done" {
                told.push_str(&early(tx, &changed)?);
            }
            Ok((told, op))
        })
        .await?;
    let flash = Flash::success(told);
    let flash = match op {
        Some(op) => flash.undo(format!("/operations/{op}/undo")),
        None => flash,
    };
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// One is told of by its event, several by their number.
fn tell(tx: &mut OrgTx, class: Class, changed: &[Changed], form: &Form, many: &str) -> AppResult<()> {
    let list = format!("/{}", class.noun());
    if let Some(owner) = owner(form) {
        return notifications::given(tx, owner, many, &list);
    }
    let how = match form.get("action") {
        "done" => "done",
        "delete" => "deleted",
        _ => "moved",
    };
    let ids: Vec<ActivityId> = changed.iter().map(|one| one.id).collect();
    notifications::of_many(tx, &ids, how, |count| words(class, count), &list)
}

fn words(class: Class, count: usize) -> String {
    format!("{count} {}", if count == 1 { class.label() } else { class.plural() }.to_lowercase())
}

/// Of what is done now, what did not wait for what it should, as one that is done alone says it. What was done along with it is no more
/// to be waited for, whichever came first.
fn early(tx: &mut OrgTx, done: &[Changed]) -> AppResult<String> {
    let ids: Vec<Uuid> = done.iter().map(|one| one.id.0).collect();
    Ok(match (dependencies::waiting(tx, &ids)?, done.len()) {
        (0, _) => String::new(),
        (1, 1) => ", though what it waits for is still open".to_owned(),
        (1, _) => ", 1 of them though what it waits for is still open".to_owned(),
        (n, _) => format!(", {n} of them though what they wait for is still open"),
    })
}

fn verb(action: &str) -> &'static str {
    match action {
        "done" => "done",
        "delete" => "deleted",
        "assign" => "reassigned",
        _ => "put off",
    }
}

/// Whom they are given to.
fn owner(form: &Form) -> Option<MemberId> {
    form.get("owner_id").parse().ok().filter(|_| form.get("action") == "assign")
}

/// The action on each; those that are gone, closed already or somebody else's to delete are passed over.
fn apply(tx: &mut OrgTx, by: &Allow<Edit>, ids: &[ActivityId], form: &Form) -> AppResult<Vec<Changed>> {
    let action = form.get("action");
    let owner = owner(form);
    if ids.len() > 1 {
        // Those concerned are told how many, not of each.
        tx.because(json!({ "bulk": action }));
    }
    if action == "delete" {
        Allow::<Delete>::check(by)?;
    }
    let mut changed = Vec::new();
    for id in ids {
        match one(tx, by, *id, action, owner) {
            Ok(Some(done)) => changed.push(done),
            Ok(None) | Err(AppError::NotFound | AppError::Conflict(_) | AppError::Forbidden(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(changed)
}

fn one(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: ActivityId,
    action: &str,
    owner: Option<MemberId>,
) -> AppResult<Option<Changed>> {
    let before = queries::lock(tx, by, id)?;
    match action {
        "done" => commands::close(tx, by, id, "done", None).map(drop)?,
        "delete" => commands::set_deleted(tx, &Allow::<Delete>::check(by)?, id, true).map(drop)?,
        "assign" => commands::assign(tx, by, id, owner)?,
        other => put_off(tx, by, &before, other.strip_prefix("until-").unwrap_or(""))?,
    }
    let version = queries::version(tx, id)?;
    Ok((version != before.version).then(|| Changed { id, was: Was::of(&before), version }))
}

fn put_off(tx: &mut OrgTx, by: &Allow<Edit>, before: &Activity, until: &str) -> AppResult<()> {
    let day = when::snoozed(until, by).ok_or_else(|| AppError::field("action", "is not one of the choices"))?;
    let slot = Slot { start_at: before.fields.start_at, due_on: before.fields.due_on }.on(day, by.zone);
    commands::reschedule(tx, by, before.id, slot).map(drop)
}

/// Writes it into the book.
fn keep(
    tx: &mut OrgTx,
    by: &Actor,
    title: &str,
    back: &str,
    asked: usize,
    changed: &[Changed],
) -> AppResult<OperationId> {
    let op = OperationId::new();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    diesel::insert_into(book::table)
        .values((
            (book::id.eq(op), book::kind.eq(KIND), book::record_type.eq(RECORD), book::title.eq(title)),
            (book::params.eq(json!({ "back": back })), book::status.eq("done"), book::created_by.eq(by.id.0)),
            (book::total.eq(count(asked)), book::done.eq(count(asked)), book::changed.eq(count(changed.len()))),
            book::skipped.eq(count(asked - changed.len())),
            (book::started_at.eq(Utc::now()), book::finished_at.eq(Utc::now())),
        ))
        .execute(tx.conn())?;
    let rows: Vec<_> = changed
        .iter()
        .map(|one| {
            (
                operation_changes::operation_id.eq(op),
                operation_changes::record_type.eq(RECORD),
                operation_changes::record_id.eq(one.id),
                operation_changes::action.eq("updated"),
                operation_changes::before.eq(json!(one.was)),
                operation_changes::version_after.eq(one.version),
            )
        })
        .collect();
    diesel::insert_into(operation_changes::table).values(rows).execute(tx.conn())?;
    Ok(op)
}

/// Each is again what it was, unless somebody changed it since.
pub fn undo(tx: &mut OrgTx, actor: &Actor, operation: &Operation) -> AppResult<()> {
    let by = Allow::<Edit>::check(actor)?;
    let rows: Vec<(Uuid, serde_json::Value, Option<i32>)> = operation_changes::table
        .filter(operation_changes::operation_id.eq(operation.id))
        .filter(operation_changes::undo.is_null())
        .order(operation_changes::record_id)
        .select((operation_changes::record_id, operation_changes::before, operation_changes::version_after))
        .load(tx.conn())?;
    tx.because(match rows.len() {
        // Whoever heard of it hears that it is as it was.
        1 => json!({ "undo": true, "operation_id": operation.id }),
        _ => json!({ "bulk": "undo", "undo": true, "operation_id": operation.id }),
    });
    for (id, was, version) in rows {
        let was: Was = serde_json::from_value(was).map_err(anyhow::Error::from)?;
        let undone = match tx.attempt(|tx| restore(tx, &by, ActivityId(id), &was, version)) {
            Ok(true) => "restored",
            Ok(false) => "changed since",
            Err(AppError::NotFound) => "no longer there",
            // Somebody else's by now, or planned otherwise: the others go back all the same.
            Err(AppError::Conflict(_) | AppError::Forbidden(_)) => "changed since",
            Err(other) => return Err(other),
        };
        diesel::update(operation_changes::table.filter(operation_changes::operation_id.eq(operation.id)))
            .filter(operation_changes::record_id.eq(id))
            .set(operation_changes::undo.eq(undone))
            .execute(tx.conn())?;
    }
    operations::taken_back(tx, operation.id)
}

/// Whether it was as the bulk action left it.
fn restore(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, was: &Was, version: Option<i32>) -> AppResult<bool> {
    let now = queries::lock_any(tx, by, id)?;
    if Some(now.version) != version {
        return Ok(false);
    }
    if now.deleted_at.is_some() {
        commands::set_deleted(tx, &Allow::<Delete>::check(by)?, id, false)?;
    }
    if now.status != was.status {
        commands::set_open(tx, by, id, &was.status)?;
    }
    if now.fields.owner_id != was.owner {
        commands::assign(tx, by, id, was.owner)?;
    }
    if (now.fields.start_at, now.fields.due_on) != (was.start_at, was.due_on) {
        commands::reschedule(tx, by, id, Slot { start_at: was.start_at, due_on: was.due_on })?;
    }
    if was.follows {
        commands::rejoin(tx, id)?;
    }
    Ok(true)
}
