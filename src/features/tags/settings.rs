//! `/settings/tags`: what tags there are and on how many records; new ones, renaming, recolouring, merging, deleting.

use super::{
    commands::{self, Merged},
    model::Tag,
    queries::{self, COUNTED, Counted},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        pipeline::COLORS,
        settings::{SettingsNav, nav},
    },
    kernel::TagId,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::tags::{Administer, Create},
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "tags/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    tags: Vec<Line>,
    input: FormView,
    colors: Vec<SelectOption>,
}

struct Line {
    id: TagId,
    name: String,
    color: String,
    records: String,
}

#[derive(Template)]
#[template(path = "tags/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    tag: Tag,
    input: FormView,
    colors: Vec<SelectOption>,
    others: Vec<SelectOption>,
}

fn colors(current: &str) -> Vec<SelectOption> {
    COLORS.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == current)).collect()
}

/// `GET /settings/tags`
pub(super) async fn index(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    list(&page, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

async fn list(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let counted = db.org(page, queries::counted).await?;
    let line = |tag: Counted| Line {
        id: tag.id,
        name: tag.name,
        color: tag.color,
        records: match tag.records {
            n if n > COUNTED => format!("{}+", page.actor.locale.integer(COUNTED)),
            n => page.actor.locale.integer(n),
        },
    };
    let colors = colors(form.get("color"));
    let template = Index {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "tags",
        tags: counted.into_iter().map(line).collect(),
        input: form.view(errors),
        colors,
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /settings/tags`
pub(super) async fn create(
    page: Page,
    _: Allow<Administer>,
    by: Allow<Create>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (name, color) = (form.get("name").to_owned(), form.get("color").to_owned());
    let made = db.org(&page, move |tx| commands::create(tx, &by, &name, Some(&color))).await;
    match made {
        Ok(_) => Ok(reply::redirect(&page.req, "/settings/tags", Some(Flash::success("Tag added")))),
        Err(AppError::Invalid(errors)) => list(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /settings/tags/{id}`
pub(super) async fn show(page: Page, _: Allow<Administer>, id: Path<TagId>, db: Data<Db>) -> AppResult<HttpResponse> {
    one(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: TagId,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (tag, all) = db.org(page, move |tx| Ok((queries::find(tx, id)?, queries::all(tx)?))).await?;
    let form = form
        .unwrap_or_else(|| Form::new([("name".to_owned(), tag.name.clone()), ("color".to_owned(), tag.color.clone())]));
    let into = form.get("into").to_owned();
    let others = all.into_iter().filter(|t| t.id != id);
    let template = Show {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "tags",
        colors: colors(if form.has("color") { form.get("color") } else { &tag.color }),
        others: others.map(|t| SelectOption::new(t.id.to_string(), t.name, t.id.to_string() == into)).collect(),
        input: form.view(errors),
        tag,
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /settings/tags/{id}`
pub(super) async fn update(
    page: Page,
    by: Allow<Administer>,
    id: Path<TagId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, name, color) = (*id, form.get("name").to_owned(), form.get("color").to_owned());
    match db.org(&page, move |tx| commands::update(tx, &by, id, &name, &color)).await {
        Ok(()) => Ok(reply::redirect(&page.req, "/settings/tags", Some(Flash::success("Tag saved")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/tags/{id}/merger`: `into`
pub(super) async fn merge(
    page: Page,
    by: Allow<Administer>,
    id: Path<TagId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, into) = (*id, form.get("into").parse::<TagId>());
    let merged = db
        .org(&page, move |tx| {
            queries::find(tx, id)?;
            let into = into.map_err(|_| AppError::field("into", "is required"))?;
            match commands::merge(tx, &by, id, into) {
                Err(AppError::NotFound) => Err(AppError::field("into", "is not there any more")),
                other => other,
            }
        })
        .await;
    match merged {
        Ok(Merged { gone, kept, operation }) => {
            let told = format!("{} is {} now, on every record that had it", gone.name, kept.name);
            let flash = Flash::success(told).undo(format!("/operations/{operation}/undo"));
            Ok(reply::redirect(&page.req, "/settings/tags", Some(flash)))
        }
        Err(AppError::Invalid(errors)) => one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, None, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /settings/tags/{id}/deletion`
pub(super) async fn delete(
    page: Page,
    by: Allow<Administer>,
    id: Path<TagId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let tag = db.org(&page, move |tx| commands::delete(tx, &by, id)).await?;
    let flash = Flash::success(format!("{} deleted", tag.name)).undo(format!("/settings/tags/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, "/settings/tags", Some(flash)))
}

/// `POST /settings/tags/{id}/deletion/undo`
pub(super) async fn undelete(
    page: Page,
    by: Allow<Administer>,
    id: Path<TagId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let tag = db.org(&page, move |tx| commands::undelete(tx, &by, id)).await?;
    let told = format!("{} is back, on every record that had it", tag.name);
    Ok(reply::redirect(&page.req, "/settings/tags", Some(Flash::success(told))))
}
