//! Who is signed in, carried from the session store to the extractor of the same request: the store learns it from the statement that
//! reads the session, but only answers actix-session with the session's entries.

use super::auth::Actor;
use crate::kernel::{OrgId, UserId};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use std::cell::RefCell;

tokio::task_local! {
    static FOUND: Carried;
}

struct Carried {
    /// The request's method changes nothing.
    reading: bool,
    actor: RefCell<Option<Actor>>,
}

/// Middleware around that of the sessions: gives the request a place to carry somebody in.
pub async fn scope<B: MessageBody>(req: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let empty = Carried { reading: req.method().is_safe(), actor: RefCell::new(None) };
    FOUND.scope(empty, next.call(req)).await
}

/// Whether the request is to change nothing.
pub(super) fn reading() -> bool {
    FOUND.try_with(|found| found.reading).unwrap_or(false)
}

/// Outside a request nobody will ask.
pub(super) fn put(actor: Actor) {
    let _ = FOUND.try_with(|found| found.actor.replace(Some(actor)));
}

/// Whoever the session store found, if the session still names that person and that organisation.
pub(super) fn get(user: UserId, org: OrgId) -> Option<Actor> {
    let found = FOUND.try_with(|found| found.actor.borrow().clone()).ok().flatten();
    found.filter(|actor| actor.id.0 == user.0 && actor.org_id == org)
}
