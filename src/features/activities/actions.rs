//! What is done with an activity from anywhere: completed, cancelled, reopened, put off, given to someone else, deleted; each with its
//! undo. htmx gets the line anew, everybody else the page they were on.

use super::{
    commands,
    lines::Line,
    model::{Activity, OPEN},
    queries,
    returning::{self, Back},
    series::{self, Scope},
    templates,
    when::{self, Slot},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    kernel::{ActivityId, RecordType},
    web::{
        Actor, Allow, Form, Page, csrf,
        flash::Flash,
        permission::{
            Permission,
            activities::{Create, Delete, Edit},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "activities/_one.html")]
struct One {
    line: Line,
    csrf: String,
    may_edit: bool,
    /// Stands in a list with boxes to tick.
    bulk: bool,
}

fn fragment(page: &Page, line: Line, form: &Form) -> AppResult<HttpResponse> {
    let may_edit = page.actor.may(Edit::KEY);
    reply::fragment(&One { line, csrf: csrf::token(&page.req), may_edit, bulk: form.get("bulk") == "1" })
}

fn line(tx: &mut OrgTx, actor: &Actor, id: ActivityId) -> AppResult<Line> {
    let row = queries::some(tx, actor, &[id.0])?.into_iter().next().ok_or(AppError::NotFound)?;
    Ok(Line::new(actor, row))
}

/// The answer to an action: the line, or the page it was asked for on.
fn answer(page: &Page, form: &Form, id: ActivityId, line: Line, told: &str, undo: &str) -> AppResult<HttpResponse> {
    let undo = Some(undo).filter(|path| !path.is_empty());
    if reply::is_partial(&page.req) {
        return Ok(reply::toast(fragment(page, line, form)?, "success", told, undo));
    }
    let mut flash = Flash::success(told);
    if let Some(path) = undo {
        flash = flash.undo(path);
    }
    let to = Back::of(page, form).unwrap_or_else(|| format!("/activities/{id}"));
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

fn short(subject: &str) -> String {
    if subject.chars().count() <= 50 {
        subject.to_owned()
    } else {
        format!("{}…", subject.chars().take(49).collect::<String>())
    }
}

/// `POST /activities/{id}/completion`: `outcome`, `as` (`done`, `cancelled`), `back`
pub(super) async fn complete(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let status = if form.get("as") == "cancelled" { "cancelled" } else { "done" };
    let back = Back::of(&page, &form);
    let from = back.as_deref().and_then(returning::record_of).filter(|_| status == "done" && page.may(Create::KEY));
    let posted = form.clone();
    let (before, line, early, next, ends) = db
        .org(&page, move |tx| {
            let mut p = posted.parser();
            let outcome = p.text("outcome", 5_000);
            queries::find(tx, &by, id)?;
            p.finish()?;
            // Posted empty, it is taken away; not posted, it stays.
            let outcome = outcome.or_else(|| posted.has("outcome").then(String::new));
            let early = status == "done" && line(tx, &by, id)?.blocked;
            let before = commands::close(tx, &by, id, status, outcome)?;
            let mut line = line(tx, &by, id)?;
            let mut next = None;
            if before.is_open() && status == "done" {
                line.offer = templates::offered(tx, &by, id)?.map(|offer| (offer.href, offer.subject));
                next = templates::planned(tx, &by, id)?;
            }
            Ok((before, line, early, next, nothing_follows(tx, &by, from)?))
        })
        .await?;
    let told = match (status, next) {
        _ if !before.is_open() && form.has("outcome") => format!("Outcome of {} saved", short(&line.subject)),
        ("done", None) if early => format!("{} done, though what it waits for is still open", short(&line.subject)),
        ("done", Some(next)) => format!("{} done. Next: {next}", short(&line.subject)),
        ("done", None) => format!("{} done", short(&line.subject)),
        _ => format!("{} cancelled", short(&line.subject)),
    };
    let undo = if before.is_open() {
        format!("/activities/{id}/completion/undo?status={}", before.status)
    } else {
        String::new()
    };
    if let (Some((href, _)), false) = (&line.offer, reply::is_partial(&page.req)) {
        let back = back.clone().unwrap_or_else(|| format!("/activities/{id}"));
        let to = format!("{href}&{}", serde_urlencoded::to_string([("back", back)]).unwrap_or_default());
        return Ok(reply::redirect(&page.req, &to, Some(Flash::success(told).undo(undo))));
    }
    if let (Some((record, record_id)), true, false) = (from, ends, reply::is_partial(&page.req)) {
        let to = format!("/{}/{record_id}?compose=activity&after_done=1#composer", record.noun());
        return Ok(reply::redirect(&page.req, &to, Some(Flash::success(told).undo(undo))));
    }
    answer(&page, &form, id, line, &told, &undo)
}

/// Whether nothing more is planned with the open deal, or other record, whose page one is on: then the page asks what is next.
fn nothing_follows(tx: &mut OrgTx, actor: &Actor, from: Option<(RecordType, Uuid)>) -> AppResult<bool> {
    let Some((record, id)) = from else { return Ok(false) };
    match crate::features::records::visible(tx, actor, record, id) {
        Ok(now) if !now.archived => Ok(queries::planned(tx, actor, record, id, 1)?.is_empty()),
        Ok(_) | Err(AppError::NotFound | AppError::Forbidden(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// `POST /activities/{id}/completion/undo`: `status`, where it stood before
pub(super) async fn reopen(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let status = OPEN.iter().map(|(key, _)| *key).find(|key| *key == query.get("status")).unwrap_or("open");
    set_status(&page, by, *id, status, &form, &db, "is to be done again").await
}

/// `POST /activities/{id}/status`: `status`
pub(super) async fn status(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let status = OPEN.iter().find(|(key, _)| *key == form.get("status"));
    let id = *id;
    if form.get("status") == "done" {
        return complete(page, by, Path::from(id), form, db).await;
    }
    let Some((status, label)) = status else {
        let actor = page.actor.clone();
        db.org(&page, move |tx| queries::find(tx, &actor, id)).await?;
        return Err(AppError::field("status", "is not one of the choices"));
    };
    set_status(&page, by, id, status, &form, &db, &format!("is now: {}", label.to_lowercase())).await
}

async fn set_status(
    page: &Page,
    by: Allow<Edit>,
    id: ActivityId,
    status: &'static str,
    form: &Form,
    db: &Db,
    told: &str,
) -> AppResult<HttpResponse> {
    let line = db
        .org(page, move |tx| {
            commands::set_open(tx, &by, id, status)?;
            line(tx, &by, id)
        })
        .await?;
    let told = format!("{} {told}", short(&line.subject));
    answer(page, form, id, line, &told, "")
}

/// `POST /activities/{id}/snooze`: `until`, a key of [`when::SNOOZES`] or a day
pub(super) async fn snooze(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, until) = (*id, form.get("until").to_owned());
    let (before, line) = db
        .org(&page, move |tx| {
            let before = queries::find(tx, &by, id)?;
            let day = when::snoozed(&until, &by).ok_or_else(|| AppError::field("until", "must be a day"))?;
            let slot = Slot { start_at: before.fields.start_at, due_on: before.fields.due_on }.on(day, by.zone);
            let before = commands::reschedule(tx, &by, id, slot)?;
            Ok((before, line(tx, &by, id)?))
        })
        .await?;
    let told = format!("{} put off to {}", short(&line.subject), line.when);
    answer(&page, &form, id, line, &told, &format!("/activities/{id}/snooze/undo?{}", place(&before)))
}

/// When it was, for the undo's address.
fn place(before: &Activity) -> String {
    let follows = if before.occurrence.as_deref().is_some_and(|now| now != "own") { "&follows=1" } else { "" };
    match (before.fields.start_at, before.fields.due_on) {
        (Some(at), _) => format!("at={}{follows}", at.timestamp_micros()),
        (None, Some(day)) => format!("on={day}{follows}"),
        (None, None) => String::new(),
    }
}

/// `POST /activities/{id}/snooze/undo`: `at` (microseconds) or `on` in the address, and `follows` when its series said so
pub(super) async fn unsnooze(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, query) = (*id, Form::decode(page.req.query_string().as_bytes())?);
    let start_at = query.get("at").parse().ok().and_then(chrono::DateTime::from_timestamp_micros);
    let start_at = start_at.filter(|at| crate::kernel::calendar::parse_date(&at.date_naive().to_string()).is_ok());
    let due_on = crate::kernel::calendar::parse_date(query.get("on")).ok().filter(|_| start_at.is_none());
    let line = db
        .org(&page, move |tx| {
            commands::reschedule(tx, &by, id, Slot { start_at, due_on })?;
            if query.has("follows") {
                commands::rejoin(tx, id)?;
            }
            line(tx, &by, id)
        })
        .await?;
    let told = format!("{} is at its old time again", short(&line.subject));
    answer(&page, &form, id, line, &told, "")
}

/// `POST /activities/{id}/deletion`: `scope` of what repeats
pub(super) async fn delete(
    page: Page,
    by: Allow<Delete>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let own = format!("/activities/{id}");
    let scope = Scope::parse(form.get("scope"));
    let done = db
        .org(&page, move |tx| {
            let activity = queries::find(tx, &by, id)?;
            queries::require_removable(tx, &by, &activity)?;
            let series = activity.series_id.filter(|_| activity.is_open());
            if let (Some(series), None) = (series, scope) {
                let series = series::find(tx, series)?;
                let asked = series::Asked::of(tx, &by, &activity, &series, Scope::ALL.into())?;
                return Ok((activity, Err(asked)));
            }
            let gone = series::delete(tx, &by, id, scope.unwrap_or(Scope::This))?;
            Ok((activity, Ok(gone)))
        })
        .await?;
    let (activity, gone) = match done {
        (_, Err(asked)) => {
            // The way back is where the deletion was asked for, not the question.
            let mut form = form;
            let back = Back::of(&page, &form).unwrap_or_else(|| own.clone());
            form.set("back", &back);
            return series::ask(&page, &form, asked, format!("{own}/deletion"), back);
        }
        (activity, Ok(gone)) => (activity, gone),
    };
    let to = Back::of(&page, &form).filter(|path| !path.starts_with(&own));
    let to = to.unwrap_or_else(|| format!("/{}", activity.class().noun()));
    let told = match gone.count {
        1 => format!("{} deleted", short(&activity.fields.subject)),
        n => format!("{}: {n} deleted", short(&activity.fields.subject)),
    };
    let flash = Flash::success(told).undo(format!("{own}/deletion/undo{}", gone.undo));
    Ok(reply::redirect(&page.req, &to, Some(flash)))
}

/// `POST /activities/{id}/deletion/undo`; of a series, `series`, `at` and the end it had in the address
pub(super) async fn undelete(
    page: Page,
    by: Allow<Delete>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, query) = (*id, Form::decode(page.req.query_string().as_bytes())?);
    let told = db
        .org(&page, move |tx| {
            if query.has("series") {
                let back = series::undelete(tx, &by, id, &query)?;
                return Ok(format!("{back} of the series are back"));
            }
            let back = commands::set_deleted(tx, &by, id, false)?;
            Ok(format!("{} is back", short(&back.fields.subject)))
        })
        .await?;
    let to = Back::of(&page, &form).unwrap_or_else(|| format!("/activities/{id}"));
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(told))))
}
