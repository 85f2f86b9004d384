//! `/settings/closing`: how deals end. Why they are won, renaming a reason for every deal that has it, and celebration.

use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        pipeline::{closing, queries},
        records::Saved,
        settings::{SettingsNav, nav},
    },
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::ManagePipelines, reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;

const AT: &str = "/settings/closing";
/// Where a form says whose reasons it means.
const KINDS: &[(&str, &str)] = &[("lost", "lost"), ("won", "won")];

#[derive(Template)]
#[template(path = "pipeline/settings/closing.html")]
struct ClosingPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
    /// `lost:Price`: every reason that can be renamed.
    reasons: Vec<SelectOption>,
    lost: Vec<String>,
}

pub(super) async fn show(page: Page, by: Allow<ManagePipelines>, db: Data<Db>) -> AppResult<HttpResponse> {
    again(&page, &by, &db, StatusCode::OK, None).await
}

async fn again(
    page: &Page,
    by: &Allow<ManagePipelines>,
    db: &Db,
    status: StatusCode,
    refused: Option<(Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let (lost, won, celebrate) =
        db.org(by, |tx| Ok((queries::lost_reasons(tx)?, queries::won_reasons(tx)?, closing::celebrates(tx)?))).await?;
    let (mut form, errors) = refused.unwrap_or_default();
    let sent = form.has("seen");
    if !sent {
        form.set("celebrate", if celebrate { "true" } else { "" });
        form.set("won_reasons", won.join("\n"));
        form.set("seen", won.join("\n"));
    }
    let chosen = form.get("reason").to_owned();
    let option = |kind: &str, label: &str, name: &str| {
        let value = format!("{kind}:{name}");
        let selected = value == chosen;
        SelectOption::new(value, format!("{label}: {name}"), selected)
    };
    let reasons = lost.iter().map(|r| option("lost", "Lost", r)).chain(won.iter().map(|r| option("won", "Won", r)));
    let shown = ClosingPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "closing",
        reasons: reasons.collect(),
        lost,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &shown)
}

/// `won_reasons`, one a line, as they were `seen`; `celebrate`.
pub(super) async fn save(page: Page, by: Allow<ManagePipelines>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (writer, posted) = (by.clone(), form.clone());
    let saved = db
        .org(&by, move |tx| {
            let lines = |key: &str| posted.get(key).lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>();
            let celebrate = posted.get("celebrate") == "true";
            closing::set(tx, &writer, &lines("seen"), closing::parse(&lines("won_reasons"))?, celebrate)
        })
        .await;
    match saved {
        Ok(Saved::Done(_)) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Saved")))),
        Ok(Saved::Stale) => {
            let told = "Someone else changed these reasons meanwhile. Open this page anew to see them; what you typed is below.";
            again(&page, &by, &db, StatusCode::CONFLICT, Some((form, FormErrors::one("", told)))).await
        }
        Err(AppError::Invalid(errors)) => {
            again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}

/// `reason` (`lost:Price`) and what it is called from now on, `name`, on every deal that has it.
pub(super) async fn rename(
    page: Page,
    by: Allow<ManagePipelines>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (writer, posted) = (by.clone(), form.clone());
    let renamed = db
        .org(&by, move |tx| {
            let mut p = posted.parser();
            let name = p.required("name", 100);
            let reason = p.required("reason", 110);
            p.finish()?;
            let (kind, from) = reason.split_once(':').unwrap_or_default();
            let kind = KINDS.iter().find(|(key, _)| *key == kind).map(|(key, _)| *key);
            let kind = kind.ok_or_else(|| AppError::field("reason", "is not one of the reasons"))?;
            closing::rename(tx, &writer, kind, from, &name)
        })
        .await;
    match renamed {
        Ok(deals) => {
            let told =
                if deals == 1 { "Renamed, on 1 deal too".to_owned() } else { format!("Renamed, on {deals} deals too") };
            Ok(reply::redirect(&page.req, AT, Some(Flash::success(told))))
        }
        Err(AppError::Invalid(errors)) => {
            again(&page, &by, &db, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/celebration`: `on` is `true` or empty; everybody's own.
pub(super) async fn celebration(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (member, on) = (page.id, form.get("on") == "true");
    db.org(&page, move |tx| closing::choose(tx, member, on)).await?;
    let told = if on { "Deals you win are celebrated" } else { "Deals you win are celebrated no more" };
    Ok(reply::redirect(&page.req, "/settings/profile", Some(Flash::success(told))))
}
