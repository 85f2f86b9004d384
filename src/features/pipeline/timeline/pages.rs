//! The timeline over HTTP: groups with their first deals, or one group with all of its own, a page at a time.

use super::{
    bars::{self, Bar},
    window::{Mark, Zoom, marks, percent},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::{
            Stage,
            board::{self, Scope, view::Summary},
            frame::{Asked, Frame},
            lanes::{self, By, Lane},
            queries,
        },
        views::Kind,
    },
    kernel::{
        PipelineId,
        calendar::{Span, parse_date},
    },
    web::{Actor, Form, Page, Shell, permission::deals::View, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{Days, NaiveDate};

/// Deals of a group among others, and of one alone.
const FIRST: usize = 6;
const PAGE: usize = 40;
/// Days back at which what is overdue is still shown.
const LATE: u64 = 730;

#[derive(Template)]
#[template(path = "pipeline/timeline.html")]
struct TimelinePage {
    shell: Shell,
    timeline: Timeline,
}

struct Timeline {
    frame: Frame,
    summary: Summary,
    groupings: Vec<Choice>,
    zooms: Vec<Choice>,
    before: String,
    now: String,
    after: String,
    title: String,
    marks: Vec<Mark>,
    today: Option<String>,
    groups: Vec<Group>,
    /// The next page: of groups, or of the one group's deals.
    next: Option<String>,
    /// One group alone: the way back to all of them.
    all: Option<String>,
    /// The list of deals that cannot be drawn.
    undated: String,
    /// Not even elsewhere in time.
    nothing: bool,
}

struct Choice {
    href: String,
    label: &'static str,
    current: bool,
}

struct Group {
    label: String,
    face: Option<(String, String, Option<String>)>,
    color: String,
    bars: Vec<Bar>,
    more: Option<String>,
}

/// `GET /pipeline/{pipeline}/timeline`: the filter, `group_by`, `zoom`, `from` a day; `lane` and `after` of one group, `lanes` of groups.
pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let timeline = db.org(&page, move |tx| load(tx, &actor, *id, &query)).await?;
    reply::page_with(&page.req, timeline.frame.status(), &TimelinePage { shell: page.shell("pipeline"), timeline })
}

/// What the address says of the timeline itself.
struct Look {
    by: By,
    zoom: Zoom,
    day: NaiveDate,
    span: Span,
}

impl Look {
    fn read(actor: &Actor, asked: &Asked, query: &Form) -> AppResult<Self> {
        let unknown = |name: &str| AppError::field(name, "is not one of the choices");
        let by = match asked.shape("group_by") {
            "" => By::Owner,
            key => By::parse(key).ok_or_else(|| unknown("group_by"))?,
        };
        let zoom = match asked.shape("zoom") {
            "" => Zoom::default(),
            key => Zoom::parse(key).ok_or_else(|| unknown("zoom"))?,
        };
        let day = match query.get("from") {
            "" => actor.today(),
            text => parse_date(text).map_err(|told| AppError::field("from", told))?,
        };
        Ok(Self { by, zoom, day, span: zoom.around(day) })
    }

    /// What closes in the window or later; seen from today, what is overdue as well.
    fn earliest(&self, actor: &Actor) -> NaiveDate {
        let now = self.span.from <= actor.today() && actor.today() < self.span.to;
        if now { self.span.from - Days::new(LATE) } else { self.span.from }
    }
}

fn load(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form) -> AppResult<Timeline> {
    let (asked, scope) = Asked::open(tx, actor, Kind::Timeline, id, query)?;
    let frame = Frame::load(tx, actor, &asked)?;
    let look = Look::read(actor, &asked, query)?;
    let stages = queries::stages(tx)?;
    let (groups, next) = match query.get("lane") {
        "" => several(tx, actor, (&asked, &look), &stages, (&scope, query.get("lanes")))?,
        lane => one(tx, actor, (&asked, &look), &stages, (&scope, lane, query.get("after")))?,
    };
    let at = |day: NaiveDate| asked.href(&[("from", &day.to_string())]);
    let month = |day: NaiveDate| actor.locale.month(day);
    let today = actor.today();
    let summary = board::summary(tx, actor, id, &scope)?;
    Ok(Timeline {
        nothing: summary.open_count == "0",
        summary,
        groupings: By::ALL.map(|by| choice(&asked, "group_by", (by.key(), by.label(), by == look.by))).into(),
        zooms: Zoom::ALL.map(|zoom| choice(&asked, "zoom", (zoom.key(), zoom.label(), zoom == look.zoom))).into(),
        before: at(look.zoom.beside(look.day, false)),
        now: asked.href(&[]),
        after: at(look.zoom.beside(look.day, true)),
        title: format!("{} – {}", month(look.span.from), month(look.span.to - Days::new(1))),
        marks: marks(look.zoom, look.span, actor),
        today: (look.span.from <= today && today < look.span.to).then(|| percent(look.span, today)),
        groups,
        next,
        all: (!query.get("lane").is_empty()).then(|| asked.href(&[])),
        undated: asked.href_of(Kind::Board, &[("close", "none")]),
        frame,
    })
}

fn choice(asked: &Asked, name: &str, (key, label, current): (&str, &'static str, bool)) -> Choice {
    Choice { href: asked.href(&[(name, key)]), label, current }
}

/// A page of groups with the first deals of each.
fn several(
    tx: &mut OrgTx,
    actor: &Actor,
    (asked, look): (&Asked, &Look),
    stages: &[Stage],
    (scope, after): (&Scope, &str),
) -> AppResult<(Vec<Group>, Option<String>)> {
    let lanes = lanes::page(tx, (asked.pipeline, look.by), stages, scope, (after, lanes::PAGE))?;
    let from = look.earliest(actor);
    let mut groups = Vec::new();
    for lane in lanes.all {
        let mut rows = bars::rows(tx, (asked.pipeline, look.by), &lane, scope, (from, None), FIRST + 1)?;
        let more = (rows.len() > FIRST).then(|| asked.href(&[("lane", &lane.key), ("from", &look.day.to_string())]));
        rows.truncate(FIRST);
        if !rows.is_empty() {
            groups.push(group(actor, look, lane, rows, more));
        }
    }
    Ok((groups, lanes.next.map(|next| asked.href(&[("lanes", &next), ("from", &look.day.to_string())]))))
}

/// One group, and where the rest of its deals are.
fn one(
    tx: &mut OrgTx,
    actor: &Actor,
    (asked, look): (&Asked, &Look),
    stages: &[Stage],
    (scope, key, after): (&Scope, &str, &str),
) -> AppResult<(Vec<Group>, Option<String>)> {
    let lane = lanes::one(tx, (asked.pipeline, look.by), stages, scope, key)?;
    let after = Some(after).filter(|after| !after.is_empty());
    let from = look.earliest(actor);
    let mut rows = bars::rows(tx, (asked.pipeline, look.by), &lane, scope, (from, after), PAGE + 1)?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| asked.href(&[("lane", key), ("after", &bars::cursor(last)), ("from", &look.day.to_string())]));
    Ok((vec![group(actor, look, lane, rows, None)], next))
}

fn group(actor: &Actor, look: &Look, lane: Lane, rows: Vec<bars::BarRow>, more: Option<String>) -> Group {
    let bars = rows.into_iter().map(|row| bars::bar(actor, look.span, row)).collect();
    Group { label: lane.label, face: lane.face, color: lane.color, bars, more }
}
