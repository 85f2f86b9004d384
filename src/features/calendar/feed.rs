//! `/calendar/feed/{token}.ics`: a member's calendar for other programs, which subscribe to it. Whoever has the address reads it, so the
//! address is a secret: only its hash is kept, and its owner can end it.
//!
//! A feed says what its member sees, as of now. The same activities make the same bytes, so that programs asking again are told that
//! nothing changed.

use super::{
    ics::{self, Item},
    span::{self, Asked, Entry},
};
use crate::{
    config::Config,
    db::{Db, OrgTx, Reason, Tx},
    error::{AppError, AppResult},
    features::accounts::token_hash,
    kernel::{MemberId, OrgId, UserId, calendar::Span},
    schema::calendar_members,
    web::{
        Actor,
        limits::{self, Action},
        permission::{Permission, activities::View},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    web::{Data, Path},
};
use chrono::{Days, Duration, Utc};
use diesel::prelude::*;
use icalendar::{Alarm, Component, EventLike, EventStatus, Property, Trigger};
use sha2::{Digest, Sha256};
use url::Url;

/// Days back and ahead.
const BEFORE: u64 = 90;
const AHEAD: u64 = 400;
const MOST: i64 = 10_000;

/// How a member wants their feed.
#[derive(Clone, Copy, Debug)]
struct Wish {
    tasks: bool,
    /// Minutes before a start.
    alarm: Option<i16>,
}

/// `GET /calendar/feed/{token}`; the name may end in `.ics`
pub(super) async fn serve(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let token = token.strip_suffix(".ics").unwrap_or(&token).to_owned();
    let hash = token_hash(&token);
    let found = db.system(Reason::Calendars, move |tx| whose(tx, &hash)).await?;
    let Some((actor, wish)) = found else {
        // Only guesses count: thousands of feeds are fetched from the few addresses of those who host calendars.
        limits::check(&req, Action::Link, "")?;
        return Err(AppError::NotFound);
    };
    let public_url = config.public_url.clone();
    let tenant = actor.clone();
    let body = db.org(&tenant, move |tx| write(tx, &actor, wish, &public_url)).await?;
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(body.as_bytes())[..16]));
    let known = req.headers().get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut answer = if known.contains(&tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((ETAG, tag.clone())).insert_header((CACHE_CONTROL, "private, no-cache"));
    if known.contains(&tag) {
        return Ok(answer.finish());
    }
    answer
        .insert_header((CONTENT_TYPE, "text/calendar; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "inline; filename=\"pipewright.ics\""));
    Ok(answer.body(body))
}

/// Who it is, as long as they are a member and their role sees activities.
fn whose(tx: &mut crate::db::SystemTx, hash: &str) -> AppResult<Option<(Actor, Wish)>> {
    let row: Option<(uuid::Uuid, uuid::Uuid, bool, Option<i16>)> = calendar_members::table
        .filter(calendar_members::feed_hash.eq(hash))
        .select((
            calendar_members::org_id,
            calendar_members::member_id,
            calendar_members::feed_tasks,
            calendar_members::feed_alarm,
        ))
        .first(tx.conn())
        .optional()?;
    let Some((org, member, tasks, alarm)) = row else { return Ok(None) };
    let actor = Actor::load(tx, UserId::from(MemberId(member)), OrgId(org))?;
    Ok(actor.filter(|actor| actor.may(View::KEY)).map(|actor| (actor, Wish { tasks, alarm })))
}

fn write(tx: &mut OrgTx, actor: &Actor, wish: Wish, public_url: &Url) -> AppResult<String> {
    let today = actor.today();
    let span = Span { from: today - Days::new(BEFORE), to: today + Days::new(AHEAD) };
    let asked = Asked { people: &[actor.id.0], span, zone: actor.zone, types: &[], full: true, limit: MOST };
    let entries = span::load(tx, actor, &asked)?;
    let mut calendar = ics::calendar();
    calendar
        .append_property(Property::new("X-WR-CALNAME", ics::clean(&format!("{} · {}", actor.name, actor.org.name))))
        .append_property(Property::new("METHOD", "PUBLISH"))
        .ttl(&Duration::hours(1));
    for entry in entries.iter().filter(|entry| entry.seen && (wish.tasks || !entry.is_task())) {
        let Some(mut event) = ics::event(&item(entry, public_url)) else { continue };
        event.add_property("CLASS", "PRIVATE");
        if let (Some(alarm), Some(start), true) = (wish.alarm, entry.start_at, entry.is_open())
            && start > Utc::now() - Duration::days(1)
        {
            let trigger = Trigger::before_start(Duration::minutes(i64::from(alarm)));
            event.alarm(Alarm::display(&ics::clean(&entry.subject), trigger));
        }
        calendar.push(event);
    }
    Ok(calendar.to_string())
}

fn item<'a>(entry: &'a Entry, public_url: &Url) -> Item<'a> {
    let mut lines: Vec<String> = vec![entry.about().iter().map(|(_, name)| *name).collect::<Vec<_>>().join(" · ")];
    lines.extend(public_url.join(&format!("/activities/{}", entry.id)).map(|url| url.to_string()));
    Item {
        id: entry.id,
        subject: &entry.subject,
        start_at: entry.start_at,
        due_on: entry.due_on,
        minutes: entry.minutes,
        location: entry.location.as_deref(),
        video_url: entry.video_url.as_deref(),
        notes: entry.description.as_deref(),
        lines,
        status: if entry.status == "cancelled" { EventStatus::Cancelled } else { EventStatus::Confirmed },
        busy: entry.busy().is_some(),
        sequence: u32::try_from(entry.version - 1).unwrap_or(0),
        created_at: Some(entry.created_at),
        updated_at: entry.updated_at,
    }
}
