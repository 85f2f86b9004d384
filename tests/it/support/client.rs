//! A browser without a screen: keeps cookies, follows no redirect unless told, sends the CSRF token of the last page.

use reqwest::{Response, StatusCode, redirect::Policy};
use std::sync::Mutex;

pub struct Client {
    http: reqwest::Client,
    base: String,
    csrf: Mutex<Option<String>>,
}

/// An answer that has been read.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub location: Option<String>,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Page {
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub fn contains(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// The text between two markers, the first time they occur.
    pub fn between(&self, before: &str, after: &str) -> Option<&str> {
        let start = self.body.find(before)? + before.len();
        let end = self.body[start..].find(after)? + start;
        Some(&self.body[start..end])
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

impl Client {
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), csrf: Mutex::new(None) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// For requests the methods below do not cover.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The CSRF token of the last page that had one; of the sign-in page when there was none.
    pub async fn csrf(&self) -> String {
        let known = self.csrf.lock().unwrap().clone();
        match known {
            Some(token) => token,
            None => {
                self.get("/login").await;
                self.csrf.lock().unwrap().clone().unwrap_or_default()
            }
        }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.read(self.http.get(self.url(path)).header("Accept", "text/html").send().await.unwrap()).await
    }

    /// As htmx asks for a fragment.
    pub async fn get_partial(&self, path: &str) -> Page {
        let request = self.http.get(self.url(path)).header("HX-Request", "true").header("HX-Request-Type", "partial");
        self.read(request.send().await.unwrap()).await
    }

    /// Posts a form with the CSRF token, as a browser without JavaScript.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.csrf().await;
        let mut all = vec![("csrf_token", token.as_str())];
        all.extend_from_slice(fields);
        self.post_raw(path, &all).await
    }

    /// Posts a form exactly as given.
    pub async fn post_raw(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.http.post(self.url(path)).header("Accept", "text/html").form(fields);
        self.read(request.send().await.unwrap()).await
    }

    /// Posts as htmx does, asking for a fragment.
    pub async fn post_partial(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.csrf().await;
        let request = self
            .http
            .post(self.url(path))
            .header("HX-Request", "true")
            .header("HX-Request-Type", "partial")
            .header("X-CSRF-Token", token)
            .form(fields);
        self.read(request.send().await.unwrap()).await
    }

    /// Signs in and forgets the token of the signed-out page.
    pub async fn sign_in(&self, email: &str, password: &str) {
        let page = self.post("/login", &[("email", email), ("password", password)]).await;
        assert_eq!(page.status(), 303, "sign-in of {email} failed: {}", page.body);
        *self.csrf.lock().unwrap() = None;
        self.get("/settings/profile").await;
    }

    pub async fn read(&self, response: Response) -> Page {
        let status = response.status();
        let headers = response.headers().clone();
        let location = headers.get("location").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let body = response.text().await.unwrap_or_default();
        let page = Page { status, location, headers, body };
        if let Some(token) = page.between("name=\"csrf-token\" content=\"", "\"") {
            *self.csrf.lock().unwrap() = Some(token.to_owned());
        }
        page
    }
}
