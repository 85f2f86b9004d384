//! Where actix-session keeps sessions: in Postgres, so that any `serve` process answers any request.
//!
//! The key in the cookie is random; the table holds its SHA-256. A session ends 7 days after its last use and 30 days after
//! sign-in, whichever comes first.

use crate::{
    db::{Alive, Db, Reason, SystemTx, Tx},
    error::AppError,
    schema::{members, sessions},
    web::{
        auth::{Actor, ORGANISATION, USER},
        carried,
    },
};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use rand::RngCore;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// Idle and absolute lifetime.
pub const IDLE: TimeDelta = TimeDelta::days(7);
pub const ABSOLUTE: TimeDelta = TimeDelta::days(30);
/// How stale `last_seen_at` may be before a request refreshes it: saves a write on nearly every request.
const TOUCH: TimeDelta = TimeDelta::minutes(1);

/// Entries that describe the device, written at sign-in and moved into columns.
pub const IP: &str = "ip";
pub const AGENT: &str = "agent";
/// When the person proved who they are: a renewed key does not prolong the absolute lifetime.
pub const SIGNED_IN_AT: &str = "signed_in_at";

type State = HashMap<String, String>;

#[derive(Clone)]
pub struct PgSessions(pub Db);

/// The row id of a session key.
pub fn row_id(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

fn new_key() -> String {
    let mut bytes = [0u8; 48];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ttl_end(ttl: &Duration) -> DateTime<Utc> {
    Utc::now() + TimeDelta::seconds(ttl.whole_seconds())
}

/// Values in the state are JSON texts.
fn entry<T: serde::de::DeserializeOwned>(state: &State, key: &str) -> Option<T> {
    state.get(key).and_then(|json| serde_json::from_str(json).ok())
}

fn oops(error: AppError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Keeps when the member was last here: sessions end, this stays.
fn seen_in(tx: &mut SystemTx, user: Option<Uuid>, org: Option<Uuid>) -> Result<(), AppError> {
    let (Some(user), Some(org)) = (user, org) else { return Ok(()) };
    diesel::update(members::table.find((org, user))).set(members::last_seen_at.eq(Utc::now())).execute(tx.conn())?;
    Ok(())
}

impl SessionStore for PgSessions {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let now = Utc::now();
        let alive = Alive { created_after: now - ABSOLUTE, seen_after: now - IDLE, touch_before: now - TOUCH };
        let row = self.0.session(row_id(key.as_ref()), alive).await.map_err(|e| LoadError::Other(oops(e)))?;
        let Some(row) = row else { return Ok(None) };
        if let Some(actor) = row.actor.as_deref() {
            carried::put(Actor::from_json(actor, carried::reading()).map_err(|e| LoadError::Other(oops(e)))?);
        }
        serde_json::from_str(&row.kept).map(Some).map_err(|e| LoadError::Deserialization(anyhow::Error::from(e)))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let key = new_key();
        let id = row_id(&key);
        let until = ttl_end(ttl);
        let saved = self.0.system(Reason::Sessions, move |tx| {
            seen_in(tx, entry(&state, USER), entry(&state, ORGANISATION))?;
            diesel::insert_into(sessions::table)
                .values((
                    sessions::id.eq(id),
                    sessions::user_id.eq(entry::<Uuid>(&state, USER)),
                    sessions::org_id.eq(entry::<Uuid>(&state, ORGANISATION)),
                    sessions::ip.eq(entry::<String>(&state, IP)),
                    sessions::user_agent.eq(entry::<String>(&state, AGENT)),
                    sessions::state.eq(serde_json::to_value(&state).unwrap_or_default()),
                    sessions::created_at.eq(entry::<DateTime<Utc>>(&state, SIGNED_IN_AT).unwrap_or_else(Utc::now)),
                    sessions::expires_at.eq(until),
                ))
                .execute(tx.conn())?;
            Ok(())
        });
        saved.await.map_err(|e| SaveError::Other(oops(e)))?;
        SessionKey::try_from(key).map_err(|e| SaveError::Other(anyhow::Error::new(e)))
    }

    async fn update(&self, key: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        let id = row_id(key.as_ref());
        let until = ttl_end(ttl);
        let updated = self.0.system(Reason::Sessions, move |tx| {
            // A session signed out meanwhile stays signed out: updating nothing is right.
            diesel::update(sessions::table.find(id))
                .set((
                    sessions::org_id.eq(entry::<Uuid>(&state, ORGANISATION)),
                    sessions::state.eq(serde_json::to_value(&state).unwrap_or_default()),
                    sessions::expires_at.eq(until),
                ))
                .execute(tx.conn())?;
            Ok(())
        });
        updated.await.map_err(|e| UpdateError::Other(oops(e)))?;
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        // `load` already refreshed last_seen_at.
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = row_id(key.as_ref());
        let deleted = self.0.system(Reason::Sessions, move |tx| {
            diesel::delete(sessions::table.find(id)).execute(tx.conn())?;
            Ok(())
        });
        deleted.await.map_err(oops)
    }
}
