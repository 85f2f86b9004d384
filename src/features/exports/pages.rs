//! `/exports`: what to export and how, how far large ones are, and their files.

use super::{
    commands::{self, Begun},
    download,
    model::{self, Export, Format, Options, Order},
    queries,
};
use crate::{
    config::Config,
    db::{Db, OrgTx},
    error::{AppError, AppResult},
    features::{
        fields::Catalogue,
        records::list::{Columns, Count, Selection},
    },
    kernel::{ExportId, RecordType},
    web::{Actor, Form, Page, SelectOption, Shell, flash::Flash, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use chrono::Utc;

#[derive(Template)]
#[template(path = "exports/new.html")]
struct NewPage {
    shell: Shell,
    record: RecordType,
    /// "1,204 contacts"
    what: String,
    /// `matching` or empty.
    scope: String,
    matching: String,
    ids: String,
    formats: Vec<SelectOption>,
    format_error: String,
    shown: String,
    all: String,
    every: bool,
    cancel: String,
}

/// `GET /exports/new?record_type=&matching=`: a whole list.
pub async fn new(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let mut form = Form::decode(page.req.query_string().as_bytes())?;
    if !form.has("record_type") {
        let first = RecordType::ALL.into_iter().find(|record| model::check(&page.actor, *record).is_ok());
        form.set("record_type", first.map_or("", RecordType::key));
    }
    if form.get("ids").is_empty() {
        form.set("scope", "matching");
    }
    dialog(&page, &db, StatusCode::OK, form, String::new()).await
}

/// `POST /exports/new`: the rows ticked on a list.
pub async fn choose(page: Page, form: Form, db: Data<Db>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    dialog(&page, &db, StatusCode::OK, form, String::new()).await
}

async fn dialog(page: &Page, db: &Db, status: StatusCode, form: Form, error: String) -> AppResult<HttpResponse> {
    let (actor, shell) = (page.actor.clone(), page.shell("exports"));
    let whole = db.org(page, move |tx| new_page(tx, &actor, shell, &form, error)).await?;
    reply::page_with(&page.req, status, &whole)
}

fn new_page(tx: &mut OrgTx, actor: &Actor, shell: Shell, form: &Form, format_error: String) -> AppResult<NewPage> {
    let record = record(actor, form)?;
    let selection = Selection::parse(tx, actor, record, form)?;
    let catalogue = Catalogue::load(tx, actor, record)?;
    let Count { records, more } = selection.count(tx, actor)?;
    let noun = if records == 1 && !more { record.label().to_lowercase() } else { record.noun().to_owned() };
    let labels = |keys: &[String]| {
        let labels: Vec<&str> = keys.iter().filter_map(|key| Some(catalogue.get(key)?.label.as_str())).collect();
        labels.join(", ")
    };
    let chosen = form.get("format");
    let formats = Format::ALL.into_iter().filter(|format| format.suits(record));
    let ids = match &selection {
        Selection::Ids(_, ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Selection::Matching(_) => String::new(),
    };
    let matching = form.get("matching").to_owned();
    Ok(NewPage {
        shell,
        record,
        what: format!("{}{} {noun}", actor.locale.integer(records), if more { "+" } else { "" }),
        scope: if ids.is_empty() { "matching".to_owned() } else { String::new() },
        cancel: format!("/{}{}{matching}", record.noun(), if matching.is_empty() { "" } else { "?" }),
        matching,
        ids,
        formats: formats.map(|f| SelectOption::new(f.key(), f.label(), f.key() == chosen)).collect(),
        format_error,
        shown: labels(&shown(tx, actor, record, form)?),
        all: actor.locale.integer(i64::try_from(exportable(&catalogue).len()).unwrap_or(0)),
        every: form.get("columns") == "all",
    })
}

/// The type named, if this person may export such records.
fn record(actor: &Actor, form: &Form) -> AppResult<RecordType> {
    let record = RecordType::parse(form.get("record_type")).ok_or(AppError::NotFound)?;
    model::check(actor, record)?;
    Ok(record)
}

/// The keys of the list's columns, as the list shows them to this person.
fn shown(tx: &mut OrgTx, actor: &Actor, record: RecordType, form: &Form) -> AppResult<Vec<String>> {
    let list = Selection::matching(tx, actor, record, form.get("matching"))?;
    let Selection::Matching(query) = list else { return Ok(vec![]) };
    Ok(Columns::of(tx, actor, &query)?.0.into_iter().map(|column| column.key).collect())
}

fn exportable(catalogue: &Catalogue) -> Vec<String> {
    catalogue.entries.iter().filter(|entry| entry.exportable).map(|entry| entry.key.clone()).collect()
}

/// `POST /exports`: the file, or the page of the job that makes it.
pub async fn create(page: Page, form: Form, db: Data<Db>, config: Data<Config>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let known = RecordType::parse(form.get("record_type")).ok_or(AppError::NotFound)?;
    let Some(format) = Format::parse(form.get("format")).filter(|format| format.suits(known)) else {
        let told = "is not one of the choices".to_owned();
        return dialog(&page, &db, StatusCode::UNPROCESSABLE_ENTITY, form, told).await;
    };
    let (actor, folder) = (page.actor.clone(), commands::folder(&config)?);
    let (name, begun) = db
        .org(&page, move |tx| {
            let order = order(tx, &actor, &form, format)?;
            Ok((order.file_name(&actor), commands::begin(tx, &actor, order, &folder)?))
        })
        .await?;
    match begun {
        Begun::Now(file) => Ok(download::attachment(tokio::fs::File::from_std(file), format, &name)),
        Begun::Later(id) => {
            let told = Flash::info("This is a large export. You can leave this page: it goes on.");
            Ok(reply::redirect(&page.req, &format!("/exports/{id}"), Some(told)))
        }
    }
}

fn order(tx: &mut OrgTx, actor: &Actor, form: &Form, format: Format) -> AppResult<Order> {
    let record = record(actor, form)?;
    let selection = Selection::parse(tx, actor, record, form)?;
    let fields = match form.get("columns") {
        "all" => exportable(&Catalogue::load(tx, actor, record)?),
        _ => shown(tx, actor, record, form)?,
    };
    let bom = matches!(form.get("bom"), "true" | "on");
    Ok(Order { record, format, fields, options: Options { selection: selection.keep(), bom } })
}

/// An export as its line and its page show it.
struct Line {
    id: String,
    file_name: String,
    what: String,
    status: String,
    state: &'static str,
    tone: &'static str,
    open: bool,
    ready: bool,
    rows: String,
    size: String,
    when: String,
    exact: String,
    until: String,
    error: String,
    percent: i64,
    progress: String,
}

impl Line {
    fn of(actor: &Actor, export: &Export) -> Self {
        let (state, tone) = match export.status.as_str() {
            "queued" => ("Waiting", "none"),
            "running" if export.cancel_requested => ("Being cancelled", "warn"),
            "running" => ("Running", "info"),
            "done" => ("Ready", "good"),
            "cancelled" => ("Cancelled", "none"),
            "expired" => ("Expired", "none"),
            _ => ("Failed", "bad"),
        };
        let number = |n| actor.locale.integer(n);
        let total = export.rows_total.unwrap_or(0).max(export.rows_done);
        Self {
            id: export.id.to_string(),
            file_name: export.file_name.clone(),
            what: export.record().map(|record| record.plural().to_owned()).unwrap_or_default(),
            status: export.status.clone(),
            state,
            tone,
            open: export.is_open(),
            ready: export.status == "done",
            rows: number(export.rows_done),
            size: export.bytes.map(size).unwrap_or_default(),
            when: actor.moment(export.created_at),
            exact: actor.exact(export.created_at),
            until: export.expires_at.map(|at| actor.moment(at)).unwrap_or_default(),
            error: export.error.clone().unwrap_or_default(),
            percent: if total == 0 { 0 } else { export.rows_done * 100 / total },
            progress: progress(actor, export, total),
        }
    }
}

/// "120,000 of 1,000,000 rows · 8,000 a second · 2 min left"
fn progress(actor: &Actor, export: &Export, total: i64) -> String {
    let number = |n| actor.locale.integer(n);
    let mut told = format!("{} of {} rows", number(export.rows_done), number(total));
    let seconds = export.started_at.map_or(0, |at| (Utc::now() - at).num_seconds());
    if seconds >= 2 && export.rows_done > 0 {
        let rate = (export.rows_done / seconds).max(1);
        let left = (total - export.rows_done) / rate;
        let left = if left < 90 { format!("{left} s") } else { format!("{} min", (left + 30) / 60) };
        told.push_str(&format!(" · {} a second · {left} left", number(rate)));
    }
    told
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[derive(Template)]
#[template(path = "exports/index.html")]
struct Index {
    shell: Shell,
    lines: Vec<Line>,
}

/// `GET /exports`: one's own large ones.
pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let actor = page.actor.clone();
    let exports = db.org(&page, move |tx| queries::mine(tx, &actor)).await?;
    let lines = exports.iter().map(|export| Line::of(&page.actor, export)).collect();
    reply::page(&page.req, &Index { shell: page.shell("exports"), lines })
}

#[derive(Template)]
#[template(path = "exports/show.html", blocks = ["progress"])]
struct Show {
    shell: Shell,
    line: Line,
}

/// `GET /exports/{id}`
pub async fn show(page: Page, id: Path<ExportId>, db: Data<Db>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let actor = page.actor.clone();
    let export = db.org(&page, move |tx| queries::find(tx, &actor, *id)).await?;
    let show = Show { shell: page.shell("exports"), line: Line::of(&page.actor, &export) };
    reply::either(&page.req, StatusCode::OK, &show, &show.as_progress())
}

/// `POST /exports/{id}/cancellation`
pub async fn cancel(page: Page, id: Path<ExportId>, db: Data<Db>) -> AppResult<HttpResponse> {
    model::check_any(&page.actor)?;
    let (actor, id) = (page.actor.clone(), *id);
    db.org(&page, move |tx| commands::cancel(tx, &actor, id)).await?;
    Ok(reply::redirect(&page.req, &format!("/exports/{id}"), None))
}
