//! Passwords: Argon2id with the parameters OWASP recommends (19 MiB, 2 passes, 1 lane).

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use std::sync::LazyLock;

/// What an absent account is checked against, so that it takes as long as a present one.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password").unwrap_or_default());

/// Blocks for some 20 ms: call it off the async threads.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| anyhow::anyhow!("cannot hash: {e}"))?;
    Ok(hash.to_string())
}

/// Takes the same time whether or not there is a hash to compare with.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let stored = hash.unwrap_or(&NOBODY);
    let matches = Argon2::default().verify_password(password.as_bytes(), stored).is_ok();
    matches && hash.is_some()
}
