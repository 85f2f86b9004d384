//! Starting an import and seeing it through. The file is read in one transaction. Around that of an upload, two small ones say that it
//! is running and, when it could not be read, why. A process killed in the middle leaves nothing of the file: the job of an upload is
//! taken up again from the start, one on the command line never was.

use super::{
    apply::Counts,
    engine::{self, Options, Request},
    reader::{FileProblem, Rows},
    source,
    stage::Stopped,
    tidy,
};
use crate::{
    config::Config,
    db::{Db, OrgTx, Reason, Tenant, Tx},
    error::{AppError, AppResult},
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::{ImportId, MemberId, OrgId, RecordType},
    schema::imports,
    web::{Actor, permission},
};
use chrono::Utc;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

pub const JOB: &str = "imports.run";
const ATTEMPTS: i32 = 5;

#[derive(Serialize, Deserialize)]
struct Payload {
    import: ImportId,
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
    let job = Job::new(JOB, &Payload { import: new.id })?;
    jobs::enqueue(tx, job.key(format!("import:{}", new.id)).max_attempts(ATTEMPTS))
}

fn note(tx: &mut OrgTx, new: &NewImport, status: &str, by: Option<MemberId>) -> AppResult<()> {
    diesel::insert_into(imports::table)
        .values((
            imports::id.eq(new.id),
            imports::record_type.eq(new.record.key()),
            imports::file_name.eq(&new.file_name),
            imports::file_path.eq(&new.file_path),
            imports::status.eq(status),
            imports::options.eq(serde_json::to_value(&new.options).map_err(anyhow::Error::from)?),
            imports::created_by.eq(by),
            imports::started_at.eq((status == "running").then(Utc::now)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// The job behind an upload.
pub fn run_job(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { import } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let Some(waiting) = begin(&ctx.db, org, import)? else { return Ok(JobOutcome::Done) };
    let name = waiting.file_path.clone().unwrap_or_default();
    let path = uploads(&ctx.config).join(&name);
    match upload(ctx, org, &waiting, &path) {
        Ok(()) => {}
        Err(Stopped::File(problem)) => fail(&ctx.db, org, import, &problem.message())?,
        Err(Stopped::Other(error)) if ctx.attempt < ATTEMPTS => return Err(anyhow::anyhow!("{error}")),
        Err(Stopped::Other(error)) => {
            let why = match &error {
                AppError::Internal(_) => "Something went wrong on our side. Nothing was imported.".to_owned(),
                other => format!("{} Nothing was imported.", other.message()),
            };
            fail(&ctx.db, org, import, &why)?;
            return Err(anyhow::anyhow!("{error}"));
        }
    }
    if let Err(error) = fs::remove_file(&path) {
        tracing::warn!(%error, path = %path.display(), "an imported file cannot be removed");
    }
    tidy::left_behind(&ctx.db, &uploads(&ctx.config));
    Ok(JobOutcome::Done)
}

fn upload(ctx: &JobContext, org: OrgId, waiting: &Waiting, path: &Path) -> Result<(), Stopped> {
    let Some(by) = waiting.by else { return Err(FileProblem::new(None, "nobody sent it").into()) };
    let actor = ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), org))?;
    let Some(actor) = actor.filter(|a| a.may(permission_key(waiting.record))) else {
        let what = "whoever sent it is no longer a member who may import";
        return Err(FileProblem::new(None, what).into());
    };
    import(&ctx.db, &actor, waiting, source::stored(path)?)
}

/// What a worker needs to know of an import.
struct Waiting {
    id: ImportId,
    record: RecordType,
    file_name: String,
    file_path: Option<String>,
    options: Options,
    by: Option<MemberId>,
}

/// Marks the import as running; `None` when it has ended already.
fn begin(db: &Db, org: OrgId, import: ImportId) -> AppResult<Option<Waiting>> {
    type Row = (String, String, Option<String>, serde_json::Value, Option<MemberId>);
    db.org_now(&org, |tx| {
        let row: Option<Row> = diesel::update(imports::table.filter(imports::id.eq(import)))
            .filter(imports::status.eq_any(["queued", "running"]))
            .set((imports::status.eq("running"), imports::started_at.eq(Utc::now())))
            .returning((
                imports::record_type,
                imports::file_name,
                imports::file_path,
                imports::options,
                imports::created_by,
            ))
            .get_result(tx.conn())
            .optional()?;
        Ok(row.and_then(|(record, file_name, file_path, options, by)| {
            let options = serde_json::from_value(options).unwrap_or_default();
            let record = RecordType::parse(&record)?;
            Some(Waiting { id: import, record, file_name, file_path, options, by })
        }))
    })
}

fn fail(db: &Db, org: OrgId, import: ImportId, why: &str) -> AppResult<()> {
    db.org_now(&org, |tx| note_failure(tx, import, why))
}

fn note_failure(tx: &mut OrgTx, import: ImportId, why: &str) -> AppResult<()> {
    diesel::update(imports::table.filter(imports::id.eq(import)))
        .filter(imports::status.ne("done"))
        .set((
            imports::status.eq("failed"),
            imports::error.eq(why),
            imports::file_path.eq(None::<String>),
            imports::finished_at.eq(Utc::now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// A transaction that a problem with the file undoes and comes out of.
fn whole<T>(db: &Db, tenant: &impl Tenant, work: impl FnOnce(&mut OrgTx) -> Result<T, Stopped>) -> Result<T, Stopped> {
    let mut problem = None;
    let result = db.org_now(tenant, |tx| {
        work(tx).map_err(|stopped| match stopped {
            Stopped::File(p) => {
                problem = Some(p);
                AppError::Conflict("the file cannot be read".into())
            }
            Stopped::Other(error) => error,
        })
    });
    match problem {
        Some(problem) => Err(problem.into()),
        None => Ok(result?),
    }
}

/// The transaction that reads an uploaded file, unless another worker finished it meanwhile.
fn import(db: &Db, actor: &Actor, waiting: &Waiting, rows: Rows<'_>) -> Result<(), Stopped> {
    whole(db, actor, |tx| {
        let status: String =
            imports::table.filter(imports::id.eq(waiting.id)).select(imports::status).for_update().first(tx.conn())?;
        if status != "running" {
            return Ok(());
        }
        let request = Request {
            import: waiting.id,
            record: waiting.record,
            file_name: &waiting.file_name,
            options: &waiting.options,
            actor: Some(actor),
        };
        engine::run(tx, &request, rows).map(drop)
    })
}

/// Imports from the command line: at once, as the organisation itself. Nobody takes it up again, so that it is written down in the
/// transaction that reads the file: killed, it leaves no trace.
pub fn run_now(db: &Db, org: OrgId, new: &NewImport, input: impl Read) -> Result<Counts, Stopped> {
    run_rows(db, org, new, source::arriving(input))
}

/// As [`run_now`], from a file.
pub fn run_file(db: &Db, org: OrgId, new: &NewImport, path: &Path) -> Result<Counts, Stopped> {
    run_rows(db, org, new, source::stored(path))
}

fn run_rows(db: &Db, org: OrgId, new: &NewImport, rows: Result<Rows<'_>, Stopped>) -> Result<Counts, Stopped> {
    let (file_name, options) = (new.file_name.as_str(), &new.options);
    let request = Request { import: new.id, record: new.record, file_name, options, actor: None };
    let result = rows.and_then(|rows| {
        whole(db, &org, |tx| {
            note(tx, new, "running", None)?;
            engine::run(tx, &request, rows)
        })
    });
    if let Err(stopped) = &result {
        db.org_now(&org, |tx| {
            note(tx, new, "running", None)?;
            note_failure(tx, new.id, &stopped.to_string())
        })?;
    }
    result
}
