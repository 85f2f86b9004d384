//! Passwords: Argon2id with the parameters OWASP recommends (19 MiB, 2 passes, 1 lane), and zxcvbn's opinion of new ones.

use crate::error::{AppError, AppResult};
use actix_web::web;
use anyhow::Context;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Characters a password may have: the lower bound for strength, the upper one so that nobody makes us hash a book.
pub const LENGTH: std::ops::RangeInclusive<usize> = 10..=200;

/// What an absent account is checked against, so that it takes as long as a present one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$yJoz3wuACJDKFnwX/0RNhQ$jGD6CekuGQaY2XExXN9nu0Qe9ZEkrIOzM+LPYB5iB0E";

/// Each computation takes 19 MiB: a flood of sign-ins queues up instead of filling the memory.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// Blocks for some 20 ms: call it off the async threads.
pub fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| anyhow::anyhow!("cannot hash: {e}"))?;
    Ok(hash.to_string())
}

/// Takes the same time whether or not there is a hash to compare with.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let matches = Argon2::default().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    matches && hash.is_some()
}

/// [`hash`], off the async threads.
pub async fn hashed(password: String) -> AppResult<String> {
    Ok(computed(move || hash(&password)).await??)
}

/// [`verify`], off the async threads.
pub async fn verified(password: String, hash: Option<String>) -> AppResult<bool> {
    computed(move || verify(&password, hash.as_deref())).await
}

async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
    let _turn = AT_ONCE.acquire().await.context("no turn to hash a password")?;
    web::block(work).await.map_err(|_| AppError::Internal(anyhow::anyhow!("the worker thread was cancelled")))
}

/// Refuses a password that is too short, too long, or guessable (zxcvbn below 3 of 4) given what is known of the person.
/// Takes some milliseconds for long ones.
pub fn check_strength(password: &str, about: &[&str]) -> Result<(), String> {
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err(format!("is too short: at least {} characters", LENGTH.start()));
    }
    if length > *LENGTH.end() {
        return Err(format!("is too long: at most {} characters", LENGTH.end()));
    }
    let known: Vec<&str> =
        about.iter().flat_map(|text| text.split([' ', '@', '.', '-'])).filter(|w| w.len() > 2).collect();
    let entropy = zxcvbn::zxcvbn(password, &known);
    if u8::from(entropy.score()) >= 3 {
        return Ok(());
    }
    let feedback = entropy.feedback();
    let warning = feedback.and_then(|f| f.warning()).map(|w| w.to_string());
    let advice = feedback.and_then(|f| f.suggestions().first().map(ToString::to_string));
    let words: Vec<String> = warning.into_iter().chain(advice).collect();
    let words = if words.is_empty() { "Use a few uncommon words.".to_owned() } else { words.join(" ") };
    Err(format!("is too easy to guess. {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::phc::PasswordHash;

    #[test]
    fn nobody_costs_what_somebody_costs() -> Result<(), Box<dyn std::error::Error>> {
        let real = hash("correct horse battery")?;
        let (nobody, somebody) = (PasswordHash::new(NOBODY)?, PasswordHash::new(&real)?);
        assert_eq!((nobody.algorithm, &nobody.params), (somebody.algorithm, &somebody.params));
        assert!(verify("correct horse battery", Some(&real)));
        assert!(!verify("correct horse battery", None) && !verify("wrong", Some(&real)));
        Ok(())
    }

    #[test]
    fn weak_passwords_are_told_why() {
        assert!(check_strength("short", &[]).is_err_and(|e| e.contains("at least 10")));
        assert!(check_strength("password123", &[]).is_err_and(|e| e.contains("guess")));
        assert!(check_strength("Aurelia2026", &["Maya Okafor", "maya@aurelia.test", "Aurelia"]).is_err());
        assert!(check_strength("copper-lantern-drifts", &[]).is_ok());
    }
}
