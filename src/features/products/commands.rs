//! Writing the catalogue: products with their prices, tax classes, categories.

use super::{
    model::{Category, Price, Product, TaxClass},
    queries,
};
use crate::{
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    events::{self, Changes, Event},
    kernel::{ProductCategoryId, ProductId, TaxClassId, lines::Interval, text},
    schema::{product_categories, product_prices, products, tax_classes},
    web::{Allow, permission::products::Administer},
};
use chrono::Utc;
use diesel::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;

pub(super) const RECORD: &str = "product";
/// Tax classes, and categories.
const MOST: i64 = 500;

/// What the form of a product says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewProduct {
    pub name: String,
    pub code: Option<String>,
    pub unit: Option<String>,
    pub category_id: Option<ProductCategoryId>,
    pub tax_class_id: Option<TaxClassId>,
    pub every: Option<Interval>,
    pub description: Option<String>,
    /// One for each currency.
    pub prices: Vec<Price>,
}

impl NewProduct {
    pub(super) fn of(product: &Product, prices: Vec<Price>) -> Self {
        Self {
            name: product.name.clone(),
            code: product.code.clone(),
            unit: product.unit.clone(),
            category_id: product.category_id,
            tax_class_id: product.tax_class_id,
            every: product.every(),
            description: product.description.clone(),
            prices,
        }
    }
}

/// Makes a product. The same form sent twice makes one.
pub fn create(tx: &mut OrgTx, by: &Allow<Administer>, id: ProductId, new: &NewProduct) -> AppResult<ProductId> {
    if queries::is_one(tx, id)? {
        return Ok(id);
    }
    check(tx, None, new)?;
    diesel::insert_into(products::table)
        .values((
            (products::id.eq(id), products::name.eq(&new.name), products::code.eq(&new.code)),
            (products::unit.eq(&new.unit), products::category_id.eq(new.category_id)),
            (products::tax_class_id.eq(new.tax_class_id), products::every.eq(new.every.map(Interval::key))),
            (products::description.eq(&new.description), products::created_by.eq(by.id)),
        ))
        .execute(tx.conn())?;
    set_prices(tx, id, &new.prices)?;
    let changes = changes(tx, &NewProduct::default(), new)?;
    events::record(tx, Event::of("product.created", RECORD, id).version(1).changes(changes))?;
    Ok(id)
}

/// A product of that name and nothing else: for those who have asked already whether it may be made.
pub fn make(tx: &mut OrgTx, name: &str) -> AppResult<ProductId> {
    let id = ProductId::new();
    let name: String = name.trim().chars().take(200).collect();
    let by = tx.by();
    diesel::insert_into(products::table)
        .values((products::id.eq(id), products::name.eq(&name), products::created_by.eq(by)))
        .execute(tx.conn())?;
    let mut changes = Changes::new();
    changes.set("name", &name);
    events::record_quietly(tx, Event::of("product.created", RECORD, id).version(1).changes(changes))?;
    Ok(id)
}

/// Saves it. `version`: the one that was looked at; `None`: whatever it is. Says whether anything changed.
pub(super) fn update(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: ProductId,
    version: Option<i32>,
    new: &NewProduct,
) -> AppResult<bool> {
    let product = queries::lock(tx, id)?;
    let before = NewProduct::of(&product, queries::prices(tx, id)?);
    let changes = changes(tx, &before, new)?;
    if changes.is_empty() {
        return Ok(false);
    }
    if version.is_some_and(|version| version != product.version) {
        return Err(AppError::Conflict(
            "Somebody changed this product meanwhile. Look at it again before you save.".into(),
        ));
    }
    check(tx, Some((id, &before)), new)?;
    diesel::update(products::table.filter(products::id.eq(id)))
        .set((
            (products::name.eq(&new.name), products::code.eq(&new.code), products::unit.eq(&new.unit)),
            (products::category_id.eq(new.category_id), products::tax_class_id.eq(new.tax_class_id)),
            (products::every.eq(new.every.map(Interval::key)), products::description.eq(&new.description)),
            (products::version.eq(products::version + 1), products::updated_at.eq(diesel::dsl::now)),
        ))
        .execute(tx.conn())?;
    if before.prices != new.prices {
        diesel::delete(product_prices::table.filter(product_prices::product_id.eq(id))).execute(tx.conn())?;
        set_prices(tx, id, &new.prices)?;
    }
    events::record(tx, Event::of("product.updated", RECORD, id).version(product.version + 1).changes(changes))?;
    Ok(true)
}

/// Retires it, or brings it back.
pub(super) fn retire(tx: &mut OrgTx, _: &Allow<Administer>, id: ProductId, retired: bool) -> AppResult<Product> {
    let product = queries::lock(tx, id)?;
    if product.retired_at.is_some() == retired {
        return Ok(product);
    }
    diesel::update(products::table.filter(products::id.eq(id)))
        .set((products::retired_at.eq(retired.then(Utc::now)), products::version.eq(products::version + 1)))
        .execute(tx.conn())?;
    let kind = if retired { "product.retired" } else { "product.restored" };
    events::record(tx, Event::of(kind, RECORD, id).version(product.version + 1))?;
    Ok(product)
}

fn set_prices(tx: &mut OrgTx, id: ProductId, prices: &[Price]) -> AppResult<()> {
    for price in prices {
        diesel::insert_into(product_prices::table)
            .values((
                product_prices::product_id.eq(id),
                product_prices::currency.eq(price.currency.code()),
                product_prices::price.eq(price.amount),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The code is nobody else's; a product without one is told apart by its name. What is newly chosen is there and not retired.
fn check(tx: &mut OrgTx, before: Option<(ProductId, &NewProduct)>, new: &NewProduct) -> AppResult<()> {
    let own = before.map(|(id, _)| id);
    let taken: Option<ProductId> = match &new.code {
        Some(code) => {
            let same = products::table.filter(products::code_key.eq(text::fold(code)));
            same.select(products::id).first(tx.conn()).optional()?
        }
        None => {
            let same =
                products::table.filter(products::name_key.eq(text::fold(&new.name))).filter(products::code.is_null());
            same.select(products::id).order(products::id).first(tx.conn()).optional()?
        }
    };
    if taken.is_some_and(|id| Some(id) != own) {
        return Err(match new.code {
            Some(_) => AppError::field("code", "is another product's already"),
            None => AppError::field("name", "is another product's already: give one of them a code"),
        });
    }
    if new.category_id != before.and_then(|(_, b)| b.category_id)
        && let Some(id) = new.category_id
        && !queries::categories(tx)?.iter().any(|c| c.id == id && c.retired_at.is_none())
    {
        return Err(AppError::field("category_id", "is not one of the categories"));
    }
    if new.tax_class_id != before.and_then(|(_, b)| b.tax_class_id)
        && let Some(id) = new.tax_class_id
        && !queries::taxes(tx)?.iter().any(|c| c.id == id && c.retired_at.is_none())
    {
        return Err(AppError::field("tax_class_id", "is not one of the tax classes"));
    }
    Ok(())
}

fn changes(tx: &mut OrgTx, before: &NewProduct, after: &NewProduct) -> AppResult<Changes> {
    let mut changes = Changes::new();
    changes
        .track("name", &before.name, &after.name)
        .track("code", &before.code, &after.code)
        .track("unit", &before.unit, &after.unit)
        .track("every", &before.every.map(Interval::key), &after.every.map(Interval::key))
        .track("description", &before.description, &after.description);
    let told = |prices: &[Price]| -> Vec<String> {
        prices.iter().map(|p| format!("{} {}", p.currency, p.amount.normalize())).collect()
    };
    changes.track("prices", &told(&before.prices), &told(&after.prices));
    if before.category_id != after.category_id {
        let all = queries::categories(tx)?;
        let named = |id: Option<ProductCategoryId>| {
            let found = all.iter().find(|c| Some(c.id) == id);
            found.map(|c| json!({ "id": c.id, "name": c.name }))
        };
        changes.track("category_id", &named(before.category_id), &named(after.category_id));
    }
    if before.tax_class_id != after.tax_class_id {
        let all = queries::taxes(tx)?;
        let named = |id: Option<TaxClassId>| {
            let found = all.iter().find(|c| Some(c.id) == id);
            found.map(|c| json!({ "id": c.id, "name": c.name }))
        };
        changes.track("tax_class_id", &named(before.tax_class_id), &named(after.tax_class_id));
    }
    Ok(changes)
}

/// The category of that name; made when there is none.
pub(super) fn make_category(tx: &mut OrgTx, by: &Allow<Administer>, name: &str) -> AppResult<ProductCategoryId> {
    let all = queries::categories(tx)?;
    match all.into_iter().find(|c| text::fold(&c.name) == text::fold(name)) {
        Some(known) => Ok(known.id),
        None => save_category(tx, by, None, name),
    }
}

/// Makes a category, or renames one.
pub(super) fn save_category(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: Option<ProductCategoryId>,
    name: &str,
) -> AppResult<ProductCategoryId> {
    let all = queries::categories(tx)?;
    let same = |c: &&Category| text::fold(&c.name) == text::fold(name) && Some(c.id) != id;
    if let Some(other) = all.iter().find(same) {
        let told = if other.retired_at.is_some() {
            "is a retired category: use that one again"
        } else {
            "is another category's"
        };
        return Err(AppError::field("name", told));
    }
    let before = match id {
        Some(id) => Some(all.into_iter().find(|c| c.id == id).ok_or(AppError::NotFound)?),
        None if i64::try_from(all.len()).unwrap_or(MOST) >= MOST => {
            return Err(AppError::field(
                "name",
                format!("cannot be added: {MOST} categories are the most there can be"),
            ));
        }
        None => None,
    };
    let at = id.unwrap_or_else(ProductCategoryId::new);
    let was = before.map(|c| c.name);
    match &was {
        Some(_) => diesel::update(product_categories::table.filter(product_categories::id.eq(at)))
            .set(product_categories::name.eq(name))
            .execute(tx.conn())?,
        None => diesel::insert_into(product_categories::table)
            .values((product_categories::id.eq(at), product_categories::name.eq(name)))
            .execute(tx.conn())?,
    };
    let kind = if was.is_some() { "product_category.updated" } else { "product_category.created" };
    told(tx, kind, "product_category", at.0, |changes| {
        changes.track("name", &was.as_deref(), &Some(name));
    })?;
    Ok(at)
}

pub(super) fn retire_category(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: ProductCategoryId,
    retired: bool,
) -> AppResult<Category> {
    let category = queries::categories(tx)?.into_iter().find(|c| c.id == id).ok_or(AppError::NotFound)?;
    diesel::update(product_categories::table.filter(product_categories::id.eq(id)))
        .set(product_categories::retired_at.eq(retired.then(Utc::now)))
        .execute(tx.conn())?;
    let kind = if retired { "product_category.retired" } else { "product_category.restored" };
    told(tx, kind, "product_category", id.0, |_| ())?;
    Ok(category)
}

/// The class that has this rate; made, called by it, when there is none.
pub(super) fn class_of_rate(tx: &mut OrgTx, by: &Allow<Administer>, rate: Decimal) -> AppResult<TaxClassId> {
    let all = queries::taxes(tx)?;
    match all.iter().find(|c| c.rate == rate && c.retired_at.is_none()) {
        Some(known) => Ok(known.id),
        None => save_tax(tx, by, None, &format!("{} %", rate.normalize()), rate),
    }
}

/// Makes a tax class, or changes one. Lines that exist keep the rate they were written with.
pub(super) fn save_tax(
    tx: &mut OrgTx,
    _: &Allow<Administer>,
    id: Option<TaxClassId>,
    name: &str,
    rate: Decimal,
) -> AppResult<TaxClassId> {
    let all = queries::taxes(tx)?;
    let same = |c: &&TaxClass| text::fold(&c.name) == text::fold(name) && Some(c.id) != id;
    if let Some(other) = all.iter().find(same) {
        let told =
            if other.retired_at.is_some() { "is a retired class: use that one again" } else { "is another class's" };
        return Err(AppError::field("name", told));
    }
    let before = match id {
        Some(id) => Some(all.into_iter().find(|c| c.id == id).ok_or(AppError::NotFound)?),
        None if i64::try_from(all.len()).unwrap_or(MOST) >= MOST => {
            return Err(AppError::field("name", format!("cannot be added: {MOST} classes are the most there can be")));
        }
        None => None,
    };
    let at = id.unwrap_or_else(TaxClassId::new);
    match &before {
        Some(_) => diesel::update(tax_classes::table.filter(tax_classes::id.eq(at)))
            .set((tax_classes::name.eq(name), tax_classes::rate.eq(rate)))
            .execute(tx.conn())?,
        None => diesel::insert_into(tax_classes::table)
            .values((tax_classes::id.eq(at), tax_classes::name.eq(name), tax_classes::rate.eq(rate)))
            .execute(tx.conn())?,
    };
    let kind = if before.is_some() { "tax_class.updated" } else { "tax_class.created" };
    told(tx, kind, "tax_class", at.0, |changes| {
        let was = before.map(|c| (c.name, c.rate.normalize().to_string()));
        changes.track("name", &was.as_ref().map(|w| w.0.as_str()), &Some(name));
        changes.track("rate", &was.as_ref().map(|w| w.1.clone()), &Some(rate.normalize().to_string()));
    })?;
    Ok(at)
}

pub(super) fn retire_tax(tx: &mut OrgTx, _: &Allow<Administer>, id: TaxClassId, retired: bool) -> AppResult<TaxClass> {
    let class = queries::taxes(tx)?.into_iter().find(|c| c.id == id).ok_or(AppError::NotFound)?;
    diesel::update(tax_classes::table.filter(tax_classes::id.eq(id)))
        .set(tax_classes::retired_at.eq(retired.then(Utc::now)))
        .execute(tx.conn())?;
    let kind = if retired { "tax_class.retired" } else { "tax_class.restored" };
    told(tx, kind, "tax_class", id.0, |_| ())?;
    Ok(class)
}

fn told(
    tx: &mut OrgTx,
    kind: &'static str,
    record: &'static str,
    id: uuid::Uuid,
    say: impl FnOnce(&mut Changes),
) -> AppResult<()> {
    let mut changes = Changes::new();
    say(&mut changes);
    events::record(tx, Event::of(kind, record, id).changes(changes))
}
