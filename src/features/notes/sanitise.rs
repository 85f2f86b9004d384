//! What a note may contain: the tags Trix writes, links that leave safely, nothing else.

use crate::error::{AppError, AppResult};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};
use uuid::Uuid;

/// Bytes of HTML a note may have.
const LIMIT: usize = 100_000;

/// What a mention's address begins with; the member's id follows.
pub const MENTION: &str = "/feed?who=";

/// Tags of Trix's toolbar.
const TAGS: &[&str] =
    &["div", "p", "br", "strong", "b", "em", "i", "del", "a", "h1", "blockquote", "pre", "code", "ul", "ol", "li"];

/// The note as it is kept: sanitised HTML, from an editor's HTML or from plain text with its line breaks.
pub(super) fn body(text: &str) -> AppResult<String> {
    body_by(text, clean)
}

/// [`body`] that may mention members: a link to what each of them did.
pub(super) fn body_with_mentions(text: &str) -> AppResult<String> {
    body_by(text, |html| rules().url_relative(ammonia::UrlRelative::Custom(Box::new(mention))).clean(html).to_string())
}

fn body_by(text: &str, clean: impl Fn(&str) -> String) -> AppResult<String> {
    if text.len() > LIMIT {
        return Err(AppError::field("body", "is too long: at most 100 kB"));
    }
    let html = if is_html(text) { text.to_owned() } else { from_plain(text) };
    let clean = clean(&html);
    if words(&clean).is_empty() {
        return Err(AppError::field("body", "is empty: write something first"));
    }
    // Escaping may lengthen what was within the limit.
    if clean.len() > 2 * LIMIT { Err(AppError::field("body", "is too long: at most 100 kB")) } else { Ok(clean) }
}

/// Only the tags and links that a note may contain.
pub(super) fn clean(html: &str) -> String {
    rules().clean(html).to_string()
}

/// The one address of our own that a note may lead to.
fn mention(url: &str) -> Option<Cow<'_, str>> {
    let who = url.strip_prefix(MENTION)?;
    Uuid::parse_str(who).is_ok().then_some(Cow::Borrowed(url))
}

fn rules() -> ammonia::Builder<'static> {
    let mut rules = ammonia::Builder::new();
    rules
        .tags(TAGS.iter().copied().collect())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener nofollow"))
        .strip_comments(true);
    rules
}

/// [`body`], or nothing where nothing is said.
pub(super) fn optional(text: &str) -> AppResult<Option<String>> {
    if text.len() <= LIMIT && words(text).is_empty() { Ok(None) } else { body(text).map(Some) }
}

/// Whether an editor wrote it. Trix always begins with a block.
fn is_html(text: &str) -> bool {
    let start = text.trim_start();
    ["<div", "<h1", "<blockquote", "<pre", "<ul", "<ol", "<p"].iter().any(|tag| {
        start.get(..tag.len()).is_some_and(|s| s.eq_ignore_ascii_case(tag))
            && start[tag.len()..].starts_with(['>', ' '])
    })
}

fn from_plain(text: &str) -> String {
    let lines: Vec<String> = text.trim().lines().map(ammonia::clean_text).collect();
    format!("<div>{}</div>", lines.join("<br>"))
}

/// What is left without tags: to see whether anything is said at all, and to quote it.
pub(super) fn words(html: &str) -> String {
    let plain = ammonia::Builder::new().tags(HashSet::new()).clean(html).to_string();
    plain.replace("&nbsp;", " ").replace('\u{a0}', " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trix_writes_stays() {
        let clean = |text: &str| body(text).unwrap_or_default();
        assert_eq!(
            clean(
                "<div onclick=x>Hi <script>alert(1)</script><strong style='x'>you</strong><img src=x onerror=y></div>"
            ),
            "<div>Hi <strong>you</strong></div>"
        );
        assert_eq!(
            clean(
                "<div><a href='https://a.example' target=_top>a</a><a href='javascript:x'>b</a><a href='/c'>c</a></div>"
            ),
            "<div><a href=\"https://a.example\" rel=\"noopener nofollow\">a</a><a rel=\"noopener nofollow\">b</a><a rel=\"noopener nofollow\">c</a></div>"
        );
        assert!(!clean("<div><svg><style><img src=x onerror=alert(1)></style></svg>x</div>").contains("onerror"));
    }

    #[test]
    fn plain_text_keeps_its_lines_and_its_angle_brackets() {
        let clean = body("a < b\n<script>alert(1)</script>\n\nc").unwrap_or_default();
        assert!(clean.starts_with("<div>a &lt; b<br>&lt;script&gt;alert(1)&lt;"), "{clean}");
        assert!(clean.ends_with("<br><br>c</div>"), "{clean}");
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for text in ["", "  \n ", "<div><br></div>", "<div>&nbsp;</div>", "<div><script>x</script></div>"] {
            assert!(body(text).is_err(), "{text}");
        }
        assert!(body(&"x".repeat(LIMIT + 1)).is_err());
    }
}
