//! `/targets`: how far everybody is; `/targets/edit`: the grid.

use super::{
    Measure, Period, Unit,
    grid::{Choice, Grid},
    reached,
    view::{self, Row},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        activities,
        currencies::ended::{self, Ended, Way},
        pipeline,
    },
    kernel::calendar,
    web::{
        Actor, Allow, Form, FormErrors, Page, SelectOption, Shell,
        flash::Flash,
        permission::{Permission, deals::View, targets::Administer},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;

#[derive(Template)]
#[template(path = "targets/index.html")]
struct Index {
    shell: Shell,
    units: Vec<SelectOption>,
    /// In words.
    period: String,
    is_now: bool,
    previous: String,
    next: String,
    unit: &'static str,
    /// At which rates: the address of each way, its words, and whether it is this one. None where nothing was won in other currencies.
    ways: Vec<(String, String, bool)>,
    way: Way,
    /// What was converted, and how.
    note: Option<String>,
    rows: Vec<Row>,
    may_set: bool,
    /// Where the grid of this period is.
    edit: String,
}

pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (period, way) = asked(&page, &query)?;
    let actor = page.actor.clone();
    let (rows, foreign, note) = db
        .org_read(&page, move |tx| {
            let rows = view::rows(tx, &actor, period, None, way)?;
            let foreign = reached::foreign(tx, &actor, period)?;
            let of = Ended { owners: actor.visible_owners(), ..Ended::within(&actor, "won", period.span) };
            let note = ended::note(tx, &actor, way, &of, foreign.iter().map(String::as_str))?;
            Ok((rows, foreign, note))
        })
        .await?;
    let now = Period::now(period.unit, &page);
    let href_at = |period: Period, way: &str| {
        let rates = if way == Way::default().key() { String::new() } else { format!("&rates={way}") };
        format!("/targets?unit={}&on={}{rates}", period.unit.key(), period.span.from)
    };
    let href = |period: Period| href_at(period, way.key());
    let ways = way.options(&page).into_iter().filter(|_| !foreign.is_empty());
    let year = Period::around(Unit::Year, period.span.from, page.org.fiscal_year_start);
    let template = Index {
        shell: page.shell("targets"),
        units: Unit::ALL.iter().map(|u| SelectOption::new(u.key(), u.label(), *u == period.unit)).collect(),
        period: period.label(page.locale, page.org.fiscal_year_start),
        is_now: period == now,
        previous: href(period.previous()),
        next: href(period.next()),
        unit: period.unit.key(),
        ways: ways.map(|option| (href_at(period, &option.value), option.label, option.selected)).collect(),
        way,
        note,
        rows,
        may_set: page.may(Administer::KEY),
        edit: format!("/targets/edit?year={}&unit={}", year.span.from, period.unit.key()),
    };
    reply::page(&page.req, &template)
}

fn asked(actor: &Actor, query: &Form) -> AppResult<(Period, Way)> {
    let mut p = query.parser();
    let unit = p.optional("unit", |key| Unit::parse(key).ok_or("is not one of the choices")).unwrap_or(Unit::Month);
    let on = p.optional("on", calendar::parse_date);
    let way = p.optional("rates", Way::parse).unwrap_or_default();
    p.finish()?;
    let today = calendar::today(actor.org.zone);
    Ok((Period::around(unit, on.unwrap_or(today), actor.org.fiscal_year_start), way))
}

#[derive(Template)]
#[template(path = "targets/edit.html")]
struct Edit {
    shell: Shell,
    grid: Grid,
    columns: Vec<String>,
    units: Vec<SelectOption>,
    measures: Vec<SelectOption>,
    pipelines: Vec<SelectOption>,
    types: Vec<SelectOption>,
    year: String,
    previous: String,
    next: String,
    /// What was typed into the paste box, when it could not be read.
    pasted: String,
    paste_error: String,
    error: String,
    /// What was filled in and waits to be saved.
    filled: String,
    currency: String,
}

impl Index {
    /// How other currencies count, in a few words.
    fn counted(&self) -> &'static str {
        match self.way {
            Way::Today => "Other currencies count at today’s rates of exchange.",
            Way::Then => "Other currencies count at the rates of the day each deal was won.",
            Way::Apart => "Other currencies do not count; they stand beside.",
        }
    }
}

impl Edit {
    fn is_activities(&self) -> bool {
        self.grid.choice.goal.measure == Measure::Activities
    }

    fn is_amount(&self) -> bool {
        self.grid.choice.goal.measure == Measure::Amount
    }

    fn choice(&self) -> [(&'static str, String); 5] {
        let goal = &self.grid.choice.goal;
        let text = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        [
            ("year", self.grid.choice.year.span.from.to_string()),
            ("unit", self.grid.choice.unit.key().to_owned()),
            ("measure", goal.measure.key().to_owned()),
            ("pipeline", text(goal.pipeline.map(Into::into))),
            ("type", text(goal.activity_type.map(Into::into))),
        ]
    }
}

pub async fn edit(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let choice = Choice::parse(&by, &query)?;
    let template = db
        .org(&by, {
            let (actor, shell) = (page.actor.clone(), page.shell("targets"));
            move |tx| {
                let grid = Grid::load(tx, &actor, choice)?;
                template(tx, &actor, shell, grid)
            }
        })
        .await?;
    reply::page(&page.req, &template)
}

/// What became of what was posted.
enum Outcome {
    Saved(usize),
    Shown(StatusCode, Box<Edit>),
}

pub async fn save(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let choice = Choice::parse(&by, &form)?;
    let (shell, who) = (page.shell("targets"), by.clone());
    let outcome = db.org(&by, move |tx| act(tx, &who, shell, choice, &form)).await?;
    match outcome {
        Outcome::Saved(count) => {
            let words = match count {
                0 => "Nothing was changed".to_owned(),
                1 => "1 target saved".to_owned(),
                n => format!("{n} targets saved"),
            };
            let to = format!("/targets/edit?{}", choice.query());
            Ok(reply::redirect(&page.req, &to, Some(Flash::success(words))))
        }
        Outcome::Shown(status, template) => reply::page_with(&page.req, status, &*template),
    }
}

fn act(tx: &mut OrgTx, by: &Allow<Administer>, shell: Shell, choice: Choice, form: &Form) -> AppResult<Outcome> {
    let mut grid = Grid::load(tx, by, choice)?;
    let stale = form.get("seen") != grid.seen;
    grid.type_in(form);
    let done = match form.get("action") {
        "split" => grid.split(by).map(|n| format!("{} split evenly.", counted(n, "total", "totals"))),
        "copy" => Ok(format!("{} copied from the year before.", counted(grid.copy_forward(), "number", "numbers"))),
        "paste" => grid.paste(form.get("paste")).map(|n| format!("{} filled in.", counted(n, "row", "rows"))),
        _ if stale => {
            let mut shown = template(tx, by, shell, grid)?;
            shown.error = "Somebody changed these targets meanwhile. What you typed stands below; save once more to \
                           overwrite theirs."
                .into();
            return Ok(Outcome::Shown(StatusCode::CONFLICT, Box::new(shown)));
        }
        _ => match grid.save(tx, by) {
            Ok(count) => return Ok(Outcome::Saved(count)),
            Err(AppError::Invalid(errors)) => Err(errors),
            Err(error) => return Err(error),
        },
    };
    let mut shown = template(tx, by, shell, grid)?;
    let status = match done {
        Ok(words) => {
            shown.filled = format!("{words} Nothing is saved yet: look through it, then save.");
            StatusCode::OK
        }
        Err(errors) => {
            shown.tell(&errors, form);
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    Ok(Outcome::Shown(status, Box::new(shown)))
}

impl Edit {
    fn tell(&mut self, errors: &FormErrors, form: &Form) {
        self.error = errors.get("").unwrap_or_default().to_owned();
        self.paste_error = errors.get("paste").unwrap_or_default().to_owned();
        if !self.paste_error.is_empty() {
            self.pasted = form.raw("paste").to_owned();
        }
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

fn template(tx: &mut OrgTx, actor: &Actor, shell: Shell, grid: Grid) -> AppResult<Edit> {
    let choice = grid.choice;
    let pipelines = pipeline::pipelines(tx)?;
    let types = activities::types(tx)?;
    let known = |goal: super::Goal| {
        goal.pipeline.is_none_or(|id| pipelines.iter().any(|p| p.id == id))
            && goal.activity_type.is_none_or(|id| types.iter().any(|t| t.id == id))
    };
    if !known(choice.goal) {
        return Err(AppError::NotFound);
    }
    let start = actor.org.fiscal_year_start;
    let href = |year: Period| format!("/targets/edit?{}", Choice { year, ..choice }.query());
    let option = |id: String, name: &str, chosen: bool| SelectOption::new(id, name, chosen);
    let head = |period: &Period| match period.unit {
        Unit::Month => actor.locale.month_short(period.span.from),
        Unit::Quarter | Unit::Year => period.label(actor.locale, start),
    };
    Ok(Edit {
        shell,
        columns: choice.columns().iter().map(head).collect(),
        units: Unit::ALL.iter().map(|u| option(u.key().into(), u.label(), *u == choice.unit)).collect(),
        measures: Measure::ALL.iter().map(|m| option(m.key().into(), m.label(), *m == choice.goal.measure)).collect(),
        pipelines: pipelines
            .iter()
            .map(|p| option(p.id.to_string(), &p.name, Some(p.id) == choice.goal.pipeline))
            .collect(),
        types: types
            .iter()
            .map(|t| option(t.id.to_string(), &t.name, Some(t.id) == choice.goal.activity_type))
            .collect(),
        year: choice.year.label(actor.locale, start),
        previous: href(choice.year.previous()),
        next: href(choice.year.next()),
        pasted: String::new(),
        paste_error: String::new(),
        error: String::new(),
        filled: String::new(),
        currency: actor.org.currency.clone(),
        grid,
    })
}
