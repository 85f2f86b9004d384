//! Writing lines. Each change is one of the deal: its version, its amount when it follows the lines, one event.

use super::{
    super::{
        commands::{announce, changes, reread},
        model::{AmountFrom, Deal, DealFields},
        queries,
    },
    forms::Said,
    model::{self, Line},
    undo,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Event},
    features::quality::{self, Written},
    kernel::{
        Currency, DealId, LineId, RecordType,
        lines::{Discount, Interval},
        money,
    },
    schema::{deal_lines, deals},
    web::{Actor, Allow, permission::deals::Edit},
};
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

/// Lines of a deal.
const MOST: usize = 200;

/// The deal's currency, which its lines are in.
pub(super) fn currency(deal: &Deal) -> AppResult<Currency> {
    deal.currency.parse().map_err(|error: &str| AppError::field("currency", error))
}

/// Adds a line at the end. The same form sent twice adds one.
pub(super) fn add(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, id: LineId, said: &Said) -> AppResult<()> {
    let there = model::of(tx, deal.id)?;
    if there.iter().any(|line| line.id == id) {
        return Ok(());
    }
    if there.len() >= MOST {
        return Err(AppError::field("product", format!("cannot be added: {MOST} lines are the most a deal can have")));
    }
    let line = build(deal, id, there.last().map_or(0, |last| last.position + 1), said)?;
    insert(tx, &line)?;
    let from = if there.is_empty() && deal.amount.is_none() { AmountFrom::Lines } else { deal.amount_from };
    settle(tx, by, deal, from, &[(None, Some(line))])
}

fn build(deal: &Deal, id: LineId, position: i32, said: &Said) -> AppResult<Line> {
    let priced = said.priced;
    let too_much = || AppError::field("quantity", "makes more than can be kept");
    let (percent, amount) = match priced.discount {
        Discount::None => (None, None),
        Discount::Percent(percent) => (Some(percent), None),
        Discount::Amount(amount) => (None, Some(amount)),
    };
    let line = Line {
        id,
        deal_id: deal.id,
        position,
        product_id: said.product.as_ref().map(|product| product.id),
        name: said.name.clone(),
        unit: said.unit.clone(),
        quantity: priced.quantity,
        unit_price: priced.unit_price,
        discount_percent: percent,
        discount_amount: amount,
        tax_class_id: said.tax_class_id,
        tax_rate: priced.tax_rate,
        every: priced.recurring.map(|(every, _)| Interval::key(every).to_owned()),
        periods: priced.periods(),
        period_net: priced.period_net(currency(deal)?).ok_or_else(too_much)?,
        from_currency: said.price.from.map(|(currency, ..)| currency.code().to_owned()),
        from_rate: said.price.from.map(|(_, rate, _)| rate),
        from_on: said.price.from.map(|(.., on)| on),
    };
    Ok(line.normalized())
}

pub(super) fn insert(tx: &mut OrgTx, line: &Line) -> AppResult<()> {
    diesel::insert_into(deal_lines::table).values(line).execute(tx.conn())?;
    Ok(())
}

/// Changes a line. False where it would, and `stale`, the form it comes from, shows it as it was before somebody else changed it.
pub(super) fn update(
    tx: &mut OrgTx,
    by: &Allow<Edit>,
    deal: &Deal,
    before: Line,
    said: &Said,
    stale: bool,
) -> AppResult<bool> {
    let mut line = build(deal, before.id, before.position, said)?;
    if line.unit_price == before.unit_price && line.product_id == before.product_id {
        // The price was not written again: it still comes from where it came from.
        line.from_currency.clone_from(&before.from_currency);
        (line.from_rate, line.from_on) = (before.from_rate, before.from_on);
    }
    if line == before {
        return Ok(true);
    }
    if stale {
        return Ok(false);
    }
    write(tx, &line)?;
    settle(tx, by, deal, deal.amount_from, &[(Some(before), Some(line))])?;
    Ok(true)
}

pub(super) fn write(tx: &mut OrgTx, line: &Line) -> AppResult<()> {
    let of_deal = deal_lines::table.filter(deal_lines::deal_id.eq(line.deal_id));
    diesel::update(of_deal.filter(deal_lines::id.eq(line.id)))
        .set((line, deal_lines::updated_at.eq(diesel::dsl::now)))
        .execute(tx.conn())?;
    Ok(())
}

/// Takes a line off. Without lines the amount is nobody's until somebody writes it.
pub(super) fn remove(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, id: LineId) -> AppResult<Line> {
    let before = model::find(tx, deal.id, id)?;
    delete(tx, &before)?;
    settle(tx, by, deal, deal.amount_from, &[(Some(before.clone()), None)])?;
    Ok(before)
}

pub(super) fn delete(tx: &mut OrgTx, line: &Line) -> AppResult<()> {
    let of_deal = deal_lines::table.filter(deal_lines::deal_id.eq(line.deal_id));
    diesel::delete(of_deal.filter(deal_lines::id.eq(line.id))).execute(tx.conn())?;
    Ok(())
}

/// Puts the lines in that order; those it does not name keep theirs, after them. No event: nothing of the deal depends on it.
pub(super) fn reorder(tx: &mut OrgTx, _: &Allow<Edit>, deal: &Deal, order: &[LineId]) -> AppResult<()> {
    let mut there = model::of(tx, deal.id)?;
    let place = |line: &Line| order.iter().position(|id| *id == line.id).unwrap_or(usize::MAX);
    there.sort_by_key(|line| (place(line), line.position));
    for (position, line) in (0..).zip(&there) {
        if line.position != position {
            let of_deal = deal_lines::table.filter(deal_lines::deal_id.eq(deal.id));
            diesel::update(of_deal.filter(deal_lines::id.eq(line.id)))
                .set(deal_lines::position.eq(position))
                .execute(tx.conn())?;
        }
    }
    announce(tx, deal.id, &[], None)
}

/// The amount follows the lines from now on, or stands as it is.
pub(super) fn follow(tx: &mut OrgTx, by: &Allow<Edit>, deal: &Deal, from: AmountFrom) -> AppResult<()> {
    if deal.amount_from == from {
        return Ok(());
    }
    if from == AmountFrom::Lines && !super::any(tx, deal.id)? {
        return Err(AppError::field("amount_from", "needs lines: there are none on this deal yet"));
    }
    settle(tx, by, deal, from, &[])
}

/// After lines were written: the deal's own figures, its version, the rules, the event.
pub(super) fn settle(
    tx: &mut OrgTx,
    by: &Actor,
    deal: &Deal,
    from: AmountFrom,
    changed: &[(Option<Line>, Option<Line>)],
) -> AppResult<()> {
    let there = model::of(tx, deal.id)?;
    if !money::fits(there.iter().map(Line::net).sum::<Decimal>()) {
        return Err(AppError::field("quantity", "makes more than can be kept"));
    }
    let nothing_left = from == AmountFrom::Lines && there.is_empty();
    let row = deals::table.filter(deals::id.eq(deal.id));
    let version = (deals::version.eq(deals::version + 1), deals::updated_at.eq(diesel::dsl::now));
    if nothing_left {
        let none = None::<Decimal>;
        let figures = (deals::amount.eq(none), deals::mrr.eq(none), deals::arr.eq(none), deals::one_off.eq(none));
        let hand = (deals::amount_from.eq(AmountFrom::Hand.key()), deals::term_months.eq(None::<i32>));
        diesel::update(row).set((version, figures, hand)).execute(tx.conn())?;
    } else {
        diesel::update(row).set((version, deals::amount_from.eq(from.key()))).execute(tx.conn())?;
    }
    let after = reread(tx, deal.id)?;
    let mut changes = changes(tx, by, &DealFields::from(deal), &DealFields::from(&after))?;
    for (before, line) in changed {
        undo::track(&mut changes, by, &deal.currency, before.as_ref(), line.as_ref());
    }
    quality::written(tx, RecordType::Deal, deal.id.into(), Written::Changes(&changes))?;
    let event = Event::new("deal.updated", RecordType::Deal, deal.id).version(after.version).changes(changes);
    let event = match changed {
        [(before, line)] => {
            event.data(json!({ "title": undo::title(by, &deal.currency, before.as_ref(), line.as_ref()) }))
        }
        _ => event,
    };
    events::record_quietly(tx, event)?;
    announce(tx, deal.id, &[deal.stage_id.into()], None)
}

/// Gives `to` the lines of `from`, in the same currency, as it is made (clones, templates); the caller holds `to` and records its own
/// event. The amount follows them where it did before.
pub fn copy(tx: &mut OrgTx, from: &Deal, to: DealId) -> AppResult<()> {
    let lines = model::of(tx, from.id)?;
    if lines.is_empty() {
        return Ok(());
    }
    for line in lines {
        insert(tx, &Line { id: LineId::new(), deal_id: to, ..line })?;
    }
    diesel::update(deals::table.filter(deals::id.eq(to)))
        .set((deals::amount_from.eq(from.amount_from.key()), deals::currency.eq(&from.currency)))
        .execute(tx.conn())?;
    Ok(())
}

/// Of the lines `before`, those in `after` stay, as they are there; what is missing comes, the rest goes. The caller holds the deal and sees
/// to its figures.
pub fn keep(tx: &mut OrgTx, deal: DealId, before: &[Line], after: &[Line]) -> AppResult<()> {
    for line in before.iter().filter(|line| after.iter().all(|kept| kept.id != line.id)) {
        delete(tx, line)?;
    }
    for line in after {
        let line = Line { deal_id: deal, ..line.clone() };
        match before.iter().find(|was| was.id == line.id) {
            Some(was) if *was == line => {}
            Some(_) => write(tx, &line)?,
            None => insert(tx, &line)?,
        }
    }
    Ok(())
}

/// Gives a new deal copies of these lines, and says whether its amount follows them.
pub fn give(tx: &mut OrgTx, to: DealId, lines: &[Line], from: AmountFrom) -> AppResult<()> {
    for line in lines {
        insert(tx, &Line { id: LineId::new(), deal_id: to, ..line.clone() })?;
    }
    if from == AmountFrom::Lines {
        diesel::update(deals::table.filter(deals::id.eq(to)))
            .set(deals::amount_from.eq(from.key()))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The deal, held until the transaction ends.
pub(super) fn hold(tx: &mut OrgTx, by: &Allow<Edit>, id: DealId) -> AppResult<Deal> {
    queries::lock(tx, by, id)
}
