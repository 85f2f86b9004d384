//! What the invited person sees: a new one chooses a name and a password, a known one gives theirs or, signed in, just joins.

use super::join::{self, Invitation, Joined};
use crate::{
    config::Config,
    db::{Db, Reason},
    error::{AppError, AppResult},
    features::accounts::{
        account, notice,
        organisations::{self, NewUser},
        password, session, sign_up,
    },
    kernel::UserId,
    web::{
        Actor, Form, FormErrors, FormView, Shell,
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
use askama::Template;

/// Who has opened the invitation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guest {
    New,
    /// Has an account, is not signed in.
    Known,
    SignedIn,
    SomebodyElse,
}

#[derive(Template)]
#[template(path = "accounts/invitation.html")]
struct InvitationPage {
    shell: Shell,
    view: FormView,
    invitation: Invitation,
    guest: Guest,
    signed_in_as: String,
    token: String,
}

/// `GET /invitations/{token}`.
pub async fn ask(req: HttpRequest, db: Data<Db>, token: Path<String>) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let Some(invitation) = find(&db, &token).await? else { return dead(&req) };
    let actor = session::actor(&req).await?;
    show(&req, StatusCode::OK, Form::default().view(FormErrors::default()), invitation, actor.as_ref(), &token)
}

/// `POST /invitations/{token}`.
pub async fn accept(
    req: HttpRequest,
    db: Data<Db>,
    config: Data<Config>,
    token: Path<String>,
    form: Form,
) -> AppResult<HttpResponse> {
    limits::check(&req, Action::Link, "")?;
    let Some(invitation) = find(&db, &token).await? else { return dead(&req) };
    let actor = session::actor(&req).await?;
    let joined = match guest(&invitation, actor.as_ref()) {
        Guest::SomebodyElse => Err(AppError::Invalid(FormErrors::default())),
        Guest::SignedIn => join_signed_in(&db, &token, actor.as_ref()).await,
        Guest::Known => join_known(&req, &db, &token, &invitation, &form).await,
        Guest::New => join_new(&db, &config, &token, &invitation, &form).await,
    };
    match joined {
        Ok(Some((user, Joined::Yes))) => welcome(&req, &invitation, user, actor.is_some()),
        Ok(Some((_, Joined::Deactivated))) => deactivated(&req, &invitation),
        Ok(None) => dead(&req),
        Err(AppError::Invalid(errors)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            show(&req, status, form.view(errors), invitation, actor.as_ref(), &token)
        }
        Err(error) => Err(error),
    }
}

/// `None`: accepted or revoked in the meantime.
type Answer = AppResult<Option<(UserId, Joined)>>;

async fn join_signed_in(db: &Db, token: &str, actor: Option<&Actor>) -> Answer {
    let user = UserId::from(actor.ok_or(AppError::Unauthenticated)?.id);
    let token = token.to_owned();
    db.system(Reason::Invitations, move |tx| {
        let Some(invitation) = join::find(tx, &token)? else { return Ok(None) };
        Ok(Some((user, join::join(tx, &invitation, user)?)))
    })
    .await
}

async fn join_known(req: &HttpRequest, db: &Db, token: &str, invitation: &Invitation, form: &Form) -> Answer {
    limits::check(req, Action::SignIn, &invitation.email)?;
    let email = invitation.email.clone();
    let account = db.system(Reason::Invitations, move |tx| account::by_email(tx, &email)).await?;
    let account =
        account.ok_or_else(|| AppError::Conflict("The account of this address is gone. Try again.".into()))?;
    let typed: String = form.raw("password").chars().take(password::LENGTH.end() + 1).collect();
    if !password::verified(typed, account.password_hash.clone()).await? {
        return Err(AppError::field("password", "is not the password of this account"));
    }
    limits::forgive(req, Action::SignIn, &invitation.email);
    let token = token.to_owned();
    db.system(Reason::Invitations, move |tx| {
        let Some(invitation) = join::find(tx, &token)? else { return Ok(None) };
        Ok(Some((account.id, join::join(tx, &invitation, account.id)?)))
    })
    .await
}

async fn join_new(db: &Db, config: &Config, token: &str, invitation: &Invitation, form: &Form) -> Answer {
    let (new, typed) = parse(form, invitation, config.smtp.is_some())?;
    let hash = password::hashed(typed).await?;
    let token = token.to_owned();
    db.system(Reason::Invitations, move |tx| {
        let Some(invitation) = join::find(tx, &token)? else { return Ok(None) };
        let user = organisations::create_user(tx, &NewUser { password_hash: Some(hash), ..new })?;
        Ok(Some((user, join::join(tx, &invitation, user)?)))
    })
    .await
}

/// The link came by mail, so the address is proven; unless no mail is sent and someone passed the link on by hand.
fn parse(form: &Form, invitation: &Invitation, mails_arrive: bool) -> Result<(NewUser, String), FormErrors> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    let typed = form.raw("password").to_owned();
    if let Err(message) = password::check_strength(&typed, &[&name, &invitation.email, &invitation.organisation]) {
        p.error("password", message);
    }
    p.finish()?;
    let (time_zone, locale) = sign_up::guessed_place(form, &invitation.time_zone, &invitation.locale);
    let email = invitation.email.clone();
    Ok((NewUser { email, name, password_hash: None, time_zone, locale, verified: mails_arrive }, typed))
}

async fn find(db: &Db, token: &str) -> AppResult<Option<Invitation>> {
    let token = token.to_owned();
    db.system(Reason::Invitations, move |tx| join::find(tx, &token)).await
}

fn guest(invitation: &Invitation, actor: Option<&Actor>) -> Guest {
    match actor {
        Some(actor) if actor.email == invitation.email => Guest::SignedIn,
        Some(_) => Guest::SomebodyElse,
        None if invitation.has_account => Guest::Known,
        None => Guest::New,
    }
}

fn show(
    req: &HttpRequest,
    status: StatusCode,
    view: FormView,
    invitation: Invitation,
    actor: Option<&Actor>,
    token: &str,
) -> AppResult<HttpResponse> {
    let page = InvitationPage {
        shell: Shell::signed_out(req),
        view,
        guest: guest(&invitation, actor),
        signed_in_as: actor.map(|a| a.email.clone()).unwrap_or_default(),
        invitation,
        token: token.to_owned(),
    };
    reply::page_with(req, status, &page)
}

fn welcome(req: &HttpRequest, invitation: &Invitation, user: UserId, signed_in: bool) -> AppResult<HttpResponse> {
    if signed_in {
        session::enter(req, invitation.org_id)?;
    } else {
        session::begin(req, user, invitation.org_id)?;
    }
    let flash = Flash::success(format!("Welcome to {}.", invitation.organisation));
    Ok(reply::redirect(req, "/", Some(flash)))
}

fn dead(req: &HttpRequest) -> AppResult<HttpResponse> {
    let text = "The invitation was accepted or withdrawn, or it is older than seven days. Ask for a new one.";
    notice::dead_link(req, text, ("/login", "Sign in"))
}

fn deactivated(req: &HttpRequest, invitation: &Invitation) -> AppResult<HttpResponse> {
    let text =
        format!("Your access to {} was taken away. Ask an administrator to give it back.", invitation.organisation);
    notice::refused(req, "You cannot join", &text, ("/", "Go to Pipewright"))
}
