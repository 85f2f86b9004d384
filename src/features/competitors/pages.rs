//! `/settings/competitors`: the list, and each with its name, its notes, its end.

use super::{
    commands::{self, parse},
    queries::{self, Competitor},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        records::Saved,
        settings::{SettingsNav, nav},
    },
    kernel::CompetitorId,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::ManagePipelines, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

const AT: &str = "/settings/competitors";

struct Line {
    id: CompetitorId,
    name: String,
    website: String,
    deals: String,
    lost: i64,
    retired: bool,
}

#[derive(Template)]
#[template(path = "competitors/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    lines: Vec<Line>,
    input: FormView,
}

#[derive(Template)]
#[template(path = "competitors/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    competitor: Competitor,
    others: Vec<SelectOption>,
    input: FormView,
}

pub(super) async fn index(page: Page, by: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
    list(&page, &by, &db, StatusCode::OK, Form::default().view(FormErrors::default())).await
}

async fn list(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    input: FormView,
) -> AppResult<HttpResponse> {
    let (all, met) = db.org(by, |tx| Ok((queries::all(tx)?, queries::met(tx)?))).await?;
    let count = |n: i64| if n >= 1_000 { "1,000+".to_owned() } else { n.to_string() };
    let line = |c: Competitor| {
        let met = met.iter().find(|met| met.id == c.id);
        Line {
            id: c.id,
            name: c.name,
            website: c.website.unwrap_or_default(),
            deals: count(met.map_or(0, |met| met.deals)),
            lost: met.map_or(0, |met| met.lost),
            retired: c.retired_at.is_some(),
        }
    };
    let shown = Index {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "competitors",
        lines: all.into_iter().map(line).collect(),
        input,
    };
    reply::page_with(&page.req, status, &shown)
}

pub(super) async fn create(
    page: Page,
    by: Allow<ManagePipelines>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted) = (by.clone(), form.clone());
    match db.org(&by, move |tx| commands::create(tx, &writer, &parse(&posted)?)).await {
        Ok(_) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Competitor added")))),
        Err(AppError::Invalid(errors)) => {
            list(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)).await
        }
        Err(other) => Err(other),
    }
}

pub(super) async fn show(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<CompetitorId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    one(&page, &by, &db, *id, StatusCode::OK, None).await
}

/// The page as it is, or as it was typed.
async fn one(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    id: CompetitorId,
    status: StatusCode,
    refused: Option<(Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let (competitor, all) = db.org(by, move |tx| Ok((queries::find(tx, id)?, queries::all(tx)?))).await?;
    let (mut form, errors) = refused.unwrap_or_default();
    let own = [
        ("version", competitor.version.to_string()),
        ("name", competitor.name.clone()),
        ("website", competitor.website.clone().unwrap_or_default()),
        ("notes", competitor.notes.clone().unwrap_or_default()),
    ];
    for (key, value) in own {
        if !form.has(key) {
            form.set(key, value);
        }
    }
    let into = form.get("into").to_owned();
    let others: Vec<Competitor> = all.into_iter().filter(|c| c.id != id).collect();
    let shown = Show {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "competitors",
        competitor,
        others: others.iter().map(|c| SelectOption::new(c.id.to_string(), &c.name, c.id.to_string() == into)).collect(),
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &shown)
}

pub(super) async fn update(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<CompetitorId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted, id) = (by.clone(), form.clone(), *id);
    let seen = form.get("version").parse().unwrap_or(0);
    match db.org(&by, move |tx| commands::update(tx, &writer, id, seen, &parse(&posted)?)).await {
        Ok(Saved::Done(_)) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Competitor saved")))),
        Ok(Saved::Stale) => {
            let told = "Someone else changed this competitor meanwhile. Open it anew to see how it is; what you typed is below.";
            one(&page, &by, &db, id, StatusCode::CONFLICT, Some((form, FormErrors::one("", told)))).await
        }
        Err(AppError::Invalid(errors)) => {
            one(&page, &by, &db, id, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}

pub(super) async fn retire(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<CompetitorId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, id) = (by.clone(), *id);
    let it = db.org(&by, move |tx| commands::retire(tx, &writer, id, true)).await?;
    let undo = format!("{AT}/{id}/retirement/undo");
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} is offered no more", it.name)).undo(undo))))
}

pub(super) async fn restore(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<CompetitorId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, id) = (by.clone(), *id);
    let it = db.org(&by, move |tx| commands::retire(tx, &writer, id, false)).await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} is offered again", it.name)))))
}

/// `into`: the competitor that keeps the deals of both.
pub(super) async fn merge(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<CompetitorId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted, id) = (by.clone(), form.clone(), *id);
    let merged = db
        .org(&by, move |tx| {
            queries::find(tx, id)?;
            let mut p = posted.parser();
            let into = p.id::<CompetitorId>("into");
            p.finish()?;
            let into = into.ok_or_else(|| AppError::field("into", "is required"))?;
            match commands::merge(tx, &writer, id, into) {
                Err(AppError::NotFound) => Err(AppError::field("into", "is not there any more")),
                other => other,
            }
        })
        .await;
    match merged {
        Ok((gone, kept)) => {
            let told = format!("{} is {} now, on every deal", gone.name, kept.name);
            Ok(reply::redirect(&page.req, AT, Some(Flash::success(told))))
        }
        Err(AppError::Invalid(errors)) => {
            one(&page, &by, &db, id, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}
