//! What of the events is told: whose something became, and what happens to deals and activities. Every command writes its event
//! anyway, so none has to think of this. What changes many records at once writes its events in bulk and tells of them by itself.

use super::{
    activities,
    kind::Kind,
    tell::{Notice, To, tell},
};
use crate::{db::OrgTx, error::AppResult, events::Event, features::records::Subject, kernel::MemberId};
use serde_json::Value;

/// Called for each event, in its transaction.
pub fn hear(tx: &mut OrgTx, event: &Event) -> AppResult<()> {
    if event.record_type == "activity_series" {
        return activities::hear_series(tx, event);
    }
    let Some(about) = Subject::from_key(event.record_type, event.record_id) else { return Ok(()) };
    let in_bulk = tx.cause().is_some_and(|cause| cause.get("bulk").is_some());
    match (event.changes.pair("owner_id").filter(|_| !in_bulk), about) {
        (Some((before, after)), _) => owned(tx, about, event, before, after)?,
        (None, Subject::Activity(id)) => activities::hear(tx, id, event)?,
        (None, _) => {}
    }
    match event.kind {
        "deal.moved" => moved(tx, event, about),
        "deal.won" => closed(tx, event, about, "won"),
        "deal.lost" => closed(tx, event, about, "lost"),
        "deal.reopened" => closed(tx, event, about, "reopened"),
        _ => Ok(()),
    }
}

/// The new owner, and then those who look on. Of one topic: whom it became has heard enough.
fn owned(tx: &mut OrgTx, about: Subject, event: &Event, before: &Value, after: &Value) -> AppResult<()> {
    let (giver, taker) = (member(before), member(after));
    let topic = |kind| Notice::new(kind).about(about).topic(activities::OWNER);
    if let Some(taker) = taker {
        tell(tx, &topic(Kind::Assigned), To::people([taker]))?;
    }
    let notice = topic(Kind::HandedOver).param("to", &name(after));
    if let Subject::Activity(id) = about {
        // Whose it was hears that it is not any more; those who look on rather hear of another time in the same save.
        if giver.is_some() {
            tell(tx, &notice, To::people(giver))?;
        }
        activities::hear(tx, id, event)?;
    }
    if giver.is_some() {
        tell(tx, &notice, To::followers().and(giver))?;
    }
    Ok(())
}

fn moved(tx: &mut OrgTx, event: &Event, about: Subject) -> AppResult<()> {
    // Without a new stage it only changed its place in the column.
    let Some((from, to)) = event.changes.pair("stage_id") else { return Ok(()) };
    let notice = Notice::new(Kind::Moved).about(about).param("from", &name(from)).param("to", &name(to));
    tell(tx, &notice, To::followers()).map(drop)
}

fn closed(tx: &mut OrgTx, event: &Event, about: Subject, how: &str) -> AppResult<()> {
    let mut notice = Notice::new(Kind::Closed).about(about).param("how", &how);
    if let Some(reason) = event.changes.pair("lost_reason").and_then(|(_, reason)| reason.as_str()) {
        notice = notice.param("reason", &reason);
    }
    tell(tx, &notice, To::followers()).map(drop)
}

/// References in events carry `{"id", "name"}`.
fn member(reference: &Value) -> Option<MemberId> {
    reference.get("id")?.as_str()?.parse().ok()
}

fn name(reference: &Value) -> String {
    reference.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
