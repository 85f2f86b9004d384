//! Comments written and changed, reactions, pins, what was said before, and the names that an @ offers.

use super::{
    commands::{self, On},
    post::{self, Post},
    reactions, said,
    said::Said,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        accounts::members,
        notes,
        records::{Saved, Subject},
    },
    kernel::{CommentId, NoteId, text},
    web::{Form, FormErrors, Page, Shell, csrf, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

/// Names that an @ offers.
const OFFERED: usize = 8;

#[derive(Template)]
#[template(path = "comments/edit.html")]
struct EditPage {
    shell: Shell,
    action: String,
    /// Of a new one: what it is on.
    on: String,
    on_id: String,
    id: String,
    name: String,
    back: String,
    body: String,
    error: String,
    version: i32,
    /// What it says now, when someone changed it meanwhile.
    theirs: Option<String>,
}

fn told(errors: &FormErrors) -> String {
    errors.get("body").map_or_else(|| errors.summary(), |told| format!("The comment {told}"))
}

/// `POST /comments`: `on` (`deals`, `activities`, `notes` …), `on_id`, `id`, `body`
pub(super) async fn create(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let on_id: Uuid = form.get("on_id").parse().map_err(|_| AppError::NotFound)?;
    let on = match form.get("on") {
        "notes" => On::Note(NoteId(on_id)),
        noun => On::Subject(Subject::parse(noun, on_id).ok_or(AppError::NotFound)?),
    };
    let id: CommentId = form.get("id").parse().unwrap_or_else(|_| CommentId::new());
    let (actor, typed) = (page.actor.clone(), form.raw("body").to_owned());
    let written = match notes::sanitise_mentioning(&typed) {
        Ok(body) => db.org(&page, move |tx| commands::create(tx, &actor, id, on, &body)).await,
        Err(error) => Err(error),
    };
    let errors = match written {
        Ok(place) => return Ok(reply::redirect(&page.req, &place, Some(Flash::success("Comment saved")))),
        Err(AppError::Invalid(errors)) => errors,
        Err(other) => return Err(other),
    };
    let actor = page.actor.clone();
    let (subject, name) = db
        .org(&page, move |tx| {
            let subject = match on {
                On::Subject(subject) => subject,
                On::Note(note) => post::find(tx, &actor, Post::Note(note), false)?.subject,
            };
            subject.require_edit(&actor)?;
            Ok((subject, subject.visible(tx, &actor)?))
        })
        .await?;
    let whole = EditPage {
        shell: page.shell(subject.noun()),
        action: "/comments".into(),
        on: form.get("on").to_owned(),
        on_id: on_id.to_string(),
        id: id.to_string(),
        name,
        back: subject.href(),
        body: typed,
        error: told(&errors),
        version: 0,
        theirs: None,
    };
    reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &whole)
}

/// The comment as its page shows it, with other words in it when some were posted.
async fn shown(
    page: &Page,
    id: CommentId,
    db: &Db,
    status: StatusCode,
    typed: Option<String>,
    error: String,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (found, name) = db
        .org(page, move |tx| {
            let found = commands::own(tx, &actor, id)?;
            let name = found.subject.visible(tx, &actor)?;
            Ok((found, name))
        })
        .await?;
    let whole = EditPage {
        shell: page.shell(found.subject.noun()),
        action: format!("/comments/{id}"),
        on: String::new(),
        on_id: String::new(),
        id: String::new(),
        name,
        back: found.place(),
        theirs: (status == StatusCode::CONFLICT).then(|| found.body_html.clone()),
        body: typed.unwrap_or(found.body_html),
        error,
        version: found.version,
    };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /comments/{id}/edit`
pub(super) async fn edit(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    shown(&page, *id, &db, StatusCode::OK, None, String::new()).await
}

/// `POST /comments/{id}`: `body`, `version`
pub(super) async fn save(page: Page, id: Path<CommentId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id, typed) = (page.actor.clone(), *id, form.raw("body").to_owned());
    let (version, posted) = (form.get("version").parse().unwrap_or(0), typed.clone());
    let saved = db
        .org(&page, move |tx| {
            let found = commands::own(tx, &actor, id)?;
            let body = notes::sanitise_mentioning(&posted)?;
            Ok((commands::update(tx, &found, version, &body)?, found.place()))
        })
        .await;
    match saved {
        Ok((Saved::Done(_), place)) => Ok(reply::redirect(&page.req, &place, Some(Flash::success("Comment saved")))),
        Ok((Saved::Stale, _)) => shown(&page, id, &db, StatusCode::CONFLICT, Some(typed), String::new()).await,
        Err(AppError::Invalid(errors)) => {
            shown(&page, id, &db, StatusCode::UNPROCESSABLE_ENTITY, Some(typed), told(&errors)).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /comments/{id}/deletion`
pub(super) async fn delete(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let to = set_deleted(&page, *id, &db, true).await?;
    let flash = Flash::success("Comment deleted").undo(format!("/comments/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// `POST /comments/{id}/deletion/undo`
pub(super) async fn undelete(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let to = set_deleted(&page, *id, &db, false).await?;
    Ok(reply::redirect(&page.req, &to, Some(Flash::success("Comment is back"))))
}

async fn set_deleted(page: &Page, id: CommentId, db: &Db, deleted: bool) -> AppResult<String> {
    let actor = page.actor.clone();
    db.org(page, move |tx| {
        let found = commands::removable(tx, &actor, id)?;
        commands::set_deleted(tx, &found, deleted)?;
        Ok(if deleted { found.subject.href() } else { found.place() })
    })
    .await
}

/// `POST /comments/{id}/pin`
pub(super) async fn pin_comment(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    set_pinned(page, Post::Comment(*id), true, db).await
}

/// `POST /comments/{id}/pin/undo`
pub(super) async fn unpin_comment(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    set_pinned(page, Post::Comment(*id), false, db).await
}

/// `POST /notes/{id}/pin`
pub(super) async fn pin_note(page: Page, id: Path<NoteId>, db: Data<Db>) -> AppResult<HttpResponse> {
    set_pinned(page, Post::Note(*id), true, db).await
}

/// `POST /notes/{id}/pin/undo`
pub(super) async fn unpin_note(page: Page, id: Path<NoteId>, db: Data<Db>) -> AppResult<HttpResponse> {
    set_pinned(page, Post::Note(*id), false, db).await
}

async fn set_pinned(page: Page, post: Post, pinned: bool, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let found = db.org(&page, move |tx| commands::set_pinned(tx, &actor, post, pinned)).await?;
    let label = post.label();
    let flash = if pinned {
        Flash::success(format!("{label} pinned")).undo(format!("{}/pin/undo", post.href()))
    } else {
        Flash::success(format!("{label} is no longer pinned")).undo(format!("{}/pin", post.href()))
    };
    Ok(reply::redirect(&page.req, &found.subject.href(), Some(flash)))
}

#[derive(Template)]
#[template(path = "comments/_reactions.html")]
struct Reactions {
    said: Said,
    csrf: String,
}

/// `POST /comments/{id}/reactions`: `emoji`
pub(super) async fn react_to_comment(
    page: Page,
    id: Path<CommentId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    react(page, Post::Comment(*id), form, db).await
}

/// `POST /notes/{id}/reactions`: `emoji`
pub(super) async fn react_to_note(page: Page, id: Path<NoteId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    react(page, Post::Note(*id), form, db).await
}

async fn react(page: Page, post: Post, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, emoji) = (page.actor.clone(), form.get("emoji").to_owned());
    let (found, said) = db
        .org(&page, move |tx| {
            let found = reactions::toggle(tx, &actor, post, &emoji)?;
            let said = said::one(tx, &actor, found.subject, post)?;
            Ok((found, said))
        })
        .await?;
    match said {
        Some(said) if reply::is_partial(&page.req) => {
            reply::fragment(&Reactions { said, csrf: csrf::token(&page.req) })
        }
        _ => Ok(reply::redirect(&page.req, &found.place(), None)),
    }
}

/// What a post said, and until when.
struct Earlier {
    body_html: String,
    by: String,
    until: String,
    exact: String,
}

#[derive(Template)]
#[template(path = "comments/edits.html")]
struct Edits {
    shell: Shell,
    label: &'static str,
    name: String,
    back: String,
    now: String,
    earlier: Vec<Earlier>,
}

/// `GET /comments/{id}/edits`
pub(super) async fn edits_of_comment(page: Page, id: Path<CommentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    edits(page, Post::Comment(*id), db).await
}

/// `GET /notes/{id}/edits`
pub(super) async fn edits_of_note(page: Page, id: Path<NoteId>, db: Data<Db>) -> AppResult<HttpResponse> {
    edits(page, Post::Note(*id), db).await
}

async fn edits(page: Page, post: Post, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (found, name, before) = db
        .org(&page, move |tx| {
            let found = post::find(tx, &actor, post, false)?;
            let name = found.subject.visible(tx, &actor)?;
            Ok((found, name, said::before(tx, post)?))
        })
        .await?;
    let earlier = before.into_iter().map(|before| Earlier {
        body_html: before.body_html,
        by: before.by.unwrap_or_else(|| "Pipewright".to_owned()),
        until: page.actor.moment(before.until),
        exact: page.actor.exact(before.until),
    });
    let whole = Edits {
        shell: page.shell(found.subject.noun()),
        label: post.label(),
        name,
        back: found.place(),
        earlier: earlier.collect(),
        now: found.body_html,
    };
    reply::page(&page.req, &whole)
}

#[derive(Template)]
#[template(path = "comments/_members.html")]
struct Members {
    people: Vec<members::Person>,
}

/// `GET /mentions?q=`: whom an @ may mean.
pub(super) async fn members(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = text::fold(Form::decode(page.req.query_string().as_bytes())?.get("q"));
    let mut people = db.org(&page, members::directory).await?;
    people.retain(|person| person.active && text::fold(&person.name).contains(&query));
    // Those whose name, or a part of it, begins so come first.
    let begins = |name: &str| text::fold(name).split_whitespace().any(|word| word.starts_with(&query));
    people.sort_by_key(|person| !(text::fold(&person.name).starts_with(&query) || begins(&person.name)));
    people.truncate(OFFERED);
    reply::fragment(&Members { people })
}
