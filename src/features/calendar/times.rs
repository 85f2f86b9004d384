//! Another time or length for an activity, as a calendar sets it by dragging, and by the form that does the same without.

use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        activities::{self, Activity, NewActivity, Slot},
        records::Saved,
    },
    kernel::{ActivityId, calendar},
    web::{Allow, Form, FormErrors, Page, errors, flash::Flash, permission::activities::Edit, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use serde_json::json;

const STALE: &str = "Someone else changed it meanwhile, so it was not moved. It now stands where they put it.";

/// `POST /activities/{id}/time`: `version`, `on`, `time` (empty: all day), `minutes` (absent: as long as before, empty: no length), `back`
pub(super) async fn set(
    page: Page,
    by: Allow<Edit>,
    id: Path<ActivityId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let moved = db
        .org(&page, move |tx| {
            let before = activities::find(tx, &by, id)?;
            let (slot, minutes) = parse(&posted, &by, &before)?;
            let words = slot.words(&by, Utc::now());
            let new = NewActivity { start_at: slot.start_at, due_on: slot.due_on, minutes, ..before.fields.clone() };
            let said = posted.get("version").parse().unwrap_or(0);
            Ok((before, save(tx, &by, id, said, new)?, words))
        })
        .await;
    let is_page = !reply::is_htmx(&page.req) && !errors::wants_json(&page.req);
    let (before, version, words) = match moved {
        // Told where it stands now.
        Err(AppError::Conflict(told)) if is_page => {
            let told = FormErrors::one("", told);
            return activities::refused(&page, &db, id, form, StatusCode::CONFLICT, told).await;
        }
        other => other?,
    };
    let told = format!("{} is now {}", short(&before.fields.subject), within(&words));
    let back = format!("/activities/{id}/time/undo?{}", place(&before));
    if reply::is_partial(&page.req) {
        let answer = HttpResponse::Ok().json(json!({ "v": version }));
        return Ok(reply::toast(answer, "success", &told, Some(&back)));
    }
    let to = Some(form.get("back")).filter(|path| path.starts_with("/calendar")).unwrap_or("/calendar").to_owned();
    Ok(reply::redirect(&page.req, &to, Some(Flash::success(told).undo(back))))
}

/// `POST /activities/{id}/time/undo`: `at` (microseconds) or `on`, and `minutes`, in the address
pub(super) async fn undo(page: Page, by: Allow<Edit>, id: Path<ActivityId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (id, query) = (*id, Form::decode(page.req.query_string().as_bytes())?);
    let start_at = query.get("at").parse().ok().and_then(DateTime::from_timestamp_micros);
    let start_at = start_at.filter(|at: &DateTime<Utc>| calendar::parse_date(&at.date_naive().to_string()).is_ok());
    let due_on = calendar::parse_date(query.get("on")).ok().filter(|_| start_at.is_none());
    let minutes = query.get("minutes").parse().ok().filter(|n| (1..=43_200).contains(n));
    let subject = db
        .org(&page, move |tx| {
            let now = activities::find(tx, &by, id)?;
            let new = NewActivity { start_at, due_on, minutes, ..now.fields.clone() };
            save(tx, &by, id, now.version, new)?;
            Ok(now.fields.subject)
        })
        .await?;
    let told = format!("{} is at its old time again", short(&subject));
    if reply::is_partial(&page.req) {
        return Ok(reply::toast(HttpResponse::Ok().json(json!({})), "success", &told, None));
    }
    Ok(reply::redirect(&page.req, "/calendar", Some(Flash::success(told))))
}

/// When it is to be. What stands at that time already stays at exactly that moment: an hour that the clocks show twice is no other one.
fn parse(form: &Form, by: &Allow<Edit>, before: &Activity) -> AppResult<(Slot, Option<i32>)> {
    if !before.is_open() {
        let told = format!("This {} is closed. Reopen it first.", before.class().label().to_lowercase());
        return Err(AppError::Conflict(told));
    }
    let mut p = form.parser();
    let day = p.optional("on", calendar::parse_date);
    if form.get("on").is_empty() {
        p.error("on", "is required");
    }
    let time = p.optional("time", activities::parse_time);
    let minutes = p.integer("minutes", 1, 43_200).and_then(|n| i32::try_from(n).ok());
    p.finish()?;
    let was = Slot { start_at: before.fields.start_at, due_on: before.fields.due_on };
    let stays = (was.day(by.zone), was.time(by.zone)) == (day, time);
    let slot = if stays { was } else { Slot::new(day, time, by.zone) };
    Ok((slot, if form.has("minutes") { minutes } else { before.fields.minutes }))
}

/// The version it has then.
fn save(tx: &mut OrgTx, by: &Allow<Edit>, id: ActivityId, version: i32, new: NewActivity) -> AppResult<i32> {
    match activities::update(tx, by, id, version, new)? {
        Saved::Done(version) => Ok(version),
        Saved::Stale => Err(AppError::Conflict(STALE.into())),
    }
}

/// When it was, for the undo's address.
fn place(before: &Activity) -> String {
    let minutes = before.fields.minutes.map(|n| n.to_string()).unwrap_or_default();
    match (before.fields.start_at, before.fields.due_on) {
        (Some(at), _) => format!("at={}&minutes={minutes}", at.timestamp_micros()),
        (None, Some(day)) => format!("on={day}&minutes={minutes}"),
        (None, None) => format!("minutes={minutes}"),
    }
}

fn short(subject: &str) -> String {
    if subject.chars().count() <= 50 {
        subject.to_owned()
    } else {
        format!("{}…", subject.chars().take(49).collect::<String>())
    }
}

/// `Today 14:30` within a sentence.
fn within(words: &str) -> String {
    let day = ["Today", "Yesterday", "Tomorrow"].into_iter().find(|day| words.starts_with(day));
    day.map_or_else(|| words.to_owned(), |day| words.replacen(day, &day.to_lowercase(), 1))
}
