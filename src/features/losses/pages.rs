//! `GET /reports/losses?period=…&pipeline=…&owner=…&rates=…`

use super::{
    queries::{self, Asked},
    view::{self, Drill, Names, Report},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        competitors,
        currencies::ended::Way,
        pipeline,
        records::filter,
        targets::{Period, Unit},
    },
    kernel::{Locale, MemberId, PipelineId, calendar, calendar::Span},
    web::{Actor, Form, Page, SelectOption, Shell, permission::deals::View, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;
use chrono::{Months, NaiveDate};

/// Keys and words of the spans offered.
const PERIODS: &[(&str, &str)] = &[
    ("this_month", "This month"),
    ("last_month", "Last month"),
    ("this_quarter", "This quarter"),
    ("last_quarter", "Last quarter"),
    ("twelve_months", "The last twelve months"),
    ("this_year", "This year"),
    ("last_year", "Last year"),
    (EVER, "All time"),
];
/// Everything that was ever lost: there is no time before to compare it with.
const EVER: &str = "ever";
const USUAL: &str = "this_quarter";

#[derive(Template)]
#[template(path = "losses/index.html")]
struct LossesPage {
    shell: Shell,
    locale: Locale,
    report: Report,
    periods: Vec<SelectOption>,
    /// The month, quarter or year before and after this one.
    previous: Option<String>,
    next: Option<String>,
    pipelines: Vec<SelectOption>,
    owners: Vec<SelectOption>,
    rates: Vec<SelectOption>,
    /// At which rates the amounts are.
    note: Option<String>,
}

impl LossesPage {
    fn number(&self, n: &i64) -> String {
        self.locale.integer(*n)
    }
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
    let When { span, before, stepped } = when(actor, key)?;
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
    let now = asked(span);
    let (groups, note) = queries::groups(tx, actor, &now, rates)?;
    let was = match before {
        Some(before) => Some(queries::by_reason(tx, &asked(before))?),
        None => None,
    };
    let won = queries::won(tx, &now)?;
    let (people, stages, rivals) = (members::directory(tx)?, pipeline::stages(tx)?, competitors::all(tx)?);
    let names = Names { people: &people, stages: &stages, pipelines: &pipelines, rivals: &rivals };
    let drill = Drill { span: before.map(|_| span), owners: owner.map(|id| vec![id.0]), pipeline };
    let chosen = |id: Option<String>, all: Vec<(String, String)>| -> Vec<SelectOption> {
        all.into_iter().map(|(key, label)| SelectOption::new(&key, label, Some(&key) == id.as_ref())).collect()
    };
    let visible = people.iter().filter(|p| actor.sees(Some(p.id.0)));
    Ok(LossesPage {
        shell,
        locale: actor.locale,
        rates: rates.options(actor),
        note,
        report: view::report(actor, groups, was.as_deref().map(Vec::as_slice), won, &drill, &names),
        previous: stepped.map(|period| href(query, period.previous())),
        next: stepped.map(Period::next).filter(|next| next.span.from <= actor.today()).map(|next| href(query, next)),
        periods: offered(actor, key, stepped),
        owners: chosen(owner.map(|o| o.to_string()), visible.map(|p| (p.id.to_string(), p.name.clone())).collect()),
        pipelines: chosen(
            pipeline.map(|p| p.to_string()),
            pipelines.iter().map(|p| (p.id.to_string(), p.name.clone())).collect(),
        ),
    })
}

/// What time is asked about.
struct When {
    span: Span,
    /// The span just before. Of one that is not over, the part of the one before that is as long.
    before: Option<Span>,
    /// The month, quarter or year that it is.
    stepped: Option<Period>,
}

/// One of the periods, or by unit and first day any other: `quarter-2017-01-01`.
fn when(actor: &Actor, key: &str) -> AppResult<When> {
    let unknown = || AppError::field("period", "is not one of the periods");
    let (today, start) = (actor.today(), actor.org.fiscal_year_start);
    let tomorrow = today.succ_opt().unwrap_or(today);
    if key == EVER {
        let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
        return Ok(When { span: Span { from: day(1900), to: day(2200) }, before: None, stepped: None });
    }
    if key == "twelve_months" {
        let from = tomorrow - Months::new(12);
        let before = Span { from: from - Months::new(12), to: from };
        return Ok(When { span: Span { from, to: tomorrow }, before: Some(before), stepped: None });
    }
    let period = match key.split_once('-') {
        Some((unit, day)) => {
            let unit = Unit::parse(unit).ok_or_else(unknown)?;
            let day = calendar::parse_date(day).map_err(|_| unknown())?;
            Period::around(unit, day, start)
        }
        None => {
            let unit =
                PERIODS.iter().find(|(known, _)| *known == key).and_then(|_| Unit::parse(key.split_once('_')?.1));
            let span = filter::period(key, today, start).ok_or_else(unknown)?;
            Period::around(unit.ok_or_else(unknown)?, span.from, start)
        }
    };
    let span = period.span;
    let back = |day: NaiveDate| day - Months::new(period.unit.months());
    let before = Span { from: back(span.from), to: back(span.to.min(tomorrow)).max(back(span.from)) };
    Ok(When { span, before: Some(before), stepped: Some(period) })
}

/// The periods to choose from; the one that is shown too, where it is none of them.
fn offered(actor: &Actor, key: &str, stepped: Option<Period>) -> Vec<SelectOption> {
    let mut options: Vec<SelectOption> =
        PERIODS.iter().map(|(k, label)| SelectOption::new(*k, *label, *k == key)).collect();
    if let Some(period) = stepped.filter(|_| !options.iter().any(|option| option.selected)) {
        options.insert(0, SelectOption::new(key, period.label(actor.locale, actor.org.fiscal_year_start), true));
    }
    options
}

/// The same report of another period.
fn href(asked: &Form, period: Period) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("period", &format!("{}-{}", period.unit.key(), period.span.from));
    for key in ["pipeline", "owner", "rates"] {
        if !asked.get(key).is_empty() {
            query.append_pair(key, asked.get(key));
        }
    }
    format!("/reports/losses?{}", query.finish())
}
