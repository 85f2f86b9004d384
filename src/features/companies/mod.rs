//! Companies: whom we sell to.
//!
//! Names need not be unique; a domain need not either (subsidiaries share one). A company's parent is never itself nor one of its own
//! descendants. A record the reader may not see is not found, and cannot be referred to.

mod commands;
mod fields;
mod forms;
mod model;
mod pages;
mod panels;
mod queries;
mod resolve;

pub use commands::{create, update};
pub use fields::FIELDS;
pub use model::{Company, NewCompany};
pub use queries::{find, names};
pub use resolve::{known, may_add, reference, resolve};

use crate::{
    features::records::{self, Spec},
    kernel::RecordType,
    web::{
        Routes,
        paths::{get, post},
    },
};

/// Companies as the shared parts handle them.
pub static SPEC: Spec = Spec {
    record: RecordType::Company,
    load: forms::load,
    save: forms::save,
    before_return: records::nothing,
    after_change: records::nothing,
};

pub fn configure(cfg: &mut Routes) {
    // The list's own addresses come before those of a record.
    records::configure(cfg, &SPEC);
    cfg.route("/companies", post().to(pages::create))
        .route("/companies/new", get().to(pages::new))
        .route("/companies/options", get().to(pages::options))
        .route("/companies/{id}", get().to(pages::show))
        .route("/companies/{id}", post().to(pages::save))
        .route("/companies/{id}/edit", get().to(pages::edit));
}
