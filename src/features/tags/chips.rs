//! The tags of a record on its page: chips, one more by typing, one less by a click.

use super::{commands, model::Tag, names, queries};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::records::{Spec, require_edit, visible},
    kernel::{RecordType, TagId},
    live::{self, LiveMessage},
    web::{Actor, Form, FormErrors, FormView, Page, csrf, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

/// What `tags/_chips.html` needs, under the name `tags`.
#[derive(Clone, Debug)]
pub struct Chips {
    pub record: RecordType,
    pub id: Uuid,
    pub tags: Vec<Tag>,
    pub may_edit: bool,
    pub csrf: String,
}

impl Chips {
    pub fn load(tx: &mut OrgTx, actor: &Actor, record: RecordType, id: Uuid, csrf: String) -> AppResult<Self> {
        let may_edit = require_edit(actor, record).is_ok();
        Ok(Self { record, id, tags: queries::of(tx, record, id)?, may_edit, csrf })
    }
}

#[derive(Template)]
#[template(path = "tags/_reply.html")]
struct Reply {
    tags: Chips,
}

#[derive(Template)]
#[template(path = "tags/_form.html")]
struct AddForm {
    action: String,
    csrf: String,
    known: Vec<Tag>,
    input: FormView,
}

/// `GET /{noun}/{id}/tags/new`
pub async fn form(spec: &Spec, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_edit(&page.actor, spec.record)?;
    ask(spec, &page, *id, &db, Form::default(), FormErrors::default()).await
}

async fn ask(spec: &Spec, page: &Page, id: Uuid, db: &Db, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let (actor, record) = (page.actor.clone(), spec.record);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let known = db
        .org(page, move |tx| {
            visible(tx, &actor, record, id)?;
            queries::all(tx)
        })
        .await?;
    let action = format!("/{}/{id}/tags", record.noun());
    reply::fragment_with(status, &AddForm { action, csrf: csrf::token(&page.req), known, input: form.view(errors) })
}

/// `POST /{noun}/{id}/tags`: `tag`, one or several between semicolons.
pub async fn add(
    spec: &Spec,
    page: Page,
    id: web::Path<Uuid>,
    form: Form,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    require_edit(&page.actor, spec.record)?;
    let (actor, record, id, posted) = (page.actor.clone(), spec.record, *id, form.clone());
    let done = db
        .org(&page, move |tx| {
            visible(tx, &actor, record, id)?;
            let wanted = names::parse(posted.get("tag"));
            if wanted.is_empty() {
                return Err(AppError::field("tag", "is required"));
            }
            let tags: Vec<TagId> = names::resolve(tx, &actor, &wanted, "tag")?.into_iter().map(|t| t.id).collect();
            set(tx, record, id, &tags, &[])
        })
        .await;
    match done {
        Ok(()) => answer(spec, &page, id, &db).await,
        Err(AppError::Invalid(errors)) => ask(spec, &page, id, &db, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `POST /{noun}/{id}/tags/{tag}/removal`
pub async fn remove(
    spec: &Spec,
    page: Page,
    path: web::Path<(Uuid, TagId)>,
    db: web::Data<Db>,
) -> AppResult<HttpResponse> {
    require_edit(&page.actor, spec.record)?;
    let (actor, record, (id, tag)) = (page.actor.clone(), spec.record, path.into_inner());
    db.org(&page, move |tx| {
        visible(tx, &actor, record, id)?;
        queries::find(tx, tag)?;
        set(tx, record, id, &[], &[tag])
    })
    .await?;
    answer(spec, &page, id, &db).await
}

fn set(tx: &mut OrgTx, record: RecordType, id: Uuid, add: &[TagId], remove: &[TagId]) -> AppResult<()> {
    let (add, remove) = (commands::each(&[id], add), commands::each(&[id], remove));
    commands::change(tx, record, &add, &remove, None, false)?;
    let message = match record {
        RecordType::Deal => LiveMessage::deals(vec![id], vec![], None),
        _ => LiveMessage::record(record.key(), id),
    };
    live::publish(tx, &message)
}

async fn answer(spec: &Spec, page: &Page, id: Uuid, db: &Db) -> AppResult<HttpResponse> {
    if !reply::is_partial(&page.req) {
        return Ok(reply::redirect(&page.req, &format!("/{}/{id}", spec.record.noun()), None));
    }
    let (actor, record, csrf) = (page.actor.clone(), spec.record, csrf::token(&page.req));
    let tags = db.org(page, move |tx| Chips::load(tx, &actor, record, id, csrf)).await?;
    reply::fragment(&Reply { tags })
}
