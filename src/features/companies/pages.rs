//! The pages of companies.

use super::{SPEC, commands, forms, model::Company, panels::Panels, queries};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        duplicates::{self, Merged},
        leads::{self, Origin},
        quality,
        records::{
            Head,
            display::{self, Part},
            inline::{Cell, CellSection},
            require_view,
            submit::{self, Draft, FormParts, Submitted},
            timeline::Timeline,
        },
        tags, views,
    },
    kernel::{CompanyId, RecordType, text},
    web::{
        Actor, Allow, Form, Page, Shell, csrf,
        permission::companies::{Create, Edit},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "companies/form.html")]
struct FormPage {
    shell: Shell,
    title: String,
    parts: FormParts,
}

async fn form_page(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Option<Uuid>,
    draft: Draft,
) -> AppResult<HttpResponse> {
    let title = if id.is_some() { "Edit company" } else { "New company" };
    let parts = FormParts::load(page, db, draft, RecordType::Company, id).await?;
    let whole = FormPage { shell: page.shell("companies"), title: title.into(), parts };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /companies/new`
pub(super) async fn new(page: Page, _: Allow<Create>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let draft = submit::blank(&SPEC, &page, &db).await?;
    form_page(&page, &db, StatusCode::OK, None, draft).await
}

/// `POST /companies`
pub(super) async fn create(page: Page, by: Allow<Create>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let make = move |tx: &mut OrgTx, form: &Form, id: Uuid| {
        let new = forms::parse(tx, &by, form, None, None)?;
        commands::create_as(tx, &by, CompanyId(id), &new)
    };
    match submit::create(&SPEC, &page, form, &db, make).await? {
        Ok(made) => Ok(made),
        Err(draft) => form_page(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, None, *draft).await,
    }
}

/// `GET /companies/{id}/edit`
pub(super) async fn edit(
    page: Page,
    _: Allow<Edit>,
    id: web::Path<Uuid>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    match submit::stored(&SPEC, &page, *id, &db).await {
        Ok(draft) => form_page(&page, &db, StatusCode::OK, Some(*id), draft).await,
        Err(AppError::NotFound) => duplicates::to_survivor(&page, &db, RecordType::Company, *id).await,
        Err(error) => Err(error),
    }
}

/// `POST /companies/{id}`
pub(super) async fn save(page: Page, id: web::Path<Uuid>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    match submit::submit(&SPEC, &page, *id, form, &db).await? {
        Submitted::Saved => submit::saved(&SPEC, &page, *id, &db).await,
        Submitted::Again(status, draft) => form_page(&page, &db, status, Some(*id), *draft).await,
    }
}

#[derive(Template)]
#[template(path = "companies/show.html")]
struct Show {
    shell: Shell,
    head: Head,
    name: String,
    owner: Option<Person>,
    domain: Option<Part>,
    facts: Vec<(&'static str, String)>,
    cells: Vec<Cell>,
    /// The organisation's own fields.
    custom: Vec<CellSection>,
    panels: Panels,
    origins: Vec<Origin>,
    tags: tags::Chips,
    quality: quality::Panel,
    merged: Vec<Merged>,
    timeline: Timeline,
}

const DETAILS: &[&str] = &[
    "domain",
    "industry",
    "employees",
    "annual_revenue",
    "phone",
    "street",
    "postal_code",
    "city",
    "region",
    "country",
    "parent_id",
    "owner_id",
    "description",
];

/// `GET /companies/{id}`
pub(super) async fn show(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, RecordType::Company)?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, shell, token) = (page.actor.clone(), page.shell("companies"), csrf::token(&page.req));
    let record_id = *id;
    let whole = db
        .org(&page, move |tx| {
            let company = queries::find(tx, &actor, CompanyId(*id))?;
            let form = forms::filled(tx, &actor, &company)?;
            let people = members::directory(tx)?;
            let custom = CellSection::load(tx, RecordType::Company, *id, &form, &actor, &people)?;
            let mut cells = Cell::of(RecordType::Company, *id, &["name"], &form, &actor, &people);
            cells.extend(Cell::of(RecordType::Company, *id, DETAILS, &form, &actor, &people));
            let panels = Panels::load(tx, &actor, company.id)?;
            Ok(Show {
                facts: facts(&company, &panels, &actor),
                domain: cells.iter().find(|c| c.key == "domain").and_then(|c| c.shown.parts.first().cloned()),
                head: Head::load(
                    tx,
                    &actor,
                    RecordType::Company,
                    *id,
                    company.owner_id,
                    company.archived_at.is_some(),
                )?,
                owner: people.into_iter().find(|p| Some(p.id) == company.owner_id),
                name: company.name,
                origins: leads::origins(tx, &actor, RecordType::Company, *id)?,
                merged: Merged::into_record(tx, &actor, RecordType::Company, *id)?,
                quality: quality::Panel::load(tx, &actor, RecordType::Company, *id)?,
                tags: tags::Chips::load(tx, &actor, RecordType::Company, *id, token.clone())?,
                timeline: Timeline::load(tx, &actor, RecordType::Company, *id, &query, token)?,
                shell,
                cells,
                custom,
                panels,
            })
        })
        .await;
    if whole.is_ok() {
        views::recent::visit(&page, &db, RecordType::Company, record_id);
    }
    duplicates::page_or_survivor(&page, &db, RecordType::Company, record_id, whole).await
}

/// The key-facts strip.
fn facts(company: &Company, panels: &Panels, actor: &Actor) -> Vec<(&'static str, String)> {
    let shown = |key: &str, raw: String| {
        let field = RecordType::Company.field(key);
        let text = field.map(|field| display::text(field, &raw, actor, None)).unwrap_or_default();
        if text.is_empty() { "–".to_owned() } else { text }
    };
    vec![
        ("Open deals", panels.open_deals()),
        ("Industry", shown("industry", company.industry.clone().unwrap_or_default())),
        ("Employees", shown("employees", company.employees.map(|n| n.to_string()).unwrap_or_default())),
        ("Annual revenue", shown("annual_revenue", company.annual_revenue.map(|n| n.to_string()).unwrap_or_default())),
        ("Country", shown("country", company.country.clone().unwrap_or_default())),
    ]
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /companies/options?q=`: what a combobox offers.
pub(super) async fn options(page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, RecordType::Company)?;
    let q: String = Form::decode(page.req.query_string().as_bytes())?.get("q").chars().take(200).collect();
    let (actor, words) = (page.actor.clone(), q.clone());
    let found = db.org(&page, move |tx| queries::options(tx, &actor, &words)).await?;
    let known = found.iter().any(|(_, name, _)| text::fold(name) == text::fold(&q));
    let adding = (!q.is_empty() && !known && page.actor.may("companies.create")).then_some(q);
    let options =
        found.into_iter().map(|(id, name, domain)| (id.to_string(), name, domain.unwrap_or_default())).collect();
    reply::fragment(&Options { options, adding })
}
