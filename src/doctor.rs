//! `pipewright doctor`: what is checked, how it went and how to mend it. The checks here take plain inputs, so that the
//! caller decides where a fact comes from and tests need neither server nor network; none of them changes anything.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::config::{ConfigError, Smtp, SmtpTls};

const OLDEST_POSTGRES: i32 = 14;
const LOW_SPACE: u64 = 2 * 1024 * 1024 * 1024;
const NO_SPACE: u64 = 200 * 1024 * 1024;
/// Sessions, tokens and schedules tolerate less than a minute.
const CLOCK_WARN: Duration = Duration::from_secs(5);
const CLOCK_FAIL: Duration = Duration::from_secs(60);
const SMTP_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub outcome: Outcome,
    /// What was found.
    pub finding: String,
    /// How to mend it; `None` when there is nothing to mend.
    pub mend: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Ok, finding: finding.into(), mend: None }
    }

    pub fn warn(name: &'static str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Warn, finding: finding.into(), mend: Some(mend.into()) }
    }

    pub fn fail(name: &'static str, finding: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Fail, finding: finding.into(), mend: Some(mend.into()) }
    }
}

/// Prints the table; false when something failed, which is then the exit status.
pub fn report(checks: &[Check]) -> bool {
    crate::cli::say(table(checks).trim_end());
    checks.iter().all(|check| check.outcome != Outcome::Fail)
}

fn table(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let word = match check.outcome {
            Outcome::Ok => "ok  ",
            Outcome::Warn => "warn",
            Outcome::Fail => "FAIL",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word}  {:width$}  {}", check.name, check.finding);
        if let Some(mend) = &check.mend {
            let _ = writeln!(text, "      {:width$}  → {mend}", "");
        }
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let _ = writeln!(
        text,
        "{} ok, {} to look at, {} failed",
        count(Outcome::Ok),
        count(Outcome::Warn),
        count(Outcome::Fail)
    );
    text
}

/// One line per wrong setting, or one that all are right.
pub fn config(errors: &[ConfigError]) -> Vec<Check> {
    if errors.is_empty() {
        return vec![Check::ok("configuration", "every setting is valid")];
    }
    let wrong = |error: &ConfigError| {
        let mend = format!("set {} in the environment or in .env; .env.example explains it", error.variable);
        Check::fail("configuration", error.to_string(), mend)
    };
    errors.iter().map(wrong).collect()
}

/// `version_num` as in `SHOW server_version_num`: 150018 is 15.18.
pub fn postgres_version(version_num: i32) -> Check {
    let (major, minor) = (version_num / 10_000, version_num % 10_000);
    let finding = format!("version {major}.{minor}");
    if major >= OLDEST_POSTGRES {
        return Check::ok("postgres", finding);
    }
    Check::fail("postgres", finding, format!("upgrade the server to PostgreSQL {OLDEST_POSTGRES} or newer"))
}

/// The database's clock against ours; the time of the question itself is part of the difference.
pub fn clock(database: SystemTime, ours: SystemTime) -> Check {
    let apart = database.duration_since(ours).unwrap_or_else(|error| error.duration());
    let finding = format!("{:.1} s between this machine and the database", apart.as_secs_f64());
    let mend = "let both machines take their time from NTP (timedatectl set-ntp true)";
    match apart {
        apart if apart < CLOCK_WARN => Check::ok("clock", finding),
        apart if apart < CLOCK_FAIL => Check::warn("clock", finding, mend),
        _ => Check::fail("clock", finding, mend),
    }
}

/// DATA_DIR takes files and has room.
pub fn storage(data_dir: &Path) -> Check {
    let shown = data_dir.display();
    if let Err(error) = try_writing(data_dir) {
        let mend = format!("make {shown} writable for this user, or set DATA_DIR");
        return Check::fail("storage", format!("cannot write in {shown}: {error}"), mend);
    }
    match free_space(data_dir) {
        Ok(free) => space(&shown.to_string(), free),
        Err(error) => {
            Check::warn("storage", format!("{shown} is writable; free space unknown: {error}"), "look with df")
        }
    }
}

fn space(dir: &str, free: u64) -> Check {
    let finding = format!("{dir} is writable, {:.1} GB free", free as f64 / 1e9);
    let mend = "free some space, or move DATA_DIR to a larger disk";
    match free {
        free if free < NO_SPACE => Check::fail("storage", finding, mend),
        free if free < LOW_SPACE => Check::warn("storage", finding, mend),
        _ => Check::ok("storage", finding),
    }
}

fn try_writing(dir: &Path) -> io::Result<()> {
    let mut probe = tempfile::NamedTempFile::new_in(dir)?;
    probe.write_all(b"pipewright doctor")?;
    probe.as_file().sync_all()?;
    probe.close()
}

/// Bytes a user who is not root can still write.
#[allow(unsafe_code, clippy::unnecessary_cast)]
fn free_space(dir: &Path) -> io::Result<u64> {
    let dir = fs::canonicalize(dir)?;
    let path = std::ffi::CString::new(dir.into_os_string().into_encoded_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: path ends with NUL, and statvfs fills the struct that is read only on success.
    let stat = unsafe {
        if libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        stat.assume_init()
    };
    // The fields' widths differ between systems.
    Ok((stat.f_bavail as u64).saturating_mul(stat.f_frsize as u64))
}

/// Says hello to the mail server without sending anything. Over smtps only the connection is tried.
pub fn mail(smtp: Option<&Smtp>) -> Check {
    let Some(smtp) = smtp else {
        let mend = "set SMTP_URL to send them; until then they are under Settings → Outgoing mail";
        return Check::warn("mail", "SMTP_URL is not set: mails are kept, not sent", mend);
    };
    let server = format!("{}:{}", smtp.host, smtp.port);
    match hello(smtp) {
        Ok(greeting) => match (smtp.tls, greeting.to_ascii_uppercase().contains("STARTTLS")) {
            (SmtpTls::Required, false) => Check::fail(
                "mail",
                format!("{server} answers but offers no STARTTLS"),
                "use smtps://, the submission port 587, or ?tls=opportunistic on a network you trust",
            ),
            (SmtpTls::Opportunistic, false) => Check::warn(
                "mail",
                format!("{server} answers but offers no STARTTLS: mail goes out in the clear"),
                "use smtps:// or another port, or say ?tls=none if that is meant",
            ),
            _ => Check::ok("mail", format!("{server} answers")),
        },
        Err(error) => Check::fail(
            "mail",
            format!("{server}: {error}"),
            "check SMTP_URL's host and port, and that a firewall lets this machine out",
        ),
    }
}

/// The server's greeting and its answer to EHLO.
fn hello(smtp: &Smtp) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in (smtp.host.as_str(), smtp.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SMTP_PATIENCE) {
            Ok(_) if smtp.tls == SmtpTls::Implicit => return Ok(String::new()),
            Ok(mut stream) => {
                stream.set_read_timeout(Some(SMTP_PATIENCE))?;
                stream.set_write_timeout(Some(SMTP_PATIENCE))?;
                expect_reply(&mut stream, "220")?;
                stream.write_all(b"EHLO localhost\r\n")?;
                let offer = expect_reply(&mut stream, "250")?;
                // It has told what we asked; whether it hears the goodbye does not matter.
                let _ = stream.write_all(b"QUIT\r\n");
                return Ok(offer);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads one reply, RFC 5321 §4.2: its last line has a space after the code.
fn expect_reply(stream: &mut TcpStream, code: &str) -> io::Result<String> {
    let mut reply = String::new();
    let mut bytes = [0; 512];
    while !reply.ends_with('\n') || reply.lines().last().is_some_and(|line| line.as_bytes().get(3) == Some(&b'-')) {
        let count = match stream.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "connected, but the server says nothing"));
            }
            read => read?,
        };
        if count == 0 || reply.len() > 64 * 1024 {
            return Err(io::Error::other("what answers is no SMTP server"));
        }
        reply.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    if reply.starts_with(code) {
        return Ok(reply);
    }
    Err(io::Error::other(format!("the server refuses: {}", reply.trim())))
}

mod examination;
#[cfg(test)]
mod tests;

pub use examination::run;
