//! Makes the cluster and keeps its settings. A cluster appears under its final name only when it is complete, so a
//! crash half-way leaves nothing to repair; existing data is never deleted. Roles and passwords are written through
//! `postgres --single`, because before the first start there is no server and we need no client library.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::place::{Place, create_anew, private_dir, write_private};
use super::programs::Programs;
use super::sys;
use super::{Context, EmbeddedError};

pub const SUPERUSER: &str = "postgres";
pub const APP_ROLE: &str = "pipewright";
pub const DATABASE: &str = "pipewright";

const SETTINGS_FILE: &str = "pipewright.conf";
const MB: u64 = 1024 * 1024;

/// The passwords of both roles. The socket's directory keeps other users out; these keep out what runs as the same
/// account, which under root is one that other services may share.
#[derive(Clone)]
pub struct Passwords {
    pub superuser: String,
    pub app: String,
}

impl Passwords {
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("postgres.passwords")
    }

    /// `None` when there is no such file or it is damaged: then new ones are set.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        let path = Self::path(data_dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("read", &path),
        };
        let value = |role: &str| {
            let password = text.lines().find_map(|line| line.strip_prefix(role)?.strip_prefix('='))?;
            (password.len() >= 32 && password.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| password.to_owned())
        };
        Ok(value(SUPERUSER).zip(value(APP_ROLE)).map(|(superuser, app)| Self { superuser, app }))
    }

    fn generate() -> Self {
        let password = || hex(&rand::random::<[u8; 24]>());
        Self { superuser: password(), app: password() }
    }

    fn save(&self, data_dir: &Path) -> Result<(), EmbeddedError> {
        let path = Self::path(data_dir);
        let text = format!("{SUPERUSER}={}\n{APP_ROLE}={}\n", self.superuser, self.app);
        write_private(&path, &text).context("write", &path)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The version of the cluster that is there, if any.
pub fn major_version(cluster: &Path) -> Result<Option<u32>, EmbeddedError> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("read", &path),
    }
}

/// Creates the cluster unless it exists, brings its settings up to date and returns the passwords that open it. No
/// server may be running on it.
pub fn prepare(place: &Place, programs: &Programs) -> Result<Passwords, EmbeddedError> {
    let exists = major_version(&place.cluster)?.is_some();
    let passwords = match Passwords::load(&place.data_dir)? {
        Some(passwords) if exists => passwords,
        _ => {
            let passwords = Passwords::generate();
            if exists {
                tracing::warn!("the database's password file is missing: setting new passwords");
                let sql = set_passwords(&passwords);
                single_user(place, programs, &place.cluster, &sql)?;
            } else {
                create(place, programs, &passwords)?;
            }
            passwords.save(&place.data_dir)?;
            passwords
        }
    };
    write_settings(&place.cluster, programs)?;
    Ok(passwords)
}

fn create(place: &Place, programs: &Programs, passwords: &Passwords) -> Result<(), EmbeddedError> {
    let fresh = place.cluster.with_extension("new");
    if fresh.exists() {
        // Ours, from a start that was interrupted; it never held data.
        fs::remove_dir_all(&fresh).context("remove", &fresh)?;
    }
    tracing::info!(path = %place.cluster.display(), version = programs.major, "creating the database");
    private_dir(&fresh, place.account)?;
    init(place, programs, &fresh)?;

    let main = fresh.join("postgresql.conf");
    let mut conf =
        fs::OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(&main).context("open", &main)?;
    // Last, so that it wins over initdb's defaults; what an operator adds below wins over it.
    write!(conf, "\n# Rewritten at every start; put your own settings below this line.\ninclude '{SETTINGS_FILE}'\n")
        .context("write", &main)?;
    let hba = fresh.join("pg_hba.conf");
    let rule =
        "# Written by Pipewright: the Unix socket and a password are the only way in.\nlocal all all scram-sha-256\n";
    create_anew(&hba, 0o644, rule).context("write", &hba)?;
    write_settings(&fresh, programs)?;

    let sql = format!(
        "CREATE ROLE {APP_ROLE} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE\n\
         CREATE DATABASE {DATABASE}\n{}",
        set_passwords(passwords)
    );
    single_user(place, programs, &fresh, &sql)?;
    if place.cluster.exists() {
        // Without PG_VERSION it is no cluster; rmdir fails on anything but an empty directory.
        fs::remove_dir(&place.cluster).context("replace", &place.cluster)?;
    }
    fs::rename(&fresh, &place.cluster).context("rename into place", &place.cluster)
}

fn set_passwords(passwords: &Passwords) -> String {
    format!(
        "ALTER ROLE {SUPERUSER} PASSWORD '{}'\nALTER ROLE {APP_ROLE} PASSWORD '{}'\n",
        passwords.superuser, passwords.app
    )
}

fn init(place: &Place, programs: &Programs, dir: &Path) -> Result<(), EmbeddedError> {
    // C.UTF-8 sorts alike on every system and upgrade; where libc lacks it (older macOS), the nearest thing.
    let mut locales: Vec<Vec<&str>> = vec![vec!["--locale=C.UTF-8"]];
    if programs.major >= 17 {
        locales.push(vec!["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]);
    }
    locales.push(vec!["--locale=C", "--lc-ctype=UTF-8"]);
    locales.push(vec!["--locale=C"]);

    let mut complaint = String::new();
    for locale in locales {
        // Nobody may connect before our own pg_hba.conf stands, hence `reject`.
        let output = sys::command(&programs.initdb(), place.account)
            .arg("-D")
            .arg(dir)
            .args(["--username", SUPERUSER, "--auth=reject", "--encoding=UTF8", "--data-checksums"])
            .args(locale)
            .output()
            .context("run", &programs.initdb())?;
        if output.status.success() {
            return Ok(());
        }
        complaint = last_lines(&String::from_utf8_lossy(&output.stderr), 4);
    }
    Err(EmbeddedError::Failed { what: "initdb", output: complaint })
}

/// One statement per line, run with no server around.
fn single_user(place: &Place, programs: &Programs, cluster: &Path, sql: &str) -> Result<(), EmbeddedError> {
    let program = programs.postgres();
    let mut child = sys::command(&program, place.account)
        .args(["--single", "-D"])
        .arg(cluster)
        .args(["-c", "lc_messages=C", "-c", "log_min_messages=error", "-c", "log_min_error_statement=panic"])
        .args(["-c", "log_destination=stderr", "-c", "password_encryption=scram-sha-256", SUPERUSER])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("run", &program)?;
    if let Some(mut stdin) = child.stdin.take() {
        // When it has died already, its own words below tell why.
        let _ = stdin.write_all(sql.as_bytes());
    }
    let output = child.wait_with_output().context("run", &program)?;
    let text = String::from_utf8_lossy(&output.stderr);
    // Single-user mode ends with success even when a statement failed.
    if output.status.success() && !["ERROR:", "FATAL:", "PANIC:"].iter().any(|word| text.contains(word)) {
        return Ok(());
    }
    Err(EmbeddedError::Failed { what: "setting up the database's roles", output: last_lines(&text, 4) })
}

fn write_settings(cluster: &Path, programs: &Programs) -> Result<(), EmbeddedError> {
    let path = cluster.join(SETTINGS_FILE);
    create_anew(&path, 0o644, &settings(memory(), programs.major)).context("write", &path)?;
    Ok(())
}

/// For a machine that the server shares with Pipewright; `memory` in bytes.
fn settings(memory: u64, major: u32) -> String {
    let shared = (memory / 4).clamp(64 * MB, 1024 * MB) / MB;
    let cache = (memory / 2).max(128 * MB) / MB;
    let work = (memory / 256).clamp(4 * MB, 32 * MB) / MB;
    let maintenance = (memory / 32).clamp(64 * MB, 512 * MB) / MB;
    let compression = if major >= 15 { "pglz" } else { "on" };
    format!(
        "# Written by Pipewright at every start. Your own settings belong at the end of postgresql.conf.\n\
         max_connections = 100\n\
         shared_buffers = {shared}MB\n\
         effective_cache_size = {cache}MB\n\
         work_mem = {work}MB\n\
         maintenance_work_mem = {maintenance}MB\n\
         random_page_cost = 1.1\n\
         jit = off\n\
         fsync = on\n\
         synchronous_commit = on\n\
         full_page_writes = on\n\
         max_wal_size = 4GB\n\
         checkpoint_timeout = 15min\n\
         wal_compression = {compression}\n\
         max_locks_per_transaction = 256\n\
         password_encryption = scram-sha-256\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         lc_messages = 'C'\n\
         log_destination = stderr\n\
         logging_collector = off\n\
         log_line_prefix = '%m [%p] '\n\
         log_checkpoints = off\n\
         # Statements hold customers' data and stay out of the log.\n\
         log_min_error_statement = panic\n"
    )
}

/// Bytes this process may use: the machine's, or its container's when that is less.
fn memory() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    // Where neither is told (macOS), what a small machine has.
    machine.into_iter().chain(container).min().unwrap_or(4096 * MB)
}

pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_memory_within_bounds() {
        let small = settings(256 * MB, 14);
        assert!(small.contains("shared_buffers = 64MB") && small.contains("wal_compression = on"));
        let large = settings(64 * 1024 * MB, 17);
        assert!(large.contains("shared_buffers = 1024MB") && large.contains("work_mem = 32MB"));
        assert!(large.contains("effective_cache_size = 32768MB"));
    }

    #[test]
    fn damaged_passwords_are_not_used() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        assert!(Passwords::load(dir.path())?.is_none());
        let made = Passwords::generate();
        made.save(dir.path())?;
        assert_eq!(Passwords::load(dir.path())?.map(|p| p.app), Some(made.app));
        fs::write(Passwords::path(dir.path()), "postgres=x'; DROP\npipewright=\n")?;
        assert!(Passwords::load(dir.path())?.is_none());
        Ok(())
    }
}
