//! Gathers the facts for the checks: from the settings, the database they name, and this machine.

use super::{Check, clock, config, mail, postgres_version, report, storage};
use crate::{
    cli::Database,
    config::{Clamd, Config, masked_url},
    db::{self, Db, Facts, Reason},
    files::{Files, clamd},
    jobs,
    kernel::text::one_line,
};
use std::{process::ExitCode, time::SystemTime};

/// `pipewright doctor`: exit status 1 when something failed. Uses the private server of a running `serve`, or starts it for its
/// own run.
pub fn run() -> ExitCode {
    if report(&examine()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn examine() -> Vec<Check> {
    let settings = match Config::from_env() {
        Ok(settings) => settings,
        Err(errors) => return config(&errors),
    };
    let mut checks = config(&[]);
    match Database::for_command(&settings) {
        Ok(database) => {
            checks.extend(database_checks(&settings, &database));
            database.stop();
        }
        Err(error) => {
            checks.push(Check::fail("database", format!("{error:#}"), "mend what it says, then ask the doctor again"));
        }
    }
    checks.push(mail(settings.smtp.as_ref()));
    checks.push(storage(&settings.data_dir));
    checks.extend(bucket(&settings));
    checks.extend(settings.clamd.as_ref().map(scanner));
    checks
}

/// Writes, reads and removes something small, where files lie in a bucket.
fn bucket(settings: &Config) -> Option<Check> {
    let bucket = settings.files.as_ref()?;
    Some(match Files::open(settings).and_then(|files| files.probe()) {
        Ok(()) => Check::ok("files", format!("{bucket} takes files and gives them back")),
        Err(error) => {
            let mend = "check FILES_URL, FILES_ENDPOINT, FILES_REGION and the key's rights to put, get and delete";
            Check::fail("files", one_line(&format!("{bucket}: {error:#}")), mend)
        }
    })
}

fn scanner(clamd: &Clamd) -> Check {
    match clamd::ping(clamd) {
        Ok(()) => Check::ok("scanner", format!("clamd at {clamd} answers")),
        Err(error) => Check::fail(
            "scanner",
            one_line(&format!("clamd at {clamd}: {error:#}")),
            "start it, or mend or unset CLAMD_ADDRESS; until then uploaded files wait",
        ),
    }
}

fn database_checks(settings: &Config, database: &Database) -> Vec<Check> {
    let name = match &settings.database_url {
        Some(url) => masked_url(url.expose()),
        None => format!("private server in {}", settings.data_dir.display()),
    };
    let facts = match db::facts(&database.url) {
        Ok(facts) => facts,
        Err(error) => {
            let mend = "start the server, or mend DATABASE_URL: host, port, database, user and password";
            return vec![Check::fail("database", format!("{name}: {}", one_line(&error)), mend)];
        }
    };
    let ours = SystemTime::now();
    let mut checks = vec![reachable(&name, &facts), postgres_version(facts.version_num)];
    checks.extend(settings.read_database_url.as_ref().map(|url| replica(url.expose())));
    let pending = db::pending_migrations(&database.url);
    // A private server is migrated by its own superuser.
    let by_login = settings.database_url.is_some();
    checks.push(roles(&facts, by_login && pending.as_ref().is_ok_and(|missing| !missing.is_empty())));
    checks.push(migrations(pending));
    checks.push(clock(facts.clock(), ours));
    checks.extend(queue(&database.url));
    checks
}

fn reachable(name: &str, facts: &Facts) -> Check {
    if facts.encoding != "UTF8" {
        let finding = format!("{name} keeps text as {}", facts.encoding);
        return Check::fail("database", finding, db::ANEW);
    }
    if facts.read_only {
        let finding = format!("{name} is a read-only replica");
        return Check::fail("database", finding, "let DATABASE_URL name the primary, READ_DATABASE_URL the replica");
    }
    Check::ok("database", format!("{name} answers"))
}

fn replica(url: &str) -> Check {
    let name = masked_url(url);
    match db::facts(url) {
        Ok(_) => Check::ok("replica", format!("{name} answers")),
        Err(error) => {
            Check::fail("replica", format!("{name}: {}", one_line(&error)), "mend or unset READ_DATABASE_URL")
        }
    }
}

/// Only who migrates puts on pipewright_owner, and needs rights in the database itself.
fn roles(facts: &Facts, migrates: bool) -> Check {
    let login = &facts.login;
    if !facts.missing.is_empty() {
        let mend = "run `pipewright migrate` once as a role that may create roles";
        return Check::warn("roles", format!("not there yet: {}", facts.missing.join(", ")), mend);
    }
    let lacks = lacks(facts, migrates);
    if !lacks.is_empty() {
        let (findings, mut mends): (Vec<String>, Vec<String>) = lacks.into_iter().unzip();
        if migrates {
            mends.push(format!("in {}; or run `pipewright migrate` once as a role that may", facts.database));
        }
        return Check::fail("roles", format!("{login} {}", findings.join(", ")), mends.join("; "));
    }
    if facts.all_powerful {
        let mend = "connect as a role that owns nothing: CREATE ROLE pipewright LOGIN NOINHERIT PASSWORD '…'; \
                    GRANT pipewright_app, pipewright_system TO pipewright";
        return Check::warn("roles", format!("{login} is a superuser or bypasses row-level security"), mend);
    }
    Check::ok("roles", format!("{login} puts on pipewright_app and pipewright_system, and is no superuser"))
}

/// What the login lacks, and the statement that gives it.
fn lacks(facts: &Facts, migrates: bool) -> Vec<(String, String)> {
    let (login, database, mut lacks) = (&facts.login, &facts.database, Vec::new());
    let roles: Vec<&str> =
        facts.out_of_reach.iter().map(String::as_str).filter(|role| migrates || *role != "pipewright_owner").collect();
    if !roles.is_empty() {
        let roles = roles.join(", ");
        lacks.push((format!("may not put on {roles}"), format!("GRANT {roles} TO \"{login}\"")));
    }
    if migrates && !facts.may_create {
        let grant = format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{login}\"");
        lacks.push((format!("may not create in {database}"), grant));
    }
    if migrates && !facts.holds_public {
        let grant = format!("GRANT CREATE, USAGE ON SCHEMA public TO \"{login}\" WITH GRANT OPTION");
        lacks.push(("may not let others create in its schema public".into(), grant));
    }
    lacks
}

fn migrations(pending: Result<Vec<String>, db::MigrateError>) -> Check {
    match pending {
        Ok(missing) if missing.is_empty() => Check::ok("migrations", "the schema is this version's"),
        Ok(missing) => {
            let finding = match missing.len() {
                ..=5 => format!("not run yet: {}", missing.join(", ")),
                many => format!("{many} not run yet"),
            };
            Check::warn("migrations", finding, "run `pipewright migrate`, or start `pipewright serve`, which does it")
        }
        Err(error) => Check::fail("migrations", one_line(&error.to_string()), "see what it says"),
    }
}

/// Nothing before the schema is there.
fn queue(url: &str) -> Option<Check> {
    let db = Db::connect(url, None, 1).ok()?;
    let depth = db.system_now(Reason::CommandLine, jobs::depth).ok()?;
    let finding = format!("{} due, {} later, {} dead", depth.due, depth.later, depth.dead);
    Some(if depth.dead > 0 {
        Check::warn("jobs", finding, "administrators see dead jobs, and retry or discard them, under Settings")
    } else if depth.oldest_seconds > 300.0 {
        let finding = format!("{finding}; the oldest has waited {:.0} minutes", depth.oldest_seconds / 60.0);
        Check::warn("jobs", finding, "start `pipewright worker`, or let `serve` work with WORKERS=2")
    } else {
        Check::ok("jobs", finding)
    })
}
