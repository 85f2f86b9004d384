//! The calendar of deals over HTTP: the page, which is a list where there is no script, and the deals of a span for the script.

use super::days::{self, SHOWN};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::{
            Stage,
            board::{self, cards::CardRow, view::Summary},
            frame::{Asked, Frame},
            queries,
        },
        records::filter::{Filter, Op},
        views::Kind,
    },
    kernel::{
        Money, PipelineId,
        calendar::{self, Span, parse_date},
    },
    web::{
        Actor, Form, Page, Shell,
        permission::{
            Permission,
            deals::{Edit, View},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{Days, Months, NaiveDate};
use serde::Serialize;
use serde_json::json;

/// Days that may be asked for at once.
const MOST_DAYS: i64 = 62;

#[derive(Template)]
#[template(path = "pipeline/calendar.html")]
struct CalendarPage {
    shell: Shell,
    calendar: Calendar,
}

struct Calendar {
    frame: Frame,
    summary: Summary,
    title: String,
    before: String,
    now: String,
    after: String,
    /// For who has no script.
    days: Vec<Day>,
    /// For the script: see `static/js/deal-calendar.js`.
    data: String,
}

struct Day {
    label: String,
    deals: Vec<Told>,
}

/// A deal as the script is told of it; names are short because there are many.
#[derive(Serialize)]
struct Told {
    /// Its id; of "5 more", none.
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    t: String,
    s: String,
    /// Amount, company, owner, stage.
    a: String,
    n: String,
    w: String,
    g: String,
    /// The stage's colour.
    c: String,
    o: bool,
    u: String,
}

/// `GET /pipeline/{pipeline}/calendar`: the filter, and `date`, a day of the month.
pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let calendar = db.org(&page, move |tx| load(tx, &actor, *id, &query)).await?;
    reply::page_with(&page.req, calendar.frame.status(), &CalendarPage { shell: page.shell("pipeline"), calendar })
}

fn load(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form) -> AppResult<Calendar> {
    let (asked, scope) = Asked::open(tx, actor, Kind::Calendar, id, query)?;
    let frame = Frame::load(tx, actor, &asked)?;
    let day = match query.get("date") {
        "" => actor.today(),
        text => parse_date(text).map_err(|told| AppError::field("date", told))?,
    };
    let month = calendar::month(day);
    // Whole weeks, as the grid shows them: six of them.
    let from = calendar::week(month.from).from;
    let span = Span { from, to: from + Days::new(42) };
    let told = told(tx, actor, &asked, span)?;
    let data = json!({
        "from": span.from, "to": span.to, "date": day, "today": actor.today(), "locale": actor.locale.tag(), "deals": &told,
        "edit": actor.may(Edit::KEY), "working": working(actor),
    });
    let at = |day: NaiveDate| asked.href(&[("date", &day.to_string())]);
    Ok(Calendar {
        summary: board::summary(tx, actor, id, &scope)?,
        title: actor.locale.month(month.from),
        before: at(month.from - Months::new(1)),
        now: asked.href(&[]),
        after: at(month.to),
        days: by_day(actor, told),
        data: data.to_string().replace('<', "\\u003c"),
        frame,
    })
}

/// Days of the week as FullCalendar counts them: Sunday is 0.
fn working(actor: &Actor) -> Vec<u64> {
    let sunday = calendar::week(actor.today()).from - Days::new(1);
    (0..7).filter(|n| actor.org.working_days.includes(sunday + Days::new(*n))).collect()
}

fn by_day(actor: &Actor, told: Vec<Told>) -> Vec<Day> {
    let mut days: Vec<(String, Day)> = Vec::new();
    for deal in told {
        if days.last().is_none_or(|(day, _)| *day != deal.s) {
            let label =
                deal.s.parse().map_or_else(|_| deal.s.clone(), |day| actor.locale.weekday_and_day(day, actor.today()));
            days.push((deal.s.clone(), Day { label, deals: Vec::new() }));
        }
        if let Some((_, day)) = days.last_mut() {
            day.deals.push(deal);
        }
    }
    days.into_iter().map(|(_, day)| day).collect()
}

/// Every day's first deals and, after them, how many more there are.
fn told(tx: &mut OrgTx, actor: &Actor, asked: &Asked, span: Span) -> AppResult<Vec<Told>> {
    let scope = asked.scope(tx, actor)?;
    let stages = queries::stages(tx)?;
    let rows = days::first(tx, asked.pipeline, &scope, span)?;
    let full = rows.len() >= SHOWN;
    let counts = if full { days::counts(tx, asked.pipeline, &scope, span)? } else { Default::default() };
    let mut all: Vec<Told> = rows.into_iter().map(|row| deal(actor, row, &stages)).collect();
    let shown = i64::try_from(SHOWN).unwrap_or(i64::MAX);
    all.extend(
        counts
            .into_iter()
            .filter(|(_, deals)| *deals > shown)
            .map(|(day, deals)| more(actor, asked, day, deals - shown)),
    );
    // The count of a day stands last in it.
    all.sort_by(|a, b| (&a.s, a.i.is_none()).cmp(&(&b.s, b.i.is_none())));
    Ok(all)
}

fn deal(actor: &Actor, row: CardRow, stages: &[Stage]) -> Told {
    let stage = stages.iter().find(|stage| stage.id.0 == row.stage_id);
    let day = row.expected_close_on;
    Told {
        u: format!("/deals/{}", row.id),
        i: Some(row.id.to_string()),
        t: row.name,
        s: day.map(|day| day.to_string()).unwrap_or_default(),
        a: row.amount.map(|amount| actor.locale.short(Money::from_columns(amount, &row.currency))).unwrap_or_default(),
        n: row.company.unwrap_or_default(),
        w: row.owner.unwrap_or_default(),
        g: stage.map(|stage| stage.name.clone()).unwrap_or_default(),
        c: stage.map(|stage| stage.color.clone()).unwrap_or_default(),
        o: day.is_some_and(|day| day < actor.today()),
    }
}

/// "12 more", which leads to the list of that day.
fn more(actor: &Actor, asked: &Asked, day: NaiveDate, deals: i64) -> Told {
    let rule = Filter::rule("expected_close_on", Op::On, &[&day.to_string()]);
    Told {
        i: None,
        t: format!("{} more", actor.locale.integer(deals)),
        s: day.to_string(),
        u: asked.listed(&rule),
        a: String::new(),
        n: String::new(),
        w: String::new(),
        g: String::new(),
        c: "slate".to_owned(),
        o: false,
    }
}

/// `GET /pipeline/{pipeline}/calendar/deals?from=…&to=…`, with the filter: for the script.
pub async fn deals(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let told = db
        .org(&page, move |tx| {
            Frame::check(tx, *id)?;
            let day = |name: &str| parse_date(query.get(name)).map_err(|told| AppError::field(name, told));
            let span = Span { from: day("from")?, to: day("to")? };
            if (span.to - span.from).num_days() > MOST_DAYS {
                return Err(AppError::field("to", "is too far from the beginning"));
            }
            let asked = Asked::read(tx, &actor, Kind::Calendar, *id, &query)?;
            told(tx, &actor, &asked, span)
        })
        .await?;
    Ok(HttpResponse::Ok().json(told))
}
