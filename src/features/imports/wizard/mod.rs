//! The steps of an import that a person makes: file, columns, values, rules, check. Each is a page of its own over the draft on the
//! import's row, works without a script, and may be left and come back to.

pub mod check;
pub mod columns;
pub mod file;
mod new_fields;
mod preview;
mod proposal;
pub mod required;
pub mod rules;
mod scan;
pub mod values;

use super::{
    mapping::Headings,
    pages,
    presets::ColumnPlan,
    queries::{self, Import, Scope},
    reader::FileShape,
};
use crate::{
    config::Config,
    db::Db,
    error::{AppError, AppResult},
    kernel::{ImportId, RecordType},
    web::{Page, reply},
};
use actix_web::{HttpResponse, web::Path};

/// The steps after the upload: key in the address and words.
const STEPS: [(&str, &str); 5] =
    [("file", "File"), ("columns", "Columns"), ("values", "Values"), ("rules", "Rules"), ("check", "Check")];

/// A step as the line above the page shows it.
pub(super) struct Step {
    pub label: &'static str,
    /// Where it has been, so that one may go back.
    pub href: Option<String>,
    pub current: bool,
    pub done: bool,
}

/// The line of steps, standing at `key`.
pub(super) fn steps(id: ImportId, key: &str) -> Vec<Step> {
    let at = STEPS.iter().position(|(k, _)| *k == key).unwrap_or(STEPS.len());
    let upload = Step { label: "Upload", href: None, current: key == "upload", done: key != "upload" };
    let rest = STEPS.iter().enumerate().map(|(n, (k, label))| {
        let done = key != "upload" && n < at;
        Step { label, href: done.then(|| format!("/imports/{id}/{k}")), current: *k == key, done }
    });
    std::iter::once(upload).chain(rest).collect()
}

/// What the head of every step shows.
pub(super) struct Head {
    pub id: String,
    pub file_name: String,
    pub what: &'static str,
    pub steps: Vec<Step>,
}

impl Head {
    pub(super) fn of(import: &Import, step: &str) -> Self {
        let record = import.record();
        Self {
            id: import.id.to_string(),
            file_name: import.file_name.clone(),
            what: record.map_or("", RecordType::plural),
            steps: steps(import.id, step),
        }
    }
}

/// A draft, its file looked at.
struct Draft {
    import: Import,
    record: RecordType,
    shape: FileShape,
    /// What a column may be, for this person.
    headings: Headings,
}

/// Either the draft, or where to look at the import instead.
enum Found {
    Draft(Box<Draft>),
    Elsewhere(HttpResponse),
}

/// The import of the address, if the person may see it.
async fn import(page: &Page, db: &Db, path: &Path<String>) -> AppResult<Import> {
    let id = pages::id(path)?;
    let scope: Scope = pages::scope(page)?;
    db.org(page, move |tx| queries::find(tx, id, &scope)).await
}

/// The draft of the address, its file opened. One that is a draft no more is looked at where it is.
async fn draft(page: &Page, db: &Db, config: &Config, path: &Path<String>) -> AppResult<Found> {
    let import = import(page, db, path).await?;
    let record = import.record().ok_or(AppError::NotFound)?;
    if !import.is_draft() {
        return Ok(Found::Elsewhere(reply::redirect(&page.req, &format!("/imports/{}", import.id), None)));
    }
    let shape = preview::of(config, &import).await?;
    if shape.refused.is_some() && !page.req.path().ends_with("/file") {
        return Ok(Found::Elsewhere(reply::redirect(&page.req, &format!("/imports/{}/file", import.id), None)));
    }
    let actor = page.actor.clone();
    let headings = db.org(page, move |tx| Headings::load(tx, Some(&actor), record)).await?;
    Ok(Found::Draft(Box::new(Draft { import, record, shape, headings })))
}
