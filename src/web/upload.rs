//! Multipart uploads: small files read into memory, within a limit that holds while reading.

use crate::error::{AppError, AppResult};
use actix_multipart::Multipart;
use actix_web::{
    http::StatusCode,
    web::{Bytes, BytesMut},
};
use futures_util::TryStreamExt;

/// The file of the field `name`, at most `limit` bytes; `None` when the person chose none. Other fields are skipped. A file that
/// is too large is the field's error, not the request's.
pub async fn small_file(mut form: Multipart, name: &str, limit: usize) -> AppResult<Option<Bytes>> {
    let mut file = None;
    while let Some(mut field) = form.try_next().await.map_err(broken)? {
        let wanted = field.name() == Some(name) && file.is_none();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = field.try_next().await.map_err(broken)? {
            if bytes.len() + chunk.len() > limit {
                let megabytes = limit / (1024 * 1024);
                return Err(AppError::field(name, format!("is too large: at most {megabytes} MB")));
            }
            bytes.extend_from_slice(&chunk);
        }
        if wanted && !bytes.is_empty() {
            file = Some(bytes.freeze());
        }
    }
    Ok(file)
}

fn broken(_: actix_multipart::MultipartError) -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "The upload broke off or is not a proper form.")
}
