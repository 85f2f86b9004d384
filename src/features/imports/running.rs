//! Seeing an import through. The file is read in one transaction. Around that of an upload, two small ones say that it is running and,
//! when it could not be read, why. A process killed in the middle leaves nothing of the file: the job of an upload is taken up again
//! from the start, one on the command line never was.

use super::{
    apply::Counts,
    commands::{self, ATTEMPTS, NewImport, Payload, uploads},
    engine::{self, Checked, Request},
    options::Options,
    progress::{self, Progress},
    reader::{FileProblem, Rows},
    source,
    stage::Stopped,
    tidy, undo,
};
use crate::{
    db::{Db, OrgTx, Reason, Tenant, Tx},
    error::{AppError, AppResult},
    features::notifications::{self, Finished},
    jobs::{JobContext, JobOutcome, Registry},
    kernel::{ImportId, MemberId, OrgId, RecordType},
    schema::imports,
    web::Actor,
};
use chrono::Utc;
use diesel::prelude::*;
use std::{fs, io::Read, path::Path};

pub const RUN: &str = "imports.run";
pub const CHECK: &str = "imports.check";
pub const UNDO: &str = "imports.undo";

pub fn register_jobs(registry: &mut Registry) {
    registry.register(RUN, |ctx, payload| work(ctx, payload, "running", import));
    registry.register(CHECK, |ctx, payload| work(ctx, payload, "checking", check));
    registry.register(UNDO, |ctx, payload| work(ctx, payload, "undoing", take_back));
}

/// What a worker needs to know of an import.
struct Waiting {
    id: ImportId,
    org: OrgId,
    record: RecordType,
    file_name: String,
    file_path: Option<String>,
    options: Options,
    by: Option<MemberId>,
    undone_by: Option<MemberId>,
}

type Work = fn(&JobContext, &Waiting, &Progress) -> Result<(), Stopped>;

/// Does a job whose import is in the state that it says, and writes down why it came to nothing when it did.
fn work(ctx: &JobContext, payload: &serde_json::Value, state: &str, work: Work) -> anyhow::Result<JobOutcome> {
    let Payload { import } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let Some(waiting) = begin(&ctx.db, org, import, state)? else { return Ok(JobOutcome::Done) };
    let progress = Progress::default();
    let result = progress::watched(&ctx.db, org, import, &progress, || work(ctx, &waiting, &progress));
    let why = match result {
        Ok(()) => None,
        Err(_) if progress.stopped() => Some(End::Cancelled),
        Err(Stopped::Cancelled) => Some(End::Cancelled),
        Err(Stopped::File(problem)) => Some(End::Failed(problem.message())),
        Err(Stopped::Other(error)) if ctx.attempt < ATTEMPTS => return Err(anyhow::anyhow!("{error}")),
        Err(Stopped::Other(error)) => {
            let nothing = if state == "undoing" { "Nothing was undone." } else { "Nothing was imported." };
            let why = match &error {
                AppError::Internal(_) => format!("Something went wrong on our side. {nothing}"),
                other => format!("{} {nothing}", other.message()),
            };
            ctx.db.org_now(&org, |tx| end(tx, import, state, &End::Failed(why)))?;
            return Err(anyhow::anyhow!("{error}"));
        }
    };
    if let Some(why) = &why {
        ctx.db.org_now(&org, |tx| end(tx, import, state, why))?;
    }
    if state == "running" {
        clean_up(ctx, &waiting, &why);
    }
    Ok(JobOutcome::Done)
}

/// How a job ended that did not do what it was for.
enum End {
    Cancelled,
    Failed(String),
}

/// Back to where one can go on from.
fn end(tx: &mut OrgTx, import: ImportId, state: &str, end: &End) -> AppResult<()> {
    let row = imports::table.filter(imports::id.eq(import)).filter(imports::status.eq(state));
    let error = match end {
        End::Cancelled => None,
        End::Failed(why) => Some(why.as_str()),
    };
    match (state, end) {
        ("running", End::Failed(why)) => return fail(tx, import, why),
        ("running", End::Cancelled) => diesel::update(row).set(imports::status.eq("cancelled")).execute(tx.conn())?,
        ("undoing", _) => {
            diesel::update(row).set((imports::status.eq("done"), imports::error.eq(error))).execute(tx.conn())?
        }
        (_, End::Cancelled) => diesel::update(row).set(imports::status.eq("draft")).execute(tx.conn())?,
        (_, End::Failed(why)) => {
            let checked = Checked { error: Some(why.clone()), ..Checked::default() };
            let checked = serde_json::to_value(&checked).map_err(anyhow::Error::from)?;
            diesel::update(row).set((imports::status.eq("draft"), imports::checked.eq(checked))).execute(tx.conn())?
        }
    };
    Ok(())
}

/// A file that was imported, or cannot be, is not kept; one whose import was cancelled may be tried again.
fn clean_up(ctx: &JobContext, waiting: &Waiting, why: &Option<End>) {
    if !matches!(why, Some(End::Cancelled))
        && let Some(name) = &waiting.file_path
    {
        let path = uploads(&ctx.config).join(name);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "an imported file cannot be removed");
        }
    }
    tidy::left_behind(&ctx.db, &uploads(&ctx.config));
}

/// Marks the import as being worked on; `None` when that has ended already.
fn begin(db: &Db, org: OrgId, import: ImportId, state: &str) -> AppResult<Option<Waiting>> {
    type Row = (String, String, Option<String>, serde_json::Value, Option<MemberId>, Option<MemberId>);
    let from: &[&str] = if state == "running" { &["queued", "running"] } else { &[state] };
    db.org_now(&org, |tx| {
        let row: Option<Row> = diesel::update(imports::table.filter(imports::id.eq(import)))
            .filter(imports::status.eq_any(from.to_vec()))
            .set(imports::status.eq(state))
            .returning((
                imports::record_type,
                imports::file_name,
                imports::file_path,
                imports::options,
                imports::created_by,
                imports::undone_by,
            ))
            .get_result(tx.conn())
            .optional()?;
        if row.is_some() && state == "running" {
            diesel::update(imports::table.filter(imports::id.eq(import)))
                .set(imports::started_at.eq(Utc::now()))
                .execute(tx.conn())?;
        }
        Ok(row.and_then(|(record, file_name, file_path, options, by, undone_by)| {
            let options = serde_json::from_value(options).unwrap_or_default();
            let record = RecordType::parse(&record)?;
            Some(Waiting { id: import, org, record, file_name, file_path, options, by, undone_by })
        }))
    })
}

fn import(ctx: &JobContext, waiting: &Waiting, progress: &Progress) -> Result<(), Stopped> {
    read(ctx, waiting, progress, false)
}

fn check(ctx: &JobContext, waiting: &Waiting, progress: &Progress) -> Result<(), Stopped> {
    read(ctx, waiting, progress, true)
}

fn take_back(ctx: &JobContext, waiting: &Waiting, progress: &Progress) -> Result<(), Stopped> {
    let take_back = |tx: &mut OrgTx| -> Result<(), Stopped> {
        if still(tx, waiting.id, "undoing")? {
            undo::run(tx, waiting.id, waiting.record, progress)?;
        }
        Ok(())
    };
    let by = waiting.undone_by.map(|by| ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), waiting.org)));
    match by.transpose()?.flatten() {
        Some(actor) => whole(&ctx.db, &actor, take_back),
        None => whole(&ctx.db, &waiting.org, take_back),
    }
}

/// The transaction that reads an uploaded file, unless another worker finished it meanwhile.
fn read(ctx: &JobContext, waiting: &Waiting, progress: &Progress, trial: bool) -> Result<(), Stopped> {
    let Some(by) = waiting.by else { return Err(FileProblem::new(None, "nobody sent it").into()) };
    let actor = ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), waiting.org))?;
    let Some(actor) = actor.filter(|a| a.may(commands::permission_key(waiting.record))) else {
        let what = "whoever sent it is no longer a member who may import";
        return Err(FileProblem::new(None, what).into());
    };
    let path = uploads(&ctx.config).join(waiting.file_path.as_deref().unwrap_or_default());
    let mut rows = source::stored(&path, &waiting.options.overrides)?;
    whole(&ctx.db, &actor, |tx| {
        if !still(tx, waiting.id, if trial { "checking" } else { "running" })? {
            return Ok(());
        }
        let request = Request {
            db: &ctx.db,
            import: waiting.id,
            record: waiting.record,
            file_name: &waiting.file_name,
            options: &waiting.options,
            actor: Some(&actor),
            trial,
            progress,
        };
        engine::run(tx, &request, &mut rows).map(drop)
    })
}

/// Holds the import's row until the end of the transaction. Progress refers to it meanwhile, which this lock allows.
fn still(tx: &mut OrgTx, import: ImportId, state: &str) -> AppResult<bool> {
    let status: String =
        imports::table.filter(imports::id.eq(import)).select(imports::status).for_no_key_update().first(tx.conn())?;
    Ok(status == state)
}

fn fail(tx: &mut OrgTx, import: ImportId, why: &str) -> AppResult<()> {
    diesel::update(imports::table.filter(imports::id.eq(import)))
        .filter(imports::status.ne("done"))
        .set((
            imports::status.eq("failed"),
            imports::error.eq(why),
            imports::file_path.eq(None::<String>),
            imports::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    let (by, name): (Option<MemberId>, String) = imports::table
        .filter(imports::id.eq(import))
        .select((imports::created_by, imports::file_name))
        .first(tx.conn())?;
    let (what, how) = (format!("Import {name}"), "was stopped by an error; nothing was imported");
    let work = Finished { key: format!("import:{import}:failed"), what: &what, how, at: format!("/imports/{import}") };
    notifications::finished(tx, by, &work)
}

/// A transaction that a problem with the file, or a cancellation, undoes and comes out of.
fn whole<T>(db: &Db, tenant: &impl Tenant, work: impl FnOnce(&mut OrgTx) -> Result<T, Stopped>) -> Result<T, Stopped> {
    let mut stop = None;
    let result = db.org_now(tenant, |tx| {
        work(tx).map_err(|stopped| match stopped {
            Stopped::Other(error) => error,
            other => {
                stop = Some(other);
                AppError::Conflict("the import stopped".into())
            }
        })
    });
    match stop {
        Some(stop) => Err(stop),
        None => Ok(result?),
    }
}

/// Imports from the command line: at once, as the organisation itself. Nobody takes it up again, so that it is written down in the
/// transaction that reads the file: killed, it leaves no trace.
pub fn run_now(db: &Db, org: OrgId, new: &NewImport, input: impl Read) -> Result<Counts, Stopped> {
    run_rows(db, org, new, source::arriving(input, &new.options.overrides))
}

/// As [`run_now`], from a file.
pub fn run_file(db: &Db, org: OrgId, new: &NewImport, path: &Path) -> Result<Counts, Stopped> {
    run_rows(db, org, new, source::stored(path, &new.options.overrides))
}

fn run_rows(db: &Db, org: OrgId, new: &NewImport, rows: Result<Rows<'_>, Stopped>) -> Result<Counts, Stopped> {
    let progress = Progress::default();
    let request = Request {
        db,
        import: new.id,
        record: new.record,
        file_name: &new.file_name,
        options: &new.options,
        actor: None,
        trial: false,
        progress: &progress,
    };
    let result = rows.and_then(|mut rows| {
        whole(db, &org, |tx| {
            commands::note(tx, new, "running", None)?;
            engine::run(tx, &request, &mut rows)
        })
    });
    if let Err(stopped) = &result {
        db.org_now(&org, |tx| {
            commands::note(tx, new, "running", None)?;
            fail(tx, new.id, &stopped.to_string())
        })?;
    }
    result
}
