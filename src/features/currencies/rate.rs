//! `/settings/exchange-rates/{id}`: one rate, to be written over or taken away.

use super::{
    commands, forms,
    pages::{AT, Line, line},
    queries,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::Currency,
    web::{Allow, Form, FormErrors, FormView, Page, Shell, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "currencies/rate.html")]
struct RatePage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    line: Line,
    id: Uuid,
    manual: bool,
    own: String,
    input: FormView,
}

/// `GET /settings/exchange-rates/{id}`
pub(super) async fn show(page: Page, _: Allow<Administer>, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    one(&page, &db, StatusCode::OK, *id, None).await
}

async fn one(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Uuid,
    typed: Option<(Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let (own, shell, nav) = (page.org.currency.clone(), page.shell("settings"), nav(&page.actor));
    let kept = db
        .org(page, {
            let own = own.clone();
            move |tx| queries::find(tx, &own, id)
        })
        .await?;
    let all = Currency::all();
    let name = |code: &str| all.iter().find(|(c, _)| c == code).map(|(_, name)| name.clone()).unwrap_or_default();
    let (form, errors) = typed.unwrap_or_else(|| {
        let rate = ("rate".to_owned(), kept.rate.normalize().to_string());
        (Form::new([rate]), FormErrors::default())
    });
    let template = RatePage {
        shell,
        nav,
        section: "currencies",
        id,
        manual: kept.manual,
        line: line(&page.actor, kept, &name),
        own,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /settings/exchange-rates/{id}`: `rate`
pub(super) async fn save(
    page: Page,
    by: Allow<Administer>,
    id: Path<Uuid>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted, own) = (*id, form.clone(), page.org.currency.clone());
    let saved = db
        .org(&page, move |tx| {
            let kept = queries::find(tx, &own, id)?;
            let mut p = posted.parser();
            let rate = p.optional("rate", forms::parse_rate);
            if posted.get("rate").is_empty() {
                p.error("rate", "is required");
            }
            p.finish()?;
            commands::update(tx, &by, &kept, rate.unwrap_or_default())
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, AT, Some(Flash::success("Rate saved")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some((form, errors))).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /settings/exchange-rates/{id}/deletion`
pub(super) async fn delete(page: Page, by: Allow<Administer>, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    let own = page.org.currency.clone();
    db.org(&page, move |tx| {
        let kept = queries::find(tx, &own, *id)?;
        commands::delete(tx, &by, &kept)
    })
    .await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success("Rate deleted"))))
}
