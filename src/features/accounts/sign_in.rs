//! Sign-in, sign-out and the choice of organisation.
//!
//! A wrong password, an unknown address and an address not yet confirmed get the same answer after the same work.

use super::{account, password, session};
use crate::{
    config::Config,
    db::{Db, Reason},
    error::{AppError, AppResult},
    kernel::{OrgId, UserId},
    web::{
        Actor, Form, FormErrors, FormView, Page, Shell,
        flash::Flash,
        limits::{self, Action, Limits},
        reply,
    },
};
use actix_session::SessionExt;
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;

const WRONG: &str = "This e-mail address and password do not go together, or the address is not confirmed yet.";
const NOWHERE: &str = "Your account belongs to no organisation any more. Ask an administrator to invite you again.";

/// Where sign-up leads, whether or not the address was known.
pub(super) const FIRST_VISIT: &str = "/?first=1";

#[derive(Template)]
#[template(path = "accounts/sign_in.html")]
struct SignInPage {
    shell: Shell,
    view: FormView,
    next: String,
}

impl SignInPage {
    /// Somebody was sent on by sign-up and is not signed in.
    fn after_sign_up(&self) -> bool {
        self.next == FIRST_VISIT
    }
}

/// `GET /login`.
pub async fn form(req: HttpRequest) -> AppResult<HttpResponse> {
    let next = local_path(&query(&req, "next"));
    if session::actor(&req).await?.is_some() {
        return Ok(reply::redirect(&req, &next, None));
    }
    let view = Form::new([("email".to_owned(), query(&req, "email"))]).view(FormErrors::default());
    reply::page(&req, &SignInPage { shell: Shell::signed_out(&req), view, next })
}

/// `POST /login`.
pub async fn sign_in(
    req: HttpRequest,
    (db, config, limits): (Data<Db>, Data<Config>, Data<Limits>),
    form: Form,
) -> AppResult<HttpResponse> {
    let email = form.get("email").to_lowercase();
    let _turn = limits.turn(&email).await;
    limits::check(&req, Action::SignIn, &email)?;
    match authenticate(&db, &config, &email, form.raw("password")).await? {
        Ok((user, org)) => {
            limits::forgive(&req, Action::SignIn, &email);
            session::begin(&req, user, org)?;
            Ok(reply::redirect(&req, &local_path(form.get("next")), None))
        }
        Err(message) => {
            let (shell, next) = (Shell::signed_out(&req), local_path(form.get("next")));
            let view = form.view(FormErrors::one("", message));
            reply::page_with(&req, StatusCode::UNPROCESSABLE_ENTITY, &SignInPage { shell, view, next })
        }
    }
}

/// `POST /logout`.
pub async fn sign_out(req: HttpRequest, form: Form) -> HttpResponse {
    req.get_session().purge();
    let to = match local_path(form.get("next")) {
        path if path == "/" => "/login".to_owned(),
        path => path,
    };
    reply::redirect(&req, &to, Some(Flash::info("You are signed out.")))
}

/// `POST /session/organisation`: to another organisation one belongs to.
pub async fn switch(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let org: OrgId = form.get("organisation_id").parse().map_err(|_| AppError::NotFound)?;
    let user = UserId::from(page.actor.id);
    let there = db.system(Reason::SignIn, move |tx| {
        let there = Actor::load(tx, user, org)?.ok_or(AppError::NotFound)?;
        session::remember(tx, user, org)?;
        Ok(there)
    });
    let there = there.await?;
    session::enter(&page.req, org)?;
    let flash = Flash::info(format!("You are now in {}.", there.org.name));
    Ok(reply::redirect(&page.req, "/", Some(flash)))
}

/// Who that is and where they work; or what to tell them.
async fn authenticate(
    db: &Db,
    config: &Config,
    email: &str,
    password: &str,
) -> AppResult<Result<(UserId, OrgId), &'static str>> {
    let email = email.to_owned();
    let account = db.system(Reason::SignIn, move |tx| account::by_email(tx, &email)).await?;
    let hash = account.as_ref().and_then(|a| a.password_hash.clone());
    // Longer ones are nobody's; hashing all of it would be work for nothing.
    let password: String = password.chars().take(password::LENGTH.end() + 1).collect();
    let right = password::verified(password, hash).await?;
    let Some(account) = account.filter(|_| right) else { return Ok(Err(WRONG)) };
    let mails_arrive = config.smtp.is_some();
    db.system(Reason::SignIn, move |tx| {
        // Without mail nobody could confirm; and who was let in before stays welcome.
        if !account.verified && mails_arrive && !session::has_been_here(tx, account.id)? {
            return Ok(Err(WRONG));
        }
        let Some(org) = session::last_organisation(tx, account.id)? else { return Ok(Err(NOWHERE)) };
        session::remember(tx, account.id, org)?;
        Ok(Ok((account.id, org)))
    })
    .await
}

/// A value of the query, empty when absent.
pub fn query(req: &HttpRequest, name: &str) -> String {
    let pairs = url::form_urlencoded::parse(req.query_string().as_bytes());
    pairs.into_owned().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

/// Where to go next: a path of our own, never another site.
pub fn local_path(path: &str) -> String {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
        && !path.starts_with("/login");
    if ours { path.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_paths_of_our_own() {
        assert_eq!(local_path("/deals?q=a%20b"), "/deals?q=a%20b");
        for bad in
            ["", "https://evil.test", "//evil.test", "/\\evil.test", "/\tx", "deals", "/login?next=/", "/\n/evil"]
        {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
