//! `/calendar`: the page of every view. Day, week and month are drawn by a script from what stands in the page; without one they are the
//! list that the agenda is.

use super::{
    agenda::{self, Day},
    choice::{Choice, Period, VIEWS},
    entries::{self, Told},
    hours::{self, Hours},
    team::{self, Board},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        activities::{self, ActivityType},
    },
    kernel::{ActivityId, calendar::parse_date},
    web::{
        Actor, Allow, Form, Page, Shell,
        permission::{
            Permission,
            activities::{Create, Edit, View},
        },
        reply,
    },
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{Days, NaiveDate, Utc};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// Lines of an agenda at a time.
const LINES: usize = 200;
/// Lines of the list that stands in for a drawn calendar where there is no script; the agenda has the rest.
const UNDRAWN: usize = 50;

#[derive(Template)]
#[template(path = "calendar/index.html")]
struct Index {
    shell: Shell,
    view: &'static str,
    /// The view that is remembered.
    kept: &'static str,
    own: String,
    views: Vec<Tab>,
    title: String,
    date: String,
    before: String,
    today: String,
    after: String,
    people: Vec<Choosable>,
    types: Vec<ActivityType>,
    chosen_types: Vec<Uuid>,
    /// Whose calendars are shown, when they are not just one's own.
    faces: Vec<Person>,
    narrowed: bool,
    days: Vec<Day>,
    /// Where the list goes on.
    more: Option<String>,
    board: Option<Board>,
    lengths: &'static [i64],
    /// For the script: see `static/js/calendar.js`.
    data: String,
    may_create: bool,
    new_href: String,
    /// The form that a click opens.
    quick_id: String,
    quick_types: Vec<ActivityType>,
}

struct Tab {
    key: &'static str,
    label: &'static str,
    icon: &'static str,
    href: String,
    current: bool,
}

struct Choosable {
    person: Person,
    checked: bool,
    own: bool,
}

/// What the script reads.
#[derive(Serialize)]
struct Script<'a> {
    view: &'static str,
    date: String,
    zone: &'a str,
    locale: &'a str,
    twelve: bool,
    now: String,
    from: String,
    to: String,
    hours: Vec<serde_json::Value>,
    people: Vec<serde_json::Value>,
    edit: bool,
    create: bool,
    entries: Vec<Told>,
}

/// `GET /calendar`: `view`, `date`, `person`…, `type`…, `length` (of a free time)
pub(super) async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let day = match query.get("date") {
        "" => page.today(),
        text => parse_date(text).map_err(|told| AppError::field("date", told))?,
    };
    let (actor, shell) = (page.actor.clone(), page.shell("calendar"));
    let shown = db.org(&page, move |tx| load(tx, &actor, &query, day, shell)).await?;
    reply::page(&page.req, &shown)
}

/// `POST /calendar/choice`: `view`, `person`…, `type`…, and `date` to come back to
pub(super) async fn choose(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, posted) = (page.actor.clone(), form.clone());
    let choice = db
        .org(&page, move |tx| {
            let kept = Choice::load(tx, actor.id)?;
            let mut choice = kept.clone().with(&posted);
            let active: Vec<Uuid> = members::directory(tx)?.into_iter().filter(|p| p.active).map(|p| p.id.0).collect();
            choice.people.retain(|id| active.contains(id));
            if choice.people == [actor.id.0] {
                choice.people.clear();
            }
            if choice != kept {
                choice.save(tx, actor.id)?;
            }
            Ok(choice)
        })
        .await?;
    if reply::is_partial(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let date = parse_date(form.get("date")).map(|day| format!("&date={day}")).unwrap_or_default();
    Ok(reply::redirect(&page.req, &format!("/calendar?view={}{date}", choice.view()), None))
}

/// `POST /calendar/activities`: the quick form, sent by the page's script; without one it goes to the form of activities
pub(super) async fn plan(page: Page, by: Allow<Create>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (id, day, subject) = db.org(&page, move |tx| activities::plan_form(tx, &by, &form)).await?;
    let told = match day.and_then(|day| page.org.working_days.warning(day, page.locale)) {
        Some(warning) => format!("{subject} planned. {warning}"),
        None => format!("{subject} planned"),
    };
    Ok(reply::toast(HttpResponse::Created().json(json!({ "i": id })), "success", &told, None))
}

fn load(tx: &mut OrgTx, actor: &Actor, query: &Form, day: NaiveDate, shell: Shell) -> AppResult<Index> {
    let kept = Choice::load(tx, actor.id)?;
    let known = kept.view();
    let choice = kept.with(query);
    let view = choice.view();
    let drawn = matches!(view, "day" | "week" | "month");
    let period = Period::of(view, day);
    let whose = choice.whose(actor);
    let directory = members::directory(tx)?;
    let types = activities::types(tx)?;
    let hours = hours::of(tx, &whose)?;
    let mut days = period.shown;
    if view == "people" {
        days.to = day + Days::new(team::AHEAD);
    }
    let loaded = entries::of(tx, actor, &choice, days)?;
    let several = whose.len() > 1;
    let chosen: Vec<Person> =
        whose.iter().filter_map(|id| directory.iter().find(|p| p.id.0 == *id && p.active).cloned()).collect();
    let here = href(view, day);
    let board = (view == "people").then(|| {
        let length = query.get("length").parse().unwrap_or(30);
        let asked = team::Asked { day, people: chosen.clone(), hours: &hours, entries: &loaded, length, back: &here };
        team::board(actor, asked)
    });
    let (listed, more) = match board {
        Some(_) => (vec![], None),
        None => agenda::days(actor, &period, &loaded, &directory, several, if drawn { UNDRAWN } else { LINES }),
    };
    let told = if drawn {
        let told = entries::tell(actor, &whose, &loaded);
        script(actor, view, day, &period, &chosen, hours.first(), told)?
    } else {
        String::new()
    };
    let tab = |(key, label, icon): &(&'static str, &'static str, &'static str)| Tab {
        key,
        label,
        icon,
        href: href(key, day),
        current: *key == view,
    };
    let people = directory.into_iter().filter(|p| p.active).map(|person| Choosable {
        checked: whose.contains(&person.id.0),
        own: person.id == actor.id,
        person,
    });
    Ok(Index {
        title: period.title(view, day, actor),
        date: day.to_string(),
        before: href(view, period.before),
        today: href(view, actor.today()),
        after: href(view, period.after),
        people: people.collect(),
        quick_types: types.iter().filter(|t| t.retired_at.is_none()).cloned().collect(),
        types,
        narrowed: several || !choice.people.is_empty() || !choice.types.is_empty(),
        chosen_types: choice.types,
        faces: if several || whose.first() != Some(&actor.id.0) { chosen } else { vec![] },
        views: VIEWS.iter().map(tab).collect(),
        days: listed,
        more: more.map(|day| href("agenda", day)),
        board,
        lengths: team::LENGTHS,
        data: told,
        may_create: actor.may(Create::KEY),
        new_href: format!("/activities/new?on={day}&back={}", encoded(&here)),
        quick_id: ActivityId::new().to_string(),
        kept: known,
        own: actor.id.to_string(),
        shell,
        view,
    })
}

fn href(view: &str, day: NaiveDate) -> String {
    format!("/calendar?view={view}&date={day}")
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// JSON for a `script` element, in which no `<` may stand.
fn script(
    actor: &Actor,
    view: &'static str,
    day: NaiveDate,
    period: &Period,
    people: &[Person],
    hours: Option<&Hours>,
    entries: Vec<Told>,
) -> AppResult<String> {
    let working: Vec<usize> = (0..7)
        .filter(|n| actor.org.working_days.includes(crate::kernel::calendar::week(day).from + Days::new(*n)))
        .filter_map(|n| usize::try_from((n + 1) % 7).ok())
        .collect();
    let hours = hours
        .map(|h| json!({ "daysOfWeek": working, "startTime": hours::clock(h.from), "endTime": hours::clock(h.to) }));
    let face = |p: &Person| json!({ "id": p.id, "name": p.name, "initials": p.initials, "class": p.class });
    let script = Script {
        view,
        date: day.to_string(),
        zone: actor.zone.name(),
        locale: actor.locale.tag(),
        twelve: actor.locale.tag() == "en-US",
        now: Utc::now().with_timezone(&actor.zone).format("%Y-%m-%dT%H:%M:%S").to_string(),
        from: period.shown.from.to_string(),
        to: period.shown.to.to_string(),
        hours: hours.into_iter().collect(),
        people: people.iter().map(face).collect(),
        edit: actor.may(Edit::KEY),
        create: actor.may(Create::KEY),
        entries,
    };
    Ok(serde_json::to_string(&script).map_err(anyhow::Error::from)?.replace('<', "\\u003c"))
}
