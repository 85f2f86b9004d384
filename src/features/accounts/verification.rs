//! Confirming an address: of a new account, or the new address of an old one.

use super::{
    account, notice, session,
    tokens::{self, Link, Purpose},
};
use crate::{
    db::{Db, Reason, SystemTx, Tx},
    error::{AppError, AppResult},
    events::Changes,
    kernel::UserId,
    mailer::MailMessage,
    schema::users,
    web::{
        Page, Shell,
        flash::Flash,
        limits::{self, Action},
        reply,
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;
use diesel::prelude::*;

const PURPOSES: &[Purpose] = &[Purpose::VerifyEmail, Purpose::ChangeEmail];

#[derive(Template)]
#[template(path = "accounts/verify_email.html")]
struct VerifyPage {
    shell: Shell,
    email: String,
    token: String,
}

/// `GET /verify-email/{token}`: only asks; see [`tokens`].
pub async fn ask(req: HttpRequest, db: Data<Db>, token: Path<String>) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let token = token.into_inner();
    let sent = token.clone();
    match db.system(Reason::SignIn, move |tx| tokens::find(tx, &sent, PURPOSES)).await? {
        Some(link) => reply::page(&req, &VerifyPage { shell: Shell::signed_out(&req), email: link.email, token }),
        None => dead(&req),
    }
}

/// `POST /verify-email/{token}`.
pub async fn confirm(req: HttpRequest, db: Data<Db>, token: Path<String>) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let token = token.into_inner();
    let done = db.system(Reason::SignIn, move |tx| match tokens::find(tx, &token, PURPOSES)? {
        Some(link) => use_link(tx, &link),
        None => Ok(None),
    });
    let email = match done.await {
        Ok(Some(email)) => email,
        // The address was taken meanwhile: the same answer.
        Ok(None) | Err(AppError::Conflict(_)) => return dead(&req),
        Err(error) => return Err(error),
    };
    let flash = Flash::success(format!("{email} is confirmed."));
    let to = match session::actor(&req).await? {
        Some(_) => "/".to_owned(),
        None => format!("/login?email={}", url::form_urlencoded::byte_serialize(email.as_bytes()).collect::<String>()),
    };
    Ok(reply::redirect(&req, &to, Some(flash)))
}

/// `POST /settings/email-verification`: the link again.
pub async fn resend(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    limits::check(&page.req, Action::PasswordReset, &page.actor.email)?;
    let user = UserId::from(page.actor.id);
    let sent = db.system(Reason::SignIn, move |tx| {
        let account = account::by_id(tx, user)?;
        if account.verified {
            return Ok(None);
        }
        let token = tokens::issue(tx, user, Purpose::VerifyEmail, &account.email)?;
        account::mail(tx, user, &account.email, MailMessage::VerifyEmail { name: account.name, token })?;
        Ok(Some(account.email))
    });
    let flash = match sent.await? {
        Some(_) if !page.mails_arrive() => {
            Flash::info("No mail leaves this installation, so no link can reach you. Nothing here waits for it.")
        }
        Some(email) => Flash::success(format!("We sent a link to {email}.")),
        None => Flash::info("Your address is confirmed already."),
    };
    Ok(reply::redirect(&page.req, "/settings/security", Some(flash)))
}

/// The address that is now confirmed; `None` when it is no longer the account's.
fn use_link(tx: &mut SystemTx, link: &Link) -> AppResult<Option<String>> {
    let account = account::by_id(tx, link.user)?;
    match link.purpose {
        Purpose::ChangeEmail => {
            diesel::update(users::table.find(link.user))
                .set((users::email.eq(&link.email), users::email_verified_at.eq(Utc::now())))
                .execute(tx.conn())?;
            tokens::void_all(tx, link.user)?;
            let mut changes = Changes::new();
            account::record_change(tx, link.user, changes.track("email", &account.email, &link.email))?;
            let message = MailMessage::EmailChanged { name: account.name, new_email: link.email.clone() };
            account::mail(tx, link.user, &account.email, message)?;
        }
        _ if account.email == link.email => {
            account::mark_verified(tx, link.user)?;
            tokens::use_up(tx, link)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(link.email.clone()))
}

fn dead(req: &HttpRequest) -> AppResult<HttpResponse> {
    let text = "It was used already, or it is too old. If your address is confirmed, you can sign in.";
    notice::dead_link(req, text, ("/login", "Sign in"))
}
