//! The question that every request begins with: one statement, without a transaction around it and without a role.
//!
//! `app.session` is SECURITY DEFINER and looks at its caller; see `migrations/system_functions.sql`.

#![allow(clippy::disallowed_types)]

use super::{Db, block, checkout, kept};
use crate::error::AppResult;
use chrono::{DateTime, Utc};
use diesel::{
    connection::{AnsiTransactionManager, TransactionManager},
    prelude::*,
    sql_types as t,
};

/// A session that has not ended.
#[derive(Debug, QueryableByName)]
pub struct SessionRow {
    /// Its entries, as JSON.
    #[diesel(sql_type = t::Text)]
    pub kept: String,
    /// Who is signed in, as JSON; see [`crate::web::auth::Actor`].
    #[diesel(sql_type = t::Nullable<t::Text>)]
    pub actor: Option<String>,
}

/// The bounds of a session's life, as moments.
#[derive(Clone, Copy, Debug)]
pub struct Alive {
    pub created_after: DateTime<Utc>,
    pub seen_after: DateTime<Utc>,
    /// Seen longer ago: now it is seen again.
    pub touch_before: DateTime<Utc>,
}

impl Db {
    /// The session of that hash; `None` when there is none, or it has ended.
    pub async fn session(&self, hash: String, alive: Alive) -> AppResult<Option<SessionRow>> {
        let db = self.clone();
        self.0.turns.take(block(move || db.session_now(&hash, alive))).await
    }

    /// Safe to ask twice, so a connection that died while it was idle only means to take the next one.
    fn session_now(&self, hash: &str, alive: Alive) -> AppResult<Option<SessionRow>> {
        let pool = &self.0.primary;
        let mut tries = pool.max_size();
        loop {
            let mut conn = checkout(pool)?;
            let query = diesel::sql_query("SELECT kept, actor FROM app.session($1, $2, $3, $4)")
                .bind::<t::Text, _>(hash)
                .bind::<t::Timestamptz, _>(alive.created_after)
                .bind::<t::Timestamptz, _>(alive.seen_after)
                .bind::<t::Timestamptz, _>(alive.touch_before);
            match kept(query).get_result(&mut *conn).optional() {
                Err(error) if tries > 0 && AnsiTransactionManager::is_broken_transaction_manager(&mut *conn) => {
                    tracing::debug!(%error, "dropping a dead connection");
                    tries -= 1;
                }
                answer => return Ok(answer?),
            }
        }
    }
}
