//! A private Postgres under DATA_DIR, for those who set no DATABASE_URL. One process owns it, shown by a lock on
//! DATA_DIR/lock for as long as it lives: it starts the server, restarts it when it dies and stops it at the end.
//! Others on the same machine use the owner's server. The server listens on a Unix socket in a private directory only,
//! and asks for a password there. Its data outlives every crash of either side and is never deleted from here.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

mod cluster;
mod place;
mod programs;
mod supervisor;
mod sys;
#[cfg(test)]
mod tests;

pub use cluster::APP_ROLE;
use cluster::{DATABASE, Passwords, SUPERUSER};
use place::{Place, SOCKET_PORT};
use programs::Programs;
use supervisor::Supervisor;

/// How long a helper waits for an owner that is just starting, perhaps recovering from a crash.
const ATTACH_PATIENCE: Duration = Duration::from_secs(120);

/// Access to the private server; dropping the owner's stops it.
pub struct Embedded {
    place: Place,
    passwords: Passwords,
    owned: Option<Owned>,
}

/// Fields drop in this order: the server has stopped before anyone else can take the lock.
struct Owned {
    supervisor: Supervisor,
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL server programs of version {oldest} or newer (found: {found}): {hint}, or set DATABASE_URL",
        oldest = programs::OLDEST_MAJOR
    )]
    NoPrograms { found: String, hint: String },
    #[error("the data in DATA_DIR belongs to PostgreSQL {major}, whose programs are missing (found: {found}): {hint}")]
    WrongVersion { major: u32, found: String, hint: String },
    #[error("PostgreSQL in {bin} lacks the extensions {names}: install its contrib package", bin = bin.display())]
    MissingExtensions { bin: PathBuf, names: String },
    #[error("{data_dir} is in use by {holder}: stop it first, or set another DATA_DIR", data_dir = data_dir.display())]
    InUse { data_dir: PathBuf, holder: String },
    #[error("{holder} owns the database in {data_dir}, but it was not ready in time: see {data_dir}/postgres.log",
        data_dir = data_dir.display())]
    OwnerNotReady { data_dir: PathBuf, holder: String },
    #[error("Postgres may not run as root, and there is no account `postgres` or `nobody` for it: create one")]
    NoAccount,
    #[error("the account (uid {uid}) that owns {path} cannot enter it: open its parent directories", path = path.display())]
    Unreachable { path: PathBuf, uid: u32 },
    #[error("DATA_DIR is not valid UTF-8: {}", .0.display())]
    NotUtf8(PathBuf),
    #[error("{what} failed: {output}")]
    Failed { what: &'static str, output: String },
    #[error("cannot {what} {path}: {source}{}", ownership_hint(source), path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

fn ownership_hint(error: &io::Error) -> &'static str {
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    if denied { " (was DATA_DIR made by another user? run as that user, or set another DATA_DIR)" } else { "" }
}

impl Embedded {
    /// Takes ownership of `data_dir` and starts its server, creating both at first. Refused while another process
    /// owns it.
    pub fn start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let data_dir = prepared(data_dir)?;
        match take_lock(&data_dir)? {
            Lock::Ours(lock) => Self::own(&data_dir, lock),
            Lock::HeldBy(holder) => Err(EmbeddedError::InUse { data_dir, holder }),
        }
    }

    /// Uses the owner's server if there is an owner, else becomes the owner until dropped.
    pub fn attach_or_start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let data_dir = prepared(data_dir)?;
        let deadline = Instant::now() + ATTACH_PATIENCE;
        loop {
            // Tried anew each time: an owner that fails to start leaves the lock to us.
            let holder = match take_lock(&data_dir)? {
                Lock::Ours(lock) => return Self::own(&data_dir, lock),
                Lock::HeldBy(holder) => holder,
            };
            if let Some(attached) = Self::attach(&data_dir)? {
                return Ok(attached);
            }
            if Instant::now() > deadline {
                return Err(EmbeddedError::OwnerNotReady { data_dir, holder });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether this process runs the server, so that it stops with it.
    pub fn owns(&self) -> bool {
        self.owned.is_some()
    }

    /// Connects as superuser: for migrations only.
    pub fn admin_url(&self) -> String {
        self.url(SUPERUSER, &self.passwords.superuser)
    }

    /// Connects as the login role `pipewright`, which owns nothing and inherits nothing.
    pub fn app_url(&self) -> String {
        self.url(APP_ROLE, &self.passwords.app)
    }

    /// Stops the server if it is ours; returns when it has stopped, which takes seconds at most.
    pub fn stop(self) {
        drop(self);
    }

    fn own(data_dir: &Path, lock: File) -> Result<Self, EmbeddedError> {
        let place = Place::settle(data_dir)?;
        let programs = Programs::find(cluster::major_version(&place.cluster)?)?;
        // A server left behind by a killed owner must be gone before anything below touches the cluster.
        supervisor::clear_leftovers(&place);
        let passwords = cluster::prepare(&place, &programs)?;
        let supervisor = Supervisor::start(place.clone(), programs)?;
        Ok(Self { place, passwords, owned: Some(Owned { supervisor, _lock: lock }) })
    }

    fn attach(data_dir: &Path) -> Result<Option<Self>, EmbeddedError> {
        let Some(place) = Place::find(data_dir) else {
            return Ok(None);
        };
        let Some(passwords) = Passwords::load(data_dir)? else {
            return Ok(None);
        };
        let ready = supervisor::is_ready(&place.cluster);
        Ok(ready.then_some(Self { place, passwords, owned: None }))
    }

    // User and password as parameters: an empty host after `user:password@` is no valid URL to most parsers.
    fn url(&self, user: &str, password: &str) -> String {
        let host = percent_encoded(&self.place.sockets);
        format!("postgres:///{DATABASE}?host={host}&port={SOCKET_PORT}&user={user}&password={password}")
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.supervisor.stop();
    }
}

enum Lock {
    Ours(File),
    HeldBy(String),
}

/// The kernel drops the lock with the process, however it dies; the text in the file only names the holder.
fn take_lock(data_dir: &Path) -> Result<Lock, EmbeddedError> {
    let path = data_dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .context("open", &path)?;
    match file.try_lock() {
        Ok(()) => {
            let program = std::env::args().take(2).map(|arg| base_name(&arg)).collect::<Vec<_>>().join(" ");
            place::give_to_owner(&file, &path).context("hand over", &path)?;
            file.set_len(0).context("write", &path)?;
            writeln!(file, "process {} ({program})", std::process::id()).context("write", &path)?;
            Ok(Lock::Ours(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut holder)).context("read", &path)?;
            let holder = holder.trim();
            Ok(Lock::HeldBy(if holder.is_empty() { "another process".to_owned() } else { holder.to_owned() }))
        }
        Err(TryLockError::Error(error)) => Err(error).context("lock", &path),
    }
}

fn base_name(arg: &str) -> String {
    Path::new(arg).file_name().map_or_else(|| arg.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn prepared(data_dir: &Path) -> Result<PathBuf, EmbeddedError> {
    crate::config::create_data_dir(data_dir).context("create", data_dir)?;
    let data_dir = fs::canonicalize(data_dir).context("open", data_dir)?;
    if data_dir.to_str().is_none() {
        return Err(EmbeddedError::NotUtf8(data_dir));
    }
    Ok(data_dir)
}

/// libpq decodes `%20` but not `+` in a URL.
fn percent_encoded(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// Gives an I/O error its file, as in "cannot open /x/lock: …".
trait Context<T> {
    fn context(self, what: &'static str, path: &Path) -> Result<T, EmbeddedError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: &'static str, path: &Path) -> Result<T, EmbeddedError> {
        self.map_err(|source| EmbeddedError::Io { what, path: path.to_path_buf(), source })
    }
}
