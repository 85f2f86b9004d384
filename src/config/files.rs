//! Where files lie, and who looks into them for viruses.

use super::Secret;
use std::{fmt, path::PathBuf};
use url::Url;

pub const BUCKET_EXAMPLE: &str = "s3://my-bucket/pipewright";
pub const CLAMD_EXAMPLE: &str = "127.0.0.1:3310 or unix:/run/clamav/clamd.ctl";

/// A bucket of Amazon's or of anything that speaks its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// Before every key, without slashes at its ends; may be empty.
    pub prefix: String,
    /// `None`: Amazon's own.
    pub endpoint: Option<Url>,
    pub region: String,
    pub key: String,
    pub secret: Secret,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)?;
        self.endpoint.as_ref().map_or(Ok(()), |endpoint| write!(f, " at {endpoint}"))
    }
}

/// Name and prefix.
pub(super) fn bucket(text: &str) -> Result<(String, String), String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if url.scheme() != "s3" {
        return Err(format!("starts with {}://, not s3://", url.scheme()));
    }
    let name = url.host_str().filter(|name| !name.is_empty()).ok_or("names no bucket")?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("has more than a bucket and a prefix; keys go into FILES_KEY and FILES_SECRET".to_owned());
    }
    let prefix = url.path().trim_matches('/');
    if prefix.split('/').any(|part| matches!(part, "." | "..")) || prefix.contains("//") {
        return Err("has a prefix with empty or dotted parts".to_owned());
    }
    Ok((name.to_owned(), prefix.to_owned()))
}

pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        other => Err(format!("starts with {other}://, not http:// or https://")),
    }
}

pub(super) fn word(text: &str) -> Result<String, String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a space in it".to_owned());
    }
    Ok(text.to_owned())
}

/// Where ClamAV's daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clamd {
    Tcp(String),
    Unix(PathBuf),
}

impl Clamd {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.strip_prefix("//").unwrap_or(path) {
                path if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
                _ => Err("names a socket without a path from the root".to_owned()),
            };
        }
        let text = text.strip_prefix("tcp://").unwrap_or(text);
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(Self::Tcp(text.to_owned()))
            }
            _ => Err(format!("is \"{text}\", not host:port nor unix:/path")),
        }
    }
}

impl fmt::Display for Clamd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
