//! One pipeline's page: its name, its stages, and its end.

use super::{AT, Errors, Pipeline, Stage, commands, name_of, queries, target, targets};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        pipeline::COLORS,
        settings::{SettingsNav, nav},
    },
    kernel::PipelineId,
    web::{
        Allow, Form, FormErrors, Page, SelectOption, Shell, flash::Flash, permission::organisation::ManagePipelines,
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
#[template(path = "pipeline/settings/show.html")]
struct ShowPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    pipeline: Pipeline,
    /// The pipeline's name as typed, else as it is.
    typed: String,
    stages: Vec<Stage>,
    /// Stages of other pipelines, where this one's deals can go.
    targets: Vec<SelectOption>,
    only: bool,
    errors: Errors,
    /// The stage whose form was refused; empty: the form of a new one.
    at: String,
    posted: Form,
}

impl ShowPage {
    fn colors(&self) -> &'static [(&'static str, &'static str)] {
        COLORS
    }

    /// The typed text in the form that was refused, else the stage's own.
    fn text(&self, id: &str, field: &str, own: &str) -> String {
        if self.at == id && self.posted.has(field) { self.posted.get(field).to_owned() } else { own.to_owned() }
    }

    fn error(&self, id: &str, field: &str) -> &str {
        if self.at == id { self.errors.of(field) } else { "" }
    }

    fn days(stage: &Stage) -> String {
        stage.rotting_days.map(|d| d.to_string()).unwrap_or_default()
    }
}

pub(super) async fn show(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    show_again(&page, &by, &db, *id, "none", FormErrors::default(), Form::default()).await
}

pub(super) async fn show_again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    id: PipelineId,
    at: &str,
    errors: FormErrors,
    posted: Form,
) -> AppResult<HttpResponse> {
    let (pipeline, all) = db.org(by, move |tx| Ok((queries::pipeline(tx, id)?, commands::with_stages(tx)?))).await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let targets = targets(&all, |stage| stage.pipeline_id != id);
    let stages = all.iter().find(|(p, _)| p.id == id).map(|(_, s)| s.clone()).unwrap_or_default();
    let shown = ShowPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        typed: if at == "pipeline" { posted.get("name").to_owned() } else { pipeline.name.clone() },
        pipeline,
        stages,
        targets,
        only: all.len() == 1,
        errors: Errors(errors),
        at: at.to_owned(),
        posted,
    };
    reply::page_with(&page.req, status, &shown)
}

pub(super) async fn rename(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, by, db, form, (id, "pipeline".into()), "Pipeline renamed", move |tx, by, form| {
        commands::rename_pipeline(tx, by, id, &name_of(form)?).map(|()| id)
    })
    .await
}

pub(super) async fn delete(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (posted, writer, id) = (form.clone(), by.clone(), *id);
    let gone = db.org(&by, move |tx| commands::delete_pipeline(tx, &writer, id, target(&form)?)).await;
    match gone {
        Ok(()) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Pipeline deleted")))),
        Err(AppError::Invalid(errors)) => show_again(&page, &by, &db, id, "deletion", errors, posted).await,
        Err(other) => Err(other),
    }
}

/// One change from the pipeline's page: done, or the page again with the errors at the form they belong to.
pub(super) async fn change(
    page: Page,
    by: Allow<ManagePipelines>,
    db: Data<Db>,
    form: Form,
    (pipeline, at): (PipelineId, String),
    done: &str,
    work: impl FnOnce(&mut OrgTx, &Allow<ManagePipelines>, &Form) -> AppResult<PipelineId> + Send + 'static,
) -> AppResult<HttpResponse> {
    let (posted, writer) = (form.clone(), by.clone());
    match db.org(&by, move |tx| work(tx, &writer, &form)).await {
        Ok(id) => Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), Some(Flash::success(done)))),
        Err(AppError::Invalid(errors)) => show_again(&page, &by, &db, pipeline, &at, errors, posted).await,
        Err(other) => Err(other),
    }
}
