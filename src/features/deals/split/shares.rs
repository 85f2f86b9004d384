//! Who gets what of a deal that is split: amounts, what recurs, and lines.

use super::{
    super::{
        fineness::too_fine,
        lines::Line,
        model::{AmountFrom, Deal, Recurring},
    },
    FEWEST, MOST,
};
use crate::{
    error::{AppError, AppResult},
    kernel::{Currency, LineId, money, numbers::DecimalMark},
    web::{Form, FormErrors},
};
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

/// What a person wants.
pub(super) struct Plan {
    pub shares: Vec<Share>,
    pub shares_recurring: bool,
    pub lines: Lines,
}

/// What becomes of the lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Lines {
    /// Each is divided like the amount.
    #[default]
    Divided,
    First,
    /// Each goes to one of the several, counted from none.
    Each(BTreeMap<LineId, usize>),
}

/// Keys and labels of the ways.
pub(super) const WAYS: [(&str, &str); 3] = [
    ("share", "Are divided like the amount"),
    ("first", "Stay with the first deal"),
    ("each", "Each goes to the deal chosen for it"),
];

/// A deal of the several.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub name: String,
    pub amount: Decimal,
}

/// `parts` amounts that add up to `whole` exactly: equal but for what the currency's smallest coin makes of it, the larger ones first.
pub fn equal(whole: Decimal, parts: usize, digits: u32) -> Vec<Decimal> {
    let count = Decimal::from(parts.max(1));
    // What has more decimals than its currency is shared as finely as it is.
    let digits = digits.max(whole.normalize().scale());
    let each = (whole / count).round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    let coin = Decimal::new(1, digits);
    let over = ((whole - each * count) / coin).round();
    (0..parts).map(|n| if Decimal::from(n) < over { each + coin } else { each }).collect()
}

/// What of `total` each share brings, in proportion to its amount: rounded down, what is left over with the first.
fn proportional(total: Option<Decimal>, whole: Decimal, shares: &[Share], digits: u32) -> Vec<Option<Decimal>> {
    let Some(total) = total else { return vec![None; shares.len()] };
    let digits = digits.max(total.normalize().scale());
    let part = |share: &Share| of(total, share.amount, whole).round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    let mut parts: Vec<Decimal> = shares.iter().map(part).collect();
    let others: Decimal = parts.iter().skip(1).sum();
    if let Some(first) = parts.first_mut() {
        *first = total - others;
    }
    parts.into_iter().map(Some).collect()
}

/// `part` of `whole` of a total, however large all three are.
pub(super) fn of(total: Decimal, part: Decimal, whole: Decimal) -> Decimal {
    total.checked_mul(part).map_or_else(|| total / whole * part, |product| product / whole)
}

/// What recurs, of each share. Twice it would be counted twice: it stays with the first, or is shared like the amount.
pub(super) fn recurring(deal: &Deal, whole: Decimal, shares: &[Share], shared: bool) -> Vec<Recurring> {
    if !shared {
        let rest = shares.iter().skip(1).map(|_| Recurring::default());
        return std::iter::once(deal.recurring).chain(rest).collect();
    }
    let digits = deal.currency.parse::<Currency>().map_or(2, |currency| currency.digits());
    let share = |total| proportional(total, whole, shares, digits);
    let parts = share(deal.recurring.arr).into_iter().zip(share(deal.recurring.one_off));
    let twelfth =
        |arr: Decimal| (arr / Decimal::from(12)).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    let part =
        |(arr, one_off): (Option<Decimal>, _)| Recurring { mrr: arr.map(twelfth), arr, one_off, ..deal.recurring };
    parts.map(part).collect()
}

/// The lines of each share, and the shares with their amounts: where the amount follows the lines and each goes to one deal, what they come to.
pub(super) fn with_lines(
    plan: &Plan,
    deal: &Deal,
    lines: &[Line],
    currency: Currency,
) -> AppResult<(Vec<Share>, Vec<Vec<Line>>)> {
    let mut shares = plan.shares.clone();
    let mut parts: Vec<Vec<Line>> = vec![Vec::new(); shares.len()];
    match &plan.lines {
        Lines::First => parts[0] = lines.to_vec(),
        Lines::Divided => {
            let amounts: Vec<Decimal> = shares.iter().map(|share| share.amount).collect();
            for line in lines {
                for (part, own) in parts.iter_mut().zip(divided(line, &amounts, currency)?) {
                    part.extend(own);
                }
            }
        }
        Lines::Each(to) => {
            for line in lines {
                parts[to.get(&line.id).copied().unwrap_or(0)].push(line.clone());
            }
            if deal.amount_from == AmountFrom::Lines && !lines.is_empty() {
                for (n, (share, part)) in shares.iter_mut().zip(&parts).enumerate() {
                    if part.is_empty() {
                        let told = format!("leave deal {} without a line, and so without an amount", n + 1);
                        return Err(AppError::field("lines", told));
                    }
                    share.amount = part.iter().map(Line::net).sum();
                }
            }
        }
    }
    Ok((shares, parts))
}

/// A line's quantity and what is taken off it, in proportion: rounded down, what is left over with the first. Nothing is no line.
fn divided(line: &Line, amounts: &[Decimal], currency: Currency) -> AppResult<Vec<Option<Line>>> {
    let whole: Decimal = amounts.iter().sum();
    let down = |value: Decimal, digits| value.round_dp_with_strategy(digits, RoundingStrategy::ToZero);
    let whole = if whole.is_zero() { Decimal::ONE } else { whole };
    let mut quantities: Vec<Decimal> =
        amounts.iter().map(|amount| down(of(line.quantity, *amount, whole), 4)).collect();
    let others: Decimal = quantities.iter().skip(1).sum();
    quantities[0] = line.quantity - others;
    let off = line.discount_amount.unwrap_or_default();
    let mut taken: Vec<Decimal> =
        quantities.iter().map(|q| down(of(off, *q, line.quantity), currency.digits())).collect();
    let others: Decimal = taken.iter().skip(1).sum();
    taken[0] = off - others;
    let part = |(quantity, taken): (Decimal, Decimal)| -> AppResult<Option<Line>> {
        if quantity <= Decimal::ZERO {
            return Ok(None);
        }
        let mut part = line.clone();
        part.quantity = quantity;
        part.discount_amount = line.discount_amount.map(|_| taken);
        part.period_net =
            part.priced().period_net(currency).ok_or_else(|| AppError::field("lines", "are more than can be kept"))?;
        Ok(Some(part.normalized()))
    };
    quantities.into_iter().zip(taken).map(part).collect()
}

/// `told`: an amount as the reader reads it.
pub(super) fn check(
    whole: Decimal,
    shares: &[Share],
    currency: Currency,
    told: impl Fn(Decimal) -> String,
) -> AppResult<()> {
    if shares.len() < FEWEST || shares.len() > MOST {
        return Err(AppError::field("", format!("A deal is split into {FEWEST} to {MOST}.")));
    }
    if let Some(n) = shares.iter().position(|share| share.amount.is_zero()) {
        return Err(AppError::field(&format!("amount_{}", n + 1), "must be more than nothing"));
    }
    let sum: Decimal = shares.iter().map(|share| share.amount).sum();
    match sum.cmp(&whole) {
        std::cmp::Ordering::Equal => as_fine(whole, shares, currency),
        std::cmp::Ordering::Less => Err(AppError::field(
            "",
            format!("The amounts come to {}: {} of {} is left over.", told(sum), told(whole - sum), told(whole)),
        )),
        std::cmp::Ordering::Greater => Err(AppError::field(
            "",
            format!("The amounts come to {}: {} more than {}.", told(sum), told(sum - whole), told(whole)),
        )),
    }
}

/// A share is as fine as its currency; of what is finer already, as fine as that.
fn as_fine(whole: Decimal, shares: &[Share], currency: Currency) -> AppResult<()> {
    let digits = currency.digits().max(whole.normalize().scale());
    let finer = |share: &Share| share.amount.normalize().scale() > digits;
    let Some(n) = shares.iter().position(finer) else { return Ok(()) };
    let told = too_fine(currency.code(), Some(shares[n].amount)).unwrap_or_default();
    Err(AppError::field(&format!("amount_{}", n + 1), told))
}

/// `name_1`, `amount_1`, `name_2` … as many as `parts` says; `recurring`, `lines`, and `line_<id>`: which deal gets it, counted from one.
pub(super) fn parse(form: &Form, lines: &[Line], mark: DecimalMark) -> AppResult<Plan> {
    Ok(Plan { shares: rows(form, mark)?, shares_recurring: shares_recurring(form)?, lines: way(form, lines)? })
}

fn way(form: &Form, lines: &[Line]) -> AppResult<Lines> {
    match form.get("lines") {
        "" | "share" => Ok(Lines::Divided),
        "first" => Ok(Lines::First),
        "each" => {
            let mut to = BTreeMap::new();
            for line in lines {
                let field = format!("line_{}", line.id);
                let chosen = match form.get(&field) {
                    "" => 1,
                    text => text.parse::<usize>().unwrap_or(0),
                };
                if !(1..=parts(form)).contains(&chosen) {
                    return Err(AppError::field(&field, "is not one of the choices"));
                }
                to.insert(line.id, chosen - 1);
            }
            Ok(Lines::Each(to))
        }
        _ => Err(AppError::field("lines", "is not one of the choices")),
    }
}

fn rows(form: &Form, mark: DecimalMark) -> Result<Vec<Share>, FormErrors> {
    let count = parts(form);
    let mut p = form.parser();
    let mut shares = Vec::with_capacity(count);
    for n in 1..=count {
        let name = p.required(&format!("name_{n}"), 200);
        let amount = format!("amount_{n}");
        let read = p.optional(&amount, |text| money::parse_amount(text, mark));
        if form.get(&amount).is_empty() {
            p.error(&amount, "is required");
        }
        shares.push(Share { name, amount: read.unwrap_or_default() });
    }
    p.finish()?;
    Ok(shares)
}

pub(super) fn parts(form: &Form) -> usize {
    form.get("parts").parse().unwrap_or(FEWEST).clamp(FEWEST, MOST)
}

/// Whether what recurs is to be shared.
fn shares_recurring(form: &Form) -> AppResult<bool> {
    match form.get("recurring") {
        "" | "first" => Ok(false),
        "share" => Ok(true),
        _ => Err(AppError::field("recurring", "is not one of the choices")),
    }
}
