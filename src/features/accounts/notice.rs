//! A signed-out page that only says something: "check your mail", "this link is no longer good".

use crate::{
    error::AppResult,
    web::{Shell, reply},
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;

#[derive(Template)]
#[template(path = "accounts/notice.html")]
struct NoticePage<'a> {
    shell: Shell,
    icon: &'static str,
    title: &'a str,
    text: &'a str,
    link: (&'static str, &'static str),
}

/// `link`: address and words of the way on.
pub fn page(
    req: &HttpRequest,
    icon: &'static str,
    title: &str,
    text: &str,
    link: (&'static str, &'static str),
) -> AppResult<HttpResponse> {
    reply::page(req, &NoticePage { shell: Shell::signed_out(req), icon, title, text, link })
}

/// 410: the link was used, replaced, ran out, or never was one; which of these is nobody's business.
pub fn dead_link(req: &HttpRequest, text: &str, link: (&'static str, &'static str)) -> AppResult<HttpResponse> {
    let title = "This link is no longer good";
    let page = NoticePage { shell: Shell::signed_out(req), icon: "circle-x", title, text, link };
    reply::page_with(req, StatusCode::GONE, &page)
}

/// 409: understood, but not possible as things are.
pub fn refused(
    req: &HttpRequest,
    title: &str,
    text: &str,
    link: (&'static str, &'static str),
) -> AppResult<HttpResponse> {
    let page = NoticePage { shell: Shell::signed_out(req), icon: "ban", title, text, link };
    reply::page_with(req, StatusCode::CONFLICT, &page)
}
