//! Signed links: whoever has one may download one version of a file until it expires, without an account. Nothing is kept of them; they
//! end when the file is deleted, and all of them when SECRET_KEY changes.

use super::{
    pages, queries,
    serve::{self, As},
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    events,
    files::Files,
    kernel::{FileId, OrgId},
    web::{Form, Page},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

/// How long one may last, in days.
pub(super) const DAYS: [i64; 3] = [1, 7, 30];

/// What a link says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Claim {
    org: OrgId,
    file: FileId,
    version: i32,
    /// Unix time.
    until: i64,
}

const CLAIM: usize = 16 + 16 + 4 + 8;

impl Claim {
    fn bytes(self) -> [u8; CLAIM] {
        let mut bytes = [0; CLAIM];
        bytes[..16].copy_from_slice(self.org.0.as_bytes());
        bytes[16..32].copy_from_slice(self.file.0.as_bytes());
        bytes[32..36].copy_from_slice(&self.version.to_be_bytes());
        bytes[36..].copy_from_slice(&self.until.to_be_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let uuid = |range: std::ops::Range<usize>| Uuid::from_slice(bytes.get(range)?).ok();
        Some(Self {
            org: OrgId(uuid(0..16)?),
            file: FileId(uuid(16..32)?),
            version: i32::from_be_bytes(bytes.get(32..36)?.try_into().ok()?),
            until: i64::from_be_bytes(bytes.get(36..CLAIM)?.try_into().ok()?),
        })
    }
}

fn mac(secret: &[u8], claim: &[u8]) -> Option<Hmac<Sha256>> {
    Some(Hmac::<Sha256>::new_from_slice(secret).ok()?.chain_update(b"file-link:").chain_update(claim))
}

fn sign(secret: &[u8], claim: Claim) -> Option<String> {
    let mut bytes = claim.bytes().to_vec();
    bytes.extend_from_slice(&mac(secret, &claim.bytes())?.finalize().into_bytes());
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// `None`: forged, or over.
fn verify(secret: &[u8], token: &str, now: i64) -> Option<Claim> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (claim, signature) = bytes.split_at_checked(CLAIM)?;
    mac(secret, claim)?.verify_slice(signature).ok()?;
    Claim::of(claim).filter(|claim| claim.until > now)
}

/// `POST /files/{id}/link`: `days`
pub(super) async fn create(
    page: Page,
    id: Path<FileId>,
    form: Form,
    db: Data<Db>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let (actor, id) = (page.actor.clone(), *id);
    let days = form.get("days").parse().ok().filter(|days| DAYS.contains(days)).unwrap_or(7);
    let until = Utc::now() + chrono::Duration::days(days);
    let file = db
        .org(&page, move |tx| {
            let file = queries::find(tx, &actor, id, None)?;
            // Giving a file away is as much as changing it.
            let subject = file.subject.ok_or(AppError::NotFound)?;
            subject.require_edit(&actor)?;
            let title = format!("Made a link to {} for {days} days", file.name);
            events::record(tx, subject.event("file.shared").data(json!({ "title": title, "file_id": id })))?;
            Ok(file)
        })
        .await?;
    let claim = Claim { org: page.org_id, file: id, version: file.number, until: until.timestamp() };
    let token = sign(config.secret_key.expose().as_bytes(), claim).ok_or_else(|| anyhow::anyhow!("no signature"))?;
    let link = format!("{}/d/{token}", config.public_url.as_str().trim_end_matches('/'));
    pages::show_with(&page, &db, id, StatusCode::OK, Some((link, page.actor.moment(until))), None).await
}

/// `GET /d/{token}`
pub(super) async fn download(
    token: Path<String>,
    db: Data<Db>,
    files: Data<Files>,
    config: Data<Config>,
) -> AppResult<HttpResponse> {
    let secret = config.secret_key.expose().as_bytes();
    let claim = verify(secret, &token, Utc::now().timestamp()).ok_or(AppError::NotFound)?;
    let file = db.org(&claim.org, move |tx| queries::of_id(tx, claim.file, Some(claim.version))).await?;
    if file.deleted_at.is_some() {
        return Err(AppError::NotFound);
    }
    serve::hand_over(&files, claim.org, &file.content, As::Download).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_links_work_and_not_for_ever() {
        let claim = Claim { org: OrgId(Uuid::now_v7()), file: FileId::new(), version: 3, until: 1_000 };
        let token = sign(b"secret", claim).unwrap_or_default();
        assert_eq!(verify(b"secret", &token, 999), Some(claim));
        assert_eq!(verify(b"secret", &token, 1_000), None);
        assert_eq!(verify(b"other", &token, 999), None);
        for forged in ["", "x", "💣", &token[1..], &format!("{token}AAAA"), &token.replace('A', "B")] {
            assert!(forged == token || verify(b"secret", forged, 999).is_none(), "{forged}");
        }
    }
}
