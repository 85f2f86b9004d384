//! A file out of a form, streamed into the store as it arrives.

use super::{commands, model};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    files::{Files, Written},
    kernel::BlobId,
    web::{Actor, Page},
};
use actix_multipart::Field;
use actix_web::http::StatusCode;
use futures_util::StreamExt;

/// A file that is in the store and has no name there yet: what nobody names is swept away.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// As the sender calls it, made fit to be kept.
    pub name: String,
    pub blob: BlobId,
    pub written: Written,
    /// A scanner has to see it first.
    pub(super) to_scan: bool,
}

/// Takes one file of a form into the store; `None` when the field was left empty. What is wrong with it is told of the field `file`;
/// it is read to its end all the same, so that the next one can be.
pub async fn receive(
    page: &Page,
    db: &Db,
    files: &Files,
    config: &Config,
    field: &mut Field,
) -> AppResult<Option<Arrived>> {
    let sent = field.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default().to_owned();
    let ceiling = config.max_upload_bytes;
    let mut first = None;
    while first.is_none() {
        let Some(chunk) = field.next().await else { break };
        first = Some(chunk.map_err(|_| broken())?).filter(|chunk| !chunk.is_empty());
    }
    let name = model::clean_name(&sent);
    let Some(first) = first else {
        return if sent.is_empty() { Ok(None) } else { Err(wrong(&name, "is empty")) };
    };
    let room = reserve(page, db, &name).await;
    let (blob, most) = match room {
        Ok((blob, most)) => (blob, most.min(ceiling)),
        Err(error) => {
            drain(field, ceiling).await?;
            return Err(error);
        }
    };
    let mut upload = files.upload(page.org_id, blob);
    let mut next = Some(first);
    while let Some(bytes) = next {
        if upload.size() + bytes.len() as u64 > most {
            upload.abort().await;
            drain(field, ceiling).await?;
            let told = format!("is larger than the {} MB a file may have", most >> 20);
            return Err(wrong(&name, &told));
        }
        if let Err(error) = upload.write(bytes).await {
            upload.abort().await;
            return Err(error.into());
        }
        next = match field.next().await {
            Some(Ok(bytes)) => Some(bytes),
            Some(Err(_)) => {
                upload.abort().await;
                return Err(broken());
            }
            None => None,
        };
    }
    let written = upload.finish().await?;
    Ok(Some(Arrived { name, blob, written, to_scan: config.clamd.is_some() }))
}

/// A key of the store, written down; and the bytes that may go there.
async fn reserve(page: &Page, db: &Db, name: &str) -> AppResult<(BlobId, u64)> {
    let (actor, name): (Actor, String) = (page.actor.clone(), name.to_owned());
    db.org(page, move |tx| commands::reserve(tx, &actor, &name)).await
}

/// Reads on, up to twice what may come, so that the sender hears the answer.
async fn drain(field: &mut Field, ceiling: u64) -> AppResult<()> {
    let mut seen = 0u64;
    while let Some(chunk) = field.next().await {
        seen += chunk.map_err(|_| broken())?.len() as u64;
        if seen > ceiling.saturating_mul(2) {
            return Err(AppError::Rejected(StatusCode::PAYLOAD_TOO_LARGE, "The file is too large."));
        }
    }
    Ok(())
}

pub(super) fn wrong(name: &str, told: &str) -> AppError {
    AppError::field("file", format!("{name} {told}"))
}

fn broken() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "The upload broke off. Nothing was kept of this file; send it again.")
}
