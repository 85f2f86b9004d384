//! Contacts: the people we talk to.
//!
//! A contact has a name or an e-mail address. The first e-mail and phone are the ones to use; further ones are kept beside them.
//! Who asked not to be contacted is shown so wherever an address or number stands.

mod commands;
mod fields;
mod forms;
mod model;
mod pages;
mod panels;
mod queries;

pub use commands::{create, update};
pub use fields::{FIELDS, LIFECYCLES};
pub use model::{Contact, NewContact};
pub use queries::{by_email, find};

use crate::{
    features::records::{self, Spec},
    kernel::RecordType,
    web::{
        Routes,
        paths::{get, post},
    },
};

/// Contacts as the shared parts handle them.
pub static SPEC: Spec = Spec {
    record: RecordType::Contact,
    load: forms::load,
    save: forms::save,
    before_return: records::nothing,
    after_change: records::nothing,
};

pub fn configure(cfg: &mut Routes) {
    // The list's own addresses come before those of a record.
    records::configure(cfg, &SPEC);
    cfg.route("/contacts", post().to(pages::create))
        .route("/contacts/new", get().to(pages::new))
        .route("/contacts/options", get().to(pages::options))
        .route("/contacts/{id}", get().to(pages::show))
        .route("/contacts/{id}", post().to(pages::save))
        .route("/contacts/{id}/edit", get().to(pages::edit));
}
