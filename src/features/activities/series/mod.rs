//! What repeats: a series is a rule, its occurrences are ordinary activities, made about a year ahead, so that lists, boards and
//! calendars need not know of rules.
//!
//! Invariants: an occurrence that is open and was not changed on its own is when the schedule says, at its time of day in the series'
//! zone; what is done, cancelled or changed on its own is never touched by a change of the series; a day taken out of a series
//! stays out. New occurrences are copies of the last one that was not changed on its own: a series keeps no second copy of
//! what it is about, so merges, hand-overs and deletions find everything in `activities`.

mod changes;
mod extend;
mod forms;
mod pages;
mod plan;
mod removal;
mod rule;
mod words;

pub(super) use changes::{Intent, Scope, start};
pub(super) use extend::register;
pub use extend::{SWEEP, extend_all};
pub(super) use forms::{Repeat, RepeatView, fill_in, read};
pub(super) use pages::{Asked, Repeats, ask};
pub(super) use removal::{delete, stands_on, undelete};
pub use rule::{End, Rule};

use super::when::Slot;
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{ActivityId, ActivitySeriesId, Locale, calendar},
    schema::{activity_series, activity_series_exceptions as exceptions},
};
use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use diesel::prelude::*;
use std::collections::HashSet;

/// How far ahead occurrences are made.
const AHEAD: u64 = 366;

/// `made_until` of a series that has no more days to come.
fn finished() -> NaiveDate {
    NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX)
}

/// When a series is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    pub rule: Rule,
    /// The first day, which the rule names; the end is counted from it.
    pub starts_on: NaiveDate,
    /// All day without one.
    pub time: Option<NaiveTime>,
    pub zone: Tz,
    pub end: End,
}

impl Schedule {
    /// Its days, those taken out too.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let (most, until) = match self.end {
            End::Never => (usize::MAX, None),
            End::Count(n) => (usize::try_from(n).unwrap_or(0), None),
            End::Until(day) => (usize::MAX, Some(day)),
        };
        self.rule.days(self.starts_on).take(most).take_while(move |day| until.is_none_or(|until| *day <= until))
    }

    /// When it is on a day of the rule. Of a time that the clocks skip or show twice: see [`super::when::instant`], which does as
    /// RFC 5545, 3.3.5 says.
    pub fn slot(&self, day: NaiveDate) -> Slot {
        Slot::new(Some(day), self.time, self.zone)
    }

    /// The days from `from` on that there should be occurrences for: a year's, and the next one however far it is. And up to where
    /// that is everything.
    fn ahead(&self, from: NaiveDate) -> (Vec<NaiveDate>, NaiveDate) {
        let horizon = self.horizon();
        let today = calendar::today(self.zone);
        let (mut found, mut coming) = (Vec::new(), false);
        for day in self.days() {
            if day > horizon && coming {
                return (found, horizon);
            }
            if day >= from {
                found.push(day);
            }
            coming |= day > today;
            if day > horizon {
                return (found, day);
            }
        }
        (found, finished())
    }

    fn horizon(&self) -> NaiveDate {
        calendar::today(self.zone) + Days::new(AHEAD)
    }

    /// `Every week on Mon, 10 times`.
    pub fn words(&self, locale: Locale, today: NaiveDate) -> String {
        let rule = self.rule.words(locale);
        match self.end {
            End::Never => rule,
            End::Count(1) => format!("{rule}, once"),
            End::Count(n) => format!("{rule}, {n} times"),
            End::Until(day) => format!("{rule}, until {}", locale.day(day, today)),
        }
    }
}

/// A series as it is kept.
#[derive(Clone, Debug)]
pub struct Series {
    pub id: ActivitySeriesId,
    pub schedule: Schedule,
    made_until: NaiveDate,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = activity_series)]
struct Row {
    id: ActivitySeriesId,
    rule: String,
    starts_on: NaiveDate,
    at_time: Option<NaiveTime>,
    zone: String,
    count: Option<i32>,
    until: Option<NaiveDate>,
    made_until: NaiveDate,
}

impl From<Row> for Series {
    fn from(row: Row) -> Self {
        let end = match (row.count, row.until) {
            (Some(count), _) => End::Count(count),
            (None, Some(day)) => End::Until(day),
            (None, None) => End::Never,
        };
        let schedule = Schedule {
            rule: Rule::kept(&row.rule),
            starts_on: row.starts_on,
            time: row.at_time,
            zone: calendar::zone(&row.zone),
            end,
        };
        Self { id: row.id, schedule, made_until: row.made_until }
    }
}

pub(super) fn find(tx: &mut OrgTx, id: ActivitySeriesId) -> AppResult<Series> {
    let row: Row =
        activity_series::table.filter(activity_series::id.eq(id)).select(Row::as_select()).first(tx.conn())?;
    Ok(row.into())
}

/// [`find`], held until the transaction ends. Who changes occurrences holds their series first, so that nobody waits in a circle.
pub(super) fn lock(tx: &mut OrgTx, id: ActivitySeriesId) -> AppResult<Series> {
    let row: Row = activity_series::table
        .filter(activity_series::id.eq(id))
        .select(Row::as_select())
        .for_no_key_update()
        .first(tx.conn())?;
    Ok(row.into())
}

/// A schedule's columns.
#[derive(Insertable, AsChangeset, Clone, Debug)]
#[diesel(table_name = activity_series, treat_none_as_null = true)]
struct Columns {
    rule: String,
    starts_on: NaiveDate,
    at_time: Option<NaiveTime>,
    zone: String,
    count: Option<i32>,
    until: Option<NaiveDate>,
    made_until: NaiveDate,
}

impl Columns {
    fn of(schedule: &Schedule, made_until: NaiveDate) -> Self {
        let (count, until) = match schedule.end {
            End::Never => (None, None),
            End::Count(n) => (Some(n), None),
            End::Until(day) => (None, Some(day)),
        };
        Self {
            rule: schedule.rule.text().to_owned(),
            starts_on: schedule.starts_on,
            at_time: schedule.time,
            zone: schedule.zone.name().to_owned(),
            count,
            until,
            made_until,
        }
    }
}

/// The days that were taken out, from `from` on.
fn taken_out(tx: &mut OrgTx, id: ActivitySeriesId, from: NaiveDate) -> AppResult<HashSet<NaiveDate>> {
    let days: Vec<NaiveDate> = exceptions::table
        .filter(exceptions::series_id.eq(id))
        .filter(exceptions::occurs_on.ge(from))
        .select(exceptions::occurs_on)
        .load(tx.conn())?;
    Ok(days.into_iter().collect())
}

/// Guests of the series' occurrences are told what concerns them of what became of it.
fn tell_guests(tx: &mut OrgTx, id: ActivitySeriesId) -> AppResult<()> {
    #[derive(QueryableByName)]
    struct Invited {
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        id: uuid::Uuid,
    }
    const INVITED: &str = "SELECT a.id FROM activity_invitations i JOIN activities a ON a.org_id = i.org_id AND a.id = i.activity_id \
        WHERE a.series_id = $1 ORDER BY a.id";
    let invited: Vec<Invited> = diesel::sql_query(INVITED).bind::<diesel::sql_types::Uuid, _>(id.0).load(tx.conn())?;
    invited.into_iter().try_for_each(|row| crate::features::calendar::follow(tx, ActivityId(row.id)))
}

/// Takes a day out of the series, or puts it back.
pub(super) fn except(tx: &mut OrgTx, id: ActivitySeriesId, day: NaiveDate, out: bool) -> AppResult<()> {
    if out {
        diesel::insert_into(exceptions::table)
            .values((exceptions::series_id.eq(id), exceptions::occurs_on.eq(day)))
            .on_conflict_do_nothing()
            .execute(tx.conn())?;
    } else {
        let of = exceptions::table.filter(exceptions::series_id.eq(id));
        diesel::delete(of.filter(exceptions::occurs_on.eq(day))).execute(tx.conn())?;
    }
    Ok(())
}
