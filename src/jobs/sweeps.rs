//! House-keeping that follows the clock, not events. Every step is safe to run in several processes at once.

use crate::db::{Db, Reason, Tx};
use diesel::prelude::*;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const OFTEN: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(250);

const STEPS: &[(&str, &str)] = &[
    // Only where enough signed rows piled up that reading them would show.
    (
        "fold totals",
        "SELECT app.fold_totals() WHERE (
           SELECT sum(n - 1) > 200 FROM (
             SELECT count(*) AS n FROM deal_totals GROUP BY org_id, pipeline_id, stage_id, owner_id, currency
             UNION ALL SELECT count(*) FROM deal_forecasts GROUP BY org_id, pipeline_id, stage_id, owner_id, currency, month, forecast_override
             UNION ALL SELECT count(*) FROM record_totals GROUP BY org_id, record_type, owner_id
             UNION ALL SELECT count(*) FROM deal_closings GROUP BY org_id, month, pipeline_id, owner_id, currency, status
             UNION ALL SELECT count(*) FROM deal_months GROUP BY org_id, pipeline_id, month, stage_id, owner_id, owner_now, currency
             UNION ALL SELECT count(*) FROM deal_beginnings GROUP BY org_id, month, pipeline_id, owner_id, furthest_id, state
             UNION ALL SELECT count(*) FROM activity_closings GROUP BY org_id, month, owner_id, type_id
             UNION ALL SELECT count(*) FROM definition_changes GROUP BY org_id) t)",
    ),
    ("event partitions", "SELECT app.ensure_event_partitions()"),
    ("sessions", "DELETE FROM sessions WHERE expires_at < now()"),
    // Their workers ended without a word each time: nobody else would say so to whoever waits for them.
    (
        "imports without a job",
        "UPDATE imports i SET status = 'failed', file_path = NULL, finished_at = now(),
           error = 'It was begun several times and broke off each time. Nothing was imported.'
         WHERE status IN ('queued', 'running') AND NOT EXISTS (
           SELECT 1 FROM jobs j WHERE j.org_id = i.org_id AND j.key = 'import:' || i.id
             AND (j.status = 'queued' OR j.status = 'running' AND (j.locked_until > now() OR j.attempts < j.max_attempts)))",
    ),
    ("watched views", crate::features::views::SWEEP),
    ("records opened long ago", crate::features::views::recent::SWEEP_RECORDS),
    ("searches of long ago", crate::features::views::recent::SWEEP_SEARCHES),
    (
        "exports without a job",
        "UPDATE exports e SET status = 'failed', finished_at = now(), error = 'It was begun several times and broke off each time.'
         WHERE status IN ('queued', 'running') AND NOT EXISTS (
           SELECT 1 FROM jobs j WHERE j.org_id = e.org_id AND j.key = 'export:' || e.id
             AND (j.status = 'queued' OR j.status = 'running' AND (j.locked_until > now() OR j.attempts < j.max_attempts)))",
    ),
    ("changes that may be duplicates", crate::features::duplicates::SWEEP),
    ("search for duplicates", crate::features::duplicates::NIGHTLY),
    ("series that do not reach a year ahead", crate::features::activities::SWEEP),
    ("what is kept, day by day", crate::features::retention::SWEEP),
    ("how likely stages make a deal", crate::features::pipeline::likelihood::SWEEP),
    ("exchange rates", crate::features::currencies::SWEEP),
    ("files nobody names", crate::features::files::SWEEP),
    ("calendars that wait for a word", crate::features::calendar::SWEEP),
    ("quarantine of web forms", crate::features::web_forms::SWEEP),
    ("mails whose job broke off", crate::features::mails::SWEEP_BROKEN),
    ("files of mails that were never written", crate::features::mails::SWEEP_FILES),
    ("mailings whose job broke off", crate::features::mails::SWEEP_MAILINGS),
    ("counts of mails", crate::features::mails::SWEEP_COUNTS),
    ("deals that stay in a stage", crate::features::automations::SWEEP),
    ("events no automation has read", crate::features::automations::SWEEP_LEFT),
    ("runs of automations of long ago", crate::features::automations::FORGET),
    ("reminders", crate::features::notifications::reminders::SWEEP),
    ("digests of notices", crate::features::notifications::DIGESTS),
    ("notices of long ago", crate::features::notifications::FORGET),
    ("one-time links", "DELETE FROM auth_tokens WHERE expires_at < now()"),
];

pub(super) fn run(db: &Db, stopping: &AtomicBool) {
    let mut last: Option<Instant> = None;
    while !stopping.load(Ordering::SeqCst) {
        if last.is_none_or(|at| at.elapsed() >= OFTEN) {
            last = Some(Instant::now());
            sweep(db);
        }
        thread::sleep(TICK);
    }
}

fn sweep(db: &Db) {
    for (name, sql) in STEPS {
        let done = db.system_now(Reason::Sweep, |tx| Ok(diesel::sql_query(*sql).execute(tx.conn())?));
        if let Err(error) = done {
            tracing::warn!(%error, step = name, "sweep failed; it will be tried again");
        }
    }
}
