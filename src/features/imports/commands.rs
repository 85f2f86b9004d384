//! What can be asked of an import: to be kept as a draft, tried, started, cancelled, undone, thrown away. Each says so on its row and
//! leaves the work to a job (see [`super::running`]).

use super::{options::Options, progress, running};
use crate::{
    config::Config,
    db::{OrgTx, Tx},
    error::{AppError, AppResult},
    jobs::{self, Job},
    kernel::{ImportId, MemberId, RecordType},
    schema::{import_errors, imports},
    web::{Actor, permission},
};
use chrono::Utc;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Of every job here: a worker that died is followed by another.
pub const ATTEMPTS: i32 = 5;

#[derive(Serialize, Deserialize)]
pub(super) struct Payload {
    pub import: ImportId,
}

/// A new import, before its file is read.
#[derive(Clone, Debug)]
pub struct NewImport {
    pub id: ImportId,
    pub record: RecordType,
    pub file_name: String,
    /// Under `uploads`; `None` when the file comes from the command line.
    pub file_path: Option<String>,
    pub options: Options,
    /// In bytes, where it is known.
    pub file_size: Option<i64>,
}

/// The permission that importing this kind of record takes.
pub fn permission_key(record: RecordType) -> &'static str {
    use permission::{Permission, companies, contacts, deals, leads};
    match record {
        RecordType::Company => companies::Import::KEY,
        RecordType::Contact => contacts::Import::KEY,
        RecordType::Lead => leads::Import::KEY,
        RecordType::Deal => deals::Import::KEY,
    }
}

/// Refuses with what the role lacks.
pub fn check(actor: &Actor, record: RecordType) -> AppResult<()> {
    use permission::{Allow, companies, contacts, deals, leads};
    match record {
        RecordType::Company => Allow::<companies::Import>::check(actor).map(drop),
        RecordType::Contact => Allow::<contacts::Import>::check(actor).map(drop),
        RecordType::Lead => Allow::<leads::Import>::check(actor).map(drop),
        RecordType::Deal => Allow::<deals::Import>::check(actor).map(drop),
    }
}

/// Where uploaded files wait.
pub fn uploads(config: &Config) -> PathBuf {
    config.data_dir.join("uploads")
}

/// Writes the import down and enqueues it.
pub fn start(tx: &mut OrgTx, actor: &Actor, new: &NewImport) -> AppResult<()> {
    check(actor, new.record)?;
    note(tx, new, "queued", Some(actor.id))?;
    progress::start(tx, new.id)?;
    enqueue(tx, running::RUN, new.id)
}

/// Writes the import down as a draft, whose choices are still to be made.
pub fn draft(tx: &mut OrgTx, actor: &Actor, new: &NewImport) -> AppResult<()> {
    check(actor, new.record)?;
    note(tx, new, "draft", Some(actor.id))
}

fn enqueue(tx: &mut OrgTx, kind: &'static str, import: ImportId) -> AppResult<()> {
    let job = Job::new(kind, &Payload { import })?;
    jobs::enqueue(tx, job.key(format!("import:{import}")).max_attempts(ATTEMPTS))
}

/// Keeps the choices of a draft; what a trial of other choices found is no longer true.
pub fn choose(tx: &mut OrgTx, import: ImportId, options: &Options) -> AppResult<()> {
    let options = serde_json::to_value(options).map_err(anyhow::Error::from)?;
    let kept = diesel::update(imports::table.filter(imports::id.eq(import)))
        .filter(imports::status.eq_any(["draft", "cancelled"]))
        .set((
            imports::options.eq(options),
            imports::status.eq("draft"),
            imports::checked.eq(None::<serde_json::Value>),
            imports::error.eq(None::<String>),
        ))
        .execute(tx.conn())?;
    if kept == 0 {
        return Err(busy());
    }
    diesel::delete(import_errors::table.filter(import_errors::import_id.eq(import))).execute(tx.conn())?;
    Ok(())
}

fn busy() -> AppError {
    AppError::Conflict("This import is under way, or over: its choices can no longer be changed.".into())
}

/// From one of these states to another; false when it is in none of them.
fn step(tx: &mut OrgTx, import: ImportId, from: &[&str], to: &str) -> AppResult<bool> {
    let moved = diesel::update(imports::table.filter(imports::id.eq(import)))
        .filter(imports::status.eq_any(from.to_vec()))
        .set((imports::status.eq(to), imports::error.eq(None::<String>)))
        .execute(tx.conn())?;
    Ok(moved > 0)
}

/// Enqueues a trial of a draft.
pub fn try_out(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    if step(tx, import, &["draft", "cancelled"], "checking")? {
        progress::start(tx, import)?;
        enqueue(tx, running::CHECK, import)?;
    }
    Ok(())
}

/// Enqueues the import of a draft.
pub fn start_draft(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    if !step(tx, import, &["draft", "cancelled"], "queued")? {
        return Err(busy());
    }
    progress::start(tx, import)?;
    enqueue(tx, running::RUN, import)
}

/// Stops a trial or an import; one that has not begun is stopped here and now.
pub fn cancel(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    if step(tx, import, &["queued"], "cancelled")? {
        return Ok(());
    }
    progress::ask_to_stop(tx, import)?;
    Ok(())
}

/// Enqueues the undoing of an import.
pub fn undo(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    if !step(tx, import, &["done"], "undoing")? {
        return Err(AppError::Conflict("This import is not one that can be undone now.".into()));
    }
    let by = tx.by();
    diesel::update(imports::table.filter(imports::id.eq(import))).set(imports::undone_by.eq(by)).execute(tx.conn())?;
    progress::start(tx, import)?;
    enqueue(tx, running::UNDO, import)
}

/// Throws a draft away. Returns the name of its file.
pub fn discard(tx: &mut OrgTx, import: ImportId) -> AppResult<Option<String>> {
    let gone: Option<Option<String>> = diesel::delete(imports::table.filter(imports::id.eq(import)))
        .filter(imports::status.eq_any(["draft", "cancelled"]))
        .returning(imports::file_path)
        .get_result(tx.conn())
        .optional()?;
    gone.ok_or_else(busy)
}

pub(super) fn note(tx: &mut OrgTx, new: &NewImport, status: &str, by: Option<MemberId>) -> AppResult<()> {
    diesel::insert_into(imports::table)
        .values((
            imports::id.eq(new.id),
            imports::record_type.eq(new.record.key()),
            imports::file_name.eq(&new.file_name),
            imports::file_path.eq(&new.file_path),
            imports::file_size.eq(new.file_size),
            imports::status.eq(status),
            imports::options.eq(serde_json::to_value(&new.options).map_err(anyhow::Error::from)?),
            imports::created_by.eq(by),
            imports::started_at.eq((status == "running").then(Utc::now)),
        ))
        .execute(tx.conn())?;
    Ok(())
}
