//! How deals end, as the organisation words it: reasons, and whether a win is celebrated.

use super::{commands::tell, queries};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{Changes, Event},
    features::records::Saved,
    kernel::MemberId,
    schema::{deals, organisations, preferences},
    web::{Allow, FormErrors, permission::organisation::ManagePipelines},
};
use diesel::{prelude::*, upsert::excluded};

/// The key of a person's own choice among their preferences.
pub const CELEBRATE: &str = "celebrate";

/// Whether the organisation likes a win celebrated.
pub fn celebrates(tx: &mut OrgTx) -> AppResult<bool> {
    Ok(organisations::table.select(organisations::celebrate).first(tx.conn())?)
}

/// Whether a person likes their wins celebrated: yes, until they chose otherwise.
pub fn chose(tx: &mut OrgTx, member: MemberId) -> AppResult<bool> {
    let mine: Option<serde_json::Value> = preferences::table
        .filter(preferences::member_id.eq(member))
        .filter(preferences::key.eq(CELEBRATE))
        .select(preferences::value)
        .first(tx.conn())
        .optional()?;
    Ok(mine != Some(serde_json::Value::Bool(false)))
}

/// A person's own choice.
pub(super) fn choose(tx: &mut OrgTx, member: MemberId, on: bool) -> AppResult<()> {
    diesel::insert_into(preferences::table)
        .values((
            preferences::member_id.eq(member),
            preferences::key.eq(CELEBRATE),
            preferences::value.eq(serde_json::Value::Bool(on)),
        ))
        .on_conflict((preferences::org_id, preferences::member_id, preferences::key))
        .do_update()
        .set(preferences::value.eq(excluded(preferences::value)))
        .execute(tx.conn())?;
    Ok(())
}

/// Reasons for winning, one a line; doubles fall together, and there may be none.
pub(super) fn parse(lines: &[String]) -> Result<Vec<String>, FormErrors> {
    let mut reasons: Vec<String> = vec![];
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if line.chars().count() > 100 {
            return Err(FormErrors::one("won_reasons", "hold one that is too long: at most 100 characters a line"));
        }
        if !reasons.iter().any(|r| r.to_lowercase() == line.to_lowercase()) {
            reasons.push(line.clone());
        }
    }
    if reasons.len() > 50 { Err(FormErrors::one("won_reasons", "are too many: at most 50")) } else { Ok(reasons) }
}

/// Replaces the reasons for winning, if they still are those `seen`. Deals won before keep theirs.
pub(super) fn set(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    seen: &[String],
    reasons: Vec<String>,
    celebrate: bool,
) -> AppResult<Saved> {
    let (_, version) = queries::lock_lost_reasons(tx)?;
    let (before, celebrated) = (queries::won_reasons(tx)?, celebrates(tx)?);
    let mut changes = Changes::new();
    changes.track("won_reasons", &before, &reasons).track("celebrate", &celebrated, &celebrate);
    if changes.is_empty() {
        return Ok(Saved::Done(version));
    }
    if before.iter().ne(seen.iter().filter(|line| !line.is_empty())) {
        return Ok(Saved::Stale);
    }
    let kept: Vec<Option<String>> = reasons.into_iter().map(Some).collect();
    diesel::update(organisations::table)
        .set((
            (organisations::won_reasons.eq(kept), organisations::celebrate.eq(celebrate)),
            organisations::version.eq(version + 1),
        ))
        .execute(tx.conn())?;
    tell(tx, Event::of("organisation.updated", "organisation", by.org_id).version(version + 1).changes(changes))?;
    Ok(Saved::Done(version + 1))
}

/// Calls a reason something else, in the list and on every deal that has it, closed however long ago. Returns how many those are.
pub(super) fn rename(
    tx: &mut OrgTx,
    by: &Allow<ManagePipelines>,
    kind: &'static str,
    from: &str,
    to: &str,
) -> AppResult<usize> {
    let (lost, version) = queries::lock_lost_reasons(tx)?;
    let before = if kind == "lost" { lost } else { queries::won_reasons(tx)? };
    if !before.iter().any(|reason| reason == from) {
        return Err(AppError::field("reason", "is not one of the reasons any more"));
    }
    let same = |reason: &&String| reason.as_str() != from && reason.to_lowercase() == to.to_lowercase();
    if before.iter().any(|reason| same(&reason)) || to == crate::features::deals::OTHER {
        return Err(AppError::field("name", "is another reason already"));
    }
    let after: Vec<String> = before.iter().map(|r| if r == from { to.to_owned() } else { r.clone() }).collect();
    let mut changes = Changes::new();
    let key = if kind == "lost" { "lost_reasons" } else { "won_reasons" };
    changes.track(key, &before, &after);
    if changes.is_empty() {
        return Ok(0);
    }
    tx.without_time_limit()?;
    let kept: Vec<Option<String>> = after.into_iter().map(Some).collect();
    let deals = if kind == "lost" {
        diesel::update(organisations::table).set(organisations::lost_reasons.eq(kept)).execute(tx.conn())?;
        let those = deals::table.filter(deals::status.eq("lost")).filter(deals::lost_reason.eq(from));
        diesel::update(those).set(deals::lost_reason.eq(to)).execute(tx.conn())?
    } else {
        diesel::update(organisations::table).set(organisations::won_reasons.eq(kept)).execute(tx.conn())?;
        let those = deals::table.filter(deals::status.eq("won")).filter(deals::won_reason.eq(from));
        diesel::update(those).set(deals::won_reason.eq(to)).execute(tx.conn())?
    };
    diesel::update(organisations::table).set(organisations::version.eq(version + 1)).execute(tx.conn())?;
    tell(tx, Event::of("organisation.updated", "organisation", by.org_id).version(version + 1).changes(changes))?;
    Ok(deals)
}
