//! The end of a deal, and its taking back. A closed deal leaves the board and keeps its stage: how far it came.

use super::{
    commands::{announce, must_be_on_board, reread},
    model::{Deal, DealStatus},
    moves,
    passage::{self, Passing},
    queries, rivals,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        competitors, pipeline,
        quality::{self, Written},
    },
    kernel::{CompetitorId, DealId, RecordType},
    schema::{deals, events as told},
    search,
    web::{Allow, permission::deals::Edit},
};
use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use serde_json::{Value, json};

/// Opening a deal again within this time of its end takes a slip back: it stands where it stood, as if it had never left.
const SLIP: Duration = Duration::days(1);

/// The reason that needs words of its own.
pub const OTHER: &str = "Other";

/// What is said where it has none.
pub const OTHER_NEEDS_WORDS: &str = "Note is needed: say what the other reason was";

/// What is written when a deal is closed or comes back.
pub const CLOSING: [&str; 7] =
    ["status", "closed_at", "closed_by", "lost_reason", "lost_note", "lost_to", "stage_entered_at"];

/// Why a deal was lost: one of the organisation's reasons, or [`OTHER`] with a note.
#[derive(Clone, Debug)]
pub struct Loss {
    pub reason: String,
    pub note: Option<String>,
    /// Who won it instead.
    pub to: Option<CompetitorId>,
}

/// Why a deal was won, as far as anybody says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Win {
    /// One of the organisation's reasons.
    pub reason: Option<String>,
    pub note: Option<String>,
}

/// Won. Saying so twice changes nothing.
pub fn win(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, tab: Option<String>) -> AppResult<Deal> {
    win_passing(tx, by, id, Passing::Asked, tab)
}

/// The same, by somebody who may pass over what the stage wants ticked.
pub fn win_passing(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    passing: Passing,
    tab: Option<String>,
) -> AppResult<Deal> {
    let deal = queries::lock(tx, by, id)?;
    if matches!(deal.status, DealStatus::Won { .. }) {
        return Ok(deal);
    }
    must_be_on_board(&deal)?;
    let missing = passage::overridden(&passage::win(tx, by, &deal, passing)?);
    close(tx, by, deal, "won", None, missing, tab)
}

/// Lost, with the reason. Saying so twice keeps the first reason.
pub fn lose(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, loss: Loss, tab: Option<String>) -> AppResult<Deal> {
    let deal = queries::lock(tx, by, id)?;
    if matches!(deal.status, DealStatus::Lost { .. }) {
        return Ok(deal);
    }
    must_be_on_board(&deal)?;
    check(tx, &loss, None)?;
    close(tx, by, deal, "lost", Some(loss), None, tab)
}

/// A reason must be one of those offered, or the one it has already.
pub fn check(tx: &mut OrgTx, loss: &Loss, before: Option<&str>) -> AppResult<()> {
    let kept = before == Some(loss.reason.as_str());
    if !kept && loss.reason != OTHER && !pipeline::lost_reasons(tx)?.contains(&loss.reason) {
        return Err(AppError::field("lost_reason", "is not one of the reasons"));
    }
    if loss.reason == OTHER && loss.note.is_none() {
        return Err(AppError::field("lost_note", OTHER_NEEDS_WORDS));
    }
    if loss.to.is_some() {
        let unknown = |_| AppError::field("lost_to", "is not one of your competitors");
        rivals::known(tx, loss.to).map_err(unknown)?;
    }
    Ok(())
}

/// Says afterwards why a deal was lost, or says it better.
pub fn explain_loss(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, loss: Loss) -> AppResult<Deal> {
    let deal = queries::lock(tx, by, id)?;
    let DealStatus::Lost { reason, note, .. } = &deal.status else {
        return Err(AppError::Conflict("This deal is not lost.".into()));
    };
    check(tx, &loss, reason.as_deref())?;
    let mut changes = Changes::new();
    changes.track("lost_reason", reason, &Some(loss.reason.clone())).track("lost_note", note, &loss.note);
    changes.track("lost_to", &competitor(tx, deal.lost_to)?, &competitor(tx, loss.to)?);
    let said = (deals::lost_reason.eq(Some(&loss.reason)), deals::lost_note.eq(&loss.note), deals::lost_to.eq(loss.to));
    diesel::update(deals::table.filter(deals::id.eq(id))).set(said).execute(tx.conn())?;
    explained(tx, deal, loss.to, changes)
}

/// Says why a deal was won.
pub fn explain_win(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, win: Win) -> AppResult<Deal> {
    let deal = queries::lock(tx, by, id)?;
    if !matches!(deal.status, DealStatus::Won { .. }) {
        return Err(AppError::Conflict("This deal is not won.".into()));
    }
    if win.reason.is_some() && win.reason != deal.won_reason {
        let known = pipeline::won_reasons(tx)?;
        if !known.iter().any(|known| Some(known) == win.reason.as_ref()) {
            return Err(AppError::field("won_reason", "is not one of the reasons"));
        }
    }
    let mut changes = Changes::new();
    changes.track("won_reason", &deal.won_reason, &win.reason).track("won_note", &deal.won_note, &win.note);
    diesel::update(deals::table.filter(deals::id.eq(id)))
        .set((deals::won_reason.eq(&win.reason), deals::won_note.eq(&win.note)))
        .execute(tx.conn())?;
    explained(tx, deal, None, changes)
}

fn explained(tx: &mut OrgTx, deal: Deal, to: Option<CompetitorId>, changes: Changes) -> AppResult<Deal> {
    if changes.is_empty() {
        return Ok(deal);
    }
    if let Some(to) = to {
        rivals::met(tx, deal.id, to)?;
    }
    quality::written(tx, RecordType::Deal, deal.id.into(), Written::Changes(&changes))?;
    diesel::update(deals::table.filter(deals::id.eq(deal.id)))
        .set((deals::version.eq(deals::version + 1), deals::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    let event = Event::new("deal.updated", RecordType::Deal, deal.id).version(deal.version + 1).changes(changes);
    events::record_quietly(tx, event)?;
    announce(tx, deal.id, &[deal.stage_id.into()], None)?;
    reread(tx, deal.id)
}

/// As events keep references.
pub(super) fn competitor(tx: &mut OrgTx, id: Option<CompetitorId>) -> AppResult<Option<Value>> {
    let Some(id) = id else { return Ok(None) };
    let name = competitors::all(tx)?.into_iter().find(|c| c.id == id).map(|c| c.name);
    Ok(Some(json!({ "id": id, "name": name })))
}

/// Back to the stage it was closed in: where it stood, and as long there as it was, when it was closed by mistake a moment ago; else on
/// top, from now on. Reopening an open deal changes nothing.
pub fn reopen(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, tab: Option<String>) -> AppResult<Deal> {
    // Stage before deal: giving it a place locks the stage, and does no harm to a deal that is closed.
    if queries::find(tx, by, id)?.is_open() {
        return queries::find(tx, by, id);
    }
    let slip = closed_since(tx, id, Utc::now() - SLIP)?;
    if slip {
        moves::put_back(tx, id)?;
    } else {
        moves::reposition(tx, id)?;
    }
    let deal = queries::lock(tx, by, id)?;
    if deal.is_open() {
        return Ok(deal);
    }
    if deal.archived_at.is_some() {
        return Err(AppError::Conflict("This deal is archived. Restore it first.".into()));
    }
    let entered = if slip { deal.stage_entered_at } else { Utc::now() };
    diesel::update(deals::table.filter(deals::id.eq(id)))
        .set((
            (deals::status.eq("open"), deals::closed_at.eq(None::<DateTime<Utc>>)),
            (deals::closed_by.eq(None::<uuid::Uuid>), deals::lost_reason.eq(None::<String>)),
            (deals::lost_note.eq(None::<String>), deals::stage_entered_at.eq(entered)),
            (deals::lost_to.eq(None::<uuid::Uuid>), deals::won_reason.eq(None::<String>)),
            deals::won_note.eq(None::<String>),
            (deals::version.eq(deals::version + 1), deals::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("status", &deal.status.key(), &"open");
    let event = Event::new("deal.reopened", RecordType::Deal, id).version(deal.version + 1).changes(changes);
    let event = event.data(json!({ "stage_entered_at": entered }));
    settle(tx, event, &deal, tab)
}

/// Whether somebody closed the deal after that moment, whatever day they say it ended.
fn closed_since(tx: &mut OrgTx, id: DealId, moment: DateTime<Utc>) -> AppResult<bool> {
    let closing = told::table
        .filter(told::record_type.eq("deal").and(told::record_id.eq(id.0)))
        .filter(told::kind.eq_any(["deal.won", "deal.lost"]).and(told::at.gt(moment)));
    Ok(diesel::select(diesel::dsl::exists(closing)).get_result(tx.conn())?)
}

fn close(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    deal: Deal,
    status: &'static str,
    loss: Option<Loss>,
    overrode: Option<String>,
    tab: Option<String>,
) -> AppResult<Deal> {
    let (reason, note, lost_to) = loss.map_or((None, None, None), |loss| (Some(loss.reason), loss.note, loss.to));
    if let Some(to) = lost_to {
        rivals::met(tx, deal.id, to)?;
    }
    diesel::update(deals::table.filter(deals::id.eq(deal.id)))
        .set((
            (deals::status.eq(status), deals::closed_at.eq(Some(Utc::now())), deals::closed_by.eq(by.id)),
            (deals::lost_reason.eq(&reason), deals::lost_note.eq(&note), deals::lost_to.eq(lost_to)),
            (deals::version.eq(deals::version + 1), deals::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.track("status", &"open", &status).set("lost_reason", &reason).set("lost_note", &note);
    changes.set("lost_to", &competitor(tx, lost_to)?);
    let seconds = (Utc::now() - deal.stage_entered_at).num_seconds().max(0);
    let mut data = json!({ "stage": queries::stage_ref(tx, deal.stage_id)?, "seconds_in_stage": seconds,
        "amount": deal.amount.map(|a| a.to_string()), "currency": deal.currency });
    if let Some(missing) = overrode {
        data["overrode"] = json!(missing);
    }
    let kind = if status == "won" { "deal.won" } else { "deal.lost" };
    let event = Event::new(kind, RecordType::Deal, deal.id).version(deal.version + 1).changes(changes).data(data);
    settle(tx, event, &deal, tab)
}

fn settle(tx: &mut OrgTx, event: Event, deal: &Deal, tab: Option<String>) -> AppResult<Deal> {
    quality::written(tx, RecordType::Deal, deal.id.into(), Written::Fields(&CLOSING))?;
    events::record_quietly(tx, event)?;
    search::reindex(tx, RecordType::Deal, &[deal.id.into()])?;
    announce(tx, deal.id, &[deal.stage_id.into()], tab)?;
    reread(tx, deal.id)
}
