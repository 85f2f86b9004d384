//! Progress as pages show it: on /targets, on Home and above the board.

use super::{
    Circle, Goal, Measure, Period, Progress, Unit, Whose,
    circles::{self, circles},
    progress,
};
use crate::{
    db::OrgTx,
    error::AppResult,
    features::{activities, currencies::ended::Way, pipeline},
    kernel::{Money, PipelineId},
    web::{
        Actor,
        permission::{Permission, activities as activity, deals},
    },
};
use rust_decimal::prelude::ToPrimitive;
use std::collections::HashMap;
use uuid::Uuid;

/// A target and how far it is, in words and numbers.
#[derive(Clone, Debug)]
pub struct Row {
    pub whose: Whose,
    pub name: String,
    /// `Amount won`, `Calls done`; with the pipeline, when it is of one.
    pub what: String,
    pub target: String,
    pub reached: String,
    pub reached_short: String,
    pub target_short: String,
    /// For the bar: at most 100.
    pub filled: u32,
    pub percent: String,
    pub expected: String,
    /// `€12,000.00 ahead`, `reached`, `€3,000.00 behind`; of a period of which only a part has a number `9 months unset`.
    pub pace: String,
    /// The same, short: `€3.0k behind`.
    pub pace_short: String,
    /// `is-good`, `is-warn`, `is-bad`.
    pub tone: &'static str,
    pub missing: String,
    /// Whether the number is the sum of smaller periods' numbers.
    pub summed: bool,
    /// `3 of 12 months`, where the number is of a part of the period only.
    pub part: String,
    pub others: String,
    /// The deals behind it; empty for activities.
    pub href: String,
}

/// What is set in a period: for everybody the reader sees, or for `only` these; other currencies at the rates that are asked for.
pub fn rows(tx: &mut OrgTx, actor: &Actor, period: Period, only: Option<&[Whose]>, way: Way) -> AppResult<Vec<Row>> {
    let mut seen = circles(tx, actor)?;
    seen.retain(|circle| only.is_none_or(|only| only.contains(&circle.whose)));
    let all = progress::of_circles(tx, actor, &seen, period, way)?;
    told(tx, actor, &seen, all)
}

/// In words, as far as the reader's role lets them see what is measured.
fn told(tx: &mut OrgTx, actor: &Actor, seen: &[Circle], all: Vec<(usize, Progress)>) -> AppResult<Vec<Row>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let names = Names::load(tx)?;
    let shown = all.into_iter().filter(|(_, p)| match p.goal.measure {
        Measure::Activities => actor.may(activity::View::KEY),
        Measure::Amount | Measure::Deals => actor.may(deals::View::KEY),
    });
    Ok(shown.map(|(n, progress)| row(actor, &seen[n], &progress, &names)).collect())
}

/// What is set for the reader, their teams and everybody in the month, else in the quarter, else in the year; and what that time is called.
pub fn of_reader(tx: &mut OrgTx, actor: &Actor) -> AppResult<(String, Vec<Row>)> {
    let mine = |circle: &Circle| match circle.whose {
        Whose::Member(id) => id == actor.id,
        Whose::Team(_) => circle.counts(Some(actor.id.0)),
        Whose::Everyone => true,
    };
    let mut seen = circles(tx, actor)?;
    seen.retain(mine);
    let year = progress::kept_in(tx, Period::now(Unit::Year, actor))?;
    for unit in Unit::ALL {
        let period = Period::now(unit, actor);
        let set = progress::within(year.clone(), period);
        let all = progress::judge(tx, actor, &seen, (period, Way::default()), &set)?;
        let rows = told(tx, actor, &seen, all)?;
        if !rows.is_empty() {
            return Ok((period.label(actor.locale, actor.org.fiscal_year_start), rows));
        }
    }
    Ok(Default::default())
}

/// How much of this month's amount is won by everybody, a team or one person: in that pipeline, if it has a target, else in all. With what the month is called.
pub fn headline(tx: &mut OrgTx, actor: &Actor, whose: Whose, pipeline: PipelineId) -> AppResult<Option<(String, Row)>> {
    let circle = match whose {
        Whose::Team(_) => circles(tx, actor)?.into_iter().find(|circle| circle.whose == whose),
        _ => circles::narrow(actor, whose),
    };
    let Some(circle) = circle else { return Ok(None) };
    let period = Period::now(Unit::Month, actor);
    let seen = [circle];
    let mut all = progress::of_circles(tx, actor, &seen, period, Way::default())?;
    all.retain(|(_, p)| p.goal.measure == Measure::Amount && p.goal.pipeline.is_none_or(|id| id == pipeline));
    all.sort_by_key(|(_, p)| p.goal.pipeline.is_none());
    all.truncate(1);
    let rows = told(tx, actor, &seen, all)?;
    Ok(rows.into_iter().next().map(|row| (period.label(actor.locale, actor.org.fiscal_year_start), row)))
}

pub(super) struct Names {
    pipelines: HashMap<Uuid, String>,
    types: HashMap<Uuid, String>,
}

impl Names {
    pub fn load(tx: &mut OrgTx) -> AppResult<Self> {
        Ok(Self {
            pipelines: pipeline::pipelines(tx)?.into_iter().map(|p| (p.id.0, p.name)).collect(),
            types: activities::types(tx)?.iter().map(|t| (t.id.0, t.name.clone())).collect(),
        })
    }

    pub fn of(&self, goal: &Goal) -> String {
        let narrowed = goal.pipeline.and_then(|id| self.pipelines.get(&id.0));
        let kind = goal.activity_type.and_then(|id| self.types.get(&id.0));
        match narrowed.or(kind) {
            Some(name) => format!("{}: {name}", goal.measure.label()),
            None => goal.measure.label().to_owned(),
        }
    }
}

fn row(actor: &Actor, circle: &Circle, p: &Progress, names: &Names) -> Row {
    let told = |value| p.goal.measure.told(actor, value);
    let (ahead, missing) = (p.ahead(), p.missing());
    let over = p.period.span.to <= crate::kernel::calendar::today(actor.org.zone);
    let short = |value| p.goal.measure.short(actor, value);
    let whole = p.is_whole();
    let judged = |text: String| if whole { text } else { "–".to_owned() };
    let months = p.period.unit.months();
    let (pace, pace_short, tone) = match () {
        () if !whole => {
            let without = format!("{} months unset", months - p.months);
            (without.clone(), without, "muted")
        }
        () if missing <= rust_decimal::Decimal::ZERO => ("Reached".to_owned(), "reached".to_owned(), "is-good"),
        () if over => ("Missed".to_owned(), "missed".to_owned(), "is-bad"),
        () if ahead.is_sign_negative() => {
            (format!("{} behind", told(-ahead)), format!("{} behind", short(-ahead)), "is-warn")
        }
        () => (format!("{} ahead", told(ahead)), format!("{} ahead", short(ahead)), "is-good"),
    };
    let others: Vec<String> =
        p.others.iter().map(|(c, amount)| actor.locale.short(Money::from_columns(*amount, c))).collect();
    Row {
        whose: circle.whose,
        name: circle.name.clone(),
        what: names.of(&p.goal),
        target: told(p.target),
        reached: told(p.reached),
        target_short: short(p.target),
        reached_short: short(p.reached),
        filled: if whole { p.percent().clamp(0, 100).to_u32().unwrap_or(0) } else { 0 },
        percent: judged(format!("{} %", actor.locale.integer(p.percent()))),
        expected: judged(told(p.expected)),
        pace,
        pace_short,
        tone,
        missing: judged(if missing.is_sign_negative() || missing.is_zero() { "–".into() } else { told(missing) }),
        summed: p.summed,
        part: if whole { String::new() } else { format!("{} of {months} months", p.months) },
        others: others.join(", "),
        href: href(circle, p),
    }
}

/// The list of what was won, as far as an address can say it: of one person or of everybody.
fn href(circle: &Circle, p: &Progress) -> String {
    let owner = match circle.whose {
        Whose::Everyone => None,
        Whose::Member(id) => Some(vec![id.0]),
        Whose::Team(_) => circle.owners.clone(),
    };
    match p.goal.measure {
        Measure::Activities => String::new(),
        _ => won_between(p, owner.as_deref()),
    }
}

fn won_between(p: &Progress, owners: Option<&[Uuid]>) -> String {
    use crate::features::records::filter::{Filter, Op};
    let last = p.period.span.to.pred_opt().unwrap_or(p.period.span.to);
    let days = [p.period.span.from.to_string(), last.to_string()];
    let mut rules = vec![Filter::rule("closed_at", Op::Between, &[&days[0], &days[1]])];
    if let Some(owners) = owners {
        let ids: Vec<String> = owners.iter().map(Uuid::to_string).collect();
        rules.push(Filter::Rule { key: "owner_id".into(), op: Op::AnyOf, values: ids });
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("status", "won");
    if let Some(pipeline) = p.goal.pipeline {
        query.append_pair("pipeline", &pipeline.to_string());
    }
    query.append_pair("filter", &Filter::All(rules).json());
    format!("/deals?{}", query.finish())
}
