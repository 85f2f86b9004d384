//! Security headers on every answer, and the nonce that lets Trix and nothing else add a style element.

use crate::error::{AppError, AppResult};
use actix_web::{
    HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::RngCore;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tracing_actix_web::RequestId;

#[derive(Clone)]
struct Nonce(String);

/// This request's CSP nonce.
pub fn nonce(req: &HttpRequest) -> String {
    req.extensions().get::<Nonce>().map(|n| n.0.clone()).unwrap_or_default()
}

/// The policy of an ordinary page with further directives (`frame-src 'self'; `), for a handler that needs them.
pub fn policy(req: &HttpRequest, more: &str) -> AppResult<HeaderValue> {
    HeaderValue::from_str(&policy_of(&nonce(req), more)).map_err(|e| AppError::Internal(e.into()))
}

/// The policy of a page for strangers, which those origins may frame (nobody, when there are none): no script, and its form goes to us
/// and then perhaps to `next`. All of them are plain origins.
pub fn public_policy(frame_ancestors: &[String], next: Option<&str>) -> AppResult<HeaderValue> {
    let framed_by = if frame_ancestors.is_empty() { "'none'".to_owned() } else { frame_ancestors.join(" ") };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self' {}; base-uri 'none'; \
         frame-ancestors {framed_by}",
        next.unwrap_or_default()
    );
    HeaderValue::from_str(&policy).map_err(|e| AppError::Internal(e.into()))
}

/// Whether a handler's own policy lets somebody frame its page. The older header knows no list of origins, and would forbid it.
fn may_be_framed(headers: &header::HeaderMap) -> bool {
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|v| v.to_str().ok()).unwrap_or_default();
    policy.split_once("frame-ancestors ").is_some_and(|(_, who)| !who.starts_with("'none'"))
}

fn policy_of(nonce: &str, more: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self'; {more}manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A body of that size that is not sent.
struct Unsent(BodySize);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<actix_web::web::Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// HEAD is answered as GET is, without the body (RFC 9110 §9.3.2).
pub async fn head(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if req.method() != Method::HEAD {
        return Ok(next.call(req).await?.map_into_boxed_body());
    }
    req.head_mut().method = Method::GET;
    let answer = next.call(req).await?;
    Ok(answer.map_body(|_, body| BoxBody::new(Unsent(body.size()))))
}

pub async fn secure(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    let nonce = STANDARD.encode(bytes);
    req.extensions_mut().insert(Nonce(nonce.clone()));
    let mut res = next.call(req).await?;
    let request_id = res.request().extensions().get::<RequestId>().map(ToString::to_string);
    let headers = res.headers_mut();
    let csp = policy_of(&nonce, "");
    // A handler may have set its own: a page with a frame in it, and what is in the frame.
    let mut framing = vec![("content-security-policy", csp.as_str()), ("x-frame-options", "DENY")];
    if may_be_framed(headers) {
        framing.pop();
    }
    for (name, value) in framing.into_iter().filter(|(name, _)| !headers.contains_key(*name)).collect::<Vec<_>>() {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    // What is fetched from mails says itself who may.
    let own = ["referrer-policy", "cross-origin-resource-policy"];
    let mut set = |name: &'static str, value: &str| {
        if own.contains(&name) && headers.contains_key(name) {
            return;
        }
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    set("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=()");
    if let Some(id) = request_id {
        set("x-request-id", &id);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    Ok(res)
}
