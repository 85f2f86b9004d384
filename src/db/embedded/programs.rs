//! Finds the PostgreSQL server programs. A directory counts only when its `postgres` says its version and `initdb`
//! lies beside it: wrappers and lone clients are passed over. A cluster is only ever served by its own major version.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::EmbeddedError;

pub const OLDEST_MAJOR: u32 = 14;

/// Extensions the schema uses; Fedora packs them apart from the server.
const EXTENSIONS: [&str; 3] = ["pg_trgm", "btree_gin", "unaccent"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    pub bin: PathBuf,
    pub major: u32,
}

impl Programs {
    /// The programs for a cluster of version `wanted`, or for a new one the first that is new enough.
    pub fn find(wanted: Option<u32>) -> Result<Self, EmbeddedError> {
        let found = installed(candidates());
        let programs = choose(&found, wanted)?;
        programs.require_extensions()?;
        Ok(programs)
    }

    pub fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    pub fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    fn require_extensions(&self) -> Result<(), EmbeddedError> {
        let Some(share) = ask(&self.bin.join("pg_config"), "--sharedir") else {
            // Without pg_config there is no telling; the migration would say it then.
            return Ok(());
        };
        let dir = Path::new(&share).join("extension");
        let missing: Vec<_> =
            EXTENSIONS.into_iter().filter(|name| !dir.join(format!("{name}.control")).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(EmbeddedError::MissingExtensions { bin: self.bin.clone(), names: missing.join(", ") })
    }
}

fn choose(found: &[Programs], wanted: Option<u32>) -> Result<Programs, EmbeddedError> {
    let fits = |programs: &&Programs| match wanted {
        Some(major) => programs.major == major,
        None => programs.major >= OLDEST_MAJOR,
    };
    if let Some(programs) = found.iter().find(fits) {
        return Ok(programs.clone());
    }
    let versions = found.iter().map(|programs| programs.major.to_string()).collect::<Vec<_>>().join(", ");
    let versions = if versions.is_empty() { "none".to_owned() } else { versions };
    Err(match wanted {
        Some(major) => EmbeddedError::WrongVersion { major, found: versions, hint: install_hint(Some(major)) },
        None => EmbeddedError::NoPrograms { found: versions, hint: install_hint(None) },
    })
}

fn installed(candidates: Vec<PathBuf>) -> Vec<Programs> {
    let mut seen = HashSet::new();
    candidates
        .into_iter()
        // A link such as /usr/local/bin/postgres leads to the directory where initdb and the rest lie.
        .filter_map(|dir| Some(fs::canonicalize(dir.join("postgres")).ok()?.parent()?.to_path_buf()))
        .filter(|bin| seen.insert(bin.clone()) && bin.join("initdb").is_file())
        .filter_map(|bin| Some(Programs { major: major_of(&ask(&bin.join("postgres"), "--version")?)?, bin }))
        .collect()
}

/// In order of trust: what the user put on PATH, then the packages' own places, newest version first.
fn candidates() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    if let Some(bin) = ask(Path::new("pg_config"), "--bindir") {
        dirs.push(PathBuf::from(bin));
    }
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    ] {
        dirs.extend(versioned(Path::new(parent), prefix));
    }
    dirs
}

fn versioned(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.0));
    found.into_iter().map(|(_, bin)| bin).collect()
}

fn ask(program: &Path, option: &str) -> Option<String> {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

/// `postgres (PostgreSQL) 15.18 (Debian …)`, also `17beta1` and `18devel`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.strip_prefix("postgres (PostgreSQL) ")?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What to type on this platform to get the programs.
fn install_hint(major: Option<u32>) -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let family = |name: &str| release.lines().any(|line| line.starts_with("ID") && line.contains(name));
    let suffix = |separator: &str| major.map(|major| format!("{separator}{major}")).unwrap_or_default();
    let command = if cfg!(target_os = "macos") {
        format!("brew install postgresql@{}", major.unwrap_or(17))
    } else if family("debian") || family("ubuntu") {
        format!("sudo apt-get install postgresql{}", suffix("-"))
    } else if family("fedora") || family("rhel") {
        format!("sudo dnf install postgresql{0}-server postgresql{0}-contrib", suffix(""))
    } else if family("arch") {
        "sudo pacman -S postgresql".to_owned()
    } else if family("alpine") {
        format!("sudo apk add postgresql{0} postgresql{0}-contrib", suffix(""))
    } else {
        "your package manager's PostgreSQL server and contrib packages".to_owned()
    };
    format!("install it with `bin/setup` or `{command}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18devel"), Some(18));
        assert_eq!(major_of("some wrapper 3"), None);
    }

    #[test]
    fn a_cluster_gets_its_own_version_and_a_new_one_the_first_that_will_do() {
        let at = |major| Programs { bin: PathBuf::from(format!("/pg/{major}")), major };
        let found = [at(13), at(16), at(17)];
        assert_eq!(choose(&found, None).map(|p| p.major).ok(), Some(16));
        assert_eq!(choose(&found, Some(17)).map(|p| p.major).ok(), Some(17));
        let error = choose(&found, Some(15)).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("PostgreSQL 15") && text.contains("13, 16, 17")));
        let error = choose(&[at(12)], None).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("install")));
    }

    #[test]
    fn a_directory_without_initdb_or_a_real_postgres_is_passed_over() -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("postgres"), "#!/bin/sh\necho no server here\n")?;
        fs::set_permissions(dir.path().join("postgres"), fs::Permissions::from_mode(0o755))?;
        assert!(installed(vec![dir.path().to_path_buf()]).is_empty());
        fs::write(dir.path().join("initdb"), "")?;
        assert!(installed(vec![dir.path().to_path_buf()]).is_empty());
        Ok(())
    }
}
