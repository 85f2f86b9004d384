//! People and their access: sign-up, sign-in and out, one-time links, invitations, profile, sessions.
//!
//! Nothing here tells a stranger whether an address has an account: same answer, same work (`docs/architecture-notes-accounts.md`).

mod account;
mod devices;
pub mod invitations;
pub mod members;
mod notice;
mod operator;
pub mod organisations;
pub mod password;
pub mod picture;
mod profile;
mod reset;
mod security;
mod session;
mod sign_in;
mod sign_up;
mod tokens;
mod verification;

pub use operator::{email_link, password_link};
pub use tokens::{hash as token_hash, random as random_token};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

pub fn configure(cfg: &mut Routes) {
    cfg.route("/login", get().to(sign_in::form))
        .route("/login", post().to(sign_in::sign_in))
        .route("/logout", post().to(sign_in::sign_out))
        .route("/session/organisation", post().to(sign_in::switch))
        .route("/signup", get().to(sign_up::form))
        .route("/signup", post().to(sign_up::sign_up))
        .route("/signup/sent", get().to(sign_up::sent))
        .route("/verify-email/{token}", get().to(verification::ask))
        .route("/verify-email/{token}", post().to(verification::confirm))
        .route("/password-reset", get().to(reset::form))
        .route("/password-reset", post().to(reset::request))
        .route("/password-reset/sent", get().to(reset::sent))
        .route("/password-reset/{token}", get().to(reset::ask))
        .route("/password-reset/{token}", post().to(reset::set))
        .route("/settings/email-verification", post().to(verification::resend))
        .route("/settings/profile", get().to(profile::form))
        .route("/settings/profile", post().to(profile::save))
        .route("/settings/profile/avatar", post().to(profile::set_avatar))
        .route("/settings/profile/avatar/removal", post().to(profile::remove_avatar))
        .route("/settings/security", get().to(security::show))
        .route("/settings/security/password", post().to(security::change_password))
        .route("/settings/security/email", post().to(security::change_email))
        .route("/settings/security/sessions/removal", post().to(security::end_others))
        .route("/settings/security/sessions/{id}/removal", post().to(security::end_session))
        .route("/invitations/{token}", get().to(invitations::accept::ask))
        .route("/invitations/{token}", post().to(invitations::accept::accept))
        .route("/settings/theme", post().to(profile::set_theme))
        .route("/avatars/{member}", get().to(profile::avatar));
}

pub fn register_jobs(registry: &mut Registry) {
    reset::register(registry);
}
