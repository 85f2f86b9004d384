//! Large exports: a file written batch by batch, each batch a transaction, put in its place when it is whole. Killed, it begins again
//! from the start; nobody is given half a file.

use super::{commands, model::Export, queries, walk::Walk};
use crate::{
    db::{Db, OrgTx, Reason, Tenant, Tx},
    error::{AppError, AppResult},
    features::{
        notifications::{self, Finished},
        records::list::Selection,
    },
    jobs::{self, Job, JobContext, JobOutcome},
    kernel::ExportId,
    live::{self, LiveMessage},
    schema::exports,
    web::Actor,
};
use anyhow::{Context as _, anyhow};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

pub(super) const WRITE: &str = "exports.write";
pub(super) const EXPIRE: &str = "exports.expire";
const KEPT: TimeDelta = TimeDelta::days(7);

#[derive(Serialize, Deserialize)]
pub(super) struct Payload {
    pub export: ExportId,
}

/// Where the finished file lies.
pub(super) fn path(folder: &Path, id: ExportId) -> PathBuf {
    folder.join(id.to_string())
}

pub(super) fn write(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { export: id } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    let Some(export) = ctx.db.org_now(&org, |tx| queries::of_job(tx, id))?.filter(Export::is_open) else {
        return Ok(JobOutcome::Done);
    };
    let by = export.created_by;
    let Some(actor) = ctx.db.system_now(Reason::Jobs, |tx| Actor::load(tx, by.into(), org))? else {
        end(&ctx.db, &org, &export, "failed", Some("Whoever asked for it is no longer a member."))?;
        return Ok(JobOutcome::Done);
    };
    let folder = commands::folder(&ctx.config)?;
    let part = path(&folder, id).with_extension("part");
    let written = whole(&ctx.db, &actor, &export, &folder, &part);
    if !matches!(written, Ok(true)) {
        let _ = fs::remove_file(&part);
    }
    match written {
        Ok(true) => {}
        Ok(false) => end(&ctx.db, &actor, &export, "cancelled", None)?,
        Err(AppError::Forbidden(why)) => end(&ctx.db, &actor, &export, "failed", Some(why))?,
        Err(error) if !commands::is_last(ctx.attempt) => return Err(anyhow!("{error}")),
        Err(error) => {
            end(&ctx.db, &actor, &export, "failed", Some("Something went wrong on our side."))?;
            return Err(anyhow!("{error}"));
        }
    }
    Ok(JobOutcome::Done)
}

/// The whole file; false when it was cancelled on the way.
fn whole(db: &Db, actor: &Actor, export: &Export, folder: &Path, part: &Path) -> AppResult<bool> {
    let id = export.id;
    let file = File::create(part).with_context(|| format!("cannot write {}", part.display()))?;
    let kept = file.try_clone().context("cannot use the file")?;
    let mut walk = db.org_now(actor, |tx| {
        let order = export.order()?;
        let selection = Selection::restore(tx, actor, order.record, &order.options.selection)?;
        let total = selection.total(tx, actor)?;
        mark(tx, id, (exports::status.eq("running"), exports::started_at.eq(Utc::now())))?;
        mark(tx, id, (exports::rows_total.eq(total), exports::rows_done.eq(0)))?;
        Walk::begin(tx, actor, order, file, folder)
    })?;
    while !walk.is_over {
        let go_on = db.org_now(actor, |tx| {
            tx.without_time_limit()?;
            let now = queries::of_job(tx, id)?;
            if now.is_none_or(|now| now.cancel_requested || !now.is_open()) {
                return Ok(false);
            }
            walk.step(tx, actor)?;
            mark(tx, id, exports::rows_done.eq(i64::try_from(walk.rows).unwrap_or(i64::MAX)))?;
            Ok(true)
        })?;
        if !go_on {
            return Ok(false);
        }
    }
    let (order, rows) = walk.finish()?;
    kept.sync_all().context("cannot finish the file")?;
    let bytes = kept.metadata().context("cannot look at the file")?.len();
    fs::rename(part, path(folder, id)).context("cannot put the file in its place")?;
    db.org_now(actor, |tx| {
        let expires = Utc::now() + KEPT;
        mark(tx, id, (exports::status.eq("done"), exports::bytes.eq(i64::try_from(bytes).unwrap_or(i64::MAX))))?;
        mark(tx, id, (exports::finished_at.eq(Utc::now()), exports::expires_at.eq(expires)))?;
        commands::tell(tx, id, &order, rows)?;
        let told = match rows {
            1 => "is ready: 1 row".to_owned(),
            rows => format!("is ready: {} rows", actor.locale.integer(i64::try_from(rows).unwrap_or(i64::MAX))),
        };
        over(tx, export, "done", &told)?;
        jobs::enqueue(tx, Job::new(EXPIRE, &Payload { export: id })?.key(format!("expire:{id}")).run_at(expires))
    })?;
    Ok(true)
}

fn mark<C>(tx: &mut OrgTx, id: ExportId, changes: C) -> AppResult<()>
where
    C: diesel::query_builder::AsChangeset<Target = exports::table>,
    C::Changeset: diesel::query_builder::QueryFragment<diesel::pg::Pg>,
{
    diesel::update(exports::table.filter(exports::id.eq(id))).set(changes).execute(tx.conn())?;
    Ok(())
}

fn end(db: &Db, tenant: &impl Tenant, export: &Export, status: &str, error: Option<&str>) -> AppResult<()> {
    let id = export.id;
    db.org_now(tenant, |tx| {
        if status == "failed" {
            over(tx, export, status, "was stopped by an error")?;
        }
        mark(tx, id, (exports::status.eq(status), exports::error.eq(error), exports::finished_at.eq(Utc::now())))?;
        live::publish(tx, &LiveMessage::record("export", id.0))
    })
}

/// Whoever asked for it looks elsewhere by now.
fn over(tx: &mut OrgTx, export: &Export, status: &str, how: &str) -> AppResult<()> {
    let (key, at) = (format!("export:{}:{status}", export.id), format!("/exports/{}", export.id));
    let what = format!("Export {}", export.file_name);
    notifications::finished(tx, Some(export.created_by), &Finished { key, what: &what, how, at })
}

/// A week later: the file goes, and its line says so.
pub(super) fn expire(ctx: &JobContext, payload: &serde_json::Value) -> anyhow::Result<JobOutcome> {
    let Payload { export: id } = serde_json::from_value(payload.clone())?;
    let Some(org) = ctx.org else { return Ok(JobOutcome::GiveUp) };
    match fs::remove_file(path(&commands::folder(&ctx.config)?, id)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    ctx.db.org_now(&org, |tx| mark(tx, id, (exports::status.eq("expired"), exports::bytes.eq(None::<i64>))))?;
    Ok(JobOutcome::Done)
}
