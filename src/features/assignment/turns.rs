//! Taking turns, fairly however many come at once and whoever starts anew: whose turn it was is a row, held while the next is chosen.

use super::bench;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{MemberId, TeamId},
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
    last_member_id: Option<Uuid>,
}

/// Writes the row when there is none, so that there is always one to hold.
const HOLD: &str = "INSERT INTO turns (key) VALUES ($1) ON CONFLICT (org_id, key) DO UPDATE SET key = excluded.key \
     RETURNING last_member_id";

/// Whose turn it is of a team's members at work. `key` names the place where they take turns.
pub fn next_of_team(tx: &mut OrgTx, key: &str, team: TeamId) -> AppResult<Option<MemberId>> {
    let held: Last = diesel::sql_query(HOLD).bind::<sql_types::Text, _>(key).get_result(tx.conn())?;
    let people = bench::of_team(tx, team)?;
    let last = held.last_member_id;
    let next = people.iter().find(|id| last.is_none_or(|last| **id > last)).or(people.first()).copied();
    if let Some(next) = next {
        diesel::sql_query("UPDATE turns SET last_member_id = $2 WHERE key = $1")
            .bind::<sql_types::Text, _>(key)
            .bind::<sql_types::Uuid, _>(next)
            .execute(tx.conn())?;
    }
    Ok(next.map(MemberId))
}
