//! `/settings/activity-templates`: the organisation's templates and their steps, kept by administrators and managers.

use super::{
    commands::{self, NewTemplate},
    form,
    model::{self, ASSIGNEES, FOLLOWS, KINDS, Step, Template as Kept},
};
use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        activities::{model::PRIORITIES, types::ActivityType},
        settings::{SettingsNav, nav},
    },
    kernel::{ActivityTemplateId, RoleId},
    schema::roles,
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
use diesel::prelude::*;
use uuid::Uuid;

const AT: &str = "/settings/activity-templates";

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

/// What the form of a step offers.
struct Offers {
    types: Vec<SelectOption>,
    priorities: Vec<SelectOption>,
    assignees: Vec<SelectOption>,
    roles: Vec<SelectOption>,
    counts: Vec<SelectOption>,
    /// Steps it can wait for.
    earlier: Vec<SelectOption>,
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

#[derive(Template)]
#[template(path = "activities/templates/step.html")]
struct StepPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    id: Uuid,
    template: Kept,
    subject: String,
    input: FormView,
    offers: Offers,
}

fn options(choices: &[(&str, &str)], chosen: &str) -> Vec<SelectOption> {
    choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect()
}

impl Offers {
    fn load(tx: &mut OrgTx, form: &Form, types: &[ActivityType], earlier: &[&Step]) -> AppResult<Self> {
        let all: Vec<(RoleId, String)> = roles::table
            .filter(roles::org_id.eq(tx.org_id().0))
            .order(roles::name)
            .select((roles::id, roles::name))
            .load(tx.conn())?;
        let is = |name: &str, id: &str| form.get(name) == id;
        let offered = types.iter().filter(|t| t.retired_at.is_none() || is("type_id", &t.id.to_string()));
        let waits: Vec<&str> = form.all("waits_for").collect();
        let or = |name: &str, default: &'static str| match form.get(name) {
            "" => default.to_owned(),
            chosen => chosen.to_owned(),
        };
        Ok(Self {
            types: offered
                .map(|t| SelectOption::new(t.id.to_string(), &t.name, is("type_id", &t.id.to_string())))
                .collect(),
            priorities: options(PRIORITIES, &or("priority", "normal")),
            assignees: options(ASSIGNEES, &or("assignee", "me")),
            roles: all
                .iter()
                .map(|(id, name)| SelectOption::new(id.to_string(), name, is("role_id", &id.to_string())))
                .collect(),
            counts: options(
                &[("working", "Working days"), ("calendar", "Days of the calendar")],
                &or("count", "working"),
            ),
            earlier: earlier
                .iter()
                .map(|step| {
                    let id = step.id.to_string();
                    SelectOption::new(&id, &step.fields.subject, waits.contains(&id.as_str()))
                })
                .collect(),
        })
    }
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
    let flash = Flash::success(format!("{} retired", template.name)).undo(format!("{AT}/{id}/retirement/undo"));
    Ok(reply::redirect(&page.req, AT, Some(flash)))
}

/// `POST /settings/activity-templates/{id}/retirement/undo`
pub(in crate::features::activities) async fn restore(
    page: Page,
    by: Allow<Administer>,
    id: Path<ActivityTemplateId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let template = db.org(&page, move |tx| commands::retire(tx, &by, *id, false)).await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} can be used again", template.name)))))
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
    let order: Vec<Uuid> = form.get("order").split(',').filter_map(|id| id.parse().ok()).collect();
    db.org(&page, move |tx| commands::reorder(tx, &by, id, &order)).await?;
    if reply::is_htmx(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), None))
}

/// `GET /settings/activity-steps/{id}`
pub(in crate::features::activities) async fn step(
    page: Page,
    _: Allow<Administer>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    one_step(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one_step(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Uuid,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (shell, nav) = (page.shell("settings"), nav(&page.actor));
    let shown = db
        .org(page, move |tx| {
            let step = model::step(tx, id)?;
            let form = form.unwrap_or_else(|| form::to_form(&step));
            let (all, types) = (model::steps(tx, step.template_id)?, model::type_names(tx)?);
            let earlier: Vec<&Step> = all.iter().take_while(|other| other.id != id).collect();
            Ok(StepPage {
                shell,
                nav,
                section: "activity-templates",
                id,
                template: model::find(tx, step.template_id)?,
                subject: step.fields.subject.clone(),
                offers: Offers::load(tx, &form, &types, &earlier)?,
                input: form.view(errors),
            })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// `POST /settings/activity-steps/{id}`
pub(in crate::features::activities) async fn save_step(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            model::step(tx, id)?;
            commands::update_step(tx, &by, id, &form::parse(&posted)?)
        })
        .await;
    match saved {
        Ok(step) => {
            let to = format!("{AT}/{}", step.template_id);
            Ok(reply::redirect(&page.req, &to, Some(Flash::success("Step saved"))))
        }
        Err(AppError::Invalid(errors)) => {
            one_step(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/activity-steps/{id}/deletion`
pub(in crate::features::activities) async fn delete_step(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let step = db.org(&page, move |tx| commands::delete_step(tx, &by, *id)).await?;
    let told = Flash::success(format!("{} taken away", step.fields.subject));
    Ok(reply::redirect(&page.req, &format!("{AT}/{}", step.template_id), Some(told)))
}
