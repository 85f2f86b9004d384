//! One message for the next page ("Deal archived", with Undo), carried in a cookie across the redirect after a POST.

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

pub const COOKIE: &str = "pw_flash";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flash {
    /// `success`, `info` or `danger`.
    pub kind: String,
    pub text: String,
    /// A path to POST to that takes the action back.
    pub undo_action: Option<String>,
}

impl Flash {
    pub fn success(text: impl Into<String>) -> Self {
        Self { kind: "success".into(), text: text.into(), undo_action: None }
    }

    pub fn info(text: impl Into<String>) -> Self {
        Self { kind: "info".into(), text: text.into(), undo_action: None }
    }

    pub fn danger(text: impl Into<String>) -> Self {
        Self { kind: "danger".into(), text: text.into(), undo_action: None }
    }

    pub fn undo(mut self, path: impl Into<String>) -> Self {
        self.undo_action = Some(path.into());
        self
    }

    pub fn read(req: &HttpRequest) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(req.cookie(COOKIE)?.value()).ok()?;
        let mut flash: Flash = serde_json::from_slice(&bytes).ok()?;
        // The cookie is not signed: only ever post to a path of our own.
        flash.undo_action = flash.undo_action.filter(|path| path.starts_with('/') && !path.starts_with("//"));
        flash.text.truncate(flash.text.floor_char_boundary(500));
        Some(flash)
    }

    pub fn cookie(&self) -> Cookie<'static> {
        let value = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        Cookie::build(COOKIE, value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::minutes(5))
            .finish()
    }

    pub fn removal() -> Cookie<'static> {
        Cookie::build(COOKIE, "").path("/").max_age(Duration::ZERO).finish()
    }
}
