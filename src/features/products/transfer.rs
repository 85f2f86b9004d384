//! `/products/import`, `/products/export`: the catalogue as a file, out and in.

use super::{
    forms, import,
    list::{self, Narrowed, Row},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::imports::cells,
    web::{
        Allow, FormErrors, Page, Shell,
        permission::products::{Administer, View},
        reply,
        upload::small_file,
    },
};
use actix_multipart::Multipart;
use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    web::Data,
};
use anyhow::Context as _;
use askama::Template;
use std::collections::BTreeSet;

const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Products read at a time.
const BATCH: i64 = 1_000;

#[derive(Template)]
#[template(path = "products/import.html")]
struct ImportPage {
    shell: Shell,
    error: String,
    outcome: Option<import::Outcome>,
}

/// `GET /products/import`
pub(super) async fn form(page: Page, _: Allow<Administer>) -> AppResult<HttpResponse> {
    let shell = page.shell("products");
    reply::page(&page.req, &ImportPage { shell, error: String::new(), outcome: None })
}

/// `POST /products/import`: `file`
pub(super) async fn upload(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    form: Multipart,
) -> AppResult<HttpResponse> {
    let done = match small_file(form, "file", MOST_BYTES).await {
        Ok(Some(file)) => db.org(&page, move |tx| import::read(tx, &by, &file)).await,
        Ok(None) => Err(AppError::field("file", "is needed: choose one first")),
        Err(other) => Err(other),
    };
    let shell = page.shell("products");
    match done {
        Ok(outcome) => reply::page(&page.req, &ImportPage { shell, error: String::new(), outcome: Some(outcome) }),
        Err(AppError::Invalid(errors)) => {
            let error = told(&errors);
            reply::page_with(&page.req, StatusCode::UNPROCESSABLE_ENTITY, &ImportPage { shell, error, outcome: None })
        }
        Err(other) => Err(other),
    }
}

fn told(errors: &FormErrors) -> String {
    errors.get("file").map_or_else(|| errors.summary(), str::to_owned)
}

/// `GET /products/export`: every product, retired ones too, as the import reads them.
pub(super) async fn export(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    page.require::<View>()?;
    let rows = db
        .org(&page, |tx| {
            let mut asked = Narrowed { status: "all", ..Narrowed::default() };
            let mut rows = Vec::new();
            loop {
                let batch = list::page(tx, &asked, BATCH)?;
                rows.extend(batch.rows);
                match batch.next {
                    Some(next) => asked.after = Some(next),
                    None => return Ok(rows),
                }
            }
        })
        .await?;
    let file = write(&rows).map_err(AppError::Internal)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"products.csv\""))
        .body(file))
}

fn write(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let currencies: BTreeSet<&str> = rows.iter().flat_map(|row| row.price_pairs().map(|(code, _)| code)).collect();
    let mut file = csv::Writer::from_writer(Vec::new());
    let fixed = ["Name", "Code", "Unit", "Category", "Tax class", "Recurring", "Active", "Description"];
    file.write_record(
        fixed.into_iter().map(str::to_owned).chain(currencies.iter().map(|code| format!("Price {code}"))),
    )?;
    for row in rows {
        let tax = row.tax.as_ref().zip(row.rate).map(|(name, rate)| forms::tax_label(name, rate));
        let texts = [
            Some(row.name.clone()),
            row.code.clone(),
            row.unit.clone(),
            row.category.clone(),
            tax,
            Some(row.every.clone().unwrap_or_else(|| "once".into())),
            Some(if row.retired { "no" } else { "yes" }.to_owned()),
            row.description.clone(),
        ];
        let texts = texts.into_iter().map(|text| cells::guard(&text.unwrap_or_default()));
        let prices = currencies.iter().map(|code| {
            let price = row.price_pairs().find(|(own, _)| own == code);
            price.map(|(_, amount)| plain(amount)).unwrap_or_default()
        });
        file.write_record(texts.chain(prices))?;
    }
    file.into_inner().context("the file could not be finished")
}

/// Two or four decimals: three could be read as thousands.
fn plain(amount: rust_decimal::Decimal) -> String {
    let amount = amount.normalize();
    if amount.scale() <= 2 { format!("{amount:.2}") } else { format!("{amount:.4}") }
}
