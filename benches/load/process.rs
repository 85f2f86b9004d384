//! The server as a process: its memory, and how soon a new one answers.

use super::Figure;
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

pub fn memory(pid: &str) -> String {
    format!("{} MB", resident(pid))
}

pub fn below(pid: &str, megabytes: u64) -> Option<bool> {
    let resident = resident(pid);
    (resident > 0).then_some(resident <= megabytes)
}

fn resident(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1_000
}

pub fn binary() -> std::path::PathBuf {
    std::env::var("CARGO_BIN_EXE_pipewright").map_or_else(|_| env!("CARGO_BIN_EXE_pipewright").into(), Into::into)
}

/// From starting the binary on a migrated database to its first answer.
pub async fn cold_start(database: &str) -> Figure {
    let directory = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_or(0, |a| a.port());
    let started = Instant::now();
    let mut child = Command::new(binary())
        .arg("serve")
        .env("DATABASE_URL", database)
        .env("BIND", format!("127.0.0.1:{port}"))
        .env("DATA_DIR", directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let http = reqwest::Client::new();
    let mut answered = None;
    while answered.is_none() && started.elapsed() < Duration::from_secs(20) {
        if http.get(format!("http://127.0.0.1:{port}/readyz")).send().await.is_ok_and(|r| r.status().is_success()) {
            answered = Some(started.elapsed());
        } else {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    match answered {
        Some(time) => Figure::new(
            "cold start",
            format!("{:.0} ms", super::session::ms(time)),
            "≤ 1 s",
            Some(time <= Duration::from_secs(1)),
        ),
        None => Figure::new("cold start", "no answer within 20 s".into(), "≤ 1 s", Some(false)),
    }
}
