//! The list of imports, the upload form, and one import with what became of it.

use super::{
    commands,
    queries::{self, Import, RowError, SHOWN},
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    web::{Actor, Form, FormView, Page, SelectOption, Shell, permission, permission::Permission, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

/// Keys of the records this person may import; 403 when there are none.
pub(super) fn importable(page: &Page) -> AppResult<Vec<&'static str>> {
    let allowed = allowed(&page.actor);
    if allowed.is_empty() {
        return Err(AppError::Forbidden(permission::contacts::Import::DENIED));
    }
    Ok(allowed.into_iter().map(RecordType::key).collect())
}

fn allowed(actor: &Actor) -> Vec<RecordType> {
    RecordType::ALL.into_iter().filter(|r| actor.may(commands::permission_key(*r))).collect()
}

pub(super) fn id(path: &Path<String>) -> AppResult<ImportId> {
    path.parse().map_err(|_| AppError::NotFound)
}

/// An import as a row of the list.
struct Line {
    id: String,
    file_name: String,
    what: &'static str,
    state: &'static str,
    tone: &'static str,
    rows: String,
    created: String,
    updated: String,
    skipped: String,
    failed: String,
    by: String,
    when: String,
    exact: String,
    open: bool,
    waiting: bool,
}

impl Line {
    fn of(actor: &Actor, import: &Import) -> Self {
        let record = import.record();
        let (state, tone) = match import.status.as_str() {
            "queued" => ("Waiting", "none"),
            "running" => ("Running", "info"),
            "failed" => ("Not imported", "bad"),
            _ if import.failed > 0 => ("Done, with errors", "warn"),
            _ => ("Done", "good"),
        };
        let number = |n| actor.locale.integer(n);
        Self {
            id: import.id.to_string(),
            file_name: import.file_name.clone(),
            what: record.map_or("", RecordType::plural),
            state,
            tone,
            rows: number(import.rows_read),
            created: number(import.created),
            updated: number(import.updated),
            skipped: number(import.skipped),
            failed: number(import.failed),
            by: import.by.clone().unwrap_or_else(|| "Command line".into()),
            when: actor.moment(import.created_at),
            exact: actor.exact(import.created_at),
            open: import.is_open(),
            waiting: import.status == "queued",
        }
    }
}

#[derive(Template)]
#[template(path = "imports/index.html")]
struct Index {
    shell: Shell,
    lines: Vec<Line>,
}

pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let records = importable(&page)?;
    let imports = db.org(&page, move |tx| queries::recent(tx, &records)).await?;
    let lines = imports.iter().map(|i| Line::of(&page.actor, i)).collect();
    reply::page(&page.req, &Index { shell: page.shell("imports"), lines })
}

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewPage {
    shell: Shell,
    view: FormView,
    records: Vec<SelectOption>,
    limit: String,
}

#[derive(Deserialize)]
pub struct Preset {
    #[serde(default, rename = "type")]
    record: String,
}

pub async fn new(page: Page, config: Data<crate::config::Config>, preset: Query<Preset>) -> AppResult<HttpResponse> {
    importable(&page)?;
    let form = Form::new([("record_type".into(), preset.into_inner().record)]);
    form_page(&page, StatusCode::OK, form.view(Default::default()), config.max_upload_bytes)
}

/// The upload form, with what was wrong with it.
pub(super) fn form_page(page: &Page, status: StatusCode, view: FormView, limit: u64) -> AppResult<HttpResponse> {
    let chosen = RecordType::parse(view.value("record_type"));
    let records =
        allowed(&page.actor).into_iter().map(|r| SelectOption::new(r.key(), r.plural(), chosen == Some(r))).collect();
    let limit = format!("{} MB", page.actor.locale.integer(i64::try_from(limit / (1 << 20)).unwrap_or(i64::MAX)));
    reply::page_with(&page.req, status, &NewPage { shell: page.shell("imports"), view, records, limit })
}

struct Column {
    heading: String,
    field: String,
}

struct ErrorLine {
    line: String,
    field: String,
    message: String,
    row: String,
}

impl ErrorLine {
    fn of(actor: &Actor, error: RowError) -> Self {
        let cells: Vec<&str> = error.record.iter().flatten().map(|c| c.trim()).filter(|c| !c.is_empty()).collect();
        let row: String = cells.join(" · ").chars().take(200).collect();
        Self { line: actor.locale.integer(error.line), field: error.field, message: error.message, row }
    }
}

#[derive(Template)]
#[template(path = "imports/show.html", blocks = ["outcome"])]
struct Show {
    shell: Shell,
    line: Line,
    records_href: String,
    error: Option<String>,
    took: String,
    format: String,
    columns: Vec<Column>,
    unmapped: usize,
    errors: Vec<ErrorLine>,
    more_errors: bool,
}

pub async fn show(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let id = id(&path)?;
    let records = importable(&page)?;
    let (import, errors) =
        db.org(&page, move |tx| Ok((queries::find(tx, id, &records)?, queries::first_errors(tx, id)?))).await?;
    let show = Show::of(&page, &import, errors);
    reply::either(&page.req, StatusCode::OK, &show, &show.as_outcome())
}

impl Show {
    fn of(page: &Page, import: &Import, errors: Vec<RowError>) -> Self {
        let columns: Vec<(String, Option<String>)> =
            import.columns().into_iter().filter(|(heading, _)| !heading.is_empty()).collect();
        let seconds = import.finished_at.zip(import.started_at).map(|(end, start)| (end - start).num_seconds().max(1));
        Self {
            shell: page.shell("imports"),
            line: Line::of(&page.actor, import),
            records_href: import.record().map_or_else(String::new, |r| format!("/{}", r.noun())),
            error: import.error.clone(),
            took: seconds.map_or_else(String::new, |s| format!("{} s", page.actor.locale.integer(s))),
            format: format(import),
            unmapped: columns.iter().filter(|(_, field)| field.is_none()).count(),
            columns: columns
                .into_iter()
                .map(|(heading, field)| Column { heading, field: field.unwrap_or_default() })
                .collect(),
            more_errors: i64::try_from(errors.len()).is_ok_and(|n| n >= SHOWN),
            errors: errors.into_iter().map(|e| ErrorLine::of(&page.actor, e)).collect(),
        }
    }
}

/// `windows-1252, semicolons`.
fn format(import: &Import) -> String {
    let delimiter = match import.delimiter.as_deref() {
        Some("xlsx") => return "Excel workbook".into(),
        Some("vcard") => "vCards",
        Some(",") => "commas",
        Some(";") => "semicolons",
        Some("\t") => "tabs",
        Some("|") => "bars",
        Some(other) => other,
        None => return String::new(),
    };
    format!("{}, {delimiter}", import.encoding.as_deref().unwrap_or("UTF-8"))
}
