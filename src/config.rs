//! Every setting, typed, read once at start from the environment and from `.env` in the working directory (the
//! environment wins). All wrong values are reported together, one line each. Secrets never appear in `Debug` or in the
//! log. Nothing else in the program reads the environment.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};

use url::Url;

mod files;
mod values;

pub use files::{Bucket, Clamd};
pub use values::{LogFormat, Smtp, SmtpTls, masked_url};

const SECRET_KEY_BYTES: usize = 32;

#[derive(Debug, Clone)]
pub struct Config {
    /// `None`: the embedded server under `data_dir`.
    pub database_url: Option<Secret>,
    /// A streaming replica for reports.
    pub read_database_url: Option<Secret>,
    pub bind: SocketAddr,
    /// What visitors type, without a trailing slash in `as_str` terms: links in mails start with it.
    pub public_url: Url,
    /// At least 32 bytes; signs and encrypts cookies and tokens.
    pub secret_key: Secret,
    /// `None`: mails are kept in the database and shown under Settings.
    pub smtp: Option<Smtp>,
    pub mail_from: String,
    /// Domains, in lower case, that the mail server may send for: mail of people there comes from their own address.
    pub mail_sender_domains: Vec<String>,
    pub data_dir: PathBuf,
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub log_filter: String,
    pub log_format: LogFormat,
    /// `None`: no metrics are served. Never the public listener.
    pub metrics_bind: Option<SocketAddr>,
    /// Job threads inside `serve`; 0 leaves the jobs to `worker` processes.
    pub workers: usize,
    pub db_pool_size: u32,
    pub max_upload_bytes: u64,
    /// `None`: files lie in a folder under `data_dir`.
    pub files: Option<Bucket>,
    /// The most an organisation may set as its quota.
    pub files_quota_mb: u32,
    /// `None`: nobody looks for viruses.
    pub clamd: Option<Clamd>,
    /// Where exchange rates are fetched, unless an organisation names another source.
    pub rates_url: Url,
    /// Hosts that organisations' own addresses (sources of rates) may lead to although they are inside our network; with a port,
    /// that port alone.
    pub trusted_hosts: Vec<String>,
}

/// A text that stays out of logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One wrong value, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem} (example: {variable}={example})")]
pub struct ConfigError {
    pub variable: &'static str,
    pub problem: String,
    pub example: &'static str,
}

impl Config {
    /// Creates DATA_DIR and, unless SECRET_KEY is given, the key kept there.
    pub fn from_env() -> Result<Self, Vec<ConfigError>> {
        let file = dot_env(Path::new(".env")).map_err(|error| vec![error])?;
        Self::from_lookup(|name| {
            let set = std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
            set.or_else(|| file.get(name).cloned())
        })
    }

    /// As `from_env`, from wherever `lookup` finds the values; an empty value counts as unset.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut read = Reader { lookup, errors: Vec::new() };
        let bind = read.or("BIND", SocketAddr::from(([127, 0, 0, 1], 8080)), values::address, "127.0.0.1:8080");
        let public_url =
            read.optional("PUBLIC_URL", values::public_url, "https://sales.example.com").or_else(|| local_url(bind));
        let database_url = read.optional("DATABASE_URL", values::database_url, values::DATABASE_EXAMPLE);
        let read_database_url = read.optional("READ_DATABASE_URL", values::database_url, values::DATABASE_EXAMPLE);
        if read_database_url.is_some() && read.get("DATABASE_URL").is_none() {
            let problem = "is set without DATABASE_URL: a replica needs its primary";
            read.reject("READ_DATABASE_URL", problem.to_owned(), values::DATABASE_EXAMPLE);
        }
        let secret_key = read.optional("SECRET_KEY", values::secret_key, "$(openssl rand -hex 32)");
        let smtp = read.optional("SMTP_URL", Smtp::parse, "smtps://user:password@mail.example.com");
        let mail_from = read.optional("MAIL_FROM", values::mail_from, "Pipewright <sales@example.com>");
        let mail_sender_domains =
            read.or("MAIL_SENDER_DOMAINS", Vec::new(), values::domains, "example.com, example.org");
        let data_dir = read.or("DATA_DIR", PathBuf::from(".data"), values::data_dir, "/var/lib/pipewright");
        let log_filter = read.or("RUST_LOG", "info".to_owned(), values::log_filter, "info,pipewright=debug");
        let log_format = read.or("LOG_FORMAT", LogFormat::Text, LogFormat::parse, "json");
        let metrics_bind = read.optional("METRICS_BIND", values::address, "127.0.0.1:9090");
        let workers = read.or("WORKERS", 2, |text| values::number(text, 0, 64), "2");
        let db_pool_size = read.or("DB_POOL_SIZE", 16, |text| values::number(text, 2, 1000), "16");
        let upload_mb = read.or("MAX_UPLOAD_MB", 2048, |text| values::number(text, 1, 1_000_000), "2048");
        let files = read.bucket();
        let files_quota_mb = read.or("FILES_QUOTA_MB", 1_000_000, |text| values::number(text, 1, 100_000_000), "10240");
        let clamd = read.optional("CLAMD_ADDRESS", Clamd::parse, files::CLAMD_EXAMPLE);
        let rates_url = read.optional("RATES_URL", values::web_url, values::RATES_EXAMPLE);
        let mut trusted_hosts = read.or("TRUSTED_HOSTS", Vec::new(), values::hosts, "rates.internal, 10.0.0.5");
        // What the operator names is the operator's to name.
        let named = |url: &Url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?));
        trusted_hosts.extend(rates_url.as_ref().and_then(named));
        let rates_url = rates_url.or_else(|| Url::parse(values::RATES_EXAMPLE).ok());
        if metrics_bind == Some(bind) {
            read.reject("METRICS_BIND", "equals BIND: metrics are not for the public".to_owned(), "127.0.0.1:9090");
        }

        // Files are made only when everything else is right.
        let secret_key = match secret_key {
            None if read.errors.is_empty() => match kept_secret_key(&data_dir) {
                Ok(key) => Some(key),
                Err(error) => {
                    let problem = format!("is unusable: no secret key can be kept in {}: {error}", data_dir.display());
                    read.reject("DATA_DIR", problem, "/var/lib/pipewright");
                    None
                }
            },
            given => given,
        };
        match (public_url, secret_key, rates_url) {
            (Some(public_url), Some(secret_key), Some(rates_url)) if read.errors.is_empty() => Ok(Self {
                mail_from: mail_from.unwrap_or_else(|| default_sender(&public_url)),
                mail_sender_domains,
                database_url,
                read_database_url,
                bind,
                public_url,
                secret_key,
                smtp,
                data_dir,
                log_filter,
                log_format,
                metrics_bind,
                workers,
                db_pool_size,
                max_upload_bytes: upload_mb * 1024 * 1024,
                files,
                files_quota_mb,
                clamd,
                rates_url,
                trusted_hosts,
            }),
            _ => Err(read.errors),
        }
    }

    /// Tells the log, at start, what is in force.
    pub fn print_masked(&self) {
        let database = self.database_url.as_ref().map(|url| masked_url(url.expose()));
        let replica = self.read_database_url.as_ref().map(|url| masked_url(url.expose()));
        tracing::info!(
            database = database.as_deref().unwrap_or("embedded"),
            read_database = replica.as_deref().unwrap_or("none"),
            bind = %self.bind,
            public_url = %self.public_url,
            smtp = self.smtp.as_ref().map_or_else(|| "none: mails are kept".to_owned(), ToString::to_string),
            mail_from = self.mail_from,
            mail_sender_domains = self.mail_sender_domains.join(", "),
            data_dir = %self.data_dir.display(),
            metrics_bind = self.metrics_bind.map_or_else(|| "off".to_owned(), |bind| bind.to_string()),
            workers = self.workers,
            db_pool_size = self.db_pool_size,
            max_upload_mb = self.max_upload_bytes / 1024 / 1024,
            files = self.files.as_ref().map_or_else(|| "in DATA_DIR".to_owned(), ToString::to_string),
            files_quota_mb = self.files_quota_mb,
            clamd = self.clamd.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            "configuration"
        );
    }
}

/// Creates DATA_DIR for us alone; under root open to passage, since the server's account has to get to its cluster.
pub fn create_data_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if fs::metadata(dir)?.uid() == 0 {
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    }
    Ok(())
}

struct Reader<F> {
    lookup: F,
    errors: Vec<ConfigError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn get(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
        example: &'static str,
    ) -> Option<T> {
        let text = self.get(variable)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.reject(variable, problem, example);
                None
            }
        }
    }

    fn or<T>(
        &mut self,
        variable: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
        example: &'static str,
    ) -> T {
        self.optional(variable, parse, example).unwrap_or(default)
    }

    /// FILES_URL with what belongs to it; the rest means nothing without it.
    fn bucket(&mut self) -> Option<Bucket> {
        let (name, prefix) = self.optional("FILES_URL", files::bucket, files::BUCKET_EXAMPLE)?;
        let endpoint = self.optional("FILES_ENDPOINT", files::endpoint, "https://s3.example.com");
        let region = self.or("FILES_REGION", "us-east-1".to_owned(), files::word, "eu-central-1");
        let key = self.optional("FILES_KEY", files::word, "AKIA…");
        let secret = self.optional("FILES_SECRET", files::word, "…");
        for (variable, there) in [("FILES_KEY", key.is_some()), ("FILES_SECRET", secret.is_some())] {
            if !there && self.get(variable).is_none() {
                self.reject(variable, "is missing: FILES_URL needs it".to_owned(), "what the store gave you");
            }
        }
        Some(Bucket { name, prefix, endpoint, region, key: key?, secret: Secret::from(secret?) })
    }

    fn reject(&mut self, variable: &'static str, problem: String, example: &'static str) {
        self.errors.push(ConfigError { variable, problem, example });
    }
}

/// The pairs in the file; our own environment stays as it is, so that children and threads see no change.
fn dot_env(path: &Path) -> Result<HashMap<String, String>, ConfigError> {
    let wrong = |error: dotenvy::Error| ConfigError {
        variable: ".env",
        problem: format!("cannot be read: {error}"),
        example: "a line NAME=value for each setting",
    };
    match dotenvy::from_path_iter(path) {
        Ok(pairs) => pairs.collect::<Result<_, _>>().map_err(wrong),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(wrong(error)),
    }
}

fn local_url(bind: SocketAddr) -> Option<Url> {
    let host = if bind.ip().is_unspecified() { format!("localhost:{}", bind.port()) } else { bind.to_string() };
    Url::parse(&format!("http://{host}")).ok()
}

fn default_sender(public_url: &Url) -> String {
    let host = public_url.domain().filter(|host| host.contains('.')).unwrap_or("localhost");
    format!("Pipewright <pipewright@{host}>")
}

/// The key in DATA_DIR/secret_key, made at first. Two processes that start together end up with the same one.
fn kept_secret_key(data_dir: &Path) -> io::Result<Secret> {
    create_data_dir(data_dir)?;
    let path = data_dir.join("secret_key");
    if !path.exists() {
        let key: String = rand::random::<[u8; SECRET_KEY_BYTES]>().iter().map(|byte| format!("{byte:02x}")).collect();
        // Made 0600 by tempfile.
        let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
        writeln!(file, "{key}")?;
        file.as_file().sync_all()?;
        let owner = fs::metadata(data_dir)?;
        if fs::metadata(file.path())?.uid() != owner.uid() {
            // Root's, in somebody else's DATA_DIR: one `sudo` must not lock its owner out.
            fchown(file.as_file(), Some(owner.uid()), Some(owner.gid()))?;
        }
        match file.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
    }
    let key = fs::read_to_string(&path)?;
    values::secret_key(key.trim()).map_err(|problem| io::Error::other(format!("secret_key {problem}")))
}

#[cfg(test)]
mod tests;
