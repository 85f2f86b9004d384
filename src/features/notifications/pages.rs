//! The centre: the page, the panel behind the bell, the count, what a browser shows; reading and not having read.

use super::{
    kind::Kind,
    queries::{self, Asked, Told},
    quiet::Settings,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    web::{Form, Page, SelectOption, Shell, csrf, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, LOCATION, REFERER},
    web::{Data, Path},
};
use askama::Template;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

const PAGE: i64 = 40;
const PANEL: i64 = 8;

/// The notices of one day.
struct Day {
    label: String,
    told: Vec<Told>,
}

#[derive(Template)]
#[template(path = "notifications/index.html")]
struct Index {
    shell: Shell,
    unread: bool,
    kinds: Vec<SelectOption>,
    all_href: String,
    unread_href: String,
    days: Vec<Day>,
    older: Option<String>,
    /// The latest on the page: what "mark all read" goes up to.
    latest: Option<Uuid>,
    any_unread: bool,
    narrowed: bool,
}

/// `GET /notifications`: `show=unread`, `kind`, `after`.
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let asked = Asked {
        unread: query.get("show") == "unread",
        kind: Kind::parse(query.get("kind")),
        after: query.get("after").parse().ok(),
    };
    let actor = page.actor.clone();
    let mut told = db.org(&page, move |tx| queries::page(tx, &actor, asked, PAGE)).await?;
    let size = usize::try_from(PAGE).unwrap_or_default();
    let more = told.len() > size;
    told.truncate(size);
    let kind = asked.kind.map_or("", Kind::key);
    let href = |unread: bool| match (unread, kind) {
        (false, "") => "/notifications".to_owned(),
        (false, kind) => format!("/notifications?kind={kind}"),
        (true, "") => "/notifications?show=unread".to_owned(),
        (true, kind) => format!("/notifications?show=unread&kind={kind}"),
    };
    let here = href(asked.unread);
    let join = if here.contains('?') { '&' } else { '?' };
    let older = told.last().filter(|_| more).map(|last| format!("{here}{join}after={}", last.id));
    reply::page(
        &page.req,
        &Index {
            shell: page.shell("notifications"),
            unread: asked.unread,
            kinds: Kind::ALL.iter().map(|k| SelectOption::new(k.key(), k.label(), k.key() == kind)).collect(),
            all_href: href(false),
            unread_href: href(true),
            latest: told.first().map(|told| told.id),
            any_unread: page.actor.unread > 0,
            narrowed: asked.kind.is_some() || asked.after.is_some(),
            older,
            days: days(&page, told),
        },
    )
}

fn days(page: &Page, told: Vec<Told>) -> Vec<Day> {
    let today = page.today();
    let mut days: Vec<Day> = Vec::new();
    for notice in told {
        let day = notice.created_at.with_timezone(&page.zone).date_naive();
        let label = match (today - day).num_days() {
            ..=0 => "Today".to_owned(),
            1 => "Yesterday".to_owned(),
            _ => page.locale.weekday_and_day(day, today),
        };
        match days.last_mut().filter(|last| last.label == label) {
            Some(last) => last.told.push(notice),
            None => days.push(Day { label, told: vec![notice] }),
        }
    }
    days
}

#[derive(Template)]
#[template(path = "notifications/_panel.html")]
struct Panel {
    csrf: String,
    told: Vec<Told>,
    latest: Option<Uuid>,
    any_unread: bool,
}

/// `GET /notifications/panel`
pub(super) async fn panel(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let any_unread = page.actor.unread > 0;
    show_panel(&page, &db, any_unread).await
}

async fn show_panel(page: &Page, db: &Db, any_unread: bool) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let mut told = db.org(page, move |tx| queries::page(tx, &actor, Asked::default(), PANEL)).await?;
    told.truncate(usize::try_from(PANEL).unwrap_or_default());
    let latest = told.first().map(|told| told.id);
    reply::fragment(&Panel { csrf: csrf::token(&page.req), told, latest, any_unread })
}

#[derive(Template)]
#[template(path = "notifications/_bell.html")]
struct Bell {
    shell: Shell,
}

/// `GET /notifications/bell`
pub(super) async fn bell(page: Page) -> AppResult<HttpResponse> {
    reply::fragment(&Bell { shell: page.shell("") })
}

/// `GET /notifications/browser`: what this browser may show now, as JSON. In quiet hours nothing, and when to ask again.
pub(super) async fn browser(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (told, until) = db
        .org(&page, move |tx| {
            let now = Utc::now();
            let settings = Settings::load(tx, &actor)?;
            match settings.quiet_until(&actor, now) {
                Some(until) => Ok((vec![], Some(until))),
                None => Ok((queries::for_browser(tx, &actor, settings.shown_since(&actor, now))?, None)),
            }
        })
        .await?;
    let shown = told.iter().rev().map(|told| {
        json!({ "id": told.id, "title": told.words.sentence(), "body": told.quote, "href": format!("/notifications/{}", told.id) })
    });
    let body = json!({ "notices": shown.collect::<Vec<_>>(), "quiet_until": until });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body))
}

/// `GET /notifications/{id}`: reads it and goes where it leads.
pub(super) async fn open(page: Page, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let told = db
        .org(&page, move |tx| {
            let told = queries::find(tx, &actor, id)?;
            queries::set_read(tx, &actor, id, true)?;
            Ok(told)
        })
        .await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, told.to)).finish())
}

/// `POST /notifications/reading`: all of them, up to the one that was on top (`upto`).
pub(super) async fn read_all(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let upto: Option<Uuid> = form.get("upto").parse().ok();
    let actor = page.actor.clone();
    let at = db.org(&page, move |tx| queries::read_all(tx, &actor, upto)).await?;
    let undo = at.map(|at| format!("/notifications/reading/undo?at={}", at.timestamp_micros()));
    if reply::is_partial(&page.req) {
        let panel = show_panel(&page, &db, false).await?;
        return Ok(reply::toast(panel, "success", "All read", undo.as_deref()));
    }
    let flash = undo.map(|undo| Flash::success("All read").undo(undo));
    Ok(reply::redirect(&page.req, "/notifications", flash))
}

/// `POST /notifications/reading/undo?at=…`
pub(super) async fn unread_all(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let at = query.get("at").parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(AppError::NotFound)?;
    let actor = page.actor.clone();
    db.org(&page, move |tx| queries::unread_all(tx, &actor, at)).await?;
    Ok(reply::redirect(&page.req, "/notifications", None))
}

/// `POST /notifications/{id}/reading`
pub(super) async fn read(page: Page, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    set(page, *id, db, true).await
}

/// `POST /notifications/{id}/reading/undo`
pub(super) async fn unread(page: Page, id: Path<Uuid>, db: Data<Db>) -> AppResult<HttpResponse> {
    set(page, *id, db, false).await
}

async fn set(page: Page, id: Uuid, db: Data<Db>, read: bool) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    db.org(&page, move |tx| {
        queries::find(tx, &actor, id)?;
        queries::set_read(tx, &actor, id, read)
    })
    .await?;
    Ok(reply::redirect(&page.req, &back(&page), None))
}

/// The list as it was filtered.
fn back(page: &Page) -> String {
    let from = page.req.headers().get(REFERER).and_then(|value| value.to_str().ok());
    let query = from.and_then(|from| url::Url::parse(from).ok()).filter(|url| url.path() == "/notifications");
    query.and_then(|url| url.query().map(|query| format!("/notifications?{query}"))).unwrap_or("/notifications".into())
}
