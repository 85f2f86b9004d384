//! The beginning and the end of a session, and which organisation it opens in.
//!
//! A session's key is renewed whenever its rights change (sign-in, another organisation), so a key somebody planted or saw before
//! is worth nothing afterwards.

use crate::{
    db::{SystemTx, Tx},
    error::{AppError, AppResult},
    kernel::{OrgId, UserId},
    schema::{preferences, sessions},
    web::{
        Actor,
        auth::{ORGANISATION, SESSION_ID, USER},
        limits,
        sessions::{AGENT, IP, SIGNED_IN_AT},
    },
};
use actix_session::{Session, SessionExt};
use actix_web::{FromRequest, HttpRequest, http::header::USER_AGENT};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use diesel::{prelude::*, sql_types};
use rand::RngCore;
use serde_json::json;
use uuid::Uuid;

/// The preference that remembers when a member last worked in an organisation.
const LAST_USED: &str = "session.last_used";

/// Whoever is signed in, for pages that are for everybody.
pub async fn actor(req: &HttpRequest) -> AppResult<Option<Actor>> {
    match Actor::extract(req).await {
        Ok(actor) => Ok(Some(actor)),
        Err(AppError::Unauthenticated) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Signs this browser in, with a new session key.
pub fn begin(req: &HttpRequest, user: UserId, org: OrgId) -> AppResult<()> {
    let session = req.get_session();
    session.clear();
    set(&session, USER, user)?;
    set(&session, SIGNED_IN_AT, Utc::now())?;
    set(&session, IP, limits::caller(req).to_string())?;
    set(&session, AGENT, user_agent(req))?;
    enter(req, org)
}

/// Moves this browser's session into an organisation, with a new session key and new CSRF tokens.
pub fn enter(req: &HttpRequest, org: OrgId) -> AppResult<()> {
    let session = req.get_session();
    let mut id = [0u8; 24];
    rand::rng().fill_bytes(&mut id);
    set(&session, SESSION_ID, URL_SAFE_NO_PAD.encode(id))?;
    set(&session, ORGANISATION, org)?;
    session.renew();
    Ok(())
}

/// The organisation the person last worked in, else the first they joined; `None` when they are an active member of none.
pub fn last_organisation(tx: &mut SystemTx, user: UserId) -> AppResult<Option<OrgId>> {
    let row = diesel::sql_query(
        "SELECT m.org_id FROM members m
         LEFT JOIN preferences p ON p.org_id = m.org_id AND p.member_id = m.id AND p.key = $2
         WHERE m.id = $1 AND m.deactivated_at IS NULL
         ORDER BY p.value DESC NULLS LAST, m.created_at LIMIT 1",
    )
    .bind::<sql_types::Uuid, _>(user.0)
    .bind::<sql_types::Text, _>(LAST_USED)
    .get_result::<InOrg>(tx.conn())
    .optional()?;
    Ok(row.map(|r| OrgId(r.org_id)))
}

#[derive(QueryableByName)]
struct InOrg {
    #[diesel(sql_type = sql_types::Uuid)]
    org_id: Uuid,
}

/// Whether the person ever worked in an organisation: then they had a session before.
pub fn has_been_here(tx: &mut SystemTx, user: UserId) -> AppResult<bool> {
    let rows = preferences::table.filter(preferences::member_id.eq(user)).filter(preferences::key.eq(LAST_USED));
    Ok(diesel::select(diesel::dsl::exists(rows)).get_result(tx.conn())?)
}

/// Remembers that the person works there now.
pub fn remember(tx: &mut SystemTx, user: UserId, org: OrgId) -> AppResult<()> {
    let now = json!(Utc::now());
    diesel::insert_into(preferences::table)
        .values((
            preferences::org_id.eq(org),
            preferences::member_id.eq(user),
            preferences::key.eq(LAST_USED),
            preferences::value.eq(&now),
        ))
        .on_conflict((preferences::org_id, preferences::member_id, preferences::key))
        .do_update()
        .set(preferences::value.eq(&now))
        .execute(tx.conn())?;
    Ok(())
}

/// Ends every session of the person. A request that also renews its own session keeps that one.
pub fn end_all(tx: &mut SystemTx, user: UserId) -> AppResult<usize> {
    Ok(diesel::delete(sessions::table.filter(sessions::user_id.eq(user.0))).execute(tx.conn())?)
}

/// The name of this request's session, see [`SESSION_ID`].
pub fn current(req: &HttpRequest) -> String {
    req.get_session().get::<String>(SESSION_ID).ok().flatten().unwrap_or_default()
}

fn set(session: &Session, key: &str, value: impl serde::Serialize) -> AppResult<()> {
    session.insert(key, value).map_err(|e| AppError::Internal(anyhow::anyhow!("{e}")))
}

fn user_agent(req: &HttpRequest) -> String {
    let text = req.headers().get(USER_AGENT).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    text.unwrap_or_default().chars().filter(|c| !c.is_control()).take(400).collect()
}
