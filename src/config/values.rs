//! How each setting's text becomes its value. A failure is the middle of a sentence: "BIND *is not an address …*".

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::{SECRET_KEY_BYTES, Secret};

pub const DATABASE_EXAMPLE: &str = "postgres://user:password@db.example.com:5432/pipewright";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("is \"{text}\", neither text nor json")),
        }
    }
}

/// Where mail is handed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    pub credentials: Option<(String, String)>,
    /// How long the server may keep us waiting for each answer.
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte: smtps://, RFC 8314.
    Implicit,
    /// STARTTLS, or no mail is sent.
    Required,
    /// STARTTLS where the server offers it.
    Opportunistic,
    None,
}

impl Smtp {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // Messages never repeat the URL: it holds a password.
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            other => return Err(format!("starts with {other}://, not smtp:// or smtps://")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("has something after the host; only ?tls=… and timeout=… may follow".to_owned());
        }
        // A password over the network in the clear has to be asked for by name.
        let mut tls = match (implicit, is_this_machine(&host)) {
            (true, _) => SmtpTls::Implicit,
            (false, true) => SmtpTls::None,
            (false, false) => SmtpTls::Required,
        };
        let mut timeout = Duration::from_secs(20);
        for (key, value) in url.query_pairs() {
            if key == "timeout" {
                timeout = Duration::from_secs(
                    number(&value, 1, 300).map_err(|problem| format!("has a timeout that {problem}"))?,
                );
                continue;
            }
            tls = match (&*key, &*value) {
                ("tls", "required") if implicit => SmtpTls::Implicit,
                ("tls", "required") => SmtpTls::Required,
                ("tls", _) if implicit => return Err("says smtps://, which is always tls=required".to_owned()),
                ("tls", "opportunistic") => SmtpTls::Opportunistic,
                ("tls", "none") => SmtpTls::None,
                ("tls", _) => return Err("has a tls other than required, opportunistic or none".to_owned()),
                (other, _) => return Err(format!("has an unknown parameter \"{other}\"")),
            };
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => Some((decoded(user)?, decoded(password)?)),
            _ => return Err("has a user without a password or the reverse".to_owned()),
        };
        let port = url.port().unwrap_or(if implicit { 465 } else { 587 });
        if port == 0 {
            return Err("has port 0".to_owned());
        }
        Ok(Self { host, port, tls, credentials, timeout })
    }
}

impl fmt::Display for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.credentials.is_some() { "***@" } else { "" };
        let scheme = if self.tls == SmtpTls::Implicit { "smtps" } else { "smtp" };
        write!(f, "{scheme}://{login}{}:{} (tls {:?})", self.host, self.port, self.tls)
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'?')).to_digit(16));
        match digits {
            [Some(high), Some(low)] => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return Err("has a lone % in user or password: write %25".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "has a user or password that is not UTF-8".to_owned())
}

pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("is \"{text}\", not an IP address with a port"))
}

pub fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is \"{text}\", not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("is \"{text}\", not http:// or https://"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!("is \"{text}\", but may only be scheme, host and port"));
    }
    Ok(url)
}

/// Only the scheme is checked: the rest is libpq's own syntax, which says itself what it dislikes.
pub fn database_url(text: &str) -> Result<Secret, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Secret::from(text.to_owned()));
    }
    Err("does not start with postgres:// or postgresql://".to_owned())
}

pub fn secret_key(text: &str) -> Result<Secret, String> {
    if text.len() >= SECRET_KEY_BYTES {
        return Ok(Secret::from(text.to_owned()));
    }
    Err(format!("has {} bytes; at least {SECRET_KEY_BYTES} are needed", text.len()))
}

pub fn mail_from(text: &str) -> Result<String, String> {
    let address = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')).map_or(text, |(_, address)| address);
    let plausible = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !address.contains(char::is_whitespace)
    });
    if plausible && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("is \"{text}\", not an e-mail address, with or without a name"))
}

pub fn domains(text: &str) -> Result<Vec<String>, String> {
    let all = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| {
        let found = crate::kernel::text::domain(part).filter(|_| !part.contains(['/', '@', ':']));
        found.ok_or_else(|| format!("holds \"{part}\", which is no domain"))
    })
    .collect()
}

/// The European Central Bank's, of each working day.
pub const RATES_EXAMPLE: &str = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml";

/// An address of something to be fetched.
pub fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    let fits = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if fits { Ok(url) } else { Err("must begin with https:// or http:// and name a server".to_owned()) }
}

/// Names or addresses of servers, without ports.
pub fn hosts(text: &str) -> Result<Vec<String>, String> {
    let all = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| match url::Host::parse(part) {
        Ok(host) if !part.contains(['/', '@']) => Ok(host.to_string()),
        _ => Err(format!("holds \"{part}\", which is no name or address of a server")),
    })
    .collect()
}

pub fn data_dir(text: &str) -> Result<PathBuf, String> {
    // What `to_string_lossy` leaves where a name was not UTF-8: another directory than was meant.
    if text.contains('\u{FFFD}') {
        return Err("is not valid UTF-8".to_owned());
    }
    Ok(PathBuf::from(text))
}

pub fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("is \"{text}\": {error}")),
    }
}

pub fn number<T: FromStr + PartialOrd + fmt::Display>(text: &str, least: T, most: T) -> Result<T, String> {
    match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("is \"{text}\", not a whole number from {least} to {most}")),
    }
}

/// `url` without its password, wherever libpq lets one stand.
pub fn masked_url(url: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let base = match base.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((login, host)) => {
                let user = login.split_once(':').map_or(login.to_owned(), |(user, _)| format!("{user}:***"));
                format!("{scheme}://{user}@{host}")
            }
            None => base.to_owned(),
        },
        None => base.to_owned(),
    };
    let Some(query) = query else {
        return base;
    };
    let parameters = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    format!("{base}?{}", parameters.collect::<Vec<_>>().join("&"))
}
