//! People and their access: sign-up, sign-in and out, one-time links, invitations, profile, sessions.
//!
//! Nothing here tells a stranger whether an address has an account: same answer, same work (`docs/architecture-notes-accounts.md`).

pub mod members;
pub mod organisations;
pub mod password;
mod session;
mod sign_in;

use actix_web::web::{ServiceConfig, get, post};

pub fn configure(cfg: &mut ServiceConfig) {
    cfg.route("/login", get().to(sign_in::form))
        .route("/login", post().to(sign_in::sign_in))
        .route("/logout", post().to(sign_in::sign_out))
        .route("/session/organisation", post().to(sign_in::switch));
}
