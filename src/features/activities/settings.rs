//! `/settings/activity-types`: the organisation's types of activity.

use super::{
    model::Class,
    types::{self, ActivityType, ICONS},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        pipeline::COLORS,
        settings::{
            SettingsNav,
            lists::{self, options},
            nav,
        },
    },
    kernel::ActivityTypeId,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

const AT: &str = "/settings/activity-types";

#[derive(Template)]
#[template(path = "activities/types/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    current: Vec<ActivityType>,
    retired: Vec<ActivityType>,
    input: FormView,
    icons: Vec<SelectOption>,
    colors: Vec<SelectOption>,
    classes: Vec<SelectOption>,
}

#[derive(Template)]
#[template(path = "activities/types/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    kind: ActivityType,
    input: FormView,
    icons: Vec<SelectOption>,
    colors: Vec<SelectOption>,
}

/// `GET /settings/activity-types`
pub(super) async fn index(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    list(&page, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

async fn list(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let all = db.org(page, types::all).await?;
    let (current, retired) = all.into_iter().partition(|kind| kind.retired_at.is_none());
    let class = Class::parse(form.get("class")).unwrap_or_default();
    let template = Index {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "activity-types",
        current,
        retired,
        icons: options(ICONS, form.get("icon")),
        colors: options(COLORS, form.get("color")),
        classes: Class::ALL.map(|c| SelectOption::new(c.key(), c.label(), c == class)).into(),
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /settings/activity-types`
pub(super) async fn create(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let made = db
        .org(&page, move |tx| {
            let new = types::parse(&posted)?;
            types::create(tx, &by, Class::parse(posted.get("class")).unwrap_or_default(), &new)
        })
        .await;
    match made {
        Ok(_) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Type added")))),
        Err(AppError::Invalid(errors)) => list(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /settings/activity-types/{id}`
pub(super) async fn show(
    page: Page,
    _: Allow<Administer>,
    id: Path<ActivityTypeId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    one(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: ActivityTypeId,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let kind = db.org(page, move |tx| types::find(tx, id)).await?;
    let form = form.unwrap_or_else(|| {
        let minutes = kind.minutes.map(|n| n.to_string()).unwrap_or_default();
        let pairs = [("name", kind.name.clone()), ("icon", kind.icon.clone()), ("color", kind.color.clone())];
        Form::new(pairs.into_iter().chain([("minutes", minutes)]).map(|(name, value)| (name.to_owned(), value)))
    });
    let template = Show {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "activity-types",
        icons: options(ICONS, form.get("icon")),
        colors: options(COLORS, form.get("color")),
        input: form.view(errors),
        kind,
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /settings/activity-types/{id}`
pub(super) async fn update(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTypeId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            types::find(tx, id)?;
            types::update(tx, &by, id, &types::parse(&posted)?)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Type saved")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/activity-types/{id}/retirement`
pub(super) async fn retire(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTypeId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let kind = db.org(&page, move |tx| types::retire(tx, &by, id, true)).await?;
    Ok(lists::retired(&page, AT, id, &kind.name))
}

/// `POST /settings/activity-types/{id}/retirement/undo`
pub(super) async fn restore(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTypeId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let kind = db.org(&page, move |tx| types::retire(tx, &by, *id, false)).await?;
    Ok(lists::restored(&page, AT, &kind.name))
}

/// `POST /settings/activity-types/order`: `order`, ids with commas between
pub(super) async fn order(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let order: Vec<ActivityTypeId> = lists::order(&form);
    db.org(&page, move |tx| types::reorder(tx, &by, &order)).await?;
    Ok(lists::ordered(&page, AT))
}
