//! Files that a crash left among the uploads: half received, or imported and not yet removed. After two days no request and no worker
//! can be about to need one that no waiting import names.

use crate::{
    db::{Db, Reason, Tx},
    error::AppResult,
    schema::imports,
};
use diesel::prelude::*;
use std::{
    collections::HashSet,
    fs::{self, DirEntry},
    path::Path,
    time::Duration,
};

/// Drafts that nobody came back to.
const DRAFTS_KEPT: chrono::Duration = chrono::Duration::days(30);
const KEPT_FOR: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Removes them. Whatever goes wrong is logged and left to the next import.
pub fn left_behind(db: &Db, uploads: &Path) {
    let old: Vec<DirEntry> = fs::read_dir(uploads).into_iter().flatten().flatten().filter(is_old).collect();
    if old.is_empty() {
        return;
    }
    let waiting = match waiting(db) {
        Ok(waiting) => waiting,
        Err(error) => return tracing::warn!(%error, "cannot tell which uploads still wait"),
    };
    for file in old.iter().filter(|file| !waiting.contains(file.file_name().to_string_lossy().as_ref())) {
        match fs::remove_file(file.path()) {
            Ok(()) => tracing::info!(path = %file.path().display(), "removed an upload that was left behind"),
            Err(error) => tracing::warn!(%error, path = %file.path().display(), "cannot remove an old upload"),
        }
    }
}

fn is_old(file: &DirEntry) -> bool {
    let age =
        file.metadata().ok().filter(|m| m.is_file()).and_then(|m| m.modified().ok()).and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > KEPT_FOR)
}

fn waiting(db: &Db) -> AppResult<HashSet<String>> {
    let paths: Vec<Option<String>> = db.system_now(Reason::Jobs, |tx| {
        diesel::delete(imports::table)
            .filter(imports::status.eq_any(["draft", "cancelled"]))
            .filter(imports::created_at.lt(chrono::Utc::now() - DRAFTS_KEPT))
            .execute(tx.conn())?;
        Ok(imports::table.filter(imports::file_path.is_not_null()).select(imports::file_path).load(tx.conn())?)
    })?;
    Ok(paths.into_iter().flatten().collect())
}
