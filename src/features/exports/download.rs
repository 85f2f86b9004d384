//! Handing a file over, a piece at a time.

use super::{
    commands, job,
    model::{self, Format},
    queries,
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    kernel::ExportId,
    web::Page,
};
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, ContentEncoding},
    web::{Bytes, BytesMut, Data, Path},
};
use chrono::Utc;
use futures_util::stream;
use tokio::io::AsyncReadExt;

const PIECE: usize = 64 * 1024;

/// `GET /exports/{id}/file`: for whoever asked for it, while they may export, until it expires.
pub async fn file(page: Page, id: Path<ExportId>, db: Data<Db>, config: Data<Config>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    let export = db.org(&page, move |tx| queries::find(tx, &actor, id)).await?;
    let order = export.order()?;
    model::check(&page.actor, order.record)?;
    if export.status != "done" || export.expires_at.is_none_or(|at| at < Utc::now()) {
        return Err(AppError::NotFound);
    }
    let folder = commands::folder(&config)?;
    let file = tokio::fs::File::open(job::path(&folder, id)).await.map_err(|_| AppError::NotFound)?;
    Ok(attachment(file, order.format, &export.file_name))
}

/// The whole file as a download. Names are ours, and plain.
pub(super) fn attachment(file: tokio::fs::File, format: Format, name: &str) -> HttpResponse {
    let pieces = stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = BytesMut::with_capacity(PIECE);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok::<Bytes, std::io::Error>(piece.freeze()), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = HttpResponse::Ok();
    response
        .content_type(format.content_type())
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"));
    if format == Format::Xlsx {
        // A workbook is a compressed archive already.
        response.insert_header(ContentEncoding::Identity);
    }
    response.streaming(Box::pin(pieces))
}
