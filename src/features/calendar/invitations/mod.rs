//! Guests: people outside who are invited to an activity by mail, answer on a page of their own, and are told when it changes or is off.
//!
//! Mails are iTIP (RFC 5546): REQUEST with a higher SEQUENCE for every change that guests are told, CANCEL when it is off or they are
//! invited no longer. Guests learn subject, time, place and video link, never the notes. A mail's id is made of guest, sequence and
//! method, so that however often something is enqueued, each guest gets each mail once.

mod answers;
mod commands;
mod link;
mod mails;
mod pages;
mod queries;

pub(super) use answers::{answer, show};
pub use commands::follow;
pub use link::path as answer_path;
pub(super) use pages::{invite, withdraw};
pub use queries::Guests;
