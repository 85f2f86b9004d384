//! `/mails/{id}`: a mail as it was written, whom it reached, what became of it; and what can still be done about it.

use super::{
    attachments::{self, Bearer},
    commands,
    model::{Message, RecipientRow, Status},
    queries, standing,
    standing::Why,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        accounts::members,
        records::{self, require_edit},
    },
    kernel::{MessageId, RecordType},
    web::{
        Actor, Allow, Form, Page, Shell,
        flash::Flash,
        headers,
        permission::{
            Permission,
            mails::{Send, View},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_FRAME_OPTIONS},
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "mails/show.html")]
struct Show {
    shell: Shell,
    message: Message,
    author: String,
    when: (String, String),
    recipients: Vec<Line>,
    about: Vec<(&'static str, String, String)>,
    thread: Vec<(String, String, String)>,
    may_send: bool,
    mine: bool,
    counts: bool,
    /// Name, size, where it is.
    files: Vec<(String, String, Option<String>)>,
}

/// A recipient as the page shows them.
struct Line {
    row: RecipientRow,
    href: Option<String>,
    tone: &'static str,
    label: &'static str,
    opened: String,
    clicked: String,
}

impl Line {
    fn new(actor: &Actor, row: RecipientRow, sent: Status) -> Self {
        let (label, tone) = match row.status.as_str() {
            "sent" => ("Sent", "good"),
            "kept" => ("Kept", "warn"),
            "refused" => ("Refused", "bad"),
            _ if sent == Status::Sending && row.error.is_some() => ("Put off", "warn"),
            _ => ("Waiting", "none"),
        };
        let href = row.contact_id.map(|id| format!("/contacts/{id}"));
        let href = href.or_else(|| row.lead_id.map(|id| format!("/leads/{id}")));
        let told = |n: i32, at: Option<chrono::DateTime<Utc>>| match (n, at) {
            (0, _) | (_, None) => String::new(),
            (1, Some(at)) => actor.moment(at),
            (n, Some(at)) => format!("{n} times, first {}", actor.within(at)),
        };
        Self {
            opened: told(row.opens, row.opened_at),
            clicked: told(row.clicks, row.clicked_at),
            href,
            tone,
            label,
            row,
        }
    }
}

/// `GET /mails/{id}`
pub(super) async fn show(page: Page, id: Path<MessageId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let (message, author, rows, about, (thread, files)) = db
        .org(&page, move |tx| {
            let message = queries::find(tx, &actor, id)?;
            let people = members::directory(tx)?;
            let author = people.into_iter().find(|p| p.id == message.author_id).map(|p| p.name).unwrap_or_default();
            let mut about = Vec::new();
            for (record, id) in message.links() {
                match records::visible(tx, &actor, record, id) {
                    Ok(now) => about.push((record.icon(), format!("/{}/{id}", record.noun()), now.name)),
                    Err(AppError::NotFound | AppError::Forbidden(_)) => {}
                    Err(other) => return Err(other),
                }
            }
            let rows = queries::recipients(tx, id)?;
            let thread = queries::thread(tx, &actor, &message)?;
            let files = attachments::of(tx, &actor, Bearer::of(&message))?;
            Ok((message, author, rows, about, (thread, files)))
        })
        .await?;
    if message.status() == Status::Draft {
        return Ok(reply::redirect(&page.req, &format!("/mails/{id}/edit"), None));
    }
    let at = message.sent_at.or(message.send_at).unwrap_or(message.updated_at);
    let status = message.status();
    let template = Show {
        shell: page.shell("mails"),
        author,
        when: (page.moment(at), page.exact(at)),
        recipients: rows.into_iter().map(|row| Line::new(&page.actor, row, status)).collect(),
        about,
        thread: thread
            .into_iter()
            .map(|m| (format!("/mails/{}", m.id), m.subject.clone(), page.moment(m.sent_at.unwrap_or(m.updated_at))))
            .collect(),
        may_send: page.may(Send::KEY),
        mine: message.author_id == page.id,
        counts: message.counts_opens || message.counts_clicks,
        files,
        message,
    };
    let mut response = reply::page(&page.req, &template)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, headers::policy(&page.req, "frame-src 'self'; ")?);
    Ok(response)
}

/// `GET /mails/{id}/body`: for the frame on its page: no scripts, no forms, nothing loaded from anywhere.
pub(super) async fn body(page: Page, id: Path<MessageId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let message = db.org(&page, move |tx| queries::find(tx, &actor, id)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
        ))
        .insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"))
        .body(super::body::document(&message.body_html, &super::body::Foot::default())))
}

/// `POST /mails/{id}/cancellation`: undo of sending, and of scheduling
pub(super) async fn take_back(
    page: Page,
    by: Allow<Send>,
    id: Path<MessageId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let done = db.org(&page, move |tx| commands::take_back(tx, &by, id)).await;
    match done {
        Ok(()) => {
            let flash = Flash::success("Taken back: it is a draft again");
            Ok(reply::redirect(&page.req, &format!("/mails/{id}/edit"), Some(flash)))
        }
        Err(AppError::Conflict(told)) => {
            Ok(reply::redirect(&page.req, &format!("/mails/{id}"), Some(Flash::danger(told))))
        }
        Err(other) => Err(other),
    }
}

/// `POST /mails/{id}/deletion`: of a draft
pub(super) async fn delete(page: Page, by: Allow<Send>, id: Path<MessageId>, db: Data<Db>) -> AppResult<HttpResponse> {
    let id = *id;
    db.org(&page, move |tx| commands::set_deleted(tx, &by, id, true)).await?;
    let flash = Flash::success("Draft thrown away").undo(format!("/mails/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, "/mails?folder=drafts", Some(flash)))
}

/// `POST /mails/{id}/deletion/undo`
pub(super) async fn undelete(
    page: Page,
    by: Allow<Send>,
    id: Path<MessageId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    db.org(&page, move |tx| commands::set_deleted(tx, &by, id, false)).await?;
    Ok(reply::redirect(&page.req, &format!("/mails/{id}/edit"), Some(Flash::success("The draft is back"))))
}

/// `POST /mails/addresses`: `record_type`, `record_id`, `email`, `clear` (`refused`, `unsubscribed`): mail may go there again
pub(super) async fn clear(page: Page, _: Allow<Send>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let record = RecordType::parse(form.get("record_type")).ok_or(AppError::NotFound)?;
    let id: Uuid = form.get("record_id").parse().map_err(|_| AppError::NotFound)?;
    require_edit(&page.actor, record)?;
    let why = if form.get("clear") == "unsubscribed" { Why::Unsubscribed } else { Why::Refused };
    let (actor, email) = (page.actor.clone(), form.get("email").to_owned());
    db.org(&page, move |tx| {
        records::visible(tx, &actor, record, id)?;
        let known = standing::notices(tx, record, id)?.into_iter().find(|notice| notice.email == email);
        let known = known.ok_or(AppError::NotFound)?;
        standing::clear(tx, &known.email, why)
    })
    .await?;
    let told = if why == Why::Unsubscribed { "Subscribed again" } else { "The address will be tried again" };
    Ok(reply::redirect(&page.req, &format!("/{}/{id}", record.noun()), Some(Flash::success(told))))
}
