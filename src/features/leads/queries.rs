//! Reading leads, within what the reader may see.

use super::model::Lead;
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::LeadId,
    schema::leads,
    web::Actor,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use std::collections::HashMap;
use uuid::Uuid;

/// A live or archived lead that the actor may see.
pub fn find(tx: &mut OrgTx, actor: &Actor, id: LeadId) -> AppResult<Lead> {
    let lead: Lead = leads::table
        .filter(leads::id.eq(id))
        .filter(leads::deleted_at.is_null())
        .select(Lead::as_select())
        .first(tx.conn())?;
    seen(actor, lead)
}

/// [`find`], held until the transaction ends.
pub(super) fn lock(tx: &mut OrgTx, actor: &Actor, id: LeadId) -> AppResult<Lead> {
    let lead: Lead = leads::table
        .filter(leads::id.eq(id))
        .filter(leads::deleted_at.is_null())
        .select(Lead::as_select())
        .for_update()
        .first(tx.conn())?;
    seen(actor, lead)
}

/// The newest leads that nobody has, before that place.
pub(super) fn unassigned(
    tx: &mut OrgTx,
    before: Option<(DateTime<Utc>, LeadId)>,
    limit: usize,
) -> AppResult<Vec<Lead>> {
    let mut query = leads::table
        .filter(leads::owner_id.is_null())
        .filter(leads::archived_at.is_null())
        .filter(leads::deleted_at.is_null())
        .into_boxed();
    if let Some((at, id)) = before {
        // Said twice, so that the first half finds its place in the index.
        query = query.filter(leads::created_at.le(at)).filter(leads::created_at.lt(at).or(leads::id.lt(id)));
    }
    let newest = query.order((leads::created_at.desc(), leads::id.desc())).select(Lead::as_select());
    Ok(newest.limit(i64::try_from(limit).unwrap_or(i64::MAX)).load(tx.conn())?)
}

#[derive(QueryableByName)]
struct Consent {
    #[diesel(sql_type = sql_types::Uuid)]
    lead_id: LeadId,
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: DateTime<Utc>,
}

/// When those leads consented last, through a web form.
pub(super) fn consents(tx: &mut OrgTx, ids: &[LeadId]) -> AppResult<HashMap<LeadId, DateTime<Utc>>> {
    const SQL: &str = "SELECT lead_id, max(received_at) AS at FROM web_submissions \
                       WHERE lead_id = ANY ($1) AND consent_text IS NOT NULL GROUP BY lead_id";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<Consent> =
        diesel::sql_query(SQL).bind::<sql_types::Array<sql_types::Uuid>, _>(ids).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| (row.lead_id, row.at)).collect())
}

/// The open leads whose first address is one of these, the oldest first.
pub(super) fn by_email(tx: &mut OrgTx, actor: &Actor, emails: &[String]) -> AppResult<Vec<Lead>> {
    let mut query = leads::table
        .filter(leads::archived_at.is_null())
        .filter(leads::deleted_at.is_null())
        .filter(leads::email.eq_any(emails))
        .into_boxed();
    if let Some(owners) = actor.visible_owners() {
        query = query.filter(leads::owner_id.eq_any(owners));
    }
    Ok(query.order(leads::id).select(Lead::as_select()).limit(5).load(tx.conn())?)
}

fn seen(actor: &Actor, lead: Lead) -> AppResult<Lead> {
    if actor.sees(lead.fields.owner_id.map(Uuid::from)) { Ok(lead) } else { Err(AppError::NotFound) }
}
