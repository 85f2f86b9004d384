//! What recipients reach without a session: the end of mail to many, the picture that says a mail was opened, the links that are
//! counted. A token that is not ours, and one whose mail is gone, get the same answer.

use super::{
    standing,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::OrgId,
    schema::{mail_links, mail_recipients, organisations},
    web::{
        headers,
        limits::{self, Action},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY},
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use diesel::prelude::*;
use uuid::Uuid;

/// A picture of one transparent pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

#[derive(Template)]
#[template(path = "mails/unsubscribe.html")]
struct Unsubscribe {
    token: String,
    organisation: String,
    state: State,
}

/// What the page says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Do you want no more?
    Asks,
    Ended,
    /// The end of it was a mistake.
    Again,
}

fn whose(config: &Config, purpose: Purpose, token: &str) -> AppResult<(OrgId, Uuid, u16)> {
    tokens::read(config.secret_key.expose().as_bytes(), purpose, token).ok_or(AppError::NotFound)
}

/// The address behind a recipient of a mail that still is, and whose mail it was.
fn address(tx: &mut OrgTx, recipient: Uuid) -> AppResult<(String, String)> {
    let email = mail_recipients::table.filter(mail_recipients::id.eq(recipient)).select(mail_recipients::email);
    let email: String = email.first(tx.conn())?;
    let name = organisations::table.find(tx.org_id().0).select(organisations::name).first(tx.conn())?;
    Ok((email, name))
}

fn answer(token: &str, organisation: String, state: State) -> AppResult<HttpResponse> {
    let template = Unsubscribe { token: token.to_owned(), organisation, state };
    let body = template.render().map_err(|e| AppError::Internal(e.into()))?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, headers::public_policy(&[], None)?))
        .body(body))
}

/// `GET /m/u/{token}`: asks; a mail program that looks at links in advance unsubscribes nobody.
pub(super) async fn ask(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    limits::check(&req, Action::MailLink, &token)?;
    let (org, recipient, _) = whose(&config, Purpose::Unsubscribe, &token)?;
    let (name, ended) = db
        .org(&org, move |tx| {
            let (email, name) = address(tx, recipient)?;
            Ok((name, standing::look_up(tx, &[email])?.values().any(|known| known.unsubscribed)))
        })
        .await?;
    answer(&token, name, if ended { State::Ended } else { State::Asks })
}

/// `POST /m/u/{token}`: unsubscribes, whatever the body says: from our page, and from mail programs in one click (RFC 8058).
pub(super) async fn unsubscribe(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    settle(&req, &token, &db, &config, true).await
}

/// `POST /m/u/{token}/undo`: it was a mistake.
pub(super) async fn subscribe(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    settle(&req, &token, &db, &config, false).await
}

async fn settle(req: &HttpRequest, token: &str, db: &Db, config: &Config, ended: bool) -> AppResult<HttpResponse> {
    limits::check(req, Action::MailLink, token)?;
    let (org, recipient, _) = whose(config, Purpose::Unsubscribe, token)?;
    let name = db
        .org(&org, move |tx| {
            let (email, name) = address(tx, recipient)?;
            if ended {
                standing::unsubscribe(tx, &email)?;
            } else {
                standing::clear(tx, &email, standing::Why::Unsubscribed)?;
            }
            Ok(name)
        })
        .await?;
    answer(token, name, if ended { State::Ended } else { State::Again })
}

/// `GET /m/o/{token}`: the mail was opened. The picture comes whatever the token is worth.
pub(super) async fn opened(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    limits::check(&req, Action::MailLink, &token)?;
    if let Ok((org, recipient, _)) = whose(&config, Purpose::Open, &token) {
        db.org(&org, move |tx| {
            diesel::update(mail_recipients::table.filter(mail_recipients::id.eq(recipient)))
                .set(mail_recipients::opens.eq(mail_recipients::opens + 1))
                .execute(tx.conn())?;
            diesel::update(mail_recipients::table)
                .filter(mail_recipients::id.eq(recipient))
                .filter(mail_recipients::opened_at.is_null())
                .set(mail_recipients::opened_at.eq(Utc::now()))
                .execute(tx.conn())?;
            Ok(())
        })
        .await?;
    }
    Ok(HttpResponse::Ok()
        .content_type("image/gif")
        .insert_header(("Cross-Origin-Resource-Policy", "cross-origin"))
        .body(PIXEL))
}

/// `GET /m/c/{token}`: on to where the link of that mail led when it was sent, and nowhere else.
pub(super) async fn clicked(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    limits::check(&req, Action::MailLink, &token)?;
    let (org, recipient, place) = whose(&config, Purpose::Click(0), &token)?;
    let url = db
        .org(&org, move |tx| {
            let of: Uuid = mail_recipients::table
                .filter(mail_recipients::id.eq(recipient))
                .select(mail_recipients::message_id)
                .first(tx.conn())?;
            let link =
                mail_links::table.filter(mail_links::message_id.eq(of)).filter(mail_links::place.eq(i32::from(place)));
            let url: String = link.select(mail_links::url).first(tx.conn())?;
            diesel::update(link).set(mail_links::clicks.eq(mail_links::clicks + 1)).execute(tx.conn())?;
            diesel::update(mail_recipients::table.filter(mail_recipients::id.eq(recipient)))
                .set(mail_recipients::clicks.eq(mail_recipients::clicks + 1))
                .execute(tx.conn())?;
            diesel::update(mail_recipients::table)
                .filter(mail_recipients::id.eq(recipient))
                .filter(mail_recipients::clicked_at.is_null())
                .set(mail_recipients::clicked_at.eq(Utc::now()))
                .execute(tx.conn())?;
            Ok(url)
        })
        .await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, url)).insert_header((REFERRER_POLICY, "no-referrer")).finish())
}
