//! The few things the standard library cannot say about processes and accounts. All `unsafe` of the embedded server
//! lives here, each use one call into libc. Signals go only to processes that were just seen to belong to the cluster.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// An account a program runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Postgres: fast shutdown, clients are disconnected, a checkpoint is written.
    Fast,
    /// Postgres: immediate shutdown, the next start recovers from the log.
    Immediate,
}

#[allow(unsafe_code)]
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends `signal`; a process that is already gone is no error.
#[allow(unsafe_code)]
pub fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return Ok(());
    };
    let number = match signal {
        Signal::Fast => libc::SIGINT,
        Signal::Immediate => libc::SIGQUIT,
    };
    // SAFETY: kill only takes two integers.
    if unsafe { libc::kill(pid, number) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}

/// Makes the kernel stop `command` when the thread that spawns it dies, so that `kill -9` of Pipewright takes its
/// server along. The spawning thread must therefore live as long as the server should.
#[allow(unsafe_code, clippy::missing_const_for_fn)]
pub fn die_with_parent(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        // SAFETY: between fork and exec only prctl and getppid are called, both async-signal-safe. std runs this
        // after setuid, which would clear the setting.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // The parent may have died before prctl took hold.
                if u32::try_from(libc::getppid()).ok() != Some(parent) {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// A command that runs as `account` (ours when `None`), away from our directory, terminal and secrets.
pub fn command(program: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir("/").stdin(Stdio::null());
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // English messages, which we read; and macOS refuses to run the server without a locale.
    command.env("LC_ALL", "C");
    if let Some(Account { uid, gid }) = account {
        // As root, std also drops our supplementary groups.
        command.uid(uid).gid(gid);
    }
    command
}

/// The account for a server started by root: `postgres` where the package made one, else `nobody`.
pub fn unprivileged_account() -> Option<Account> {
    ["postgres", "_postgres", "nobody"].into_iter().find_map(|name| {
        let account = Account { uid: id("-u", name)?, gid: id("-g", name)? };
        (account.uid != 0).then_some(account)
    })
}

// Through `id`, so that accounts from LDAP and the like are found as well.
fn id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Whether `account` can enter `dir`, asked of the kernel because modes alone do not tell (ACLs, SELinux).
pub fn can_enter(dir: &Path, account: Account) -> bool {
    command(Path::new("/bin/sh"), Some(account))
        .args(["-c", "cd -- \"$1\"", "sh"])
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The live processes of the cluster: Postgres makes its data directory its working directory.
#[cfg(target_os = "linux")]
pub fn processes_of(cluster: &Path) -> Vec<u32> {
    // The kernel tells directories without links in their path.
    let (Ok(cluster), Ok(entries)) = (std::fs::canonicalize(cluster), std::fs::read_dir("/proc")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster))
        .filter(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres"))
        .collect()
}

/// Elsewhere only the postmaster named in `postmaster.pid` is known; its children follow it.
#[cfg(not(target_os = "linux"))]
pub fn processes_of(cluster: &Path) -> Vec<u32> {
    let recorded = super::supervisor::postmaster_pid(cluster);
    recorded
        .filter(|pid| {
            let pid = pid.to_string();
            let output = Command::new("ps").args(["-o", "command=", "-p", &pid]).output();
            output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("postgres"))
        })
        .into_iter()
        .collect()
}
