//! What guests are written: words, and the calendar object their program reads (RFC 5546).

use super::commands::{Invitation, Kept};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        self,
        activities::Activity,
        calendar::ics::{self, Item},
    },
    kernel::{Locale, MailId, calendar},
    mailer::{self, EventMail, MailMessage},
};
use chrono::{Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use diesel::{prelude::*, sql_types as t};
use icalendar::{Component, EventStatus, Property};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// For second thoughts about a cancellation.
const UNDO: Duration = features::mails::UNDO;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Method {
    Request { changed: bool },
    Cancel,
}

impl Method {
    fn key(self) -> &'static str {
        if self == Method::Cancel { "CANCEL" } else { "REQUEST" }
    }
}

#[derive(QueryableByName)]
struct Organiser {
    #[diesel(sql_type = t::Text)]
    name: String,
    #[diesel(sql_type = t::Text)]
    email: String,
    #[diesel(sql_type = t::Text)]
    zone: String,
    #[diesel(sql_type = t::Text)]
    org: String,
    #[diesel(sql_type = t::Text)]
    locale: String,
}

/// Enqueues a mail to each of `guests`, unless it is about something that is over. It names `all`: guests learn who else is asked, and
/// what those answered so far.
pub(super) fn send(
    tx: &mut OrgTx,
    activity: &Activity,
    invitation: &Invitation,
    (guests, all): (&[Kept], &[Kept]),
    method: Method,
) -> AppResult<()> {
    if guests.is_empty() || is_over(activity) {
        return Ok(());
    }
    let organiser = organiser(tx, invitation.organiser_id)?;
    for guest in guests {
        let mail = compose(activity, invitation, &organiser, (guest, all), method)?;
        let (id, mail) = (mail_id(guest.id, invitation.sequence, method), MailMessage::Event(mail));
        match method {
            Method::Cancel => mailer::enqueue_at(tx, id, &guest.email, mail, Utc::now() + UNDO)?,
            Method::Request { .. } => mailer::enqueue_once(tx, id, &guest.email, mail)?,
        }
    }
    Ok(())
}

/// A cancellation that was taken back in time is not sent; whether it could still be held back.
pub(super) fn hold_back(tx: &mut OrgTx, guest: &Kept, cancelled: &Invitation) -> AppResult<bool> {
    mailer::hold_back(tx, mail_id(guest.id, cancelled.sequence, Method::Cancel))
}

/// Nobody is written to about what began more than a day ago.
pub(super) fn is_over(activity: &Activity) -> bool {
    activity.fields.start_at.is_some_and(|at| at + Duration::days(1) < Utc::now())
}

fn organiser(tx: &mut OrgTx, id: Uuid) -> AppResult<Organiser> {
    let query = diesel::sql_query(
        "SELECT m.name, m.email, coalesce(z.time_zone, o.time_zone) AS zone, o.name AS org, o.locale FROM members m \
         JOIN organisations o ON o.id = m.org_id LEFT JOIN app.member_zones() z ON z.id = m.id WHERE m.id = $1",
    );
    Ok(query.bind::<t::Uuid, _>(id).get_result(tx.conn())?)
}

/// The same mail has the same id, whoever enqueues it again.
fn mail_id(guest: Uuid, sequence: i32, method: Method) -> MailId {
    let hash = Sha256::digest(format!("{guest}:{sequence}:{}", method.key()).as_bytes());
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    MailId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn compose(
    activity: &Activity,
    invitation: &Invitation,
    organiser: &Organiser,
    (guest, all): (&Kept, &[Kept]),
    method: Method,
) -> AppResult<EventMail> {
    let fields = &activity.fields;
    let zone = calendar::zone(&organiser.zone);
    let when = words(activity, Locale::from_tag(&organiser.locale), zone);
    let (prefix, said) = match method {
        Method::Request { changed: false } => ("Invitation", "invites you to"),
        Method::Request { changed: true } => ("Changed", "changed"),
        Method::Cancel => ("Cancelled", "called off"),
    };
    let hello = if guest.name.is_empty() { "Hello,".to_owned() } else { format!("Hello {},", guest.name) };
    let mut paragraphs = vec![
        hello,
        format!("{} ({}) {said}: {}.", organiser.name, organiser.org, fields.subject),
        format!("When: {when}"),
    ];
    if method != Method::Cancel {
        paragraphs.extend(fields.location.iter().map(|place| format!("Where: {place}")));
        paragraphs.extend(fields.video_url.iter().map(|url| format!("Video: {url}")));
        paragraphs.extend(others(guest, all));
        let message = invitation.message.iter().flat_map(|message| message.lines());
        paragraphs.extend(message.filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    Ok(EventMail {
        subject: format!("{prefix}: {} – {when}", fields.subject),
        paragraphs,
        guest: (method != Method::Cancel).then_some(guest.id),
        answer: None,
        method: method.key().to_owned(),
        calendar: object(activity, invitation, organiser, all, method)?,
        reply_to: organiser.email.clone(),
        sender: organiser.name.clone(),
    })
}

/// `Also invited: Ada Guest, bob@example.org`
fn others(guest: &Kept, all: &[Kept]) -> Option<String> {
    let others: Vec<&str> = all.iter().filter(|other| other.id != guest.id).map(Kept::called).collect();
    (!others.is_empty()).then(|| format!("Also invited: {}", others.join(", ")))
}

/// `Tuesday 3 Mar 2026, 14:30 – 15:00 (Europe/Amsterdam)`
pub(super) fn words(activity: &Activity, locale: Locale, zone: Tz) -> String {
    let fields = &activity.fields;
    let date = |day: NaiveDate| format!("{} {}", locale.weekday(day), locale.day(day, NaiveDate::MIN));
    match (fields.start_at, fields.due_on) {
        (Some(start), _) => {
            let local = start.with_timezone(&zone);
            let mut told = format!("{}, {}", date(local.date_naive()), locale.time(local.time()));
            if let Some(minutes) = fields.minutes {
                let end = (start + Duration::minutes(i64::from(minutes))).with_timezone(&zone);
                let day =
                    if end.date_naive() == local.date_naive() { String::new() } else { date(end.date_naive()) + ", " };
                told.push_str(&format!(" – {day}{}", locale.time(end.time())));
            }
            format!("{told} ({})", zone.name())
        }
        (None, Some(day)) => date(day),
        (None, None) => "no time yet".into(),
    }
}

fn object(
    activity: &Activity,
    invitation: &Invitation,
    organiser: &Organiser,
    all: &[Kept],
    method: Method,
) -> AppResult<String> {
    let fields = &activity.fields;
    let cancelled = method == Method::Cancel;
    let item = Item {
        id: activity.id.0,
        subject: &fields.subject,
        start_at: fields.start_at,
        // A cancellation names what it cancels, also when that has no day any more.
        due_on: fields.due_on.or_else(|| (cancelled && fields.start_at.is_none()).then(|| Utc::now().date_naive())),
        minutes: fields.minutes,
        location: fields.location.as_deref(),
        video_url: fields.video_url.as_deref(),
        notes: None,
        lines: invitation.message.iter().filter(|_| !cancelled).cloned().collect(),
        status: if cancelled { EventStatus::Cancelled } else { EventStatus::Confirmed },
        busy: fields.start_at.is_some(),
        sequence: u32::try_from(invitation.sequence).unwrap_or(0),
        created_at: None,
        updated_at: Utc::now(),
    };
    let mut event = ics::event(&item).ok_or(AppError::NotFound)?;
    let mut from = Property::new("ORGANIZER", format!("mailto:{}", organiser.email));
    from.add_parameter("CN", &plain(&organiser.name));
    event.append_property(from);
    for guest in all {
        let mut to = Property::new("ATTENDEE", format!("mailto:{}", guest.email));
        to.add_parameter("CN", &plain(guest.called()))
            .add_parameter("CUTYPE", "INDIVIDUAL")
            .add_parameter("ROLE", "REQ-PARTICIPANT")
            .add_parameter("PARTSTAT", &guest.answer.as_deref().unwrap_or("needs-action").to_uppercase())
            .add_parameter("RSVP", if cancelled { "FALSE" } else { "TRUE" });
        event.append_multi_property(to);
    }
    let mut calendar = ics::calendar();
    calendar.append_property(Property::new("METHOD", method.key())).push(event);
    Ok(calendar.to_string())
}

/// A parameter's value holds no quotation mark and no line end (RFC 5545 §3.2).
fn plain(name: &str) -> String {
    ics::clean(name).replace(['"', '\n'], " ")
}
