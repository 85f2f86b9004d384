//! The list of imports, the upload form, and one import with what became of it.

use super::{
    bar::Bar,
    commands,
    context::STRANGER,
    progress::{self, Figures},
    queries::{self, Import, RowError, SHOWN, Scope},
    templates, wizard, words,
};
use crate::{
    db::Db,
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    web::{Actor, Form, FormView, Page, SelectOption, Shell, flash::Flash, permission, permission::Permission, reply},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

/// The imports this person may see; 403 when their role imports nothing.
pub(super) fn scope(page: &Page) -> AppResult<Scope> {
    let scope = Scope::of(&page.actor);
    if scope.is_empty() {
        return Err(AppError::Forbidden(permission::contacts::Import::DENIED));
    }
    Ok(scope)
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
            "draft" => ("Draft", "none"),
            "checking" => ("Being checked", "info"),
            "queued" => ("Waiting", "none"),
            "running" => ("Running", "info"),
            "failed" => ("Not imported", "bad"),
            "cancelled" => ("Cancelled", "warn"),
            "undoing" => ("Being undone", "info"),
            "undone" => ("Undone", "none"),
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
    templates: Vec<Kept>,
}

/// A template, as the list shows it.
struct Kept {
    id: String,
    name: String,
    what: &'static str,
}

pub async fn index(page: Page, db: Data<Db>) -> AppResult<HttpResponse> {
    let scope = scope(&page)?;
    let (imports, kept) = db.org(&page, move |tx| Ok((queries::recent(tx, &scope)?, templates::all(tx)?))).await?;
    let lines = imports.iter().map(|i| Line::of(&page.actor, i)).collect();
    let kept = kept.into_iter().map(|t| Kept {
        id: t.id.to_string(),
        what: RecordType::parse(&t.record_type).map_or("", RecordType::plural),
        name: t.name,
    });
    reply::page(&page.req, &Index { shell: page.shell("imports"), lines, templates: kept.collect() })
}

/// `POST /imports/templates`: forgets one.
pub async fn forget(page: Page, db: Data<Db>, form: Form) -> AppResult<HttpResponse> {
    scope(&page)?;
    let id = form.get("template").parse::<uuid::Uuid>().map_err(|_| AppError::NotFound)?;
    if !db.org(&page, move |tx| templates::forget(tx, id)).await? {
        return Err(AppError::NotFound);
    }
    Ok(reply::redirect(&page.req, "/imports", Some(Flash::success("Template deleted"))))
}

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewPage {
    shell: Shell,
    view: FormView,
    records: Vec<SelectOption>,
    limit: String,
    steps: Vec<wizard::Step>,
}

#[derive(Deserialize)]
pub struct Preset {
    #[serde(default, rename = "type")]
    record: String,
}

pub async fn new(page: Page, config: Data<crate::config::Config>, preset: Query<Preset>) -> AppResult<HttpResponse> {
    scope(&page)?;
    let form = Form::new([("record_type".into(), preset.into_inner().record)]);
    form_page(&page, StatusCode::OK, form.view(Default::default()), config.max_upload_bytes)
}

/// The upload form, with what was wrong with it.
pub(super) fn form_page(page: &Page, status: StatusCode, view: FormView, limit: u64) -> AppResult<HttpResponse> {
    let chosen = RecordType::parse(view.value("record_type"));
    let records =
        allowed(&page.actor).into_iter().map(|r| SelectOption::new(r.key(), r.plural(), chosen == Some(r))).collect();
    let limit = format!("{} MB", page.actor.locale.integer(i64::try_from(limit / (1 << 20)).unwrap_or(i64::MAX)));
    reply::page_with(
        &page.req,
        status,
        &NewPage {
            shell: page.shell("imports"),
            view,
            records,
            limit,
            steps: wizard::steps(ImportId::new(), "upload"),
        },
    )
}

struct Column {
    heading: String,
    field: String,
}

pub(super) struct ErrorLine {
    pub line: String,
    pub field: String,
    pub message: String,
    pub row: String,
}

impl ErrorLine {
    pub fn of(actor: &Actor, error: RowError) -> Self {
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
    bar: Option<Bar>,
    may_undo: bool,
    undone: Option<UndoneView>,
    /// Why an undo came to nothing.
    failed_undo: Option<String>,
    undoing: bool,
    cancelled: bool,
    any_created: bool,
    any_updated: bool,
    /// Rows named companies that were made for them.
    companies: bool,
    /// What else was made, in words.
    made: Vec<String>,
    /// Rows failed for an owner who is nobody here.
    strangers: bool,
}

struct UndoneView {
    restored: String,
    removed: String,
    left: String,
    when: String,
    reasons: Vec<(String, String)>,
    any_left: bool,
    /// Pipelines and stages removed, in words.
    places: Vec<String>,
    /// Products and competitors.
    unused: Vec<String>,
    /// Of all these, what is still there, with the reason.
    kept: Vec<String>,
}

pub async fn show(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let id = id(&path)?;
    let scope = scope(&page)?;
    let (import, errors, figures, companies) = db
        .org(&page, move |tx| {
            let import = queries::find(tx, id, &scope)?;
            let companies = queries::made_companies(tx, id)?;
            Ok((import, queries::first_errors(tx, id)?, progress::figures(tx, id)?, companies))
        })
        .await?;
    if matches!(import.status.as_str(), "draft" | "checking") {
        let step = match (import.status.as_str(), import.checked().is_some(), import.options().columns.is_empty()) {
            ("checking", ..) | (_, true, _) => "check",
            (_, _, true) => "file",
            _ => "columns",
        };
        return Ok(reply::redirect(&page.req, &format!("/imports/{id}/{step}"), None));
    }
    let show = Show::of(&page, &import, errors, figures, companies);
    reply::either(&page.req, StatusCode::OK, &show, &show.as_outcome())
}

/// `POST /imports/{id}/undo`
pub async fn undo(page: Page, db: Data<Db>, path: Path<String>) -> AppResult<HttpResponse> {
    let id = id(&path)?;
    let scope = scope(&page)?;
    db.org(&page, move |tx| {
        queries::find(tx, id, &scope)?;
        commands::undo(tx, id)
    })
    .await?;
    Ok(reply::redirect(&page.req, &format!("/imports/{id}"), None))
}

impl Show {
    fn of(page: &Page, import: &Import, errors: Vec<RowError>, figures: Option<Figures>, companies: bool) -> Self {
        let columns: Vec<(String, Option<String>)> =
            import.columns().into_iter().filter(|(heading, _)| !heading.is_empty()).collect();
        let seconds = import.finished_at.zip(import.started_at).map(|(end, start)| (end - start).num_seconds().max(1));
        Self {
            shell: page.shell("imports"),
            line: Line::of(&page.actor, import),
            records_href: import.record().map_or_else(String::new, |r| format!("/{}", r.noun())),
            error: import.error.clone().filter(|_| import.status == "failed"),
            took: seconds.map_or_else(String::new, |s| format!("{} s", page.actor.locale.integer(s))),
            format: format(import),
            unmapped: columns.iter().filter(|(_, field)| field.is_none()).count(),
            columns: columns
                .into_iter()
                .map(|(heading, field)| Column { heading, field: field.unwrap_or_default() })
                .collect(),
            strangers: errors.iter().any(|e| e.message.starts_with(STRANGER)),
            more_errors: i64::try_from(errors.len()).is_ok_and(|n| n >= SHOWN),
            errors: errors.into_iter().map(|e| ErrorLine::of(&page.actor, e)).collect(),
            bar: figures
                .filter(|_| import.is_open() && import.status != "queued")
                .map(|f| Bar::of(&page.actor, &f, import.checked().map(|c| c.rows))),
            may_undo: import.status == "done" && import.created + import.updated > 0,
            undone: UndoneView::of(&page.actor, import),
            failed_undo: import.error.clone().filter(|_| import.status == "done"),
            undoing: import.status == "undoing",
            cancelled: import.status == "cancelled",
            any_created: import.created > 0,
            any_updated: import.updated > 0,
            companies,
            made: import.made().words,
        }
    }
}

impl UndoneView {
    fn of(actor: &Actor, import: &Import) -> Option<Self> {
        let undone = import.undone()?;
        let number = |n| actor.locale.integer(n);
        Some(Self {
            restored: number(undone.restored),
            removed: number(undone.removed),
            left: number(undone.left),
            when: import.undone_at.map_or_else(String::new, |at| actor.within(at)),
            reasons: undone.reasons.iter().map(|(why, n)| (why.clone(), number(*n))).collect(),
            any_left: undone.left > 0,
            places: undone.places,
            unused: undone.unused,
            kept: undone.kept,
        })
    }
}

/// `windows-1252, semicolons`.
fn format(import: &Import) -> String {
    let Some(character) = import.delimiter.as_deref() else { return String::new() };
    let encoding = import.encoding.as_deref().unwrap_or("UTF-8");
    match character {
        "xlsx" => "Excel workbook".into(),
        "vcard" => format!("{encoding}, vCards"),
        character => format!("{encoding}, {}", words::delimiter(character)),
    }
}
