//! The environment of these tests is a list of pairs; nothing reads or changes the process's own.

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn config(pairs: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    let pairs: HashMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::from_lookup(|name| pairs.get(name).cloned())
}

fn told(errors: Vec<ConfigError>) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const KEY: (&str, &str) = ("SECRET_KEY", "0123456789abcdef0123456789abcdef");

#[test]
fn defaults() -> Outcome {
    let config = config(&[KEY]).map_err(told)?;
    assert_eq!(config.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!(config.data_dir, Path::new(".data"));
    assert_eq!(config.mail_from, "Pipewright <pipewright@localhost>");
    assert_eq!(config.max_upload_bytes, 2048 * 1024 * 1024);
    assert!(config.database_url.is_none() && config.smtp.is_none() && config.metrics_bind.is_none());
    Ok(())
}

#[test]
fn empty_counts_as_unset() -> Outcome {
    let config = config(&[KEY, ("SMTP_URL", ""), ("BIND", "  "), ("DATABASE_URL", "")]).map_err(told)?;
    assert!(config.smtp.is_none() && config.database_url.is_none());
    Ok(())
}

#[test]
fn all_wrong_values_are_told_at_once_with_examples() {
    let wrong = [
        ("DATABASE_URL", "mysql://x"),
        ("READ_DATABASE_URL", "x"),
        ("BIND", "localhost"),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "ftp://x"),
        ("SMTP_URL", "http://x"),
        ("MAIL_FROM", "nobody"),
        ("METRICS_BIND", "9090"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "a=b=c"),
        ("WORKERS", "-1"),
        ("DB_POOL_SIZE", "many"),
        ("MAX_UPLOAD_MB", "0"),
    ];
    let errors = config(&wrong).err().unwrap_or_default();
    for (variable, _) in wrong {
        let lines: Vec<_> = errors.iter().filter(|error| error.variable == variable).map(ToString::to_string).collect();
        assert_eq!(lines.len(), 1, "{variable}: {lines:?}");
        assert!(lines[0].starts_with(variable) && lines[0].contains("example: ") && !lines[0].contains('\n'));
    }
    assert_eq!(errors.len(), wrong.len());
}

#[test]
fn combinations_that_cannot_work() {
    let replica = config(&[KEY, ("READ_DATABASE_URL", "postgres://r/x")]).err().unwrap_or_default();
    assert!(told(replica).contains("READ_DATABASE_URL is set without DATABASE_URL"));
    let metrics = config(&[KEY, ("BIND", "127.0.0.1:1"), ("METRICS_BIND", "127.0.0.1:1")]).err().unwrap_or_default();
    assert!(told(metrics).contains("METRICS_BIND equals BIND"));
}

#[test]
fn a_listener_on_every_address_has_a_local_public_url() -> Outcome {
    let config = config(&[KEY, ("BIND", "0.0.0.0:80")]).map_err(told)?;
    assert_eq!(config.public_url.as_str(), "http://localhost/");
    Ok(())
}

#[test]
fn smtp_is_encrypted_unless_it_stays_on_this_machine() -> Outcome {
    let smtp = |url: &str| Smtp::parse(url).map(|smtp| (smtp.port, smtp.tls));
    assert_eq!(smtp("smtps://mail.example.com")?, (465, SmtpTls::Implicit));
    assert_eq!(smtp("smtp://mail.example.com")?, (587, SmtpTls::Required));
    assert_eq!(smtp("smtp://127.0.0.1:1025")?, (1025, SmtpTls::None));
    assert_eq!(smtp("smtp://[::1]:1025")?, (1025, SmtpTls::None));
    assert_eq!(smtp("smtp://mail.example.com:25?tls=opportunistic")?, (25, SmtpTls::Opportunistic));
    for wrong in [
        "smtp://",
        "mail.example.com:25",
        "smtp://h?tls=maybe",
        "smtps://h?tls=none",
        "smtp://h/path",
        "smtp://u@h",
        "smtp://h?tsl=none",
        "smtp://u:p%2@h",
        "smtp://h:0",
        "smtp://h:99999",
    ] {
        assert!(smtp(wrong).is_err(), "{wrong}");
    }
    let login = Smtp::parse("smtp://me%40example.com:p%25%3A@h")?;
    assert_eq!(login.credentials, Some(("me@example.com".to_owned(), "p%:".to_owned())));
    Ok(())
}

#[test]
fn secrets_are_masked() -> Outcome {
    let config = config(&[
        ("SECRET_KEY", "sesame-sesame-sesame-sesame-sesame"),
        ("DATABASE_URL", "postgres://me:sesame@db/x"),
        ("SMTP_URL", "smtp://me:sesame@mail.example.com"),
    ])
    .map_err(told)?;
    assert!(!format!("{config:?}").contains("sesame"));
    assert_eq!(
        masked_url("postgres://me:a@b:c@db:5432/x?sslmode=require"),
        "postgres://me:***@db:5432/x?sslmode=require"
    );
    assert_eq!(
        masked_url("postgres:///x?host=/s&password=sesame&user=me"),
        "postgres:///x?host=/s&password=***&user=me"
    );
    Ok(())
}

#[test]
fn the_secret_key_is_made_once_and_kept_private() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("new/data");
    let pairs = [("DATA_DIR", data.to_str().unwrap_or_default())];
    let first = config(&pairs).map_err(told)?;
    let second = config(&pairs).map_err(told)?;
    assert_eq!(first.secret_key, second.secret_key);
    assert_eq!(first.secret_key.expose().len(), 64);
    assert_eq!(fs::metadata(data.join("secret_key"))?.permissions().mode() & 0o777, 0o600);
    fs::write(data.join("secret_key"), "short")?;
    assert!(told(config(&pairs).err().unwrap_or_default()).contains("has 5 bytes"));
    Ok(())
}

#[test]
fn dot_env_is_read_and_its_mistakes_are_told() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join(".env");
    assert!(dot_env(&path)?.is_empty());
    fs::write(&path, "# note\nBIND=0.0.0.0:80\nMAIL_FROM=\"A B <a@b.example>\"\n")?;
    assert_eq!(dot_env(&path)?.get("MAIL_FROM").map(String::as_str), Some("A B <a@b.example>"));
    fs::write(&path, "BIND\n")?;
    assert!(dot_env(&path).is_err());
    Ok(())
}
