//! The pages of contacts.

use super::{SPEC, commands, fields::LIFECYCLES, forms, model::Contact, panels, queries};
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
            display::{self, Shown},
            inline::{Cell, CellSection},
            require_view,
            submit::{self, Draft, FormParts, Submitted},
            timeline::Timeline,
        },
        tags, views,
    },
    kernel::{ContactId, RecordType},
    web::{
        Allow, Form, Page, SelectOption, Shell, csrf,
        permission::contacts::{Create, Edit},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "contacts/form.html")]
struct FormPage {
    shell: Shell,
    title: String,
    parts: FormParts,
    lifecycles: Vec<SelectOption>,
}

async fn form_page(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Option<Uuid>,
    draft: Draft,
) -> AppResult<HttpResponse> {
    let title = if id.is_some() { "Edit contact" } else { "New contact" };
    let current = Some(draft.form.get("lifecycle")).filter(|l| !l.is_empty()).unwrap_or("lead");
    let lifecycles = LIFECYCLES.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == current)).collect();
    let parts = FormParts::load(page, db, draft, RecordType::Contact, id).await?;
    let whole = FormPage { shell: page.shell("contacts"), title: title.into(), parts, lifecycles };
    reply::page_with(&page.req, status, &whole)
}

/// `GET /contacts/new`
pub(super) async fn new(page: Page, _: Allow<Create>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let draft = submit::blank(&SPEC, &page, &db).await?;
    form_page(&page, &db, StatusCode::OK, None, draft).await
}

/// `POST /contacts`
pub(super) async fn create(page: Page, by: Allow<Create>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let make = move |tx: &mut OrgTx, form: &Form, id: Uuid| {
        let new = forms::parse(tx, &by, form, None, None)?;
        commands::create_as(tx, &by, ContactId(id), &new)
    };
    match submit::create(&SPEC, &page, form, &db, make).await? {
        Ok(made) => Ok(made),
        Err(draft) => form_page(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, None, *draft).await,
    }
}

/// `GET /contacts/{id}/edit`
pub(super) async fn edit(
    page: Page,
    _: Allow<Edit>,
    id: web::Path<Uuid>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    match submit::stored(&SPEC, &page, *id, &db).await {
        Ok(draft) => form_page(&page, &db, StatusCode::OK, Some(*id), draft).await,
        Err(AppError::NotFound) => duplicates::to_survivor(&page, &db, RecordType::Contact, *id).await,
        Err(error) => Err(error),
    }
}

/// `POST /contacts/{id}`
pub(super) async fn save(page: Page, id: web::Path<Uuid>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    match submit::submit(&SPEC, &page, *id, form, &db).await? {
        Submitted::Saved => submit::saved(&SPEC, &page, *id, &db).await,
        Submitted::Again(status, draft) => form_page(&page, &db, status, Some(*id), *draft).await,
    }
}

#[derive(Template)]
#[template(path = "contacts/show.html")]
struct Show {
    shell: Shell,
    head: Head,
    name: String,
    title: String,
    company: Option<(String, String)>,
    owner: Option<Person>,
    do_not_contact: bool,
    facts: Vec<(&'static str, Shown)>,
    cells: Vec<Cell>,
    /// The organisation's own fields.
    custom: Vec<CellSection>,
    deals: Vec<panels::DealRow>,
    may_see_deals: bool,
    origins: Vec<Origin>,
    tags: tags::Chips,
    quality: quality::Panel,
    merged: Vec<Merged>,
    timeline: Timeline,
}

const FACTS: &[&str] = &["email", "phone", "lifecycle", "country", "created_at"];
const DETAILS: &[&str] = &[
    "first_name",
    "last_name",
    "title",
    "company_id",
    "email",
    "other_emails",
    "phone",
    "other_phones",
    "lifecycle",
    "do_not_contact",
    "street",
    "postal_code",
    "city",
    "region",
    "country",
    "owner_id",
    "description",
];

/// `GET /contacts/{id}`
pub(super) async fn show(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, RecordType::Contact)?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, shell, token) = (page.actor.clone(), page.shell("contacts"), csrf::token(&page.req));
    let record_id = *id;
    let whole = db
        .org(&page, move |tx| {
            let contact = queries::find(tx, &actor, ContactId(*id))?;
            let form = forms::filled(tx, &actor, &contact)?;
            let people = members::directory(tx)?;
            let custom = CellSection::load(tx, RecordType::Contact, *id, &form, &actor, &people)?;
            let facts = FACTS.iter().filter_map(|key| RecordType::Contact.field(key));
            Ok(Show {
                facts: facts.map(|field| (field.label, display::shown(field, &form, &actor, &people))).collect(),
                custom,
                cells: Cell::of(RecordType::Contact, *id, DETAILS, &form, &actor, &people),
                company: contact.company_id.map(|id| (id.to_string(), form.get("company").to_owned())),
                head: Head::load(
                    tx,
                    &actor,
                    RecordType::Contact,
                    *id,
                    contact.owner_id,
                    contact.archived_at.is_some(),
                )?,
                owner: people.into_iter().find(|p| Some(p.id) == contact.owner_id),
                name: contact.name(),
                title: contact.title.unwrap_or_default(),
                do_not_contact: contact.do_not_contact,
                deals: panels::deals_of(tx, &actor, contact.id)?,
                may_see_deals: actor.may("deals.view"),
                origins: leads::origins(tx, &actor, RecordType::Contact, *id)?,
                merged: Merged::into_record(tx, &actor, RecordType::Contact, *id)?,
                quality: quality::Panel::load(tx, &actor, RecordType::Contact, *id)?,
                tags: tags::Chips::load(tx, &actor, RecordType::Contact, *id, token.clone())?,
                timeline: Timeline::load(tx, &actor, RecordType::Contact, *id, &query, token)?,
                shell,
            })
        })
        .await;
    if whole.is_ok() {
        views::recent::visit(&page, &db, RecordType::Contact, record_id);
    }
    duplicates::page_or_survivor(&page, &db, RecordType::Contact, record_id, whole).await
}

#[derive(Template)]
#[template(path = "records/_options.html")]
struct Options {
    options: Vec<(String, String, String)>,
    adding: Option<String>,
}

/// `GET /contacts/options?q=`: what a combobox offers.
pub(super) async fn options(page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, RecordType::Contact)?;
    let q: String = Form::decode(page.req.query_string().as_bytes())?.get("q").chars().take(200).collect();
    let actor = page.actor.clone();
    let found = db.org(&page, move |tx| queries::options(tx, &actor, &q)).await?;
    let option = |c: Contact| (c.id.to_string(), c.name(), c.email.clone().unwrap_or_default());
    reply::fragment(&Options { options: found.into_iter().map(option).collect(), adding: None })
}
