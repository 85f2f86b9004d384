//! Choosing an owner.

use super::model::{Arrival, Rule};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{AssignmentRuleId, MemberId, TeamId},
    schema::{assignment_rules, members, team_members},
};
use diesel::prelude::*;
use uuid::Uuid;

/// The owner that the rules give this lead, taking the turn in their team; nobody when no rule fits.
pub fn owner(tx: &mut OrgTx, lead: &Arrival) -> AppResult<Option<MemberId>> {
    for rule in rules(tx)?.into_iter().filter(|rule| rule.terms.fits(lead)) {
        let Some((people, start)) = turns(tx, &rule)? else { continue };
        let Some(next) = people.get(start).copied() else { continue };
        if rule.terms.team_id.is_some() {
            remember_turn(tx, rule.id, next)?;
        }
        return Ok(Some(MemberId(next)));
    }
    Ok(None)
}

/// In order.
pub(super) fn rules(tx: &mut OrgTx) -> AppResult<Vec<Rule>> {
    let all = assignment_rules::table.order((assignment_rules::position, assignment_rules::id));
    Ok(all.select(Rule::as_select()).load(tx.conn())?)
}

fn is_active(tx: &mut OrgTx, member: MemberId) -> AppResult<bool> {
    let found = members::table.filter(members::id.eq(member)).filter(members::deactivated_at.is_null());
    Ok(diesel::select(diesel::dsl::exists(found)).get_result(tx.conn())?)
}

/// Who takes turns under this rule, and at whom it is; `None` when nobody is at work. Holds a team's rule until the transaction ends.
pub(super) fn turns(tx: &mut OrgTx, rule: &Rule) -> AppResult<Option<(Vec<Uuid>, usize)>> {
    if let Some(member) = rule.terms.member_id {
        return Ok(is_active(tx, member)?.then(|| (vec![member.0], 0)));
    }
    let Some(team) = rule.terms.team_id else { return Ok(None) };
    let row = assignment_rules::table.filter(assignment_rules::id.eq(rule.id));
    let held = row.select(assignment_rules::last_member_id).for_no_key_update();
    // Deleted while we waited for it: it gives nobody anything.
    let Some(last) = held.first::<Option<Uuid>>(tx.conn()).optional()? else { return Ok(None) };
    let people = at_work(tx, team)?;
    let start = people.iter().position(|id| last.is_none_or(|last| *id > last)).unwrap_or(0);
    Ok((!people.is_empty()).then_some((people, start)))
}

/// It was that member's turn.
pub(super) fn remember_turn(tx: &mut OrgTx, rule: AssignmentRuleId, member: Uuid) -> AppResult<()> {
    diesel::update(assignment_rules::table.filter(assignment_rules::id.eq(rule)))
        .set(assignment_rules::last_member_id.eq(Some(member)))
        .execute(tx.conn())?;
    Ok(())
}

/// The team's active members, in the order of turns.
pub(super) fn at_work(tx: &mut OrgTx, team: TeamId) -> AppResult<Vec<Uuid>> {
    let team = team_members::table.filter(team_members::team_id.eq(team)).select(team_members::member_id);
    let team: Vec<Uuid> = team.load(tx.conn())?;
    let active = members::table.filter(members::id.eq_any(team)).filter(members::deactivated_at.is_null());
    Ok(active.order(members::id).select(members::id).load(tx.conn())?)
}
