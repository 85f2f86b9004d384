//! `/calendar/imports`: a file is chosen, looked at, and imported.

use super::{
    commands,
    read::{self, Found, Incoming},
    sorting::sort,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::activities::Slot,
    web::{Allow, FormErrors, Page, Shell, flash::Flash, permission::activities::Create, reply, upload},
};
use actix_multipart::Multipart;
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data, Path},
};
use askama::Template;
use chrono::Utc;
use uuid::Uuid;

/// Events the page names.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "calendar/import.html")]
struct ImportPage {
    shell: Shell,
    error: String,
    /// What was found in a file.
    found: Option<Preview>,
}

struct Preview {
    id: Uuid,
    new: String,
    new_count: usize,
    changes: usize,
    /// Of what is here: what the file changes, what it takes away, what stays as it is, and what stays though the file says otherwise.
    changed: String,
    gone: String,
    known: String,
    left: String,
    left_out: Vec<(String, String)>,
    /// When, and what.
    first: Vec<(String, String)>,
}

/// `GET /calendar/imports/new`
pub(in crate::features::calendar) async fn new(page: Page, _: Allow<Create>) -> AppResult<HttpResponse> {
    reply::page(&page.req, &ImportPage { shell: page.shell("calendar"), error: String::new(), found: None })
}

/// `POST /calendar/imports`: `file`
pub(in crate::features::calendar) async fn upload(
    page: Page,
    by: Allow<Create>,
    form: Multipart,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    match look(&by, form).await {
        Ok(found) => {
            let member = by.id;
            let id = db.org(&page, move |tx| commands::keep(tx, member, "calendar.ics", &found)).await?;
            Ok(reply::redirect(&page.req, &format!("/calendar/imports/{id}"), None))
        }
        Err(AppError::Invalid(errors)) => {
            let error = errors.get("file").unwrap_or("cannot be read").to_owned();
            let again = ImportPage { shell: page.shell("calendar"), error, found: None };
            reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
        Err(other) => Err(other),
    }
}

async fn look(by: &Allow<Create>, form: Multipart) -> AppResult<Found> {
    let file = upload::small_file(form, "file", read::LARGEST).await?;
    let file = file.ok_or_else(|| FormErrors::one("file", "is needed: choose an .ics file"))?;
    let zone = by.zone;
    let found = web::block(move || read::read(&file, zone, Utc::now())).await;
    let found = found.map_err(|e| AppError::Internal(e.into()))?;
    found.map_err(|why| AppError::field("file", why))
}

/// `GET /calendar/imports/{id}`
pub(in crate::features::calendar) async fn show(
    page: Page,
    by: Allow<Create>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (member, id, shell) = (by.id, *id, page.shell("calendar"));
    let read = db
        .org(&page, move |tx| match commands::kept(tx, member, id) {
            Ok((_, found)) => sort(tx, member, &found).map(|sorted| Some((found, sorted))),
            Err(AppError::NotFound) if commands::is_imported(tx, member, id)? => Ok(None),
            Err(other) => Err(other),
        })
        .await?;
    let Some((found, sorted)) = read else { return Ok(result(&page, id)) };
    let count = |n: usize| by.locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let line = |event: &Incoming| {
        let slot = Slot { start_at: event.start_at, due_on: event.due_on };
        (slot.words(&by, Utc::now()), event.subject.clone())
    };
    let preview = Preview {
        id,
        new: count(sorted.new.len()),
        new_count: sorted.new.len(),
        changes: sorted.changes(),
        changed: count(sorted.changed.len()),
        gone: count(sorted.gone.len()),
        known: count(sorted.same),
        left: count(sorted.left),
        left_out: found.left_out.into_iter().map(|(why, n)| (why, count(n))).collect(),
        first: {
            let changed = sorted.changed.iter().map(|(_, event)| event);
            sorted.new.iter().chain(changed).take(SHOWN).map(line).collect()
        },
    };
    reply::page(&page.req, &ImportPage { shell, error: String::new(), found: Some(preview) })
}

/// What came of an upload that was imported already.
fn result(page: &Page, id: Uuid) -> HttpResponse {
    let told = Flash::info("This file has already been imported. Here is the result.");
    reply::redirect(&page.req, &format!("/operations/{id}"), Some(told))
}

/// `POST /calendar/imports/{id}`
pub(in crate::features::calendar) async fn confirm(
    page: Page,
    by: Allow<Create>,
    id: Path<Uuid>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, locale) = (*id, by.locale);
    let done = db
        .org(&page, move |tx| match commands::import(tx, &by, id) {
            Err(AppError::NotFound) if commands::is_imported(tx, by.id, id)? => Ok(None),
            other => other.map(Some),
        })
        .await?;
    let Some((op, sorted)) = done else { return Ok(result(&page, id)) };
    let count = |n: usize| locale.integer(i64::try_from(n).unwrap_or(i64::MAX));
    let parts = [(sorted.new.len(), "imported"), (sorted.changed.len(), "changed"), (sorted.gone.len(), "taken away")];
    let told: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{} {how}", count(*n))).collect();
    let flash = if sorted.is_empty() {
        Flash::info("Everything of it is here already, so nothing was changed")
    } else {
        let one = parts.iter().find(|(n, _)| *n > 0).is_some_and(|(n, _)| *n == 1);
        let noun = if one { "activity" } else { "activities" };
        // "3 activities imported, 1 changed"
        Flash::success(told.join(", ").replacen(' ', &format!(" {noun} "), 1)).undo(format!("/operations/{op}/undo"))
    };
    Ok(reply::redirect(&page.req, "/calendar", Some(flash)))
}
