//! What a product costs on a deal: its price in the deal's currency.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::products::{self, Product},
    kernel::Currency,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A price, and where it came from when it was converted: currency, rate, the rate's day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub amount: Decimal,
    pub from: Option<(Currency, Decimal, NaiveDate)>,
}

/// `None`: the product has no price that could be used.
pub(super) fn of(tx: &mut OrgTx, product: &Product, currency: Currency) -> AppResult<Option<Found>> {
    let prices = products::prices(tx, product.id)?;
    let own = prices.iter().find(|price| price.currency == currency);
    Ok(own.map(|price| Found { amount: price.amount, from: None }))
}
