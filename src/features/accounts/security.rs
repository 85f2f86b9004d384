//! Sign-in and security: one's password, address and sessions.

use super::{
    account::{self, Account},
    devices::{self, Device},
    password, session,
    tokens::{self, Purpose},
};
use crate::{
    db::{Db, Reason, SystemTx},
    error::{AppError, AppResult},
    features::settings::{self, SettingsNav},
    kernel::{UserId, people},
    mailer::MailMessage,
    web::{
        Form, FormErrors, FormView, Page, Shell,
        flash::Flash,
        limits::{self, Action},
        reply,
    },
};
use actix_session::SessionExt;
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

const HERE: &str = "/settings/security";

#[derive(Template)]
#[template(path = "accounts/security.html")]
struct SecurityPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    view: FormView,
    email: String,
    verified: bool,
    devices: Vec<Device>,
    /// Links reach people.
    mails: bool,
}

/// `GET /settings/security`.
pub async fn show(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    render(&page, &db, StatusCode::OK, Form::default(), FormErrors::default()).await
}

/// `POST /settings/security/password`: needs the current one; every other session ends, this one gets a new key.
pub async fn change_password(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let new = form.raw("new_password").to_owned();
    let checked = async {
        let account = confirm(&page, &db, &form, "current_password").await?;
        let strength = password::check_strength(&new, &[&account.name, &account.email]);
        strength.map_err(|message| AppError::field("new_password", message))?;
        Ok(account)
    };
    let account = match checked.await {
        Ok(account) => account,
        Err(error) => return again(&page, &db, form, error).await,
    };
    let hash = password::hashed(new).await?;
    db.system(Reason::SignIn, move |tx| {
        account::set_password(tx, account.id, &hash)?;
        tokens::void_all(tx, account.id)?;
        session::end_all(tx, account.id)?;
        account::mail(tx, account.id, &account.email, MailMessage::PasswordChanged { name: account.name.clone() })
    })
    .await?;
    session::enter(&page.req, page.actor.org_id)?;
    let flash = Flash::success("Your password is changed, and you are signed out everywhere else.");
    Ok(reply::redirect(&page.req, HERE, Some(flash)))
}

/// `POST /settings/security/email`: a link to the new address; nothing changes before it is used. A taken address gets the same
/// answer, and its owner a mail. Where no mail is sent, the answer says who makes the link.
pub async fn change_email(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let checked = async {
        let mut p = form.parser();
        let _ = p.required("new_email", 254);
        let email = p.optional("new_email", people::parse_email).unwrap_or_default();
        if email == page.actor.email {
            p.error("new_email", "is your address already");
        }
        p.finish()?;
        Ok((confirm(&page, &db, &form, "email_password").await?, email))
    };
    let (account, email) = match checked.await {
        Ok(checked) => checked,
        Err(error) => return again(&page, &db, form, error).await,
    };
    limits::check(&page.req, Action::PasswordReset, &account.email)?;
    let flash = if page.mails_arrive() {
        Flash::success(format!("We sent a link to {email}. Open it to confirm the new address."))
    } else {
        Flash::info(format!(
            "No mail leaves this installation, so no link reaches {email}. Ask whoever runs it: they make one with the command pipewright email-link, your address and the new one."
        ))
    };
    db.system(Reason::SignIn, move |tx| send_change(tx, &account, &email)).await?;
    Ok(reply::redirect(&page.req, HERE, Some(flash)))
}

/// `POST /settings/security/sessions/{id}/removal`: signs one browser out.
pub async fn end_session(page: Page, db: Data<Db>, id: Path<String>) -> AppResult<HttpResponse> {
    let (user, sid, id) = (UserId::from(page.actor.id), session::current(&page.req), id.into_inner());
    let current = db.system(Reason::Sessions, move |tx| devices::end(tx, user, &id, &sid)).await?;
    if current {
        page.req.get_session().purge();
        return Ok(reply::redirect(&page.req, "/login", Some(Flash::info("You are signed out."))));
    }
    Ok(reply::redirect(&page.req, HERE, Some(Flash::success("That browser is signed out."))))
}

/// `POST /settings/security/sessions/removal`: signs out everywhere else.
pub async fn end_others(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let user = UserId::from(page.actor.id);
    db.system(Reason::Sessions, move |tx| session::end_all(tx, user)).await?;
    session::enter(&page.req, page.actor.org_id)?;
    Ok(reply::redirect(&page.req, HERE, Some(Flash::success("You are signed out everywhere else."))))
}

fn send_change(tx: &mut SystemTx, account: &Account, email: &str) -> AppResult<()> {
    let token = tokens::issue(tx, account.id, Purpose::ChangeEmail, email)?;
    match account::by_email(tx, email)? {
        None => account::mail(tx, account.id, email, MailMessage::ChangeEmail { name: account.name.clone(), token }),
        Some(owner) => account::mail(tx, owner.id, email, MailMessage::AddressWanted { name: owner.name.clone() }),
    }
}

/// The person's account, when the password in `field` is theirs; else that field's error.
async fn confirm(page: &Page, db: &Db, form: &Form, field: &str) -> AppResult<Account> {
    let user = UserId::from(page.actor.id);
    limits::check(&page.req, Action::Confirm, &user.to_string())?;
    let account = db.system(Reason::SignIn, move |tx| account::by_id(tx, user)).await?;
    let typed: String = form.raw(field).chars().take(password::LENGTH.end() + 1).collect();
    if !password::verified(typed, account.password_hash.clone()).await? {
        return Err(AppError::field(field, "is not your password"));
    }
    limits::forgive(&page.req, Action::Confirm, &user.to_string());
    Ok(account)
}

async fn again(page: &Page, db: &Db, form: Form, error: AppError) -> AppResult<HttpResponse> {
    match error {
        AppError::Invalid(errors) => render(page, db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        other => Err(other),
    }
}

async fn render(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let (actor, sid) = (page.actor.clone(), session::current(&page.req));
    let devices = db.system(Reason::Sessions, move |tx| devices::list(tx, &actor, &sid)).await?;
    let whole = SecurityPage {
        shell: page.shell("settings"),
        nav: settings::nav(&page.actor),
        section: "security",
        view: form.view(errors),
        email: page.actor.email.clone(),
        verified: page.actor.email_verified,
        devices,
        mails: page.mails_arrive(),
    };
    reply::page_with(&page.req, status, &whole)
}
