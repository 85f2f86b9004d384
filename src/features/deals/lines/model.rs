//! What a line is.

use crate::{
    db::{OrgTx, Tx},
    error::AppResult,
    kernel::{
        DealId, LineId, ProductId, TaxClassId,
        lines::{Discount, Interval, Priced},
    },
    schema::deal_lines,
};
use chrono::NaiveDate;
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A line as it is kept, and as history keeps it.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[diesel(table_name = deal_lines)]
#[diesel(treat_none_as_null = true)]
pub struct Line {
    pub id: LineId,
    pub deal_id: DealId,
    pub position: i32,
    pub product_id: Option<ProductId>,
    pub name: String,
    pub unit: Option<String>,
    pub quantity: Decimal,
    pub unit_price: Decimal,
    pub discount_percent: Option<Decimal>,
    pub discount_amount: Option<Decimal>,
    pub tax_class_id: Option<TaxClassId>,
    pub tax_rate: Option<Decimal>,
    pub(super) every: Option<String>,
    pub periods: i32,
    /// One period's, after the discount, rounded.
    pub period_net: Decimal,
    pub from_currency: Option<String>,
    pub from_rate: Option<Decimal>,
    pub from_on: Option<NaiveDate>,
}

impl Line {
    pub fn every(&self) -> Option<Interval> {
        self.every.as_deref().and_then(Interval::parse)
    }

    /// All periods'.
    pub fn net(&self) -> Decimal {
        self.period_net * Decimal::from(self.periods)
    }

    /// As far as money goes.
    pub fn priced(&self) -> Priced {
        Priced {
            quantity: self.quantity,
            unit_price: self.unit_price,
            discount: match (self.discount_percent, self.discount_amount) {
                (Some(percent), _) => Discount::Percent(percent),
                (None, Some(amount)) => Discount::Amount(amount),
                (None, None) => Discount::None,
            },
            tax_rate: self.tax_rate,
            recurring: self.every().map(|every| (every, self.periods)),
        }
    }

    /// Without trailing zeros, so that what is the same is kept the same.
    pub(in super::super) fn normalized(mut self) -> Self {
        let normal = |n: &mut Decimal| *n = n.normalize();
        for n in [&mut self.quantity, &mut self.unit_price, &mut self.period_net] {
            normal(n);
        }
        let optional = [&mut self.discount_percent, &mut self.discount_amount, &mut self.tax_rate, &mut self.from_rate];
        optional.into_iter().flatten().for_each(normal);
        self
    }
}

/// The lines of a deal that the caller has found visible, in order.
pub fn of(tx: &mut OrgTx, deal: DealId) -> AppResult<Vec<Line>> {
    let lines: Vec<Line> = deal_lines::table
        .filter(deal_lines::deal_id.eq(deal))
        .order((deal_lines::position, deal_lines::id))
        .select(Line::as_select())
        .load(tx.conn())?;
    Ok(lines.into_iter().map(Line::normalized).collect())
}

pub(super) fn find(tx: &mut OrgTx, deal: DealId, id: LineId) -> AppResult<Line> {
    let line: Line = deal_lines::table
        .filter(deal_lines::deal_id.eq(deal))
        .filter(deal_lines::id.eq(id))
        .select(Line::as_select())
        .first(tx.conn())?;
    Ok(line.normalized())
}
