//! `/settings/currencies`: which currencies are sold in, their rates with history, and where rates are fetched from.

use super::{commands, fetch, forms, paste, queries, queries::Kept, source};
use crate::{
    config::Config,
    db::{Db, OrgTx, paging},
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::Currency,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono::NaiveDate;
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) const AT: &str = "/settings/currencies";

#[derive(Template)]
#[template(path = "currencies/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    own: String,
    own_name: String,
    /// Every other currency, the chosen ones selected.
    currencies: Vec<SelectOption>,
    chosen: String,
    /// Those that deals are in all the same.
    unchosen: String,
    /// The rates in force today.
    current: Vec<Line>,
    history: Vec<Line>,
    next: Option<String>,
    /// Of the history.
    only: Vec<SelectOption>,
    to_add: Vec<SelectOption>,
    new: FormView,
    pasting: FormView,
    source: SourceView,
}

/// A rate in words.
pub(super) struct Line {
    pub id: Option<Uuid>,
    pub currency: String,
    pub name: String,
    /// "1 USD = 0.92 EUR"; empty where there is none.
    pub rate: String,
    pub day: String,
    pub from: String,
}

struct SourceView {
    fetching: bool,
    input: FormView,
    /// The installation's own.
    usual: String,
    told: String,
    problem: String,
}

/// Which form was refused, as it was typed.
#[derive(Default)]
struct Refused {
    which: &'static str,
    form: Form,
    errors: FormErrors,
}

/// `GET /settings/currencies?currency=&after=`
pub(super) async fn index(
    page: Page,
    _: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    show_all(&page, &db, &config, Refused::default()).await
}

async fn show_all(page: &Page, db: &Db, config: &Config, refused: Refused) -> AppResult<HttpResponse> {
    let status = if refused.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let (actor, shell, usual) = (page.actor.clone(), page.shell("settings"), config.rates_url.to_string());
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let shown = db.org(page, move |tx| load(tx, &actor, shell, usual, &query, refused)).await?;
    reply::page_with(&page.req, status, &shown)
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    shell: Shell,
    usual: String,
    query: &Form,
    refused: Refused,
) -> AppResult<Index> {
    let own = actor.org.currency.clone();
    let all = Currency::all();
    let enabled = queries::enabled(tx)?;
    let needed = queries::needed(tx, &own)?;
    let after: Option<(NaiveDate, Uuid)> = match query.get("after") {
        "" => None,
        after => Some(paging::decode(after)?),
    };
    let only: String = query.get("currency").parse::<Currency>().map(|c| c.code().to_owned()).unwrap_or_default();
    let history = queries::history(tx, &own, &only, after)?;
    let next = history.next.as_ref().map(|after| format!("{AT}?currency={only}&after={after}#history"));
    let name = |code: &str| all.iter().find(|(c, _)| c == code).map(|(_, name)| name.clone()).unwrap_or_default();
    let typed = |which: &str| match refused.which == which {
        true => refused.form.clone().view(refused.errors.clone()),
        false => FormView::default(),
    };
    let mut new = typed("rate");
    if refused.which != "rate" {
        new = Form::new([("on".to_owned(), actor.today().to_string())]).view(FormErrors::default());
    }
    let offered = |chosen: &str| -> Vec<SelectOption> {
        let fits = |code: &String| {
            *code != own && (enabled.is_empty() || enabled.contains(code) || needed.contains(code) || code == chosen)
        };
        let codes = all.iter().map(|(code, _)| code).filter(|code| fits(code));
        codes.map(|code| SelectOption::new(code, format!("{code}, {}", name(code)), code == chosen)).collect()
    };
    Ok(Index {
        shell,
        nav: nav(actor),
        section: "currencies",
        currencies: choices(&all, &own, &enabled),
        chosen: if enabled.is_empty() { "Every currency is offered.".into() } else { enabled.join(", ") },
        current: current(tx, actor, &enabled, &needed, &name)?,
        unchosen: needed
            .iter()
            .filter(|code| !enabled.is_empty() && !enabled.contains(code))
            .cloned()
            .collect::<Vec<_>>()
            .join(", "),
        history: history.rows.into_iter().map(|row| line(actor, row, &name)).collect(),
        next,
        only: offered(&only),
        to_add: offered(new.value("currency")),
        new,
        pasting: typed("paste"),
        source: source_view(tx, actor, usual, typed("source"))?,
        own_name: name(&own),
        own,
    })
}

/// Every other currency, those chosen before the rest.
fn choices(all: &[(String, String)], own: &str, enabled: &[String]) -> Vec<SelectOption> {
    let others = all.iter().filter(|(code, _)| code != own);
    let mut choices: Vec<SelectOption> =
        others.map(|(code, name)| SelectOption::new(code, format!("{code}, {name}"), enabled.contains(code))).collect();
    choices.sort_by_key(|choice| !choice.selected);
    choices
}

/// What each chosen currency is worth today, each that deals are in, and whatever else has a rate.
fn current(
    tx: &mut OrgTx,
    actor: &Actor,
    enabled: &[String],
    needed: &[String],
    name: &impl Fn(&str) -> String,
) -> AppResult<Vec<Line>> {
    let own = &actor.org.currency;
    let rates = queries::on(tx, own, actor.today())?;
    let codes: BTreeSet<&String> = enabled.iter().chain(needed).chain(rates.keys()).collect();
    let one = |code: &&String| {
        let rate = rates.get(*code);
        Line {
            id: None,
            currency: (*code).clone(),
            name: name(code),
            rate: rate.map(|rate| words(actor, code, rate.rate)).unwrap_or_default(),
            day: rate.map(|rate| actor.locale.day(rate.on, actor.today())).unwrap_or_default(),
            from: String::new(),
        }
    };
    Ok(codes.iter().filter(|code| **code != own).map(one).collect())
}

fn words(actor: &Actor, currency: &str, rate: rust_decimal::Decimal) -> String {
    let rate = rate.normalize();
    format!("1 {currency} = {} {}", actor.locale.decimal(rate, rate.scale()), actor.org.currency)
}

pub(super) fn line(actor: &Actor, row: Kept, name: &impl Fn(&str) -> String) -> Line {
    Line {
        id: Some(row.id),
        rate: words(actor, &row.currency, row.rate),
        day: actor.locale.day(row.on_day, actor.today()),
        from: if row.manual { row.by.unwrap_or_else(|| "By hand".into()) } else { "Fetched".into() },
        name: name(&row.currency),
        currency: row.currency,
    }
}

fn source_view(tx: &mut OrgTx, actor: &Actor, usual: String, typed: FormView) -> AppResult<SourceView> {
    let source = queries::source(tx)?;
    let told = match (source.fetched_at, source.fetched_day) {
        (Some(at), Some(day)) => {
            let day = actor.locale.day(day, actor.today());
            format!("Fetched last {}, the rates of {day}.", actor.within(at))
        }
        _ => "Nothing was fetched yet.".to_owned(),
    };
    let tried = source.tried_at.map(|at| actor.within(at)).unwrap_or_default();
    let form = Form::new([("url".to_owned(), source.url.clone().unwrap_or_default())]);
    Ok(SourceView {
        fetching: source.fetching,
        input: if typed.has_errors() { typed } else { form.view(FormErrors::default()) },
        usual,
        told,
        problem: source
            .problem
            .map(|problem| format!("The last try, {tried}, failed. {problem} The rates stay as they were."))
            .unwrap_or_default(),
    })
}

async fn answer(
    page: &Page,
    db: &Db,
    config: &Config,
    done: AppResult<String>,
    which: &'static str,
    form: Form,
) -> AppResult<HttpResponse> {
    match done {
        Ok(told) => Ok(reply::redirect(&page.req, AT, Some(Flash::success(told)))),
        Err(AppError::Invalid(errors)) => show_all(page, db, config, Refused { which, form, errors }).await,
        Err(other) => Err(other),
    }
}

/// `POST /settings/currencies`: `currency`, repeated; none: every one is offered
pub(super) async fn choose(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            let codes: Result<Vec<Currency>, _> = posted.all("currency").map(str::parse).collect();
            let codes = codes.map_err(|error| AppError::field("currency", error))?;
            commands::choose(tx, &by, &codes)?;
            if !codes.is_empty() && queries::source(tx)?.fetching {
                fetch::enqueue(tx)?;
            }
            Ok("Currencies saved".to_owned())
        })
        .await;
    answer(&page, &db, &config, done, "currencies", form).await
}

/// `POST /settings/currencies/rates`: `currency`, `on`, `rate`
pub(super) async fn add(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            commands::write(tx, &by, &[forms::parse(&posted)?])?;
            Ok("Rate saved".to_owned())
        })
        .await;
    answer(&page, &db, &config, done, "rate", form).await
}

/// `POST /settings/currencies/rates/paste`: `rates`, a line each
pub(super) async fn paste(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let (posted, today) = (form.clone(), page.today());
    let done = db
        .org(&page, move |tx| {
            let rates = paste::read(posted.get("rates"), today)?;
            let written = commands::write(tx, &by, &rates).map_err(|error| match error {
                AppError::Invalid(errors) => {
                    AppError::field("rates", format!("could not be read: {}", errors.summary()))
                }
                other => other,
            })?;
            Ok(match (written, rates.len() - written.min(rates.len())) {
                (1, 0) => "1 rate saved".to_owned(),
                (n, 0) => format!("{n} rates saved"),
                (n, same) => format!("{n} rates saved, {same} were so already"),
            })
        })
        .await;
    answer(&page, &db, &config, done, "paste", form).await
}

/// `POST /settings/currencies/source`: `fetching`, `url`
pub(super) async fn source(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            let mut p = posted.parser();
            let fetching = p.checkbox("fetching");
            let url = p.text("url", 500).map(|url| source::parse_url(&url)).transpose();
            let url = url.unwrap_or_else(|error| {
                p.error("url", error);
                None
            });
            p.finish()?;
            commands::set_source(tx, &by, fetching, url)?;
            if fetching {
                fetch::enqueue(tx)?;
            }
            Ok("Source saved".to_owned())
        })
        .await;
    answer(&page, &db, &config, done, "source", form).await
}

/// `POST /settings/currencies/fetch`
pub(super) async fn fetch_now(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    db.org(&page, fetch::enqueue).await?;
    let told = "The source is being asked: look again in a moment";
    Ok(reply::redirect(&page.req, AT, Some(Flash::info(told))))
}
