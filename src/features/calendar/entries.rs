//! `GET /calendar/entries`: a span of some calendars as compact JSON, for the calendar's script; and the same for the page it stands on.
//!
//! Keys: `i` id, `v` version, `t` title, `s` start and `e` end (clock of the reader's zone, or days), `c` colour, `k` icon, `n` type,
//! `p` whose (places in the list that was asked for), `l` location, `a` what it is about, `x` done or cancelled, `o` overdue, `w` a task;
//! `b` is busy: nothing else is known of it.

use super::{
    choice::{Choice, MOST},
    span::{self, Asked, Entry},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::activities::Tone,
    kernel::calendar::{self, Span},
    web::{Actor, Form, Page, permission::activities::View},
};
use actix_web::{HttpResponse, web::Data};
use chrono::{DateTime, Days, NaiveDateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// Entries of one answer. Far more than anybody reads; what is beyond them is the latest.
const LIMIT: i64 = 5_000;
/// Days one may ask for.
const LONGEST: i64 = 100;

#[derive(Serialize, Debug)]
pub(super) struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<Uuid>,
    #[serde(skip_serializing_if = "is_zero")]
    v: i32,
    t: String,
    s: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    c: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    k: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    n: String,
    p: Vec<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    l: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    a: String,
    #[serde(skip_serializing_if = "is_false")]
    x: bool,
    #[serde(skip_serializing_if = "is_false")]
    o: bool,
    #[serde(skip_serializing_if = "is_false")]
    w: bool,
    #[serde(skip_serializing_if = "is_false")]
    b: bool,
}

fn is_zero(n: &i32) -> bool {
    *n == 0
}

fn is_false(b: &bool) -> bool {
    !*b
}

/// `GET /calendar/entries`: `from` and `to` (the seven days from today, unless said otherwise), and otherwise as the page
pub(super) async fn list(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let mut p = query.parser();
    let (from, to) = (p.optional("from", calendar::parse_date), p.optional("to", calendar::parse_date));
    p.finish()?;
    let from = from.unwrap_or_else(|| page.actor.today());
    let to = to.unwrap_or(from + Days::new(7));
    if to <= from || (to - from).num_days() > LONGEST {
        return Err(AppError::field("to", format!("must lie after from, by at most {LONGEST} days")));
    }
    let actor = page.actor.clone();
    let told = db
        .org(&page, move |tx| {
            let choice = Choice::load(tx, actor.id)?.with(&query);
            let entries = of(tx, &actor, &choice, Span { from, to })?;
            Ok(tell(&actor, &choice.whose(&actor), &entries))
        })
        .await?;
    Ok(HttpResponse::Ok().json(told))
}

/// What the choice shows of those days, in the reader's zone.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, choice: &Choice, days: Span) -> AppResult<Vec<Entry>> {
    let mut people = choice.whose(actor);
    people.truncate(MOST);
    let asked =
        Asked { people: &people, span: days, zone: actor.zone, types: &choice.types, full: false, limit: LIMIT };
    span::load(tx, actor, &asked)
}

pub(super) fn tell(actor: &Actor, people: &[Uuid], entries: &[Entry]) -> Vec<Told> {
    let now = Utc::now();
    entries.iter().filter_map(|entry| told(actor, people, entry, now)).collect()
}

fn told(actor: &Actor, people: &[Uuid], entry: &Entry, now: DateTime<Utc>) -> Option<Told> {
    let (s, e) = match (entry.clocks(actor.zone), entry.due_on) {
        (Some((start, end)), _) => (wall(start), end.map(wall)),
        (None, Some(day)) => {
            let days = span::whole_days(entry.minutes);
            (day.to_string(), (days > 1).then(|| (day + chrono::Duration::days(days)).to_string()))
        }
        (None, None) => return None,
    };
    let p = people.iter().enumerate().filter(|(_, id)| entry.people.contains(id)).map(|(place, _)| place).collect();
    let shown = |text: &str| if entry.seen { text.to_owned() } else { String::new() };
    if !entry.seen && entry.busy().is_none() {
        return None;
    }
    Some(Told {
        i: entry.seen.then_some(entry.id),
        v: if entry.seen { entry.version } else { 0 },
        t: if entry.seen { entry.subject.clone() } else { "Busy".into() },
        s,
        e,
        c: shown(&entry.type_color),
        k: shown(&entry.type_icon),
        n: shown(&entry.type_name),
        p,
        l: shown(entry.location.as_deref().unwrap_or_default()),
        a: shown(&entry.about().iter().map(|(_, name)| *name).collect::<Vec<_>>().join(" · ")),
        x: entry.seen && !entry.is_open(),
        o: entry.seen && entry.is_open() && entry.slot().tone(entry.minutes, actor, now) == Tone::Overdue,
        w: entry.seen && entry.is_task(),
        b: !entry.seen,
    })
}

fn wall(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M").to_string()
}
