//! Outgoing mail: what was sent, what waits, what was refused and why; and, without a mail server, the mails themselves, so that
//! a team can pass on an invitation's link by hand.
//!
//! Who may read what: a mail about someone's account (confirming an address, resetting a password) belongs to that person, because
//! its link makes the account, and every organisation it belongs to, the reader's. Administrators see that there is such a mail;
//! its text is for the person alone, and a password-reset link for nobody. An invitation's link is shown while it is kept for want of
//! a mail server; with one, its link is for the address it goes to, and gone from here once sent.

mod pages;
mod queries;

pub(super) use pages::{tone, words};

use crate::web::{Routes, paths::get};

pub(super) fn configure(cfg: &mut Routes) {
    cfg.route("/settings/mail", get().to(pages::index))
        .route("/settings/mail/{id}", get().to(pages::show))
        .route("/settings/mail/{id}/body", get().to(pages::body));
}
