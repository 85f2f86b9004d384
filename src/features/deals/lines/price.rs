//! What a product costs on a deal: its price in the deal's currency.

use crate::{
    db::OrgTx,
    error::AppResult,
    features::{
        currencies::Rates,
        products::{self, Product},
    },
    kernel::Currency,
    web::Actor,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A price, and where it came from when it was converted: currency, rate, the rate's day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub amount: Decimal,
    pub from: Option<(Currency, Decimal, NaiveDate)>,
}

/// In the deal's currency; else its price in another, at today's rates: the organisation's own before the rest. `None`: it has none that
/// could be used.
pub(super) fn of(tx: &mut OrgTx, actor: &Actor, product: &Product, currency: Currency) -> AppResult<Option<Found>> {
    let prices = products::prices(tx, product.id)?;
    if let Some(own) = prices.iter().find(|price| price.currency == currency) {
        return Ok(Some(Found { amount: own.amount, from: None }));
    }
    let rates = Rates::today(tx, actor)?;
    let own_first = prices.iter().filter(|price| price.currency.code() == actor.org.currency);
    let found = own_first.chain(&prices).find_map(|price| {
        let (amount, rate) = rates.cross(price.amount, price.currency, currency)?;
        Some(Found { amount, from: Some((price.currency, rate.rate, rate.on)) })
    });
    Ok(found)
}
