//! The stages of a pipeline: added, edited, put in order, removed.

use super::{
    AT, Errors, Stage,
    commands::{self, StageFields},
    pipeline::{change, seen},
    queries, target, targets,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        pipeline::{CATEGORIES, COLORS, category_of},
        records::Saved,
        settings::{SettingsNav, nav},
    },
    kernel::{PipelineId, StageId},
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

pub(super) async fn add_stage(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    change(page, by, db, form, (id, String::new()), "Stage added", move |tx, by, form| {
        commands::add_stage(tx, by, id, &parse_stage(form)?).map(|_| Saved::Done(1))
    })
    .await
}

pub(super) async fn edit_stage(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let pipeline = db.org(&by, move |tx| queries::stage(tx, id)).await?.pipeline_id;
    change(page, by, db, form, (pipeline, id.to_string()), "Stage saved", move |tx, by, form| {
        commands::edit_stage(tx, by, id, seen(form), &parse_stage(form)?)
    })
    .await
}

/// `order=id,id,…` and, as it was before, `was=id,id,…`: as static/js/stages.js posts them.
pub(super) async fn order(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<PipelineId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let stages = |field: &str| -> AppResult<Vec<StageId>> {
        let ids = form.get(field).split(',').map(|id| id.trim().parse()).collect::<Result<_, _>>();
        ids.map_err(|_| AppError::field(field, "The order names something that is no stage"))
    };
    let (was, order) = (stages("was")?, stages("order")?);
    let (writer, id) = (by.clone(), *id);
    db.org(&by, move |tx| commands::reorder_stages(tx, &writer, id, &was, &order)).await?;
    if reply::is_htmx(&page.req) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(reply::redirect(&page.req, &format!("{AT}/{id}"), None))
}

pub(super) async fn shift(
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

pub(super) async fn ask_removal(
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

pub(super) async fn remove_stage(
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

fn parse_stage(form: &Form) -> Result<StageFields, FormErrors> {
    let mut p = form.parser();
    let small = |n: Option<i64>| n.and_then(|n| i16::try_from(n).ok());
    let fields = StageFields {
        name: p.required("name", 80),
        color: p.choice("color", COLORS).unwrap_or("blue").to_owned(),
        probability: small(p.integer("probability", 0, 100)).unwrap_or(0),
        rotting_days: small(p.integer("rotting_days", 1, 3650)),
        forecast_category: String::new(),
        card_limit: small(p.integer("card_limit", 1, 10_000)),
    };
    let category = p.choice("forecast_category", CATEGORIES).unwrap_or(category_of(fields.probability));
    let fields = StageFields { forecast_category: category.to_owned(), ..fields };
    if form.get("probability").is_empty() {
        p.error("probability", "is required");
    }
    p.finish().map(|()| fields)
}
