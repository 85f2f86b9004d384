//! When something is: at a time, on a day, or at no time in particular. Times are typed and read in the person's own zone, and kept as
//! instants; days are days wherever one is.

use crate::{kernel::calendar, web::Actor};
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// The two columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slot {
    pub start_at: Option<DateTime<Utc>>,
    pub due_on: Option<NaiveDate>,
}

/// How pressing it is; also the class that colours it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Overdue,
    Today,
    Later,
    None,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Tone::Overdue => "is-bad",
            Tone::Today => "is-warn",
            Tone::Later => "is-good",
            Tone::None => "is-none",
        }
    }
}

impl Slot {
    /// A day, with a time of day or without, as someone in that zone says it.
    pub fn new(day: Option<NaiveDate>, time: Option<NaiveTime>, zone: Tz) -> Self {
        match (day, time) {
            (Some(day), Some(time)) => Self { start_at: Some(instant(day, time, zone)), due_on: None },
            (day, _) => Self { start_at: None, due_on: day },
        }
    }

    /// The day it is on for someone in that zone.
    pub fn day(self, zone: Tz) -> Option<NaiveDate> {
        self.start_at.map(|at| at.with_timezone(&zone).date_naive()).or(self.due_on)
    }

    pub fn time(self, zone: Tz) -> Option<NaiveTime> {
        self.start_at.map(|at| at.with_timezone(&zone).time())
    }

    /// On another day, at the same time of day.
    pub fn on(self, day: NaiveDate, zone: Tz) -> Self {
        Self::new(Some(day), self.time(zone), zone)
    }

    /// `minutes`: how long it lasts; what is going on is not overdue.
    pub fn tone(self, minutes: Option<i32>, actor: &Actor, now: DateTime<Utc>) -> Tone {
        let today = now.with_timezone(&actor.zone).date_naive();
        if let Some(at) = self.start_at.filter(|at| *at < now) {
            let over = at + Duration::minutes(minutes.unwrap_or(0).into()) < now;
            return if over { Tone::Overdue } else { Tone::Today };
        }
        match self.day(actor.zone) {
            None => Tone::None,
            Some(day) if day < today => Tone::Overdue,
            Some(day) if day == today => Tone::Today,
            Some(_) => Tone::Later,
        }
    }

    /// `Today 14:30`, `Tomorrow`, `Thu 14:30`, `Tue 3 Mar`.
    pub fn words(self, actor: &Actor, now: DateTime<Utc>) -> String {
        let today = now.with_timezone(&actor.zone).date_naive();
        let Some(day) = self.day(actor.zone) else { return "No date".into() };
        let date = day_words(actor, day, today);
        match self.time(actor.zone) {
            Some(time) => format!("{date} {}", actor.locale.time(time)),
            None => date,
        }
    }

    /// `2 days overdue`, or [`Slot::words`].
    pub fn urgency(self, actor: &Actor, now: DateTime<Utc>) -> String {
        let today = now.with_timezone(&actor.zone).date_naive();
        match self.day(actor.zone).map(|day| (today - day).num_days()) {
            Some(1) => "1 day overdue".into(),
            Some(days) if days > 1 => format!("{days} days overdue"),
            _ => self.words(actor, now),
        }
    }

    /// For hover.
    pub fn exact(self, actor: &Actor) -> String {
        match (self.start_at, self.due_on) {
            (Some(at), _) => actor.exact(at),
            (None, Some(day)) => actor.locale.date(day),
            (None, None) => String::new(),
        }
    }

    /// For `datetime` attributes.
    pub fn iso(self) -> String {
        match (self.start_at, self.due_on) {
            (Some(at), _) => at.to_rfc3339(),
            (None, Some(day)) => day.to_string(),
            (None, None) => String::new(),
        }
    }
}

fn day_words(actor: &Actor, day: NaiveDate, today: NaiveDate) -> String {
    match (day - today).num_days() {
        0 => "Today".into(),
        1 => "Tomorrow".into(),
        -1 => "Yesterday".into(),
        2..=6 => actor.locale.weekday_short(day),
        n if n.abs() < 180 => format!("{} {}", actor.locale.weekday_short(day), actor.locale.day(day, today)),
        _ => actor.locale.day(day, today),
    }
}

/// That time of that day. Where the clocks skip it, as long after the skip as it would have been after its beginning; where they show
/// it twice, the first.
pub fn instant(day: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let wanted = day.and_time(time);
    let found = zone.from_local_datetime(&wanted).earliest();
    let found = found.map(|local| local.with_timezone(&Utc));
    found.unwrap_or_else(|| {
        let before = zone.from_local_datetime(&(wanted - Duration::hours(3))).earliest();
        before.map_or_else(|| Utc.from_utc_datetime(&wanted), |b| b.with_timezone(&Utc) + Duration::hours(3))
    })
}

/// `14:30`, `14:30:00`, `9`, `2:30 pm`.
pub fn parse_time(text: &str) -> Result<NaiveTime, &'static str> {
    const WRONG: &str = "must be a time, such as 14:30";
    let text = text.trim().to_lowercase();
    let (clock, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim(), Some(0)),
        (_, Some(clock)) => (clock.trim(), Some(12)),
        _ => (text.as_str(), None),
    };
    let mut parts = clock.split([':', '.']);
    let hour: u32 = parts.next().and_then(|h| h.parse().ok()).ok_or(WRONG)?;
    let minute: u32 = parts.next().map_or(Ok(0), str::parse).map_err(|_| WRONG)?;
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return Err(WRONG),
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0).filter(|_| parts.count() <= 1).ok_or(WRONG)
}

/// As a time field wants it.
pub fn time_value(time: NaiveTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// To when something can be put off.
pub const SNOOZES: &[(&str, &str)] =
    &[("tomorrow", "Tomorrow"), ("days", "In three days"), ("week", "Next week"), ("month", "In a month")];

/// The day that one of [`SNOOZES`] means; a working day.
pub fn snoozed(key: &str, actor: &Actor) -> Option<NaiveDate> {
    let today = actor.today();
    let day = match key {
        "tomorrow" => today + Days::new(1),
        "days" => today + Days::new(3),
        "week" => calendar::week(today).to,
        "month" => today + chrono::Months::new(1),
        other => return calendar::parse_date(other).ok(),
    };
    Some(actor.org.working_days.next(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Australia::Lord_Howe, Europe::Amsterdam};

    fn at(day: &str, time: &str, zone: Tz) -> String {
        let (day, time) = (day.parse().unwrap_or_default(), parse_time(time).unwrap_or_default());
        instant(day, time, zone).format("%Y-%m-%dT%H:%M").to_string()
    }

    #[test]
    fn times_across_clock_changes() {
        assert_eq!(at("2026-11-20", "14:30", Amsterdam), "2026-11-20T13:30");
        assert_eq!(at("2026-07-20", "14:30", Amsterdam), "2026-07-20T12:30");
        // Skipped: half past two is half an hour after the skip.
        assert_eq!(at("2026-03-29", "2:30", Amsterdam), "2026-03-29T01:30");
        assert_eq!(at("2026-03-08", "2:30", New_York), "2026-03-08T07:30");
        // Half an hour is skipped on Lord Howe Island.
        assert_eq!(at("2026-10-04", "2:15", Lord_Howe), "2026-10-03T15:45");
        // Twice: the first.
        assert_eq!(at("2026-10-25", "2:30", Amsterdam), "2026-10-25T00:30");
        assert_eq!(at("2026-11-01", "1:30", New_York), "2026-11-01T05:30");
    }

    #[test]
    fn a_day_later_is_the_same_time_of_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap_or_default();
        let slot = Slot::new(Some(day("2026-10-24")), NaiveTime::from_hms_opt(9, 0, 0), Amsterdam);
        let moved = slot.on(day("2026-10-26"), Amsterdam);
        assert_eq!(moved.time(Amsterdam), NaiveTime::from_hms_opt(9, 0, 0));
        assert_eq!((moved.start_at, slot.start_at).0.zip(slot.start_at).map(|(a, b)| (a - b).num_hours()), Some(49));
        let whole = Slot::new(Some(day("2026-10-24")), None, Amsterdam).on(day("2026-10-26"), Amsterdam);
        assert_eq!(whole, Slot { start_at: None, due_on: Some(day("2026-10-26")) });
    }

    #[test]
    fn times_as_people_type_them() {
        let read = |text: &str| parse_time(text).map(time_value).unwrap_or_default();
        assert_eq!(
            ["14:30", "9", "2:30 pm", "12 am", "12pm", "7.05", "14:30:00"].map(read),
            ["14:30", "09:00", "14:30", "00:00", "12:00", "07:05", "14:30"]
        );
        for bad in ["", "25:00", "9:77", "13 pm", "noon", "1:2:3:4", "-1"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
