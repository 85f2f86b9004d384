//! `/f/{token}`: the form as strangers see and send it. No session, no cookie, no script.
//!
//! Whether what they sent became a lead, waits in quarantine or was there already: the answer is the same. Only what they can mend
//! (a field left out) comes back to them.

mod pages;
mod sending;
mod stamp;
mod words;

pub(super) use pages::{receive, show, thanks};
pub(super) use sending::{Sending, TRAP};
pub(super) use words::suspicious_words;
