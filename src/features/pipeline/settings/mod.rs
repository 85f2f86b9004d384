//! `/settings/pipelines`: pipelines, their stages, and the reasons deals are lost for.

use super::{
    commands::{self, StageFields},
    model::{COLORS, Pipeline, Stage},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::{PipelineId, StageId},
    web::{
        Allow, Form, FormErrors, Page, SelectOption, Shell, flash::Flash, permission::organisation::ManagePipelines,
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, ServiceConfig, get, post},
};
use askama::Template;

const AT: &str = "/settings/pipelines";

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/settings/pipelines", get().to(index))
        .route("/settings/pipelines", post().to(add_pipeline))
        .route("/settings/lost-reasons", post().to(lost_reasons))
        .route("/settings/pipelines/{id}", get().to(show))
        .route("/settings/pipelines/{id}", post().to(rename))
        .route("/settings/pipelines/{id}/deletion", post().to(delete))
        .route("/settings/pipelines/{id}/stages", post().to(add_stage))
        .route("/settings/pipelines/{id}/order", post().to(order))
        .route("/settings/stages/{id}", post().to(edit_stage))
        .route("/settings/stages/{id}/shift", post().to(shift))
        .route("/settings/stages/{id}/removal", get().to(ask_removal))
        .route("/settings/stages/{id}/removal", post().to(remove_stage));
}

struct PipelineRow {
    id: String,
    name: String,
    stages: String,
}

#[derive(Template)]
#[template(path = "pipeline/settings/index.html")]
struct IndexPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    pipelines: Vec<PipelineRow>,
    reasons: String,
    /// The name typed for a new pipeline. (`name` would be shadowed by the macro's own parameter.)
    typed: String,
    errors: Errors,
}

/// The message at a field of these pages' small forms.
#[derive(Default)]
struct Errors(FormErrors);

impl Errors {
    fn of(&self, field: &str) -> &str {
        self.0.get(field).unwrap_or_default()
    }
}

async fn index(page: Page, by: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
    index_again(&page, &by, &db, StatusCode::OK, FormErrors::default(), &Form::default()).await
}

async fn index_again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    errors: FormErrors,
    posted: &Form,
) -> AppResult<HttpResponse> {
    let (pipelines, kept) =
        db.org(by, |tx| Ok((commands::with_stages(tx)?, queries::lost_reasons(tx)?.join("\n")))).await?;
    let rows = pipelines.into_iter().map(|(p, stages)| PipelineRow {
        id: p.id.to_string(),
        name: p.name,
        stages: stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(" → "),
    });
    let reasons = if posted.has("lost_reasons") { posted.get("lost_reasons").to_owned() } else { kept };
    let shown = IndexPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        pipelines: rows.collect(),
        reasons,
        typed: posted.get("name").to_owned(),
        errors: Errors(errors),
    };
    reply::page_with(&page.req, status, &shown)
}

async fn add_pipeline(page: Page, by: Allow<ManagePipelines>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (posted, writer) = (form.clone(), by.clone());
    let added = db.org(&by, move |tx| commands::add_pipeline(tx, &writer, &name_of(&form)?)).await;
    match added {
        Ok(id) => Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), Some(Flash::success("Pipeline added")))),
        Err(AppError::Invalid(errors)) => {
            index_again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, errors, &posted).await
        }
        Err(other) => Err(other),
    }
}

async fn lost_reasons(page: Page, by: Allow<ManagePipelines>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    match parse_reasons(&form) {
        Ok(reasons) => {
            let writer = by.clone();
            db.org(&by, move |tx| commands::set_lost_reasons(tx, &writer, reasons)).await?;
            Ok(reply::redirect(&page.req, AT, Some(Flash::success("Reasons saved"))))
        }
        Err(errors) => index_again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, errors, &form).await,
    }
}

/// One reason a line; doubles fall together.
fn parse_reasons(form: &Form) -> Result<Vec<String>, FormErrors> {
    let mut reasons: Vec<String> = vec![];
    for line in form.get("lost_reasons").lines().map(str::trim).filter(|l| !l.is_empty()) {
        if line.chars().count() > 100 {
            return Err(FormErrors::one("lost_reasons", "hold one that is too long: at most 100 characters a line"));
        }
        if !reasons.iter().any(|r| r.to_lowercase() == line.to_lowercase()) {
            reasons.push(line.to_owned());
        }
    }
    match reasons.len() {
        0 => Err(FormErrors::one("lost_reasons", "are needed: at least one")),
        1..=50 => Ok(reasons),
        _ => Err(FormErrors::one("lost_reasons", "are too many: at most 50")),
    }
}

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

async fn show(page: Page, by: Allow<ManagePipelines>, id: Path<PipelineId>, db: Data<Db>) -> AppResult<HttpResponse> {
    show_again(&page, &by, &db, *id, "none", FormErrors::default(), Form::default()).await
}

async fn show_again(
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

fn targets(all: &[(Pipeline, Vec<Stage>)], fits: impl Fn(&Stage) -> bool) -> Vec<SelectOption> {
    all.iter()
        .flat_map(|(p, stages)| stages.iter().map(move |s| (p, s)))
        .filter(|(_, s)| fits(s))
        .map(|(p, s)| SelectOption::new(s.id.to_string(), format!("{} / {}", p.name, s.name), false))
        .collect()
}

async fn rename(
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

async fn delete(
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

async fn add_stage(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, by, db, form, (id, String::new()), "Stage added", move |tx, by, form| {
        commands::add_stage(tx, by, id, &parse_stage(form)?).map(|_| id)
    })
    .await
}

async fn edit_stage(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let pipeline = db.org(&by, move |tx| queries::stage(tx, id)).await?.pipeline_id;
    change(page, by, db, form, (pipeline, id.to_string()), "Stage saved", move |tx, by, form| {
        commands::edit_stage(tx, by, id, &parse_stage(form)?).map(|()| pipeline)
    })
    .await
}

/// One change from the pipeline's page: done, or the page again with the errors at the form they belong to.
async fn change(
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

/// `order=id,id,…`, as static/js/stages.js posts it.
async fn order(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let order: Result<Vec<StageId>, _> = form.get("order").split(',').map(str::trim).map(str::parse).collect();
    let order = order.map_err(|_| AppError::field("order", "holds something that is no stage"))?;
    let (writer, id) = (by.clone(), *id);
    db.org(&by, move |tx| commands::reorder_stages(tx, &writer, id, &order)).await?;
    if reply::is_htmx(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), None))
}

async fn shift(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, down) = (by.clone(), form.get("step") == "down");
    let pipeline = db.org(&by, move |tx| commands::shift_stage(tx, &writer, *id, down)).await?;
    Ok(reply::redirect(&page.req, &format!("{AT}/{pipeline}"), None))
}

#[derive(Template)]
#[template(path = "pipeline/settings/removal.html")]
struct RemovalPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    stage: Stage,
    has_deals: bool,
    targets: Vec<SelectOption>,
    errors: Errors,
}

async fn ask_removal(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    removal_again(&page, &by, &db, *id, FormErrors::default()).await
}

async fn removal_again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    id: StageId,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (stage, all, has_deals) = db
        .org(by, move |tx| {
            let has_deals = crate::features::deals::any_in_stage(tx, id)?;
            Ok((queries::stage(tx, id)?, commands::with_stages(tx)?, has_deals))
        })
        .await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let shown = RemovalPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        stage,
        has_deals,
        targets: targets(&all, |stage| stage.id != id),
        errors: Errors(errors),
    };
    reply::page_with(&page.req, status, &shown)
}

async fn remove_stage(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, id) = (by.clone(), *id);
    match db.org(&by, move |tx| commands::remove_stage(tx, &writer, id, target(&form)?)).await {
        Ok(pipeline) => {
            Ok(reply::redirect(&page.req, &format!("{AT}/{pipeline}"), Some(Flash::success("Stage removed"))))
        }
        Err(AppError::Invalid(errors)) => removal_again(&page, &by, &db, id, errors).await,
        Err(other) => Err(other),
    }
}

fn name_of(form: &Form) -> Result<String, FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 80);
    p.finish().map(|()| name)
}

fn target(form: &Form) -> Result<Option<StageId>, FormErrors> {
    let mut p = form.parser();
    let target = p.id("target");
    p.finish().map(|()| target)
}

fn parse_stage(form: &Form) -> Result<StageFields, FormErrors> {
    let mut p = form.parser();
    let small = |n: Option<i64>| n.and_then(|n| i16::try_from(n).ok());
    let fields = StageFields {
        name: p.required("name", 80),
        color: p.choice("color", COLORS).unwrap_or("blue").to_owned(),
        probability: small(p.integer("probability", 0, 100)).unwrap_or(0),
        rotting_days: small(p.integer("rotting_days", 1, 3650)),
    };
    if form.get("probability").is_empty() {
        p.error("probability", "is required");
    }
    p.finish().map(|()| fields)
}
