//! Settings that are lists which people put in order, and whose entries are retired rather than deleted: what their forms say, and how
//! they are answered.

use crate::web::{Form, Page, SelectOption, flash::Flash, reply};
use actix_web::HttpResponse;
use std::{fmt::Display, str::FromStr};

/// Choices of a fixed set, by key and label.
pub fn options(choices: &[(&str, &str)], chosen: &str) -> Vec<SelectOption> {
    choices.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect()
}

/// The field `order`: ids with commas between.
pub fn order<Id: FromStr>(form: &Form) -> Vec<Id> {
    form.get("order").split(',').filter_map(|id| id.parse().ok()).collect()
}

/// A script has put them in order already; everybody else sees the list again.
pub fn ordered(page: &Page, list: &str) -> HttpResponse {
    if reply::is_htmx(&page.req) { HttpResponse::NoContent().finish() } else { reply::redirect(&page.req, list, None) }
}

/// It cannot be chosen any more, which can be taken back.
pub fn retired(page: &Page, list: &str, id: impl Display, name: &str) -> HttpResponse {
    let flash = Flash::success(format!("{name} retired")).undo(format!("{list}/{id}/retirement/undo"));
    reply::redirect(&page.req, list, Some(flash))
}

/// It can be chosen again.
pub fn restored(page: &Page, list: &str, name: &str) -> HttpResponse {
    reply::redirect(&page.req, list, Some(Flash::success(format!("{name} can be chosen again"))))
}
