//! Runs the server: one thread starts it, watches it and starts it again when it dies, with growing pauses. The server
//! is a child of that thread and dies with it (see `sys::die_with_parent`), so the thread lives until `stop`. Before
//! every start no process of an earlier server may be left, or Postgres would refuse to touch its shared memory.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cluster::last_lines;
use super::place::{self, Place, SOCKET_PORT};
use super::programs::Programs;
use super::sys::{self, Signal};
use super::{Context, EmbeddedError};

const STARTUP_POLL: Duration = Duration::from_millis(20);
const WATCH_POLL: Duration = Duration::from_millis(200);
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// Within the ten seconds that a service manager gives the whole program.
const FAST_SHUTDOWN: Duration = Duration::from_secs(6);
const FIRST_ATTEMPTS: u32 = 4;
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

pub struct Supervisor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Returns when the server accepts connections, however long its recovery takes, or has failed for good.
    pub fn start(place: Place, programs: Programs) -> Result<Self, EmbeddedError> {
        let (stop, stopped) = mpsc::channel();
        let (report, first) = mpsc::channel();
        let server = Server { place, programs };
        let thread = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || server.supervise(&stopped, report))
            .context("start a thread for", Path::new("postgres"))?;
        let supervisor = Self { stop: Some(stop), thread: Some(thread) };
        let died = || EmbeddedError::Failed { what: "starting Postgres", output: "its thread died".to_owned() };
        first.recv().unwrap_or_else(|_| Err(died())).map(|()| supervisor)
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches Postgres panicked");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The postmaster is up and accepts connections.
pub fn is_ready(cluster: &Path) -> bool {
    let pid = status(cluster).and_then(|(pid, ready)| ready.then_some(pid));
    pid.is_some_and(|pid| sys::processes_of(cluster).contains(&pid))
}

/// Ends what an earlier owner, killed, has left running.
pub fn clear_leftovers(place: &Place) {
    let cluster = place.cluster.as_path();
    let postmaster = status(cluster).map(|(pid, _)| pid);
    let left = sys::processes_of(cluster);
    if let Some(pid) = postmaster.filter(|pid| left.contains(pid)) {
        tracing::info!(pid, "stopping the Postgres of an earlier run");
        signal(pid, Signal::Fast);
        wait_until_gone(cluster, Duration::from_secs(30));
    } else if !left.is_empty() {
        // Orphans of a killed postmaster leave by themselves unless they are deep in a query.
        wait_until_gone(cluster, Duration::from_secs(2));
    }
    for pid in sys::processes_of(cluster) {
        signal(pid, Signal::Immediate);
    }
    if !wait_until_gone(cluster, Duration::from_secs(5)) {
        tracing::warn!("processes of an earlier Postgres do not end; starting beside them may fail");
        return;
    }
    forget_reused_pid(place, postmaster);
}

struct Server {
    place: Place,
    programs: Programs,
}

enum Ended {
    Ordered,
    Crashed(EmbeddedError),
}

impl Server {
    fn supervise(&self, stopped: &Receiver<()>, report: Sender<Result<(), EmbeddedError>>) {
        let mut report = Some(report);
        let mut pause = SHORTEST_PAUSE;
        let mut attempts = 0;
        loop {
            let started = Instant::now();
            let Ended::Crashed(error) = self.run(stopped, &mut report) else {
                return;
            };
            attempts += 1;
            if attempts >= FIRST_ATTEMPTS
                && let Some(report) = report.take()
            {
                let _ = report.send(Err(error));
                return;
            }
            if started.elapsed() > STABLE_AFTER {
                pause = SHORTEST_PAUSE;
            }
            tracing::warn!(%error, ?pause, "Postgres stopped; starting it again");
            if ordered_within(stopped, pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One life of the server.
    fn run(&self, stopped: &Receiver<()>, report: &mut Option<Sender<Result<(), EmbeddedError>>>) -> Ended {
        clear_leftovers(&self.place);
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Ended::Crashed(error),
        };
        let mut ready = false;
        let mut told = Instant::now();
        loop {
            if ordered_within(stopped, if ready { WATCH_POLL } else { STARTUP_POLL }) {
                shut_down(&mut child);
                return Ended::Ordered;
            }
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Ended::Crashed(self.obituary(&status.to_string())),
                Err(error) => return Ended::Crashed(self.obituary(&error.to_string())),
            }
            if !ready && status(&self.place.cluster) == Some((child.id(), true)) {
                ready = true;
                match report.take() {
                    Some(report) => drop(report.send(Ok(()))),
                    None => tracing::info!("Postgres is back"),
                }
                tracing::debug!(pid = child.id(), sockets = %self.place.sockets.display(), "Postgres accepts connections");
            }
            if told.elapsed() > Duration::from_secs(15) {
                told = Instant::now();
                if ready {
                    self.trim_log();
                } else {
                    tracing::info!("waiting for Postgres to recover");
                }
            }
        }
    }

    fn spawn(&self) -> Result<Child, EmbeddedError> {
        let log = self.open_log()?;
        let also = log.try_clone().context("open", &self.place.log())?;
        let program = self.programs.postgres();
        // Quoted, since Postgres reads a list of directories here.
        let sockets = self.place.sockets.display().to_string().replace('"', "\"\"");
        let mut command = sys::command(&program, self.place.account);
        command
            .arg("-D")
            .arg(&self.place.cluster)
            .args(["-p", &SOCKET_PORT.to_string(), "-c", "listen_addresses="])
            .args(["-c", &format!("unix_socket_directories=\"{sockets}\"")])
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(also))
            // Its own group: Ctrl-C on the terminal is for us, and we stop the server when the last request is done.
            .process_group(0);
        sys::die_with_parent(&mut command);
        command.spawn().context("run", &program)
    }

    fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.place.log();
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .context("open", &path)?;
        place::give_to_owner(&log, &path).context("hand over", &path)?;
        Ok(log)
    }

    /// Postgres keeps the file open for appending, so it is copied and emptied rather than renamed.
    fn trim_log(&self) {
        let path = self.place.log();
        if fs::metadata(&path).is_ok_and(|log| log.len() < LOG_LIMIT) {
            return;
        }
        let trimmed = fs::copy(&path, path.with_extension("log.1"))
            .and_then(|_| OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(&path)?.set_len(0));
        if let Err(error) = trimmed {
            tracing::warn!(%error, "cannot trim postgres.log");
        }
    }

    fn obituary(&self, status: &str) -> EmbeddedError {
        let log = fs::read(self.place.log()).unwrap_or_default();
        let tail = last_lines(&String::from_utf8_lossy(&log[log.len().saturating_sub(4096)..]), 3);
        EmbeddedError::Failed { what: "Postgres", output: format!("{status}; {}: {tail}", self.place.log().display()) }
    }
}

/// Waits that long for the order to stop, which is the other end's being dropped.
fn ordered_within(stopped: &Receiver<()>, time: Duration) -> bool {
    !matches!(stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}

fn shut_down(child: &mut Child) {
    signal(child.id(), Signal::Fast);
    if ended_within(child, FAST_SHUTDOWN) {
        return;
    }
    tracing::warn!("Postgres is slow to stop; stopping it at once, it will recover at the next start");
    signal(child.id(), Signal::Immediate);
    if !ended_within(child, Duration::from_secs(3)) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn ended_within(child: &mut Child, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(STARTUP_POLL);
    }
    false
}

fn wait_until_gone(cluster: &Path, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    while !sys::processes_of(cluster).is_empty() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    true
}

/// After a reboot, or in a restarted container, the pid in `postmaster.pid` may belong to some other program; Postgres
/// would take that for its predecessor and refuse to start.
fn forget_reused_pid(place: &Place, postmaster: Option<u32>) {
    if postmaster.is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
        let socket_lock = place.sockets.join(format!(".s.PGSQL.{SOCKET_PORT}.lock"));
        for stale in [place.cluster.join("postmaster.pid"), socket_lock] {
            if let Err(error) = fs::remove_file(&stale)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path = %stale.display(), "cannot remove a stale file of Postgres");
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Err(error) = sys::send(pid, signal) {
        tracing::warn!(%error, pid, "cannot signal Postgres");
    }
}

/// The pid in `postmaster.pid` and whether its eighth line says "ready".
fn status(cluster: &Path) -> Option<(u32, bool)> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    Some((pid, text.lines().nth(7).is_some_and(|line| line.trim() == "ready")))
}

#[cfg(not(target_os = "linux"))]
pub fn postmaster_pid(cluster: &Path) -> Option<u32> {
    status(cluster).map(|(pid, _)| pid)
}
