//! What of a file is new, what it changes, what is no longer in it: compared with what came from earlier files. What somebody touched
//! here since stays as it is.

use super::read::{Found, Incoming};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{ActivityId, MemberId},
    schema::activities,
};
use chrono::Utc;
use diesel::{prelude::*, sql_types as t};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

#[derive(Clone, Debug, Default)]
pub(super) struct Sorted {
    pub new: Vec<Incoming>,
    pub changed: Vec<(ActivityId, Incoming)>,
    /// Called off by the file, or no longer made by its rule.
    pub gone: Vec<ActivityId>,
    /// Here as the file says it, or later than the file.
    pub same: usize,
    /// The file says something else, but somebody changed them here.
    pub left: usize,
}

impl Sorted {
    pub fn is_empty(&self) -> bool {
        self.changes() == 0
    }

    pub fn changes(&self) -> usize {
        self.new.len() + self.changed.len() + self.gone.len()
    }
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = t::Text)]
    uid: String,
    #[diesel(sql_type = t::Uuid)]
    activity_id: Uuid,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    fingerprint: Option<String>,
    #[diesel(sql_type = t::Nullable<t::Text>)]
    series: Option<String>,
    #[diesel(sql_type = t::BigInt)]
    sequence: i64,
    #[diesel(sql_type = t::Nullable<t::BigInt>)]
    modified: Option<i64>,
    #[diesel(sql_type = t::Bool)]
    untouched: bool,
    #[diesel(sql_type = t::Bool)]
    ahead: bool,
}

impl Known {
    /// Whether the file is an older one than that which it came from.
    fn is_later_than(&self, event: &Incoming) -> bool {
        let modified = self.modified.zip(event.modified).is_some_and(|(here, there)| here > there);
        self.sequence > event.sequence || self.sequence == event.sequence && modified
    }
}

const KNOWN: &str = "
SELECT u.uid, u.activity_id, u.fingerprint, u.series, u.sequence, u.modified, a.version = u.version AS untouched,
  a.closed_at IS NULL AND a.at >= now() AS ahead
FROM calendar_uids u JOIN activities a ON a.org_id = u.org_id AND a.id = u.activity_id AND a.deleted_at IS NULL
WHERE u.member_id = $1 AND (u.uid = ANY ($2) OR u.series = ANY ($3))";

pub(super) fn sort(tx: &mut OrgTx, member: MemberId, found: &Found) -> AppResult<Sorted> {
    let in_file: HashSet<&str> = found.events.iter().map(|event| event.uid.as_str()).collect();
    let off: HashSet<&str> = found.cancelled.iter().map(String::as_str).collect();
    let rules: HashSet<&str> = found.events.iter().filter_map(|event| event.series.as_deref()).collect();
    let rows: Vec<Known> = diesel::sql_query(KNOWN)
        .bind::<t::Uuid, _>(member.0)
        .bind::<t::Array<t::Text>, _>(in_file.union(&off).copied().collect::<Vec<_>>())
        .bind::<t::Array<t::Text>, _>(rules.iter().copied().collect::<Vec<_>>())
        .load(tx.conn())?;
    let ours = own(tx, &found.events)?;
    let mut sorted = Sorted::default();
    for row in rows.iter().filter(|row| row.ahead) {
        let unmade = row.series.as_deref().is_some_and(|of| rules.contains(of)) && !in_file.contains(row.uid.as_str());
        match (unmade || off.contains(row.uid.as_str()), row.untouched) {
            (true, true) => sorted.gone.push(ActivityId(row.activity_id)),
            (true, false) => sorted.left += 1,
            (false, _) => {}
        }
    }
    let series: HashSet<&str> = rows.iter().filter_map(|row| row.series.as_deref()).collect();
    let known: HashMap<&str, &Known> = rows.iter().map(|row| (row.uid.as_str(), row)).collect();
    let now = Utc::now();
    for event in &found.events {
        let past = event.start_at.is_some_and(|at| at < now) || event.due_on.is_some_and(|day| day < now.date_naive());
        let moved = past && event.series.as_deref().is_some_and(|of| series.contains(of));
        match known.get(event.uid.as_str()) {
            _ if event.own.is_some_and(|id| ours.contains(&id)) => sorted.same += 1,
            // The past of a series that is here already is what it was.
            None if moved => sorted.same += 1,
            None => sorted.new.push(event.clone()),
            Some(row) if row.fingerprint.as_deref() == Some(event.fingerprint().as_str()) => sorted.same += 1,
            Some(row) if row.is_later_than(event) => sorted.same += 1,
            Some(row) if row.untouched => sorted.changed.push((ActivityId(row.activity_id), event.clone())),
            Some(_) => sorted.left += 1,
        }
    }
    Ok(sorted)
}

/// Activities of our own that come back, from a feed of ours.
fn own(tx: &mut OrgTx, events: &[Incoming]) -> AppResult<HashSet<Uuid>> {
    let ids: Vec<ActivityId> = events.iter().filter_map(|event| event.own.map(ActivityId)).collect();
    let rows: Vec<Uuid> =
        activities::table.filter(activities::id.eq_any(ids)).select(activities::id).load(tx.conn())?;
    Ok(rows.into_iter().collect())
}
