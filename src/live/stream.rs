//! `GET /live`: one server-sent-event stream per tab. It ends when its session does.

use super::{Hub, LiveMessage, NOTICES};
use crate::{
    db::{Db, Reason},
    error::AppResult,
    web::Actor,
};
use actix_session::Session;
use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::{Bytes, Data},
};
use futures_util::stream;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

/// The header by which a tab names itself when it writes, so that it can ignore its own echo.
pub const TAB_HEADER: &str = "X-Tab-Id";

struct Tab {
    messages: Receiver<LiveMessage>,
    hub: Hub,
    db: Db,
    actor: Actor,
    session: String,
    greeted: bool,
    /// When the session is looked at again, however much is going on.
    check_at: Instant,
}

pub async fn live(actor: Actor, session: Session, hub: Data<Hub>, db: Data<Db>) -> AppResult<HttpResponse> {
    let session = session.get::<String>(crate::web::auth::SESSION_ID).ok().flatten().unwrap_or_default();
    let tab = Tab {
        messages: hub.subscribe(actor.org_id),
        hub: hub.get_ref().clone(),
        db: db.get_ref().clone(),
        actor,
        session,
        greeted: false,
        check_at: Instant::now() + hub.heartbeat(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .insert_header((actix_web::http::header::CONTENT_ENCODING, "identity"))
        .streaming(stream::unfold(tab, next)))
}

async fn next(mut tab: Tab) -> Option<(Result<Bytes, actix_web::Error>, Tab)> {
    if !tab.greeted {
        tab.greeted = true;
        return Some((Ok(Bytes::from_static(b"retry: 1000\n\nevent: hello\ndata: {}\n\n")), tab));
    }
    // Asked before the wait too: on a busy board there is always a message ready.
    if Instant::now() >= tab.check_at && !renewed(&mut tab).await {
        return None;
    }
    let text = match timeout_at(tab.check_at, heard(&mut tab)).await {
        // Someone changed this person's membership: see at once whether they may still listen.
        Ok(Ok(message)) if concerns(&message, &tab) && !renewed(&mut tab).await => return None,
        Ok(Ok(message)) => event(&message),
        Ok(Err(RecvError::Lagged(_))) => event(&LiveMessage::refresh()),
        Ok(Err(RecvError::Closed)) => return None,
        Err(_) if !renewed(&mut tab).await => return None,
        Err(_) => ": still here\n\n".to_owned(),
    };
    Some((Ok(Bytes::from(text)), tab))
}

/// The next message that is for this person: notices name those they are for, and nobody learns who else was told.
async fn heard(tab: &mut Tab) -> Result<LiveMessage, RecvError> {
    loop {
        let message = tab.messages.recv().await?;
        if message.event != NOTICES {
            return Ok(message);
        }
        if message.ids.contains(&tab.actor.id.0) {
            return Ok(LiveMessage { ids: vec![], ..message });
        }
    }
}

fn concerns(message: &LiveMessage, tab: &Tab) -> bool {
    message.record.as_deref() == Some("member") && message.ids.contains(&tab.actor.id.0)
}

fn event(message: &LiveMessage) -> String {
    let data = serde_json::to_string(message).unwrap_or_else(|_| "{}".into());
    format!("event: {}\ndata: {data}\n\n", message.event)
}

async fn renewed(tab: &mut Tab) -> bool {
    tab.check_at = Instant::now() + tab.hub.heartbeat();
    !tab.hub.is_stopping() && still_signed_in(tab).await
}

/// A stream must not outlive a sign-out, a deactivation or a change of organisation.
async fn still_signed_in(tab: &Tab) -> bool {
    use crate::{db::Tx, schema::sessions};
    use diesel::{dsl::exists, prelude::*};
    let (user, org, sid) = (tab.actor.id, tab.actor.org_id, tab.session.clone());
    let alive = tab.db.system(Reason::Sessions, move |tx| {
        let open = diesel::select(exists(
            sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::org_id.eq(org.0)).filter(
                diesel::dsl::sql::<diesel::sql_types::Bool>("state->>'sid' = ")
                    .bind::<diesel::sql_types::Text, _>(format!("\"{sid}\"")),
            ),
        ))
        .get_result::<bool>(tx.conn())?;
        Ok(open && Actor::load(tx, user.into(), org)?.is_some())
    });
    alive.await.unwrap_or(true)
}
