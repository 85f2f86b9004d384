//! `/settings/rules`: the validation rules of each record type, for administrators, each with how many records break it.

use super::{
    commands::{self, NewRule},
    formats::Format,
    forms, queries,
    rule::{self, ValidationRule},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        fields::{Entry, Kind},
        records::filter::{Filter, Op},
        settings::{SettingsNav, nav},
    },
    kernel::{RecordType, RuleId},
    web::{
        Allow, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash,
        permission::organisation::Administer, reply,
    },
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

/// A record type to choose.
pub(super) struct Tab {
    pub href: String,
    pub label: &'static str,
    pub current: bool,
}

pub(super) fn tabs(path: &str, current: RecordType) -> Vec<Tab> {
    let tab = |r: RecordType| Tab { href: format!("{path}?type={r}"), label: r.plural(), current: r == current };
    RecordType::ALL.into_iter().map(tab).collect()
}

/// The list of the records that break a rule.
pub(super) fn breaking_href(record: RecordType, id: RuleId) -> String {
    let filter = Filter::All(vec![Filter::rule(super::BROKEN, Op::AnyOf, &[&id.to_string()])]);
    list_href(record, &filter)
}

pub(super) fn list_href(record: RecordType, filter: &Filter) -> String {
    let mut query = url::form_urlencoded::Serializer::new(format!("/{}?", record.noun()));
    query.append_pair("filter", &filter.json()).append_pair("view", "all").finish()
}

#[derive(Template)]
#[template(path = "quality/rules.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    tabs: Vec<Tab>,
    rules: Vec<Line>,
}

struct Line {
    rule: ValidationRule,
    /// The field's name, and what is asked of it.
    field: String,
    asks: String,
    /// "37 contacts", "None"; empty while they are being looked at.
    broken: String,
    href: Option<String>,
}

impl Line {
    fn new(rule: ValidationRule, entries: &[Entry], record: RecordType, count: i64, page: &Page) -> Self {
        let field =
            entries.iter().find(|e| e.key == rule.field).map_or_else(|| rule.field.clone(), |e| e.label.clone());
        let asks = match Format::find(&rule.format) {
            Some(format) if rule.expression.is_empty() => format.label.to_owned(),
            _ => rule.expression.clone(),
        };
        let more = if count > queries::COUNTED { "More than " } else { "" };
        let shown = page.locale.integer(count.min(queries::COUNTED));
        let broken = match (rule.active, rule.measured_at, count) {
            (false, ..) => "—".to_owned(),
            (_, None, _) => String::new(),
            (_, _, 0) => "None".to_owned(),
            (_, _, 1) => format!("1 {}", record.label().to_lowercase()),
            _ => format!("{more}{shown} {}", record.plural().to_lowercase()),
        };
        let href = (count > 0 && rule.active).then(|| breaking_href(record, rule.id));
        Self { field, asks, broken, href, rule }
    }
}

/// `GET /settings/rules?type=contact`
pub async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let record = record_of(&Form::decode(page.req.query_string().as_bytes())?)?;
    let owners = page.actor.visible_owners();
    let (counted, catalogue) = db
        .org(&by, move |tx| {
            let mut counted = Vec::new();
            for rule in queries::all(tx, record)? {
                let count = queries::breaking(tx, record, rule.id, owners.clone())?;
                counted.push((rule, count));
            }
            Ok((counted, rule::catalogue(tx, record)?))
        })
        .await?;
    let line = |(rule, count)| Line::new(rule, &catalogue.entries, record, count, &page);
    let whole = Index {
        shell: page.shell("settings"),
        nav: nav(&page),
        section: "rules",
        record,
        tabs: tabs("/settings/rules", record),
        rules: counted.into_iter().map(line).collect(),
    };
    reply::page(&page.req, &whole)
}

pub(super) fn record_of(form: &Form) -> AppResult<RecordType> {
    match form.get("type") {
        "" => Ok(RecordType::Company),
        text => RecordType::parse(text).ok_or(AppError::NotFound),
    }
}

fn address(record: RecordType) -> String {
    format!("/settings/rules?type={record}")
}

#[derive(Template)]
#[template(path = "quality/rule.html")]
struct FormPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    /// `None` for a rule to be.
    rule: Option<ValidationRule>,
    is_format: bool,
    fields: Vec<SelectOption>,
    formats: Vec<SelectOption>,
    /// Key and label of what an expression may use.
    usable: Vec<(String, String)>,
    cancel: String,
    input: FormView,
}

/// `GET /settings/rules/new?type=contact&kind=format`
pub async fn new(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    let record = record_of(&form)?;
    form.set("active", "true");
    answer(&page, &by, &db, (record, None), StatusCode::OK, form, FormErrors::default()).await
}

/// `POST /settings/rules`
pub async fn create(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let (record, who, posted) = (record_of(&form)?, by.clone(), form.clone());
    let saved = db
        .org(&by, move |tx| {
            let new: NewRule = forms::parse(&posted)?;
            commands::create(tx, &who, record, &new)
        })
        .await;
    match saved {
        Ok(_) => Ok(back(&page, record, Flash::success("Rule added; records are being looked at"))),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, (record, None), StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(error) => Err(error),
    }
}

/// `GET /settings/rules/{id}`
pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<RuleId>) -> AppResult<HttpResponse> {
    let rule = db.org(&by, move |tx| queries::find(tx, *id)).await?;
    let (record, form) = (rule.record().ok_or(AppError::NotFound)?, forms::to_form(&rule));
    answer(&page, &by, &db, (record, Some(rule)), StatusCode::OK, form, FormErrors::default()).await
}

/// `POST /settings/rules/{id}`
pub async fn update(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<RuleId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (who, mut posted, id) = (by.clone(), form.clone(), *id);
    let before = db.org(&by, move |tx| queries::find(tx, id)).await?;
    let record = before.record().ok_or(AppError::NotFound)?;
    posted.set("kind", before.kind.clone());
    let saved = db
        .org(&by, move |tx| {
            let new: NewRule = forms::parse(&posted)?;
            commands::update(tx, &who, id, posted.get("version").parse().unwrap_or(0), &new)
        })
        .await;
    match saved {
        Ok(_) => Ok(back(&page, record, Flash::success("Rule saved"))),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, (record, Some(before)), StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(error) => Err(error),
    }
}

/// `POST /settings/rules/{id}/deletion`
pub async fn delete(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<RuleId>) -> AppResult<HttpResponse> {
    let who = by.clone();
    let rule = db.org(&by, move |tx| commands::delete(tx, &who, *id)).await?;
    let undo = format!("/settings/rules/{}/deletion/undo", rule.id);
    Ok(back(&page, rule.record().ok_or(AppError::NotFound)?, Flash::success("Rule deleted").undo(undo)))
}

/// `POST /settings/rules/{id}/deletion/undo`
pub async fn restore(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<RuleId>) -> AppResult<HttpResponse> {
    let who = by.clone();
    let rule = db.org(&by, move |tx| commands::restore(tx, &who, *id)).await?;
    Ok(back(&page, rule.record().ok_or(AppError::NotFound)?, Flash::success("The rule is back")))
}

fn back(page: &Page, record: RecordType, flash: Flash) -> HttpResponse {
    reply::redirect(&page.req, &address(record), Some(flash))
}

async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    (record, rule): (RecordType, Option<ValidationRule>),
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let catalogue = db.org(by, move |tx| rule::catalogue(tx, record)).await?;
    let kind = rule.as_ref().map_or_else(|| form.get("kind").to_owned(), |rule| rule.kind.clone());
    let is_format = kind != "expression";
    let fits = |e: &&Entry| if is_format { rule::has_format(e) } else { !matches!(e.kind, Kind::Formula(_)) };
    let chosen = form.get("field").to_owned();
    let option = |e: &Entry| SelectOption::new(&e.key, &e.label, e.key == chosen);
    let whole = FormPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "rules",
        record,
        is_format,
        fields: catalogue.entries.iter().filter(fits).map(option).collect(),
        formats: forms::format_choices(form.get("format")),
        usable: catalogue.entries.iter().map(|e| (e.key.clone(), e.label.clone())).collect(),
        cancel: address(record),
        rule,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}
