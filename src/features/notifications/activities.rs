//! What becomes of activities and tasks, told to whoever is to do them, takes part, follows or gave them away: another time or place, called
//! off, done. What is over is nobody's news any more.

use super::{
    kind::Kind,
    tell::{Notice, To, tell},
};
use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    events::Event,
    features::activities::status_label,
    kernel::{ActivityId, MemberId},
    schema::activities,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// The topic of whose something became: of one save nobody hears twice.
pub(super) const OWNER: &str = "owner";

/// What the sentence needs of it, as it is now.
#[derive(Queryable)]
struct Now {
    class: String,
    start_at: Option<DateTime<Utc>>,
    due_on: Option<NaiveDate>,
    closed_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    created_by: Option<Uuid>,
}

impl Now {
    fn load(tx: &mut OrgTx, id: ActivityId) -> AppResult<Option<Self>> {
        let columns = (
            activities::class,
            activities::start_at,
            activities::due_on,
            activities::closed_at,
            activities::deleted_at,
            activities::created_by,
        );
        Ok(activities::table.filter(activities::id.eq(id)).select(columns).first(tx.conn()).optional()?)
    }

    /// Says what happened to it, and when it is.
    fn notice(&self, id: ActivityId, kind: Kind, how: &str) -> Notice {
        let notice = Notice::new(kind)
            .about(id)
            .param("how", &how)
            .param("start_at", &self.start_at)
            .param("due_on", &self.due_on);
        // Its page is gone: the notice leads to the list.
        let list = if self.class == "task" { "/tasks" } else { "/activities" };
        if self.deleted_at.is_some() { notice.gone().at(list) } else { notice }
    }
}

/// Called for each event of an activity, in its transaction.
pub(super) fn hear(tx: &mut OrgTx, id: ActivityId, event: &Event) -> AppResult<()> {
    if tx.cause().is_some_and(|cause| cause.get("bulk").is_some()) {
        // See `of_many`.
        return Ok(());
    }
    let (kind, how) = match event.kind {
        "activity.updated" => match changed(event) {
            Some(found) => found,
            None => return Ok(()),
        },
        "activity.cancelled" => (Kind::Changed, "cancelled"),
        "activity.deleted" => (Kind::Changed, "deleted"),
        "activity.undeleted" => (Kind::Changed, "restored"),
        "activity.done" => (Kind::Progress, "done"),
        "activity.reopened" => (Kind::Progress, "reopened"),
        _ => return Ok(()),
    };
    let Some(now) = Now::load(tx, id)? else { return Ok(()) };
    if now.closed_at.is_some() && !matches!(how, "cancelled" | "done") {
        return Ok(());
    }
    let mut notice = now.notice(id, kind, how);
    if event.changes.pair("owner_id").is_some() {
        // Of one topic with that: whom it became has heard enough.
        notice = notice.topic(OWNER);
    }
    if let (Kind::Progress, Some((_, outcome))) = (kind, event.changes.pair("outcome")) {
        notice = notice.quoting(outcome.as_str().unwrap_or_default());
    }
    if let ("status", Some((_, status))) = (how, event.changes.pair("status")) {
        notice = notice.param("to", &status_label(status.as_str().unwrap_or_default()));
    }
    if let ("place", Some((_, place))) = (how, event.changes.pair("location")) {
        notice = notice.param("to", place);
    }
    tell_all(tx, id, &now, &notice)
}

/// What of a change others have to know.
fn changed(event: &Event) -> Option<(Kind, &'static str)> {
    let is = |fields: &[&str]| fields.iter().any(|field| event.changes.pair(field).is_some());
    if is(&["start_at", "due_on"]) {
        Some((Kind::Changed, "moved"))
    } else if is(&["location", "video_url"]) {
        Some((Kind::Changed, "place"))
    } else if is(&["minutes"]) {
        Some((Kind::Changed, "length"))
    } else {
        is(&["status"]).then_some((Kind::Progress, "status"))
    }
}

/// Called for each event of a series: it repeats otherwise, or no more. Told of the occurrence through which it was changed, unless that
/// was told of already.
pub(super) fn hear_series(tx: &mut OrgTx, event: &Event) -> AppResult<()> {
    let how = match event.kind {
        "activity_series.updated" if event.data["other_times"] == true => "series",
        // Who heard that it ended hears that it goes on after all.
        "activity_series.updated" if event.data["back"] == true => "restored",
        "activity_series.ended" => "ended",
        _ => return Ok(()),
    };
    let through = event.data["activity"].as_str().and_then(|id| id.parse().ok());
    let Some(id) = through.map(ActivityId) else { return Ok(()) };
    let Some(now) = Now::load(tx, id)? else { return Ok(()) };
    let notice = now.notice(id, Kind::Changed, how);
    tell_all(tx, id, &now, &notice)
}

fn tell_all(tx: &mut OrgTx, id: ActivityId, now: &Now, notice: &Notice) -> AppResult<()> {
    let givers = givers(tx, id)?;
    let to = To::followers().and(givers).and(now.created_by.map(MemberId));
    tell(tx, notice, to).map(drop)
}

/// Who said whose it is to be.
fn givers(tx: &mut OrgTx, id: ActivityId) -> AppResult<Vec<MemberId>> {
    #[derive(QueryableByName)]
    struct Giver {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
    }
    const GIVERS: &str = "SELECT DISTINCT e.actor_id AS id FROM events e \
        WHERE e.record_id = $1 AND e.record_type = 'activity' AND e.changes ? 'owner_id' AND e.actor_id IS NOT NULL LIMIT 50";
    let rows: Vec<Giver> = kept(diesel::sql_query(GIVERS).bind::<t::Uuid, _>(id.0)).load(tx.conn())?;
    Ok(rows.into_iter().map(|row| MemberId(row.id)).collect())
}

/// Many were done, deleted or moved at once: each of those who would hear of one hears once, of how many. `many` says a number of them, and
/// `at` is their list.
pub fn of_many(
    tx: &mut OrgTx,
    ids: &[ActivityId],
    how: &str,
    many: impl Fn(usize) -> String,
    at: &str,
) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct Concerned {
        #[diesel(sql_type = t::Uuid)]
        id: Uuid,
        #[diesel(sql_type = t::BigInt)]
        count: i64,
    }
    const CONCERNED: &str = "
SELECT p.member AS id, count(DISTINCT a.id) AS count FROM activities a CROSS JOIN LATERAL (
  VALUES (a.owner_id), (a.created_by)
  UNION ALL SELECT q.member_id FROM activity_participants q WHERE q.activity_id = a.id
  UNION ALL SELECT f.member_id FROM follows f WHERE f.record_id = a.id
  UNION ALL SELECT e.actor_id FROM events e WHERE e.record_id = a.id AND e.record_type = 'activity' AND e.changes ? 'owner_id'
) p (member)
WHERE a.id = ANY ($1) AND p.member IS NOT NULL AND ($2 OR a.closed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.record_id = a.id AND f.member_id = p.member AND f.muted)
GROUP BY 1";
    let kind = if how == "done" { Kind::Progress } else { Kind::Changed };
    let query = diesel::sql_query(CONCERNED)
        .bind::<t::Array<t::Uuid>, _>(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .bind::<t::Bool, _>(how == "done");
    let all: Vec<Concerned> = kept(query).load(tx.conn())?;
    for one in all {
        let count = usize::try_from(one.count).unwrap_or_default();
        let notice = Notice::new(kind).at(at).param("how", &how).param("many", &many(count));
        tell(tx, &notice, To::people([MemberId(one.id)]))?;
    }
    Ok(())
}
