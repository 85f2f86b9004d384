//! The public pages.

use super::{
    sending::{self, Sending},
    stamp,
};
use crate::{
    config::Config,
    db::{Db, Reason},
    error::{AppError, AppResult},
    features::{
        fields::{Control, Input},
        web_forms::{
            intake,
            model::NewWebForm,
            offered::{self, CONSENT},
            queries,
        },
    },
    kernel::{OrgId, WebFormId},
    web::{
        Form, FormErrors, headers,
        limits::{self, Action},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, LOCATION, REFERER, RETRY_AFTER},
    },
    web::{Data, Path, Payload},
};
use askama::Template;

#[derive(Template)]
#[template(path = "web_forms/public.html")]
struct FormPage {
    action: String,
    made: NewWebForm,
    inputs: Vec<Input>,
    errors: Vec<String>,
    /// What is wrong with none of the answers.
    told: String,
    consent_error: String,
    consented: bool,
    stamp: String,
    page: String,
}

#[derive(Template)]
#[template(path = "web_forms/thanks.html")]
struct ThanksPage {
    made: NewWebForm,
}

/// `GET /f/{token}`
pub async fn show(
    req: HttpRequest,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let (org, id) = whose(&db, &token).await?;
    let mut form = Form::default();
    let referer = req.headers().get(REFERER).and_then(|v| v.to_str().ok()).and_then(sending::address);
    form.set(sending::PAGE, referer.unwrap_or_default());
    page(&db, &config, (org, id, token.as_str()), StatusCode::OK, form, FormErrors::default()).await
}

/// `POST /f/{token}`
pub async fn receive(
    req: HttpRequest,
    body: Payload,
    token: Path<String>,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let limit = limits::check(&req, Action::WebForm, &token);
    let answers = sending::body(&req, body).await?;
    let (org, id) = whose(&db, &token).await?;
    if let Err(AppError::RateLimited { retry_after_secs }) = limit {
        let (mut errors, minutes) = (FormErrors::default(), retry_after_secs.div_ceil(60));
        let wait = if minutes == 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
        errors.add(
            "",
            format!(
                "Not sent yet: too many came from here just now. What you typed is below; send it again in {wait}."
            ),
        );
        let at = (org, id, token.as_str());
        let mut shown = page(&db, &config, at, StatusCode::TOO_MANY_REQUESTS, answers, errors).await?;
        shown.headers_mut().insert(RETRY_AFTER, retry_after_secs.into());
        return Ok(shown);
    }
    limit?;
    let made = db.org(&org, move |tx| Ok(queries::find(tx, id)?.made)).await?;
    let sent = Sending::read(&req, &config, &token, &made.origins(), answers.clone());
    match db.org(&org, move |tx| intake::receive(tx, id, &sent)).await {
        Ok(()) => {
            let next = made.redirect_url.clone().unwrap_or_else(|| format!("/f/{token}/thanks"));
            let policy = headers::public_policy(&made.origins(), made.next_origin().as_deref())?;
            Ok(HttpResponse::SeeOther()
                .insert_header((LOCATION, next))
                .insert_header((CONTENT_SECURITY_POLICY, policy))
                .finish())
        }
        Err(AppError::Invalid(errors)) => {
            page(&db, &config, (org, id, token.as_str()), StatusCode::UNPROCESSABLE_ENTITY, answers, errors).await
        }
        Err(other) => Err(other),
    }
}

/// `GET /f/{token}/thanks`
pub async fn thanks(token: Path<String>, db: Data<Db>) -> AppResult<HttpResponse> {
    let (org, id) = whose(&db, &token).await?;
    let made = db.org(&org, move |tx| Ok(queries::find(tx, id)?.made)).await?;
    let (origins, next) = (made.origins(), made.next_origin());
    html(StatusCode::OK, &ThanksPage { made }, &origins, next.as_deref())
}

/// Whose the form is: the one question that is asked across organisations, by a token that nobody guesses.
async fn whose(db: &Db, token: &str) -> AppResult<(OrgId, WebFormId)> {
    let token = token.to_owned();
    let fits = token.len() == 43 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        return Err(AppError::NotFound);
    }
    db.system(Reason::WebForms, move |tx| queries::by_token(tx, &token)).await
}

async fn page(
    db: &Db,
    config: &Config,
    (org, id, token): (OrgId, WebFormId, &str),
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let (made, standing) = db
        .org(&org, move |tx| {
            let made = queries::find(tx, id)?.made;
            let standing = offered::standing(tx, &made)?;
            Ok((made, standing))
        })
        .await?;
    let told = |(field, entry): &(super::super::WebField, _)| offered::input(field, entry, &form, &errors);
    let inputs: Vec<Input> = standing.iter().map(told).collect();
    let wrong = inputs.iter().filter(|input| !input.error.is_empty()).map(|input| input.label.clone()).collect();
    let (origins, next) = (made.origins(), made.next_origin());
    let whole = FormPage {
        action: format!("/f/{token}"),
        inputs,
        errors: wrong,
        told: errors.get("").unwrap_or_default().to_owned(),
        consent_error: errors.get(CONSENT).unwrap_or_default().to_owned(),
        consented: form.all(CONSENT).any(|_| true),
        // A form that comes back for a correction was opened when it was opened.
        stamp: match form.get(sending::STAMP) {
            "" => stamp::issue(config.secret_key.expose().as_bytes(), token),
            first => first.to_owned(),
        },
        page: form.get(sending::PAGE).to_owned(),
        made,
    };
    html(status, &whole, &origins, next.as_deref())
}

fn html(
    status: StatusCode,
    template: &impl Template,
    origins: &[String],
    next: Option<&str>,
) -> AppResult<HttpResponse> {
    let body = template.render().map_err(|e| AppError::Internal(e.into()))?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, headers::public_policy(origins, next)?))
        .body(body))
}
