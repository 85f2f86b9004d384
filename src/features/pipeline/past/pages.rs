//! `/pipeline/{id}/history`: the board and its totals at the end of a day.

use super::{
    asked::{self, Asked, Day, Scope},
    blank::{self, Blank},
    board::{self, PastCard},
    stages::{self, PastStage},
    totals::{self, Total},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::pipeline::queries,
    kernel::{Money, PipelineId, StageId},
    web::{Actor, Form, Page, SelectOption, Shell, permission::deals::View, reply},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use uuid::Uuid;

struct Column {
    stage: PastStage,
    deals: String,
    amount: String,
    /// By the probabilities of that day; `None` where the stage's is not known.
    weighted: Option<String>,
    cards: Vec<PastCard>,
    next: Option<String>,
}

/// The form above both pages.
pub(super) struct Tools {
    pub owners: Vec<SelectOption>,
    pub teams: Vec<SelectOption>,
    pub today: NaiveDate,
}

#[derive(Template)]
#[template(path = "pipeline/past/history.html")]
struct History {
    shell: Shell,
    pipeline: String,
    pipeline_id: PipelineId,
    on: Day,
    /// In words.
    day: String,
    is_today: bool,
    zone: String,
    tools: Tools,
    deals: String,
    amount: String,
    weighted: Option<String>,
    columns: Vec<Column>,
    /// Nothing stood there.
    blank: Option<Blank>,
    before: String,
    after: Option<String>,
    compare: String,
}

pub async fn history(page: Page, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let on = asked::day(&page, &query, "on", asked::today(&page) - Days::new(1));
    let status = asked::status(&[&on]);
    let asked = Asked::parse(&query)?;
    let (actor, shell) = (page.actor.clone(), page.shell("pipeline"));
    let template = db.org_read(&page, move |tx| load(tx, &actor, shell, *id, on, &asked)).await?;
    reply::page_with(&page.req, status, &template)
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    shell: Shell,
    id: PipelineId,
    asked_for: Day,
    asked: &Asked,
) -> AppResult<History> {
    let on = asked_for.day;
    let pipeline = queries::pipeline(tx, id)?;
    let scope = Scope::resolve(tx, actor, asked)?;
    let moment = asked::end_of(actor, on);
    let totals = totals::at(tx, id, moment, &scope)?;
    let stood: Vec<Uuid> = totals.iter().map(|total| total.stage_id).collect();
    let stages = stages::of(tx, id, &stood)?;
    let chances = stages::chances(tx, &stages, moment)?;
    let weighted = |total: &Total| {
        let chance = chances.iter().find(|(stage, _)| stage.0 == total.stage_id).and_then(|(_, chance)| *chance);
        Some((total.currency.clone(), total.weighted(chance?)))
    };
    let mut columns = Vec::new();
    for stage in stages {
        let mine: Vec<&Total> = totals.iter().filter(|total| total.stage_id == stage.id.0).collect();
        let (cards, next) = if mine.is_empty() {
            (Vec::new(), None)
        } else {
            board::cards(tx, actor, (id, stage.id), moment, &scope, "")?
        };
        columns.push(Column {
            deals: actor.locale.integer(mine.iter().map(|total| total.deals).sum()),
            weighted: mine.iter().map(|total| weighted(total)).collect::<Option<Vec<_>>>().map(|all| sums(actor, all)),
            amount: amounts(actor, mine.into_iter()),
            next: next.map(|next| more_href(id, stage.id, on, asked, &next)),
            stage,
            cards,
        });
    }
    let today = asked::today(actor);
    let blank = if totals.is_empty() { Some(blank::of(tx, actor, id, (asked, &scope), on)?) } else { None };
    let (owners, teams) = asked::choices(tx, asked)?;
    let href = |day: NaiveDate| format!("/pipeline/{id}/history?{}", asked.query(&[("on", day)]));
    Ok(History {
        shell,
        pipeline: pipeline.name,
        pipeline_id: id,
        day: actor.locale.weekday_and_day(on, today),
        is_today: on == today,
        zone: actor.org.zone.name().to_owned(),
        tools: Tools { owners, teams, today },
        deals: actor.locale.integer(totals.iter().map(|total| total.deals).sum()),
        amount: amounts(actor, totals.iter()),
        weighted: totals.iter().map(weighted).collect::<Option<Vec<_>>>().map(|all| sums(actor, all)),
        columns,
        blank,
        before: href(on - Days::new(1)),
        after: (on < today).then(|| href(on + Days::new(1))),
        compare: format!("/pipeline/{id}/changes?{}", asked.query(&[("from", on), ("to", today)])),
        on: asked_for,
    })
}

fn more_href(id: PipelineId, stage: StageId, on: NaiveDate, asked: &Asked, after: &str) -> String {
    format!("/pipeline/{id}/history/{stage}?{}&after={after}", asked.query(&[("on", on)]))
}

pub(super) fn amounts<'a>(actor: &Actor, totals: impl Iterator<Item = &'a Total>) -> String {
    sums(actor, totals.map(|total| (total.currency.clone(), total.amount)))
}

/// Sums by currency, the organisation's own first; never added across currencies.
fn sums(actor: &Actor, parts: impl IntoIterator<Item = (String, Decimal)>) -> String {
    let mut sums: Vec<(String, Decimal)> = Vec::new();
    for (currency, amount) in parts.into_iter().filter(|(_, amount)| !amount.is_zero()) {
        match sums.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, sum)) => *sum += amount,
            None => sums.push((currency, amount)),
        }
    }
    sums.sort_by_key(|(currency, _)| (*currency != actor.org.currency, currency.clone()));
    let told = sums.iter().map(|(currency, sum)| actor.locale.money(Money::from_columns(*sum, currency)));
    let told: Vec<String> = told.collect();
    if told.is_empty() { "–".into() } else { told.join(" + ") }
}

#[derive(Template)]
#[template(path = "pipeline/past/_cards.html")]
struct Cards {
    cards: Vec<PastCard>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pipeline/past/stage.html")]
struct StagePage {
    shell: Shell,
    back: String,
    title: String,
    cards: Vec<PastCard>,
    next: Option<String>,
}

/// Further cards of a column; without htmx a page of its own.
pub async fn more(page: Page, path: Path<(PipelineId, StageId)>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let on = asked::day(&page, &query, "on", asked::today(&page) - Days::new(1)).sound("on")?;
    let asked = Asked::parse(&query)?;
    let actor = page.actor.clone();
    let (pipeline, stage) = path.into_inner();
    let back = format!("/pipeline/{pipeline}/history?{}", asked.query(&[("on", on)]));
    let (name, cards, next) = db
        .org_read(&page, move |tx| {
            queries::pipeline(tx, pipeline)?;
            let known = stages::of(tx, pipeline, &[stage.0])?.into_iter().find(|s| s.id == stage);
            let scope = Scope::resolve(tx, &actor, &asked)?;
            let moment = asked::end_of(&actor, on);
            let (cards, next) = board::cards(tx, &actor, (pipeline, stage), moment, &scope, query.get("after"))?;
            // A stage that nobody knows and nothing ever stood in is none.
            let known = known.filter(|s| !s.removed || !cards.is_empty()).ok_or(AppError::NotFound)?;
            Ok((known.name, cards, next.map(|next| more_href(pipeline, stage, on, &asked, &next))))
        })
        .await?;
    if reply::is_partial(&page.req) {
        return reply::fragment(&Cards { cards, next });
    }
    reply::page(&page.req, &StagePage { shell: page.shell("pipeline"), back, title: name, cards, next })
}
