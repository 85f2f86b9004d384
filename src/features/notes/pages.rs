//! The pages of notes: written on a record's page, edited on their own.

use super::{
    commands::{self, Note},
    sanitise,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::records::{Saved, visible},
    kernel::{NoteId, RecordType},
    web::{Form, FormErrors, Page, Shell, flash::Flash, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "notes/edit.html")]
struct EditPage {
    shell: Shell,
    /// Where the form posts to: the note, or all notes for a new one.
    action: String,
    record: RecordType,
    record_id: Uuid,
    record_name: String,
    body: String,
    error: String,
    version: i32,
    /// What the note says now, when someone changed it meanwhile.
    theirs: Option<String>,
}

impl EditPage {
    fn back(&self) -> String {
        format!("/{}/{}", self.record.noun(), self.record_id)
    }
}

fn back(record: RecordType, id: Uuid) -> String {
    format!("/{}/{id}#timeline", record.noun())
}

/// `POST /notes`: `record_type`, `record_id`, `body`
pub(super) async fn create(page: Page, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let record = RecordType::parse(form.get("record_type")).ok_or(AppError::NotFound)?;
    let record_id: Uuid = form.get("record_id").parse().map_err(|_| AppError::NotFound)?;
    let (actor, typed) = (page.actor.clone(), form.raw("body").to_owned());
    let written = match sanitise::body_with_mentions(&typed) {
        Ok(body) => db.org(&page, move |tx| commands::create(tx, &actor, record, record_id, &body)).await.map(drop),
        Err(error) => Err(error),
    };
    match written {
        Ok(()) => Ok(reply::redirect(&page.req, &back(record, record_id), Some(Flash::success("Note saved")))),
        Err(AppError::Invalid(errors)) => {
            let actor = page.actor.clone();
            let name = db.org(&page, move |tx| visible(tx, &actor, record, record_id)).await?.name;
            let shell = page.shell(record.noun());
            let error = said(&errors);
            let whole = EditPage {
                shell,
                action: "/notes".into(),
                record,
                record_id,
                record_name: name,
                body: typed,
                error,
                version: 0,
                theirs: None,
            };
            reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &whole)
        }
        Err(other) => Err(other),
    }
}

fn said(errors: &FormErrors) -> String {
    errors.get("body").map_or_else(|| errors.summary(), |told| format!("The note {told}"))
}

/// The note as its page shows it, with other words in it when some were posted.
async fn shown(
    page: &Page,
    id: NoteId,
    db: &Db,
    status: StatusCode,
    typed: Option<String>,
    error: String,
    stale: bool,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (note, name): (Note, String) = db
        .org(page, move |tx| {
            let note = commands::own(tx, &actor, id)?;
            let name = visible(tx, &actor, note.record, note.record_id)?.name;
            Ok((note, name))
        })
        .await?;
    let whole = EditPage {
        shell: page.shell(note.record.noun()),
        action: format!("/notes/{id}"),
        record: note.record,
        record_id: note.record_id,
        record_name: name,
        theirs: stale.then(|| note.body_html.clone()),
        body: typed.unwrap_or(note.body_html),
        error,
        version: note.version,
    };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /notes/{id}/edit`
pub(super) async fn edit(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    shown(&page, NoteId(*id), &db, StatusCode::OK, None, String::new(), false).await
}

/// `POST /notes/{id}`: `body`, `version`
pub(super) async fn save(page: Page, id: web::Path<Uuid>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id, typed) = (page.actor.clone(), NoteId(*id), form.raw("body").to_owned());
    let version = form.get("version").parse().unwrap_or(0);
    let posted = typed.clone();
    let saved = db
        .org(&page, move |tx| {
            let note = commands::own(tx, &actor, id)?;
            let body = sanitise::body_with_mentions(&posted)?;
            Ok((commands::update(tx, &note, version, &body)?, note))
        })
        .await;
    match saved {
        Ok((Saved::Done(_), note)) => {
            Ok(reply::redirect(&page.req, &back(note.record, note.record_id), Some(Flash::success("Note saved"))))
        }
        Ok((Saved::Stale, _)) => shown(&page, id, &db, StatusCode::CONFLICT, Some(typed), String::new(), true).await,
        Err(AppError::Invalid(errors)) => {
            shown(&page, id, &db, StatusCode::UNPROCESSABLE_ENTITY, Some(typed), said(&errors), false).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /notes/{id}/deletion`
pub(super) async fn delete(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let to = set_deleted(&page, NoteId(*id), &db, true).await?;
    let flash = Flash::success("Note deleted").undo(format!("/notes/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// `POST /notes/{id}/deletion/undo`
pub(super) async fn undelete(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let to = set_deleted(&page, NoteId(*id), &db, false).await?;
    Ok(reply::redirect(&page.req, &to, Some(Flash::success("Note is back"))))
}

async fn set_deleted(page: &Page, id: NoteId, db: &Db, deleted: bool) -> AppResult<String> {
    let actor = page.actor.clone();
    db.org(page, move |tx| {
        let note = commands::removable(tx, &actor, id)?;
        commands::set_deleted(tx, &note, deleted)?;
        Ok(back(note.record, note.record_id))
    })
    .await
}
