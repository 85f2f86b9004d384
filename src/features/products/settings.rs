//! `/settings/products`: tax classes and categories.

use super::{
    commands,
    model::{Category, TaxClass},
    queries,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::settings::{SettingsNav, nav},
    kernel::{ProductCategoryId, TaxClassId, money, numbers::DecimalMark},
    web::{Allow, Form, FormErrors, FormView, Page, Shell, flash::Flash, permission::products::Administer, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use rust_decimal::Decimal;
use uuid::Uuid;

const AT: &str = "/settings/products";

#[derive(Template)]
#[template(path = "products/settings.html")]
struct Settings {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    taxes: Vec<TaxRow>,
    categories: Vec<Row>,
    tax: FormView,
    category: FormView,
}

/// A category, with what was typed when it was refused.
struct Row {
    id: Uuid,
    name: String,
    retired: bool,
    error: String,
}

struct TaxRow {
    id: Uuid,
    name: String,
    rate: String,
    retired: bool,
    name_error: String,
    rate_error: String,
}

/// Which form was refused, and what it said.
#[derive(Default)]
struct Refused {
    /// `tax`, `category`, or the id of one.
    which: String,
    form: Form,
    errors: FormErrors,
}

/// `GET /settings/products`
pub(super) async fn index(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    list(&page, &db, Refused::default()).await
}

async fn list(page: &Page, db: &Db, refused: Refused) -> AppResult<HttpResponse> {
    let (taxes, categories) = db.org(page, |tx| Ok((queries::taxes(tx)?, queries::categories(tx)?))).await?;
    let status = if refused.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let new = |which: &str| match refused.which == which {
        true => refused.form.clone().view(refused.errors.clone()),
        false => FormView::default(),
    };
    let template = Settings {
        shell: page.shell("settings"),
        nav: nav(&page.actor),
        section: "products",
        taxes: taxes.into_iter().map(|class| tax_row(class, &refused)).collect(),
        categories: categories.into_iter().map(|category| category_row(category, &refused)).collect(),
        tax: new("tax"),
        category: new("category"),
    };
    reply::page_with(&page.req, status, &template)
}

impl Refused {
    fn said(&self, id: &str, field: &str, kept: String) -> (String, String) {
        match self.which == id {
            true => (self.form.get(field).to_owned(), self.errors.get(field).unwrap_or_default().to_owned()),
            false => (kept, String::new()),
        }
    }
}

fn tax_row(class: TaxClass, refused: &Refused) -> TaxRow {
    let id = class.id.to_string();
    let (name, name_error) = refused.said(&id, "name", class.name);
    let (rate, rate_error) = refused.said(&id, "rate", money::typed(class.rate));
    TaxRow { id: class.id.0, name, rate, retired: class.retired_at.is_some(), name_error, rate_error }
}

fn category_row(category: Category, refused: &Refused) -> Row {
    let (name, error) = refused.said(&category.id.to_string(), "name", category.name);
    Row { id: category.id.0, name, retired: category.retired_at.is_some(), error }
}

async fn answer(
    page: &Page,
    db: &Db,
    done: AppResult<&'static str>,
    which: String,
    form: Form,
) -> AppResult<HttpResponse> {
    match done {
        Ok(told) => Ok(reply::redirect(&page.req, AT, Some(Flash::success(told)))),
        Err(AppError::Invalid(errors)) => list(page, db, Refused { which, form, errors }).await,
        Err(other) => Err(other),
    }
}

/// A percentage with at most three decimals.
pub(super) fn parse_rate(text: &str, mark: DecimalMark) -> Result<Decimal, String> {
    let rate = money::parse_decimal(text.trim_end_matches('%').trim_end(), 3, mark)?;
    let fits = (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&rate);
    fits.then_some(rate).ok_or_else(|| "must be from 0 to 100".to_owned())
}

fn parse_tax(form: &Form, mark: DecimalMark) -> AppResult<(String, Decimal)> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    let rate = p.optional("rate", |text| parse_rate(text, mark));
    if form.get("rate").is_empty() {
        p.error("rate", "is required");
    }
    p.finish()?;
    Ok((name, rate.unwrap_or_default()))
}

fn parse_name(form: &Form) -> AppResult<String> {
    let mut p = form.parser();
    let name = p.required("name", 100);
    p.finish()?;
    Ok(name)
}

/// `POST /settings/products/taxes`: `name`, `rate`
pub(super) async fn add_tax(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            let (name, rate) = parse_tax(&posted, by.locale.mark())?;
            commands::save_tax(tx, &by, None, &name, rate)
        })
        .await;
    answer(&page, &db, done.map(|_| "Tax class added"), "tax".into(), form).await
}

/// `POST /settings/tax-classes/{id}`: `name`, `rate`
pub(super) async fn save_tax(
    page: Page,
    by: Allow<Administer>,
    id: Path<TaxClassId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let done = db
        .org(&page, move |tx| {
            queries::taxes(tx)?.iter().find(|c| c.id == id).ok_or(AppError::NotFound)?;
            let (name, rate) = parse_tax(&posted, by.locale.mark())?;
            commands::save_tax(tx, &by, Some(id), &name, rate)
        })
        .await;
    answer(&page, &db, done.map(|_| "Tax class saved"), id.to_string(), form).await
}

/// `POST /settings/tax-classes/{id}/retirement`
pub(super) async fn retire_tax(
    page: Page,
    by: Allow<Administer>,
    id: Path<TaxClassId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let class = db.org(&page, move |tx| commands::retire_tax(tx, &by, id, true)).await?;
    let undo = format!("/settings/tax-classes/{id}/retirement/undo");
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} retired", class.name)).undo(undo))))
}

/// `POST /settings/tax-classes/{id}/retirement/undo`
pub(super) async fn restore_tax(
    page: Page,
    by: Allow<Administer>,
    id: Path<TaxClassId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let class = db.org(&page, move |tx| commands::retire_tax(tx, &by, *id, false)).await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} can be used again", class.name)))))
}

/// `POST /settings/products/categories`: `name`
pub(super) async fn add_category(
    page: Page,
    by: Allow<Administer>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let done = db
        .org(&page, move |tx| {
            let name = parse_name(&posted)?;
            commands::save_category(tx, &by, None, &name)
        })
        .await;
    answer(&page, &db, done.map(|_| "Category added"), "category".into(), form).await
}

/// `POST /settings/product-categories/{id}`: `name`
pub(super) async fn save_category(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductCategoryId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let done = db
        .org(&page, move |tx| {
            queries::categories(tx)?.iter().find(|c| c.id == id).ok_or(AppError::NotFound)?;
            let name = parse_name(&posted)?;
            commands::save_category(tx, &by, Some(id), &name)
        })
        .await;
    answer(&page, &db, done.map(|_| "Category saved"), id.to_string(), form).await
}

/// `POST /settings/product-categories/{id}/retirement`
pub(super) async fn retire_category(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductCategoryId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let category = db.org(&page, move |tx| commands::retire_category(tx, &by, id, true)).await?;
    let undo = format!("/settings/product-categories/{id}/retirement/undo");
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} retired", category.name)).undo(undo))))
}

/// `POST /settings/product-categories/{id}/retirement/undo`
pub(super) async fn restore_category(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductCategoryId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let category = db.org(&page, move |tx| commands::retire_category(tx, &by, *id, false)).await?;
    Ok(reply::redirect(&page.req, AT, Some(Flash::success(format!("{} can be used again", category.name)))))
}
