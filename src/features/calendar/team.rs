//! People side by side: a day as a table, a row for each, what is busy, free and outside their hours; and when all of them have time.

use super::{
    free,
    hours::{Hours, Interval},
    span::Entry,
};
use crate::{
    features::{accounts::members::Person, activities},
    web::Actor,
};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Timelike, Utc};
use std::fmt::Write;
use uuid::Uuid;

/// Lengths to look for, in minutes.
pub const LENGTHS: &[i64] = &[15, 30, 45, 60, 90, 120, 180];
/// Days that suggestions lie within.
pub const AHEAD: u64 = 14;
const SUGGESTED: usize = 12;
/// Cells of an hour.
const QUARTERS: u32 = 4;

pub struct Board {
    /// Heads of the columns, an hour each.
    pub hours: Vec<String>,
    pub rows: Vec<Row>,
    pub length: i64,
    pub suggestions: Vec<Suggestion>,
}

pub struct Row {
    pub person: Person,
    /// `09:00 – 17:00`, in the reader's zone; with the person's zone where it is another one. Empty: not at work that day.
    pub hours: String,
    pub whole_days: Vec<(Option<String>, String)>,
    pub cells: Vec<Cell>,
    /// The same from top to bottom, for narrow screens.
    pub stretches: Vec<Stretch>,
}

/// A time that is all free, all outside working hours, or busy with the same.
pub struct Stretch {
    /// As a cell's.
    pub kind: &'static str,
    /// `14:30 – 15:00`
    pub told: String,
    pub items: Vec<(Option<String>, String)>,
    /// Of what is free: where something is planned then.
    pub plan: Option<String>,
}

/// Quarters of an hour that are alike.
pub struct Cell {
    pub span: u32,
    /// `free`, `off` or `busy`.
    pub kind: &'static str,
    /// `14:30`, the beginning of it.
    pub time: String,
    /// Of what is busy: `14:30 – 15:00`, and what with.
    pub told: String,
    pub items: Vec<(Option<String>, String)>,
}

pub struct Suggestion {
    /// `Mon 30 Nov`.
    pub day: String,
    pub time: String,
    pub href: String,
}

/// What there is to lay out; `entries` reach from the day over the suggestions' days.
pub struct Asked<'a> {
    pub day: NaiveDate,
    pub people: Vec<Person>,
    pub hours: &'a [Hours],
    pub entries: &'a [Entry],
    pub length: i64,
    /// The page, for coming back to it.
    pub back: &'a str,
}

pub fn board(actor: &Actor, asked: Asked<'_>) -> Board {
    let (open, close) = shown_hours(actor, &asked);
    let length = if LENGTHS.contains(&asked.length) { asked.length } else { 30 };
    // "10 AM": a column is narrow.
    let short = |time: NaiveTime| actor.locale.time(time).replacen(":00 ", " ", 1);
    let hour = |h: u32| NaiveTime::from_hms_opt(h, 0, 0).map(short).unwrap_or_default();
    Board {
        hours: (open..close).map(hour).collect(),
        suggestions: suggestions(actor, &asked, length),
        rows: asked.people.iter().map(|person| row(actor, &asked, person, open, close)).collect(),
        length,
    }
}

/// That time of that day where the reader is.
fn moment(actor: &Actor, day: NaiveDate, quarter: u32) -> DateTime<Utc> {
    let (hour, minute) = (quarter / QUARTERS, quarter % QUARTERS * 15);
    match NaiveTime::from_hms_opt(hour, minute, 0) {
        Some(time) => activities::instant(day, time, actor.zone),
        None => activities::instant(day + chrono::Days::new(1), NaiveTime::MIN, actor.zone),
    }
}

fn day_of(actor: &Actor, day: NaiveDate) -> Interval {
    (moment(actor, day, 0), moment(actor, day, 24 * QUARTERS))
}

/// The whole hours in which anybody works or is busy that day; eight to six at least.
fn shown_hours(actor: &Actor, asked: &Asked<'_>) -> (u32, u32) {
    let day = day_of(actor, asked.day);
    let work = asked.hours.iter().flat_map(|hours| hours.at_work(actor.org.working_days, day));
    let busy = asked.entries.iter().filter_map(Entry::busy).filter(|(a, b)| *a < day.1 && *b > day.0);
    let clipped = work.chain(busy).map(|(a, b)| (a.max(day.0), b.min(day.1)));
    clipped.fold((8, 18), |(open, close), (from, to)| {
        let first = from.with_timezone(&actor.zone).hour();
        let last = (to - Duration::seconds(1)).with_timezone(&actor.zone).hour() + 1;
        (open.min(first), close.max(last))
    })
}

fn row(actor: &Actor, asked: &Asked<'_>, person: &Person, open: u32, close: u32) -> Row {
    let day = day_of(actor, asked.day);
    let theirs: Vec<&Entry> = asked.entries.iter().filter(|e| e.people.contains(&person.id.0)).collect();
    let hours = asked.hours.iter().find(|h| h.member == person.id.0);
    let work = hours.map(|h| h.at_work(actor.org.working_days, day)).unwrap_or_default();
    let whole = theirs.iter().filter(|e| e.seen && e.start_at.is_none());
    let cells = cells(actor, asked.day, &theirs, &work, open, close);
    let today = |e: &&&Entry| e.days(actor.zone).is_some_and(|(from, to)| from <= asked.day && asked.day < to);
    Row {
        hours: told_hours(actor, hours, &work),
        whole_days: whole.filter(today).map(|e| item(e)).collect(),
        stretches: stretches(actor, asked, person, open, &cells),
        cells,
        person: person.clone(),
    }
}

fn told_hours(actor: &Actor, hours: Option<&Hours>, work: &[Interval]) -> String {
    let Some((from, to)) = work.first() else { return String::new() };
    let mut told = between(actor, *from, *to);
    if let Some(hours) = hours.filter(|h| h.zone != actor.zone) {
        let city = hours.zone.name().rsplit('/').next().unwrap_or_default().replace('_', " ");
        let _ = write!(told, " · {city}");
    }
    told
}

fn between(actor: &Actor, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let time = |at: DateTime<Utc>| actor.locale.time(at.with_timezone(&actor.zone).time());
    format!("{} – {}", time(from), time(to))
}

fn item(entry: &Entry) -> (Option<String>, String) {
    if entry.seen { (Some(format!("/activities/{}", entry.id)), entry.subject.clone()) } else { (None, "Busy".into()) }
}

fn cells(actor: &Actor, day: NaiveDate, theirs: &[&Entry], work: &[Interval], open: u32, close: u32) -> Vec<Cell> {
    let blocks = free::union(&theirs.iter().filter_map(|e| e.busy()).collect::<Vec<_>>());
    let mut cells: Vec<(Option<usize>, Cell)> = Vec::new();
    for quarter in open * QUARTERS..close * QUARTERS {
        let (from, to) = (moment(actor, day, quarter), moment(actor, day, quarter + 1));
        let block = blocks.iter().position(|(a, b)| *a < to && *b > from);
        let at_work = work.iter().any(|(a, b)| *a <= from && to <= *b);
        let kind = match (block, at_work) {
            (Some(_), _) => "busy",
            (None, true) => "free",
            (None, false) => "off",
        };
        let new_hour = block.is_none() && quarter % QUARTERS == 0;
        match cells.last_mut() {
            Some((last, cell)) if *last == block && cell.kind == kind && !new_hour => cell.span += 1,
            _ => cells.push((block, cell(actor, theirs, block.map(|i| blocks[i]), kind, from))),
        }
    }
    cells.into_iter().map(|(_, cell)| cell).collect()
}

fn cell(actor: &Actor, theirs: &[&Entry], block: Option<Interval>, kind: &'static str, from: DateTime<Utc>) -> Cell {
    let within = |e: &&&Entry| e.busy().zip(block).is_some_and(|((a, b), (from, to))| a < to && b > from);
    let mut items: Vec<(Option<String>, String)> = theirs.iter().filter(within).map(|e| item(e)).collect();
    items.dedup();
    Cell {
        span: 1,
        kind,
        time: activities::time_value(from.with_timezone(&actor.zone).time()),
        told: block.map(|(from, to)| between(actor, from, to)).unwrap_or_default(),
        items,
    }
}

fn stretches(actor: &Actor, asked: &Asked<'_>, person: &Person, open: u32, cells: &[Cell]) -> Vec<Stretch> {
    let alike = |a: &Cell, b: &Cell| a.kind == b.kind && a.kind != "busy";
    let mut quarter = open * QUARTERS;
    let mut found = Vec::new();
    for run in cells.chunk_by(alike) {
        let first = quarter;
        quarter += run.iter().map(|cell| cell.span).sum::<u32>();
        let Some(cell) = run.first() else { continue };
        let (from, to) = (moment(actor, asked.day, first), moment(actor, asked.day, quarter));
        found.push(Stretch {
            kind: cell.kind,
            told: if cell.told.is_empty() { between(actor, from, to) } else { cell.told.clone() },
            items: cell.items.clone(),
            plan: (cell.kind == "free").then(|| planned(actor, from, 30, &[person.id.0], asked.back)),
        });
    }
    found
}

fn suggestions(actor: &Actor, asked: &Asked<'_>, length: i64) -> Vec<Suggestion> {
    let from = moment(actor, asked.day, 0);
    let span = (from, moment(actor, asked.day + chrono::Days::new(AHEAD), 0));
    let at_work: Vec<Vec<Interval>> =
        asked.hours.iter().map(|hours| hours.at_work(actor.org.working_days, span)).collect();
    let busy: Vec<Interval> = asked.entries.iter().filter_map(Entry::busy).collect();
    let starts = free::suggest(&at_work, &busy, Duration::minutes(length), Utc::now(), actor.zone, SUGGESTED);
    let ids: Vec<Uuid> = asked.people.iter().map(|person| person.id.0).collect();
    starts.into_iter().map(|start| suggestion(actor, start, length, &ids, asked.back)).collect()
}

fn suggestion(actor: &Actor, start: DateTime<Utc>, length: i64, people: &[Uuid], back: &str) -> Suggestion {
    let href = planned(actor, start, length, people, back);
    let local = start.with_timezone(&actor.zone);
    let (day, time) = (local.date_naive(), local.time());
    let today = actor.today();
    let day = format!("{} {}", actor.locale.weekday_short(day), actor.locale.day(day, today));
    let end = (start + Duration::minutes(length)).with_timezone(&actor.zone).time();
    Suggestion { day, time: format!("{} – {}", actor.locale.time(time), actor.locale.time(end)), href }
}

/// The form of an activity then, with these.
fn planned(actor: &Actor, start: DateTime<Utc>, length: i64, people: &[Uuid], back: &str) -> String {
    let local = start.with_timezone(&actor.zone);
    let (day, time) = (local.date_naive(), activities::time_value(local.time()));
    let mut href = format!("/activities/new?on={day}&time={time}&minutes={length}");
    for id in people.iter().filter(|id| **id != actor.id.0) {
        let _ = write!(href, "&with={id}");
    }
    let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let _ = write!(href, "&back={back}");
    href
}
