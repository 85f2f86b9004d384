//! Sign-up: an organisation and its first administrator, in one transaction.
//!
//! Whether the address had an account must not show. With SMTP the answer is always "check your mail", and the mail says which it
//! was. Without SMTP nobody could confirm, so a new person is signed in at once; a known one is merely sent to the same page.
//! A known address does the same work as a new one and takes it back.

use super::{
    account::{self, Account},
    notice,
    organisations::{self, NewOrganisation, NewUser},
    password, session, sign_in,
    tokens::{self, Purpose},
};
use crate::{
    config::Config,
    db::{Db, Reason, SystemTx, Tx},
    error::{AppError, AppResult},
    kernel::{Currency, Locale, OrgId, UserId, people},
    mailer::MailMessage,
    web::{
        Form, FormErrors, FormView, SelectOption, Shell,
        limits::{self, Action},
        reply,
    },
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use chrono_tz::Tz;
use diesel::connection::SimpleConnection;

#[derive(Template)]
#[template(path = "accounts/sign_up.html")]
struct SignUpPage {
    shell: Shell,
    view: FormView,
    currencies: Vec<SelectOption>,
}

#[derive(Clone)]
struct SignUp {
    organisation: String,
    name: String,
    email: String,
    password: String,
    currency: String,
    time_zone: String,
    locale: String,
}

/// Somebody to sign in at once.
type SignedIn = Option<(UserId, OrgId)>;

/// `GET /signup`.
pub async fn form(req: HttpRequest) -> AppResult<HttpResponse> {
    show(&req, StatusCode::OK, Form::default().view(FormErrors::default()))
}

/// `POST /signup`.
pub async fn sign_up(req: HttpRequest, db: Data<Db>, config: Data<Config>, form: Form) -> AppResult<HttpResponse> {
    let new = match parse(&form) {
        Ok(new) => new,
        Err(errors) => return show(&req, StatusCode::UNPROCESSABLE_ENTITY, form.view(errors)),
    };
    limits::check(&req, Action::SignUp, &new.email)?;
    let mails_arrive = config.smtp.is_some();
    let signed_in = match attempt(&db, new.clone(), mails_arrive).await {
        // Someone took the address or the short name at the same moment: now it is a known one.
        Err(AppError::Conflict(_)) => attempt(&db, new, mails_arrive).await?,
        other => other?,
    };
    if let Some((user, org)) = signed_in {
        session::begin(&req, user, org)?;
    }
    let to = if mails_arrive && signed_in.is_none() { "/signup/sent" } else { sign_in::FIRST_VISIT };
    Ok(reply::redirect(&req, to, None))
}

/// `GET /signup/sent`.
pub async fn sent(req: HttpRequest) -> AppResult<HttpResponse> {
    let text = "We sent you a mail. Open the link in it to confirm your address, then sign in. Nothing there? Look among the junk mail.";
    notice::page(&req, "mail", "Check your mail", text, ("/login", "Sign in"))
}

fn show(req: &HttpRequest, status: StatusCode, view: FormView) -> AppResult<HttpResponse> {
    let chosen = if view.value("currency").is_empty() { "EUR" } else { view.value("currency") };
    let option = |(code, name): (String, String)| SelectOption::new(&code, format!("{code} · {name}"), code == chosen);
    let currencies = Currency::all().into_iter().map(option).collect();
    reply::page_with(req, status, &SignUpPage { shell: Shell::signed_out(req), view, currencies })
}

fn parse(form: &Form) -> Result<SignUp, FormErrors> {
    let mut p = form.parser();
    let organisation = p.required("organisation", 100);
    let name = p.required("name", 100);
    let _ = p.required("email", 254);
    let email = p.optional("email", people::parse_email).unwrap_or_default();
    let currency = p.optional("currency", |c| c.parse::<Currency>().map_err(|_| "is not one of the choices"));
    let (time_zone, locale) = guessed_place(form, "UTC", "en-GB");
    let password = form.raw("password").to_owned();
    if let Err(message) = password::check_strength(&password, &[&name, &email, &organisation]) {
        p.error("password", message);
    }
    p.finish()?;
    let currency = currency.unwrap_or(Currency::EUR).code().to_owned();
    Ok(SignUp { organisation, name, email, password, currency, time_zone, locale })
}

async fn attempt(db: &Db, new: SignUp, mails_arrive: bool) -> AppResult<SignedIn> {
    let email = new.email.clone();
    let known = db.system(Reason::SignUp, move |tx| account::by_email(tx, &email)).await?;
    match known {
        None => {
            let hash = password::hashed(new.password.clone()).await?;
            db.system(Reason::SignUp, move |tx| create(tx, &new, hash, mails_arrive)).await
        }
        Some(account) => {
            let right = password::verified(new.password.clone(), account.password_hash.clone()).await?;
            db.system(Reason::SignUp, move |tx| known_address(tx, &new, &account, right, mails_arrive)).await
        }
    }
}

fn create(tx: &mut SystemTx, new: &SignUp, hash: String, mails_arrive: bool) -> AppResult<SignedIn> {
    let (user, org, token) = found(tx, new, new.email.clone(), Some(hash))?;
    account::mail(tx, user, &new.email, MailMessage::VerifyEmail { name: new.name.clone(), token })?;
    if mails_arrive {
        return Ok(None);
    }
    session::remember(tx, user, org)?;
    Ok(Some((user, org)))
}

/// Who knows the account's password gets a second organisation; anybody else only causes a mail to its owner.
fn known_address(
    tx: &mut SystemTx,
    new: &SignUp,
    account: &Account,
    right: bool,
    mails_arrive: bool,
) -> AppResult<SignedIn> {
    let proven = account.verified || !mails_arrive || session::has_been_here(tx, account.id)?;
    if right && proven {
        let org = organisations::create(tx, &organisation(new), account.id)?;
        account::record_joined(tx, org, account.id, "sign_up")?;
        session::remember(tx, account.id, org)?;
        return Ok(Some((account.id, org)));
    }
    rehearse(tx, new)?;
    account::mail(tx, account.id, &account.email, MailMessage::AlreadyRegistered { name: account.name.clone() })?;
    Ok(None)
}

/// The person, their organisation and the token that confirms their address.
fn found(tx: &mut SystemTx, new: &SignUp, email: String, hash: Option<String>) -> AppResult<(UserId, OrgId, String)> {
    let person = NewUser {
        email: email.clone(),
        name: new.name.clone(),
        password_hash: hash,
        time_zone: new.time_zone.clone(),
        locale: new.locale.clone(),
        verified: false,
    };
    let user = organisations::create_user(tx, &person)?;
    let org = organisations::create(tx, &organisation(new), user)?;
    account::record_joined(tx, org, user, "sign_up")?;
    let token = tokens::issue(tx, user, Purpose::VerifyEmail, &email)?;
    Ok((user, org, token))
}

/// The work of a sign-up, undone: a known address answers no faster than a new one.
fn rehearse(tx: &mut SystemTx, new: &SignUp) -> AppResult<()> {
    tx.conn().batch_execute("SAVEPOINT rehearsal")?;
    let email = format!("{}@rehearsal.invalid", uuid::Uuid::new_v4().simple());
    let _ = found(tx, new, email, None);
    tx.conn().batch_execute("ROLLBACK TO SAVEPOINT rehearsal")?;
    Ok(())
}

fn organisation(new: &SignUp) -> NewOrganisation {
    NewOrganisation {
        name: new.organisation.clone(),
        slug: None,
        currency: new.currency.clone(),
        locale: new.locale.clone(),
        time_zone: new.time_zone.clone(),
    }
}

/// Time zone and locale as a script on the page guessed them (`static/js/guess-place.js`); a guess that does not fit is no error
/// of the person's.
pub fn guessed_place(form: &Form, zone: &str, locale: &str) -> (String, String) {
    let guess = form.get("time_zone").parse::<Tz>().map(|z| z.name().to_owned());
    (guess.unwrap_or_else(|_| zone.to_owned()), nearest_locale(form.get("locale")).unwrap_or(locale).to_owned())
}

/// The supported locale nearest to the browser's: same tag, else same language.
fn nearest_locale(tag: &str) -> Option<&'static str> {
    let language = tag.split('-').next().filter(|l| l.len() == 2)?;
    let all: Vec<&str> = Locale::all().map(|(tag, _)| tag).collect();
    all.iter().find(|t| **t == tag).or_else(|| all.iter().find(|t| t.starts_with(language))).copied()
}
