//! Deleted activities, and occurrences that a changed rule put aside, go for good after the days that the bin keeps records.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::ActivityId,
    schema::activities,
};
use diesel::{prelude::*, sql_types as t};

/// What else remembers one by its id. Foreign keys take along what hangs on it.
const REMEMBERED: [&str; 4] = [
    "DELETE FROM events WHERE record_type = 'activity' AND record_id = ANY ($1)",
    "DELETE FROM follows WHERE record_type = 'activity' AND record_id = ANY ($1)",
    "DELETE FROM notices WHERE record_type IN ('activity', 'activity.gone') AND record_id = ANY ($1)",
    "DELETE FROM operation_changes WHERE record_type = 'activity' AND record_id = ANY ($1)",
];

/// The next of those that were deleted so many days ago. How many went.
pub fn purge(tx: &mut OrgTx, days: i64, most: i64) -> AppResult<usize> {
    tx.without_time_limit()?;
    let before = chrono::Utc::now() - chrono::Duration::days(days);
    let going: Vec<ActivityId> = activities::table
        .filter(activities::deleted_at.lt(before))
        .order(activities::deleted_at)
        .limit(most)
        .select(activities::id)
        .for_update()
        .skip_locked()
        .load(tx.conn())?;
    if going.is_empty() {
        return Ok(0);
    }
    let ids: Vec<uuid::Uuid> = going.iter().map(|id| id.0).collect();
    for statement in REMEMBERED {
        diesel::sql_query(statement).bind::<t::Array<t::Uuid>, _>(&ids).execute(tx.conn())?;
    }
    Ok(diesel::delete(activities::table.filter(activities::id.eq_any(&going))).execute(tx.conn())?)
}
