//! The pages of leads.

use super::{
    SPEC, commands,
    conversion::{self, Conversion},
    fields::STATUSES,
    forms,
    model::Lead,
    queries,
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members::{self, Person},
        contacts,
        duplicates::{self, Merged},
        quality,
        records::{
            self, Head,
            display::{self, Shown},
            inline::{Cell, CellSection},
            require_view,
            submit::{self, Draft, FormParts, Submitted},
            timeline::Timeline,
        },
        tags, views,
        web_forms::{self, Received},
    },
    kernel::{Currency, LeadId, RecordType},
    web::{
        Actor, Allow, Form, Page, SelectOption, Shell, csrf,
        permission::leads::{Create, Edit},
        reply,
    },
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "leads/form.html")]
struct FormPage {
    shell: Shell,
    title: &'static str,
    parts: FormParts,
    statuses: Vec<SelectOption>,
    currencies: Vec<SelectOption>,
}

async fn form_page(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: Option<Uuid>,
    draft: Draft,
) -> AppResult<HttpResponse> {
    let title = if id.is_some() { "Edit lead" } else { "New lead" };
    let chosen = Some(draft.form.get("status")).filter(|s| !s.is_empty()).unwrap_or("new");
    let statuses = STATUSES.iter().map(|(key, label)| SelectOption::new(*key, *label, *key == chosen)).collect();
    let currency = Some(draft.form.get("currency")).filter(|c| !c.is_empty()).unwrap_or(&page.org.currency);
    let currencies = Currency::all()
        .into_iter()
        .map(|(code, _)| SelectOption::new(code.clone(), code.clone(), code == currency))
        .collect();
    let parts = FormParts::load(page, db, draft, RecordType::Lead, id).await?;
    reply::page_with(&page.req, status, &FormPage { shell: page.shell("leads"), title, parts, statuses, currencies })
}

/// `GET /leads/new`
pub(super) async fn new(page: Page, _: Allow<Create>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let draft = submit::blank(&SPEC, &page, &db).await?;
    form_page(&page, &db, StatusCode::OK, None, draft).await
}

/// `POST /leads`
pub(super) async fn create(page: Page, by: Allow<Create>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    let make = move |tx: &mut OrgTx, form: &Form, id: Uuid| {
        let new = forms::parse(tx, &by, form, None)?;
        commands::create_as(tx, &by, LeadId(id), &new)
    };
    match submit::create(&SPEC, &page, form, &db, make).await? {
        Ok(made) => Ok(made),
        Err(draft) => form_page(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, None, *draft).await,
    }
}

/// `GET /leads/{id}/edit`
pub(super) async fn edit(
    page: Page,
    _: Allow<Edit>,
    id: web::Path<Uuid>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    match submit::stored(&SPEC, &page, *id, &db).await {
        Ok(draft) => form_page(&page, &db, StatusCode::OK, Some(*id), draft).await,
        Err(AppError::NotFound) => duplicates::to_survivor(&page, &db, RecordType::Lead, *id).await,
        Err(error) => Err(error),
    }
}

/// `POST /leads/{id}`
pub(super) async fn save(page: Page, id: web::Path<Uuid>, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    match submit::submit(&SPEC, &page, *id, form, &db).await? {
        Submitted::Saved => submit::saved(&SPEC, &page, *id, &db).await,
        Submitted::Again(status, draft) => form_page(&page, &db, status, Some(*id), *draft).await,
    }
}

#[derive(Template)]
#[template(path = "leads/show.html")]
struct Show {
    shell: Shell,
    head: Head,
    name: String,
    title: String,
    company: String,
    owner: Option<Person>,
    do_not_contact: bool,
    converted: Option<Converted>,
    facts: Vec<(&'static str, Shown)>,
    cells: Vec<Cell>,
    /// The organisation's own fields.
    custom: Vec<CellSection>,
    tags: tags::Chips,
    quality: quality::Panel,
    merged: Vec<Merged>,
    /// The web forms behind it.
    received: Vec<Received>,
    /// Open leads and contacts with its e-mail address.
    same_address: Vec<(RecordType, String, String)>,
    timeline: Timeline,
}

/// What came of the lead, in words and links.
struct Converted {
    when: String,
    by: String,
    became: Vec<Became>,
    may_undo: bool,
}

struct Became {
    record: RecordType,
    /// `None`: not the reader's to see.
    seen: Option<(String, String)>,
}

impl Converted {
    fn new(tx: &mut OrgTx, actor: &Actor, conversion: &Conversion, people: &[Person]) -> AppResult<Self> {
        let mut became = Vec::new();
        for (record, id) in conversion.records() {
            let seen = match records::visible(tx, actor, record, id) {
                Ok(now) => Some((format!("/{}/{id}", record.noun()), now.name)),
                Err(AppError::NotFound | AppError::Forbidden(_)) => None,
                Err(other) => return Err(other),
            };
            became.push(Became { record, seen });
        }
        let by = people.iter().find(|p| Some(p.id) == conversion.converted_by).map(|p| p.name.clone());
        let own = conversion.converted_by == Some(actor.id);
        Ok(Self {
            when: actor.within(conversion.converted_at),
            by: by.unwrap_or_default(),
            became,
            may_undo: records::require_edit(actor, RecordType::Lead).is_ok()
                && (own || records::require_delete(actor, RecordType::Lead).is_ok()),
        })
    }
}

const FACTS: &[&str] = &["status", "score", "estimated_value", "source", "campaign", "email"];
const DETAILS: &[&str] = &[
    "status",
    "score",
    "estimated_value",
    "currency",
    "source",
    "campaign",
    "first_name",
    "last_name",
    "title",
    "company_name",
    "domain",
    "email",
    "other_emails",
    "phone",
    "other_phones",
    "do_not_contact",
    "street",
    "postal_code",
    "city",
    "region",
    "country",
    "owner_id",
    "description",
    "created_at",
];

/// `GET /leads/{id}`
pub(super) async fn show(page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, RecordType::Lead)?;
    let query = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, shell, token) = (page.actor.clone(), page.shell("leads"), csrf::token(&page.req));
    let record_id = *id;
    let whole = db
        .org(&page, move |tx| {
            let tags = tags::Chips::load(tx, &actor, RecordType::Lead, *id, token.clone())?;
            let timeline = Timeline::load(tx, &actor, RecordType::Lead, *id, &query, token)?;
            let merged = Merged::into_record(tx, &actor, RecordType::Lead, *id)?;
            load(tx, &actor, LeadId(*id), shell, (tags, merged, timeline))
        })
        .await;
    if whole.is_ok() {
        views::recent::visit(&page, &db, RecordType::Lead, record_id);
    }
    duplicates::page_or_survivor(&page, &db, RecordType::Lead, record_id, whole).await
}

fn load(
    tx: &mut OrgTx,
    actor: &Actor,
    id: LeadId,
    shell: Shell,
    (tags, merged, timeline): (tags::Chips, Vec<Merged>, Timeline),
) -> AppResult<Show> {
    let lead = queries::find(tx, actor, id)?;
    let quality = quality::Panel::load(tx, actor, RecordType::Lead, id.0)?;
    let form = forms::load(tx, actor, id.0)?;
    let people = members::directory(tx)?;
    let facts = FACTS.iter().filter_map(|key| RecordType::Lead.field(key));
    let facts = facts.map(|field| (field.label, display::shown(field, &form, actor, &people))).collect();
    let mut cells = Cell::of(RecordType::Lead, id.0, DETAILS, &form, actor, &people);
    let mut custom = CellSection::load(tx, RecordType::Lead, id.0, &form, actor, &people)?;
    let mut head = Head::load(tx, actor, RecordType::Lead, id.0, lead.fields.owner_id, lead.archived_at.is_some())?;
    let conversion = conversion::of(tx, id)?;
    let converted = conversion.map(|c| Converted::new(tx, actor, &c, &people)).transpose()?;
    if converted.is_some() {
        // What came of it is what changes from now on.
        (head.may_edit, head.archived) = (false, false);
        let own = custom.iter_mut().flat_map(|section| section.cells.iter_mut());
        cells.iter_mut().chain(own).for_each(|cell| cell.edit_url = None);
    }
    Ok(Show {
        shell,
        name: lead.name(),
        title: lead.fields.title.clone().unwrap_or_default(),
        company: lead.fields.company_name.clone().unwrap_or_default(),
        owner: people.into_iter().find(|p| Some(p.id) == lead.fields.owner_id),
        do_not_contact: lead.fields.do_not_contact,
        received: web_forms::of_lead(tx, actor, id)?,
        same_address: if converted.is_some() { vec![] } else { same_address(tx, actor, &lead)? },
        head,
        converted,
        facts,
        cells,
        custom,
        tags,
        quality,
        merged,
        timeline,
    })
}

/// Type, address and name of what else has the lead's e-mail address, as far as the reader sees it.
fn same_address(tx: &mut OrgTx, actor: &Actor, lead: &Lead) -> AppResult<Vec<(RecordType, String, String)>> {
    let emails: Vec<String> =
        lead.fields.email.iter().chain(lead.fields.other_emails.iter().flatten()).cloned().collect();
    if emails.is_empty() {
        return Ok(vec![]);
    }
    let mut found = Vec::new();
    for other in queries::by_email(tx, actor, &emails)?.into_iter().filter(|other| other.id != lead.id) {
        found.push((RecordType::Lead, format!("/leads/{}", other.id), other.name()));
    }
    if require_view(actor, RecordType::Contact).is_ok() {
        for contact in contacts::by_email(tx, actor, &emails)? {
            found.push((RecordType::Contact, format!("/contacts/{}", contact.id), contact.name()));
        }
    }
    Ok(found)
}
