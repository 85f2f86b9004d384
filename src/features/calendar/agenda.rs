//! A span as a list, day by day: the agenda, and what a calendar is without a script.

use super::{
    choice::Period,
    span::{self, Entry},
};
use crate::{
    features::{accounts::members::Person, activities::Tone},
    web::Actor,
};
use chrono::{Days, NaiveDate, Utc};

/// A day that has something.
pub struct Day {
    /// `Today, Saturday 28 Nov`.
    pub label: String,
    pub iso: String,
    pub today: bool,
    pub lines: Vec<Line>,
}

pub struct Line {
    /// None: busy, and not the reader's to see.
    pub href: Option<String>,
    pub subject: String,
    /// `14:30 – 15:00`, `All day`.
    pub when: String,
    pub icon: String,
    pub color: String,
    pub type_name: String,
    pub about: Vec<(String, String)>,
    pub location: String,
    pub closed: bool,
    pub overdue: bool,
    /// Whose, when several calendars are looked at.
    pub people: Vec<Person>,
}

/// At most `most` of them; when that is not all, the day to go on with.
pub fn days(
    actor: &Actor,
    period: &Period,
    entries: &[Entry],
    directory: &[Person],
    several: bool,
    most: usize,
) -> (Vec<Day>, Option<NaiveDate>) {
    let today = actor.today();
    let mut placed: Vec<(NaiveDate, bool, Line)> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.seen || entry.busy().is_some()) {
        let Some((first, _)) = entry.days(actor.zone) else { continue };
        let day = first.max(period.shown.from);
        if day < period.shown.to {
            placed.push((day, entry.start_at.is_some(), line(actor, entry, directory, several)));
        }
    }
    // Of a day what lasts all of it first, and then in the order of the statement: by time.
    placed.sort_by_key(|(day, timed, _)| (*day, *timed));
    // A day that fills a page by itself is not shown for ever.
    let first = placed.first().map(|(day, ..)| *day);
    let more = placed.get(most).map(|(day, ..)| if Some(*day) == first { *day + Days::new(1) } else { *day });
    let mut days: Vec<Day> = Vec::new();
    for (day, _, line) in placed.into_iter().take(most) {
        let iso = day.to_string();
        if days.last().is_none_or(|last| last.iso != iso) {
            days.push(Day { label: label(actor, day, today), iso, today: day == today, lines: Vec::new() });
        }
        if let Some(last) = days.last_mut() {
            last.lines.push(line);
        }
    }
    (days, more)
}

fn label(actor: &Actor, day: NaiveDate, today: NaiveDate) -> String {
    let date = actor.locale.weekday_and_day(day, today);
    match (day - today).num_days() {
        0 => format!("Today, {date}"),
        1 => format!("Tomorrow, {date}"),
        -1 => format!("Yesterday, {date}"),
        _ => date,
    }
}

fn line(actor: &Actor, entry: &Entry, directory: &[Person], several: bool) -> Line {
    let when = match (entry.clocks(actor.zone), entry.due_on) {
        (Some((start, Some(end))), _) => {
            format!("{} – {}", actor.locale.time(start.time()), actor.locale.time(end.time()))
        }
        (Some((start, None)), _) => actor.locale.time(start.time()),
        (None, Some(day)) if span::whole_days(entry.minutes) > 1 => {
            let last = day + Days::new(u64::try_from(span::whole_days(entry.minutes) - 1).unwrap_or(0));
            format!("until {}", actor.locale.day(last, actor.today()))
        }
        _ => "All day".into(),
    };
    let whose = directory.iter().filter(|person| several && entry.people.contains(&person.id.0));
    let people = whose.cloned().collect();
    if !entry.seen {
        return Line {
            href: None,
            subject: "Busy".into(),
            when,
            icon: "lock".into(),
            color: "slate".into(),
            type_name: "Not yours to see".into(),
            about: vec![],
            location: String::new(),
            closed: false,
            overdue: false,
            people,
        };
    }
    Line {
        href: Some(format!("/activities/{}", entry.id)),
        subject: entry.subject.clone(),
        when,
        icon: entry.type_icon.clone(),
        color: entry.type_color.clone(),
        type_name: entry.type_name.clone(),
        about: entry.about().into_iter().map(|(href, name)| (href, name.to_owned())).collect(),
        location: entry.location.clone().unwrap_or_default(),
        closed: !entry.is_open(),
        overdue: entry.is_open() && entry.slot().tone(entry.minutes, actor, Utc::now()) == Tone::Overdue,
        people,
    }
}
