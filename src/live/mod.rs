//! Live updates: a commit's NOTIFY reaches every process, and each process's hub passes it to the tabs of that organisation.
//!
//! Messages carry ids only; a tab re-fetches what it shows, so permissions are applied per viewer. A message lost with a broken
//! connection does no harm: after a reconnect the tab refreshes everything.

mod hub;
mod stream;

pub use hub::Hub;
pub use stream::{TAB_HEADER, live};

use crate::{
    db::{OrgTx, Tx, kept},
    error::AppResult,
    kernel::{MemberId, OrgId},
};
use diesel::{prelude::*, sql_types::Text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The channel every process listens on.
const CHANNEL: &str = "pipewright_live";

/// The event of messages to the members that they name, who have something to read. `app.tell` sends it too.
const NOTICES: &str = "notices";

/// What happened, by id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LiveMessage {
    /// The SSE event's name: `deals`, `records`, `refresh`.
    pub event: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Uuid>,
    /// Board columns touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Uuid>,
    /// `deal`, `contact`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The tab that caused it, which has shown it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl LiveMessage {
    /// A record changed.
    pub fn record(record: &str, id: Uuid) -> Self {
        Self { event: "records".into(), ids: vec![id], stages: vec![], record: Some(record.into()), by: None }
    }

    /// Cards changed, in these columns.
    pub fn deals(ids: Vec<Uuid>, stages: Vec<Uuid>, by: Option<String>) -> Self {
        Self { event: "deals".into(), ids, stages, record: Some("deal".into()), by }
    }

    /// What this member has to read is not what it was.
    pub fn notices(member: MemberId) -> Self {
        Self { event: NOTICES.into(), ids: vec![member.0], stages: vec![], record: None, by: None }
    }

    /// So much changed (an import, a bulk edit, a stage removed) that pages should fetch themselves anew.
    pub fn refresh() -> Self {
        Self { event: "refresh".into(), ids: vec![], stages: vec![], record: None, by: None }
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    org: OrgId,
    #[serde(flatten)]
    message: LiveMessage,
}

/// Sends the message when this transaction commits.
pub fn publish(tx: &mut OrgTx, message: &LiveMessage) -> AppResult<()> {
    let envelope = Envelope { org: tx.org_id(), message: message.clone() };
    let payload = serde_json::to_string(&envelope).map_err(anyhow::Error::from)?;
    // NOTIFY carries at most 8000 bytes.
    let payload = if payload.len() < 7_900 {
        payload
    } else {
        let refresh = Envelope { org: tx.org_id(), message: LiveMessage::refresh() };
        serde_json::to_string(&refresh).map_err(anyhow::Error::from)?
    };
    let notify = diesel::sql_query("SELECT pg_notify($1, $2)").bind::<Text, _>(CHANNEL).bind::<Text, _>(payload);
    kept(notify).execute(tx.conn())?;
    Ok(())
}
