//! One pipeline's page: its name, its stages, and its end.

use super::{AT, Errors, Pipeline, Stage, commands, name_of, queries, target, targets};
use crate::{
    db::{Db, OrgTx},
    error::AppResult,
    features::{
        pipeline::{
            CATEGORIES, COLORS, likelihood,
            requirements::{self, Criterion},
        },
        records::{
            Saved,
            history::{self, Conflict, Thing},
            submit::Draft,
        },
        settings::{SettingsNav, nav},
    },
    kernel::{PipelineId, StageId},
    web::{Allow, Form, Page, SelectOption, Shell, flash::Flash, permission::organisation::ManagePipelines, reply},
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
    criteria: Vec<Criterion>,
    /// Stages of other pipelines, where this one's deals can go.
    targets: Vec<SelectOption>,
    only: bool,
    errors: Errors,
    /// The stage whose form was refused; empty: the form of a new one.
    at: String,
    posted: Form,
    /// What somebody else saved while that form was open.
    conflict: Option<Conflict>,
}

impl ShowPage {
    fn colors(&self) -> &'static [(&'static str, &'static str)] {
        COLORS
    }

    fn limit(stage: &Stage) -> String {
        stage.card_limit.map(|n| n.to_string()).unwrap_or_default()
    }

    fn categories(&self) -> &'static [(&'static str, &'static str)] {
        CATEGORIES
    }

    /// The typed text in the form that was refused, else the stage's own.
    fn text(&self, id: &str, field: &str, own: &str) -> String {
        if self.at == id && self.posted.has(field) { self.posted.get(field).to_owned() } else { own.to_owned() }
    }

    /// The version the form was opened with; beside a conflict it has moved on.
    fn version(&self, id: &str, own: &i32) -> String {
        self.text(id, "version", &own.to_string())
    }

    fn error(&self, id: &str, field: &str) -> &str {
        if self.at == id { self.errors.of(field) } else { "" }
    }

    /// "asks for 2 fields and 3 steps", or nothing.
    fn asks(&self, stage: &Stage) -> String {
        let count =
            |n: usize, what: &str| (n > 0).then(|| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") });
        let steps = self.criteria.iter().filter(|c| c.stage_id == stage.id).count();
        let parts: Vec<String> =
            [count(stage.required_fields().count(), "field"), count(steps, "step")].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("asks for {}", parts.join(" and ")) }
    }

    /// The automatic probability's formula with its numbers.
    fn formula(stage: &Stage) -> String {
        likelihood::formula(stage).unwrap_or_default()
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
    show_again(&page, &by, &db, *id, "none", Draft::default()).await
}

async fn show_again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    id: PipelineId,
    at: &str,
    draft: Draft,
) -> AppResult<HttpResponse> {
    let (pipeline, all, criteria) = db
        .org(by, move |tx| Ok((queries::pipeline(tx, id)?, commands::with_stages(tx)?, requirements::criteria(tx)?)))
        .await?;
    let Draft { form: posted, errors, conflict } = draft;
    let status = match (&conflict, errors.is_empty()) {
        (Some(_), _) => StatusCode::CONFLICT,
        (None, false) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, true) => StatusCode::OK,
    };
    let targets = targets(&all, |stage| stage.pipeline_id != id);
    let stages = all.iter().find(|(p, _)| p.id == id).map(|(_, s)| s.clone()).unwrap_or_default();
    let shown = ShowPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        typed: if at == "pipeline" { posted.get("name").to_owned() } else { pipeline.name.clone() },
        pipeline,
        stages,
        criteria,
        targets,
        only: all.len() == 1,
        errors: Errors(errors),
        at: at.to_owned(),
        posted,
        conflict,
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
        commands::rename_pipeline(tx, by, id, seen(form), &name_of(form)?)
    })
    .await
}

/// `from`: `stage` or `history`. Asked for again, the past is counted anew.
pub(super) async fn probability(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, learns) = (*id, form.get("from") == "history");
    change(page, by, db, form, (id, "pipeline".into()), "Probabilities set", move |tx, by, form| {
        likelihood::choose(tx, by, id, seen(form), learns)
    })
    .await
}

/// The version the form was opened with.
pub(super) fn seen(form: &Form) -> i32 {
    form.get("version").parse().unwrap_or(0)
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
        Err(error) => show_again(&page, &by, &db, id, "deletion", Draft::refused(posted, error)?).await,
    }
}

/// One change from the pipeline's page: done, or the page again with the errors, or with what was saved meanwhile, at the form they
/// belong to.
pub(super) async fn change(
    page: Page,
    by: Allow<ManagePipelines>,
    db: Data<Db>,
    form: Form,
    (pipeline, at): (PipelineId, String),
    done: &str,
    work: impl FnOnce(&mut OrgTx, &Allow<ManagePipelines>, &Form) -> AppResult<Saved> + Send + 'static,
) -> AppResult<HttpResponse> {
    let (posted, writer) = (form.clone(), by.clone());
    let draft = match db.org(&by, move |tx| work(tx, &writer, &form)).await {
        Ok(Saved::Done(_)) => {
            return Ok(reply::redirect(&page.req, &format!("{AT}/{pipeline}"), Some(Flash::success(done))));
        }
        Ok(Saved::Stale) => stale(&page, &by, &db, pipeline, at.parse().ok(), posted).await?,
        Err(error) => Draft::refused(posted, error)?,
    };
    show_again(&page, &by, &db, pipeline, &at, draft).await
}

const PIPELINE_FIELDS: &[(&str, &str)] = &[("name", "Name")];
const STAGE_FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("color", "Colour"),
    ("probability", "Probability in %"),
    ("rotting_days", "Days until a deal goes stale"),
    ("forecast_category", "Forecast category"),
    ("card_limit", "Cards at most"),
];

/// The form of a stage as it is now.
fn opened(stage: &Stage) -> Form {
    let fields = [
        ("name", stage.name.clone()),
        ("color", stage.color.clone()),
        ("probability", stage.default_probability().to_string()),
        ("rotting_days", ShowPage::days(stage)),
        ("forecast_category", stage.forecast_category.clone()),
        ("card_limit", ShowPage::limit(stage)),
        ("version", stage.version.to_string()),
    ];
    Form::new(fields.map(|(name, value)| (name.to_owned(), value)))
}

/// The posted form of the stage, or of the pipeline itself, beside what was saved meanwhile.
async fn stale(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    pipeline: PipelineId,
    stage: Option<StageId>,
    mut form: Form,
) -> AppResult<Draft> {
    let actor = page.actor.clone();
    db.org(by, move |tx| {
        let at = format!("{AT}/{pipeline}");
        let thing = match stage {
            Some(id) => {
                let now = opened(&queries::stage(tx, id)?);
                Thing { kind: "stage", id: id.into(), fields: STAGE_FIELDS, now, at }
            }
            None => {
                let now = queries::pipeline(tx, pipeline)?;
                let now = [("name", now.name), ("version", now.version.to_string())];
                let now = Form::new(now.map(|(name, value)| (name.to_owned(), value)));
                Thing { kind: "pipeline", id: pipeline.into(), fields: PIPELINE_FIELDS, now, at }
            }
        };
        let conflict = history::conflict_of(tx, &actor, thing, &mut form)?;
        Ok(Draft { form, conflict: Some(conflict), ..Draft::default() })
    })
    .await
}
