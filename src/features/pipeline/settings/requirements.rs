//! What a stage asks for: `/settings/stages/{id}/requirements`. One form: fields to tick, and the checklist line by line.

use super::{Stage, pipeline::seen, queries};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        fields::Catalogue,
        pipeline::requirements::{self, Asked, MOST},
        records::Saved,
        settings::{SettingsNav, nav},
    },
    kernel::{RecordType, StageId},
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

/// Empty lines under the last.
const BLANK: usize = 3;

/// A line of the checklist, as typed.
struct Row {
    id: String,
    label: String,
    required: bool,
    error: String,
}

#[derive(Template)]
#[template(path = "pipeline/settings/requirements.html")]
struct RequirementsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    stage: Stage,
    version: String,
    fields: Vec<SelectOption>,
    rows: Vec<Row>,
    problem: String,
}

pub(super) async fn show(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    again(&page, &by, &db, *id, StatusCode::OK, None).await
}

/// The page as it is, or as it was typed.
async fn again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    id: StageId,
    status: StatusCode,
    refused: Option<(Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let (stage, catalogue, criteria) = db
        .org(by, move |tx| {
            Ok((queries::stage(tx, id)?, Catalogue::whole(tx, RecordType::Deal)?, requirements::criteria(tx)?))
        })
        .await?;
    let (form, errors) = refused.unwrap_or_default();
    let typed = !errors.is_empty();
    let ticked = |key: &str| {
        if typed { form.all("fields").any(|f| f == key) } else { stage.required_fields().any(|f| f == key) }
    };
    let fields =
        requirements::askable(&catalogue).map(|e| SelectOption::new(&e.key, &e.label, ticked(&e.key))).collect();
    let mut rows: Vec<Row> = if typed {
        lines(&form)
            .into_iter()
            .map(|(n, id, label, required)| Row {
                id,
                label,
                required,
                error: errors.get(&format!("label_{n}")).unwrap_or_default().to_owned(),
            })
            .collect()
    } else {
        let own = criteria.into_iter().filter(|c| c.stage_id == id);
        own.map(|c| Row { id: c.id.to_string(), label: c.label, required: c.required, error: String::new() }).collect()
    };
    let blank = || Row { id: String::new(), label: String::new(), required: true, error: String::new() };
    rows.extend(std::iter::repeat_with(blank).take(BLANK));
    let shown = RequirementsPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        version: if typed { form.get("version").to_owned() } else { stage.version.to_string() },
        stage,
        fields,
        rows,
        problem: errors.get("").unwrap_or_default().to_owned(),
    };
    reply::page_with(&page.req, status, &shown)
}

pub(super) async fn save(
    page: Page,
    by: Allow<ManagePipelines>,
    id: Path<StageId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted, id) = (by.clone(), form.clone(), *id);
    let fields: Vec<String> = form.all("fields").map(str::to_owned).collect();
    let saved = match parse(&form) {
        Ok(asked) => {
            db.org(&by, move |tx| {
                let saved = requirements::set(tx, &writer, id, seen(&posted), fields, asked)?;
                Ok((saved, queries::stage(tx, id)?.pipeline_id))
            })
            .await
        }
        Err(errors) => Err(errors.into()),
    };
    match saved {
        Ok((Saved::Done(_), pipeline)) => {
            let back = format!("{}/{pipeline}", super::AT);
            Ok(reply::redirect(&page.req, &back, Some(Flash::success("What the stage asks for is saved"))))
        }
        Ok((Saved::Stale, _)) => {
            let told =
                "Someone else changed this stage meanwhile. Open it anew to see how it is; what you typed is below.";
            again(&page, &by, &db, id, StatusCode::CONFLICT, Some((form, FormErrors::one("", told)))).await
        }
        Err(AppError::Invalid(errors)) => {
            again(&page, &by, &db, id, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}

/// The lines that hold something, with their place in the form.
fn lines(form: &Form) -> Vec<(usize, String, String, bool)> {
    let line = |n: usize| {
        let label = form.get(&format!("label_{n}")).to_owned();
        let required = form.get(&format!("kind_{n}")) != "advice";
        (!label.is_empty()).then(|| (n, form.get(&format!("id_{n}")).to_owned(), label, required))
    };
    (0..MOST + BLANK).filter_map(line).collect()
}

fn parse(form: &Form) -> Result<Vec<Asked>, FormErrors> {
    let lines = lines(form);
    let mut errors = FormErrors::default();
    if lines.len() > MOST {
        errors.add("", format!("At most {MOST} lines."));
    }
    let mut asked = Vec::new();
    for (n, id, label, required) in lines {
        if label.chars().count() > 200 {
            errors.add(&format!("label_{n}"), "is too long: at most 200 characters");
        }
        asked.push(Asked { id: id.parse().ok(), label, required });
    }
    if errors.is_empty() { Ok(asked) } else { Err(errors) }
}
