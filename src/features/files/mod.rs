//! Files on companies, contacts, leads, deals and activities: versions, previews, signed links, a quota, a scanner for viruses.
//!
//! Invariants: what was acknowledged is there, whenever the program dies; a blob is written down before its first byte is kept, named
//! by one version in one transaction, and swept away a day later when none names it; whoever sees a record sees its files; bytes are
//! shown in a page only when they are a picture or a PDF by their own looks, and given out only when the scanner (if there is one)
//! found them clean.
//!
//! For other features: [`receive()`] takes a file out of a form, [`attach_new`] names it in their transaction, [`read`] tells where its
//! bytes are; [`put`] keeps bytes that a worker has.

mod commands;
mod jobs;
mod links;
mod model;
mod pages;
mod panel;
mod queries;
mod receive;
mod serve;
mod settings;

pub use commands::{attach_new, put};
pub use jobs::SWEEP;
pub use model::{Content, File, Scan, size_words};
pub use panel::{Line, Panel};
pub use queries::{list, read};
pub use receive::{Arrived, receive};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};
use actix_web::web::{self, ServiceConfig};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/companies/{id}/files", get().to(pages::of_company))
        .route("/companies/{id}/files", post().to(pages::to_company))
        .route("/contacts/{id}/files", get().to(pages::of_contact))
        .route("/contacts/{id}/files", post().to(pages::to_contact))
        .route("/leads/{id}/files", get().to(pages::of_lead))
        .route("/leads/{id}/files", post().to(pages::to_lead))
        .route("/deals/{id}/files", get().to(pages::of_deal))
        .route("/deals/{id}/files", post().to(pages::to_deal))
        .route("/activities/{id}/files", get().to(pages::of_activity))
        .route("/activities/{id}/files", post().to(pages::to_activity))
        .route("/files/{id}", get().to(pages::show))
        .route("/files/{id}", post().to(pages::rename))
        .route("/files/{id}/content", get().to(serve::content))
        .route("/files/{id}/thumbnail", get().to(serve::thumbnail))
        .route("/files/{id}/versions", post().to(pages::new_version))
        .route("/files/{id}/versions/restoration", post().to(pages::restore_version))
        .route("/files/{id}/link", post().to(links::create))
        .route("/files/{id}/deletion", post().to(pages::delete))
        .route("/files/{id}/deletion/undo", post().to(pages::undelete))
        .route("/files/{id}/purge", post().to(pages::purge))
        .route("/settings/files", get().to(settings::show))
        .route("/settings/files", post().to(settings::save));
}

/// Signed links, for people who have no account.
pub fn configure_public(cfg: &mut ServiceConfig) {
    cfg.route("/d/{token}", web::get().to(links::download));
}

pub fn register_jobs(registry: &mut Registry) {
    registry.register_remote(jobs::SCAN, jobs::scan);
    registry.register_remote(jobs::PICTURE, jobs::picture);
    registry.register_remote(jobs::CLEAN_UP, jobs::clean_up);
}
