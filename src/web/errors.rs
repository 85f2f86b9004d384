//! Turns every failure into an answer that fits the request: a page, an htmx toast, or a JSON problem (RFC 9457).

use crate::{
    error::AppError,
    web::{paths::Allowed, reply},
};
use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{ACCEPT, ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    middleware::Next,
};
use askama::Template;
use serde_json::json;

#[derive(Template)]
#[template(path = "shell/error.html")]
struct ErrorPage {
    status: u16,
    title: &'static str,
    message: String,
    details: Vec<(String, String)>,
    incident: Option<String>,
}

pub async fn render(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let res = next.call(req).await?.map_into_boxed_body();
    let status = res.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(res);
    }
    let answer = match res.response().error() {
        Some(error) => match error.as_error::<AppError>() {
            Some(app) => answer(res.request(), app),
            None => answer(res.request(), &AppError::Rejected(status, plain_reason(status))),
        },
        // A handler's own 422 or 409 page, or a framework answer without a body.
        None if res.headers().contains_key(CONTENT_TYPE) => return Ok(res),
        None => answer(res.request(), &AppError::Rejected(status, plain_reason(status))),
    };
    Ok(res.into_response(answer))
}

fn answer(req: &HttpRequest, error: &AppError) -> HttpResponse {
    use actix_web::ResponseError;
    let status = error.status_code();
    let incident = incident(req, error);
    let message = error.message();
    let is_htmx = reply::is_htmx(req);
    if matches!(error, AppError::Unauthenticated) && !wants_json(req) {
        return sign_in(req, is_htmx);
    }
    let mut builder = HttpResponse::build(status);
    if let Some(Allowed(methods)) = req.extensions().get::<Allowed>() {
        builder.insert_header((ALLOW, methods.as_str()));
    }
    if let AppError::RateLimited { retry_after_secs } = error {
        builder.insert_header((RETRY_AFTER, retry_after_secs.to_string()));
    }
    if wants_json(req) {
        let errors = if let AppError::Invalid(errors) = error { Some(errors) } else { None };
        let mut problem =
            json!({ "type": "about:blank", "title": title(status), "status": status.as_u16(), "detail": message });
        if let Some(errors) = errors {
            problem["errors"] = json!(errors.iter().collect::<std::collections::BTreeMap<_, _>>());
        }
        if let Some(id) = incident {
            problem["instance"] = json!(id);
        }
        return builder.content_type("application/problem+json").body(problem.to_string());
    }
    if is_htmx {
        let text = match &incident {
            Some(id) => format!("{message} ({id})"),
            None => message,
        };
        let trigger = json!({ "toast": { "kind": "danger", "text": text } }).to_string();
        return builder
            .insert_header(("HX-Reswap", "none"))
            .insert_header(("HX-Trigger", reply::ascii_json(&trigger)))
            .content_type("text/plain; charset=utf-8")
            .body(text);
    }
    let details = if let AppError::Invalid(errors) = error {
        errors.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    } else {
        vec![]
    };
    let page = ErrorPage { status: status.as_u16(), title: title(status), message, details, incident };
    builder.content_type("text/html; charset=utf-8").body(page.render().unwrap_or_else(|_| title(status).to_owned()))
}

/// Logs an internal error once and names it, so that the user can quote it and the operator find it.
fn incident(req: &HttpRequest, error: &AppError) -> Option<String> {
    let AppError::Internal(cause) = error else { return None };
    let id = uuid::Uuid::now_v7().simple().to_string();
    tracing::error!(incident = %id, method = %req.method(), path = %req.path(), error = format!("{cause:#}"), "request failed");
    Some(id)
}

fn sign_in(req: &HttpRequest, is_htmx: bool) -> HttpResponse {
    let back = if req.method().is_safe() && !is_htmx {
        req.uri().path_and_query().map(|p| p.as_str()).unwrap_or("/")
    } else {
        "/"
    };
    let query: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let to = if back == "/" { "/login".to_owned() } else { format!("/login?next={query}") };
    if is_htmx {
        return HttpResponse::Unauthorized()
            .insert_header(("HX-Redirect", to))
            .insert_header(("HX-Reswap", "none"))
            .finish();
    }
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}

/// Whether a program asks, that reads no pages.
pub fn wants_json(req: &HttpRequest) -> bool {
    let accept = req.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("json") && !accept.contains("text/html")
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Sign in",
        403 => "Not allowed",
        404 => "Not found",
        409 => "Not possible now",
        413 => "Too large",
        422 => "Not quite right",
        429 => "Too many attempts",
        500..=599 => "Something went wrong",
        _ => "This request cannot be answered",
    }
}

fn plain_reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "This page does not exist, or is not yours to see.",
        405 => "This address does not accept that kind of request.",
        413 => "What you sent is too large.",
        415 => "This address does not accept that type of content.",
        500..=599 => "Something went wrong on our side. Nothing was saved.",
        _ => "The request could not be understood.",
    }
}
