//! Making, changing, ordering and deleting rules, each an event.

use super::{
    choice,
    model::{Rule, Terms},
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::accounts::members,
    kernel::AssignmentRuleId,
    schema::{assignment_rules, teams, web_forms},
    web::{Allow, permission::organisation::Administer},
};
use diesel::prelude::*;
use serde_json::{Value, json};

/// Rules that an organisation may have: each new lead reads them all.
const MOST: usize = 200;

/// A new rule comes last, but before the default.
pub(super) fn create(tx: &mut OrgTx, _: &Allow<Administer>, terms: &Terms) -> AppResult<AssignmentRuleId> {
    check(tx, terms)?;
    let mut order = lock_all(tx)?;
    if order.len() >= MOST {
        return Err(AppError::Conflict(format!("There are {MOST} rules already. Delete one first.")));
    }
    let id = AssignmentRuleId::new();
    diesel::insert_into(assignment_rules::table)
        .values((assignment_rules::id.eq(id), terms, assignment_rules::position.eq(0)))
        .execute(tx.conn())?;
    let default = order.iter().position(|rule| rule.terms.is_default()).unwrap_or(order.len());
    let place = if terms.is_default() { order.len() } else { default };
    order.insert(place, Rule { id, terms: terms.clone() });
    number(tx, &order)?;
    events::record(tx, Event::of("assignment_rule.created", "assignment_rule", id).data(told(terms)))?;
    Ok(id)
}

pub(super) fn find(tx: &mut OrgTx, id: AssignmentRuleId) -> AppResult<Rule> {
    Ok(assignment_rules::table.filter(assignment_rules::id.eq(id)).select(Rule::as_select()).first(tx.conn())?)
}

pub(super) fn update(tx: &mut OrgTx, _: &Allow<Administer>, id: AssignmentRuleId, terms: &Terms) -> AppResult<()> {
    let before = find(tx, id)?;
    check(tx, terms)?;
    diesel::update(assignment_rules::table.filter(assignment_rules::id.eq(id))).set(terms).execute(tx.conn())?;
    let data = json!({ "before": told(&before.terms), "after": told(terms) });
    events::record(tx, Event::of("assignment_rule.updated", "assignment_rule", id).data(data))
}

/// One place up or down.
pub(super) fn shift(tx: &mut OrgTx, _: &Allow<Administer>, id: AssignmentRuleId, up: bool) -> AppResult<()> {
    let mut order = lock_all(tx)?;
    let at = order.iter().position(|rule| rule.id == id).ok_or(AppError::NotFound)?;
    let to = if up { at.saturating_sub(1) } else { (at + 1).min(order.len() - 1) };
    order.swap(at, to);
    number(tx, &order)?;
    events::record(tx, Event::of("assignment_rule.moved", "assignment_rule", id))
}

pub(super) fn delete(tx: &mut OrgTx, _: &Allow<Administer>, id: AssignmentRuleId) -> AppResult<()> {
    let rule = find(tx, id)?;
    diesel::delete(assignment_rules::table.filter(assignment_rules::id.eq(id))).execute(tx.conn())?;
    events::record(tx, Event::of("assignment_rule.deleted", "assignment_rule", id).data(told(&rule.terms)))
}

/// Whom and what a rule names must be there.
fn check(tx: &mut OrgTx, terms: &Terms) -> AppResult<()> {
    members::check_owner(tx, terms.member_id, "to")?;
    if let Some(team) = terms.team_id {
        let found = teams::table.filter(teams::id.eq(team));
        if !diesel::select(diesel::dsl::exists(found)).get_result::<bool>(tx.conn())? {
            return Err(AppError::field("to", "is not one of the choices"));
        }
    }
    if let Some(form) = terms.form_id {
        let found = web_forms::table.filter(web_forms::id.eq(form));
        if !diesel::select(diesel::dsl::exists(found)).get_result::<bool>(tx.conn())? {
            return Err(AppError::field("form_id", "is not one of the choices"));
        }
    }
    Ok(())
}

/// Every rule in order, held, so that two people do not order them at once.
fn lock_all(tx: &mut OrgTx) -> AppResult<Vec<Rule>> {
    let by_id = assignment_rules::table.order(assignment_rules::id).select(assignment_rules::id);
    by_id.for_no_key_update().load::<AssignmentRuleId>(tx.conn())?;
    choice::rules(tx)
}

fn number(tx: &mut OrgTx, order: &[Rule]) -> AppResult<()> {
    for (position, rule) in (1..).zip(order) {
        diesel::update(assignment_rules::table.filter(assignment_rules::id.eq(rule.id)))
            .set(assignment_rules::position.eq::<i32>(position))
            .execute(tx.conn())?;
    }
    Ok(())
}

fn told(terms: &Terms) -> Value {
    json!({
        "name": terms.name, "covers": terms.covers, "share": terms.share, "region": terms.region, "industry": terms.industry,
        "form": terms.form_id, "source": terms.source, "campaign": terms.campaign, "countries": terms.countries,
        "size_from": terms.size_from, "size_to": terms.size_to,
        "member": terms.member_id, "team": terms.team_id,
    })
}
