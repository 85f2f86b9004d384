//! Saved views: lists that people keep, share, pin, open from the menu by default, and are told of new matches of. And what each
//! person looked at and searched for lately.
//!
//! A view keeps a list's query string. "me" in it is whoever looks, and what it lists is what that reader may see. A private view is
//! its owner's alone: to everybody else it is not found. Only the owner or an administrator changes a shared one; pins and watches
//! are each person's own.

mod commands;
pub mod kind;
mod model;
mod pages;
mod queries;
pub mod recent;
mod watch;

pub use kind::Kind;
pub use model::{Sharing, View};
pub use queries::{all, find};
pub use watch::{SWEEP, seen};

use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    jobs::Registry,
    kernel::RecordType,
    web::{
        Actor, Form, Routes,
        paths::{get, post},
    },
};
use uuid::Uuid;

/// Where one is in a list, whatever it lists.
const PLACE: &[&str] = &["after", "shown", "part", "columns"];

pub fn configure(cfg: &mut Routes) {
    cfg.route("/views", get().to(pages::index))
        .route("/views", post().to(pages::create))
        .route("/views/new", get().to(pages::new))
        .route("/views/order", post().to(pages::order))
        .route("/views/{id}", post().to(pages::save))
        .route("/views/{id}/edit", get().to(pages::edit))
        .route("/views/{id}/query", post().to(pages::save_query))
        .route("/views/{id}/deletion", post().to(pages::delete))
        .route("/views/{id}/deletion/undo", post().to(pages::undelete))
        .route("/recent", get().to(recent::options));
}

pub fn register_jobs(registry: &mut Registry) {
    watch::register(registry);
}

/// What an address of a list asks for: the view it names, unless it says how it differs from it.
pub fn resolve(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: Form) -> AppResult<(Option<View>, Form)> {
    let Ok(id) = form.get("view").parse::<Uuid>() else { return Ok((None, form)) };
    let view = find(tx, actor, id)?;
    if view.record() != Some(record) {
        return Err(AppError::NotFound);
    }
    let form = if form.get("edited") == "1" { form } else { opened(&view, &form)? };
    Ok((Some(view), form))
}

/// A list opened from the menu, without a word on what it should show: the reader's default view, when there is one.
pub fn or_default(actor: &Actor, record: RecordType, query: &str) -> AppResult<String> {
    let form = Form::decode(query.as_bytes())?;
    let silent = form.pairs().all(|(name, _)| PLACE.contains(&name));
    let default = actor.default_views.iter().find(|(key, _)| key == record.key());
    Ok(match default {
        Some((_, id)) if silent && query.is_empty() => format!("view={id}"),
        Some((_, id)) if silent => format!("view={id}&{query}"),
        _ => query.to_owned(),
    })
}

fn opened(view: &View, asked: &Form) -> AppResult<Form> {
    let mut form = Form::decode(view.query.as_bytes())?;
    for name in PLACE.iter().filter(|name| asked.has(name)) {
        form.set(name, asked.get(name));
    }
    Ok(form)
}
