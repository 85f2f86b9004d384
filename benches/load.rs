//! The budgets of docs/performance.md, measured on a running server with the scale seed in its database.
//!
//! `bin/bench` gives BENCH_URL, BENCH_DATABASE_URL (superuser) and BENCH_PID. Times are those of a client on the same machine: server
//! time and a loopback connection. Prints a table and writes target/bench.md; a missed budget is a word in the table, not a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_types)]

#[path = "load/bare.rs"]
mod bare;
#[path = "load/import.rs"]
mod import;
#[path = "load/lists.rs"]
mod lists;
#[path = "load/pages.rs"]
mod pages;
#[path = "load/process.rs"]
mod process;
#[path = "load/scan.rs"]
mod scan;
#[path = "load/session.rs"]
mod session;
#[path = "load/work.rs"]
mod work;

use session::Session;
use std::fmt::Write;

/// A line of the report.
pub struct Figure {
    what: String,
    measured: String,
    budget: String,
    passed: Option<bool>,
}

impl Figure {
    pub fn new(what: impl Into<String>, measured: String, budget: &str, passed: Option<bool>) -> Self {
        Self { what: what.into(), measured, budget: budget.into(), passed }
    }
}

fn main() {
    // Under `cargo test --benches` there is nothing to measure.
    let Ok(url) = std::env::var("BENCH_URL") else {
        println!("BENCH_URL is not set: run bin/bench");
        return;
    };
    // reqwest brings no cryptography of its own, and wants some even for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = std::env::var("BENCH_DATABASE_URL").expect("BENCH_DATABASE_URL");
    let pid = std::env::var("BENCH_PID").expect("BENCH_PID");
    let figures = actix_web::rt::System::new().block_on(measure(&url, &database, &pid));
    let report = report(&figures);
    println!("{report}");
    let folder = std::path::Path::new("target");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("bench.md"), report))
        .expect("target/bench.md");
}

async fn measure(url: &str, database: &str, pid: &str) -> Vec<Figure> {
    let mut figures = vec![];
    let mut add = |more: Vec<Figure>| {
        // Said at once: a run that is cut short has measured something, too.
        eprint!("{}", lines(&more));
        figures.extend(more);
    };
    add(vec![Figure::new("memory, idle", process::memory(pid), "≤ 60 MB", process::below(pid, 60))]);
    let session = Session::sign_in(url, "admin@scale.test").await;
    add(vec![session.first_page_weight().await]);
    add(pages::measure(&session, database).await);
    add(bare::compare(&session, database).await.into_iter().collect());
    add(session.live_latency(database).await);
    add(vec![Figure::new("memory, loaded", process::memory(pid), "≤ 150 MB", process::below(pid, 150))]);
    add(scan::measure(&session, database, pid).await.into_iter().collect());
    add(vec![process::cold_start(database).await]);
    add(work::measure(&session, database).await);
    add(import::compare(database));
    add(pages::measure_lists(&session, database).await);
    figures
}

fn report(figures: &[Figure]) -> String {
    format!("| what | measured | budget | |\n| --- | --- | --- | --- |\n{}", lines(figures))
}

fn lines(figures: &[Figure]) -> String {
    let mut text = String::new();
    for figure in figures {
        let verdict = match figure.passed {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "",
        };
        let _ = writeln!(text, "| {} | {} | {} | {verdict} |", figure.what, figure.measured, figure.budget);
    }
    text
}
