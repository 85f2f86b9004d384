//! `/settings/pipelines/{id}/automations`: what happens by itself on a pipeline, in order; turned on and off, deleted.

use super::{
    actions, commands, forms,
    model::{self, EVENTS},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::{self, Pipeline},
        settings::{SettingsNav, nav},
    },
    kernel::{AutomationId, PipelineId, StageId},
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
use uuid::Uuid;

/// An automation in the list.
struct Line {
    id: AutomationId,
    name: String,
    when: String,
    what: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "automations/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    pipeline: Pipeline,
    lines: Vec<Line>,
    input: FormView,
    parts: Parts,
}

/// What the form of an automation offers.
pub(super) struct Parts {
    pub events: Vec<SelectOption>,
    pub stages: Vec<SelectOption>,
}

impl Parts {
    pub fn load(tx: &mut OrgTx, pipeline: PipelineId, form: &Form) -> AppResult<Self> {
        let chosen = |name: &str, value: &str| form.get(name) == value;
        let stages = pipeline::stages_of(tx, pipeline)?;
        let option = |id: StageId, name: &str| {
            let id = id.to_string();
            let selected = chosen("stage_id", &id);
            SelectOption::new(id, name, selected)
        };
        Ok(Self {
            events: EVENTS.iter().map(|(key, label)| SelectOption::new(*key, *label, chosen("event", key))).collect(),
            stages: stages.iter().map(|stage| option(stage.id, &stage.name)).collect(),
        })
    }
}

fn at(pipeline: PipelineId) -> String {
    format!("/settings/pipelines/{pipeline}/automations")
}

/// `GET /settings/pipelines/{id}/automations`
pub(super) async fn index(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    list(&page, &by, &db, StatusCode::OK, *id, Form::default(), FormErrors::default()).await
}

async fn list(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    id: PipelineId,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (shell, nav, actor) = (page.shell("settings"), nav(page), page.actor.clone());
    let shown = db
        .org(by, move |tx| {
            let pipeline = pipeline::pipeline(tx, id)?;
            let stages = pipeline::stages(tx)?;
            let mut lines = Vec::new();
            for one in model::of_pipeline(tx, id)? {
                let what = actions::words(tx, &actor, &one)?;
                let what: Vec<String> = what.into_iter().map(|(_, _, words, _)| words).collect();
                let (when, on) = (one.when(&stages), one.is_on());
                lines.push(Line { id: one.id, name: one.name, when, what: what.join(" · "), on });
            }
            let parts = Parts::load(tx, id, &form)?;
            Ok(Index { shell, nav, section: "pipelines", pipeline, lines, input: form.view(errors), parts })
        })
        .await?;
    reply::page_with(&page.req, status, &shown)
}

/// `POST /settings/pipelines/{id}/automations`: `name`, `event`, `stage_id`, `after_days`
pub(super) async fn create(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted, who) = (*id, form.clone(), by.clone());
    let made = db
        .org(&by, move |tx| {
            pipeline::pipeline(tx, id)?;
            commands::create(tx, &who, id, &forms::terms(&posted)?)
        })
        .await;
    match made {
        Ok(made) => {
            let flash = Flash::success("Automation added. Now what it does.");
            Ok(reply::redirect(&page.req, &format!("/settings/automations/{made}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            list(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, id, form, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/pipelines/{id}/automations/order`: `order`, ids with commas between
pub(super) async fn order(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let order: Vec<Uuid> = form.get("order").split(',').filter_map(|id| id.parse().ok()).collect();
    db.org(&by, move |tx| commands::reorder(tx, &who, id, &order)).await?;
    if reply::is_htmx(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &at(id), None))
}

/// `POST /settings/automations/{id}/activation`
pub(super) async fn activate(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    switch(page, by, *id, db, true).await
}

/// `POST /settings/automations/{id}/activation/undo`
pub(super) async fn turn_off(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    switch(page, by, *id, db, false).await
}

async fn switch(
    page: Page,
    by: Allow<ManagePipelines>,
    id: AutomationId,
    db: Data<Db>,
    on: bool,
) -> AppResult<HttpResponse> {
    let who = by.clone();
    let to = format!("/settings/automations/{id}");
    let flash = match db.org(&by, move |tx| commands::set_active(tx, &who, id, on)).await {
        Ok(one) if on => Flash::success(format!("{} is on", one.name)),
        Ok(one) => Flash::success(format!("{} is off", one.name)),
        Err(AppError::Conflict(why)) => Flash::danger(why),
        Err(other) => return Err(other),
    };
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// `POST /settings/automations/{id}/deletion`
pub(super) async fn delete(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<AutomationId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, who) = (*id, by.clone());
    let gone = db.org(&by, move |tx| commands::delete(tx, &who, id)).await?;
    Ok(reply::redirect(&page.req, &at(gone.pipeline_id), Some(Flash::success(format!("{} deleted", gone.name)))))
}
