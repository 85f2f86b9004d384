//! While a new record is typed: who it looks like. Never in the way: what cannot be read yet is left out.

use super::{
    likeness::{self, Likeness},
    resolve::{self, Match},
};
use crate::{
    db::Db,
    error::AppResult,
    features::records::require_view,
    kernel::{RecordType, people, text},
    web::{Form, Page, reply},
};
use actix_web::{HttpResponse, web::Data};
use askama::Template;

/// Most records named.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "duplicates/_likely.html")]
struct Likely {
    record: RecordType,
    found: Vec<Match>,
}

/// `GET /duplicates/likely/{noun}?name=…`
pub(in super::super) async fn likely(record: RecordType, page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let (name, values) = read(record, &form, &page.home_of(form.get("country")));
    let actor = page.actor.clone();
    let mut found = db.org(&page, move |tx| resolve::resolve(tx, &actor, record, (&name, &values), None)).await?;
    found.truncate(NAMED);
    reply::fragment(&Likely { record, found })
}

/// What can be read of the form so far.
fn read(record: RecordType, form: &Form, region: &str) -> (String, Likeness) {
    let cut = |key: &str| form.get(key).chars().take(200).collect::<String>();
    let name = match record {
        RecordType::Company => cut("name"),
        _ => format!("{} {}", cut("first_name"), cut("last_name")).trim().to_owned(),
    };
    let emails: Vec<String> = people::parse_email(form.get("email")).into_iter().collect();
    let phones = people::parse_phone(form.get("phone"), Some(region)).into_iter().collect();
    let website = text::domain(form.get("domain")).unwrap_or_default();
    let company = match record {
        RecordType::Lead => likeness::key(RecordType::Company, &cut("company_name")),
        _ => cut("company_id"),
    };
    let values = Likeness {
        name: likeness::key(record, &name),
        domains: resolve::domains(&emails, &website),
        emails,
        phones,
        company: (!company.is_empty()).then_some(company),
        city: text::fold(&cut("city")),
    };
    (name, values)
}
