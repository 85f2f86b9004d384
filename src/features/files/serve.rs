//! Handing bytes over. Whatever somebody uploaded, it cannot act in our name: only pictures and PDFs are shown in a page, in a box of
//! their own without scripts; all else is a download of no particular type.

use super::{
    model::{Content, Scan},
    queries,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    files::{self, Files, Part, Pieces},
    kernel::{FileId, OrgId},
    web::{Form, Page},
};
use actix_web::{
    HttpResponse,
    body::SizedStream,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, Charset, ContentDisposition, ContentEncoding, DispositionParam,
        DispositionType, ETAG, ExtendedValue, X_FRAME_OPTIONS,
    },
    web::{Data, Path},
};

/// Of what is shown in our own pages, and of downloads that a browser opens after all.
const ALONE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'";
/// Of a PDF, which a browser's own viewer shows. It has no origin of ours either. Chromium's viewer needs none of this; Safari's, in a
/// sandbox, needs its own scripts (none of the document's run: they would have to be allowed below `default-src`).
const PDF: &str = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; sandbox allow-scripts allow-downloads; frame-ancestors 'self'";

/// How bytes are handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum As {
    /// In a page, where that is safe.
    Shown,
    Download,
}

/// `GET /files/{id}/content`: `version`, and `download=1` to save it whatever it is.
pub(super) async fn content(page: Page, id: Path<FileId>, db: Data<Db>, files: Data<Files>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let way = if query.get("download").is_empty() { As::Shown } else { As::Download };
    let found = find(&page, *id, &query, &db).await?;
    hand_over(&files, page.org_id, &found, way).await
}

/// `GET /files/{id}/thumbnail?version=`
pub(super) async fn thumbnail(
    page: Page,
    id: Path<FileId>,
    db: Data<Db>,
    files: Data<Files>,
) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let found = find(&page, *id, &query, &db).await?;
    if !found.thumbnail || !found.is_given_out() {
        return Err(AppError::NotFound);
    }
    let (size, stream) = open(&files, page.org_id, &found, Part::Thumbnail).await?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("image/png")
        .insert_header((CONTENT_SECURITY_POLICY, ALONE))
        .insert_header((CACHE_CONTROL, "private, max-age=86400, immutable"))
        .insert_header(ContentEncoding::Identity);
    Ok(response.body(SizedStream::new(size, stream)))
}

async fn find(page: &Page, id: FileId, query: &Form, db: &Db) -> AppResult<Content> {
    let number = query.get("version").parse().ok();
    let actor = page.actor.clone();
    // What is in the bin is still looked at there.
    db.org(page, move |tx| Ok(queries::find_any(tx, &actor, id, number)?.content)).await
}

/// The file, or a word on why nobody gets it.
pub(super) async fn hand_over(files: &Files, org: OrgId, content: &Content, way: As) -> AppResult<HttpResponse> {
    match content.scan {
        Scan::Waiting => return Err(AppError::Conflict(content.withheld().into())),
        Scan::Infected => {
            return Err(AppError::Forbidden("This file is in quarantine: the virus scanner found something in it."));
        }
        Scan::Off | Scan::Clean => {}
    }
    let shown = way == As::Shown && content.kind.is_shown();
    let (size, stream) = open(files, org, content, Part::Whole).await?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(if shown { content.kind.media_type() } else { "application/octet-stream" })
        .insert_header(disposition(&content.name, shown))
        .insert_header((CONTENT_SECURITY_POLICY, if shown && content.kind.is_pdf() { PDF } else { ALONE }))
        .insert_header((X_FRAME_OPTIONS, "SAMEORIGIN"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, format!("\"{}\"", content.sha256)))
        .insert_header(ContentEncoding::Identity);
    Ok(response.body(SizedStream::new(size, stream)))
}

async fn open(files: &Files, org: OrgId, content: &Content, part: Part) -> AppResult<(u64, Pieces)> {
    let opened = files.stream(org, content.blob, part).await;
    opened.map_err(|error| {
        if files::is_missing(&error) {
            tracing::error!(blob = %content.blob, "a file's bytes are not in the store");
            return AppError::NotFound;
        }
        AppError::Internal(error)
    })
}

/// The name as RFC 6266 wants it: plain for the old, whole for the others.
fn disposition(name: &str, inline: bool) -> ContentDisposition {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '_' }).collect();
    let whole = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    ContentDisposition {
        disposition: if inline { DispositionType::Inline } else { DispositionType::Attachment },
        parameters: vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(whole)],
    }
}
