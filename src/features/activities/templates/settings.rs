//! `/settings/activity-templates`: the organisation's templates and their steps, kept by administrators and managers.

use super::{
    commands::{self, NewTemplate},
    form,
    model::{self, ASSIGNEES, FOLLOWS, KINDS, Step, Template as Kept},
    steps::Offers,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        activities::{model::Class, types::ActivityType},
        settings::{
            SettingsNav,
            lists::{self, options},
            nav,
        },
    },
    kernel::ActivityTemplateId,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, permission::activities::Administer,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

pub(super) const AT: &str = "/settings/activity-templates";

#[derive(Template)]
#[template(path = "activities/templates/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    current: Vec<Kept>,
    retired: Vec<Kept>,
    input: FormView,
    kinds: Vec<SelectOption>,
}

/// A step in the list of its template.
struct Line {
    id: Uuid,
    subject: String,
    icon: String,
    color: String,
    note: String,
}

#[derive(Template)]
#[template(path = "activities/templates/show.html")]
struct Show {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    template: Kept,
    steps: Vec<Line>,
    named: FormView,
    follows: Vec<SelectOption>,
    input: FormView,
    offers: Offers,
}

/// `GET /settings/activity-templates`
pub(in crate::features::activities) async fn index(
    page: Page,
    _: Allow<Administer>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    list(&page, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

async fn list(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let all = db.org(page, model::all).await?;
    let (current, retired) = all.into_iter().partition(|template| template.retired_at.is_none());
    let template = Index {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "activity-templates",
        current,
        retired,
        kinds: options(KINDS, form.get("kind")),
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &template)
}

fn parse(form: &Form) -> AppResult<NewTemplate> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    let follow = p.choice("follow", FOLLOWS).unwrap_or("plan");
    p.finish()?;
    Ok(NewTemplate { name, follow })
}

/// `POST /settings/activity-templates`: `name`, `kind`
pub(in crate::features::activities) async fn create(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let made = db
        .org(&page, move |tx| {
            let new = parse(&posted)?;
            let mut p = posted.parser();
            let kind = p.choice("kind", KINDS).unwrap_or("chain");
            p.finish()?;
            commands::create(tx, &by, kind, &new)
        })
        .await;
    match made {
        Ok(id) => Ok(reply::redirect(
            &page.req,
            &format!("{AT}/{id}"),
            Some(Flash::success("Template added. Now its steps.")),
        )),
        Err(AppError::Invalid(errors)) => list(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /settings/activity-templates/{id}`
pub(in crate::features::activities) async fn show(
    page: Page,
    _: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    one(&page, &db, StatusCode::OK, *id, (None, FormErrors::default()), (Form::default(), FormErrors::default())).await
}

/// The page, with what was typed into the form of the template or of its new step.
async fn one(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: ActivityTemplateId,
    (named, named_errors): (Option<Form>, FormErrors),
    (form, errors): (Form, FormErrors),
) -> AppResult<HttpResponse> {
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let shown = db
        .org(page, move |tx| {
            let template = model::find(tx, id)?;
            let (steps, types) = (model::steps(tx, id)?, model::type_names(tx)?);
            let mut form = form;
            // A set is of tasks, most of the time.
            if form.get("type_id").is_empty()
                && template.is_set()
                && let Some(task) = types.iter().find(|kind| kind.class() == Class::Task && kind.retired_at.is_none())
            {
                form.set("type_id", task.id.to_string());
            }
            let said = [("name", template.name.clone()), ("follow", template.follow.clone())];
            let named = named.unwrap_or_else(|| Form::new(said.map(|(name, value)| (name.to_owned(), value))));
            Ok(Show {
                shell,
                nav,
                section: "activity-templates",
                follows: options(FOLLOWS, named.get("follow")),
                named: named.view(named_errors),
                offers: Offers::load(tx, &form, &types, &steps.iter().collect::<Vec<_>>())?,
                steps: steps.iter().map(|step| line(&template, step, &types, &steps)).collect(),
                input: form.view(errors),
                template,
            })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

fn line(template: &Kept, step: &Step, types: &[ActivityType], all: &[Step]) -> Line {
    let kind = step.kind(types);
    let first = all.first().is_some_and(|first| first.id == step.id);
    let when = if first && !template.is_set() { step.when().replace(" after", " from then on") } else { step.when() };
    let assignee = ASSIGNEES.iter().find(|(key, _)| *key == step.fields.assignee).map(|(_, label)| (*label).to_owned());
    let items = match step.items().count() {
        0 => None,
        1 => Some("1 item to tick off".to_owned()),
        n => Some(format!("{n} items to tick off")),
    };
    let waits: Vec<&str> = step
        .waits_for()
        .filter_map(|id| all.iter().find(|other| other.id == id))
        .map(|other| other.fields.subject.as_str())
        .collect();
    let waits = (!waits.is_empty()).then(|| format!("waits for {}", waits.join(", ")));
    Line {
        id: step.id,
        subject: step.fields.subject.clone(),
        icon: kind.map(|kind| kind.icon.clone()).unwrap_or_else(|| "checkbox".into()),
        color: kind.map(|kind| kind.color.clone()).unwrap_or_else(|| "slate".into()),
        note: [Some(when), assignee, items, waits].into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

/// `POST /settings/activity-templates/{id}`: `name`, `follow`
pub(in crate::features::activities) async fn update(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            model::find(tx, id)?;
            commands::update(tx, &by, id, &parse(&posted)?)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), Some(Flash::success("Template saved")))),
        Err(AppError::Invalid(errors)) => {
            let fresh = (Form::default(), FormErrors::default());
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, (Some(form), errors), fresh).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/activity-templates/{id}/retirement`
pub(in crate::features::activities) async fn retire(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let template = db.org(&page, move |tx| commands::retire(tx, &by, id, true)).await?;
    Ok(lists::retired(&page, AT, id, &template.name))
}

/// `POST /settings/activity-templates/{id}/retirement/undo`
pub(in crate::features::activities) async fn restore(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let template = db.org(&page, move |tx| commands::retire(tx, &by, *id, false)).await?;
    Ok(lists::restored(&page, AT, &template.name))
}

/// `POST /settings/activity-templates/{id}/steps`
pub(in crate::features::activities) async fn add_step(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let added = db
        .org(&page, move |tx| {
            model::find(tx, id)?;
            commands::add_step(tx, &by, id, &form::parse(&posted)?)
        })
        .await;
    match added {
        Ok(_) => Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), Some(Flash::success("Step added")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, (None, FormErrors::default()), (form, errors)).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/activity-templates/{id}/order`: `order`, ids with commas between
pub(in crate::features::activities) async fn order(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let order: Vec<Uuid> = lists::order(&form);
    db.org(&page, move |tx| commands::reorder(tx, &by, id, &order)).await?;
    Ok(lists::ordered(&page, &format!("{AT}/{id}")))
}
