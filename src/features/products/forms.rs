//! The form of a product: from what was typed to [`NewProduct`], and back. A price is two fields of the same names for each currency.

use super::{
    commands::NewProduct,
    model::{Category, Price, Product, TaxClass},
};
use crate::{
    error::AppResult,
    kernel::{
        Currency,
        lines::{INTERVALS, Interval},
        money,
        numbers::DecimalMark,
    },
    web::{Form, SelectOption},
};
use rust_decimal::Decimal;

/// Prices of one product.
const MOST_PRICES: usize = 40;

pub(super) fn parse(form: &Form, mark: DecimalMark) -> AppResult<NewProduct> {
    let mut p = form.parser();
    let mut new = NewProduct {
        name: p.required("name", 200),
        code: p.text("code", 60),
        unit: p.text("unit", 30),
        category_id: p.id("category_id"),
        tax_class_id: p.id("tax_class_id"),
        every: p.choice("every", INTERVALS).and_then(Interval::parse),
        description: p.text("description", 5_000),
        prices: Vec::new(),
    };
    match prices(form, mark) {
        Ok(prices) => new.prices = prices,
        Err(message) => p.error("price", message),
    }
    p.finish()?;
    Ok(new)
}

/// What was typed in each row, in order: amount and currency.
pub(super) fn rows(form: &Form) -> Vec<(String, String)> {
    let named = |name: &'static str| {
        form.pairs().filter(move |(n, _)| *n == name).map(|(_, value)| value.to_owned()).collect::<Vec<String>>()
    };
    named("price").into_iter().zip(named("price_currency")).collect()
}

fn prices(form: &Form, mark: DecimalMark) -> Result<Vec<Price>, String> {
    let mut prices: Vec<Price> = Vec::new();
    for (amount, code) in rows(form).into_iter().filter(|(amount, _)| !amount.is_empty()) {
        let currency: Currency = code.parse().map_err(|error| format!("Currency {error}"))?;
        let amount = money::parse_amount(&amount, mark).map_err(|error| format!("The price in {currency} {error}."))?;
        if prices.iter().any(|price| price.currency == currency) {
            return Err(format!("There are two prices in {currency}: one is enough."));
        }
        prices.push(Price { currency, amount });
    }
    if prices.len() > MOST_PRICES {
        return Err(format!("At most {MOST_PRICES} prices."));
    }
    prices.sort_by_key(|price| price.currency);
    Ok(prices)
}

pub(super) fn to_form(product: &Product, prices: &[Price]) -> Form {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let id = |id: Option<String>| id.unwrap_or_default();
    let said = [
        ("version", product.version.to_string()),
        ("name", product.name.clone()),
        ("code", text(&product.code)),
        ("unit", text(&product.unit)),
        ("category_id", id(product.category_id.map(|id| id.to_string()))),
        ("tax_class_id", id(product.tax_class_id.map(|id| id.to_string()))),
        ("every", product.every().map(Interval::key).unwrap_or_default().to_owned()),
        ("description", text(&product.description)),
    ];
    let priced = prices.iter().flat_map(|price| {
        [("price", money::typed(price.amount)), ("price_currency", price.currency.code().to_owned())]
    });
    Form::new(said.into_iter().chain(priced).map(|(name, value)| (name.to_owned(), value)))
}

pub(super) fn category_options(all: &[Category], chosen: &str) -> Vec<SelectOption> {
    let shown = all.iter().filter(|c| c.retired_at.is_none() || c.id.to_string() == chosen);
    shown.map(|c| SelectOption::new(c.id.to_string(), &c.name, c.id.to_string() == chosen)).collect()
}

pub(super) fn tax_options(all: &[TaxClass], chosen: &str) -> Vec<SelectOption> {
    let shown = all.iter().filter(|c| c.retired_at.is_none() || c.id.to_string() == chosen);
    shown.map(|c| SelectOption::new(c.id.to_string(), tax_label(&c.name, c.rate), c.id.to_string() == chosen)).collect()
}

/// "Standard, 19 %", or "19 %" where the name says as much.
pub(super) fn tax_label(name: &str, rate: Decimal) -> String {
    let rate = format!("{} %", rate.normalize());
    if name.contains(&rate) { name.to_owned() } else { format!("{name}, {rate}") }
}

pub(super) fn interval_options(chosen: &str) -> Vec<SelectOption> {
    INTERVALS.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect()
}
