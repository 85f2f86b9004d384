//! Where the private server's parts lie: the cluster and the socket directory normally under DATA_DIR. Two things can
//! drive them elsewhere: a DATA_DIR that the server's unprivileged account cannot enter (root's home), and a path that
//! is too long for a socket or has a comma. Either choice is recorded in DATA_DIR, so that later runs and helpers find it again.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::sys::{self, Account};
use super::{Context, EmbeddedError};

const CLUSTER_RECORD: &str = "postgres.location";
const SOCKETS_RECORD: &str = "run.location";

/// `sun_path` holds 104 bytes on macOS and 108 on Linux, its closing NUL included.
const LONGEST_SOCKET: usize = 103;
pub const SOCKET_PORT: u16 = 5432;

#[derive(Debug, Clone)]
pub struct Place {
    pub data_dir: PathBuf,
    pub cluster: PathBuf,
    pub sockets: PathBuf,
    /// Whom the server runs as when we are root: Postgres refuses to run as root itself.
    pub account: Option<Account>,
}

impl Place {
    /// Decides and creates everything; only the holder of the lock may call this.
    pub fn settle(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let recorded = recorded(data_dir, CLUSTER_RECORD);
        let known = recorded.clone().unwrap_or_else(|| data_dir.to_path_buf());
        let account = server_account(&known.join("postgres"))?;
        let base = match account {
            Some(account) if !sys::can_enter(&known, account) => {
                if known.join("postgres").exists() {
                    return Err(EmbeddedError::Unreachable { path: known.join("postgres"), uid: account.uid });
                }
                elsewhere(data_dir)?
            }
            _ => known,
        };
        let sockets = settle_sockets(data_dir, &base, account)?;
        Ok(Self { data_dir: data_dir.to_path_buf(), cluster: base.join("postgres"), sockets, account })
    }

    /// What the lock's holder decided; `None` while it has not come that far.
    pub fn find(data_dir: &Path) -> Option<Self> {
        let base = recorded(data_dir, CLUSTER_RECORD).unwrap_or_else(|| data_dir.to_path_buf());
        let sockets = recorded(data_dir, SOCKETS_RECORD).unwrap_or_else(|| base.join("run"));
        let cluster = base.join("postgres");
        sockets.is_dir().then(|| Self { data_dir: data_dir.to_path_buf(), cluster, sockets, account: None })
    }

    pub fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }
}

/// Writes a file that only its owner reads, whole or not at all. As root it is given to DATA_DIR's owner, so that one
/// `sudo pipewright doctor` does not lock the usual user out.
pub fn write_private(path: &Path, contents: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let file = create_anew(&temporary, 0o600, contents)?;
    give_to_owner(&file, path)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Never follows a link that waits under this name: as root we write in directories that others own.
pub fn create_anew(path: &Path, mode: u32, contents: &str) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // Whatever the umask: under root, the server's account has to read some of these.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(contents.as_bytes())?;
    Ok(file)
}

pub fn give_to_owner(file: &File, path: &Path) -> io::Result<()> {
    if sys::effective_uid() != 0 {
        return Ok(());
    }
    let owner = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Creates `dir` for the server alone, or takes back one that was there.
pub fn private_dir(dir: &Path, account: Option<Account>) -> Result<(), EmbeddedError> {
    let made = DirBuilder::new().mode(0o700).create(dir);
    if let Err(error) = made
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error).context("create", dir);
    }
    if !fs::symlink_metadata(dir).context("open", dir)?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory)).context("use", dir);
    }
    if let Some(Account { uid, gid }) = account {
        lchown(dir, Some(uid), Some(gid)).context("hand over", dir)?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).context("protect", dir)
}

fn recorded(data_dir: &Path, record: &str) -> Option<PathBuf> {
    let text = fs::read_to_string(data_dir.join(record)).ok()?;
    let path = PathBuf::from(text.trim_end_matches('\n'));
    path.is_absolute().then_some(path)
}

fn record(data_dir: &Path, record: &str, path: &Path) -> Result<(), EmbeddedError> {
    let file = data_dir.join(record);
    write_private(&file, &format!("{}\n", path.display())).context("write", &file)
}

/// As root: the owner of a cluster that is already there, else the system's unprivileged account.
fn server_account(cluster: &Path) -> Result<Option<Account>, EmbeddedError> {
    if sys::effective_uid() != 0 {
        return Ok(None);
    }
    match fs::metadata(cluster) {
        Ok(found) if found.uid() != 0 => Ok(Some(Account { uid: found.uid(), gid: found.gid() })),
        _ => sys::unprivileged_account().map(Some).ok_or(EmbeddedError::NoAccount),
    }
}

/// A directory of our own outside DATA_DIR. Its name is never used twice: after DATA_DIR was deleted by hand, a new one
/// must not come up with the old data.
fn elsewhere(data_dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let home = Path::new(if cfg!(target_os = "linux") { "/var/lib/pipewright" } else { "/usr/local/var/pipewright" });
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).unwrap_or_default();
    let base = home.join(format!("{:08x}-{seconds:x}", hash(data_dir)));
    for dir in [home, &base] {
        fs::create_dir_all(dir).context("create", dir)?;
        fs::set_permissions(dir, Permissions::from_mode(0o711)).context("open", dir)?;
    }
    record(data_dir, CLUSTER_RECORD, &base)?;
    tracing::warn!(
        data_dir = %data_dir.display(), database = %base.display(),
        "Postgres may not run as root and its account cannot enter DATA_DIR: the database is kept elsewhere"
    );
    Ok(base)
}

// FNV-1a: only to tell directories apart.
fn hash(path: &Path) -> u32 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn settle_sockets(data_dir: &Path, base: &Path, account: Option<Account>) -> Result<PathBuf, EmbeddedError> {
    let usual = base.join("run");
    if socket_fits(&usual) {
        let forget = data_dir.join(SOCKETS_RECORD);
        if forget.exists() {
            fs::remove_file(&forget).context("remove", &forget)?;
        }
        private_dir(&usual, account)?;
        return Ok(usual);
    }
    if let Some(dir) = recorded(data_dir, SOCKETS_RECORD)
        && still_ours(&dir, account)
    {
        return Ok(dir);
    }
    let dir = temporary_dir(account)?;
    record(data_dir, SOCKETS_RECORD, &dir)?;
    Ok(dir)
}

/// libpq takes a comma for the end of one host and the start of the next.
fn socket_fits(dir: &Path) -> bool {
    !dir.as_os_str().as_encoded_bytes().contains(&b',')
        && dir.as_os_str().len() + format!("/.s.PGSQL.{SOCKET_PORT}").len() <= LONGEST_SOCKET
}

/// The temporary directory is everyone's: after a reboot somebody else may have made one of the same name.
fn still_ours(dir: &Path, account: Option<Account>) -> bool {
    let uid = account.map_or_else(sys::effective_uid, |account| account.uid);
    fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir() && found.uid() == uid && found.mode() & 0o077 == 0)
}

fn temporary_dir(account: Option<Account>) -> Result<PathBuf, EmbeddedError> {
    let preferred = std::env::temp_dir();
    let reachable = account.is_none_or(|account| sys::can_enter(&preferred, account));
    let fits = socket_fits(&preferred.join("pipewright-0123456789"));
    let parent = if reachable && fits { preferred } else { PathBuf::from("/tmp") };
    let dir = tempfile::Builder::new()
        .prefix("pipewright-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .context("create a socket directory in", &parent)?
        .keep();
    private_dir(&dir, account)?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_socket_paths_are_seen() {
        assert!(socket_fits(Path::new("/work/.data/run")));
        assert!(!socket_fits(Path::new("/work/a,b/run")));
        assert!(!socket_fits(Path::new(&format!("/{}/run", "x".repeat(90)))));
    }

    #[test]
    fn private_files_are_private() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("secret");
        write_private(&path, "s")?;
        assert_eq!(fs::metadata(&path)?.mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path)?, "s");
        Ok(())
    }
}
