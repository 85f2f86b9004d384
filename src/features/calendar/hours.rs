//! When people are at work: the organisation's hours or a member's own, on the organisation's working days, in the member's time zone.

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    features::activities,
    kernel::calendar::{self, WorkingDays},
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types as t};
use uuid::Uuid;

/// From one moment to another.
pub type Interval = (DateTime<Utc>, DateTime<Utc>);

#[derive(Clone, Debug)]
pub struct Hours {
    pub member: Uuid,
    pub zone: Tz,
    /// Minutes since midnight.
    pub from: i16,
    pub to: i16,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = t::Uuid)]
    id: Uuid,
    #[diesel(sql_type = t::Text)]
    time_zone: String,
    #[diesel(sql_type = t::SmallInt)]
    work_from: i16,
    #[diesel(sql_type = t::SmallInt)]
    work_to: i16,
}

/// Of these members, in that order; who is no active member has none.
pub fn of(tx: &mut OrgTx, members: &[Uuid]) -> AppResult<Vec<Hours>> {
    let query = diesel::sql_query(
        "SELECT z.id, z.time_zone, coalesce(c.work_from, o.work_from) AS work_from, coalesce(c.work_to, o.work_to) AS work_to \
         FROM app.member_zones() z JOIN organisations o ON o.id = app.org() \
         LEFT JOIN calendar_members c ON c.org_id = o.id AND c.member_id = z.id WHERE z.id = ANY ($1)",
    )
    .bind::<t::Array<t::Uuid>, _>(members);
    let mut rows: Vec<Row> = kept(query).load(tx.conn())?;
    rows.sort_by_key(|row| members.iter().position(|id| *id == row.id));
    let hours =
        |row: Row| Hours { member: row.id, zone: calendar::zone(&row.time_zone), from: row.work_from, to: row.work_to };
    Ok(rows.into_iter().map(hours).collect())
}

impl Hours {
    /// When this person is at work between two moments, in order.
    pub fn at_work(&self, days: WorkingDays, (from, to): Interval) -> Vec<Interval> {
        let first = from.with_timezone(&self.zone).date_naive() - Days::new(1);
        let last = to.with_timezone(&self.zone).date_naive();
        let mut found = Vec::new();
        for day in first.iter_days().take_while(|day| *day <= last).filter(|day| days.includes(*day)) {
            let (start, end) = (self.moment(day, self.from).max(from), self.moment(day, self.to).min(to));
            if start < end {
                found.push((start, end));
            }
        }
        found
    }

    fn moment(&self, day: NaiveDate, minutes: i16) -> DateTime<Utc> {
        let minutes = u32::try_from(minutes).unwrap_or(0);
        match NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0) {
            Some(time) => activities::instant(day, time, self.zone),
            None => activities::instant(day + Days::new(1), NaiveTime::MIN, self.zone),
        }
    }
}

/// `09:00`, as FullCalendar and time fields want it; the end of the day is `24:00`.
pub fn clock(minutes: i16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Asia::Kolkata, Europe::Amsterdam};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_default()
    }

    fn work(zone: Tz, from: i16, to: i16, span: (&str, &str)) -> Vec<(String, String)> {
        let hours = Hours { member: Uuid::nil(), zone, from, to };
        let days = WorkingDays::from_numbers(&[1, 2, 3, 4, 5]);
        let told = |at: DateTime<Utc>| at.format("%d %H:%M").to_string();
        hours.at_work(days, (at(span.0), at(span.1))).into_iter().map(|(a, b)| (told(a), told(b))).collect()
    }

    #[test]
    fn hours_follow_the_clock_of_their_zone() {
        // Friday before, and Monday after, the clocks go back in Amsterdam.
        let span = ("2026-10-23T00:00:00Z", "2026-10-27T00:00:00Z");
        let told = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(work(Amsterdam, 540, 1020, span), [told("23 07:00", "23 15:00"), told("26 08:00", "26 16:00")]);
        assert_eq!(work(New_York, 540, 1020, span), [told("23 13:00", "23 21:00"), told("26 13:00", "26 21:00")]);
        assert_eq!(work(Kolkata, 600, 1440, span), [told("23 04:30", "23 18:30"), told("26 04:30", "26 18:30")]);
    }
}
