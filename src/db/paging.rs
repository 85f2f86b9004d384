//! Keyset paging: a page begins after the last row of the one before, so page 1,000 costs what page 1 costs.
//!
//! The cursor travels in the URL as base64url JSON of the sort key's text and the id. It is not secret and not trusted: a bad one
//! is a bad request, a forged one only begins somewhere else in rows the reader may see anyway.

use crate::error::{AppError, AppResult};
use actix_web::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// Rows on a page of a list.
pub const PAGE: i64 = 50;

/// Rows of a page, and the cursor of the next one when there is one.
#[derive(Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From `limit + 1` rows: the extra one only proves that there is more.
    pub fn new<K: Serialize>(mut rows: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| encode(&key(row))) } else { None };
        Self { rows, next }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(f).collect(), next: self.next }
    }
}

pub fn encode<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

pub fn decode<K: DeserializeOwned>(cursor: &str) -> AppResult<K> {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(cursor) else { return Err(damaged()) };
    serde_json::from_slice(&bytes).map_err(|_| damaged())
}

/// An address that asks a list for what it does not know.
pub fn unknown() -> AppError {
    AppError::Rejected(
        StatusCode::BAD_REQUEST,
        "This link asks for a list that does not exist. Open it again from the menu.",
    )
}

/// A cursor that says what no page ever said.
pub fn damaged() -> AppError {
    AppError::Rejected(StatusCode::BAD_REQUEST, "This link to the next page is damaged. Start again from the first.")
}
