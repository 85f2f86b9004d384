//! SMTP servers here are threads that say a fixed text.

use std::net::TcpListener;
use std::thread;

use super::*;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

fn smtp_server(greeting: &'static str, offer: &'static str, tls: SmtpTls) -> io::Result<Smtp> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(greeting.as_bytes())?;
        let _count = stream.read(&mut [0; 100])?;
        stream.write_all(offer.as_bytes())?;
        stream.read(&mut [0; 100]).map(drop)
    });
    Ok(Smtp { host: "127.0.0.1".to_owned(), port, tls, credentials: None, timeout: Duration::from_secs(5) })
}

#[test]
fn the_table_lines_up_and_tells_how_to_mend() {
    let checks = [Check::ok("clock", "fine"), Check::fail("mail", "silent", "plug it in")];
    let expected = "ok    clock  fine\nFAIL  mail   silent\n             → plug it in\n1 ok, 0 to look at, 1 failed\n";
    assert_eq!(table(&checks), expected);
    assert!(!report(&checks));
    assert!(report(&checks[..1]));
}

#[test]
fn versions_and_clocks() {
    assert_eq!(postgres_version(150_018), Check::ok("postgres", "version 15.18"));
    assert_eq!(postgres_version(130_004).outcome, Outcome::Fail);
    let now = SystemTime::now();
    for (seconds, outcome) in [(0, Outcome::Ok), (10, Outcome::Warn), (90, Outcome::Fail)] {
        assert_eq!(clock(now, now + Duration::from_secs(seconds)).outcome, outcome);
        assert_eq!(clock(now + Duration::from_secs(seconds), now).outcome, outcome);
    }
}

#[test]
fn storage_is_writable_and_roomy() -> Result {
    let dir = tempfile::tempdir()?;
    assert_ne!(storage(dir.path()).outcome, Outcome::Fail);
    assert_eq!(fs::read_dir(dir.path())?.count(), 0, "the probe is gone");
    assert_eq!(storage(&dir.path().join("missing")).outcome, Outcome::Fail);
    assert_eq!(space("x", NO_SPACE - 1).outcome, Outcome::Fail);
    assert_eq!(space("x", LOW_SPACE - 1).outcome, Outcome::Warn);
    Ok(())
}

#[test]
fn mail_servers_good_bad_and_absent() -> Result {
    let offer = "250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n";
    let good = smtp_server("220-hello\r\n220 ready\r\n", offer, SmtpTls::Required)?;
    assert_eq!(mail(Some(&good)).outcome, Outcome::Ok);
    let plain = smtp_server("220 ready\r\n", "250 mail.example.com\r\n", SmtpTls::Required)?;
    assert!(mail(Some(&plain)).finding.contains("no STARTTLS"));
    let refusing = smtp_server("554 go away\r\n", "", SmtpTls::None)?;
    assert!(mail(Some(&refusing)).finding.contains("go away"));
    let other = smtp_server("", "", SmtpTls::None)?;
    drop(TcpStream::connect(("127.0.0.1", other.port))?);
    assert_eq!(mail(Some(&other)).outcome, Outcome::Fail);
    assert_eq!(mail(None).outcome, Outcome::Warn);
    Ok(())
}
