//! Settings → Files: how large one may be, how much all may take, and how much they do.

use super::{commands, model::size_words};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    web::{Allow, Form, FormErrors, FormView, Page, Shell, flash::Flash, permission::organisation::Administer, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;

#[derive(Template)]
#[template(path = "files/settings.html")]
struct Settings {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    input: FormView,
    used: String,
    quota: String,
    percent: u32,
    /// Nearly full.
    tight: bool,
    most_mb: String,
    most_quota_mb: String,
    /// Where files lie, and who looks for viruses.
    place: &'static str,
    scanned: bool,
}

/// `GET /settings/files`
pub(super) async fn show(
    page: Page,
    _: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    answer(&page, &db, &config, StatusCode::OK, None).await
}

async fn answer(
    page: &Page,
    db: &Db,
    config: &Config,
    status: StatusCode,
    refused: Option<(Form, FormErrors)>,
) -> AppResult<HttpResponse> {
    let room = db.org(page, |tx| commands::room(tx, false)).await?;
    let (form, errors) = refused.unwrap_or_else(|| {
        let pairs = [("max_mb", room.max_mb), ("quota_mb", room.quota_mb)];
        (Form::new(pairs.map(|(name, n)| (name.to_owned(), n.to_string()))), FormErrors::default())
    });
    let percent = room.used_bytes.saturating_mul(100) / room.quota_bytes().max(1);
    let number = |n: u64| page.actor.locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let whole = Settings {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "files",
        input: form.view(errors),
        used: size_words(room.used_bytes),
        quota: size_words(room.quota_bytes()),
        percent: u32::try_from(percent.clamp(0, 100)).unwrap_or(100),
        tight: percent >= 90,
        most_mb: number(config.max_upload_bytes >> 20),
        most_quota_mb: number(config.files_quota_mb.into()),
        place: if config.files.is_some() { "in a bucket" } else { "on this server" },
        scanned: config.clamd.is_some(),
    };
    reply::page_with(&page.req, status, &whole)
}

/// `POST /settings/files`: `max_mb`, `quota_mb`
pub(super) async fn save(
    page: Page,
    _: Allow<Administer>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let mut parser = form.parser();
    let most = i64::try_from(config.max_upload_bytes >> 20).unwrap_or(1);
    let max_mb = parser.integer("max_mb", 1, most);
    let quota_mb = parser.integer("quota_mb", 1, config.files_quota_mb.into());
    for (name, value) in [("max_mb", max_mb), ("quota_mb", quota_mb)] {
        if value.is_none() && form.get(name).is_empty() {
            parser.error(name, "is needed");
        }
    }
    if let Err(errors) = parser.finish() {
        return answer(&page, &db, &config, StatusCode::UNPROCESSABLE_ENTITY, Some((form, errors))).await;
    }
    let whole = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok()).ok_or(AppError::NotFound);
    let (max_mb, quota_mb) = (whole(max_mb)?, whole(quota_mb)?);
    db.org(&page, move |tx| commands::set_room(tx, max_mb, quota_mb)).await?;
    Ok(reply::redirect(&page.req, "/settings/files", Some(Flash::success("Saved"))))
}
