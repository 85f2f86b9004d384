//! The search for duplicates among all contacts. It takes minutes, and so is asked for: BENCH_SCAN=1, as `bin/bench` does.

use super::{
    Figure, process,
    session::{Session, ask},
};
use std::time::{Duration, Instant};

const STANDING: &str = "SELECT coalesce((SELECT status || ' ' || total || ' ' || found FROM duplicate_scans WHERE record_type = 'contact'), '')";

pub async fn measure(session: &Session, database: &str, pid: &str) -> Option<Figure> {
    std::env::var("BENCH_SCAN").ok()?;
    let contacts: u64 = ask(database, "SELECT count(*)::text FROM contacts").parse().ok()?;
    let started = Instant::now();
    session.search_for_duplicates().await;
    let standing = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let standing = ask(database, STANDING);
        let over = standing.starts_with("done") || standing.starts_with("failed");
        if over || started.elapsed() > Duration::from_secs(1_200) {
            break standing;
        }
    };
    let took = started.elapsed().as_secs();
    let parts: Vec<&str> = standing.split(' ').collect();
    let what = format!("search for duplicates among {contacts} contacts");
    let measured = match parts.as_slice() {
        ["done", compared, kept] => {
            format!("{took} s: {compared} pairs compared, {kept} kept; server then {}", process::memory(pid))
        }
        _ => format!("not done: {standing}"),
    };
    Some(Figure::new(what, measured, "minutes", Some(parts[0] == "done" && took < 600)))
}
