//! The job queue: enqueued with the transaction, each done once, none lost, none for ever.

use crate::support::{TestApp, sql};
use pipewright::{
    db::Reason,
    error::AppError,
    jobs::{self, Job, JobContext, JobOutcome, Registry, Workers},
    kernel::JobId,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// What handlers did and what they wait for, by the label in the payload: handlers are plain functions.
static DONE: Mutex<Vec<(String, i32)>> = Mutex::new(Vec::new());
static GATES: Mutex<Option<HashMap<String, bool>>> = Mutex::new(None);
static GATE_MOVED: Condvar = Condvar::new();

fn label(payload: &Value) -> String {
    payload["label"].as_str().unwrap().to_owned()
}

fn times(label: &str) -> usize {
    DONE.lock().unwrap().iter().filter(|(done, _)| done == label).count()
}

fn note(context: &JobContext, payload: &Value) {
    DONE.lock().unwrap().push((label(payload), context.attempt));
}

fn succeed(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    note(context, payload);
    Ok(JobOutcome::Done)
}

fn break_down(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    note(context, payload);
    anyhow::bail!("the printer is on fire")
}

fn panic(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    note(context, payload);
    panic!("aaargh {}", context.attempt)
}

/// Waits until the gate `<label>-<attempt>` opens.
fn hold(context: &JobContext, payload: &Value) -> anyhow::Result<JobOutcome> {
    note(context, payload);
    let gate = format!("{}-{}", label(payload), context.attempt);
    let mut gates = GATES.lock().unwrap();
    while !gates.get_or_insert_default().get(&gate).copied().unwrap_or_default() {
        gates = GATE_MOVED.wait(gates).unwrap();
    }
    Ok(JobOutcome::Done)
}

fn open_gate(gate: &str) {
    GATES.lock().unwrap().get_or_insert_default().insert(gate.to_owned(), true);
    GATE_MOVED.notify_all();
}

fn workers(app: &TestApp) -> Workers {
    let mut registry = Registry::default();
    registry.register("succeed", succeed);
    registry.register("break_down", break_down);
    registry.register("panic", panic);
    registry.register("hold", hold);
    registry.register_remote("hold_remote", hold);
    Workers { registry: Arc::new(registry), ..app.workers().clone() }
}

fn job(kind: &'static str, label: &str) -> Job {
    Job::new(kind, &json!({ "label": label })).unwrap()
}

async fn enqueue(app: &TestApp, job: Job) {
    app.db.system(Reason::Jobs, move |tx| jobs::enqueue(tx, job)).await.unwrap();
}

async fn run(workers: &Workers) -> usize {
    let workers = workers.clone();
    tokio::task::spawn_blocking(move || jobs::run_due(&workers)).await.unwrap()
}

async fn until(what: &str, mut test: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !test() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_come_and_go_with_the_transaction() {
    let app = TestApp::start().await;
    let org = app.org("jobs").await;
    let all = workers(&app);
    // Rolled back: nothing was enqueued.
    let failed: Result<(), _> = app
        .db
        .org(&org.id, |tx| {
            jobs::enqueue(tx, job("succeed", "rolled back"))?;
            Err(AppError::Conflict("no".into()))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(run(&all).await, 0);

    // One key, one unfinished job: also while it runs. Not after.
    let mine = |label: &'static str| {
        let db = app.db.clone();
        async move { db.org(&org.id, move |tx| jobs::enqueue(tx, job("succeed", label).key("one"))).await.unwrap() }
    };
    mine("keyed").await;
    mine("keyed").await;
    assert_eq!(app.value("SELECT count(*) || org_id::text FROM jobs GROUP BY org_id").await, format!("1{}", org.id));
    assert_eq!(run(&all).await, 1);
    mine("keyed").await;
    assert_eq!(run(&all).await, 1);
    assert_eq!(times("keyed"), 2);

    // Later is later, by the database's clock.
    enqueue(&app, job("succeed", "later").run_at(chrono::Utc::now() + chrono::TimeDelta::hours(1))).await;
    assert_eq!(run(&all).await, 0);
    app.sql("UPDATE jobs SET run_at = now()").await;
    assert_eq!(run(&all).await, 1);
    assert_eq!(app.value("SELECT count(*) FROM jobs").await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_do_each_job_once_and_wake_up_at_once() {
    let app = TestApp::start().await;
    app.db
        .system(Reason::Jobs, |tx| (0..300).try_for_each(|n| jobs::enqueue(tx, job("succeed", &format!("each {n}")))))
        .await
        .unwrap();
    // Two processes' worth of workers.
    let (first, second) = (workers(&app).start(3).unwrap(), workers(&app).start(3).unwrap());
    until("300 jobs", || DONE.lock().unwrap().iter().filter(|(l, _)| l.starts_with("each ")).count() >= 300).await;
    assert!((0..300).all(|n| times(&format!("each {n}")) == 1));

    // The listener passes NOTIFY on: idle workers start within a fraction of their polling interval.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut latencies = Vec::new();
    for n in 0..5 {
        let label = format!("woken {n}");
        enqueue(&app, job("succeed", &label)).await;
        let started = Instant::now();
        until("the woken job", || times(&label) == 1).await;
        latencies.push(started.elapsed());
    }
    latencies.sort();
    assert!(latencies[2] < Duration::from_millis(500), "{latencies:?}");
    // Without the notification, polling finds it.
    app.sql("INSERT INTO jobs (kind, payload) VALUES ('succeed', '{\"label\": \"polled\"}')").await;
    until("the job nobody announced", || times("polled") == 1).await;

    // A server that hangs holds its own jobs up, not the others: one worker stays free of them.
    for n in 0..4 {
        enqueue(&app, job("hold_remote", &format!("remote {n}"))).await;
    }
    until("two remote jobs each", || (0..4).map(|n| times(&format!("remote {n}"))).sum::<usize>() == 4).await;
    enqueue(&app, job("succeed", "not held up")).await;
    until("the job beside them", || times("not held up") == 1).await;
    (0..4).for_each(|n| open_gate(&format!("remote {n}-1")));
    tokio::task::spawn_blocking(move || {
        first.stop();
        second.stop();
    })
    .await
    .unwrap();
    assert_eq!(app.value("SELECT count(*) FROM jobs").await, "0");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ran_out_is_taken_over_and_the_late_worker_cannot_interfere() {
    let app = TestApp::start().await;
    let all = workers(&app);
    enqueue(&app, job("hold", "lease")).await;
    let start = |workers: &Workers| {
        let workers = workers.clone();
        tokio::task::spawn_blocking(move || jobs::run_due(&workers))
    };
    let first = start(&all);
    until("the first attempt", || times("lease") == 1).await;
    assert_eq!(run(&all).await, 0, "a leased job is nobody else's");
    app.sql("UPDATE jobs SET locked_until = now() - interval '1 second'").await;
    let second = start(&all);
    until("the second attempt", || times("lease") == 2).await;
    open_gate("lease-1");
    first.await.unwrap();
    assert_eq!(
        app.value("SELECT status || attempts FROM jobs").await,
        "running2",
        "the first must not finish what is the second's"
    );
    open_gate("lease-2");
    second.await.unwrap();
    assert_eq!(app.value("SELECT count(*) FROM jobs").await, "0");

    // A job that takes its worker down each time is buried in the end.
    app.sql(
        "INSERT INTO jobs (kind, payload, status, attempts, max_attempts, locked_until, locked_by)
             VALUES ('succeed', '{\"label\": \"poison\"}', 'running', 3, 3, now() - interval '1 second', 'x')",
    )
    .await;
    assert_eq!(run(&all).await, 0);
    assert_eq!(app.value("SELECT status || (last_error LIKE '%ended without a word%') FROM jobs").await, "deadtrue");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_retried_later_and_then_laid_among_the_dead() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("dead").await, app.org("other").await);
    let all = workers(&app);
    let put = |kind: &'static str, label: &'static str| {
        let db = app.db.clone();
        async move {
            db.org(&org.id, move |tx| jobs::enqueue(tx, job(kind, label).max_attempts(2).key(label))).await.unwrap()
        }
    };
    put("break_down", "fails").await;
    put("panic", "panics").await;
    put("never heard of", "unknown").await;
    assert_eq!(run(&all).await, 3, "a panic takes no worker along");
    assert_eq!(run(&all).await, 0, "not again at once");
    assert_eq!(
        app.value(
            "SELECT bool_and(status = 'queued' AND attempts = 1 AND run_at - now() BETWEEN '1 s' AND '3 s') FROM jobs"
        )
        .await,
        "true"
    );
    assert_eq!(app.value("SELECT last_error FROM jobs WHERE kind = 'break_down'").await, "the printer is on fire");
    assert_eq!(app.value("SELECT last_error FROM jobs WHERE kind = 'panic'").await, "panicked: aaargh 1");
    app.sql("UPDATE jobs SET run_at = now()").await;
    assert_eq!(run(&all).await, 3);
    assert_eq!(app.value("SELECT string_agg(DISTINCT status, ',') FROM jobs").await, "dead");
    assert_eq!(run(&all).await, 0);
    let depth = app.db.system(Reason::Health, jobs::depth).await.unwrap();
    assert_eq!((depth.dead, depth.due, depth.running), (3, 0, 0));

    // An administrator sees them, others do not; a dead job does not keep its key from a new one.
    let listed = app.db.org(&org.id, jobs::dead).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(app.db.org(&other.id, jobs::dead).await.unwrap().is_empty());
    let id = listed.iter().find(|j| j.kind == "break_down").unwrap().id;
    for stranger in [
        app.db.org(&other.id, move |tx| jobs::retry(tx, id)).await,
        app.db.org(&other.id, move |tx| jobs::discard(tx, id)).await,
    ] {
        assert!(matches!(stranger, Err(AppError::NotFound)));
    }
    put("succeed", "fails").await;
    let clash = app.db.org(&org.id, move |tx| jobs::retry(tx, id)).await;
    assert!(matches!(clash, Err(AppError::Conflict(_))), "{clash:?}");
    assert_eq!(run(&all).await, 1);
    app.db.org(&org.id, move |tx| jobs::retry(tx, id)).await.unwrap();
    assert_eq!(app.value(&format!("SELECT status || attempts FROM jobs WHERE id = '{id}'")).await, "queued0");
    app.db.org(&org.id, move |tx| jobs::discard(tx, id)).await.unwrap_err();
    assert_eq!(run(&all).await, 1);
    let panicked: JobId = listed.iter().find(|j| j.kind == "panic").unwrap().id;
    app.db.org(&org.id, move |tx| jobs::discard(tx, panicked)).await.unwrap();
    assert_eq!(app.value(&format!("SELECT count(*) FROM jobs WHERE id = '{panicked}'")).await, "0");

    // Claims go along the indexes, not through the table.
    app.sql("INSERT INTO jobs (kind, run_at) SELECT 'x', now() + n * interval '1 s' FROM generate_series(1, 5000) n; ANALYZE jobs").await;
    let url = app.database_url().to_owned();
    let plan = tokio::task::spawn_blocking(move || {
        let mut conn = sql::connect(&url);
        let due = "EXPLAIN (FORMAT JSON) SELECT id FROM jobs WHERE status = 'queued' AND run_at <= now() ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED";
        diesel::RunQueryDsl::get_result::<Plan>(diesel::sql_query(due), &mut conn).unwrap().plan.to_string()
    })
    .await
    .unwrap();
    assert!(plan.contains("jobs_due"), "{plan}");
    app.stop().await;
}

#[derive(diesel::QueryableByName)]
struct Plan {
    #[diesel(sql_type = diesel::sql_types::Json, column_name = "QUERY PLAN")]
    plan: Value,
}
