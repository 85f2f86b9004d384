//! Static files, embedded by `build.rs`: hashed names, compressed ahead, cached for ever.

use actix_web::{HttpRequest, HttpResponse, http::header};
use std::{collections::HashMap, sync::LazyLock};

struct Asset {
    /// Logical name: `css/app.css`.
    name: &'static str,
    /// `css/app.3f2a….css`.
    hashed: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

static BY_NAME: LazyLock<HashMap<&str, &Asset>> = LazyLock::new(|| ASSETS.iter().map(|a| (a.name, a)).collect());
static BY_HASHED: LazyLock<HashMap<&str, &Asset>> = LazyLock::new(|| ASSETS.iter().map(|a| (a.hashed, a)).collect());

/// The address of a file in `static/`, e.g. `/static/css/app.3f2a….css`.
pub fn url(name: &str) -> String {
    match BY_NAME.get(name) {
        Some(asset) => format!("/static/{}", asset.hashed),
        None => {
            debug_assert!(false, "no such asset: {name}");
            format!("/static/{name}")
        }
    }
}

/// `GET /static/{name}`.
pub async fn serve(req: HttpRequest) -> HttpResponse {
    let name = req.match_info().query("name");
    let (asset, immutable) = match (BY_HASHED.get(name), BY_NAME.get(name)) {
        (Some(asset), _) => (asset, true),
        // Unhashed names serve relative imports between JavaScript modules.
        (None, Some(asset)) => (asset, false),
        (None, None) => return HttpResponse::from_error(crate::error::AppError::NotFound),
    };
    // The hashed name changes with the content, so it is the entity tag too.
    let tag = format!("\"{}\"", asset.hashed);
    if req.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|known| known.contains(&tag))
    {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
    }
    let accepts = req.headers().get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mut builder = HttpResponse::Ok();
    builder
        .content_type(mime_guess::from_path(asset.name).first_or_octet_stream().to_string())
        .insert_header((header::VARY, "Accept-Encoding"))
        .insert_header((header::ETAG, tag))
        .insert_header((
            header::CACHE_CONTROL,
            if immutable { "public, max-age=31536000, immutable" } else { "public, no-cache" },
        ));
    match (asset.brotli, asset.gzip) {
        (Some(bytes), _) if accepts.contains("br") => {
            builder.insert_header((header::CONTENT_ENCODING, "br")).body(bytes)
        }
        (_, Some(bytes)) if accepts.contains("gzip") => {
            builder.insert_header((header::CONTENT_ENCODING, "gzip")).body(bytes)
        }
        _ => builder.insert_header((header::CONTENT_ENCODING, "identity")).body(asset.plain),
    }
}
