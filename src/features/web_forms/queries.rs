//! Reading web forms and what was sent through them.

use super::model::WebForm;
use crate::{
    db::{OrgTx, SystemTx, Tx},
    error::AppResult,
    kernel::{LeadId, OrgId, SubmissionId, WebFormId},
    schema::{web_forms, web_submissions},
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use serde_json::Value;

/// Whose the active form of that token is.
pub(super) fn by_token(tx: &mut SystemTx, token: &str) -> AppResult<(OrgId, WebFormId)> {
    Ok(web_forms::table
        .filter(web_forms::token.eq(token))
        .filter(web_forms::active)
        .select((web_forms::org_id, web_forms::id))
        .first(tx.conn())?)
}

pub(super) fn find(tx: &mut OrgTx, id: WebFormId) -> AppResult<WebForm> {
    Ok(web_forms::table.filter(web_forms::id.eq(id)).select(WebForm::as_select()).first(tx.conn())?)
}

/// The form, held until the transaction ends: what is sent through one form comes in one at a time.
pub(super) fn lock(tx: &mut OrgTx, id: WebFormId) -> AppResult<WebForm> {
    let form = web_forms::table.filter(web_forms::id.eq(id)).select(WebForm::as_select());
    Ok(form.for_no_key_update().first(tx.conn())?)
}

/// Id and name of every form, to choose from.
pub fn choices(tx: &mut OrgTx) -> AppResult<Vec<(WebFormId, String)>> {
    let all = web_forms::table.order((web_forms::name, web_forms::id)).select((web_forms::id, web_forms::name));
    Ok(all.load(tx.conn())?)
}

/// A line of the list.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct Counted {
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: WebFormId,
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::Bool)]
    pub active: bool,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub source: Option<String>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub campaign: Option<String>,
    #[diesel(sql_type = sql_types::BigInt)]
    pub received: i64,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    pub latest: Option<DateTime<Utc>>,
}

/// Every form, with what came in through it in the last thirty days.
pub(super) fn counted(tx: &mut OrgTx) -> AppResult<Vec<Counted>> {
    const SQL: &str = "
        SELECT f.id, f.name, f.active, f.source, f.campaign, count(s.id) AS received, max(s.received_at) AS latest
        FROM web_forms f LEFT JOIN web_submissions s ON s.org_id = f.org_id AND s.form_id = f.id AND s.lead_id IS NOT NULL
          AND s.received_at > now() - interval '30 days'
        WHERE f.org_id = app.org() GROUP BY f.org_id, f.id ORDER BY lower(f.name), f.id";
    Ok(diesel::sql_query(SQL).load(tx.conn())?)
}

/// What was sent, as it is kept.
#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = web_submissions)]
pub(super) struct Submission {
    pub id: SubmissionId,
    pub form_id: WebFormId,
    pub answers: Value,
    pub consent_text: Option<String>,
    pub page: Option<String>,
    pub suspicions: Vec<Option<String>>,
    pub received_at: DateTime<Utc>,
}

/// The newest in quarantine before that place, and one more than `limit` when there are more.
pub(super) fn quarantined(
    tx: &mut OrgTx,
    before: Option<(DateTime<Utc>, SubmissionId)>,
    limit: i64,
) -> AppResult<Vec<Submission>> {
    let mut query = web_submissions::table.filter(web_submissions::lead_id.is_null()).into_boxed();
    if let Some((at, id)) = before {
        let earlier = web_submissions::received_at.lt(at);
        query = query.filter(earlier.or(web_submissions::received_at.eq(at).and(web_submissions::id.lt(id))));
    }
    Ok(query
        .order((web_submissions::received_at.desc(), web_submissions::id.desc()))
        .select(Submission::as_select())
        .limit(limit + 1)
        .load(tx.conn())?)
}

/// How many wait in quarantine, as far as 100.
pub(super) fn waiting(tx: &mut OrgTx) -> AppResult<usize> {
    let ids = web_submissions::table.filter(web_submissions::lead_id.is_null()).select(web_submissions::id).limit(100);
    Ok(ids.load::<SubmissionId>(tx.conn())?.len())
}

/// One in quarantine, held until the transaction ends.
pub(super) fn lock_quarantined(tx: &mut OrgTx, id: SubmissionId) -> AppResult<Submission> {
    Ok(web_submissions::table
        .filter(web_submissions::id.eq(id))
        .filter(web_submissions::lead_id.is_null())
        .select(Submission::as_select())
        .for_update()
        .first(tx.conn())?)
}

/// What a lead was sent as, the latest first.
pub(super) fn of_lead(tx: &mut OrgTx, lead: LeadId) -> AppResult<Vec<Submission>> {
    Ok(web_submissions::table
        .filter(web_submissions::lead_id.eq(lead))
        .order((web_submissions::received_at.desc(), web_submissions::id.desc()))
        .select(Submission::as_select())
        .limit(5)
        .load(tx.conn())?)
}
