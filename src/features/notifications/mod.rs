//! Notifications: what members are told, in the centre behind the bell, by their browser and by mail, each kind in the ways they chose.
//!
//! A feature calls [`tell`] in the transaction of what happened. Nobody is told of their own doing, nobody twice of one thing, and
//! nobody of what they may not see when they read it. Mail waits for the end of quiet hours; the centre does not.

mod follows;
mod kind;
mod tell;

pub use follows::{Standing, follow};
pub use kind::{ByMail, Kind, Ways};
pub use tell::{About, Notice, To, tell, tell_in};

use crate::jobs::Registry;

pub fn register_jobs(_registry: &mut Registry) {}
