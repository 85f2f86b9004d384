//! `GET /reports/losses?period=…&pipeline=…&owner=…&rates=…`

use super::{
    queries::{self, Asked},
    view::{self, Drill, Names, Report},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{accounts::members, competitors, currencies::ended::Way, pipeline, records::filter},
    kernel::{MemberId, PipelineId, calendar, calendar::Span},
    web::{Actor, Form, Page, SelectOption, Shell, permission::deals::View, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::Months;

/// Keys and words of the spans offered.
const PERIODS: &[(&str, &str)] = &[
    ("this_month", "This month"),
    ("last_month", "Last month"),
    ("this_quarter", "This quarter"),
    ("last_quarter", "Last quarter"),
    ("twelve_months", "The last twelve months"),
    ("this_year", "This year"),
    ("last_year", "Last year"),
];
const USUAL: &str = "this_quarter";

#[derive(Template)]
#[template(path = "losses/index.html")]
struct LossesPage {
    shell: Shell,
    report: Report,
    periods: Vec<SelectOption>,
    pipelines: Vec<SelectOption>,
    owners: Vec<SelectOption>,
    rates: Vec<SelectOption>,
    /// At which rates the amounts are.
    note: Option<String>,
}

pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, shell) = (page.actor.clone(), page.shell("reports"));
    let shown = db.org_read(&page, move |tx| load(tx, &actor, &query, shell)).await?;
    reply::page(&page.req, &shown)
}

fn load(tx: &mut OrgTx, actor: &Actor, query: &Form, shell: Shell) -> AppResult<LossesPage> {
    let key = Some(query.get("period")).filter(|key| !key.is_empty()).unwrap_or(USUAL);
    let (span, before) = spans(actor, key)?;
    let mut p = query.parser();
    let (pipeline, owner) = (p.id::<PipelineId>("pipeline"), p.id::<MemberId>("owner"));
    let rates = p.optional("rates", Way::parse).unwrap_or_default();
    p.finish()?;
    let pipelines = pipeline::pipelines(tx)?;
    if pipeline.is_some_and(|id| pipelines.iter().all(|p| p.id != id)) {
        return Err(AppError::field("pipeline", "is not one of the pipelines"));
    }
    // Somebody whose records the reader does not see has none.
    let owners = match owner {
        Some(owner) if actor.sees(Some(owner.0)) => Some(vec![owner.0]),
        Some(_) => return Err(AppError::NotFound),
        None => actor.visible_owners(),
    };
    let asked = |span: Span| {
        let (from, to) = calendar::instants(span, actor.zone);
        Asked { from, to, owners: owners.clone(), pipeline, zone: actor.zone.name().to_owned() }
    };
    let (now, earlier) = (asked(span), asked(before));
    let (groups, note) = queries::groups(tx, actor, &now, rates)?;
    let (was, won) = (queries::by_reason(tx, &earlier)?, queries::won(tx, &now)?);
    let (people, stages, rivals) = (members::directory(tx)?, pipeline::stages(tx)?, competitors::all(tx)?);
    let names = Names { people: &people, stages: &stages, pipelines: &pipelines, rivals: &rivals };
    let drill = Drill { span, owners: owner.map(|id| vec![id.0]), pipeline };
    let chosen = |id: Option<String>, all: Vec<(String, String)>| -> Vec<SelectOption> {
        all.into_iter().map(|(key, label)| SelectOption::new(&key, label, Some(&key) == id.as_ref())).collect()
    };
    let visible = people.iter().filter(|p| actor.sees(Some(p.id.0)));
    Ok(LossesPage {
        shell,
        rates: rates.options(actor),
        note,
        report: view::report(actor, groups, &was, won, &drill, &names),
        periods: PERIODS.iter().map(|(k, label)| SelectOption::new(*k, *label, *k == key)).collect(),
        owners: chosen(owner.map(|o| o.to_string()), visible.map(|p| (p.id.to_string(), p.name.clone())).collect()),
        pipelines: chosen(
            pipeline.map(|p| p.to_string()),
            pipelines.iter().map(|p| (p.id.to_string(), p.name.clone())).collect(),
        ),
    })
}

/// The span asked for, and the one just before it. Of a span that is not over, the part of the one before that is as long.
fn spans(actor: &Actor, key: &str) -> AppResult<(Span, Span)> {
    let unknown = || AppError::field("period", "is not one of the periods");
    let today = actor.today();
    if PERIODS.iter().all(|(known, _)| *known != key) {
        return Err(unknown());
    }
    let tomorrow = today.succ_opt().unwrap_or(today);
    if key == "twelve_months" {
        let from = tomorrow - Months::new(12);
        return Ok((Span { from, to: tomorrow }, Span { from: from - Months::new(12), to: from }));
    }
    let span = filter::period(key, today, actor.org.fiscal_year_start).ok_or_else(unknown)?;
    let months = match key.split_once('_').map(|(_, unit)| unit) {
        Some("month") => 1,
        Some("quarter") => 3,
        _ => 12,
    };
    let back = |day: chrono::NaiveDate| day - Months::new(months);
    let until = span.to.min(tomorrow);
    Ok((span, Span { from: back(span.from), to: back(until).max(back(span.from)) }))
}
