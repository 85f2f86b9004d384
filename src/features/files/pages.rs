//! The files of a record, added and listed, and the page of one file.

use super::{
    commands, links,
    panel::{Line, Panel},
    queries,
    receive::{self, Arrived},
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    features::records::{Saved, Subject},
    files::Files,
    kernel::{ActivityId, FileId, RecordType},
    web::{Actor, Form, Page, SelectOption, Shell, csrf, flash::Flash, headers, reply},
};
use actix_multipart::{Field, Multipart};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header::CONTENT_SECURITY_POLICY},
    web::{Data, Path},
};
use askama::Template;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Bytes of a field that is not a file.
const TEXT_LIMIT: usize = 4 * 1024;
/// Files of one form.
const AT_ONCE: usize = 50;
/// Files of a list.
const LISTED: i64 = 500;

macro_rules! places {
    ($($of:ident $to:ident ($id:ident: $type:ty) => $subject:expr;)+) => {$(
        pub(super) async fn $of(page: Page, $id: Path<$type>, db: Data<Db>) -> AppResult<HttpResponse> {
            index(page, $subject, db).await
        }

        pub(super) async fn $to(
            page: Page, $id: Path<$type>, db: Data<Db>, files: Data<Files>, config: Data<Config>, body: Multipart,
        ) -> AppResult<HttpResponse> {
            add(page, $subject, db, files, config, body).await
        }
    )+};
}

places! {
    of_company to_company (id: Uuid) => Subject::Record(RecordType::Company, *id);
    of_contact to_contact (id: Uuid) => Subject::Record(RecordType::Contact, *id);
    of_lead to_lead (id: Uuid) => Subject::Record(RecordType::Lead, *id);
    of_deal to_deal (id: Uuid) => Subject::Record(RecordType::Deal, *id);
    of_activity to_activity (id: ActivityId) => Subject::Activity(*id);
}

#[derive(Template)]
#[template(path = "files/index.html")]
struct Index {
    shell: Shell,
    /// The record's name and page.
    name: String,
    back: String,
    files: Panel,
    deleted: Vec<Line>,
}

#[derive(Template)]
#[template(path = "files/_panel.html")]
struct PanelPart {
    files: Panel,
}

/// `GET /{noun}/{id}/files`: all of them, and those in the bin; htmx gets the panel of the record's page.
async fn index(page: Page, subject: Subject, db: Data<Db>) -> AppResult<HttpResponse> {
    answer(&page, &db, subject, StatusCode::OK, String::new()).await
}

async fn answer(page: &Page, db: &Db, subject: Subject, status: StatusCode, error: String) -> AppResult<HttpResponse> {
    let (actor, csrf, partial) = (page.actor.clone(), csrf::token(&page.req), reply::is_partial(&page.req));
    let (name, mut files, deleted) = db
        .org(page, move |tx| {
            let name = subject.visible(tx, &actor)?;
            if partial {
                return Ok((name, Panel::load(tx, &actor, subject, csrf)?, vec![]));
            }
            let all = queries::list(tx, subject, false, LISTED)?;
            let gone = queries::list(tx, subject, true, LISTED)?;
            Ok((name, Panel::of(&actor, subject, &all, csrf), Line::all(&actor, &gone)))
        })
        .await?;
    files.error = error;
    if partial {
        return reply::fragment_with(status, &PanelPart { files });
    }
    let shell = page.shell(subject.noun());
    reply::page_with(&page.req, status, &Index { shell, name, back: subject.href(), files, deleted })
}

/// `POST /{noun}/{id}/files`: fields `batch` and `file`, the latter as often as there are files. Each is kept as soon as it is there.
async fn add(
    page: Page,
    subject: Subject,
    db: Data<Db>,
    files: Data<Files>,
    config: Data<Config>,
    mut body: Multipart,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    db.org(&page, move |tx| {
        subject.visible(tx, &actor)?;
        subject.require_edit(&actor)
    })
    .await?;
    let (mut batch, mut kept, mut errors) = (Uuid::now_v7().to_string(), Vec::new(), Vec::new());
    while let Some(field) = body.next().await {
        let mut field = field.map_err(|_| broken())?;
        match field.name() {
            Some("file") if kept.len() + errors.len() < AT_ONCE => {
                let place = kept.len() + errors.len();
                match one(&page, &db, &files, &config, subject, &mut field, (&batch, place)).await {
                    Ok(Some(name)) => kept.push(name),
                    Ok(None) => {}
                    Err(AppError::Invalid(told)) => {
                        errors.push(told.get("file").map_or_else(|| told.summary(), str::to_owned));
                    }
                    Err(other) => return Err(other),
                }
            }
            Some("batch") => batch = text(&mut field).await?,
            _ => drop(text(&mut field).await),
        }
    }
    let partial = reply::is_partial(&page.req);
    if kept.is_empty() && errors.is_empty() {
        errors.push("Choose a file first".to_owned());
    }
    if !errors.is_empty() {
        let mut told = errors.join(". ");
        if !kept.is_empty() {
            told = format!("{told}. Kept: {}", kept.join(", "));
        }
        return answer(&page, &db, subject, StatusCode::UNPROCESSABLE_ENTITY, told).await;
    }
    if partial {
        return answer(&page, &db, subject, StatusCode::CREATED, String::new()).await;
    }
    let told = match kept.as_slice() {
        [one] => format!("{one} added"),
        many => format!("{} files added", many.len()),
    };
    let to = if body_came_from_list(&page) { format!("{}/files", subject.href()) } else { subject.href() };
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(told))))
}

/// Whether the form stood on the list of files, where one stays.
fn body_came_from_list(page: &Page) -> bool {
    let from = page.req.headers().get(actix_web::http::header::REFERER).and_then(|value| value.to_str().ok());
    from.is_some_and(|from| from.split(['?', '#']).next().is_some_and(|path| path.ends_with("/files")))
}

async fn one(
    page: &Page,
    db: &Db,
    files: &Files,
    config: &Config,
    subject: Subject,
    field: &mut Field,
    (batch, place): (&str, usize),
) -> AppResult<Option<String>> {
    let Some(arrived) = receive::receive(page, db, files, config, field).await? else { return Ok(None) };
    let (actor, id, name) = (page.actor.clone(), id_of(page, batch, place), arrived.name.clone());
    db.org(page, move |tx| {
        // It may have been deleted while the file came in.
        subject.visible(tx, &actor)?;
        commands::keep(tx, &actor, id, Some(subject), &arrived)
    })
    .await?;
    Ok(Some(name))
}

/// The same for the same form of the same person, sent once more.
fn id_of(page: &Page, batch: &str, place: usize) -> FileId {
    let digest = Sha256::new()
        .chain_update(page.org_id.0.as_bytes())
        .chain_update(page.id.0.as_bytes())
        .chain_update(batch.as_bytes())
        .chain_update(place.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    FileId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

async fn text(field: &mut Field) -> AppResult<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|_| broken())?;
        if bytes.len() + chunk.len() <= TEXT_LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn broken() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "The upload broke off, or is not a proper form. Send it again.")
}

#[derive(Template)]
#[template(path = "files/show.html")]
struct Show {
    shell: Shell,
    file: Line,
    version: i32,
    deleted: bool,
    /// Name and page of what it is filed under.
    on: Option<(String, String)>,
    versions: Vec<Line>,
    may_edit: bool,
    days: Vec<SelectOption>,
    /// A link that was just made, and until when it works.
    link: Option<(String, String)>,
    error: String,
    typed: String,
}

/// `GET /files/{id}`; `version` shows an older one.
pub(super) async fn show(page: Page, id: Path<FileId>, db: Data<Db>) -> AppResult<HttpResponse> {
    show_with(&page, &db, *id, StatusCode::OK, None, None).await
}

/// The page with a new link, or with what was typed and refused.
pub(super) async fn show_with(
    page: &Page,
    db: &Db,
    id: FileId,
    status: StatusCode,
    link: Option<(String, String)>,
    refused: Option<(String, String)>,
) -> AppResult<HttpResponse> {
    let number = Form::decode(page.req.query_string().as_bytes())?.get("version").parse().ok();
    let actor = page.actor.clone();
    let (file, versions, on) = db
        .org(page, move |tx| {
            let file = queries::find_any(tx, &actor, id, number)?;
            let on = match file.subject {
                Some(subject) => Some((subject.visible(tx, &actor)?, subject.href())),
                None => None,
            };
            Ok((file, queries::versions(tx, id)?, on))
        })
        .await?;
    let actor: &Actor = &page.actor;
    let (error, typed) = refused.unwrap_or_else(|| (String::new(), file.name.clone()));
    let whole = Show {
        shell: page.shell(file.subject.map_or("", Subject::noun)),
        file: Line::new(actor, &file),
        version: file.version,
        deleted: file.deleted_at.is_some(),
        on,
        versions: Line::all(actor, &versions),
        may_edit: file.deleted_at.is_none() && file.subject.is_none_or(|subject| subject.require_edit(actor).is_ok()),
        days: links::DAYS.iter().map(|n| SelectOption::new(n.to_string(), days_words(*n), *n == 7)).collect(),
        link,
        error,
        typed,
    };
    let mut response = reply::page_with(&page.req, status, &whole)?;
    // A PDF is shown in a frame.
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, headers::policy(&page.req, "frame-src 'self'; ")?);
    Ok(response)
}

fn days_words(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// `POST /files/{id}`: `name`, `version`
pub(super) async fn rename(page: Page, id: Path<FileId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id, name) = (page.actor.clone(), *id, form.get("name").to_owned());
    let version = form.get("version").parse().unwrap_or(0);
    let typed = name.clone();
    match db.org(&page, move |tx| commands::rename(tx, &actor, id, version, &name)).await {
        Ok(Saved::Done(_)) => Ok(reply::redirect(&page.req, &format!("/files/{id}"), Some(Flash::success("Renamed")))),
        Ok(Saved::Stale) => {
            let told = "was not saved: someone changed this file meanwhile. Look, then save again".to_owned();
            show_with(&page, &db, id, StatusCode::CONFLICT, None, Some((told, typed))).await
        }
        Err(AppError::Invalid(errors)) => {
            let told = errors.get("name").map_or_else(|| errors.summary(), str::to_owned);
            show_with(&page, &db, id, StatusCode::UNPROCESSABLE_ENTITY, None, Some((told, typed))).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /files/{id}/versions`: field `file`
pub(super) async fn new_version(
    page: Page,
    id: Path<FileId>,
    db: Data<Db>,
    files: Data<Files>,
    config: Data<Config>,
    mut body: Multipart,
) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let file = db
        .org(&page, move |tx| {
            let file = queries::find(tx, &actor, id, None)?;
            file.subject.map_or(Ok(()), |subject| subject.require_edit(&actor))?;
            Ok(file)
        })
        .await?;
    let mut arrived: Option<Arrived> = None;
    while let Some(field) = body.next().await {
        let mut field = field.map_err(|_| broken())?;
        if field.name() == Some("file") && arrived.is_none() {
            match receive::receive(&page, &db, &files, &config, &mut field).await {
                Ok(found) => arrived = found,
                Err(AppError::Invalid(told)) => {
                    let told = told.get("file").map_or_else(|| told.summary(), str::to_owned);
                    let refused = Some((told, file.name.clone()));
                    return show_with(&page, &db, id, StatusCode::UNPROCESSABLE_ENTITY, None, refused).await;
                }
                Err(other) => return Err(other),
            }
        } else {
            text(&mut field).await?;
        }
    }
    let Some(arrived) = arrived else {
        let refused = Some(("was not changed: choose a file first".to_owned(), file.name.clone()));
        return show_with(&page, &db, id, StatusCode::UNPROCESSABLE_ENTITY, None, refused).await;
    };
    let actor = page.actor.clone();
    let before = db.org(&page, move |tx| commands::keep_version(tx, &actor, id, &arrived)).await?;
    let flash = Flash::success(format!("A new version of {} is kept", before.name));
    Ok(reply::redirect(&page.req, &format!("/files/{id}"), Some(flash)))
}

/// `POST /files/{id}/versions/restoration`: `number`
pub(super) async fn restore_version(page: Page, id: Path<FileId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let number = form.get("number").parse().unwrap_or(0);
    db.org(&page, move |tx| commands::restore_version(tx, &actor, id, number)).await?;
    let flash = Flash::success(format!("Version {number} is shown again"));
    Ok(reply::redirect(&page.req, &format!("/files/{id}"), Some(flash)))
}

/// `POST /files/{id}/deletion`
pub(super) async fn delete(page: Page, id: Path<FileId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let file = db.org(&page, move |tx| commands::set_deleted(tx, &actor, id, true)).await?;
    let to = file.subject.map_or_else(|| "/".to_owned(), Subject::href);
    let flash = Flash::success(format!("{} deleted", file.name)).undo(format!("/files/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// `POST /files/{id}/deletion/undo`
pub(super) async fn undelete(page: Page, id: Path<FileId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let file = db.org(&page, move |tx| commands::set_deleted(tx, &actor, id, false)).await?;
    let flash = Flash::success(format!("{} is back", file.name));
    Ok(reply::redirect(&page.req, &format!("/files/{id}"), Some(flash)))
}

/// `POST /files/{id}/purge`
pub(super) async fn purge(page: Page, id: Path<FileId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let file = db.org(&page, move |tx| commands::purge(tx, &actor, id)).await?;
    let to = file.subject.map_or_else(|| "/".to_owned(), |subject| format!("{}/files", subject.href()));
    Ok(reply::redirect(&page.req, &to, Some(Flash::success("Deleted for good"))))
}
