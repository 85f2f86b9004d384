//! Cross-site request forgery: every unsafe request must carry a token bound to its session (or, signed out, to a random cookie).
//!
//! Closed by default: this runs before routing, so no handler can forget it. The token is HMAC-SHA256(secret, binding), sent
//! as header `X-CSRF-Token`, as field `csrf_token` of a urlencoded form, or as the *first* part of a multipart form.

use crate::{
    error::AppError,
    web::{auth, reply},
};
use actix_session::SessionExt;
use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    cookie::{Cookie, SameSite},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    web::{self, Bytes},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{Stream, StreamExt, stream};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;
use std::pin::Pin;
use subtle::ConstantTimeEq;

pub const FIELD: &str = "csrf_token";
const HEADER: &str = "X-CSRF-Token";
const COOKIE: &str = "pw_csrf";
/// Largest urlencoded form.
pub const FORM_LIMIT: usize = 1024 * 1024;
/// The token must come within this much of a multipart body.
const PREFIX_LIMIT: usize = 8 * 1024;

/// The key tokens are made with.
#[derive(Clone)]
pub struct CsrfKey {
    key: Vec<u8>,
    secure: bool,
}

impl CsrfKey {
    pub fn new(secret: &[u8], secure: bool) -> Self {
        Self { key: secret.to_vec(), secure }
    }

    fn token(&self, binding: &str) -> String {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        URL_SAFE_NO_PAD.encode(mac.chain_update(b"csrf:").chain_update(binding).finalize().into_bytes())
    }
}

/// The token pages put into their forms.
#[derive(Clone)]
pub struct CsrfToken(pub String);

/// The token of this request's session.
pub fn token(req: &HttpRequest) -> String {
    req.extensions().get::<CsrfToken>().map(|t| t.0.clone()).unwrap_or_default()
}

pub async fn guard(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(key) = req.app_data::<web::Data<CsrfKey>>().cloned() else {
        return Ok(refuse(req, AppError::Internal(anyhow::anyhow!("no CSRF key in the application"))));
    };
    let sid = req.get_session().get::<String>(auth::SESSION_ID).ok().flatten();
    let (signed_out, mut fresh_cookie) = (sid.is_none(), None);
    let binding = match sid {
        Some(sid) => sid,
        None => match req.cookie(COOKIE) {
            Some(cookie) => cookie.value().to_owned(),
            None => {
                let value = random();
                fresh_cookie = Some(value.clone());
                value
            }
        },
    };
    let expected = key.token(&binding);
    if !req.method().is_safe() {
        match sent_token(&mut req).await {
            Ok(Some(sent)) if bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) => {}
            // Signed out in another tab: what a page of before does by itself is told why it cannot.
            Ok(_) if signed_out && reply::is_htmx(req.request()) => return Ok(refuse(req, AppError::Unauthenticated)),
            Ok(_) => {
                let error = AppError::Forbidden(
                    "This form is no longer valid: reload the page and send it again. Nothing was saved.",
                );
                return Ok(refuse(req, error));
            }
            Err(error) => return Ok(refuse(req, error)),
        }
    }
    req.extensions_mut().insert(CsrfToken(expected));
    let mut res = next.call(req).await?.map_into_boxed_body();
    if let Some(value) = fresh_cookie {
        let cookie =
            Cookie::build(COOKIE, value).path("/").http_only(true).same_site(SameSite::Lax).secure(key.secure).finish();
        res.response_mut().add_cookie(&cookie)?;
    }
    Ok(res)
}

fn refuse(req: ServiceRequest, error: AppError) -> ServiceResponse<BoxBody> {
    // `req.into_response` would drop the error, and with it what people are told.
    let (req, _) = req.into_parts();
    ServiceResponse::new(req, HttpResponse::from_error(error))
}

fn random() -> String {
    let mut bytes = [0u8; 24];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the token, leaving the body as it was for the handler.
async fn sent_token(req: &mut ServiceRequest) -> Result<Option<String>, AppError> {
    if let Some(header) = req.headers().get(HEADER) {
        return Ok(header.to_str().ok().map(str::to_owned));
    }
    let kind = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let body = read_form(req).await?;
        let token =
            url::form_urlencoded::parse(&body).find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned());
        req.set_payload(replay(vec![body], None));
        return Ok(token);
    }
    if kind.starts_with("multipart/form-data") {
        return multipart_token(req).await;
    }
    Ok(None)
}

async fn read_form(req: &mut ServiceRequest) -> Result<Bytes, AppError> {
    let mut payload = req.take_payload();
    let mut body = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| AppError::Rejected(StatusCode::BAD_REQUEST, "The request broke off."))?;
        if body.len() + chunk.len() > FORM_LIMIT {
            return Err(AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large (more than 1 MB)."));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn multipart_token(req: &mut ServiceRequest) -> Result<Option<String>, AppError> {
    let mut payload = req.take_payload();
    let mut chunks = Vec::new();
    let mut seen = Vec::new();
    let mut token = None;
    while token.is_none() && seen.len() < PREFIX_LIMIT {
        let Some(chunk) = payload.next().await else { break };
        let chunk = chunk.map_err(|_| AppError::Rejected(StatusCode::BAD_REQUEST, "The request broke off."))?;
        seen.extend_from_slice(&chunk[..chunk.len().min(PREFIX_LIMIT)]);
        chunks.push(chunk);
        token = first_part_token(&seen);
    }
    req.set_payload(replay(chunks, Some(payload)));
    Ok(token)
}

/// The value of the first part, when its name is `csrf_token` and it is complete.
fn first_part_token(seen: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(seen);
    let (head, rest) = text.split_once("\r\n\r\n")?;
    if !head.contains("name=\"csrf_token\"") {
        return None;
    }
    rest.split_once("\r\n").map(|(value, _)| value.to_owned())
}

fn replay(chunks: Vec<Bytes>, rest: Option<Payload>) -> Payload {
    let first = stream::iter(chunks.into_iter().map(Ok::<_, PayloadError>));
    let all: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = match rest {
        Some(rest) => Box::pin(first.chain(rest)),
        None => Box::pin(first),
    };
    Payload::Stream { payload: all }
}

#[cfg(test)]
mod tests {
    use super::first_part_token;

    #[test]
    fn only_the_first_part_counts() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nabc\r\n--x\r\n";
        assert_eq!(first_part_token(body), Some("abc".into()));
        let other =
            b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nname=\"csrf_token\"\r\n\r\nabc\r\n--x\r\n";
        assert_eq!(first_part_token(other), None);
        assert_eq!(first_part_token(b"--x\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\nab"), None);
    }
}
