//! Days and periods in a person's own time zone. "Today" is the user's, never the server's.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

/// Dates a user may enter; outside lies a typing error (year 99999) or a database limit.
const EARLIEST: i32 = 1900;
const LATEST: i32 = 2200;

/// A half-open span of days: `from` is in it, `to` is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

pub fn today(zone: Tz) -> NaiveDate {
    Utc::now().with_timezone(&zone).date_naive()
}

/// The time zone of that name; an unknown one reads as UTC.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(chrono_tz::UTC)
}

/// A time zone chosen from [`zone_names`], or any other name of the IANA database.
pub fn parse_zone(name: &str) -> Result<Tz, &'static str> {
    name.parse().map_err(|_| "must be a time zone, such as Europe/Amsterdam")
}

/// The time zones people choose from: the regions' own names, without the aliases kept for old programs.
pub fn zone_names() -> impl Iterator<Item = &'static str> {
    const AREAS: [&str; 10] =
        ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    std::iter::once("UTC").chain(names.filter(|n| n.split_once('/').is_some_and(|(area, _)| AREAS.contains(&area))))
}

/// ISO 8601 from a date field, within 1900–2200.
pub fn parse_date(text: &str) -> Result<NaiveDate, &'static str> {
    let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").map_err(|_| "must be a date, such as 2026-11-28")?;
    if (EARLIEST..=LATEST).contains(&date.year()) { Ok(date) } else { Err("must lie between 1900 and 2200") }
}

/// Monday to Sunday around `day`.
pub fn week(day: NaiveDate) -> Span {
    let from = day - Days::new(day.weekday().num_days_from_monday().into());
    Span { from, to: from + Days::new(7) }
}

pub fn month(day: NaiveDate) -> Span {
    let from = day - Days::new(u64::from(day.day0()));
    Span { from, to: from + Months::new(1) }
}

/// The quarter of a fiscal year that starts in month `fiscal_start` (1–12).
pub fn quarter(day: NaiveDate, fiscal_start: u32) -> Span {
    let since_start = (day.month() + 12 - fiscal_start) % 12;
    let from = month(day).from - Months::new(since_start % 3);
    Span { from, to: from + Months::new(3) }
}

/// The days of the week an organisation works: Monday is 1, as in ISO 8601. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkingDays(u8);

impl WorkingDays {
    /// What is not 1 to 7 is left out; none at all reads as Monday to Friday.
    pub fn from_numbers(days: &[i16]) -> Self {
        let bits = days.iter().filter(|d| (1..=7).contains(*d)).fold(0u8, |bits, day| bits | 1 << (day - 1));
        Self(if bits == 0 { 0b1_1111 } else { bits })
    }

    pub fn includes(self, day: NaiveDate) -> bool {
        self.0 & (1 << day.weekday().num_days_from_monday()) != 0
    }

    /// The working day on which someone is next at work: `day` itself, or the first after it.
    pub fn next(self, day: NaiveDate) -> NaiveDate {
        day.iter_days().take(7).find(|d| self.includes(*d)).unwrap_or(day)
    }

    /// What to tell someone who plans something for `day`; `None` when people are at work then.
    pub fn warning(self, day: NaiveDate, locale: super::Locale) -> Option<String> {
        if self.includes(day) {
            return None;
        }
        let next = self.next(day);
        Some(format!(
            "{} is not a working day; the next one is {}.",
            locale.weekday(day),
            locale.weekday_and_day(next, day)
        ))
    }
}

/// The instants at which a span of days begins and ends in `zone`. A midnight skipped by a clock change begins at the next valid time.
pub fn instants(span: Span, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    (start_of(span.from, zone), start_of(span.to, zone))
}

fn start_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let local = zone.from_local_datetime(&midnight).earliest();
    let local = local.or_else(|| zone.from_local_datetime(&(midnight + chrono::Duration::hours(1))).earliest());
    local.map_or_else(|| Utc.from_utc_datetime(&midnight), |l| l.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> NaiveDate {
        parse_date(text).unwrap_or_default()
    }

    #[test]
    fn periods() {
        assert_eq!(week(d("2026-11-20")), Span { from: d("2026-11-16"), to: d("2026-11-23") });
        assert_eq!(month(d("2026-12-31")), Span { from: d("2026-12-01"), to: d("2027-01-01") });
        assert_eq!(quarter(d("2026-11-20"), 1), Span { from: d("2026-10-01"), to: d("2027-01-01") });
        assert_eq!(quarter(d("2026-02-10"), 4), Span { from: d("2026-01-01"), to: d("2026-04-01") });
        assert_eq!(quarter(d("2026-04-10"), 12), Span { from: d("2026-03-01"), to: d("2026-06-01") });
    }

    #[test]
    fn days_off_are_told() {
        let days = WorkingDays::from_numbers(&[1, 2, 3, 4, 5, 9]);
        let locale = crate::kernel::Locale::from_tag("en-GB");
        assert_eq!(days.warning(d("2026-11-20"), locale), None);
        let told = days.warning(d("2026-11-28"), locale).unwrap_or_default();
        assert_eq!(told, "Saturday is not a working day; the next one is Monday 30 Nov.");
        assert!(WorkingDays::from_numbers(&[]).includes(d("2026-11-20")));
    }

    #[test]
    fn absurd_dates_are_refused() {
        for bad in ["99999-01-01", "1899-12-31", "2026-02-30", "tomorrow", ""] {
            assert!(parse_date(bad).is_err(), "{bad}");
        }
    }
}
