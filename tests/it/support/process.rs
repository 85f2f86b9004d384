//! The built program as a process of its own, with its private Postgres in a directory of its own.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub struct Output {
    pub success: bool,
    pub out: String,
    pub err: String,
}

/// A place for a DATA_DIR: short, for the socket's path, and open to passage for the server's account when we are root.
pub fn scratch() -> TempDir {
    let dir = tempfile::Builder::new().prefix("pw-it-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `pipewright`, with nothing of our own environment but PATH, and these settings.
pub fn command(data_dir: &Path, settings: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipewright"));
    command.args(args).env_clear().env("DATA_DIR", data_dir).env("RUST_LOG", "warn").current_dir("/");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("DB_POOL_SIZE", "6");
    command.envs(settings.iter().copied()).kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub async fn run(data_dir: &Path, settings: &[(&str, &str)], args: &[&str]) -> Output {
    let output = tokio::time::timeout(Duration::from_secs(120), command(data_dir, settings, args).output());
    let output = output.await.expect("ends within two minutes").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { success: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A running `serve`.
pub struct Server {
    pub base: String,
    pub data_dir: PathBuf,
    settings: Vec<(String, String)>,
    child: Child,
}

impl Server {
    /// Returns when it is ready.
    pub async fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut all: Vec<(String, String)> = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        if !all.iter().any(|(name, _)| name == "BIND") {
            all.push(("BIND".into(), format!("127.0.0.1:{}", free_port())));
        }
        let base = format!("http://{}", all.iter().find(|(name, _)| name == "BIND").unwrap().1);
        let child = Self::spawn(data_dir, &all);
        let server = Self { base, data_dir: data_dir.to_owned(), settings: all, child };
        server.ready().await;
        server
    }

    fn spawn(data_dir: &Path, settings: &[(String, String)]) -> Child {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        command(data_dir, &settings, &["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub async fn ready(&self) {
        super::cryptography();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = http.get(format!("{}/readyz", self.base)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(Instant::now() < deadline, "the server at {} is not ready within a minute", self.base);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("is running")
    }

    /// `kill -9`, and up again.
    pub async fn kill_and_restart(&mut self) {
        self.child.kill().await.unwrap();
        self.child = Self::spawn(&self.data_dir, &self.settings);
        self.ready().await;
    }

    /// SIGTERM; how long it took to end, and whether it ended well.
    pub async fn terminate(mut self) -> (Duration, bool) {
        let started = Instant::now();
        signal("TERM", self.pid());
        let status = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        (started.elapsed(), status.is_ok_and(|status| status.is_ok_and(|status| status.success())))
    }
}

pub fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "kill -{name} {pid}");
}

/// The pid of the private server's postmaster, when it is up.
pub fn postmaster(data_dir: &Path) -> Option<u32> {
    let cluster = ["postgres", "pgdata", "cluster"]
        .iter()
        .map(|name| data_dir.join(name).join("postmaster.pid"))
        .find(|file| file.exists());
    std::fs::read_to_string(cluster?).ok()?.lines().next()?.trim().parse().ok()
}
