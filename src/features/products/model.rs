//! What a product is.

use crate::{
    kernel::{Currency, ProductCategoryId, ProductId, TaxClassId, lines::Interval},
    schema::{product_categories, products, tax_classes},
};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = products)]
pub struct Product {
    pub id: ProductId,
    pub name: String,
    pub code: Option<String>,
    pub unit: Option<String>,
    pub category_id: Option<ProductCategoryId>,
    pub tax_class_id: Option<TaxClassId>,
    every: Option<String>,
    pub description: Option<String>,
    pub version: i32,
    pub retired_at: Option<DateTime<Utc>>,
}

impl Product {
    /// How often it is paid; `None`: once.
    pub fn every(&self) -> Option<Interval> {
        self.every.as_deref().and_then(Interval::parse)
    }
}

/// What one costs in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub currency: Currency,
    pub amount: Decimal,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = tax_classes)]
pub struct TaxClass {
    pub id: TaxClassId,
    pub name: String,
    /// Percent.
    pub rate: Decimal,
    pub retired_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable, Clone, Debug)]
#[diesel(table_name = product_categories)]
pub struct Category {
    pub id: ProductCategoryId,
    pub name: String,
    pub retired_at: Option<DateTime<Utc>>,
}
