//! `/settings/fields`: the custom fields of each record type, for administrators; and what links to records offer.

use super::{
    Catalogue, ParseContext,
    commands::{self, NewField},
    definition::{self, ChoiceOption, CustomField, KINDS, RESULTS},
    forms, queries,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    features::{
        accounts::organisations::ROLES,
        pipeline::COLORS,
        records,
        settings::{SettingsNav, nav},
    },
    kernel::{CustomFieldId, RecordType},
    search,
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

#[derive(Template)]
#[template(path = "fields/index.html")]
struct Index {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    tabs: Vec<Tab>,
    fields: Vec<CustomField>,
    retired: Vec<CustomField>,
}

struct Tab {
    href: String,
    label: &'static str,
    current: bool,
}

impl Index {
    fn kind(&self, field: &CustomField) -> &'static str {
        KINDS.iter().find(|(key, ..)| *key == field.kind).map_or("", |(_, label, _)| label)
    }
}

/// `GET /settings/fields?type=contact`
pub async fn index(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let record = record_of(&Form::decode(page.req.query_string().as_bytes())?)?;
    let all = db.org(&by, move |tx| queries::all(tx, record)).await?;
    let (retired, fields) = all.into_iter().partition(|field| field.retired_at.is_some());
    let tabs = RecordType::ALL.into_iter().map(|r| Tab { href: address(r), label: r.plural(), current: r == record });
    let whole = Index {
        shell: page.shell("settings"),
        nav: nav(&page),
        section: "fields",
        record,
        tabs: tabs.collect(),
        fields,
        retired,
    };
    reply::page(&page.req, &whole)
}

fn record_of(form: &Form) -> AppResult<RecordType> {
    match form.get("type") {
        "" => Ok(RecordType::Company),
        text => RecordType::parse(text).ok_or(AppError::NotFound),
    }
}

fn address(record: RecordType) -> String {
    format!("/settings/fields?type={}", record.key())
}

#[derive(Template)]
#[template(path = "fields/form.html")]
struct FormPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    /// `None` for a field to be.
    field: Option<CustomField>,
    kind: &'static (&'static str, &'static str, &'static str),
    kinds: Vec<SelectOption>,
    choices: Vec<ChoiceOption>,
    roles: &'static [(&'static str, &'static str, &'static str)],
    colors: &'static [(&'static str, &'static str)],
    results: Vec<SelectOption>,
    records: Vec<SelectOption>,
    /// Key and label of what a formula may use.
    usable: Vec<(String, String)>,
    /// A formula that such records could have.
    example: &'static str,
    may_be_unique: bool,
    may_be_searched: bool,
    has_default: bool,
    cancel: String,
    input: FormView,
}

impl FormPage {
    fn chosen(&self, name: &str, role: &str) -> bool {
        self.input.all(name).contains(&role)
    }

    fn of_choice(&self, name: &str, key: &str) -> String {
        self.input.value(&format!("choice_{name}_{key}")).to_owned()
    }
}

#[derive(Template)]
#[template(path = "fields/kinds.html")]
struct KindsPage {
    shell: Shell,
    nav: Vec<SettingsNav>,
    section: &'static str,
    record: RecordType,
    kinds: &'static [(&'static str, &'static str, &'static str)],
    cancel: String,
}

/// `GET /settings/fields/new?type=contact`: which kind; with `kind=`, the form.
pub async fn new(page: Page, by: Allow<Administer>, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let record = record_of(&query)?;
    if !query.has("kind") {
        let (shell, nav) = (page.shell("settings"), nav(&page));
        let kinds = KindsPage { shell, nav, section: "fields", record, kinds: KINDS, cancel: address(record) };
        return reply::page(&page.req, &kinds);
    }
    let mut pairs =
        vec![("type".to_owned(), record.key().to_owned()), ("kind".to_owned(), query.get("kind").to_owned())];
    for (key, ..) in ROLES {
        pairs.push(("viewers".into(), (*key).into()));
        pairs.push(("editors".into(), (*key).into()));
    }
    answer(&page, &by, &db, record, None, StatusCode::OK, Form::new(pairs), FormErrors::default()).await
}

/// `POST /settings/fields`
pub async fn create(page: Page, by: Allow<Administer>, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    let (record, who, posted) = (record_of(&form)?, by.clone(), form.clone());
    let saved = db
        .org(&by, move |tx| {
            let new = forms::parse(&posted, None, &ParseContext::load(tx, &who)?)?;
            commands::create(tx, &who, record, &new)
        })
        .await;
    match saved {
        Ok(field) => Ok(back(&page, record, &format!("Field {} added", field.label))),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, record, None, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(error) => Err(error),
    }
}

/// `GET /settings/fields/{id}`
pub async fn show(page: Page, by: Allow<Administer>, db: Data<Db>, id: Path<CustomFieldId>) -> AppResult<HttpResponse> {
    let field = db.org(&by, move |tx| queries::find(tx, *id)).await?;
    let (record, form) = (field.record().ok_or(AppError::NotFound)?, forms::to_form(&field));
    answer(&page, &by, &db, record, Some(field), StatusCode::OK, form, FormErrors::default()).await
}

/// `POST /settings/fields/{id}`
pub async fn update(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<CustomFieldId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (who, posted, id) = (by.clone(), form.clone(), *id);
    let before = db.org(&by, move |tx| queries::find(tx, id)).await?;
    let record = before.record().ok_or(AppError::NotFound)?;
    let kept = before.clone();
    let saved = db
        .org(&by, move |tx| {
            commands::same_version(&before, posted.get("version"))?;
            let new: NewField = forms::parse(&posted, Some(&before), &ParseContext::load(tx, &who)?)?;
            commands::update(tx, &who, id, posted.get("version").parse().unwrap_or(0), &new)
        })
        .await;
    match saved {
        Ok(field) => Ok(back(&page, record, &format!("Field {} saved", field.label))),
        Err(AppError::Invalid(errors)) => {
            answer(&page, &by, &db, record, Some(kept), StatusCode::UNPROCESSABLE_ENTITY, form, errors).await
        }
        Err(error) => Err(error),
    }
}

/// `POST /settings/fields/{id}/place`
pub async fn shift(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<CustomFieldId>,
    form: Form,
) -> AppResult<HttpResponse> {
    let (who, up) = (by.clone(), form.get("to") == "up");
    let field = db.org(&by, move |tx| commands::shift(tx, &who, *id, up)).await?;
    Ok(reply::redirect(&page.req, &address(field.record().ok_or(AppError::NotFound)?), None))
}

/// `POST /settings/fields/{id}/retirement`
pub async fn retire(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<CustomFieldId>,
) -> AppResult<HttpResponse> {
    let (who, id) = (by.clone(), *id);
    let done = db.org(&by, move |tx| commands::retire(tx, &who, id)).await;
    settled(&page, &by, &db, id, done, |field| format!("{} retired; its values are kept", field.label)).await
}

/// `POST /settings/fields/{id}/retirement/undo`
pub async fn restore(
    page: Page,
    by: Allow<Administer>,
    db: Data<Db>,
    id: Path<CustomFieldId>,
) -> AppResult<HttpResponse> {
    let (who, id) = (by.clone(), *id);
    let done = db.org(&by, move |tx| commands::restore(tx, &who, id)).await;
    settled(&page, &by, &db, id, done, |field| format!("{} is back, with its values", field.label)).await
}

/// Back to the fields; what stands against it is said on the page of the field.
async fn settled(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    id: CustomFieldId,
    done: AppResult<CustomField>,
    told: impl FnOnce(&CustomField) -> String,
) -> AppResult<HttpResponse> {
    match done {
        Ok(field) => Ok(back(page, field.record().ok_or(AppError::NotFound)?, &told(&field))),
        Err(AppError::Conflict(why)) => {
            let field = db.org(by, move |tx| queries::find(tx, id)).await?;
            let (record, form) = (field.record().ok_or(AppError::NotFound)?, forms::to_form(&field));
            let mut errors = FormErrors::default();
            errors.add("", why);
            answer(page, by, db, record, Some(field), StatusCode::CONFLICT, form, errors).await
        }
        Err(error) => Err(error),
    }
}

fn back(page: &Page, record: RecordType, done: &str) -> HttpResponse {
    reply::redirect(&page.req, &address(record), Some(Flash::success(done)))
}

#[expect(clippy::too_many_arguments, reason = "a page is what it shows")]
async fn answer(
    page: &Page,
    by: &Allow<Administer>,
    db: &Db,
    record: RecordType,
    field: Option<CustomField>,
    status: StatusCode,
    form: Form,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let catalogue = db.org(by, move |tx| Catalogue::whole(tx, record)).await?;
    let key = field.as_ref().map_or_else(|| form.get("kind").to_owned(), |field| field.kind.clone());
    let kind = KINDS.iter().find(|(k, ..)| *k == key).ok_or(AppError::NotFound)?;
    let now = form.get("kind").to_owned();
    let kinds = KINDS.iter().filter(|(k, ..)| definition::may_become(&key, k).is_ok());
    let usable = catalogue.entries.iter().filter(|e| !matches!(e.kind, super::Kind::Formula(_)));
    let whole = FormPage {
        shell: page.shell("settings"),
        nav: nav(page),
        section: "fields",
        record,
        choices: field.as_ref().map(|field| field.options().choices).unwrap_or_default(),
        kind,
        kinds: kinds.map(|(k, label, _)| SelectOption::new(*k, *label, *k == now)).collect(),
        roles: ROLES,
        colors: COLORS,
        results: RESULTS.iter().map(|(k, label)| SelectOption::new(*k, *label, *k == form.get("result"))).collect(),
        records: RecordType::ALL
            .iter()
            .map(|r| SelectOption::new(r.key(), r.label(), r.key() == form.get("record")))
            .collect(),
        usable: usable.map(|e| (e.key.clone(), e.label.clone())).collect(),
        example: match record {
            RecordType::Deal => "amount * probability / 100",
            RecordType::Company => "annual_revenue / employees",
            RecordType::Contact | RecordType::Lead => "first_name + \" \" + last_name",
        },
        may_be_unique: definition::may_be_unique(&key),
        may_be_searched: definition::may_be_searched(&key),
        has_default: forms::has_default(&key),
        cancel: address(record),
        field,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &whole)
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /fields/options?type=company&q=`: the records that a link may lead to.
pub async fn options(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let record = record_of(&query)?;
    records::require_view(&page.actor, record)?;
    let q: String = query.get("q").chars().take(200).collect();
    let actor = page.actor.clone();
    let found = db.org(&page, move |tx| search::find(tx, &actor, &q, &[record], 10)).await?;
    let options = found.into_iter().map(|hit| (hit.id.to_string(), hit.title, hit.subtitle)).collect();
    reply::fragment(&Options { options, adding: None })
}
