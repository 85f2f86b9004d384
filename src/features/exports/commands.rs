//! Beginning an export: a small one is made here and now, a large one becomes a job.

use super::{
    job,
    model::{self, Export, Order},
    queries,
    walk::Walk,
};
use crate::{
    config::Config,
    db::{OrgTx, Tx},
    error::AppResult,
    events::{self, Event},
    features::records::list::Selection,
    jobs::{self, Job},
    kernel::ExportId,
    schema::exports,
    web::Actor,
};
use anyhow::Context as _;
use diesel::prelude::*;
use std::{
    fs::{self, File},
    io::Seek,
    path::{Path, PathBuf},
};

/// Rows that one waits for.
pub(super) const AT_ONCE: i64 = 5_000;
const ATTEMPTS: i32 = 5;

/// What came of an order.
pub(super) enum Begun {
    /// Made: a temporary file that nobody else finds, at its beginning.
    Now(File),
    Later(ExportId),
}

/// Where large exports lie.
pub(super) fn folder(config: &Config) -> AppResult<PathBuf> {
    let folder = config.data_dir.join("exports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

pub(super) fn begin(tx: &mut OrgTx, actor: &Actor, order: Order, folder: &Path) -> AppResult<Begun> {
    model::check(actor, order.record)?;
    let selection = Selection::restore(tx, actor, order.record, &order.options.selection)?;
    let few = selection.next(tx, actor, None, AT_ONCE + 1)?;
    if i64::try_from(few.len()).is_ok_and(|n| n <= AT_ONCE) {
        now(tx, actor, order, folder).map(Begun::Now)
    } else {
        later(tx, actor, &order).map(Begun::Later)
    }
}

fn now(tx: &mut OrgTx, actor: &Actor, order: Order, folder: &Path) -> AppResult<File> {
    let mut file = tempfile::tempfile_in(folder).context("cannot make a temporary file")?;
    let copy = file.try_clone().context("cannot use a temporary file")?;
    let mut walk = Walk::begin(tx, actor, order, copy, folder)?;
    while !walk.is_over {
        walk.step(tx, actor)?;
    }
    let (order, rows) = walk.finish()?;
    tell(tx, ExportId::new(), &order, rows)?;
    file.rewind().context("cannot read a temporary file")?;
    Ok(file)
}

fn later(tx: &mut OrgTx, actor: &Actor, order: &Order) -> AppResult<ExportId> {
    let id = ExportId::new();
    diesel::insert_into(exports::table)
        .values((
            (exports::id.eq(id), exports::record_type.eq(order.record.key()), exports::format.eq(order.format.key())),
            (exports::fields.eq(&order.fields), exports::file_name.eq(order.file_name(actor))),
            exports::options.eq(serde_json::to_value(&order.options).map_err(anyhow::Error::from)?),
            exports::created_by.eq(actor.id),
        ))
        .execute(tx.conn())?;
    let write = Job::new(job::WRITE, &job::Payload { export: id })?;
    jobs::enqueue(tx, write.key(format!("export:{id}")).max_attempts(ATTEMPTS))?;
    Ok(id)
}

/// Stops a large export after the batch it is at.
pub(super) fn cancel(tx: &mut OrgTx, actor: &Actor, id: ExportId) -> AppResult<Export> {
    let export = queries::find(tx, actor, id)?;
    diesel::update(exports::table.filter(exports::id.eq(id)))
        .filter(exports::status.eq_any(["queued", "running"]))
        .set(exports::cancel_requested.eq(true))
        .execute(tx.conn())?;
    Ok(export)
}

/// Writes down that somebody took records away.
pub(super) fn tell(tx: &mut OrgTx, id: ExportId, order: &Order, rows: u64) -> AppResult<()> {
    events::record(tx, Event::of("export.made", "export", id).data(order.told(rows)))
}

pub(super) fn is_last(attempt: i32) -> bool {
    attempt >= ATTEMPTS
}
