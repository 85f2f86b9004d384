//! Choosing an owner for one record.

use super::{
    bench::Bench,
    model::{Arrival, Rule},
};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{AssignmentRuleId, CompanyId, MemberId, RecordType},
    schema::{assignment_rules, companies},
};
use diesel::{prelude::*, sql_types};
use uuid::Uuid;

/// An owner, and by which rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    pub owner: MemberId,
    pub rule: AssignmentRuleId,
}

/// The owner that the rules give this record, taking the turn in their team; nobody when no rule fits.
pub fn owner(tx: &mut OrgTx, arrival: &Arrival) -> AppResult<Option<Given>> {
    for rule in rules(tx)?.into_iter().filter(|rule| rule.terms.fits(arrival)) {
        let Some(mut bench) = Bench::of(tx, &rule, arrival.record)? else { continue };
        let Some(owner) = bench.take(1).pop() else { continue };
        bench.remember(tx, &rule)?;
        return Ok(Some(Given { owner: MemberId(owner), rule: rule.id }));
    }
    Ok(None)
}

/// In order.
pub(super) fn rules(tx: &mut OrgTx) -> AppResult<Vec<Rule>> {
    let all = assignment_rules::table.order((assignment_rules::position, assignment_rules::id));
    Ok(all.select(Rule::as_select()).load(tx.conn())?)
}

/// Country, region, industry and employees of a company.
type Known = (Option<String>, Option<String>, Option<String>, Option<i32>);

/// What is known of a deal with that company.
pub fn deal(tx: &mut OrgTx, company: Option<CompanyId>, source: Option<String>) -> AppResult<Arrival> {
    let mut arrival = Arrival { source, ..Arrival::of(RecordType::Deal) };
    let Some(company) = company else { return Ok(arrival) };
    let of = companies::table.filter(companies::id.eq(company));
    let known: Option<Known> = of
        .select((companies::country, companies::region, companies::industry, companies::employees))
        .first(tx.conn())
        .optional()?;
    if let Some(known) = known {
        (arrival.country, arrival.region, arrival.industry, arrival.employees) = known;
    }
    Ok(arrival)
}

/// By which rule a record got its owner is kept with it: its territory.
pub fn remember(tx: &mut OrgTx, record: RecordType, id: Uuid, given: Option<Given>) -> AppResult<()> {
    let Some(given) = given else { return Ok(()) };
    let sql = format!("UPDATE {} SET territory_id = $2 WHERE org_id = app.org() AND id = $1", record.noun());
    diesel::sql_query(sql).bind::<sql_types::Uuid, _>(id).bind::<sql_types::Uuid, _>(given.rule).execute(tx.conn())?;
    Ok(())
}
