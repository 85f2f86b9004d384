//! Bringing the occurrences of a series in line with its schedule: rows that are there move, rows that are missing are made, rows too
//! many are deleted. What is done, cancelled or changed on its own stays, and stands for its day.

use super::{Columns, Series, taken_out};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::ActivityId,
    schema::activities,
};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::{prelude::*, sql_types as t};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// An open occurrence that follows the schedule.
#[derive(Clone, Copy, Debug)]
struct Free {
    id: Uuid,
    day: NaiveDate,
}

/// From `from` on, the series has its schedule's days; before, each occurrence keeps its day. `meant` is to be on that day, if
/// there is one on it. Missing ones are copies of `model`.
pub(super) fn follow(
    tx: &mut OrgTx,
    series: &Series,
    from: NaiveDate,
    meant: Option<(ActivityId, NaiveDate)>,
    model: ActivityId,
) -> AppResult<()> {
    let (free, taken) = rows(tx, series)?;
    let out = taken_out(tx, series.id, from)?;
    let (days, made_until) = series.schedule.ahead(from);
    let wanted: BTreeSet<NaiveDate> = days.into_iter().filter(|d| !out.contains(d) && !taken.contains(d)).collect();
    let (kept, movable): (Vec<Free>, Vec<Free>) = free.into_iter().partition(|row| row.day < from);
    let Pairs { placed, surplus, missing } = pair(&movable, wanted, meant);
    delete(tx, &surplus)?;
    let all: Vec<Free> = kept.into_iter().chain(placed).collect();
    place(tx, series, &all)?;
    make(tx, series, model, &missing)?;
    save(tx, series, made_until)
}

/// What is wanted after `after` and not there yet; for the nightly round.
pub(super) fn extend(tx: &mut OrgTx, series: &Series, model: ActivityId) -> AppResult<()> {
    let after = series.made_until.succ_opt().unwrap_or(series.made_until);
    let out = taken_out(tx, series.id, after)?;
    let (days, made_until) = series.schedule.ahead(after);
    let missing: Vec<NaiveDate> = days.into_iter().filter(|day| !out.contains(day)).collect();
    make(tx, series, model, &missing)?;
    save(tx, series, made_until)
}

struct Pairs {
    placed: Vec<Free>,
    surplus: Vec<Uuid>,
    missing: Vec<NaiveDate>,
}

/// Who is on a wanted day stays there; the others take the days that are left, in order.
fn pair(rows: &[Free], mut wanted: BTreeSet<NaiveDate>, meant: Option<(ActivityId, NaiveDate)>) -> Pairs {
    let mut placed = Vec::new();
    let mut left: Vec<Free> = Vec::new();
    let meant = meant.filter(|(id, _)| rows.iter().any(|row| row.id == id.0));
    if let Some((id, day)) = meant.filter(|(_, day)| wanted.contains(day)) {
        wanted.remove(&day);
        placed.push(Free { id: id.0, day });
    }
    for row in rows {
        if placed.first().is_some_and(|first: &Free| first.id == row.id) {
            continue;
        }
        if wanted.remove(&row.day) { placed.push(*row) } else { left.push(*row) }
    }
    let mut rest = wanted.into_iter();
    let mut surplus = Vec::new();
    for row in left {
        match rest.next() {
            Some(day) => placed.push(Free { id: row.id, day }),
            None => surplus.push(row.id),
        }
    }
    Pairs { placed, surplus, missing: rest.collect() }
}

/// The occurrences that follow, in order, and the days that others stand for.
fn rows(tx: &mut OrgTx, series: &Series) -> AppResult<(Vec<Free>, HashSet<NaiveDate>)> {
    type Found = (Uuid, Option<NaiveDate>, Option<DateTime<Utc>>, Option<String>);
    let found: Vec<Found> = activities::table
        .filter(activities::series_id.eq(series.id))
        .filter(activities::deleted_at.is_null())
        .order(activities::occurs_on)
        .select((activities::id, activities::occurs_on, activities::closed_at, activities::occurrence))
        .load(tx.conn())?;
    let (mut free, mut taken) = (Vec::new(), HashSet::new());
    for (id, day, closed, occurrence) in found {
        let Some(day) = day else { continue };
        if closed.is_none() && occurrence.as_deref() != Some("own") {
            free.push(Free { id, day });
        } else {
            taken.insert(day);
        }
    }
    Ok((free, taken))
}

fn delete(tx: &mut OrgTx, ids: &[Uuid]) -> AppResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::update(activities::table.filter(activities::id.eq_any(ids)))
        .set((activities::deleted_at.eq(diesel::dsl::now), activities::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    Ok(())
}

/// Puts each on its day, at the schedule's time. Those that move stand on none meanwhile: no two may be on one.
fn place(tx: &mut OrgTx, series: &Series, rows: &[Free]) -> AppResult<()> {
    const AWAY: &str = "
        UPDATE activities a SET occurs_on = NULL FROM unnest($1, $2) x(id, day) WHERE a.id = x.id AND a.occurs_on <> x.day";
    const PLACE: &str = "
        UPDATE activities a SET occurs_on = x.day, start_at = x.start, due_on = CASE WHEN x.start IS NULL THEN x.day END,
          version = a.version + 1, updated_at = now()
        FROM unnest($1, $2, $3) x(id, day, start)
        WHERE a.id = x.id AND (a.occurs_on, a.start_at, a.due_on) IS DISTINCT FROM (x.day, x.start, CASE WHEN x.start IS NULL THEN x.day END)";
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let days: Vec<NaiveDate> = rows.iter().map(|row| row.day).collect();
    let starts = starts(series, &days);
    diesel::sql_query(AWAY)
        .bind::<t::Array<t::Uuid>, _>(&ids)
        .bind::<t::Array<t::Date>, _>(&days)
        .execute(tx.conn())?;
    diesel::sql_query(PLACE)
        .bind::<t::Array<t::Uuid>, _>(&ids)
        .bind::<t::Array<t::Date>, _>(&days)
        .bind::<t::Array<t::Nullable<t::Timestamptz>>, _>(&starts)
        .execute(tx.conn())?;
    Ok(())
}

fn starts(series: &Series, days: &[NaiveDate]) -> Vec<Option<DateTime<Utc>>> {
    days.iter().map(|day| series.schedule.slot(*day).start_at).collect()
}

/// Copies of `model` on those days, with its people, their reminders and an unticked checklist. A day that has one gets no second.
fn make(tx: &mut OrgTx, series: &Series, model: ActivityId, days: &[NaiveDate]) -> AppResult<()> {
    const MAKE: &str = "
        WITH made AS (
          INSERT INTO activities (id, type_id, class, subject, owner_id, start_at, due_on, minutes, priority, location, video_url,
            description, deal_id, contact_id, company_id, lead_id, created_by, series_id, occurs_on, occurrence)
          SELECT x.id, m.type_id, m.class, m.subject, m.owner_id, x.start, CASE WHEN x.start IS NULL THEN x.day END, m.minutes, m.priority,
            m.location, m.video_url, m.description, m.deal_id, m.contact_id, m.company_id, m.lead_id, m.created_by, $5, x.day, 'later'
          FROM unnest($1, $2, $3) x(id, day, start) CROSS JOIN activities m WHERE m.id = $4
          ON CONFLICT DO NOTHING RETURNING org_id, id),
        people AS (
          INSERT INTO activity_participants (id, activity_id, contact_id, member_id)
          SELECT gen_random_uuid(), made.id, p.contact_id, p.member_id FROM made CROSS JOIN activity_participants p WHERE p.activity_id = $4),
        reminders AS (
          INSERT INTO activity_reminders (activity_id, member_id, minutes)
          SELECT made.id, r.member_id, r.minutes FROM made CROSS JOIN activity_reminders r WHERE r.activity_id = $4)
        INSERT INTO activity_checklist (id, activity_id, text, position)
        SELECT gen_random_uuid(), made.id, c.text, c.position FROM made CROSS JOIN activity_checklist c WHERE c.activity_id = $4";
    if days.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = days.iter().map(|_| Uuid::now_v7()).collect();
    diesel::sql_query(MAKE)
        .bind::<t::Array<t::Uuid>, _>(&ids)
        .bind::<t::Array<t::Date>, _>(days)
        .bind::<t::Array<t::Nullable<t::Timestamptz>>, _>(starts(series, days))
        .bind::<t::Uuid, _>(model.0)
        .bind::<t::Uuid, _>(series.id.0)
        .execute(tx.conn())?;
    Ok(())
}

/// The schedule as it is now, and how far its occurrences are made.
fn save(tx: &mut OrgTx, series: &Series, made_until: NaiveDate) -> AppResult<()> {
    use crate::schema::activity_series as table;
    diesel::update(table::table.filter(table::id.eq(series.id)))
        .set((Columns::of(&series.schedule, made_until), table::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    Ok(())
}
