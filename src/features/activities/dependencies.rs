//! What has to be done before an activity can begin. Never in a circle.

use super::{
    commands,
    parts::{Id, change},
    queries,
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::ActivityId,
    schema::activity_dependencies,
    web::{Allow, Form, Page, permission::activities::Edit},
};
use actix_web::{HttpResponse, web::Data};
use diesel::{prelude::*, sql_types as t};
use serde_json::{Value, json};
use uuid::Uuid;

const CIRCLE: &str = "
WITH RECURSIVE first AS (
  SELECT $1::uuid AS id
  UNION SELECT d.waits_for FROM activity_dependencies d JOIN first f ON d.activity_id = f.id)
SELECT count(*) AS count FROM first WHERE id = $2";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = t::BigInt)]
    count: i64,
}

/// `POST /activities/{id}/dependencies`: `waits_for`
pub(super) async fn add(page: Page, by: Allow<Edit>, id: Id, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let unknown = || AppError::field("waits_for", "is not one of the choices");
        let first: ActivityId = form.get("waits_for").parse().map_err(|_| unknown())?;
        let other = match queries::find(tx, &by, first) {
            Err(AppError::NotFound) => return Err(unknown()),
            other => other?,
        };
        // One at a time in an organisation: two who make half a circle each would not see the other's.
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('activity dependencies ' || app.org(), 0))")
            .execute(tx.conn())?;
        let circle = diesel::sql_query(CIRCLE).bind::<t::Uuid, _>(first.0).bind::<t::Uuid, _>(id.0);
        if circle.get_result::<Count>(tx.conn())?.count > 0 {
            return Err(AppError::field("waits_for", "waits for this one already: neither could ever begin"));
        }
        let added = diesel::insert_into(activity_dependencies::table)
            .values((activity_dependencies::activity_id.eq(id), activity_dependencies::waits_for.eq(first)))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
        let named = json!({ "id": first, "name": other.fields.subject });
        if added > 0 { commands::note(tx, id, "waits_for", &Value::Null, &named) } else { Ok(()) }
    })
    .await
}

/// `POST /activities/{id}/dependencies/removal`: `waits_for`
pub(super) async fn remove(page: Page, by: Allow<Edit>, id: Id, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, id, form, db, move |tx, form| {
        queries::lock(tx, &by, id)?;
        let first = ActivityId(form.get("waits_for").parse::<Uuid>().unwrap_or_default());
        let of = activity_dependencies::table.filter(activity_dependencies::activity_id.eq(id));
        let gone = diesel::delete(of.filter(activity_dependencies::waits_for.eq(first))).execute(tx.conn())?;
        if gone > 0 { commands::note(tx, id, "waits_for", &json!({ "id": first }), &Value::Null) } else { Ok(()) }
    })
    .await
}

/// Of these, how many still wait for something that is open.
pub(super) fn waiting(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<i64> {
    let sql = "SELECT count(DISTINCT w.activity_id) AS count FROM activity_dependencies w \
        JOIN activities f ON f.org_id = w.org_id AND f.id = w.waits_for \
        WHERE w.activity_id = ANY ($1) AND f.closed_at IS NULL AND f.deleted_at IS NULL";
    Ok(diesel::sql_query(sql).bind::<t::Array<t::Uuid>, _>(ids).get_result::<Count>(tx.conn())?.count)
}
