//! Threads that do jobs. Each claims one at a time, renews its lease while the handler runs, and survives a handler's panic.

use super::{
    Lane,
    registry::{JobContext, JobOutcome, Registry},
    storage::{self, Claimed},
};
use crate::{config::Config, db::Db, files::Files, kernel::OrgId, live::Hub, mailer::Post};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a worker waits without being woken before it looks anyway.
const POLL: Duration = Duration::from_secs(2);
/// How long stopping waits for jobs in flight; what is left over is retried elsewhere when its lease ends.
const GRACE: Duration = Duration::from_secs(6);

/// What every worker needs.
#[derive(Clone)]
pub struct Workers {
    pub db: Db,
    pub config: Arc<Config>,
    pub hub: Hub,
    pub post: Post,
    pub files: Files,
    pub registry: Arc<Registry>,
}

/// Running workers; stop them with [`Running::stop`].
pub struct Running {
    stopping: Arc<AtomicBool>,
    hub: Hub,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads and the one that keeps house (partitions, totals, expired sessions).
    pub fn start(self, count: usize) -> std::io::Result<Running> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for n in 0..count {
            let (me, stop) = (self.clone(), stopping.clone());
            let reserved = n == 0 && count > 1;
            threads
                .push(thread::Builder::new().name(format!("worker-{n}")).spawn(move || me.work(n, reserved, &stop))?);
        }
        if count > 0 {
            let (me, stop) = (self.clone(), stopping.clone());
            threads
                .push(thread::Builder::new().name("sweeper".into()).spawn(move || super::sweeps::run(&me.db, &stop))?);
        }
        Ok(Running { stopping, hub: self.hub, threads })
    }

    /// `reserved`: this worker leaves jobs that wait for other servers to the others.
    fn work(&self, n: usize, reserved: bool, stopping: &AtomicBool) {
        let lane = if reserved { Lane::AllBut(self.registry.remote()) } else { Lane::Everything };
        let name = format!("{}-{n}", std::process::id());
        while !stopping.load(Ordering::SeqCst) {
            let calls = self.hub.job_calls();
            match storage::claim(&self.db, &name, lane) {
                Ok(Some(job)) => self.perform(&job),
                Ok(None) => self.hub.wait_for_job(calls, POLL),
                Err(error) => {
                    tracing::warn!(%error, "cannot claim a job");
                    thread::sleep(POLL);
                }
            }
        }
    }

    fn perform(&self, job: &Claimed) {
        let span = tracing::info_span!("job", id = %job.id, kind = job.kind, attempt = job.attempts);
        let _entered = span.enter();
        let started = Instant::now();
        let result = self.with_lease(job, || self.call(job));
        metrics::histogram!("job_duration_seconds", "kind" => job.kind.clone()).record(started.elapsed().as_secs_f64());
        let (outcome, written) = match result {
            Ok(JobOutcome::Done) => ("done", storage::finish(&self.db, job)),
            Ok(JobOutcome::GiveUp) => ("given up", storage::fail(&self.db, job, "refused for good", true)),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "job failed");
                ("failed", storage::fail(&self.db, job, &format!("{error:#}"), false))
            }
        };
        metrics::counter!("jobs_total", "kind" => job.kind.clone(), "outcome" => outcome).increment(1);
        tracing::debug!(outcome, ms = started.elapsed().as_millis() as u64, "job ended");
        if let Err(error) = written {
            // The lease will end and the job be done again.
            tracing::error!(%error, "cannot record how a job ended");
        }
    }

    fn call(&self, job: &Claimed) -> anyhow::Result<JobOutcome> {
        let Some(handler) = self.registry.get(&job.kind) else {
            anyhow::bail!("this version does not know jobs of kind {}", job.kind);
        };
        let context = JobContext {
            db: self.db.clone(),
            config: self.config.clone(),
            hub: self.hub.clone(),
            post: self.post.clone(),
            files: self.files.clone(),
            org: job.org_id.map(OrgId),
            attempt: job.attempts,
        };
        match catch_unwind(AssertUnwindSafe(|| handler(&context, &job.payload))) {
            Ok(result) => result,
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|s| (*s).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                anyhow::bail!("panicked: {}", text.unwrap_or_else(|| "without a message".into()))
            }
        }
    }

    /// Renews the lease from a second thread for as long as the handler runs.
    fn with_lease<T>(&self, job: &Claimed, run: impl FnOnce() -> T) -> T {
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let every = Duration::from_secs((storage::LEASE.num_seconds() / 3).unsigned_abs());
            scope.spawn(move || {
                while ended.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if let Err(error) = storage::renew(&self.db, job) {
                        tracing::warn!(%error, "cannot renew a lease");
                    }
                }
            });
            let result = run();
            drop(done);
            result
        })
    }
}

impl Running {
    /// Takes no further job, waits for those in flight, and leaves what takes too long to its lease.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.hub.wake_workers();
        let deadline = Instant::now() + GRACE;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
            if thread.is_finished() {
                let _ = thread.join();
            } else {
                tracing::warn!("a job was still running at shutdown; it will be retried when its lease ends");
            }
        }
    }
}

/// Does every due job now, on this thread; for tests and for the command line. Returns how many it did.
pub fn run_due(workers: &Workers) -> usize {
    let mut count = 0;
    while let Ok(Some(job)) = storage::claim(&workers.db, "now", Lane::Everything) {
        workers.perform(&job);
        count += 1;
    }
    count
}
