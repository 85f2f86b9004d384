//! `/products/new`, `/products/{id}`: the form of a product, and to those who may not change it, what it says.

use super::{
    commands, forms,
    model::{Category, TaxClass},
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::currencies,
    kernel::ProductId,
    web::{
        Actor, Allow, Form, FormErrors, FormView, Page, SelectOption, Shell,
        flash::Flash,
        permission::{
            Permission,
            products::{Administer, View},
        },
        reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

/// Rows for prices beside those that hold one.
const SPARE: usize = 2;
/// Currencies among which an organisation has chosen; every one there is would be no choice.
const MOST_OFFERED: usize = 40;

#[derive(Template)]
#[template(path = "products/form.html")]
struct FormPage {
    shell: Shell,
    /// `None`: a new one.
    product: Option<ProductId>,
    retired: bool,
    may_edit: bool,
    action: String,
    input: FormView,
    categories: Vec<SelectOption>,
    taxes: Vec<SelectOption>,
    intervals: Vec<SelectOption>,
    prices: Vec<PriceRow>,
    conflict: String,
    /// Deals that have a line of it.
    sold: String,
}

struct PriceRow {
    amount: String,
    currencies: Vec<SelectOption>,
}

/// What the form offers to choose from, and where the product is sold.
struct Choices {
    categories: Vec<Category>,
    taxes: Vec<TaxClass>,
    currencies: Vec<String>,
    retired: bool,
    deals: i64,
}

impl Choices {
    fn load(tx: &mut OrgTx, actor: &Actor, id: Option<ProductId>) -> AppResult<Self> {
        let product = id.map(|id| queries::find(tx, id)).transpose()?;
        Ok(Self {
            categories: queries::categories(tx)?,
            taxes: queries::taxes(tx)?,
            currencies: currencies::codes(tx, actor)?,
            retired: product.is_some_and(|product| product.retired_at.is_some()),
            deals: id.map(|id| queries::deals(tx, actor, id)).transpose()?.unwrap_or(0),
        })
    }
}

fn form_page(
    page: &Page,
    product: Option<ProductId>,
    form: Form,
    errors: FormErrors,
    choices: &Choices,
    conflict: String,
) -> FormPage {
    let own = page.org.currency.clone();
    let row = |(amount, code): (String, String)| PriceRow {
        currencies: currencies::options(&choices.currencies, &code),
        amount,
    };
    let mut rows = forms::rows(&form);
    rows.retain(|(amount, _)| !amount.is_empty());
    // Of the currencies that have no price yet, the organisation's own before the rest.
    let chosen = choices.currencies.iter().filter(|code| **code != own && choices.currencies.len() <= MOST_OFFERED);
    let mut spare: Vec<String> = std::iter::once(&own).chain(chosen).cloned().collect();
    spare.retain(|code| !rows.iter().any(|(_, taken)| taken == code));
    rows.extend(spare.into_iter().take(SPARE).map(|code| (String::new(), code)));
    let deals = match choices.deals {
        0 => String::new(),
        1 => "On one deal.".to_owned(),
        n => format!("On {} deals.", page.locale.integer(n)),
    };
    FormPage {
        shell: page.shell("products"),
        action: product.map_or_else(|| "/products/new".into(), |id| format!("/products/{id}")),
        product,
        retired: choices.retired,
        may_edit: page.actor.may(Administer::KEY),
        categories: forms::category_options(&choices.categories, form.get("category_id")),
        taxes: forms::tax_options(&choices.taxes, form.get("tax_class_id")),
        intervals: forms::interval_options(form.get("every")),
        prices: rows.into_iter().map(row).collect(),
        input: form.view(errors),
        conflict,
        sold: deals,
    }
}

/// `GET /products/new`
pub(super) async fn new(page: Page, _: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let choices = db.org(&page, move |tx| Choices::load(tx, &actor, None)).await?;
    let mut form = Form::default();
    // Chosen now, so that the form sent twice makes one product.
    form.set("id", ProductId::new().to_string());
    reply::page(&page.req, &form_page(&page, None, form, FormErrors::default(), &choices, String::new()))
}

/// `POST /products/new`
pub(super) async fn create(page: Page, by: Allow<Administer>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    let posted = form.clone();
    let made = db
        .org(&page, move |tx| {
            let id = posted.get("id").parse().unwrap_or_else(|_| ProductId::new());
            commands::create(tx, &by, id, &forms::parse(&posted, by.locale.mark())?)
        })
        .await;
    match made {
        Ok(id) => Ok(reply::redirect(&page.req, &format!("/products/{id}"), Some(Flash::success("Product added")))),
        Err(AppError::Invalid(errors)) => again(&page, &db, None, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /products/{id}`
pub(super) async fn show(page: Page, id: Path<ProductId>, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let (actor, id) = (page.actor.clone(), *id);
    let (form, choices) = db
        .org(&page, move |tx| {
            let product = queries::find(tx, id)?;
            let prices = queries::prices(tx, id)?;
            Ok((forms::to_form(&product, &prices), Choices::load(tx, &actor, Some(id))?))
        })
        .await?;
    reply::page(&page.req, &form_page(&page, Some(id), form, FormErrors::default(), &choices, String::new()))
}

/// `POST /products/{id}`
pub(super) async fn save(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductId>,
    form: Form,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let (id, posted) = (*id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            queries::find(tx, id)?;
            let version = posted.get("version").parse().unwrap_or(0);
            commands::update(tx, &by, id, Some(version), &forms::parse(&posted, by.locale.mark())?)
        })
        .await;
    match saved {
        Ok(_) => Ok(reply::redirect(&page.req, &format!("/products/{id}"), Some(Flash::success("Product saved")))),
        Err(AppError::Invalid(errors)) => again(&page, &db, Some(id), form, errors).await,
        Err(AppError::Conflict(told)) => conflict(&page, &db, id, form, told).await,
        Err(other) => Err(other),
    }
}

async fn again(page: &Page, db: &Db, id: Option<ProductId>, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let choices = db.org(page, move |tx| Choices::load(tx, &actor, id)).await?;
    let errors = errors.placed(&form);
    let shown = form_page(page, id, form, errors, &choices, String::new());
    reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// What was typed stays, and is saved over the other's when it is sent again.
async fn conflict(page: &Page, db: &Db, id: ProductId, mut form: Form, told: String) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let (version, choices) =
        db.org(page, move |tx| Ok((queries::find(tx, id)?.version, Choices::load(tx, &actor, Some(id))?))).await?;
    form.set("version", version.to_string());
    let shown = form_page(page, Some(id), form, FormErrors::default(), &choices, told);
    reply::page_with(&page.req, StatusCode::CONFLICT, &shown)
}

/// `POST /products/{id}/retirement`
pub(super) async fn retire(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let product = db.org(&page, move |tx| commands::retire(tx, &by, id, true)).await?;
    let flash = Flash::success(format!("{} retired", product.name)).undo(format!("/products/{id}/retirement/undo"));
    Ok(reply::redirect(&page.req, "/products", Some(flash)))
}

/// `POST /products/{id}/retirement/undo`
pub(super) async fn restore(
    page: Page,
    by: Allow<Administer>,
    id: Path<ProductId>,
    db: Data<Db>,
) -> AppResult<HttpResponse> {
    let id = *id;
    let product = db.org(&page, move |tx| commands::retire(tx, &by, id, false)).await?;
    let done = Flash::success(format!("{} can be sold again", product.name));
    Ok(reply::redirect(&page.req, &format!("/products/{id}"), Some(done)))
}
