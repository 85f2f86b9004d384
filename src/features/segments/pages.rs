//! `/segments`: what segments there are, a new one, one to rename or delete. Its records are looked at in their list.

use super::{
    commands::{self, NewSegment},
    model::{LONGEST, Segment, list_href},
    queries::{self, COUNTED},
};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        operations,
        records::{
            filter::{Filter, Names, Schema},
            require_edit, require_view,
        },
    },
    kernel::{RecordType, SegmentId},
    web::{Actor, Form, FormErrors, FormView, Page, SelectOption, Shell, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;

#[derive(Template)]
#[template(path = "segments/index.html")]
struct Index {
    shell: Shell,
    segments: Vec<Line>,
    may_create: bool,
}

#[derive(Template)]
#[template(path = "segments/form.html")]
struct FormPage {
    shell: Shell,
    title: String,
    action: String,
    input: FormView,
    records: Vec<SelectOption>,
    /// The filter of a dynamic one: as JSON to carry on, and in words.
    filter: Option<(String, String)>,
    /// Of one that is there.
    segment: Option<Line>,
}

impl FormPage {
    /// One that is there, and this person's to change.
    fn may_change(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.may_change)
    }
}

/// A segment as the pages show it.
struct Line {
    id: SegmentId,
    name: String,
    description: String,
    record: &'static str,
    icon: &'static str,
    dynamic: bool,
    /// In words, of a dynamic one.
    rule: String,
    /// How many members a static one has.
    members: String,
    href: String,
    by: String,
    may_change: bool,
}

fn line(tx: &mut OrgTx, actor: &Actor, segment: &Segment) -> AppResult<Option<Line>> {
    let Some(record) = segment.record().filter(|record| require_view(actor, *record).is_ok()) else { return Ok(None) };
    let people = members::directory(tx)?;
    let by = people.iter().find(|p| Some(p.id) == segment.created_by).map(|p| p.name.clone()).unwrap_or_default();
    let rule = segment.filter().map(|filter| words(tx, actor, record, &filter)).transpose()?.unwrap_or_default();
    let members = match segment.is_dynamic() {
        true => String::new(),
        false => match queries::count(tx, segment.id)? {
            n if n > COUNTED => format!("{}+", actor.locale.integer(COUNTED)),
            n => actor.locale.integer(n),
        },
    };
    Ok(Some(Line {
        id: segment.id,
        name: segment.name.clone(),
        description: segment.description.clone().unwrap_or_default(),
        record: record.plural(),
        icon: record.icon(),
        dynamic: segment.is_dynamic(),
        rule,
        members,
        href: list_href(record, segment.id),
        by,
        may_change: segment.may_change(actor),
    }))
}

/// The filter as people say it.
fn words(tx: &mut OrgTx, actor: &Actor, record: RecordType, filter: &Filter) -> AppResult<String> {
    let schema = Schema::load(tx, actor, record, filter)?;
    let people = members::directory(tx)?;
    let names = Names::load(tx, actor, (record, filter, &schema), people)?;
    Ok(names.words(filter, record, &schema, actor))
}

/// `GET /segments`
pub(super) async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let segments = db
        .org(&page, move |tx| {
            let mut lines = Vec::new();
            for segment in queries::all(tx)? {
                lines.extend(line(tx, &actor, &segment)?);
            }
            Ok(lines)
        })
        .await?;
    let may_create = operations::may_any(&page.actor);
    reply::page(&page.req, &Index { shell: page.shell("segments"), segments, may_create })
}

/// `GET /segments/new?record_type=contact&filter=…`: dynamic with a filter, static without.
pub(super) async fn new(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    draft(&page, &db, StatusCode::OK, form, FormErrors::default()).await
}

async fn draft(page: &Page, db: &Db, status: StatusCode, form: Form, errors: FormErrors) -> AppResult<HttpResponse> {
    let chosen = RecordType::parse(form.get("record_type"));
    let filter = Filter::parse(form.get("filter"))?;
    let (actor, asked) = (page.actor.clone(), filter.clone());
    let words = match chosen.filter(|_| !filter.is_empty()) {
        Some(record) => db.org(page, move |tx| words(tx, &actor, record, &asked)).await?,
        None => String::new(),
    };
    let may = RecordType::ALL.into_iter().filter(|record| require_edit(&page.actor, *record).is_ok());
    let template = FormPage {
        shell: page.shell("segments"),
        title: if filter.is_empty() { "New segment".to_owned() } else { "Save as segment".to_owned() },
        action: "/segments".to_owned(),
        records: may.map(|r| SelectOption::new(r.key(), r.plural(), chosen == Some(r))).collect(),
        filter: (!filter.is_empty()).then(|| (filter.json(), words)),
        segment: None,
        input: form.view(errors),
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /segments`
pub(super) async fn create(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let (actor, posted) = (page.actor.clone(), form.clone());
    let made = db
        .org(&page, move |tx| {
            let record = RecordType::parse(posted.get("record_type"));
            let record = record.ok_or_else(|| AppError::field("record_type", "is required"))?;
            let filter = Filter::parse(posted.get("filter"))?;
            let mut p = posted.parser();
            let (name, description) = (p.required("name", LONGEST), p.text("description", 500));
            p.finish()?;
            let filter = (!filter.is_empty()).then_some(filter);
            let id = commands::create(tx, &actor, &NewSegment { record, name, description, filter })?;
            Ok(list_href(record, id))
        })
        .await;
    match made {
        Ok(href) => Ok(reply::redirect(&page.req, &href, Some(Flash::success("Segment made")))),
        Err(AppError::Invalid(errors)) => draft(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, errors).await,
        Err(other) => Err(other),
    }
}

/// `GET /segments/{id}`
pub(super) async fn show(page: Page, id: Path<SegmentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    one(&page, &db, StatusCode::OK, *id, None, FormErrors::default()).await
}

async fn one(
    page: &Page,
    db: &Db,
    status: StatusCode,
    id: SegmentId,
    form: Option<Form>,
    errors: FormErrors,
) -> AppResult<HttpResponse> {
    let actor = page.actor.clone();
    let segment = db
        .org(page, move |tx| {
            let segment = queries::find(tx, id)?;
            line(tx, &actor, &segment)?.ok_or(AppError::NotFound)
        })
        .await?;
    let form = form.unwrap_or_else(|| {
        Form::new([("name".to_owned(), segment.name.clone()), ("description".to_owned(), segment.description.clone())])
    });
    let template = FormPage {
        shell: page.shell("segments"),
        title: segment.name.clone(),
        action: format!("/segments/{id}"),
        input: form.view(errors),
        records: vec![],
        filter: None,
        segment: Some(segment),
    };
    reply::page_with(&page.req, status, &template)
}

/// `POST /segments/{id}`
pub(super) async fn update(page: Page, id: Path<SegmentId>, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let (actor, id, posted) = (page.actor.clone(), *id, form.clone());
    let saved = db
        .org(&page, move |tx| {
            let mut p = posted.parser();
            let (name, description) = (p.required("name", LONGEST), p.text("description", 500));
            p.finish()?;
            commands::rename(tx, &actor, id, &name, description)
        })
        .await;
    match saved {
        Ok(()) => Ok(reply::redirect(&page.req, "/segments", Some(Flash::success("Segment saved")))),
        Err(AppError::Invalid(errors)) => {
            one(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, id, Some(form), errors).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /segments/{id}/deletion`
pub(super) async fn delete(page: Page, id: Path<SegmentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    let segment = db.org(&page, move |tx| commands::delete(tx, &actor, id)).await?;
    let flash = Flash::success(format!("{} deleted", segment.name)).undo(format!("/segments/{id}/deletion/undo"));
    Ok(reply::redirect(&page.req, "/segments", Some(flash)))
}

/// `POST /segments/{id}/deletion/undo`
pub(super) async fn undelete(page: Page, id: Path<SegmentId>, db: Data<Db>) -> AppResult<HttpResponse> {
    operations::require_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    let segment = db.org(&page, move |tx| commands::undelete(tx, &actor, id)).await?;
    Ok(reply::redirect(&page.req, "/segments", Some(Flash::success(format!("{} is back", segment.name)))))
}
