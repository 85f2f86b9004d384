//! Answers: a whole page, or only the fragment when htmx asked for one; a redirect after a POST; a toast.

use crate::{
    error::{AppError, AppResult},
    web::flash::{self, Flash},
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{LOCATION, VARY},
    },
};
use askama::Template;
use serde_json::json;

/// Room for an ordinary page, in bytes.
const PAGE: usize = 32 * 1024;

/// Whether htmx sent the request.
pub fn is_htmx(req: &HttpRequest) -> bool {
    req.headers().contains_key("HX-Request")
}

/// Whether only a fragment is wanted.
pub fn is_partial(req: &HttpRequest) -> bool {
    req.headers().get("HX-Request-Type").is_some_and(|v| v == "partial")
}

/// A whole page. Uses up the flash message it shows.
pub fn page(req: &HttpRequest, template: &impl Template) -> AppResult<HttpResponse> {
    page_with(req, StatusCode::OK, template)
}

/// A whole page with another status: 422 for a form with errors, 409 for a conflict. A page that fetches itself anew in parts leaves the
/// message to the page that is about to show it.
pub fn page_with(req: &HttpRequest, status: StatusCode, template: &impl Template) -> AppResult<HttpResponse> {
    let mut builder = html(status);
    if req.cookie(flash::COOKIE).is_some() && !is_partial(req) {
        builder.cookie(Flash::removal());
    }
    Ok(builder.body(render(template)?))
}

/// A part of a page.
pub fn fragment(template: &impl Template) -> AppResult<HttpResponse> {
    fragment_with(StatusCode::OK, template)
}

pub fn fragment_with(status: StatusCode, template: &impl Template) -> AppResult<HttpResponse> {
    Ok(html(status).body(render(template)?))
}

/// The page, or its block when htmx asked for a part.
pub fn either(
    req: &HttpRequest,
    status: StatusCode,
    whole: &impl Template,
    block: &impl Template,
) -> AppResult<HttpResponse> {
    if is_partial(req) { fragment_with(status, block) } else { page_with(req, status, whole) }
}

/// After a POST: 303, or `HX-Redirect` where htmx would otherwise follow it by itself and swap the whole page into a corner.
pub fn redirect(req: &HttpRequest, to: &str, flash: Option<Flash>) -> HttpResponse {
    let mut builder = if is_htmx(req) {
        let mut b = HttpResponse::Ok();
        b.insert_header(("HX-Redirect", to));
        b
    } else {
        let mut b = HttpResponse::SeeOther();
        b.insert_header((LOCATION, to));
        b
    };
    if let Some(flash) = flash {
        builder.cookie(flash.cookie());
    }
    builder.finish()
}

/// Adds a toast to a fragment's answer; `undo` is a path the toast's button posts to.
pub fn toast(mut response: HttpResponse, kind: &str, text: &str, undo: Option<&str>) -> HttpResponse {
    let value = ascii_json(&json!({ "toast": { "kind": kind, "text": text, "undo": undo } }).to_string());
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(actix_web::http::header::HeaderName::from_static("hx-trigger"), value);
    }
    response
}

/// JSON that fits a header: everything beyond ASCII as `\u` escapes.
pub fn ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn html(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.content_type("text/html; charset=utf-8").insert_header((VARY, "HX-Request, HX-Request-Type"));
    builder
}

fn render(template: &impl Template) -> AppResult<String> {
    // Askama guesses the size without what its loops repeat.
    let mut html = String::with_capacity(PAGE);
    template.render_into(&mut html).map_err(|e| AppError::Internal(e.into()))?;
    Ok(html)
}
