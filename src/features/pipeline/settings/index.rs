//! The list of pipelines, a new one, and the reasons deals are lost for.

use super::{AT, Errors, commands, name_of, queries};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    web::{Allow, Form, FormErrors, Page, Shell, flash::Flash, permission::organisation::ManagePipelines, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;

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

pub(super) async fn index(page: Page, by: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
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

pub(super) async fn add_pipeline(
    page: Page,
    by: Allow<ManagePipelines>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
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

pub(super) async fn lost_reasons(
    page: Page,
    by: Allow<ManagePipelines>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
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
