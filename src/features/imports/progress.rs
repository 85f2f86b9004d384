//! How far a run is, and whether it is to stop. The run is one transaction that nobody sees into; beside it a thread writes the figures
//! down once a second and reads whether somebody asked to cancel. A statement at work is cancelled in the database, so that a stop
//! does not wait for the end of a long one.

use crate::{
    db::{Db, OrgTx, Tx},
    error::{AppError, AppResult},
    kernel::{ImportId, OrgId},
    schema::import_progress,
};
use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_query, sql_types};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Steps of a run: key and words.
pub const PHASES: &[(&str, &str)] = &[
    ("reading", "Reading the file"),
    ("matching", "Looking for records that exist"),
    ("checking", "Asking the validation rules"),
    ("updating", "Updating records"),
    ("creating", "Creating records"),
    ("finishing", "Writing down the result"),
    ("restoring", "Restoring what was changed"),
    ("removing", "Removing what was created"),
];

const EVERY: Duration = Duration::from_millis(700);

/// Shared by the thread that works and the one that reports.
#[derive(Default)]
pub struct Progress {
    rows: AtomicU64,
    phase: AtomicUsize,
    stop: AtomicBool,
    /// The database's process at work on it; 0 outside of its transaction.
    backend: Mutex<i32>,
}

impl Progress {
    pub fn enter(&self, phase: &str) {
        self.phase.store(PHASES.iter().position(|(key, _)| *key == phase).unwrap_or_default(), Relaxed);
    }

    pub fn row(&self) {
        self.rows.fetch_add(1, Relaxed);
    }

    /// Whether somebody asked to stop.
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// From now on until [`Progress::leave`], a statement of this transaction may be cancelled.
    pub fn begin(&self, tx: &mut OrgTx) -> AppResult<()> {
        #[derive(QueryableByName)]
        struct Pid {
            #[diesel(sql_type = sql_types::Integer)]
            pid: i32,
        }
        let pid = sql_query("SELECT pg_backend_pid() AS pid").get_result::<Pid>(tx.conn())?.pid;
        *self.backend.lock().unwrap_or_else(PoisonError::into_inner) = pid;
        Ok(())
    }

    /// Before the commit: the connection goes back to others, and none of theirs is to be cancelled.
    pub fn leave(&self) {
        *self.backend.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    fn cancel(&self, db: &Db) {
        self.stop.store(true, Relaxed);
        let backend = self.backend.lock().unwrap_or_else(PoisonError::into_inner);
        if *backend != 0
            && let Err(error) = db.cancel_statement(*backend)
        {
            tracing::warn!(%error, "cannot cancel the statement of an import");
        }
    }

    fn report(&self, tx: &mut OrgTx, import: ImportId) -> AppResult<bool> {
        let rows = i64::try_from(self.rows.load(Relaxed)).unwrap_or(i64::MAX);
        let phase = PHASES[self.phase.load(Relaxed).min(PHASES.len() - 1)].0;
        let sql = "UPDATE import_progress SET rows_read = $2, updated_at = clock_timestamp(), \
             phase_at = CASE WHEN phase = $3 THEN phase_at ELSE clock_timestamp() END, phase = $3 \
             WHERE import_id = $1 RETURNING cancel_requested";
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = sql_types::Bool)]
            cancel_requested: bool,
        }
        let row: Option<Row> = sql_query(sql)
            .bind::<sql_types::Uuid, _>(import)
            .bind::<sql_types::BigInt, _>(rows)
            .bind::<sql_types::Text, _>(phase)
            .get_result(tx.conn())
            .optional()?;
        Ok(row.is_some_and(|row| row.cancel_requested))
    }
}

/// Does `work` while a second thread reports how far it is. What it reports to is made by [`start`].
pub fn watched<T>(db: &Db, org: OrgId, import: ImportId, progress: &Progress, work: impl FnOnce() -> T) -> T {
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while ended.recv_timeout(EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                match db.org_now(&org, |tx| progress.report(tx, import)) {
                    Ok(true) => progress.cancel(db),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "cannot write down how far an import is"),
                }
            }
        });
        let result = work();
        progress.leave();
        drop(done);
        result
    })
}

/// A row to report to, from nothing.
pub fn start(tx: &mut OrgTx, import: ImportId) -> AppResult<()> {
    diesel::delete(import_progress::table.filter(import_progress::import_id.eq(import))).execute(tx.conn())?;
    diesel::insert_into(import_progress::table).values(import_progress::import_id.eq(import)).execute(tx.conn())?;
    Ok(())
}

/// Asks whatever works on the import to stop; false when nothing does.
pub fn ask_to_stop(tx: &mut OrgTx, import: ImportId) -> AppResult<bool> {
    let asked = diesel::update(import_progress::table.filter(import_progress::import_id.eq(import)))
        .set(import_progress::cancel_requested.eq(true))
        .execute(tx.conn())?;
    Ok(asked > 0)
}

/// How far it is, as last written down.
#[derive(Clone, Debug, Queryable)]
pub struct Figures {
    pub phase: String,
    pub rows: i64,
    pub cancel_requested: bool,
    pub started_at: DateTime<Utc>,
    pub phase_at: DateTime<Utc>,
}

pub fn figures(tx: &mut OrgTx, import: ImportId) -> AppResult<Option<Figures>> {
    import_progress::table
        .filter(import_progress::import_id.eq(import))
        .select((
            import_progress::phase,
            import_progress::rows_read,
            import_progress::cancel_requested,
            import_progress::started_at,
            import_progress::phase_at,
        ))
        .first(tx.conn())
        .optional()
        .map_err(AppError::from)
}
