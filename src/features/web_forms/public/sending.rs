//! A request that sends a form: read within limits, and judged by how it came.

use super::stamp::{self, Stamp};
use crate::{
    config::Config,
    error::{AppError, AppResult},
    web::Form,
};
use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, ORIGIN, REFERER},
    },
    web::{BytesMut, Payload},
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// A field that people do not see, and so leave empty.
pub(in crate::features::web_forms) const TRAP: &str = "reply_by_fax";
pub(super) const STAMP: &str = "stamp";
pub(super) const PAGE: &str = "page";
/// Largest body.
const LIMIT: usize = 64 * 1024;
/// Longest address of a page.
const LONGEST: usize = 500;

/// What was sent, and what there is to say about how.
#[derive(Clone, Debug)]
pub(in crate::features::web_forms) struct Sending {
    pub answers: Form,
    /// Of the opening of our own page; none when the form stands in somebody's own.
    pub stamp: Option<String>,
    /// The same for the same content.
    pub digest: String,
    /// The page that held the form, as the sender says.
    pub page: Option<String>,
    pub suspicions: Vec<String>,
}

/// The body, if it is a form of a size that people write.
pub(super) async fn body(req: &HttpRequest, mut payload: Payload) -> AppResult<Form> {
    let kind = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        let told = "This address takes forms of the type application/x-www-form-urlencoded.";
        return Err(AppError::Rejected(StatusCode::UNSUPPORTED_MEDIA_TYPE, told));
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| AppError::Rejected(StatusCode::BAD_REQUEST, "The request broke off."))?;
        if bytes.len() + chunk.len() > LIMIT {
            return Err(AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The form is too large (more than 64 kB)."));
        }
        bytes.extend_from_slice(&chunk);
    }
    Form::decode(&bytes)
}

impl Sending {
    /// `origins` may post from pages of their own.
    pub(super) fn read(req: &HttpRequest, config: &Config, token: &str, origins: &[String], answers: Form) -> Self {
        let origin = header(req, &ORIGIN);
        let ours = origin.as_deref().is_some_and(|origin| is_ours(req, config, origin));
        let theirs = origin.as_ref().is_some_and(|origin| origins.contains(origin));
        let mut suspicions = Vec::new();
        let mut doubt = |doubtful: bool, why: &str| {
            if doubtful {
                suspicions.push(why.to_owned());
            }
        };
        doubt(!answers.get(TRAP).is_empty(), "a field that people do not see was filled in");
        let stamp = match stamp::read(config.secret_key.expose().as_bytes(), token, answers.get(STAMP)) {
            // Browsers that keep origins to themselves, and sandboxed frames, send none; the stamp says enough.
            Stamp::Good(stamp) => {
                doubt(
                    origin.as_ref().is_some_and(|o| o != "null") && !ours,
                    "sent from a page that is not the form's own",
                );
                Some(stamp)
            }
            Stamp::None => {
                doubt(!theirs, "sent from a page that is not on the form's list");
                None
            }
            Stamp::Doubtful(why) => {
                doubt(true, why);
                None
            }
        };
        let said = Some(answers.get(PAGE)).filter(|page| !page.is_empty()).map(str::to_owned);
        let page = said.or_else(|| header(req, &REFERER)).and_then(|page| address(&page));
        Self { digest: digest(&answers), stamp, page, suspicions, answers }
    }
}

fn header(req: &HttpRequest, name: &actix_web::http::header::HeaderName) -> Option<String> {
    req.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn is_ours(req: &HttpRequest, config: &Config, origin: &str) -> bool {
    let by_host = origin.split_once("://").is_some_and(|(_, host)| host == req.connection_info().host());
    by_host || config.public_url.origin().ascii_serialization() == origin
}

/// A web address that may be shown as one.
pub(super) fn address(text: &str) -> Option<String> {
    let url = url::Url::parse(text.trim()).ok()?;
    let fine = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= LONGEST;
    fine.then(|| url.as_str().to_owned())
}

/// Of everything but what differs between two openings of one form.
fn digest(answers: &Form) -> String {
    let mut hash = Sha256::new();
    for (name, value) in answers.pairs().filter(|(name, _)| ![STAMP, PAGE, TRAP].contains(name)) {
        for part in [name, value] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(hash.finalize())
}
