//! The forecast as its page shows it: a column for each period, a row for each category, and what lies in both.

use super::{
    cells::{PAGE, Placed, Slot, cursor},
    periods::{Unit, working_days},
    sums::{Open, Won},
};
use crate::{
    features::pipeline::{
        CATEGORIES,
        board::{
            cards::CardRow,
            view::{Close, Face, close, face, sum_text},
        },
    },
    kernel::{Money, calendar::Span},
    web::Actor,
};
use chrono::{Days, NaiveDate};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// The days of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first period shown.
    Earlier(NaiveDate),
    Period(Span),
    Undated,
}

pub struct Period {
    /// What a move names: the period's first day, or `none`; empty: nothing can be moved there.
    pub key: String,
    pub label: String,
    pub note: String,
    pub current: bool,
    pub won: Option<String>,
    /// What lies in it but for what is omitted.
    pub total: String,
    pub weighted: String,
    pub deals: String,
    pub aim: Option<Aim>,
    days: When,
}

/// What is to be won in a period, and how much of it is won, is as good as won, and may be.
pub struct Aim {
    pub target: String,
    /// The target is that of all pipelines together.
    pub of_all: bool,
    /// Percent that won and committed make of it.
    pub sure: i64,
    /// Percent of the bar where each part begins and how wide it is: won, committed, best case.
    pub parts: [(&'static str, i64, i64); 3],
}

pub struct Row {
    pub key: &'static str,
    pub label: &'static str,
    pub total: String,
    pub weighted: String,
    pub cells: Vec<Cell>,
}

pub struct Cell {
    pub period: String,
    pub category: &'static str,
    /// For people who hear it: period and category.
    pub label: String,
    pub deals: String,
    pub total: String,
    pub weighted: String,
    pub empty: bool,
    pub cards: Vec<Card>,
    pub next: Option<String>,
}

/// One deal in a cell; `templates/pipeline/forecast/_card.html` needs this and nothing else.
pub struct Card {
    pub id: String,
    pub name: String,
    pub company: Option<String>,
    pub amount: String,
    pub amount_full: String,
    pub close: Option<Close>,
    pub owner: Option<Face>,
    pub category: String,
    /// Its category is its own, not its stage's.
    pub own: bool,
}

pub fn card(actor: &Actor, row: CardRow) -> Card {
    let money = row.amount.map(|amount| Money::from_columns(amount, &row.currency));
    Card {
        id: row.id.to_string(),
        name: row.name,
        company: row.company,
        amount: money.map_or_else(|| "No amount".into(), |m| actor.locale.short(m)),
        amount_full: money.map_or_else(|| "No amount yet".into(), |m| actor.locale.money(m)),
        // What is to come stands in a column that says the year.
        close: row.expected_close_on.map(|day| {
            let close = close(actor, day, actor.today());
            if close.overdue { close } else { Close { label: actor.locale.day(day, day), ..close } }
        }),
        owner: face(row.owner_id.map(|id| id.to_string()), row.owner, row.avatar_tag),
        category: row.category,
        own: row.own_category,
    }
}

/// Sums in the organisation's own currency: targets are in no other.
fn aim(actor: &Actor, (target, of_all): (Decimal, bool), open: &[&Open], won: &[&Won]) -> Aim {
    let own = |currency: &str| currency == actor.org.currency;
    let of = |category: &str| -> Decimal {
        open.iter().filter(|sum| sum.category == category && own(&sum.currency)).map(|sum| sum.amount).sum()
    };
    let won: Decimal = won.iter().filter(|sum| own(&sum.currency)).map(|sum| sum.amount).sum();
    let percent = |amount: Decimal| (amount * Decimal::ONE_HUNDRED / target).floor().to_i64().unwrap_or(i64::MAX);
    let (committed, best) = (of("committed"), of("best_case"));
    let (first, second, third) = (percent(won), percent(won + committed), percent(won + committed + best));
    let at = |n: i64| n.clamp(0, 100);
    Aim {
        target: actor.locale.short(Money::from_columns(target, &actor.org.currency)),
        of_all,
        sure: second,
        parts: [
            ("won", 0, at(first)),
            ("committed", at(first), at(second) - at(first)),
            ("best", at(second), at(third) - at(second)),
        ],
    }
}

/// The columns that have something in them or to which something can be moved: what is earlier only when there is any.
pub fn periods(
    actor: &Actor,
    (unit, spans): (Unit, &[Span]),
    (open, won): (&[Open], &[Won]),
    targets: &[Option<(Decimal, bool)>],
) -> Vec<Period> {
    let today = actor.today();
    let from = spans.first().map_or(today, |span| span.from);
    let mut days = vec![When::Earlier(from)];
    days.extend(spans.iter().map(|span| When::Period(*span)));
    days.push(When::Undated);
    days.retain(|days| matches!(days, When::Period(_)) || open.iter().any(|sum| days.holds(sum.month)));
    let target = |days: &When| {
        let at = spans.iter().position(|span| *days == When::Period(*span))?;
        targets.get(at).copied().flatten()
    };
    days.into_iter().map(|days| period(actor, (unit, days, target(&days)), today, open, won)).collect()
}

fn period(
    actor: &Actor,
    (unit, days, target): (Unit, When, Option<(Decimal, bool)>),
    today: NaiveDate,
    open: &[Open],
    won: &[Won],
) -> Period {
    let counted = || open.iter().filter(|sum| days.holds(sum.month) && sum.category != "omitted");
    let here: Vec<&Won> = won.iter().filter(|sum| days.holds(Some(sum.month))).collect();
    let (key, label, note) = match days {
        When::Earlier(from) if from > today => (String::new(), "Earlier".to_owned(), String::new()),
        When::Earlier(_) => (String::new(), "Overdue".to_owned(), "To close before".to_owned()),
        When::Undated => ("none".to_owned(), "No date".to_owned(), "No expected close".to_owned()),
        When::Period(span) => {
            let left = working_days(span, today, actor.org.working_days);
            let unit_of = if left == 1 { "working day" } else { "working days" };
            let note = match (span.to <= today, span.from < today) {
                (true, _) => "Past".to_owned(),
                (false, true) => format!("{left} {unit_of} left"),
                (false, false) => format!("{left} {unit_of}"),
            };
            (span.from.to_string(), unit.name(span, actor), note)
        }
    };
    Period {
        key,
        label,
        note,
        current: matches!(days, When::Period(span) if span.from <= today && today < span.to),
        won: (!here.is_empty()).then(|| sum_text(actor, here.iter().map(|sum| (sum.currency.as_str(), sum.amount)))),
        total: sum_text(actor, counted().map(|sum| (sum.currency.as_str(), sum.amount))),
        weighted: sum_text(actor, counted().map(|sum| (sum.currency.as_str(), sum.weighted))),
        deals: actor.locale.integer(counted().map(|sum| sum.deals).sum()),
        aim: target.map(|target| aim(actor, target, &counted().collect::<Vec<_>>(), &here)),
        days,
    }
}

impl When {
    /// Whether a month lies in it: periods are made of whole months.
    fn holds(self, month: Option<NaiveDate>) -> bool {
        match (self, month) {
            (When::Undated, None) => true,
            (When::Earlier(from), Some(month)) => month < from,
            (When::Period(span), Some(month)) => span.from <= month && month < span.to,
            _ => false,
        }
    }

    fn slot(self, category: &'static str) -> Slot {
        let text = |day: NaiveDate| day.to_string();
        let (since, until) = match self {
            When::Earlier(from) => ("-infinity".to_owned(), text(from - Days::new(1))),
            When::Period(span) => (text(span.from), text(span.to - Days::new(1))),
            When::Undated => ("infinity".to_owned(), "infinity".to_owned()),
        };
        Slot { since, until, category }
    }
}

/// A slot for each cell, row by row.
pub fn slots(periods: &[Period]) -> Vec<Slot> {
    CATEGORIES.iter().flat_map(|(key, _)| periods.iter().map(|period| period.days.slot(key))).collect()
}

/// The rows. What is omitted has one only when something is omitted.
pub fn rows(
    actor: &Actor,
    periods: &[Period],
    open: &[Open],
    placed: Vec<Placed>,
    next: impl Fn(&Slot, &str) -> String,
) -> Vec<Row> {
    let mut by_cell: Vec<Vec<CardRow>> = Vec::new();
    by_cell.resize_with(CATEGORIES.len() * periods.len(), Vec::new);
    for Placed { cell, card } in placed {
        if let Some(cards) = usize::try_from(cell - 1).ok().and_then(|n| by_cell.get_mut(n)) {
            cards.push(card);
        }
    }
    let mut cards = by_cell.into_iter();
    let mut rows = Vec::new();
    for (key, label) in CATEGORIES {
        let of: Vec<&Open> = open.iter().filter(|sum| sum.category == *key).collect();
        let cells = periods.iter().map(|period| {
            let here: Vec<&Open> = of.iter().copied().filter(|sum| period.days.holds(sum.month)).collect();
            cell(actor, period, (key, label), &here, cards.next().unwrap_or_default(), &next)
        });
        let cells: Vec<Cell> = cells.collect();
        let shown = || of.iter().filter(|sum| periods.iter().any(|period| period.days.holds(sum.month)));
        rows.push(Row {
            key,
            label,
            total: sum_text(actor, shown().map(|sum| (sum.currency.as_str(), sum.amount))),
            weighted: sum_text(actor, shown().map(|sum| (sum.currency.as_str(), sum.weighted))),
            cells,
        });
    }
    rows
}

fn cell(
    actor: &Actor,
    period: &Period,
    (category, name): (&'static str, &str),
    sums: &[&Open],
    mut cards: Vec<CardRow>,
    next: &impl Fn(&Slot, &str) -> String,
) -> Cell {
    let more = cards.len() > PAGE;
    cards.truncate(PAGE);
    let amounts = |of: fn(&Open) -> Decimal| sum_text(actor, sums.iter().map(|sum| (sum.currency.as_str(), of(sum))));
    Cell {
        period: period.key.clone(),
        category,
        label: format!("{name}, {}", period.label),
        deals: actor.locale.integer(sums.iter().map(|sum| sum.deals).sum()),
        total: amounts(|sum| sum.amount),
        weighted: amounts(|sum| sum.weighted),
        empty: sums.is_empty(),
        next: cards.last().filter(|_| more).map(|last| next(&period.days.slot(category), &cursor(last))),
        cards: cards.into_iter().map(|row| card(actor, row)).collect(),
    }
}
