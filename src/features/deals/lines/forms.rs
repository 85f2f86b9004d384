//! The form of a line: from what was typed to what a line says, and back.

use super::{
    model::Line,
    price::{self, Found},
};
use crate::{
    db::OrgTx,
    error::{AppError, AppResult},
    features::products::{self, Product},
    kernel::{
        Currency, TaxClassId,
        lines::{Discount, INTERVALS, Interval, MOST_PERIODS, Priced},
        money,
        numbers::DecimalMark,
    },
    web::{Actor, Form, FormErrors, Parser},
};
use rust_decimal::Decimal;

/// Largest quantity, exclusive.
const MOST: i64 = 100_000_000_000;
/// In a select: what the product says.
pub(super) const AS_PRODUCT: &str = "product";

/// What the form says, with what the product fills in.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub product: Option<Product>,
    pub name: String,
    pub unit: Option<String>,
    pub priced: Priced,
    pub tax_class_id: Option<TaxClassId>,
    pub price: Found,
}

/// Reads the form for a deal in that currency. `before`: the line as it is, when it is not a new one.
pub(super) fn parse(
    tx: &mut OrgTx,
    actor: &Actor,
    form: &Form,
    currency: Currency,
    before: Option<&Line>,
) -> AppResult<Said> {
    let product = products::meant(tx, form, "product")?;
    let mut p = form.parser();
    let (name, mark) = (p.required("product", 200), actor.locale.mark());
    let quantity = p.optional("quantity", |text| quantity(text, mark)).unwrap_or(Decimal::ONE);
    let typed = p.optional("unit_price", |text| money::parse_amount_in(text, mark, Some(currency)));
    let discount = discount(&mut p, form, mark, currency);
    let recurring = recurring(&mut p, form, product.as_ref());
    let known = before.filter(|line| line.product_id == product.as_ref().map(|product| product.id));
    if let Some(product) = product.as_ref().filter(|product| product.retired_at.is_some() && known.is_none()) {
        p.error("product", format!("is retired: {} is not sold any more", product.name));
    }
    let (tax_class_id, tax_rate) = tax(tx, &mut p, form, product.as_ref(), before)?;
    let price = price(tx, actor, &mut p, typed, product.as_ref(), currency)?;
    p.finish()?;
    let priced = Priced { quantity, unit_price: price.amount, discount, tax_rate, recurring };
    priced.check(currency).map_err(|(field, message)| AppError::from(FormErrors::one(field, message)))?;
    Ok(Said {
        // The product's own name, unless the line has had another since.
        name: product.as_ref().map_or(name, |product| known.map_or(&product.name, |line| &line.name).clone()),
        unit: product.as_ref().and_then(|product| product.unit.clone()),
        product,
        priced,
        tax_class_id,
        price,
    })
}

fn quantity(text: &str, mark: DecimalMark) -> Result<Decimal, &'static str> {
    let quantity = money::parse_amount(text, mark)?;
    match quantity {
        n if n.is_zero() => Err("must be more than nothing"),
        n if n >= Decimal::from(MOST) => Err("is too large"),
        n => Ok(n),
    }
}

/// `10 %`, or an amount.
fn discount(p: &mut Parser<'_>, form: &Form, mark: DecimalMark, currency: Currency) -> Discount {
    let text = form.get("discount");
    let percent = text.ends_with('%') || form.get("discount_kind") == "percent";
    if !percent {
        let amount = p
            .optional("discount", |text| money::parse_amount_in(text, mark, Some(currency)))
            .filter(|amount| !amount.is_zero());
        return amount.map_or(Discount::None, Discount::Amount);
    }
    let read = |text: &str| -> Result<Decimal, String> {
        let percent = money::parse_decimal(text.trim_end_matches('%').trim_end(), 2, mark)?;
        let fits = (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent);
        fits.then_some(percent).ok_or_else(|| "must be from 0 to 100 %".to_owned())
    };
    let percent = p.optional("discount", read).filter(|percent| !percent.is_zero());
    percent.map_or(Discount::None, Discount::Percent)
}

fn recurring(p: &mut Parser<'_>, form: &Form, product: Option<&Product>) -> Option<(Interval, i32)> {
    let every = match form.get("every") {
        AS_PRODUCT => product.and_then(Product::every),
        _ => p.choice("every", INTERVALS).and_then(Interval::parse),
    };
    let periods = p.integer("periods", 1, i64::from(MOST_PERIODS)).and_then(|n| i32::try_from(n).ok());
    every.map(|every| (every, periods.unwrap_or(every.of_a_year())))
}

/// The class chosen, or the product's, with its rate; a line keeps the rate it was written with.
fn tax(
    tx: &mut OrgTx,
    p: &mut Parser<'_>,
    form: &Form,
    product: Option<&Product>,
    before: Option<&Line>,
) -> AppResult<(Option<TaxClassId>, Option<Decimal>)> {
    let chosen = match form.get("tax_class_id") {
        AS_PRODUCT => product.and_then(|product| product.tax_class_id),
        _ => p.id("tax_class_id"),
    };
    let Some(id) = chosen else { return Ok((None, None)) };
    if let Some(line) = before.filter(|line| line.tax_class_id == Some(id)) {
        return Ok((Some(id), line.tax_rate));
    }
    match products::taxes(tx)?.into_iter().find(|class| class.id == id) {
        Some(class) => Ok((Some(id), Some(class.rate))),
        None => {
            p.error("tax_class_id", "is not one of the tax classes");
            Ok((None, None))
        }
    }
}

fn price(
    tx: &mut OrgTx,
    actor: &Actor,
    p: &mut Parser<'_>,
    typed: Option<Decimal>,
    product: Option<&Product>,
    currency: Currency,
) -> AppResult<Found> {
    if let Some(amount) = typed {
        return Ok(Found { amount, from: None });
    }
    let found = match product {
        Some(product) => price::of(tx, actor, product, currency)?,
        None => None,
    };
    Ok(found.unwrap_or_else(|| {
        p.error(
            "unit_price",
            match product {
                Some(_) => format!("is needed: the product has none in {currency}, and no rate leads there"),
                None => "is required".to_owned(),
            },
        );
        Found { amount: Decimal::ZERO, from: None }
    }))
}

/// The form of a line as it is.
pub(super) fn to_form(line: &Line) -> Form {
    let plain = money::typed;
    let said = [
        ("product", line.name.clone()),
        ("product_id", line.product_id.map(|id| id.to_string()).unwrap_or_default()),
        ("quantity", plain(line.quantity)),
        ("unit_price", plain(line.unit_price)),
        (
            "discount",
            match (line.discount_percent, line.discount_amount) {
                (Some(percent), _) => format!("{} %", plain(percent)),
                (None, Some(amount)) => plain(amount),
                (None, None) => String::new(),
            },
        ),
        ("tax_class_id", line.tax_class_id.map(|id| id.to_string()).unwrap_or_default()),
        ("every", line.every.clone().unwrap_or_default()),
        ("periods", if line.every.is_some() { line.periods.to_string() } else { String::new() }),
    ];
    Form::new(said.map(|(name, value)| (name.to_owned(), value)))
}
