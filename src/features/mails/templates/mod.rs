//! Templates of mails: a subject and a text with merge fields, one's own or shared. Whoever made one changes it; those who look after
//! everybody's templates change any that is shared.

mod commands;
mod pages;

pub use commands::{MailTemplate, all, find};
pub(super) use pages::{create, delete, index, new, preview, save, show, undelete};
