//! Where an action leads: back to where it was asked for. Things are completed from anywhere.

use crate::{
    kernel::RecordType,
    web::{Form, Page},
};
use actix_web::http::header::REFERER;
use uuid::Uuid;

/// Whether it is an address of our own.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && path.len() <= 1_000 && !path.contains(['\\', '\r', '\n', '\t'])
}

/// The page an action was asked for on.
#[derive(Debug)]
pub(super) struct Back;

impl Back {
    /// What the form says.
    pub fn asked(form: &Form) -> Option<String> {
        Some(form.get("back")).filter(|path| is_local(path)).map(str::to_owned)
    }

    /// What the form says, else the page that the browser comes from.
    pub fn of(page: &Page, form: &Form) -> Option<String> {
        Self::asked(form).or_else(|| {
            let from = page.req.headers().get(REFERER)?.to_str().ok()?;
            let url = url::Url::parse(from).ok()?;
            let host = page.req.connection_info().host().to_owned();
            let own = url.host_str().is_some_and(|name| host == name || host.starts_with(&format!("{name}:")));
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            let path = format!("{}{query}", url.path());
            (own && is_local(&path)).then_some(path)
        })
    }
}

/// The record whose page that address is.
pub(super) fn record_of(path: &str) -> Option<(RecordType, Uuid)> {
    let path = path.split(['?', '#']).next()?;
    let mut parts = path.split('/').skip(1);
    let record = parts.next().and_then(|noun| RecordType::ALL.into_iter().find(|record| record.noun() == noun))?;
    let id = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((record, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_addresses() {
        assert!(is_local("/deals/1?x=y#z"));
        for bad in ["", "deals", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb"] {
            assert!(!is_local(bad), "{bad}");
        }
    }

    #[test]
    fn record_pages() {
        let id = Uuid::nil();
        assert_eq!(record_of(&format!("/deals/{id}?timeline=all")), Some((RecordType::Deal, id)));
        assert_eq!(record_of(&format!("/deals/{id}/edit")), None);
        assert_eq!(record_of("/pipeline"), None);
    }
}
