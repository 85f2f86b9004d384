//! The list's own pages and fragments, the same for every record type: the list, more of it, a group's rows, one row.

use super::{
    Columns, Count, ListQuery, ListView, cells,
    cells::{Content, Row},
    find::{self, Found, Way, is_too_long},
    groups::{self, Group, Groups},
};
use crate::{
    db::{Db, paging},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        records::{filter::Names, require_view, visible},
        views,
    },
    kernel::RecordType,
    web::{Form, Page, Shell, reply},
};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use uuid::Uuid;

const TOO_LONG: &str = "No index serves this filter and order, and there are too many records to look at one by one. Narrow the list further, by owner, stage or date for example, or sort it by name.";

#[derive(Template)]
#[template(path = "records/list/index.html")]
struct Index {
    shell: Shell,
    list: ListView,
    rows: Vec<Row>,
    groups: Vec<Group>,
}

#[derive(Template)]
#[template(path = "records/list/_more.html")]
struct More {
    list: ListView,
    rows: Vec<Row>,
    /// `group-3-`, in a group; the ids of its parts begin so.
    prefix: String,
}

#[derive(Template)]
#[template(path = "records/list/_group.html")]
struct GroupRows {
    list: ListView,
    rows: Vec<Row>,
    prefix: String,
}

#[derive(Template)]
#[template(path = "records/list/_one.html")]
struct One {
    list: RowOf,
    row: Row,
}

/// What `_row.html` needs of a list.
struct RowOf {
    ticks: bool,
}

struct Loaded {
    query: ListQuery,
    list: ListView,
    rows: Vec<Row>,
    groups: Vec<Group>,
}

/// `GET /contacts`
pub async fn index(record: RecordType, page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let part = Form::decode(page.req.query_string().as_bytes())?.get("part").to_owned();
    let partial = reply::is_partial(&page.req);
    if let Some(to) = elsewhere(&page, &db, record).await? {
        return Ok(reply::redirect(&page.req, &to, None));
    }
    let mut loaded = load(&page, &db, record, partial, Some(Way::Walk)).await;
    if loaded.as_ref().is_err_and(is_too_long) {
        loaded = load(&page, &db, record, partial, Some(Way::Scan)).await;
    }
    let loaded = match loaded {
        Err(error) if is_too_long(&error) && !partial => {
            let mut loaded = load(&page, &db, record, partial, None).await?;
            loaded.list.trouble = TOO_LONG.to_owned();
            loaded
        }
        Err(error) if is_too_long(&error) => {
            return Err(AppError::Rejected(StatusCode::UNPROCESSABLE_ENTITY, TOO_LONG));
        }
        other => other?,
    };
    let Loaded { query, list, rows, groups } = loaded;
    let prefix = if is_group_id(&part) { format!("{part}-") } else { String::new() };
    if partial {
        let more = query.after.is_some();
        let list = list.appended(&query, rows.len(), &page.actor).within(prefix.trim_end_matches('-'));
        return match more || prefix.is_empty() {
            true => reply::fragment(&More { list, rows, prefix }),
            false => reply::fragment(&GroupRows { list, rows, prefix }),
        };
    }
    let status = if list.trouble.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    reply::page_with(&page.req, status, &Index { shell: page.shell(record.noun()), list, rows, groups })
}

/// Where a saved view of deals is that is no list, opened by its name or as the reader's default.
async fn elsewhere(page: &Page, db: &Db, record: RecordType) -> AppResult<Option<String>> {
    if record != RecordType::Deal {
        return Ok(None);
    }
    let asked = views::or_default(&page.actor, record, page.req.query_string())?;
    let form = Form::decode(asked.as_bytes())?;
    let Some(id) = form.get("view").parse::<Uuid>().ok().filter(|_| form.get("edited") != "1") else { return Ok(None) };
    let actor = page.actor.clone();
    let view = db.org(page, move |tx| views::find(tx, &actor, id)).await?;
    Ok((view.kind() != views::Kind::List).then(|| view.href()))
}

/// `group-12`: an element's id, and nothing else.
fn is_group_id(part: &str) -> bool {
    part.strip_prefix("group-").is_some_and(|n| !n.is_empty() && n.len() < 6 && n.bytes().all(|b| b.is_ascii_digit()))
}

async fn load(page: &Page, db: &Db, record: RecordType, partial: bool, look: Option<Way>) -> AppResult<Loaded> {
    let (actor, asked) = (page.actor.clone(), page.req.query_string().to_owned());
    db.org(page, move |tx| {
        let query = ListQuery::open(tx, &actor, record, &asked)?;
        if let Some(view) = query.view.as_ref().filter(|view| view.fresh > 0 && !partial) {
            views::seen(tx, &actor, view.id)?;
        }
        let people = members::directory(tx)?;
        let mut names = if query.filter.is_empty() && query.group.is_none() {
            Names::of(people)
        } else {
            Names::load(tx, &actor, (record, &query.filter, &query.schema), people)?
        };
        let mut trouble = String::new();
        let (mut in_groups, mut rates) = (Vec::new(), None);
        if let Some(key) = query.group.as_deref().filter(|_| look.is_some() && !partial && query.problem.is_none()) {
            tx.limit_time(find::PATIENCE)?;
            match groups::load(tx, &actor, &query, key, &mut names)? {
                Groups::Some(groups, note) => (in_groups, rates) = (groups, note),
                Groups::TooMany(why) => why.clone_into(&mut trouble),
            }
        }
        let columns = Columns::of(tx, &actor, &query)?;
        let keys: Vec<&str> = columns.0.iter().map(|c| c.key.as_str()).collect();
        let catalogue = query.catalogue()?;
        let mut found = match look {
            Some(way) => find::find(tx, &actor, &query, way, &cells::wanted(catalogue, &keys))?,
            None => nothing(),
        };
        let known = found.values.take();
        let rows = cells::rows(tx, &actor, catalogue, &keys, &found.page.rows, known, &names.people)?;
        let counted = (rows.len(), found.count, found.page.next.as_deref());
        let mut list = ListView::new(&query, &actor, &names, &columns, counted)?;
        list.rates = rates.unwrap_or_default();
        if !trouble.is_empty() {
            list.trouble = trouble;
        }
        Ok(Loaded { query, list, rows, groups: in_groups })
    })
    .await
}

fn nothing() -> Found {
    Found { page: paging::Page { rows: Vec::new(), next: None }, count: Count { records: 0, more: true }, values: None }
}

/// `GET /contacts/{id}/row?columns=`: a row anew, after one of its values was edited in place.
pub async fn row(record: RecordType, page: Page, id: web::Path<Uuid>, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let (asked, ticks) = (form.get("columns").to_owned(), form.get("ticks") == "1");
    let actor = page.actor.clone();
    let row = db
        .org(&page, move |tx| {
            visible(tx, &actor, record, *id)?;
            let query = super::href::encode(&[("columns".to_owned(), asked)]);
            let query = ListQuery::load(tx, &actor, record, &query)?;
            let columns = Columns::of(tx, &actor, &query)?;
            let keys: Vec<&str> = columns.0.iter().map(|c| c.key.as_str()).collect();
            let people = members::directory(tx)?;
            cells::rows(tx, &actor, query.catalogue()?, &keys, &[*id], None, &people)?.pop().ok_or(AppError::NotFound)
        })
        .await?;
    reply::fragment(&One { list: RowOf { ticks }, row })
}
