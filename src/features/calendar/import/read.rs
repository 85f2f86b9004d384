//! A file becomes events, or a sentence on why not. Files come from strangers: their size, their number of events and how often those
//! repeat are bounded before anything is made of them.

use crate::{
    features::{activities, calendar::ics},
    kernel::calendar,
};
use calcard::{
    Entry, Parser,
    common::{PartialDateTime, timezone::Tz as FileZone},
    icalendar::{
        ICalendar, ICalendarComponent, ICalendarComponentType as Kind, ICalendarFrequency as Often, ICalendarParameter,
        ICalendarParameterName, ICalendarProperty as P, ICalendarStatus, ICalendarValue as Value,
        dates::{CalendarEvent, TimeOrDelta},
    },
};
use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Largest file.
pub const LARGEST: usize = 4 * 1024 * 1024;
/// Events that one file may hold, and occurrences that may come of them.
const MOST: usize = 5_000;
/// Occurrences that are gone through to find those of the two years.
const WALKED: usize = 30_000;
/// Rules that still go on; each may take a while to find that it never comes true.
const RULES: usize = 500;
/// Days back and ahead.
const WITHIN: i64 = 366;

/// An event as it will be kept.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Incoming {
    /// A hash of its identity.
    pub uid: String,
    /// One of our own that comes back.
    pub own: Option<Uuid>,
    pub subject: String,
    pub start_at: Option<DateTime<Utc>>,
    pub due_on: Option<NaiveDate>,
    pub minutes: Option<i32>,
    pub location: Option<String>,
    pub video_url: Option<String>,
    /// Plain text.
    pub notes: Option<String>,
    /// A hash of the UID, when a rule made it.
    #[serde(default)]
    pub series: Option<String>,
    /// SEQUENCE, and LAST-MODIFIED in seconds: of two that differ the later stands.
    #[serde(default)]
    pub sequence: i64,
    #[serde(default)]
    pub modified: Option<i64>,
}

impl Incoming {
    /// The same for what would be kept as the same.
    pub fn fingerprint(&self) -> String {
        let said =
            (&self.subject, self.start_at, self.due_on, self.minutes, &self.location, &self.video_url, &self.notes);
        hash(&format!("{said:?}"))
    }
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub events: Vec<Incoming>,
    /// Identities of those that the file says are off.
    #[serde(default)]
    pub cancelled: Vec<String>,
    /// Why others stay out, with how many.
    pub left_out: BTreeMap<String, usize>,
}

/// Reads a file; floating times are those of `zone`.
pub fn read(bytes: &[u8], zone: Tz, now: DateTime<Utc>) -> Result<Found, String> {
    let text = text(bytes)?;
    if text.to_ascii_uppercase().matches("BEGIN:VEVENT").count() > MOST {
        return Err(format!("holds more than {MOST} events. Export a shorter time."));
    }
    let mut found = Found::default();
    let mut parser = Parser::new(text);
    let (mut calendars, mut walked) = (0, 0);
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                calendars += 1;
                walked += take(calendar, zone, now, &mut found)?;
                if walked >= WALKED || found.events.len() > MOST {
                    return Err("repeats too often to be imported. Export a shorter time.".into());
                }
            }
            Entry::Eof => break,
            Entry::TooManyComponents => return Err("is nested too deeply to be a calendar.".into()),
            Entry::UnterminatedComponent(_) => {
                return Err("breaks off in the middle. Export or download it again.".into());
            }
            _ => *found.left_out.entry("lines that cannot be read".into()).or_default() += 1,
        }
    }
    if calendars == 0 {
        return Err("is no calendar: an .ics file begins with BEGIN:VCALENDAR.".into());
    }
    // Of an identity that occurs twice, the first stands.
    let mut seen = std::collections::HashSet::new();
    found.events.retain(|event| seen.insert(event.uid.clone()));
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("is in UTF-16, and calendars are in UTF-8 (RFC 5545). Save it as UTF-8.".into());
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| "is not in UTF-8, as calendars are (RFC 5545). Save it as UTF-8.".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err("is no calendar: it holds NUL characters.".into());
    }
    let start = text.trim_start();
    if !start.get(..15).is_some_and(|head| head.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err("is no calendar: an .ics file begins with BEGIN:VCALENDAR.".into());
    }
    if !start.trim_end().to_ascii_uppercase().ends_with("END:VCALENDAR") {
        return Err("breaks off in the middle. Export or download it again.".into());
    }
    Ok(start)
}

/// Returns how many occurrences were gone through.
fn take(mut calendar: ICalendar, zone: Tz, now: DateTime<Utc>, found: &mut Found) -> Result<usize, String> {
    let (oldest, last) = (now - Duration::days(WITHIN), now + Duration::days(WITHIN));
    for component in calendar.components.iter_mut().filter(|component| is_over(component, oldest)) {
        forget_times(component);
        *found.left_out.entry("more than a year away".into()).or_default() += 1;
    }
    let rules =
        calendar.components.iter().filter(|c| c.component_type == Kind::VEvent && c.has_property(&P::Rrule)).count();
    if rules > RULES {
        return Err(format!("holds more than {RULES} events that go on repeating. Export a shorter time."));
    }
    for component in &mut calendar.components {
        if bound(component, last) {
            *found.left_out.entry("repeat more often than daily".into()).or_default() += 1;
        }
    }
    let others =
        calendar.components.iter().filter(|c| matches!(c.component_type, Kind::VTodo | Kind::VJournal)).count();
    if others > 0 {
        *found.left_out.entry("to-dos and journals".into()).or_default() += others;
    }
    calendar.components.iter_mut().filter(|c| c.component_type != Kind::VEvent).for_each(forget_times);
    calendar.components.iter_mut().for_each(name_utc);
    let expanded = calendar.expand_dates(zone, WALKED);
    let errors = expanded
        .errors
        .iter()
        .filter(|error| calendar.component_by_id(error.comp_id).is_some_and(|component| !component.entries.is_empty()));
    for _ in errors {
        *found.left_out.entry("without a time that can be read".into()).or_default() += 1;
    }
    let walked = expanded.events.len();
    for event in expanded.events {
        let Some(component) = calendar.component_by_id(event.comp_id) else { continue };
        if component.status() == Some(&ICalendarStatus::Cancelled) {
            let uid = text_of(component, &P::Uid).unwrap_or_default();
            found.cancelled.push(identity(component, &uid, &event, instant(&event.start, zone)));
        }
        match incoming(component, &event, zone, now) {
            Ok(event) => found.events.push(event),
            Err(why) => *found.left_out.entry(why.to_owned()).or_default() += 1,
        }
    }
    Ok(walked)
}

/// A rule is gone through by the clock of the start's zone, which calcard looks for in TZID only: a start in UTC gets one.
fn name_utc(component: &mut ICalendarComponent) {
    let start = component.entries.iter_mut().find(|entry| entry.name == P::Dtstart);
    let Some(start) = start.filter(|start| start.tz_id().is_none()) else { return };
    let said = start.values.first().and_then(Value::as_partial_date_time);
    if said.is_some_and(|at| at.tz_hour == Some(0) && at.tz_minute.unwrap_or(0) == 0) {
        start.params.push(ICalendarParameter::new(ICalendarParameterName::Tzid, "UTC".to_owned()));
    }
}

/// Whether it repeated, and ended before that.
fn is_over(component: &ICalendarComponent, before: DateTime<Utc>) -> bool {
    let rule = first(component, &P::Rrule).filter(|_| component.component_type == Kind::VEvent);
    let Some(Value::RecurrenceRule(rule)) = rule else { return false };
    rule.until.as_ref().and_then(PartialDateTime::to_timestamp).is_some_and(|at| at < before.timestamp())
}

/// Rules end a year from now; whether one was taken away, because it repeats within a day.
fn bound(component: &mut ICalendarComponent, last: DateTime<Utc>) -> bool {
    let mut too_often = false;
    for entry in component.entries.iter_mut().filter(|entry| entry.name == P::Rrule) {
        for value in &mut entry.values {
            let Value::RecurrenceRule(rule) = value else { continue };
            let small = rule.byhour.len() > 1 || rule.byminute.len() > 1 || rule.bysecond.len() > 1;
            too_often |= small || matches!(rule.freq, Often::Secondly | Often::Minutely | Often::Hourly);
            let sooner =
                rule.until.as_ref().and_then(PartialDateTime::to_timestamp).is_some_and(|at| at < last.timestamp());
            if !sooner && rule.count.is_none_or(|count| count > 1_000) {
                rule.until = Some(partial(last));
                rule.count = None;
            }
        }
    }
    if too_often {
        component.entries.retain(|entry| entry.name != P::Rrule);
    }
    too_often
}

fn partial(at: DateTime<Utc>) -> PartialDateTime {
    let (date, small) = (at.date_naive(), |n: u32| u8::try_from(n).ok());
    PartialDateTime {
        year: u16::try_from(date.year()).ok(),
        month: small(date.month()),
        day: small(date.day()),
        hour: Some(0),
        minute: Some(0),
        second: Some(0),
        tz_hour: Some(0),
        tz_minute: Some(0),
        tz_minus: false,
    }
}

/// What is no event is not expanded; time zones keep what they say.
fn forget_times(component: &mut ICalendarComponent) {
    if !matches!(component.component_type, Kind::VTimezone | Kind::Standard | Kind::Daylight | Kind::VCalendar) {
        component.entries.clear();
    }
}

type Occurrence = CalendarEvent<DateTime<FileZone>, TimeOrDelta<DateTime<FileZone>, TimeDelta>>;

fn incoming(
    component: &ICalendarComponent,
    event: &Occurrence,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Incoming, &'static str> {
    if component.component_type != Kind::VEvent {
        return Err("to-dos and journals");
    }
    if component.status() == Some(&ICalendarStatus::Cancelled) {
        return Err("cancelled");
    }
    let timed =
        first(component, &P::Dtstart).and_then(Value::as_partial_date_time).is_some_and(PartialDateTime::has_time);
    let start = instant(&event.start, zone);
    let day = event.start.naive_local().date();
    if calendar::parse_date(&day.to_string()).is_err() {
        return Err("without a time that can be read");
    }
    if (start - now).num_days().abs() > WITHIN {
        return Err("more than a year away");
    }
    let length = match &event.end {
        TimeOrDelta::Time(end) => instant(end, zone) - start,
        TimeOrDelta::Delta(delta) => *delta,
    };
    let said = first(component, &P::Dtend).is_some() || first(component, &P::Duration).is_some();
    let minutes = i32::try_from(length.num_minutes()).unwrap_or(0).clamp(0, 43_200);
    let minutes = match timed {
        true if said && minutes > 0 => Some(minutes),
        false if minutes > 1_440 => Some(minutes),
        _ => None,
    };
    let uid = text_of(component, &P::Uid).unwrap_or_default();
    Ok(Incoming {
        own: ics::of_uid(uid.trim()),
        uid: identity(component, &uid, event, start),
        series: repeats(component).then(|| hash(uid.trim())),
        sequence: match first(component, &P::Sequence) {
            Some(Value::Integer(sequence)) => *sequence,
            _ => 0,
        },
        modified: first(component, &P::LastModified)
            .and_then(Value::as_partial_date_time)
            .and_then(PartialDateTime::to_timestamp),
        subject: text_of(component, &P::Summary)
            .map(|text| one_line(&text, 200))
            .filter(|s| !s.is_empty())
            .unwrap_or_else(|| "Untitled".into()),
        start_at: timed.then_some(start),
        due_on: (!timed).then_some(day),
        minutes,
        location: text_of(component, &P::Location).map(|text| one_line(&text, 255)).filter(|text| !text.is_empty()),
        video_url: text_of(component, &P::Url).filter(|url| is_web(url)),
        notes: text_of(component, &P::Description).map(|text| ics::clean(&text).chars().take(5_000).collect()),
    })
}

/// The moment: what floats is the reader's own clock.
fn instant(at: &DateTime<FileZone>, zone: Tz) -> DateTime<Utc> {
    if at.timezone().is_floating() {
        let local = at.naive_local();
        return activities::instant(local.date(), local.time(), zone);
    }
    at.with_timezone(&Utc)
}

/// UID, and of what repeats which of its occurrences.
fn identity(component: &ICalendarComponent, uid: &str, event: &Occurrence, start: DateTime<Utc>) -> String {
    let occurrence = match first(component, &P::RecurrenceId).and_then(Value::as_partial_date_time) {
        Some(of) => format!("{of:?}"),
        None if repeats(component) => start.timestamp().to_string(),
        None => String::new(),
    };
    let name = if uid.trim().is_empty() {
        format!("{:?}{:?}", text_of(component, &P::Summary), event.start.naive_local())
    } else {
        uid.trim().to_owned()
    };
    hash(&format!("{name}\n{occurrence}"))
}

fn repeats(component: &ICalendarComponent) -> bool {
    component.has_property(&P::Rrule) || component.has_property(&P::Rdate)
}

fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

fn first<'a>(component: &'a ICalendarComponent, property: &P) -> Option<&'a Value> {
    component.property(property)?.values.first()
}

fn text_of(component: &ICalendarComponent, property: &P) -> Option<String> {
    let entry = component.property(property)?;
    let parts: Vec<&str> = entry.values.iter().filter_map(Value::as_text).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn one_line(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect::<String>().trim().to_owned()
}

fn is_web(url: &str) -> bool {
    url.len() <= 500
        && url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}
