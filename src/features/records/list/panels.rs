//! The filter builder and the column chooser: dialogs on the list, pages of their own where there is no script.

use super::{Columns, ListQuery, href};
use crate::{
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        accounts::members,
        records::{
            filter::{
                self, Filter, Names, Problem, Schema,
                builder::{self, Action, Control, Line},
            },
            require_view,
        },
    },
    kernel::RecordType,
    web::{Actor, Form, Page, Shell, csrf, reply},
};
use actix_web::{HttpResponse, web};
use askama::Template;

#[derive(Template)]
#[template(path = "records/list/filter.html")]
struct FilterPage {
    shell: Shell,
    builder: Builder,
}

#[derive(Template)]
#[template(path = "records/list/_filter.html")]
struct FilterFragment {
    builder: Builder,
}

/// The form that a filter is made in.
struct Builder {
    action: String,
    title: &'static str,
    /// The list without its filter, as a query string.
    list: String,
    /// The list as it was.
    back: String,
    lines: Vec<Line>,
    error: String,
}

/// `GET /contacts/filter`: opened with `list`, the list's query string; its own buttons send the whole form, `list` among it.
pub async fn filter_builder(record: RecordType, page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let actor = page.actor.clone();
    let built = db.org(&page, move |tx| build(tx, &actor, record, &form)).await?;
    match built {
        Built::Applied(href) => Ok(reply::redirect(&page.req, &href, None)),
        Built::Form(builder) => {
            if reply::is_partial(&page.req) {
                return reply::fragment(&FilterFragment { builder });
            }
            reply::page(&page.req, &FilterPage { shell: page.shell(record.noun()), builder })
        }
    }
}

enum Built {
    Applied(String),
    Form(Builder),
}

fn build(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Built> {
    let query = ListQuery::load(tx, actor, record, form.get("list"))?;
    let schema = Schema::whole(tx, actor)?;
    let (filter, action) = if form.has("g") {
        builder::read(form, record, &schema, actor.locale.mark())
    } else {
        (query.filter.clone(), Action::Show)
    };
    filter.check()?;
    let mut problem = query.problem.clone().filter(|_| !form.has("g"));
    if action == Action::Apply {
        match filter::compile(&filter, record, &schema, actor) {
            Ok(_) => return Ok(Built::Applied(query.href(&[("filter", &filter.json())]))),
            Err(found) => problem = Some(found),
        }
    }
    let new = if let Action::Changed(way) = &action { way.clone() } else { None };
    let people = members::directory(tx)?;
    let names = Names::load(tx, actor, (record, &filter, &schema), people)?;
    Ok(Built::Form(Builder::new(&query, &filter, (&schema, &names, actor), problem.as_ref(), new.as_deref())))
}

impl Builder {
    fn new(
        query: &ListQuery,
        filter: &Filter,
        known: (&Schema, &Names, &Actor),
        problem: Option<&Problem>,
        new: Option<&[usize]>,
    ) -> Self {
        Self {
            action: format!("/{}/filter", query.record.noun()),
            title: query.record.plural(),
            list: query.whole_query(),
            back: query.href(&[]),
            lines: builder::lines(filter, query.record, known, (problem, new)),
            error: problem.map(|p| p.message.clone()).unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "records/list/columns.html")]
struct ColumnsPage {
    shell: Shell,
    chooser: Chooser,
}

#[derive(Template)]
#[template(path = "records/list/_columns.html")]
struct ColumnsFragment {
    chooser: Chooser,
}

/// The form in which columns are chosen.
struct Chooser {
    action: String,
    title: &'static str,
    csrf: String,
    list: String,
    back: String,
    /// Key, label, and whether it is shown.
    fields: Vec<(String, String, bool)>,
}

/// `GET /contacts/columns`
pub async fn column_chooser(record: RecordType, page: Page, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let form = Form::decode(page.req.query_string().as_bytes())?;
    let (actor, token) = (page.actor.clone(), csrf::token(&page.req));
    let chooser = db
        .org(&page, move |tx| {
            let query = ListQuery::load(tx, &actor, record, form.get("list"))?;
            let columns = Columns::of(tx, &actor, &query)?;
            Ok(Chooser {
                action: format!("/{}/columns", record.noun()),
                title: record.plural(),
                csrf: token,
                list: query.whole_query(),
                back: query.href(&[]),
                fields: query.choices(&columns)?,
            })
        })
        .await?;
    if reply::is_partial(&page.req) {
        return reply::fragment(&ColumnsFragment { chooser });
    }
    reply::page(&page.req, &ColumnsPage { shell: page.shell(record.noun()), chooser })
}

/// `POST /contacts/columns`: `column`, repeated, in order; `move` `up:key` moves one without a script; `do=reset` forgets them.
pub async fn save_columns(record: RecordType, page: Page, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let (actor, posted) = (page.actor.clone(), form.clone());
    let href = db
        .org(&page, move |tx| {
            let query = ListQuery::load(tx, &actor, record, posted.get("list"))?;
            if posted.get("do") == "reset" {
                Columns::forget(tx, actor.id, &query)?;
                return Ok(query.href(&[]));
            }
            let keys = moved(&posted);
            let columns = Columns::of(tx, &actor, &query)?;
            columns.chosen(keys.iter().map(String::as_str), query.catalogue()?).save(tx, actor.id, &query)?;
            let list = href::encode(&[("list".to_owned(), query.whole_query())]);
            let again = posted.has("move");
            Ok(if again { format!("/{}/columns?{list}", record.noun()) } else { query.href(&[]) })
        })
        .await?;
    Ok(reply::redirect(&page.req, &href, None))
}

/// The ticked columns in the order they were posted, one of them moved when its button was pressed.
fn moved(form: &Form) -> Vec<String> {
    let mut keys: Vec<String> = form.all("column").map(str::to_owned).collect();
    let Some((way, key)) = form.get("move").split_once(':') else { return keys };
    if let Some(at) = keys.iter().position(|k| k == key) {
        let to = if way == "up" { at.saturating_sub(1) } else { (at + 1).min(keys.len() - 1) };
        keys.swap(at, to);
    }
    keys
}

/// `POST /contacts/columns/width`: `column`, `width` in pixels.
pub async fn column_width(record: RecordType, page: Page, form: Form, db: web::Data<Db>) -> AppResult<HttpResponse> {
    require_view(&page.actor, record)?;
    let actor = page.actor.clone();
    let width: u16 = form.get("width").parse().map_err(|_| AppError::field("width", "must be a number of pixels"))?;
    let list = page.req.query_string().to_owned();
    db.org(&page, move |tx| {
        let query = ListQuery::load(tx, &actor, record, &list)?;
        let mut columns = Columns::of(tx, &actor, &query)?;
        columns.resize(form.get("column"), width);
        columns.save(tx, actor.id, &query)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
