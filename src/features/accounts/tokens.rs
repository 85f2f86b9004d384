//! One-time links in mails. The table holds a token's SHA-256, never the token; opening a link only shows a page, and the button
//! on it uses the link up, so that mail scanners that follow links do no harm.

use crate::{
    db::{SystemTx, Tx},
    error::AppResult,
    kernel::UserId,
    schema::auth_tokens,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use rand::RngCore;
use sha2::{Digest, Sha256};

/// What a link lets its holder do, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    VerifyEmail,
    ResetPassword,
    ChangeEmail,
}

impl Purpose {
    fn key(self) -> &'static str {
        match self {
            Purpose::VerifyEmail => "verify_email",
            Purpose::ResetPassword => "reset_password",
            Purpose::ChangeEmail => "change_email",
        }
    }

    fn lifetime(self) -> TimeDelta {
        match self {
            Purpose::ResetPassword => TimeDelta::hours(1),
            Purpose::VerifyEmail | Purpose::ChangeEmail => TimeDelta::days(3),
        }
    }
}

/// A link that is still good.
#[derive(Clone, Debug)]
pub struct Link {
    pub user: UserId,
    pub purpose: Purpose,
    /// The address it was sent to.
    pub email: String,
}

/// 256 random bits for a URL.
pub fn random() -> String {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a token.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Makes a link; the caller mails it to `email`.
pub fn issue(tx: &mut SystemTx, user: UserId, purpose: Purpose, email: &str) -> AppResult<String> {
    let token = random();
    keep(tx, &token, user, purpose, email)?;
    Ok(token)
}

/// Keeps a token that the caller made; false when it is kept already.
pub fn keep(tx: &mut SystemTx, token: &str, user: UserId, purpose: Purpose, email: &str) -> AppResult<bool> {
    let kept = diesel::insert_into(auth_tokens::table)
        .values((
            auth_tokens::token_hash.eq(hash(token)),
            auth_tokens::user_id.eq(user),
            auth_tokens::purpose.eq(purpose.key()),
            auth_tokens::email.eq(email),
            auth_tokens::expires_at.eq(Utc::now() + purpose.lifetime()),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn())?;
    Ok(kept == 1)
}

/// The link, if it is still good for one of these purposes. Locks it, so that two clicks at once use it once.
pub fn find(tx: &mut SystemTx, token: &str, purposes: &[Purpose]) -> AppResult<Option<Link>> {
    let row = auth_tokens::table
        .find(hash(token))
        .filter(auth_tokens::expires_at.gt(Utc::now()))
        .select((auth_tokens::user_id, auth_tokens::purpose, auth_tokens::email))
        .for_update()
        .first::<(UserId, String, Option<String>)>(tx.conn())
        .optional()?;
    Ok(row.and_then(|(user, key, email)| {
        let purpose = purposes.iter().find(|p| p.key() == key)?;
        Some(Link { user, purpose: *purpose, email: email.unwrap_or_default() })
    }))
}

/// Uses up the link, and with it every other of its purpose.
pub fn use_up(tx: &mut SystemTx, link: &Link) -> AppResult<()> {
    diesel::delete(
        auth_tokens::table
            .filter(auth_tokens::user_id.eq(link.user))
            .filter(auth_tokens::purpose.eq(link.purpose.key())),
    )
    .execute(tx.conn())?;
    Ok(())
}

/// After a new password or address, links sent before are void.
pub fn void_all(tx: &mut SystemTx, user: UserId) -> AppResult<()> {
    diesel::delete(auth_tokens::table.filter(auth_tokens::user_id.eq(user))).execute(tx.conn())?;
    Ok(())
}
