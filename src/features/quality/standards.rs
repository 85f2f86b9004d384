//! `/settings/completeness`: which fields of a record type count and how much, and when a record is called incomplete or stale.

use super::{
    completeness::{self, HEAVIEST, MOST, Meaning},
    pages::{Tab, record_of, tabs},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        fields::{Catalogue, Entry},
        settings::{SettingsNav, nav},
    },
    kernel::RecordType,
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use std::collections::BTreeMap;

const WEIGHTS: [&str; 6] = ["Not counted", "1, nice to have", "2", "3, important", "4", "5, essential"];

#[derive(Template)]
#[template(path = "quality/standards.html")]
struct Standards {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    input: FormView,
}

struct Line {
    name: String,
    label: String,
    options: Vec<SelectOption>,
}

/// `GET /settings/completeness?type=contact`
pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let record = record_of(&Form::decode(page.req.query_string().as_bytes())?)?;
    let meaning = db.org(&by, move |tx| Meaning::load(tx, record)).await?;
    answer(&page, &by, &db, record, StatusCode::OK, to_form(&meaning), FormErrors::default()).await
}

/// `POST /settings/completeness`
pub async fn save(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let (record, who, posted) = (record_of(&form)?, by.clone(), form.clone());
    let saved = db
        .org(&by, move |tx| {
            let entries = countable(Catalogue::whole(tx, record)?);
            parse(&posted, &entries)?.save(tx, &who, record)
        })
        .await;
    match saved {
        Ok(()) => {
            let flash = Flash::success("Saved; records are measured anew");
            Ok(reply::redirect(&page.req, &format!("/settings/completeness?type={record}"), Some(flash)))
        }
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, record, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(error) => Err(error),
    }
}

fn countable(catalogue: Catalogue) -> Vec<Entry> {
    catalogue.entries.into_iter().filter(completeness::counts).collect()
}

fn name(key: &str) -> String {
    format!("weight_{key}")
}

fn parse(form: &Form, entries: &[Entry]) -> AppResult<Meaning> {
    let mut p = form.parser();
    let mut weights = BTreeMap::new();
    for entry in entries {
        let weight = p.integer(&name(&entry.key), 0, HEAVIEST.into()).unwrap_or(0);
        if weight > 0 {
            weights.insert(entry.key.clone(), i32::try_from(weight).unwrap_or(HEAVIEST));
        }
    }
    if weights.len() > MOST {
        p.error("", format!("At most {MOST} fields count."));
    }
    let mut number = |name: &str, most: i64| {
        let read = p.integer(name, 1, most);
        if read.is_none() {
            p.error(name, "is required");
        }
        read.and_then(|n| i32::try_from(n).ok()).unwrap_or(1)
    };
    let (incomplete_below, stale_after) = (number("incomplete_below", 100), number("stale_after", 3_650));
    p.finish()?;
    Ok(Meaning { weights, incomplete_below, stale_after, version: form.get("version").parse().unwrap_or(-1) })
}

fn to_form(meaning: &Meaning) -> Form {
    let fixed = [
        ("version".to_owned(), meaning.version.to_string()),
        ("incomplete_below".to_owned(), meaning.incomplete_below.to_string()),
        ("stale_after".to_owned(), meaning.stale_after.to_string()),
    ];
    Form::new(fixed.into_iter().chain(meaning.weights.iter().map(|(key, weight)| (name(key), weight.to_string()))))
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    record: RecordType,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let entries = db.org(by, move |tx| Ok(countable(Catalogue::whole(tx, record)?))).await?;
    let line = |entry: Entry| {
        let name = name(&entry.key);
        let chosen: usize = form.get(&name).parse().unwrap_or(0);
        let options = WEIGHTS.iter().enumerate();
        let options = options.map(|(n, label)| SelectOption::new(n.to_string(), *label, n == chosen)).collect();
        Line { name, label: entry.label, options }
    };
    let lines = entries.into_iter().map(line).collect();
    let whole = Standards {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "completeness",
        record,
        tabs: tabs("/settings/completeness", record),
        lines,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}
