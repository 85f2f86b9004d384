//! Making and editing deals: row, event, search document and live message in the one transaction.

use super::{
    fineness::too_fine,
    lines,
    model::{AmountFrom, Deal, DealFields, DealStatus, NewDeal, Recurring},
    passage,
    positions::{self, Place},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    features::{
        accounts::members,
        assignment::{self, Given},
        fields, pipeline,
        quality::{self, Written},
        records::Saved,
    },
    kernel::{CompanyId, DealId, MemberId, RecordType, lines as kernel_lines},
    live::{self, LiveMessage},
    schema::{companies, counters, deals},
    search,
    web::{
        Actor, Allow,
        permission::deals::{Create, Edit},
    },
};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

/// Makes an open deal on top of its stage. The same form sent twice gives the same deal.
pub fn create(tx: &mut OrgTx, by: &Allow<Create>, mut new: NewDeal) -> AppResult<Deal> {
    // Stage before counter, as every command takes them.
    let stage = pipeline::lock_stage(tx, new.stage_id)?
        .ok_or_else(|| AppError::field("stage_id", "is not one of the stages"))?;
    let id = new.id.unwrap_or_else(DealId::new);
    if new.id.is_some() && exists(tx, id)? {
        return queries::find(tx, by, id);
    }
    check_references(tx, by, &DealFields::default(), &new.fields)?;
    check_recurring(&Recurring::default(), &new.fields.recurring)?;
    let given = with_owner(tx, &mut new.fields)?;
    let position = positions::at(tx, stage.id, Place::TOP, id)?;
    let number = next_number(tx)?;
    let said = &new.fields;
    diesel::insert_into(deals::table)
        .values((
            (deals::id.eq(id), deals::number.eq(number), deals::name.eq(&said.name)),
            (deals::company_id.eq(said.company_id), deals::pipeline_id.eq(stage.pipeline_id)),
            (deals::stage_id.eq(stage.id), deals::position.eq(position), deals::amount.eq(said.amount)),
            (deals::currency.eq(currency(by, said)), deals::probability.eq(said.probability)),
            (deals::expected_close_on.eq(said.expected_close_on), deals::owner_id.eq(said.owner_id)),
            (deals::source.eq(&said.source), deals::description.eq(&said.description)),
            (deals::priority.eq(&said.priority), deals::forecast_override.eq(&said.forecast_override)),
            (deals::external_id.eq(&said.external_id), deals::created_by.eq(by.id), deals::custom.eq(&said.custom)),
            (deals::next_step.eq(&said.next_step), deals::next_step_on.eq(said.next_step_on)),
            (deals::mrr.eq(said.recurring.mrr), deals::arr.eq(said.recurring.arr)),
            (deals::term_months.eq(said.recurring.term_months), deals::one_off.eq(said.recurring.one_off)),
        ))
        .execute(tx.conn())?;
    assignment::remember(tx, RecordType::Deal, id.0, given)?;
    quality::written(tx, RecordType::Deal, id.into(), Written::New)?;
    passage::begin(tx, id, &stage)?;
    // As it is kept: of MRR and ARR either follows the other.
    let written = DealFields::from(&reread(tx, id)?);
    let mut changes = changes(tx, by, &DealFields::default(), &written)?;
    changes.set("stage_id", &json!({ "id": stage.id, "name": stage.name }));
    events::record_quietly(tx, Event::new("deal.created", RecordType::Deal, id).version(1).changes(changes))?;
    search::reindex(tx, RecordType::Deal, &[id.into()])?;
    announce(tx, id, &[stage.id.into()], None)?;
    // Given away by a rule, it may be out of its maker's sight.
    reread(tx, id)
}

/// Without an owner the rules of assignment give it one, if one of them fits.
fn with_owner(tx: &mut OrgTx, fields: &mut DealFields) -> AppResult<Option<Given>> {
    if fields.owner_id.is_some() {
        return Ok(None);
    }
    let arrival = assignment::deal(tx, fields.company_id, fields.source.clone())?;
    let given = assignment::owner(tx, &arrival)?;
    fields.owner_id = given.map(|given| given.owner);
    Ok(given)
}

/// Saves what a person said about a deal. `version` is the one they were looking at: when the deal has moved on since, nothing is
/// written.
pub fn update(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId, version: i32, new: DealFields) -> AppResult<Saved> {
    write(tx, by, id, version, new, false)
}

/// The same with a share of its amount. What was finer than its currency before any such rule is shared as finely.
pub(super) fn keep_share(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    version: i32,
    new: DealFields,
) -> AppResult<Saved> {
    write(tx, by, id, version, new, true)
}

fn write(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    id: DealId,
    version: i32,
    new: DealFields,
    as_fine: bool,
) -> AppResult<Saved> {
    let before = queries::lock(tx, by, id)?;
    if before.version != version {
        return Ok(Saved::Stale);
    }
    let old = DealFields::from(&before);
    check_references(tx, by, &old, &new)?;
    check_recurring(&old.recurring, &new.recurring)?;
    if changes(tx, by, &old, &new)?.is_empty() {
        return Ok(Saved::Done(version));
    }
    let is_other = new.amount != old.amount || currency(by, &new) != before.currency;
    if let Some(told) = too_fine(&currency(by, &new), new.amount)
        && is_other
        && !as_fine
        && new.amount_from == AmountFrom::Hand
    {
        return Err(AppError::field("amount", told));
    }
    // Prices are in the deal's currency: another name for it would make €1,240 of $1,240.
    if currency(by, &new) != before.currency && lines::any(tx, id)? {
        let told =
            format!("The lines’ prices are in {}: take the lines off before the currency changes", before.currency);
        return Err(AppError::field("currency", told));
    }
    if new.amount_from == AmountFrom::Lines && old.amount_from == AmountFrom::Hand && !lines::any(tx, id)? {
        return Err(AppError::field("amount_from", "needs lines: there are none on this deal yet"));
    }
    diesel::update(deals::table.filter(deals::id.eq(id)))
        .set((
            (deals::name.eq(&new.name), deals::company_id.eq(new.company_id), deals::amount.eq(new.amount)),
            (deals::currency.eq(currency(by, &new)), deals::probability.eq(new.probability)),
            (deals::expected_close_on.eq(new.expected_close_on), deals::owner_id.eq(new.owner_id)),
            (deals::source.eq(&new.source), deals::description.eq(&new.description)),
            (deals::priority.eq(&new.priority), deals::forecast_override.eq(&new.forecast_override)),
            (deals::external_id.eq(&new.external_id), deals::version.eq(deals::version + 1)),
            (deals::custom.eq(&new.custom), deals::updated_at.eq(diesel::dsl::now)),
            (deals::amount_from.eq(new.amount_from.key()), deals::term_months.eq(new.recurring.term_months)),
            (
                deals::mrr.eq(new.recurring.mrr),
                deals::arr.eq(new.recurring.arr),
                deals::one_off.eq(new.recurring.one_off),
            ),
            (deals::next_step.eq(&new.next_step), deals::next_step_on.eq(new.next_step_on)),
        ))
        .execute(tx.conn())?;
    // As it is kept: amounts follow the lines or are fixed by what was typed, and ARR follows MRR.
    let written = DealFields::from(&reread(tx, id)?);
    let changes = changes(tx, by, &old, &written)?;
    quality::written(tx, RecordType::Deal, id.into(), Written::Changes(&changes))?;
    let event = Event::new("deal.updated", RecordType::Deal, id).version(version + 1).changes(changes);
    events::record_quietly(tx, event)?;
    search::reindex(tx, RecordType::Deal, &[id.into()])?;
    announce(tx, id, &[before.stage_id.into()], None)?;
    Ok(Saved::Done(version + 1))
}

/// Tells open boards and record pages.
pub(super) fn announce(tx: &mut OrgTx, id: DealId, stages: &[Uuid], tab: Option<String>) -> AppResult<()> {
    live::publish(tx, &LiveMessage::deals(vec![id.into()], stages.to_vec(), tab))
}

/// The deal as this transaction left it, without asking who looks.
pub(super) fn reread(tx: &mut OrgTx, id: DealId) -> AppResult<Deal> {
    let row = deals::table.filter(deals::id.eq(id)).select(super::model::DealRow::as_select()).first(tx.conn())?;
    Ok(row.into())
}

/// Refuses a deal that cannot change any more, in words that say what to do.
pub(super) fn must_be_on_board(deal: &Deal) -> AppResult<()> {
    match deal.status {
        DealStatus::Won { .. } => Err(AppError::Conflict("This deal is won. Reopen it first.".into())),
        DealStatus::Lost { .. } => Err(AppError::Conflict("This deal is lost. Reopen it first.".into())),
        DealStatus::Open if deal.archived_at.is_some() => {
            Err(AppError::Conflict("This deal is archived. Restore it first.".into()))
        }
        DealStatus::Open => Ok(()),
    }
}

fn exists(tx: &mut OrgTx, id: DealId) -> AppResult<bool> {
    Ok(diesel::select(diesel::dsl::exists(deals::table.filter(deals::id.eq(id)))).get_result(tx.conn())?)
}

/// The next human number. The counter's row stays locked until the transaction ends, so that no number is lost or used twice.
fn next_number(tx: &mut OrgTx) -> AppResult<i64> {
    Ok(diesel::update(counters::table.filter(counters::key.eq("deal")))
        .set(counters::value.eq(counters::value + 1))
        .returning(counters::value)
        .get_result(tx.conn())?)
}

/// A company or owner newly named must exist here, and be this person's to see: a forged id is no way to reach either.
fn check_references(tx: &mut OrgTx, by: &Actor, before: &DealFields, after: &DealFields) -> AppResult<()> {
    if after.company_id != before.company_id {
        check_company(tx, by, after.company_id)?;
    }
    if after.owner_id != before.owner_id {
        check_owner(tx, by, after.owner_id)?;
    }
    Ok(())
}

/// Of two that are both written anew, one is twelve times the other.
fn check_recurring(before: &Recurring, after: &Recurring) -> AppResult<()> {
    let (Some(mrr), Some(arr)) = (after.mrr, after.arr) else { return Ok(()) };
    let both = before.mrr != after.mrr && before.arr != after.arr;
    if both && !kernel_lines::is_twelfth(mrr, arr) {
        return Err(AppError::field("arr", "is not twelve times MRR: leave one of them empty"));
    }
    Ok(())
}

fn check_company(tx: &mut OrgTx, by: &Actor, company: Option<CompanyId>) -> AppResult<()> {
    let Some(company) = company else { return Ok(()) };
    let owner: Option<Option<Uuid>> = companies::table
        .filter(companies::id.eq(company))
        .filter(companies::deleted_at.is_null())
        .select(companies::owner_id)
        .first(tx.conn())
        .optional()?;
    match owner {
        Some(owner) if by.sees(owner) => Ok(()),
        _ => Err(AppError::field("company_id", "is not one of your companies")),
    }
}

fn check_owner(tx: &mut OrgTx, by: &Actor, owner: Option<MemberId>) -> AppResult<()> {
    members::check_owner(tx, owner, "owner_id")?;
    if owner.is_none() || by.sees(owner.map(Into::into)) {
        Ok(())
    } else {
        Err(AppError::field("owner_id", "is not one of the people you work with"))
    }
}

fn currency(by: &Actor, fields: &DealFields) -> String {
    fields.currency.map_or_else(|| by.org.currency.clone(), |c| c.code().to_owned())
}

pub(super) fn changes(tx: &mut OrgTx, by: &Actor, before: &DealFields, after: &DealFields) -> AppResult<Changes> {
    let mut changes = Changes::new();
    let text = |amount: Option<Decimal>| amount.map(|a| a.normalize().to_string());
    changes
        .track("name", &before.name, &after.name)
        .track("amount", &text(before.amount), &text(after.amount))
        .track("probability", &before.probability, &after.probability)
        .track("expected_close_on", &before.expected_close_on, &after.expected_close_on)
        .track("source", &before.source, &after.source)
        .track("priority", &before.priority, &after.priority)
        .track("forecast_override", &before.forecast_override, &after.forecast_override)
        .track("description", &before.description, &after.description)
        .track("next_step", &before.next_step, &after.next_step)
        .track("next_step_on", &before.next_step_on, &after.next_step_on)
        .track("external_id", &before.external_id, &after.external_id)
        .track("term_months", &before.recurring.term_months, &after.recurring.term_months)
        .track("mrr", &text(before.recurring.mrr), &text(after.recurring.mrr))
        .track("arr", &text(before.recurring.arr), &text(after.recurring.arr))
        .track("one_off", &text(before.recurring.one_off), &text(after.recurring.one_off))
        .track("amount_from", &before.amount_from.key(), &after.amount_from.key());
    if before.name.is_empty() {
        changes.set("name", &after.name);
        changes.set("currency", &currency(by, after));
    } else {
        changes.track("currency", &currency(by, before), &currency(by, after));
    }
    track_references(tx, &mut changes, before, after)?;
    fields::track(tx, RecordType::Deal, &before.custom, &after.custom, &mut changes)?;
    Ok(changes)
}

fn track_references(tx: &mut OrgTx, changes: &mut Changes, before: &DealFields, after: &DealFields) -> AppResult<()> {
    if before.company_id != after.company_id {
        let pair: (Value, Value) =
            (queries::company_ref(tx, before.company_id)?, queries::company_ref(tx, after.company_id)?);
        changes.track("company_id", &pair.0, &pair.1);
    }
    if before.owner_id != after.owner_id {
        let pair: (Value, Value) =
            (queries::member_ref(tx, before.owner_id)?, queries::member_ref(tx, after.owner_id)?);
        changes.track("owner_id", &pair.0, &pair.1);
    }
    Ok(())
}
