//! Against real servers, killed the hard way. Skipped, with a word, where the programs are missing. Connections go
//! through psql, as an independent client.

use std::process::{Child, Command, Stdio};

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Under /tmp for short socket paths, and open to passage for the server's account when we are root.
fn scratch() -> io::Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("pw-test-").tempdir_in("/tmp")?;
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(dir)
}

fn no_programs() -> bool {
    let missing = Programs::find(None).err();
    if let Some(error) = &missing {
        eprintln!("skipped: {error}");
    }
    missing.is_some()
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql").args([url, "-XAtqc", sql]).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn eventually(mut test: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        if test() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

fn postmaster(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("postmaster.pid")).ok()?.lines().next()?.parse().ok()
}

fn kill_hard(pid: u32) -> io::Result<()> {
    Command::new("kill").args(["-9", &pid.to_string()]).status().map(drop)
}

#[test]
fn starts_serves_both_roles_stops_and_keeps_the_data() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    let data = dir.path().join("with space \"quotes\" & ü");
    let server = Embedded::start(&data)?;
    assert!(server.owns());
    assert_eq!(
        psql(&server.admin_url(), "create table kept (n int); insert into kept values (7); select current_user")?,
        "postgres"
    );
    assert_eq!(psql(&server.app_url(), "select current_user || ' ' || current_database()")?, "pipewright pipewright");
    let role = "select rolsuper, rolinherit, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles where rolname = current_user";
    assert_eq!(psql(&server.app_url(), role)?, "f|f|f|f|f");
    let owned = "select count(*) from pg_database d join pg_roles r on r.oid = d.datdba where r.rolname = 'pipewright'";
    assert_eq!(psql(&server.app_url(), owned)?, "0");
    let settings = "select string_agg(setting, ' ' order by name) from pg_settings where name in \
        ('data_checksums', 'fsync', 'jit', 'listen_addresses', 'server_encoding', 'synchronous_commit')";
    assert_eq!(psql(&server.admin_url(), settings)?, "on on off  UTF8 on");
    assert_eq!(psql(&server.admin_url(), "select lower('ÄÉ')")?, "äé");
    assert!(psql(&server.admin_url().replace("password=", "password=x"), "select 1").is_err());

    let (place, url) = (server.place.clone(), server.admin_url());
    server.stop();
    assert!(psql(&url, "select 1").is_err());
    assert!(sys::processes_of(&place.cluster).is_empty());
    let server = Embedded::start(&data)?;
    assert_eq!(psql(&server.admin_url(), "select n from kept")?, "7");
    drop(server);

    // Lost passwords are replaced; they protect against other local users, not against the owner of the files.
    fs::remove_file(Passwords::path(&place.data_dir))?;
    let server = Embedded::start(&data)?;
    assert_eq!(psql(&server.app_url(), "select 1")?, "1");
    Ok(())
}

#[test]
fn a_second_owner_is_refused_by_name_and_helpers_attach() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    let server = Embedded::start(dir.path())?;
    let refusal = Embedded::start(dir.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains(&format!("in use by process {}", std::process::id())), "{refusal}");
    assert!(!refusal.contains('\n'));
    let helper = Embedded::attach_or_start(dir.path())?;
    assert!(!helper.owns());
    assert_eq!(helper.app_url(), server.app_url());
    drop(helper);
    assert_eq!(psql(&server.app_url(), "select 1")?, "1");
    drop(server);
    let alone = Embedded::attach_or_start(dir.path())?;
    assert!(alone.owns());
    Ok(())
}

#[test]
fn a_killed_server_comes_back_though_its_backends_linger() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    let server = Embedded::start(dir.path())?;
    psql(&server.admin_url(), "create table kept (n int)")?;
    for round in 0..3 {
        psql(&server.admin_url(), &format!("insert into kept values ({round})"))?;
        // A backend that computes does not notice that its postmaster is gone.
        let busy = "select count(*) from generate_series(1, 200000000)";
        let mut client =
            Command::new("psql").args([&server.admin_url(), "-Xqc", busy]).stderr(Stdio::null()).spawn()?;
        thread::sleep(Duration::from_millis(200));
        let old = postmaster(&server.place.cluster).ok_or("no postmaster.pid")?;
        kill_hard(old)?;
        assert!(eventually(|| psql(&server.app_url(), "select 1").is_ok()));
        assert_ne!(postmaster(&server.place.cluster), Some(old));
        assert_eq!(psql(&server.admin_url(), "select count(*) from kept")?, (round + 1).to_string());
        client.kill()?;
        client.wait()?;
    }
    Ok(())
}

#[test]
fn after_the_owner_was_killed_the_next_one_takes_over() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    for round in 0..3 {
        let mut owner = owner_process(dir.path())?;
        let helper = Embedded::attach_or_start(dir.path())?;
        assert!(!helper.owns());
        psql(&helper.admin_url(), &format!("create table round_{round} ()"))?;
        kill_hard(owner.id())?;
        owner.wait()?;
        // At once, while the old server may still be ending.
        let next = Embedded::start(dir.path())?;
        let tables = psql(&next.admin_url(), "select count(*) from pg_tables where tablename like 'round%'")?;
        assert_eq!(tables, (round + 1).to_string());
    }
    Ok(())
}

#[test]
fn without_a_successor_the_server_of_a_killed_owner_ends() -> Outcome {
    if no_programs() || !cfg!(target_os = "linux") {
        return Ok(());
    }
    let dir = scratch()?;
    let mut owner = owner_process(dir.path())?;
    let place = Embedded::attach_or_start(dir.path())?.place.clone();
    kill_hard(owner.id())?;
    owner.wait()?;
    assert!(eventually(|| sys::processes_of(&place.cluster).is_empty()));
    Ok(())
}

#[test]
fn a_pid_that_now_belongs_to_another_program_does_not_block_the_start() -> Outcome {
    if no_programs() || !cfg!(target_os = "linux") {
        return Ok(());
    }
    let dir = scratch()?;
    let server = Embedded::start(dir.path())?;
    let place = server.place.clone();
    let file = place.cluster.join("postmaster.pid");
    let text = fs::read_to_string(&file)?;
    drop(server);
    let mut other = Command::new("sleep").arg("60").spawn()?;
    let (_, rest) = text.split_once('\n').ok_or("postmaster.pid is empty")?;
    fs::write(&file, format!("{}\n{rest}", other.id()))?;
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let server = Embedded::start(dir.path())?;
    assert_eq!(psql(&server.app_url(), "select 1")?, "1");
    other.kill()?;
    other.wait()?;
    Ok(())
}

#[test]
fn an_interrupted_creation_is_begun_again() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    fs::create_dir(dir.path().join("postgres.new"))?;
    fs::write(dir.path().join("postgres.new/PG_VERSION"), "15")?;
    let server = Embedded::start(dir.path())?;
    assert_eq!(psql(&server.app_url(), "select 1")?, "1");
    Ok(())
}

#[test]
fn a_long_path_gets_its_socket_elsewhere() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    let data = dir.path().join(format!("a,{}", "d".repeat(100)));
    let server = Embedded::start(&data)?;
    assert_eq!(psql(&server.app_url(), "select 1")?, "1");
    let sockets = server.place.sockets.clone();
    assert!(!sockets.starts_with(&data));
    drop(server);
    assert_eq!(Embedded::start(&data)?.place.sockets, sockets);
    fs::remove_dir_all(sockets)?;
    Ok(())
}

#[test]
fn a_missing_version_is_named() -> Outcome {
    if no_programs() {
        return Ok(());
    }
    let dir = scratch()?;
    fs::create_dir(dir.path().join("postgres"))?;
    fs::write(dir.path().join("postgres/PG_VERSION"), "9\n")?;
    let error = Embedded::start(dir.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("belongs to PostgreSQL 9"), "{error}");
    Ok(())
}

/// Another process of this test binary that owns `data_dir` until it is killed.
fn owner_process(data_dir: &Path) -> Result<Child, Box<dyn std::error::Error>> {
    let name = concat!(module_path!(), "::owner");
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    let child = Command::new(std::env::current_exe()?)
        .args(["--exact", name, "--ignored"])
        .env("PIPEWRIGHT_TEST_OWN", data_dir)
        .stdout(Stdio::null())
        .spawn()?;
    let lock = data_dir.join("lock");
    let holds = format!("process {} ", child.id());
    assert!(eventually(|| fs::read_to_string(&lock).is_ok_and(|holder| holder.starts_with(&holds))));
    Ok(child)
}

#[test]
#[ignore = "the other process of `owner_process`"]
fn owner() -> Outcome {
    if let Some(data_dir) = std::env::var_os("PIPEWRIGHT_TEST_OWN") {
        let _server = Embedded::start(Path::new(&data_dir))?;
        thread::sleep(Duration::from_secs(60));
    }
    Ok(())
}
