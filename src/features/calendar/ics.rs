//! Activities in the words of RFC 5545. Times are UTC, so that no reader needs our rules of any time zone; days are dates.

use super::span::whole_days;
use crate::features::mails;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use uuid::Uuid;

const PRODUCT: &str = "-//Pipewright//Calendar//EN";
const UID: &str = "@pipewright";

/// What is said of an activity.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub id: Uuid,
    pub subject: &'a str,
    pub start_at: Option<DateTime<Utc>>,
    pub due_on: Option<NaiveDate>,
    pub minutes: Option<i32>,
    pub location: Option<&'a str>,
    pub video_url: Option<&'a str>,
    /// Sanitised HTML.
    pub notes: Option<&'a str>,
    /// Lines before the notes.
    pub lines: Vec<String>,
    pub status: EventStatus,
    /// Whether others see its owner as busy meanwhile.
    pub busy: bool,
    pub sequence: u32,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// The same for an activity wherever it is told, and whatever the address of this installation becomes: feeds and invitations speak of
/// one thing.
pub fn uid(id: Uuid) -> String {
    format!("{id}{UID}")
}

/// The activity of that identity, if it is one of ours.
pub fn of_uid(uid: &str) -> Option<Uuid> {
    uid.strip_suffix(UID)?.parse().ok()
}

/// Without components yet.
pub fn calendar() -> Calendar {
    let mut calendar = Calendar::empty();
    calendar
        .append_property(Property::new("VERSION", "2.0"))
        .append_property(Property::new("PRODID", PRODUCT))
        .append_property(Property::new("CALSCALE", "GREGORIAN"));
    calendar
}

/// None of what has neither a time nor a day.
pub fn event(item: &Item<'_>) -> Option<Event> {
    let mut event = Event::with_uid(&uid(item.id));
    match (item.start_at, item.due_on) {
        (Some(start), _) => {
            event.starts(start);
            event.ends(start + Duration::minutes(i64::from(item.minutes.unwrap_or(30))));
        }
        (None, Some(day)) => {
            event.starts(day);
            event.ends(day + Duration::days(whole_days(item.minutes)));
        }
        (None, None) => return None,
    }
    event
        .summary(&clean(item.subject))
        .status(item.status)
        .sequence(item.sequence)
        .timestamp(item.updated_at)
        .last_modified(item.updated_at)
        .add_property("TRANSP", if item.busy { "OPAQUE" } else { "TRANSPARENT" });
    if let Some(at) = item.created_at {
        event.created(at);
    }
    if let Some(place) = item.location.or(item.video_url) {
        event.location(&clean(place));
    }
    let mut lines: Vec<String> = item.lines.iter().map(|line| clean(line)).collect();
    lines.extend(item.notes.map(mails::plain).map(|notes| clean(&notes)));
    lines.extend(item.video_url.map(clean));
    lines.retain(|line| !line.trim().is_empty());
    if !lines.is_empty() {
        event.description(&lines.join("\n"));
    }
    Some(event)
}

/// Text without what no line of a calendar may hold: control characters but for line ends, which are `\n` alone.
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_line() {
        let nasty = format!("{}{}", "A\r\nEND:VEVENT\r\nBEGIN:VEVENT; \\ , \"x\"\u{0}\u{7} ", "ö".repeat(200));
        let item = Item {
            id: Uuid::nil(),
            subject: &nasty,
            start_at: None,
            due_on: NaiveDate::from_ymd_opt(2026, 3, 29),
            minutes: None,
            location: Some(&nasty),
            video_url: None,
            notes: None,
            lines: vec![nasty.clone()],
            status: EventStatus::Confirmed,
            busy: false,
            sequence: 3,
            created_at: None,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let mut calendar = calendar();
        calendar.extend(event(&item));
        let text = calendar.to_string();
        assert!(text.lines().all(|line| line.len() <= 75) && !text.contains('\u{7}'), "{text}");
        assert_eq!(text.matches("\r\nBEGIN:VEVENT\r\n").count(), 1);
        assert!(
            text.contains("DTSTART;VALUE=DATE:20260329\r\n") && text.contains("DTEND;VALUE=DATE:20260330\r\n"),
            "{text}"
        );
        let wanted = clean(&nasty);
        let Some(calcard::Entry::ICalendar(read)) = Some(calcard::Parser::new(&text).entry()) else { unreachable!() };
        let summary = read.components.iter().find_map(|c| c.property(&calcard::icalendar::ICalendarProperty::Summary));
        assert_eq!(summary.and_then(|s| s.values.first()).and_then(|v| v.as_text()), Some(wanted.as_str()));
    }
}
