//! From sums to what is shown: rates, averages, steps of the funnel.

use super::figures::{Begun, Closed, Sold};
use crate::{
    features::pipeline::{self, Stage},
    kernel::Money,
    web::Actor,
};
use chrono::NaiveDate;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Won and lost of some deals.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    pub won: i64,
    pub lost: i64,
    won_days: i64,
    lost_days: i64,
    /// Won, by currency.
    amounts: BTreeMap<String, Decimal>,
}

impl Score {
    pub fn of<'a>(rows: impl Iterator<Item = &'a Closed>) -> Self {
        let mut score = Self::default();
        for row in rows {
            if row.won {
                score.won += row.deals;
                score.won_days += row.days;
                *score.amounts.entry(row.currency.clone()).or_default() += row.amount;
            } else {
                score.lost += row.deals;
                score.lost_days += row.days;
            }
        }
        score
    }

    /// Won of all that ended, in percent.
    pub fn rate(&self) -> Option<Decimal> {
        share(self.won, self.won + self.lost)
    }

    pub fn rate_told(&self, actor: &Actor) -> String {
        percent(actor, self.rate())
    }

    pub fn amount(&self, actor: &Actor) -> String {
        told(actor, &self.amounts)
    }

    /// Short, for tiles.
    pub fn short(&self, actor: &Actor) -> String {
        let mut all: Vec<_> = self.amounts.iter().filter(|(_, amount)| !amount.is_zero()).collect();
        all.sort_by_key(|(currency, _)| **currency != actor.org.currency);
        let text: Vec<String> = all
            .into_iter()
            .map(|(currency, amount)| actor.locale.short(Money::from_columns(*amount, currency)))
            .collect();
        if text.is_empty() { "–".into() } else { text.join(" + ") }
    }

    /// In the organisation's currency, for charts.
    pub fn main(&self, actor: &Actor) -> f64 {
        self.amounts.get(&actor.org.currency).and_then(Decimal::to_f64).unwrap_or_default()
    }

    pub fn won_cycle(&self, actor: &Actor) -> String {
        days(actor, self.won_days, self.won)
    }

    pub fn lost_cycle(&self, actor: &Actor) -> String {
        days(actor, self.lost_days, self.lost)
    }
}

/// A part in percent; `None` of nothing.
fn share(part: i64, whole: i64) -> Option<Decimal> {
    (whole > 0).then(|| Decimal::from(part) * Decimal::ONE_HUNDRED / Decimal::from(whole))
}

pub(super) fn percent(actor: &Actor, share: Option<Decimal>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{} %", actor.locale.decimal(share, 1)))
}

fn days(actor: &Actor, days: i64, deals: i64) -> String {
    if deals == 0 {
        return "–".into();
    }
    format!("{} days", actor.locale.decimal(Decimal::from(days) / Decimal::from(deals), 1))
}

/// Amounts of several currencies, the organisation's own first; never added up here.
pub(super) fn told(actor: &Actor, amounts: &BTreeMap<String, Decimal>) -> String {
    let mut all: Vec<_> = amounts.iter().filter(|(_, amount)| !amount.is_zero()).collect();
    all.sort_by_key(|(currency, _)| **currency != actor.org.currency);
    let text: Vec<String> =
        all.into_iter().map(|(currency, amount)| actor.locale.money(Money::from_columns(*amount, currency))).collect();
    if text.is_empty() { "–".into() } else { text.join(" + ") }
}

/// A step of the funnel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub name: String,
    pub color: String,
    pub stage: Option<Uuid>,
    /// Deals that came this far, or further.
    pub reached: i64,
    /// Of those of the step before, in percent.
    pub passed: Option<Decimal>,
    /// Of all that began.
    pub of_all: Option<Decimal>,
    /// Open, and not further yet.
    pub here: i64,
}

impl Step {
    pub fn passed_told(&self, actor: &Actor) -> String {
        percent(actor, self.passed)
    }

    pub fn of_all_told(&self, actor: &Actor) -> String {
        percent(actor, self.of_all)
    }

    pub fn filled(&self) -> u32 {
        self.of_all.and_then(|share| share.round().to_u32()).unwrap_or(0)
    }
}

/// The stages in their order, and winning at the end. Who came to a stage has passed those before it, and who won has passed them all.
pub(super) fn funnel(stages: &[Stage], begun: &[Begun]) -> Vec<Step> {
    let place = |row: &Begun| {
        let known = stages.iter().find(|stage| stage.id.0 == row.furthest_id).map(|stage| stage.position);
        known.or(row.removed).unwrap_or(i32::MIN)
    };
    let all: i64 = begun.iter().map(|row| row.deals).sum();
    let won: i64 = begun.iter().filter(|row| row.state == "won").map(|row| row.deals).sum();
    let mut before = all;
    let mut steps = Vec::new();
    let mut add = |name: &str, color: &str, stage, reached, here| {
        let (passed, of_all) = (share(reached, before), share(reached, all));
        before = reached;
        steps.push(Step { name: name.to_owned(), color: color.to_owned(), stage, reached, passed, of_all, here });
    };
    for (n, stage) in stages.iter().enumerate() {
        // Whatever began is in the first stage at least.
        let came = |row: &&Begun| n == 0 || row.state == "won" || place(row) >= stage.position;
        let reached = begun.iter().filter(came).map(|row| row.deals).sum();
        let here =
            begun.iter().filter(|row| row.state == "open" && pipeline::as_far_as(stages, place(row)) == Some(stage.id));
        add(&stage.name, &stage.color, Some(stage.id.0), reached, here.map(|row| row.deals).sum());
    }
    add("Won", "green", None, won, 0);
    steps
}

/// What was won month by month, without gaps.
pub(super) fn by_month(closed: &[Closed]) -> Vec<(NaiveDate, Score)> {
    let (Some(first), Some(last)) = (closed.iter().map(|r| r.month).min(), closed.iter().map(|r| r.month).max()) else {
        return Vec::new();
    };
    let months = std::iter::successors(Some(first), |month| Some(*month + chrono::Months::new(1)));
    let months = months.take_while(|month| *month <= last);
    months.map(|month| (month, Score::of(closed.iter().filter(|row| row.month == month)))).collect()
}

/// A product, all its currencies together.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub id: Option<Uuid>,
    pub name: String,
    pub deals: i64,
    pub quantity: Decimal,
    pub amounts: BTreeMap<String, Decimal>,
}

/// The one that brought the most of the organisation's currency first.
pub(super) fn products(sold: Vec<Sold>, own: &str) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::new();
    for row in sold {
        let known = products.iter().position(|product| product.id == row.product_id);
        let at = known.unwrap_or_else(|| {
            let name = row.name.clone().unwrap_or_else(|| "Lines without a product".into());
            products.push(Product { id: row.product_id, name, ..Product::default() });
            products.len() - 1
        });
        let product = &mut products[at];
        product.deals += row.deals;
        product.quantity += row.quantity;
        *product.amounts.entry(row.currency).or_default() += row.amount;
    }
    products.sort_by_key(|product| std::cmp::Reverse(product.amounts.get(own).copied().unwrap_or_default()));
    products
}
