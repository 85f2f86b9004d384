//! How settings pages write moments and counts; templates call these.

use crate::web::Actor;
use chrono::{DateTime, Utc};

/// `Today 14:30`.
pub fn moment(actor: &Actor, at: &DateTime<Utc>) -> String {
    actor.moment(*at)
}

/// `today 14:30`, within a sentence.
pub fn within(actor: &Actor, at: &DateTime<Utc>) -> String {
    actor.within(*at)
}

/// For hover: `20/11/2026 14:30:05 CET`.
pub fn exact(actor: &Actor, at: &DateTime<Utc>) -> String {
    actor.exact(*at)
}

/// `12,408`.
pub fn count(actor: &Actor, n: &i64) -> String {
    actor.locale.integer(*n)
}
