//! A forgotten password. The request only enqueues a job, whoever the address belongs to, so that it answers the same after the
//! same work; the job looks for the account and mails the link.

use super::{
    account, notice, password, session,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{Db, Reason, SystemTx},
    error::AppResult,
    jobs::{self, Job, JobContext, JobOutcome, Registry},
    kernel::people,
    mailer::MailMessage,
    web::{
        Form, FormErrors, FormView, Shell,
        flash::Flash,
        limits::{self, Action},
        reply,
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use anyhow::anyhow;
use askama::Template;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

const KIND: &str = "accounts.password_reset";

#[derive(Template)]
#[template(path = "accounts/forgotten.html")]
struct ForgottenPage {
    shell: Shell,
    view: FormView,
}

#[derive(Template)]
#[template(path = "accounts/new_password.html")]
struct NewPasswordPage {
    shell: Shell,
    view: FormView,
    token: String,
    email: String,
}

#[derive(Serialize, Deserialize)]
struct Request {
    id: Uuid,
    email: String,
}

pub fn register(registry: &mut Registry) {
    registry.register(KIND, send_link);
}

/// `GET /password-reset`.
pub async fn form(req: HttpRequest) -> AppResult<HttpResponse> {
    let view = Form::default().view(FormErrors::default());
    reply::page(&req, &ForgottenPage { shell: Shell::signed_out(&req), view })
}

/// `POST /password-reset`.
pub async fn request(req: HttpRequest, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let mut p = form.parser();
    let _ = p.required("email", 254);
    let email = p.optional("email", people::parse_email).unwrap_or_default();
    if let Err(errors) = p.finish() {
        let page = ForgottenPage { shell: Shell::signed_out(&req), view: form.view(errors) };
        return reply::page_with(&req, StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    limits::check(&req, Action::PasswordReset, &email)?;
    let order = Request { id: Uuid::new_v4(), email };
    db.system(Reason::SignIn, move |tx| jobs::enqueue(tx, Job::new(KIND, &order)?)).await?;
    Ok(reply::redirect(&req, "/password-reset/sent", None))
}

/// `GET /password-reset/sent`. Says the same of every address.
pub async fn sent(req: HttpRequest, config: Data<Config>) -> AppResult<HttpResponse> {
    let (icon, title, text) = if config.smtp.is_some() {
        let text = "If there is an account with this address, we sent it a link to set a new password. It works once, for one hour.";
        ("mail", "Check your mail", text)
    } else {
        let text = "No mail leaves this installation, so the link cannot reach you. Ask whoever runs it: they make one with the command pipewright password-link and your address.";
        ("key", "Ask for your link", text)
    };
    notice::page(&req, icon, title, text, ("/login", "Back to sign-in"))
}

/// `GET /password-reset/{token}`.
pub async fn ask(req: HttpRequest, db: Data<Db>, token: Path<String>) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let token = token.into_inner();
    let given = token.clone();
    match db.system(Reason::SignIn, move |tx| tokens::find(tx, &given, &[Purpose::ResetPassword])).await? {
        Some(link) => show(&req, StatusCode::OK, FormErrors::default(), token, link.email),
        None => dead(&req),
    }
}

/// `POST /password-reset/{token}`: the new password; every session of the account ends.
pub async fn set(req: HttpRequest, db: Data<Db>, token: Path<String>, form: Form) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let (token, new) = (token.into_inner(), form.raw("password").to_owned());
    let given = token.clone();
    let found = db.system(Reason::SignIn, move |tx| {
        let Some(link) = tokens::find(tx, &given, &[Purpose::ResetPassword])? else { return Ok(None) };
        Ok(Some(account::by_id(tx, link.user)?))
    });
    let Some(account) = found.await? else { return dead(&req) };
    if let Err(message) = password::check_strength(&new, &[&account.name, &account.email]) {
        let errors = FormErrors::one("password", message);
        return show(&req, StatusCode::UNPROCESSABLE_ENTITY, errors, token, account.email);
    }
    let hash = password::hashed(new).await?;
    if !db.system(Reason::SignIn, move |tx| change(tx, &token, &hash)).await? {
        return dead(&req);
    }
    limits::forgive(&req, Action::SignIn, &account.email);
    let flash = Flash::success("Your password is changed. Sign in with the new one.");
    Ok(reply::redirect(&req, "/login", Some(flash)))
}

/// False when the link was used up meanwhile.
fn change(tx: &mut SystemTx, token: &str, hash: &str) -> AppResult<bool> {
    let Some(link) = tokens::find(tx, token, &[Purpose::ResetPassword])? else { return Ok(false) };
    let account = account::by_id(tx, link.user)?;
    account::set_password(tx, link.user, hash)?;
    if account.email == link.email {
        account::mark_verified(tx, link.user)?;
    }
    tokens::void_all(tx, link.user)?;
    session::end_all(tx, link.user)?;
    account::mail(tx, account.id, &account.email, MailMessage::PasswordChanged { name: account.name })?;
    Ok(true)
}

/// The token follows from the request's id, so that a job which runs twice sends one link.
fn send_link(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    let request: Request = serde_json::from_value(payload.clone())?;
    let mac = Hmac::<Sha256>::new_from_slice(context.config.secret_key.expose().as_bytes())?;
    let mac = mac.chain_update(b"password-reset:").chain_update(request.id.as_bytes());
    let token = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    context
        .db
        .system_now(Reason::Jobs, |tx| {
            let Some(account) = account::by_email(tx, &request.email)? else { return Ok(()) };
            if tokens::keep(tx, &token, account.id, Purpose::ResetPassword, &account.email)? {
                account::mail(
                    tx,
                    account.id,
                    &account.email,
                    MailMessage::ResetPassword { name: account.name, token: token.clone() },
                )?;
            }
            Ok(())
        })
        .map_err(|e| anyhow!("{e}"))?;
    Ok(JobOutcome::Done)
}

fn show(
    req: &HttpRequest,
    status: StatusCode,
    errors: FormErrors,
    token: String,
    email: String,
) -> AppResult<HttpResponse> {
    let view = Form::default().view(errors);
    reply::page_with(req, status, &NewPasswordPage { shell: Shell::signed_out(req), view, token, email })
}

fn dead(req: &HttpRequest) -> AppResult<HttpResponse> {
    notice::dead_link(req, "It was used already, or it is older than an hour.", ("/password-reset", "Send a new link"))
}
