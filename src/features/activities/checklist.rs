//! An activity's checklist: items added, ticked off and removed.

use super::{
    commands,
    parts::{Id, Item, MOST, change},
    queries,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::ActivityId,
    schema::activity_checklist,
    web::{Allow, Form, Page, permission::activities::Edit},
};
use actix_web::{HttpResponse, web::Data};
use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

/// `POST /activities/{id}/checklist`: `text`, one item a line
pub(super) async fn add(page: Page, by: Allow<Edit>, id: Id, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let lines: Vec<&str> = form.get("text").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return Err(AppError::field("text", "is needed: say what is to be done"));
        }
        if lines.iter().any(|line| line.chars().count() > 300) {
            return Err(AppError::field("text", "is too long: at most 300 characters an item"));
        }
        let of = || activity_checklist::table.filter(activity_checklist::activity_id.eq(id));
        let last: Option<i32> = of().select(diesel::dsl::max(activity_checklist::position)).first(tx.conn())?;
        let count: i64 = of().count().get_result(tx.conn())?;
        if usize::try_from(count).unwrap_or(MOST) + lines.len() > MOST {
            return Err(AppError::field("text", format!("cannot be added: {MOST} items are the most there can be")));
        }
        for (i, line) in (1..).zip(&lines) {
            diesel::insert_into(activity_checklist::table)
                .values((
                    (activity_checklist::id.eq(Uuid::now_v7()), activity_checklist::activity_id.eq(id)),
                    (activity_checklist::text.eq(line), activity_checklist::position.eq(last.unwrap_or(0) + i)),
                ))
                .execute(tx.conn())?;
        }
        commands::note(tx, id, "checklist", &Value::Null, &json!(lines.join(", ")))
    })
    .await
}

/// `POST /activities/{id}/checklist/tick`: `item`; ticked off, or not after all
pub(super) async fn tick(page: Page, by: Allow<Edit>, id: Id, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let Some(item) = item(tx, id, form)? else { return Ok(()) };
        let done = item.done_at.is_none();
        diesel::update(activity_checklist::table.filter(activity_checklist::id.eq(item.id)))
            .set((
                activity_checklist::done_at.eq(done.then(chrono::Utc::now)),
                activity_checklist::done_by.eq(done.then_some(by.id.0)),
            ))
            .execute(tx.conn())?;
        let word = |done: bool| json!(format!("{}: {}", item.text, if done { "done" } else { "to do" }));
        commands::note(tx, id, "checklist", &word(!done), &word(done))
    })
    .await
}

/// `POST /activities/{id}/checklist/removal`: `item`
pub(super) async fn remove(page: Page, by: Allow<Edit>, id: Id, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let Some(item) = item(tx, id, form)? else { return Ok(()) };
        diesel::delete(activity_checklist::table.filter(activity_checklist::id.eq(item.id))).execute(tx.conn())?;
        commands::note(tx, id, "checklist", &json!(item.text), &Value::Null)
    })
    .await
}

fn item(tx: &mut OrgTx, id: ActivityId, form: &Form) -> AppResult<Option<Item>> {
    let wanted = form.get("item").parse::<Uuid>().unwrap_or_default();
    Ok(activity_checklist::table
        .filter(activity_checklist::activity_id.eq(id))
        .filter(activity_checklist::id.eq(wanted))
        .select(Item::as_select())
        .first(tx.conn())
        .optional()?)
}
