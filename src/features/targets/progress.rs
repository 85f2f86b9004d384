//! How far a circle is.

use super::{Circle, Goal, Measure, Period, Unit, Whose, circles, model::Target, reached::Reached};
use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    features::currencies::{Rates, ended::Way},
    kernel::{
        Money, PipelineId,
        calendar::{self, Span},
    },
    schema::targets,
    web::Actor,
};
use diesel::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use std::collections::{BTreeMap, BTreeSet};

/// A target and what has been reached of it.
#[derive(Clone, Debug)]
pub struct Progress {
    pub goal: Goal,
    pub period: Period,
    pub target: Decimal,
    /// Whether the number is the sum of those of smaller periods.
    pub summed: bool,
    /// Months of the period that have a number: their own, their quarter's or the year's.
    pub months: u32,
    pub reached: Decimal,
    /// What should be reached by the end of today, were every working day worth the same.
    pub expected: Decimal,
    /// Won in other currencies that do not count: those without a rate of exchange, or all where each is told apart.
    pub others: BTreeMap<String, Decimal>,
}

impl Progress {
    /// Whether all of the period has a number. One of some months says nothing of how far the whole is.
    pub fn is_whole(&self) -> bool {
        self.months == self.period.unit.months()
    }

    /// What is missing to the target; negative: that much more.
    pub fn missing(&self) -> Decimal {
        self.target - self.reached
    }

    /// How far ahead of what is expected by today; negative: behind.
    pub fn ahead(&self) -> Decimal {
        self.reached - self.expected
    }

    /// Reached, in percent of the target, rounded down.
    pub fn percent(&self) -> i64 {
        (self.reached * Decimal::ONE_HUNDRED / self.target).floor().to_i64().unwrap_or(i64::MAX)
    }
}

/// Everything that is set for one circle in one period: of one pipeline, or with `None` of all of them together and of activities.
/// Nothing when the reader may not see the circle.
pub fn progress(
    tx: &mut OrgTx,
    actor: &Actor,
    whose: Whose,
    pipeline: Option<PipelineId>,
    period: Period,
) -> AppResult<Vec<Progress>> {
    let seen = circles(tx, actor)?.into_iter().filter(|circle| circle.whose == whose).collect::<Vec<_>>();
    let all = of_circles(tx, actor, &seen, period, Way::default())?;
    Ok(all.into_iter().map(|(_, progress)| progress).filter(|p| p.goal.pipeline == pipeline).collect())
}

/// The amount that is to be won, for a line in a chart or above a column.
pub fn line(
    tx: &mut OrgTx,
    actor: &Actor,
    whose: Whose,
    pipeline: Option<PipelineId>,
    period: Period,
) -> AppResult<Option<Money>> {
    let all = progress(tx, actor, whose, pipeline, period)?;
    let amount = all.into_iter().find(|p| p.goal.measure == Measure::Amount);
    Ok(amount.map(|p| Money::from_columns(p.target, &actor.org.currency)))
}

/// The amounts that are to be won in each of these periods: of that pipeline alone or, where none is set for it, of all together (true).
/// For lines above columns that follow each other; nothing when the reader may not see the circle, or for a period of which only a part
/// has a number.
pub fn lines(
    tx: &mut OrgTx,
    actor: &Actor,
    whose: Whose,
    pipeline: PipelineId,
    periods: &[Period],
) -> AppResult<Vec<Option<(Decimal, bool)>>> {
    if !circles(tx, actor)?.iter().any(|circle| circle.whose == whose) {
        return Ok(vec![None; periods.len()]);
    }
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(Vec::new()) };
    let set = starting_in(tx, Span { from: first.span.from, to: last.span.to })?;
    let line = |period: &Period| {
        let set = within(set.clone(), *period);
        let of = |pipeline| number(&set, whose, &Goal::narrowed(Measure::Amount, pipeline, None), *period);
        let known = |number: Number, all: bool| (number.months == period.unit.months()).then_some((number.value, all));
        known(of(Some(pipeline)), false).or_else(|| known(of(None), true))
    };
    Ok(periods.iter().map(line).collect())
}

/// Whatever is set for these circles, each with its place in `circles`; in the circles' order.
pub(super) fn of_circles(
    tx: &mut OrgTx,
    actor: &Actor,
    circles: &[Circle],
    period: Period,
    way: Way,
) -> AppResult<Vec<(usize, Progress)>> {
    let set = kept_in(tx, period)?;
    judge(tx, actor, circles, (period, way), &set)
}

/// The same, of targets that are known already: those of `period` and of its parts.
pub(super) fn judge(
    tx: &mut OrgTx,
    actor: &Actor,
    circles: &[Circle],
    (period, way): (Period, Way),
    set: &[Target],
) -> AppResult<Vec<(usize, Progress)>> {
    let wanted: BTreeSet<(usize, Goal)> = set
        .iter()
        .filter_map(|target| Some((circles.iter().position(|c| c.whose == target.whose())?, target.goal())))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<&Circle> = wanted.iter().map(|(n, _)| &circles[*n]).collect();
    let everybody = asked.iter().any(|circle| circle.owners.is_none());
    let owners = (!everybody).then(|| asked.iter().flat_map(|c| c.owners.clone().unwrap_or_default()).collect());
    let activities = wanted.iter().any(|(_, goal)| goal.measure == Measure::Activities);
    let reached = Reached::load(tx, actor, period, (owners, activities), way)?;
    let rates = Rates::today(tx, actor)?;
    let elapsed = period.elapsed(actor, calendar::today(actor.org.zone));
    let judged = wanted.into_iter().map(|(n, goal)| {
        let Number { value: target, summed, months } = number(set, circles[n].whose, &goal, period);
        let (mut reached, mut others) = reached.of(&circles[n], &goal, &actor.org.currency);
        // What has no rate stands beside. At the rates of its day it is converted already.
        others.retain(|currency, amount| {
            let (into, converted) = rates.own(currency, *amount);
            let known = way == Way::Today && into == actor.org.currency;
            reached += if known { converted } else { Decimal::ZERO };
            !known
        });
        let digits = if goal.measure == Measure::Amount { 2 } else { 0 };
        let reached = reached.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        let expected = (target * elapsed).round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        (n, Progress { goal, period, target, summed, months, reached, expected, others })
    });
    Ok(judged.collect())
}

/// What is to be reached in a period, and how many of its months that says something of.
struct Number {
    value: Decimal,
    summed: bool,
    months: u32,
}

/// The period's own number, else the sum of its parts': of each quarter of a year its own, else its months'.
fn number(set: &[Target], whose: Whose, goal: &Goal, period: Period) -> Number {
    let own = |target: &&Target| target.whose() == whose && target.goal() == *goal && target.is_of(period);
    if let Some(own) = set.iter().find(own) {
        return Number { value: own.value, summed: false, months: period.unit.months() };
    }
    let parts = period.unit.smaller().map(|unit| period.parts(unit)).unwrap_or_default();
    let none = Number { value: Decimal::ZERO, summed: true, months: 0 };
    parts.into_iter().map(|part| number(set, whose, goal, part)).fold(none, |sum, part| Number {
        value: sum.value + part.value,
        summed: true,
        months: sum.months + part.months,
    })
}

/// The targets of a period and of the smaller ones in it.
pub(super) fn kept_in(tx: &mut OrgTx, period: Period) -> AppResult<Vec<Target>> {
    Ok(within(starting_in(tx, period.span)?, period))
}

fn starting_in(tx: &mut OrgTx, span: Span) -> AppResult<Vec<Target>> {
    Ok(targets::table
        .filter(targets::starts_on.ge(span.from))
        .filter(targets::starts_on.lt(span.to))
        .select(Target::as_select())
        .order((targets::starts_on, targets::id))
        .load(tx.conn())?)
}

/// Those of a period and of its parts.
pub(super) fn within(set: Vec<Target>, period: Period) -> Vec<Target> {
    let parts: Vec<Vec<Period>> =
        Unit::ALL.into_iter().filter(|unit| *unit <= period.unit).map(|unit| period.parts(unit)).collect();
    set.into_iter().filter(|target| parts.iter().flatten().any(|part| target.is_of(*part))).collect()
}
