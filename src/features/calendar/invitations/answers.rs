//! `/rsvp/{token}`: where a guest answers, without an account. Opening the page changes nothing: programs that follow the links in mails
//! answer for nobody. A button does.

use super::{link, queries};
use crate::{
    config::Config,
    db::{Db, OrgTx, Reason, SystemTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        activities::Activity,
        notifications::{self, Kind, Notice, To},
    },
    kernel::{ActivityId, Locale, MemberId, OrgId, calendar},
    live::{self, LiveMessage},
    schema::{activities, activity_guests, activity_invitations, members, organisations},
    web::{
        Form, headers,
        limits::{self, Action},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, LOCATION},
    },
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// Key, label, icon and look of the button.
const ANSWERS: &[(&str, &str, &str, &str)] = &[
    ("accepted", "Accept", "check", "btn-good"),
    ("tentative", "Perhaps", "help-circle", ""),
    ("declined", "Decline", "x", "btn-bad"),
];

#[derive(Template)]
#[template(path = "calendar/answer.html")]
struct AnswerPage {
    action: String,
    subject: String,
    when: String,
    location: String,
    video_url: String,
    organiser: String,
    organisation: String,
    /// What is kept, in words; empty: nothing yet.
    kept: &'static str,
    answer: String,
    /// The one that the link in the mail named.
    wanted: String,
    comment: String,
    /// It is off, or they are invited no longer.
    off: bool,
    answers: &'static [(&'static str, &'static str, &'static str, &'static str)],
}

struct Standing {
    activity: Activity,
    organiser: (Uuid, String),
    organisation: String,
    locale: Locale,
    zone: String,
    name: String,
    answer: Option<String>,
    comment: Option<String>,
    off: bool,
}

/// `GET /rsvp/{token}`: `answer`, what the link said
pub(in crate::features::calendar) async fn show(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let (org, guest) = whose(&req, &db, &config, &token).await?;
    let query = Form::decode(req.query_string().as_bytes())?;
    let standing = db.org(&org, move |tx| load(tx, guest)).await?;
    page(&token, standing, query.get("answer"))
}

/// `POST /rsvp/{token}`: `answer`, `comment`
pub(in crate::features::calendar) async fn answer(
    req: HttpRequest,
    token: Path<String>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, &token)?;
    let (org, guest) = whose(&req, &db, &config, &token).await?;
    let mut p = form.parser();
    let known = ANSWERS.iter().find(|(key, ..)| *key == form.get("answer")).map(|(key, ..)| *key);
    let comment = p.text("comment", 500);
    p.finish()?;
    let answer = known.ok_or_else(|| AppError::field("answer", "is not one of the choices"))?;
    db.org(&org, move |tx| keep(tx, guest, answer, comment)).await?;
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("/rsvp/{}", token.as_str())))
        .insert_header((CONTENT_SECURITY_POLICY, headers::public_policy(&[], None)?))
        .finish())
}

/// The guest whose link it is, and where.
async fn whose(req: &HttpRequest, db: &Db, config: &Config, token: &str) -> AppResult<(OrgId, Uuid)> {
    let guest = link::read(config.secret_key.expose().as_bytes(), token);
    let found = match guest {
        Some(guest) => db.system(Reason::Calendars, move |tx| org_of(tx, guest)).await?.map(|org| (org, guest)),
        None => None,
    };
    if found.is_none() {
        limits::check(req, Action::Link, "")?;
    }
    found.ok_or(AppError::NotFound)
}

fn org_of(tx: &mut SystemTx, guest: Uuid) -> AppResult<Option<OrgId>> {
    let org: Option<Uuid> = activity_guests::table
        .filter(activity_guests::id.eq(guest))
        .select(activity_guests::org_id)
        .first(tx.conn())
        .optional()?;
    Ok(org.map(OrgId))
}

type Row = (Uuid, String, String, Option<String>, Option<String>, Option<chrono::DateTime<Utc>>);

fn load(tx: &mut OrgTx, guest: Uuid) -> AppResult<Standing> {
    let (activity, name, email, answer, comment, withdrawn): Row = activity_guests::table
        .filter(activity_guests::id.eq(guest))
        .select((
            activity_guests::activity_id,
            activity_guests::name,
            activity_guests::email,
            activity_guests::answer,
            activity_guests::comment,
            activity_guests::withdrawn_at,
        ))
        .first(tx.conn())?;
    let activity: Activity =
        activities::table.filter(activities::id.eq(activity)).select(Activity::as_select()).first(tx.conn())?;
    let (organiser, cancelled): (Uuid, bool) = activity_invitations::table
        .filter(activity_invitations::activity_id.eq(activity.id))
        .select((activity_invitations::organiser_id, activity_invitations::cancelled))
        .first(tx.conn())?;
    let by: String = members::table.filter(members::id.eq(organiser)).select(members::name).first(tx.conn())?;
    let (organisation, locale, zone): (String, String, String) = organisations::table
        .find(tx.org_id().0)
        .select((organisations::name, organisations::locale, organisations::time_zone))
        .first(tx.conn())?;
    Ok(Standing {
        organiser: (organiser, by),
        organisation,
        locale: Locale::from_tag(&locale),
        zone: super::queries::zone_of(tx, organiser)?.unwrap_or(zone),
        name: if name.is_empty() { email } else { name },
        answer,
        comment,
        off: cancelled || withdrawn.is_some() || activity.deleted_at.is_some(),
        activity,
    })
}

fn keep(tx: &mut OrgTx, guest: Uuid, answer: &'static str, comment: Option<String>) -> AppResult<()> {
    let before = load(tx, guest)?;
    if before.off {
        return Err(AppError::Conflict("It was called off meanwhile, so there is nothing to answer.".into()));
    }
    if before.answer.as_deref() == Some(answer) && before.comment == comment {
        return Ok(());
    }
    diesel::update(activity_guests::table.filter(activity_guests::id.eq(guest)))
        .set((
            activity_guests::answer.eq(Some(answer)),
            activity_guests::comment.eq(&comment),
            activity_guests::answered_at.eq(Some(Utc::now())),
        ))
        .execute(tx.conn())?;
    let id: ActivityId = before.activity.id;
    let (was, is) = (queries::words(before.answer.as_deref()).0, queries::words(Some(answer)).0);
    let mut changes = Changes::new();
    let told = |words: &str| json!(format!("{}: {}", before.name, words.to_lowercase()));
    changes.track("answer", &told(was), &told(is));
    events::record(tx, Event::of("activity.updated", "activity", id).changes(changes))?;
    let how = match answer {
        "accepted" => "accepted",
        "declined" => "declined",
        _ => "may come to",
    };
    let notice = Notice::new(Kind::Responded).about(id).param("who", &before.name).param("how", &how);
    let notice = notice.once(format!("answer:{guest}:{answer}:{}", Utc::now().timestamp()));
    let notice = match &comment {
        Some(comment) => notice.quoting(comment),
        None => notice,
    };
    let people = [Some(MemberId(before.organiser.0)), before.activity.fields.owner_id];
    notifications::tell(tx, &notice, To::people(people.into_iter().flatten()))?;
    live::publish(tx, &LiveMessage::record("activity", id.0))
}

fn page(token: &str, standing: Standing, wanted: &str) -> AppResult<HttpResponse> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let fields = &standing.activity.fields;
    let answer = text(&standing.answer);
    let whole = AnswerPage {
        action: format!("/rsvp/{token}"),
        subject: fields.subject.clone(),
        when: super::mails::words(&standing.activity, standing.locale, calendar::zone(&standing.zone)),
        location: text(&fields.location),
        video_url: text(&fields.video_url),
        organiser: standing.organiser.1,
        organisation: standing.organisation,
        kept: if answer.is_empty() { "" } else { queries::words(Some(&answer)).0 },
        wanted: if answer.is_empty() { wanted.to_owned() } else { String::new() },
        answer,
        comment: text(&standing.comment),
        off: standing.off,
        answers: ANSWERS,
    };
    let body = whole.render().map_err(|e| AppError::Internal(e.into()))?;
    Ok(HttpResponse::build(StatusCode::OK)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, headers::public_policy(&[], None)?))
        .body(body))
}
