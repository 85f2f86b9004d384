//! Deleting occurrences: one, this and later ones, or all that are open. What is done stays.

use super::{Columns, End, Schedule, Scope, Series, changes, finished, lock};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events,
    features::activities::{commands, model::Activity, queries},
    kernel::{ActivityId, ActivitySeriesId, calendar},
    schema::{activities, activity_series},
    web::{Actor, Allow, Form, permission::activities::Delete},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::prelude::*;
use serde_json::json;

/// What a deletion did.
#[derive(Clone, Debug)]
pub struct Gone {
    pub count: usize,
    /// The query of its undo's address.
    pub undo: String,
}

/// Deletes later ones with it, or all open ones, and ends the series there.
pub fn delete(tx: &mut OrgTx, by: &Allow<Delete>, id: ActivityId, scope: Scope) -> AppResult<Gone> {
    let before = queries::lock(tx, by, id)?;
    let Some((series, day)) = before.occurrence().filter(|_| scope != Scope::This) else {
        commands::set_deleted(tx, by, id, true)?;
        return Ok(Gone { count: 1, undo: String::new() });
    };
    queries::require_removable(tx, by, &before)?;
    let series = lock(tx, series)?;
    let from = if scope == Scope::All { NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default() } else { day };
    let gone = remove(tx, by, &series, from)?;
    let last = if scope == Scope::All { series.schedule.starts_on.min(day) } else { day };
    close(tx, &series, last)?;
    changes::tell(tx, "activity_series.ended", &series, id, Some(from))?;
    super::tell_guests(tx, series.id)?;
    commands::announce(tx, id, &[before.fields.deal_id])?;
    let end = match series.schedule.end {
        End::Never => String::new(),
        End::Count(n) => format!("&count={n}"),
        End::Until(until) => format!("&until={until}"),
    };
    let at = gone.first().copied().unwrap_or_default().timestamp_micros();
    Ok(Gone { count: gone.len(), undo: format!("?series=1&at={at}{end}") })
}

/// Takes back what [`delete`] did to a series: `at`, and the end it had.
pub fn undelete(tx: &mut OrgTx, by: &Allow<Delete>, id: ActivityId, asked: &Form) -> AppResult<usize> {
    let before = queries::lock_any(tx, by, id)?;
    queries::require_removable(tx, by, &before)?;
    let series = lock(tx, before.series_id.ok_or(AppError::NotFound)?)?;
    let at = asked.get("at").parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(AppError::NotFound)?;
    let of = || activities::table.filter(activities::series_id.eq(series.id)).filter(activities::deleted_at.eq(at));
    let all: Vec<Activity> = of().select(Activity::as_select()).load(tx.conn())?;
    queries::require_all_removable(tx, by, &all)?;
    let back = diesel::update(of())
        .set((activities::deleted_at.eq(None::<DateTime<Utc>>), activities::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn());
    let back = match back {
        Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)) => {
            return Err(AppError::Conflict("The series was planned anew meanwhile.".into()));
        }
        other => other?,
    };
    let count = asked.get("count").parse().ok().filter(|n| *n > 0);
    let until = calendar::parse_date(asked.get("until")).ok();
    let end = count.map(End::Count).or(until.map(End::Until)).unwrap_or(End::Never);
    // The nightly round goes on where the rows end.
    let last: Option<NaiveDate> = activities::table
        .filter(activities::series_id.eq(series.id))
        .select(diesel::dsl::max(activities::occurs_on))
        .first(tx.conn())?;
    let schedule = Schedule { end, ..series.schedule.clone() };
    let made_until = last.unwrap_or(schedule.starts_on);
    diesel::update(activity_series::table.filter(activity_series::id.eq(series.id)))
        .set(Columns::of(&schedule, made_until))
        .execute(tx.conn())?;
    let mut event = changes::told("activity_series.updated", &series, id, None, false);
    event.data["back"] = json!(true);
    events::record(tx, event)?;
    super::tell_guests(tx, series.id)?;
    commands::announce(tx, id, &[before.fields.deal_id])?;
    Ok(back)
}

/// The series has no more days from `day` on: what is open there goes.
pub(super) fn end(tx: &mut OrgTx, by: &Actor, series: &Series, day: NaiveDate) -> AppResult<()> {
    remove(tx, by, series, day)?;
    close(tx, series, day)?;
    super::tell_guests(tx, series.id)
}

/// Deletes what is open from that day on, or nothing where some of it is not the actor's to delete; when, for each.
fn remove(tx: &mut OrgTx, by: &Actor, series: &Series, from: NaiveDate) -> AppResult<Vec<DateTime<Utc>>> {
    let of = || {
        activities::table
            .filter(activities::series_id.eq(series.id))
            .filter(activities::deleted_at.is_null())
            .filter(activities::closed_at.is_null())
            .filter(activities::occurs_on.ge(from))
    };
    let all: Vec<Activity> = of().order(activities::id).select(Activity::as_select()).for_update().load(tx.conn())?;
    queries::require_all_removable(tx, by, &all)?;
    let gone: Vec<Option<DateTime<Utc>>> = diesel::update(of())
        .set((activities::deleted_at.eq(diesel::dsl::now), activities::updated_at.eq(diesel::dsl::now)))
        .returning(activities::deleted_at)
        .get_results(tx.conn())?;
    Ok(gone.into_iter().flatten().collect())
}

fn close(tx: &mut OrgTx, series: &Series, day: NaiveDate) -> AppResult<()> {
    let schedule = Schedule { end: End::Until(day - Days::new(1)), ..series.schedule.clone() };
    diesel::update(activity_series::table.filter(activity_series::id.eq(series.id)))
        .set(Columns::of(&schedule, finished()))
        .execute(tx.conn())?;
    Ok(())
}

/// Whether something of the series stands for that day.
pub(in crate::features::activities) fn stands_on(
    tx: &mut OrgTx,
    series: ActivitySeriesId,
    day: NaiveDate,
) -> AppResult<bool> {
    let of = activities::table.filter(activities::series_id.eq(series)).filter(activities::occurs_on.eq(day));
    Ok(diesel::select(diesel::dsl::exists(of.filter(activities::deleted_at.is_null()))).get_result(tx.conn())?)
}
