//! Reads of the catalogue, and finding a product by what people and files call it.

use super::model::{Category, Price, Product, TaxClass};
use crate::{
    db::{OrgTx, Tx, kept},
    error::{AppError, AppResult},
    kernel::{Currency, ProductId},
    schema::{product_categories, product_prices, products, tax_classes},
    web::{Actor, Form},
};
use diesel::{prelude::*, sql_types};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

pub fn find(tx: &mut OrgTx, id: ProductId) -> AppResult<Product> {
    Ok(products::table.filter(products::id.eq(id)).select(Product::as_select()).first(tx.conn())?)
}

/// Like [`find`], and nobody else changes it until this transaction ends.
pub(super) fn lock(tx: &mut OrgTx, id: ProductId) -> AppResult<Product> {
    let one = products::table.filter(products::id.eq(id)).select(Product::as_select());
    Ok(one.for_no_key_update().first(tx.conn())?)
}

/// By currency.
pub fn prices(tx: &mut OrgTx, id: ProductId) -> AppResult<Vec<Price>> {
    let rows: Vec<(String, Decimal)> = product_prices::table
        .filter(product_prices::product_id.eq(id))
        .order(product_prices::currency)
        .select((product_prices::currency, product_prices::price))
        .load(tx.conn())?;
    let price = |(code, amount): (String, Decimal)| {
        Some(Price { currency: code.parse::<Currency>().ok()?, amount: amount.normalize() })
    };
    Ok(rows.into_iter().filter_map(price).collect())
}

/// Every tax class, retired ones too, by name.
pub fn taxes(tx: &mut OrgTx) -> AppResult<Vec<TaxClass>> {
    let all = tx.known("tax classes", |tx| {
        let all = tax_classes::table.select(TaxClass::as_select());
        Ok(all.order((tax_classes::name_key, tax_classes::id)).load(tx.conn())?)
    });
    all.map(Arc::unwrap_or_clone)
}

/// Every category, retired ones too, by name.
pub(super) fn categories(tx: &mut OrgTx) -> AppResult<Vec<Category>> {
    let all = product_categories::table.select(Category::as_select());
    Ok(all.order((product_categories::name_key, product_categories::id)).load(tx.conn())?)
}

/// What a name or code may mean.
#[derive(Clone, Debug)]
pub enum Found {
    One(ProductId),
    /// Several are called so.
    Several,
    None,
}

#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::Integer)]
    rank: i32,
}

/// The nearest way in which `t` (SQL of a text) names products: 1 by code, 2 by name, accents and case aside; 3 by either without spaces
/// and punctuation. Retired ones come after the others of the same way.
pub fn candidates(t: &str) -> String {
    format!(
        "SELECT p.id, CASE WHEN p.code_key = app.fold({t}) THEN 1 WHEN p.name_key = app.fold({t}) THEN 3 ELSE 5 END \
           + (p.retired_at IS NOT NULL)::int AS rank \
         FROM products p WHERE p.code_key = app.fold({t}) OR p.name_key = app.fold({t}) \
           OR (app.match_key({t}) <> '' AND app.match_key({t}) IN (p.name_match, p.code_match))"
    )
}

/// The product that a name or code means, when only one can be meant: `GTXPro` is `GTX Pro`.
pub fn resolve(tx: &mut OrgTx, text: &str) -> AppResult<Found> {
    let sql = format!("{} ORDER BY rank, p.id LIMIT 2", candidates("$1"));
    let query = diesel::sql_query(sql).bind::<sql_types::Text, _>(text.trim());
    let found: Vec<Candidate> = kept(query).load(tx.conn())?;
    Ok(match &found[..] {
        [] => Found::None,
        [one] => Found::One(one.id.into()),
        [first, second, ..] if first.rank < second.rank => Found::One(first.id.into()),
        _ => Found::Several,
    })
}

/// Whether that id is a product here.
pub(super) fn is_one(tx: &mut OrgTx, id: ProductId) -> AppResult<bool> {
    Ok(diesel::select(diesel::dsl::exists(products::table.filter(products::id.eq(id)))).get_result(tx.conn())?)
}

/// The product meant by a combobox: the id chosen, else what the text names; `None`: the text is free.
pub fn meant(tx: &mut OrgTx, form: &Form, key: &str) -> AppResult<Option<Product>> {
    let id = form.get(&format!("{key}_id"));
    if !id.is_empty() {
        let unknown = || AppError::field(key, "is not one of the products: choose one from the list");
        let id: ProductId = id.parse().map_err(|_| unknown())?;
        return match find(tx, id) {
            Ok(product) => Ok(Some(product)),
            Err(AppError::NotFound) => Err(unknown()),
            Err(other) => Err(other),
        };
    }
    match resolve(tx, form.get(key))? {
        Found::One(id) => find(tx, id).map(Some),
        Found::Several | Found::None => Ok(None),
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    n: i64,
}

/// Deals with a line of the product, as far as the reader sees deals; counted up to a thousand.
pub(super) fn deals(tx: &mut OrgTx, actor: &Actor, id: ProductId) -> AppResult<i64> {
    let query = diesel::sql_query(
        "SELECT count(*) AS n FROM (SELECT DISTINCT l.deal_id FROM deal_lines l JOIN deals d ON d.org_id = l.org_id AND d.id = l.deal_id \
         WHERE l.product_id = $1 AND d.deleted_at IS NULL AND ($2 IS NULL OR d.owner_id = ANY ($2)) LIMIT 1000) x",
    )
    .bind::<sql_types::Uuid, _>(id.0)
    .bind::<sql_types::Nullable<sql_types::Array<sql_types::Uuid>>, _>(actor.visible_owners());
    Ok(kept(query).get_result::<Count>(tx.conn())?.n)
}
