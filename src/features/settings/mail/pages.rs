//! `/settings/mail`.

use super::queries::{self, Mail, MailRow};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::MailId,
    web::{Actor, Allow, Page, Shell, headers, permission::organisation::Administer, reply},
};
use actix_web::{
    HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS},
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

/// Key, the list's tab, a mail's state in words, the badge's tone.
const STATUSES: [(&str, &str, &str, &str); 4] = [
    ("sent", "Sent", "Sent", "good"),
    ("queued", "On its way", "On its way", "info"),
    ("kept", "Kept", "Kept, not sent", "warn"),
    ("refused", "Refused", "Refused", "bad"),
];

pub fn words(status: &str) -> &'static str {
    STATUSES.iter().find(|s| s.0 == status).map_or("Unknown", |s| s.2)
}

pub fn tone(status: &str) -> &'static str {
    STATUSES.iter().find(|s| s.0 == status).map_or("none", |s| s.3)
}

/// More rows, and the foot that leads to the next ones.
#[derive(Template)]
#[template(path = "settings/_mails_more.html")]
struct MoreMails {
    actor: Actor,
    mails: Vec<MailRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "settings/mails.html")]
struct MailsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    actor: Actor,
    has_server: bool,
    status: String,
    mails: Vec<MailRow>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    status: String,
    after: Option<String>,
}

pub async fn index(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    config: Data<Config>,
    query: Query<ListQuery>,
) -> AppResult<HttpResponse> {
    let ListQuery { status, after } = query.into_inner();
    let known = STATUSES.iter().map(|s| s.0).find(|s| *s == status);
    let list = db.org(&by, move |tx| queries::list(tx, known, after.as_deref())).await?;
    let status = known.unwrap_or_default().to_owned();
    let next = list.next.map(|cursor| format!("/settings/mail?status={status}&after={cursor}"));
    let (actor, mails) = (page.actor.clone(), list.rows);
    if reply::is_partial(&page.req) {
        return reply::fragment(&MoreMails { actor, mails, next });
    }
    let (shell, nav, has_server) = (page.shell("settings"), nav(&page), config.smtp.is_some());
    reply::page(&page.req, &MailsPage { shell, nav, section: "mail", actor, has_server, status, mails, next })
}

#[derive(Template)]
#[template(path = "settings/mail.html")]
struct MailPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    created: (String, String),
    sent: Option<String>,
    readable: bool,
    mail: Mail,
}

pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<MailId>) -> AppResult<HttpResponse> {
    let id = *id;
    let mail = db.org(&by, move |tx| queries::find(tx, id)).await?;
    let template = MailPage {
        shell: page.shell("settings"),
        nav: nav(&page),
        section: "mail",
        created: (page.moment(mail.created_at), page.exact(mail.created_at)),
        sent: mail.sent_at.map(|at| page.moment(at)),
        readable: mail.is_readable_by(&page),
        mail,
    };
    let mut response = reply::page(&page.req, &template)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, headers::policy(&page.req, "frame-src 'self'; ")?);
    Ok(response)
}

/// The HTML of a mail, for the frame on its page: no scripts, no forms, no links to follow, nothing loaded from anywhere.
pub async fn body(actor: Actor, by: Allow<Administer>, db: Data<Db>, id: Path<MailId>) -> AppResult<HttpResponse> {
    let id = *id;
    let mail = db.org(&by, move |tx| queries::find(tx, id)).await?;
    if !mail.is_readable_by(&actor) {
        return Err(AppError::NotFound);
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
        ))
        .insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"))
        .body(mail.body_html))
}
