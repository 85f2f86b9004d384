//! `GET /search/options`: what a combobox of one record type offers as one types.

use crate::{
    db::Db,
    error::AppResult,
    kernel::RecordType,
    search,
    web::{Form, Page, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;

/// Choices at a time.
const SHOWN: i32 = 8;

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `type`, a record type's key, and `q`. Nothing for types the role does not see.
pub(super) async fn options(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let found = match RecordType::parse(query.get("type")) {
        Some(record) => {
            let q = query.get("q").to_owned();
            db.org(&page, move |tx| search::find(tx, &actor, &q, &[record], SHOWN)).await?
        }
        None => Vec::new(),
    };
    let options = found.into_iter().map(|hit| (hit.id.to_string(), hit.title, hit.subtitle)).collect();
    reply::fragment(&Options { options, adding: None })
}
