//! Notifications: what members are told, in the centre behind the bell, by their browser and by mail, each kind in the ways they chose.
//!
//! A feature calls [`tell()`] in the transaction of what happened. Nobody is told of their own doing, nobody twice of one thing, and
//! nobody of what they may not see when they read it. Mail waits for the end of quiet hours; the centre does not.

mod activities;
mod finished;
mod follows;
mod heard;
mod kind;
mod pages;
mod post;
mod queries;
mod quiet;
pub mod reminders;
mod settings;
mod tell;
mod words;

pub use activities::of_many;
pub use finished::{Finished, finished, given, given_by};
pub use follows::{FollowMenu, Standing, follow, follow_apart, follow_instead, followers};
pub use heard::hear;
pub use kind::{ByMail, Kind, Ways};
pub use post::DIGESTS;
pub use tell::{Notice, To, tell, tell_in};

use crate::jobs::Registry;
use crate::web::{
    Routes,
    paths::{get, post},
};

/// For the sweeps: notices are kept for ninety days.
pub const FORGET: &str = "
DELETE FROM notices WHERE (org_id, id) IN (
  SELECT org_id, id FROM notices WHERE created_at < now() - interval '90 days' LIMIT 10000)";

pub fn configure(cfg: &mut Routes) {
    cfg.route("/notifications", get().to(pages::index))
        .route("/notifications/panel", get().to(pages::panel))
        .route("/notifications/bell", get().to(pages::bell))
        .route("/notifications/browser", get().to(pages::browser))
        .route("/notifications/reading", post().to(pages::read_all))
        .route("/notifications/reading/undo", post().to(pages::unread_all))
        .route("/notifications/{id}", get().to(pages::open))
        .route("/notifications/{id}/reading", post().to(pages::read))
        .route("/notifications/{id}/reading/undo", post().to(pages::unread))
        .route("/follows", post().to(follows::save))
        .route("/activities/{id}/reminder", post().to(reminders::save))
        .route("/settings/notifications", get().to(settings::form))
        .route("/settings/notifications", post().to(settings::save));
}

pub fn register_jobs(registry: &mut Registry) {
    post::register(registry);
}
