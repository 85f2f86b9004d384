//! The list of pipelines, a new one, and the reasons deals are lost for.

use super::{AT, Errors, commands, name_of, queries};
use crate::{
    db::Db,
    error::AppResult,
    features::{
        records::{
            Saved,
            history::{ChangeLine, Conflict, Mine},
            submit::Draft,
        },
        settings::{SettingsNav, nav},
    },
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
    /// The reasons as they were when the form was opened.
    seen: String,
    conflict: Option<Conflict>,
    /// The name typed for a new pipeline. (`name` would be shadowed by the macro's own parameter.)
    typed: String,
    errors: Errors,
}

pub(super) async fn index(page: Page, by: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
    index_again(&page, &by, &db, StatusCode::OK, Draft::default()).await
}

async fn index_again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    draft: Draft,
) -> AppResult<HttpResponse> {
    let Draft { form: posted, errors, conflict } = draft;
    let (pipelines, kept) =
        db.org(by, |tx| Ok((commands::with_stages(tx)?, queries::lost_reasons(tx)?.join("\n")))).await?;
    let rows = pipelines.into_iter().map(|(p, stages)| PipelineRow {
        id: p.id.to_string(),
        name: p.name,
        stages: stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(" → "),
    });
    let typed = |field: &str| if posted.has(field) { posted.get(field).to_owned() } else { kept.clone() };
    let shown = IndexPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "pipelines",
        pipelines: rows.collect(),
        reasons: typed("lost_reasons"),
        seen: typed("seen"),
        conflict,
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
        Err(error) => {
            let draft = Draft::refused(posted, error)?;
            index_again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, draft).await
        }
    }
}

pub(super) async fn lost_reasons(
    page: Page,
    by: Allow<ManagePipelines>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted) = (by.clone(), form.clone());
    let seen: Vec<String> = form.get("seen").lines().map(str::to_owned).collect();
    let saved = db.org(&by, move |tx| commands::set_lost_reasons(tx, &writer, &seen, parse_reasons(&posted)?)).await;
    match saved {
        Ok(Saved::Done(_)) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Reasons saved")))),
        Ok(Saved::Stale) => {
            let draft = stale(&page, &by, &db, form).await?;
            index_again(&page, &by, &db, StatusCode::CONFLICT, draft).await
        }
        Err(error) => {
            let draft = Draft::refused(form, error)?;
            index_again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, draft).await
        }
    }
}

/// The posted reasons beside those that somebody else saved meanwhile.
async fn stale(page: &Page, by: &Allow<ManagePipelines>, db: &Db, mut form: Form) -> AppResult<Draft> {
    let (now, change) = db.org(by, |tx| Ok((queries::lost_reasons(tx)?, queries::last_to_reason(tx)?))).await?;
    let (by, at) = match change {
        Some((who, at)) => (who, page.within(at)),
        None => ("Someone else".to_owned(), String::new()),
    };
    let in_line = |text: &str| text.lines().collect::<Vec<_>>().join(", ");
    let (key, label) = ("lost_reasons".to_owned(), "Reasons".to_owned());
    let yours = in_line(form.get("lost_reasons"));
    let mine = Mine { key: key.clone(), label: label.clone(), text: yours, differs: true };
    let line = ChangeLine { key, label, before: in_line(form.get("seen")), after: now.join(", "), by, at };
    form.set("seen", now.join("\n"));
    let conflict = Conflict::of(vec![line], vec![mine], AT.to_owned());
    Ok(Draft { form, conflict: Some(conflict), ..Draft::default() })
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
