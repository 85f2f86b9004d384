//! The forecast over HTTP: the page, and further cards of a cell.

use super::{
    cells::{self, PAGE, Slot},
    periods::Unit,
    sums,
    view::{self, Card, Period, Row},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::{
            CATEGORIES,
            board::{self, Owner, view::Summary},
            frame::{Asked, Frame},
        },
        targets::{self, Whose},
        views::Kind,
    },
    kernel::{
        PipelineId,
        calendar::{Span, parse_date},
    },
    web::{
        Actor, Form, Page, Shell,
        permission::{
            Permission,
            deals::{Create, Edit, View},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::NaiveDate;

#[derive(Template)]
#[template(path = "pipeline/forecast.html")]
struct ForecastPage {
    shell: Shell,
    forecast: Forecast,
}

#[derive(Template)]
#[template(path = "pipeline/forecast/_cards.html")]
struct CardsPage {
    cards: Vec<Card>,
    next: Option<String>,
}

struct Forecast {
    frame: Frame,
    summary: Summary,
    units: Vec<Step>,
    unit: &'static str,
    before: String,
    now: String,
    after: String,
    title: String,
    periods: Vec<Period>,
    rows: Vec<Row>,
    /// There is nothing to foresee: where the reader adds a deal; empty if they may not.
    blank: Option<&'static str>,
    can_edit: bool,
}

/// A choice of the page's own, as a link.
struct Step {
    href: String,
    label: &'static str,
    current: bool,
}

/// `GET /pipeline/{pipeline}/forecast`: the filter, `unit` and `from`, a day of the first period.
pub async fn show(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let forecast = db.org(&page, move |tx| load(tx, &actor, *id, &query)).await?;
    reply::page_with(&page.req, forecast.frame.status(), &ForecastPage { shell: page.shell("pipeline"), forecast })
}

fn load(tx: &mut OrgTx, actor: &Actor, id: PipelineId, query: &Form) -> AppResult<Forecast> {
    let (asked, scope) = Asked::open(tx, actor, Kind::Forecast, id, query)?;
    let frame = Frame::load(tx, actor, &asked)?;
    let unit = unit_of(&asked)?;
    let first = first_day(actor, query)?;
    let spans = unit.from(first, actor.org.fiscal_year_start);
    let (Some(from), Some(to)) = (spans.first().map(|s| s.from), spans.last().map(|s| s.to)) else {
        return Err(AppError::NotFound);
    };
    let open = sums::open(tx, id, &scope, to)?;
    let won = sums::won(tx, actor, id, &scope, Span { from, to })?;
    let (open, won) = sums::in_own(tx, actor, open, won)?;
    let aims: Vec<_> = spans.iter().map(|span| unit.period(*span, actor)).collect();
    let aims = targets::lines(tx, actor, whose(actor, &asked), id, &aims)?;
    let periods = view::periods(actor, (unit, &spans), (&open, &won), &aims);
    let placed = cells::cards(tx, id, &scope, &view::slots(&periods), None)?;
    let more = |slot: &Slot, after: &str| more_href(&asked, slot, after);
    let name = |span: Option<&Span>| span.map(|span| unit.name(*span, actor)).unwrap_or_default();
    Ok(Forecast {
        blank: (open.is_empty() && won.is_empty()).then(|| if actor.may(Create::KEY) { "/deals/new" } else { "" }),
        summary: board::summary(tx, actor, id, &scope)?,
        units: Unit::ALL.map(|u| step(&asked, u, u == unit)).into(),
        unit: unit.key(),
        before: asked.href(&[("from", &unit.back(from).to_string())]),
        now: asked.href(&[]),
        after: asked.href(&[("from", &to.to_string())]),
        title: format!("{} – {}", name(spans.first()), name(spans.last())),
        rows: view::rows(actor, &periods, &open, placed, more),
        periods,
        frame,
        can_edit: actor.may(Edit::KEY),
    })
}

/// Whose target stands above the columns: theirs whose deals are shown.
fn whose(actor: &Actor, asked: &Asked) -> Whose {
    match (asked.filters.owner, asked.filters.team) {
        (Some(Owner::Me), _) => Whose::Member(actor.id),
        (Some(Owner::Member(id)), _) => Whose::Member(id),
        (_, Some(team)) => Whose::Team(team),
        (_, None) if actor.visible_owners().is_some() => Whose::Member(actor.id),
        _ => Whose::Everyone,
    }
}

fn step(asked: &Asked, unit: Unit, current: bool) -> Step {
    let said = if unit == Unit::default() { "" } else { unit.key() };
    Step { href: asked.href(&[("unit", said)]), label: unit.label(), current }
}

fn unit_of(asked: &Asked) -> AppResult<Unit> {
    match asked.shape("unit") {
        "" => Ok(Unit::default()),
        said => Unit::parse(said).ok_or_else(|| AppError::field("unit", "is not one of the choices")),
    }
}

fn first_day(actor: &Actor, query: &Form) -> AppResult<NaiveDate> {
    match query.get("from") {
        "" => Ok(actor.today()),
        text => parse_date(text).map_err(|told| AppError::field("from", told)),
    }
}

fn more_href(asked: &Asked, slot: &Slot, after: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(asked.fragments());
    query
        .append_pair("since", &slot.since)
        .append_pair("until", &slot.until)
        .append_pair("category", slot.category)
        .append_pair("after", after);
    format!("/pipeline/{}/forecast/cards?{}", asked.pipeline, query.finish())
}

/// `GET /pipeline/{pipeline}/forecast/cards`: those of a cell after one of them.
pub async fn more(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let (cards, next) = db
        .org(&page, move |tx| {
            Frame::check(tx, *id)?;
            let slot = slot(&query)?;
            let asked = Asked::read(tx, &actor, Kind::Forecast, *id, &query)?;
            let scope = asked.scope(tx, &actor)?;
            let after = Some(query.get("after")).filter(|after| !after.is_empty());
            let mut rows = cells::cards(tx, *id, &scope, std::slice::from_ref(&slot), after)?;
            let more = rows.len() > PAGE;
            rows.truncate(PAGE);
            let next = rows.last().filter(|_| more).map(|last| more_href(&asked, &slot, &cells::cursor(&last.card)));
            Ok((rows.into_iter().map(|placed| view::card(&actor, placed.card)).collect(), next))
        })
        .await?;
    reply::fragment(&CardsPage { cards, next })
}

/// The cell an address names; it is not trusted.
fn slot(query: &Form) -> AppResult<Slot> {
    let day = |name: &str| match query.get(name) {
        text @ ("infinity" | "-infinity") => Ok(text.to_owned()),
        text => parse_date(text).map(|day| day.to_string()).map_err(|told| AppError::field(name, told)),
    };
    let category = CATEGORIES.iter().map(|(key, _)| *key).find(|key| *key == query.get("category"));
    let category = category.ok_or_else(|| AppError::field("category", "is not one of the choices"))?;
    Ok(Slot { since: day("since")?, until: day("until")?, category })
}
