//! One deal becomes several whose amounts add up to exactly what it was: it keeps the first share, the others are new deals in its stage,
//! with its company, people, owner and fields, and what they are given of its lines. All of it is one operation, and undone as one.
//!
//! A deal that was split did not shrink: what it was first is divided with it, and `deal_splits` keeps what a split did to each amount, so
//! that what changed between two days can be told apart.

mod back;
mod pages;
mod shares;

pub use back::{noted, rejoin};
pub(super) use pages::{ask, make};
pub use shares::equal;

use super::{
    cloning, commands,
    lines::{self, Line},
    links,
    model::{AmountFrom, Deal, DealFields, NewDeal, Recurring},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    features::{
        operations::{self, Done, NewOperation, Status, Tally},
        pipeline,
        records::Saved,
    },
    kernel::{Currency, DealId, Money, OperationId, RecordType},
    schema::{deal_splits, deals},
    web::{
        Allow,
        permission::deals::{Create, Edit},
    },
};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use shares::Plan;
use uuid::Uuid;

/// The kind of its operation.
pub const SPLIT: &str = "split";
const FEWEST: usize = 2;
const MOST: usize = 12;

/// Splits an open deal. The shares must add up to its amount; the first is its own. What recurs stays with it unless the plan shares it.
/// The same form, known by its `key`, splits once.
fn split(
    tx: &mut OrgTx,
    (by, edit): (&Allow<Create>, &Allow<Edit>),
    id: DealId,
    (version, key): (i32, Option<Uuid>),
    plan: impl FnOnce(&[Line]) -> AppResult<Plan>,
) -> AppResult<OperationId> {
    // Stage before deal, as every command takes them.
    let stage = queries::find(tx, by, id)?.stage_id;
    pipeline::lock_stage(tx, stage)?;
    let deal = queries::lock(tx, by, id)?;
    let key = match key.map(|key| operations::of_request(tx, key)).transpose()?.flatten() {
        // Undone since, and asked for again: that is another split.
        Some(known) if known.status() == Status::Undone => None,
        Some(known) => return Ok(known.id),
        None => key,
    };
    if deal.version != version || deal.stage_id != stage {
        return Err(AppError::Conflict(
            "This deal was changed meanwhile. What you typed is below: look at it again, and then split it.".into(),
        ));
    }
    commands::must_be_on_board(&deal)?;
    let whole = splittable(&deal)?;
    let lines = lines::all(tx, id)?;
    let plan = &plan(&lines)?;
    let currency: Currency = deal.currency.parse().map_err(|told: &str| AppError::field("", told))?;
    let (shares, lines_of) = shares::with_lines(plan, &deal, &lines, currency)?;
    // What is finer than the currency's coins is told as finely.
    let told = |amount: Decimal| match amount.normalize().scale() {
        digits if digits > currency.digits() => format!("{} {}", by.locale.decimal(amount, digits), currency.code()),
        _ => by.locale.money(Money { amount, currency }),
    };
    shares::check(whole, &shares, currency, told)?;
    let count = i64::try_from(shares.len()).unwrap_or(i64::MAX);
    let new = NewOperation {
        kind: SPLIT,
        record: RecordType::Deal,
        title: format!("Split {} into {count}", deal.reference()),
        params: json!({ "back": format!("/deals/{id}") }),
        total: count,
        request_key: key,
    };
    let op = operations::begin(tx, &new)?;
    let columns = ["name", "amount", "amount_from", "mrr", "arr", "term_months", "one_off", "first_amount"];
    operations::remember(tx, op, RecordType::Deal, &[id.0], &columns, Done::Updated)?;
    if !lines.is_empty() {
        back::remember_lines(tx, op, id, &lines)?;
    }
    let recurring = shares::recurring(&deal, whole, &shares, plan.shares_recurring);
    let follows = |n: usize| follows(&deal, &shares[n], &lines_of[n]);
    lines::keep(tx, id, &lines, &lines_of[0])?;
    tx.because(json!({ "title": format!("Split into {count}"), "operation_id": op, "split": true }));
    keep_first(tx, edit, &deal, &shares[0], (recurring[0], follows(0)))?;
    divide_promise(tx, &deal, whole, shares[0].amount)?;
    let mut made: Vec<Uuid> = Vec::with_capacity(shares.len());
    let (mut told, template) = (Vec::new(), cloning::fields_of(tx, by, &deal, true)?);
    let title = format!("Split off from {}", deal.reference());
    tx.because(json!({ "title": title, "operation_id": op, "split": true }));
    for (n, share) in shares.iter().enumerate().skip(1) {
        let recurring = recurring[n];
        let fields = DealFields { name: share.name.clone(), amount: Some(share.amount), recurring, ..template.clone() };
        let created = commands::create(tx, by, NewDeal { id: None, stage_id: stage, fields });
        let part = created.map_err(of_the_whole)?;
        lines::give(tx, part.id, &lines_of[n], follows(n))?;
        cloning::copy_contacts(tx, id, part.id)?;
        links::write(tx, "split", id, part.id)?;
        note(tx, part.id, &deal.currency, share.amount)?;
        told.push(part.reference());
        made.push(part.id.0);
    }
    tx.because(json!({}));
    note(tx, id, &deal.currency, shares[0].amount - whole)?;
    operations::remember_created(tx, op, RecordType::Deal, &made)?;
    links::tell(tx, &deal, format!("Split: {} split off", told.join(", ")))?;
    operations::advance(tx, op, &Tally { changed: count, ..Tally::default() })?;
    operations::finish(tx, op)?;
    Ok(op)
}

/// Whether the share's amount follows its lines: it did before, and they come to exactly it.
fn follows(deal: &Deal, share: &shares::Share, lines: &[Line]) -> AmountFrom {
    let net: Decimal = lines.iter().map(Line::net).sum();
    let exactly = !lines.is_empty() && net == share.amount;
    if deal.amount_from == AmountFrom::Lines && exactly { AmountFrom::Lines } else { AmountFrom::Hand }
}

fn keep_first(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    deal: &Deal,
    share: &shares::Share,
    (recurring, amount_from): (Recurring, AmountFrom),
) -> AppResult<()> {
    let (name, amount) = (share.name.clone(), Some(share.amount));
    // What recurs follows the lines where the amount does.
    let recurring = if amount_from == AmountFrom::Lines { deal.recurring } else { recurring };
    let fields = DealFields { name, amount, amount_from, recurring, ..DealFields::from(deal) };
    match commands::keep_share(tx, by, deal.id, deal.version, fields).map_err(of_the_whole)? {
        Saved::Done(_) => Ok(()),
        Saved::Stale => Err(AppError::Conflict("This deal was changed meanwhile.".into())),
    }
}

/// What is wrong with a field of the deals is said of the form as a whole, which does not have them.
fn of_the_whole(error: AppError) -> AppError {
    match error {
        AppError::Invalid(errors) => AppError::field("", errors.summary()),
        other => other,
    }
}

/// As far below its first amount as it was, it is still.
fn divide_promise(tx: &mut OrgTx, deal: &Deal, whole: Decimal, share: Decimal) -> AppResult<()> {
    let first = shares::of(deal.first_amount.unwrap_or(whole), share, whole).round_dp(4);
    diesel::update(deals::table.filter(deals::id.eq(deal.id))).set(deals::first_amount.eq(first)).execute(tx.conn())?;
    Ok(())
}

/// What the split, or taking it back, did to an amount.
fn note(tx: &mut OrgTx, deal: DealId, currency: &str, amount: Decimal) -> AppResult<()> {
    diesel::insert_into(deal_splits::table)
        .values((deal_splits::deal_id.eq(deal), deal_splits::currency.eq(currency), deal_splits::amount.eq(amount)))
        .execute(tx.conn())?;
    Ok(())
}

fn splittable(deal: &Deal) -> AppResult<Decimal> {
    match deal.amount {
        Some(amount) if amount > Decimal::ZERO => Ok(amount),
        _ => Err(AppError::Conflict("This deal has no amount to share. Give it one first.".into())),
    }
}
