//! What a deal's page says of its end: the words, what may be chosen as the reason, and whether it is a moment to celebrate.

use super::{
    closure::Loss,
    model::{Deal, DealStatus},
    queries,
    rivals::{self, Rivals},
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        competitors, pipeline,
    },
    kernel::{DealId, MemberId},
    web::{Actor, Allow, SelectOption, permission::deals::Edit},
};
use chrono::{TimeDelta, Utc};

/// "Won today 14:30 by Maya Okafor", with the reason.
pub(super) fn words(actor: &Actor, deal: &Deal, people: &[Person], rivals: &Rivals) -> Option<String> {
    let name = |by: &Option<MemberId>| {
        let name = by.and_then(|by| people.iter().find(|p| p.id == by)).map(|p| format!(" by {}", p.name));
        name.unwrap_or_default()
    };
    let why = |parts: [Option<&str>; 2]| {
        let why = parts.into_iter().flatten().collect::<Vec<_>>().join(" – ");
        if why.is_empty() { String::new() } else { format!(": {why}") }
    };
    match &deal.status {
        DealStatus::Open => None,
        DealStatus::Won { at, by } => {
            let why = why([deal.won_reason.as_deref(), deal.won_note.as_deref()]);
            Some(format!("Won {}{}{why}", actor.within(*at), name(by)))
        }
        DealStatus::Lost { at, by, reason, note } => {
            let to = rivals.rows.iter().find(|rival| rival.won).map(|rival| format!(" to {}", rival.name));
            let why = why([reason.as_deref(), note.as_deref()]);
            Some(format!("Lost{} {}{}{why}", to.unwrap_or_default(), actor.within(*at), name(by)))
        }
    }
}

/// A deal is lost once. Who loses it again, for another reason, is told what the first said, and overwrites it knowingly or not at all.
pub(super) fn refuse_second(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, loss: &Loss) -> AppResult<()> {
    let deal = queries::lock(tx, by, id)?;
    let DealStatus::Lost { reason, note, .. } = &deal.status else { return Ok(()) };
    if (reason.as_ref(), note, deal.lost_to) == (Some(&loss.reason), &loss.note, loss.to) {
        return Ok(());
    }
    let (people, rivals) = (members::directory(tx)?, rivals::of(tx, by, &deal)?);
    let first = words(by, &deal, &people, &rivals).unwrap_or_default();
    let first = first.replacen("Lost", "Lost already", 1);
    let told = format!("{first}. What you typed is not saved: save it on the deal’s page to replace that.");
    Err(AppError::field("", told))
}

/// The reasons offered; the deal's own first chosen, even when it is offered no more.
pub(super) fn lost_reasons(tx: &mut OrgTx, deal: &Deal) -> AppResult<Vec<SelectOption>> {
    let offered = pipeline::board::lost_reasons(tx)?;
    let own = match &deal.status {
        DealStatus::Lost { reason, .. } => reason.as_deref(),
        _ => None,
    };
    Ok(with_own(offered, own))
}

/// Asked of a deal that is won.
pub(super) fn won_reasons(tx: &mut OrgTx, deal: &Deal) -> AppResult<Vec<SelectOption>> {
    if !matches!(deal.status, DealStatus::Won { .. }) {
        return Ok(vec![]);
    }
    let offered = pipeline::won_reasons(tx)?.into_iter().map(|r| SelectOption::new(r.clone(), r, false)).collect();
    Ok(with_own(offered, deal.won_reason.as_deref()))
}

fn with_own(mut offered: Vec<SelectOption>, own: Option<&str>) -> Vec<SelectOption> {
    let Some(own) = own else { return offered };
    match offered.iter_mut().find(|option| option.value == own) {
        Some(option) => option.selected = true,
        None => offered.insert(0, SelectOption::new(own, own, true)),
    }
    offered
}

pub(super) fn lost_to(tx: &mut OrgTx, deal: &Deal) -> AppResult<Vec<SelectOption>> {
    let own = deal.lost_to.map(|id| id.to_string()).unwrap_or_default();
    Ok(competitors::choices(&competitors::all(tx)?, &own))
}

/// Won by the reader within the last seconds.
pub(super) fn celebrates(tx: &mut OrgTx, actor: &Actor, deal: &Deal) -> AppResult<bool> {
    match deal.status {
        DealStatus::Won { at, by } if by == Some(actor.id) && Utc::now() - at < TimeDelta::seconds(20) => {
            likes_it(tx, actor)
        }
        _ => Ok(false),
    }
}

/// Whether this person is to see a win celebrated: their organisation likes it, and they did not turn it off.
pub fn likes_it(tx: &mut OrgTx, actor: &Actor) -> AppResult<bool> {
    Ok(pipeline::closing::celebrates(tx)? && pipeline::closing::chose(tx, actor.id)?)
}
