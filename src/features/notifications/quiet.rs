//! Quiet hours, in the member's own zone: a span of every day, and days off wholly. Mail and browsers wait for their end.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::activities::Slot,
    kernel::calendar::WorkingDays,
    schema::notice_settings,
    web::Actor,
};
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;

/// What a member chose beside the table of kinds.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Copy, Debug, PartialEq, Eq)]
#[diesel(table_name = notice_settings, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Settings {
    /// Minutes of the day; both or neither.
    pub quiet_from: Option<i16>,
    pub quiet_to: Option<i16>,
    pub quiet_days_off: bool,
    /// Before what is planned; `None`: no reminders.
    pub lead_minutes: Option<i32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { quiet_from: None, quiet_to: None, quiet_days_off: false, lead_minutes: Some(15) }
    }
}

impl Settings {
    pub fn load(tx: &mut OrgTx, actor: &Actor) -> AppResult<Self> {
        let found = notice_settings::table
            .filter(notice_settings::member_id.eq(actor.id))
            .select(Self::as_select())
            .first(tx.conn())
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// The end of the quiet that `now` falls into.
    pub(super) fn quiet_until(self, actor: &Actor, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.until(now, actor.zone, actor.org.working_days)
    }

    /// From when on notices may be shown at `now`: for a quarter of an hour, and what fell into quiet that has just ended.
    pub(super) fn shown_since(self, actor: &Actor, now: DateTime<Utc>) -> DateTime<Utc> {
        const STEP: Duration = Duration::minutes(15);
        let mut since = now - STEP;
        let oldest = now - Duration::days(5);
        while since > oldest && self.is_quiet(since, actor.zone, actor.org.working_days) {
            since -= STEP;
        }
        since
    }

    fn until(self, now: DateTime<Utc>, zone: Tz, working: WorkingDays) -> Option<DateTime<Utc>> {
        let mut at = now;
        // Two boundaries a day, and never a week of days off.
        for _ in 0..20 {
            if !self.is_quiet(at, zone, working) {
                return (at > now).then_some(at);
            }
            at = self.next_boundary(at, zone);
        }
        (at > now).then_some(at)
    }

    fn is_quiet(self, at: DateTime<Utc>, zone: Tz, working: WorkingDays) -> bool {
        let local = at.with_timezone(&zone);
        if self.quiet_days_off && !working.includes(local.date_naive()) {
            return true;
        }
        let Some((from, to)) = self.hours() else { return false };
        let minute = minute_of(local.time());
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    fn hours(self) -> Option<(u32, u32)> {
        let minutes = |value: i16| u32::try_from(value).ok();
        self.quiet_from.and_then(minutes).zip(self.quiet_to.and_then(minutes)).filter(|(from, to)| from != to)
    }

    /// The next moment at which quiet may end: its hour, or midnight.
    fn next_boundary(self, at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let day = at.with_timezone(&zone).date_naive();
        let tomorrow = day + Days::new(1);
        let end = self.hours().map_or(0, |(_, to)| to);
        let moments = [(day, end), (tomorrow, 0), (tomorrow, end)].map(|(day, minute)| moment(day, minute, zone));
        moments.into_iter().flatten().filter(|moment| *moment > at).min().unwrap_or(at + Duration::days(1))
    }
}

fn minute_of(time: NaiveTime) -> u32 {
    time.hour() * 60 + time.minute()
}

/// Where the clocks skip it, soon after.
fn moment(day: NaiveDate, minute: u32, zone: Tz) -> Option<DateTime<Utc>> {
    Slot::new(Some(day), NaiveTime::from_hms_opt(minute / 60, minute % 60, 0), zone).start_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Europe::Amsterdam};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_default()
    }

    fn night(days_off: bool) -> Settings {
        Settings { quiet_from: Some(22 * 60), quiet_to: Some(7 * 60), quiet_days_off: days_off, lead_minutes: None }
    }

    #[test]
    fn quiet_ends_at_its_hour_and_after_days_off() {
        let week = WorkingDays::from_numbers(&[1, 2, 3, 4, 5]);
        let until = |settings: Settings, now: &str, zone| settings.until(at(now), zone, week);
        // Friday night in Amsterdam, an hour ahead of UTC.
        assert_eq!(until(night(false), "2026-11-27T21:30:00Z", Amsterdam), Some(at("2026-11-28T06:00:00Z")));
        assert_eq!(until(night(true), "2026-11-27T21:30:00Z", Amsterdam), Some(at("2026-11-30T06:00:00Z")));
        assert_eq!(until(night(false), "2026-11-27T12:00:00Z", Amsterdam), None);
        assert_eq!(until(Settings::default(), "2026-11-27T23:00:00Z", Amsterdam), None);
        // The night in which the clocks go forward is an hour shorter.
        assert_eq!(until(night(false), "2026-03-29T00:30:00Z", Amsterdam), Some(at("2026-03-29T05:00:00Z")));
        assert_eq!(until(night(false), "2026-11-01T05:30:00Z", New_York), Some(at("2026-11-01T12:00:00Z")));
        // By day, and only days off.
        let lunch = Settings { quiet_from: Some(720), quiet_to: Some(780), ..Settings::default() };
        assert_eq!(until(lunch, "2026-11-27T11:30:00Z", Amsterdam), Some(at("2026-11-27T12:00:00Z")));
        let off = Settings { quiet_days_off: true, ..Settings::default() };
        assert_eq!(until(off, "2026-11-28T11:30:00Z", Amsterdam), Some(at("2026-11-29T23:00:00Z")));
    }
}
