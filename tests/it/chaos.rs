//! The built program as processes: it starts, stops and shares well.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server};
use diesel::{Connection, PgConnection, connection::SimpleConnection};
use pipewright::db::{Db, embedded::Embedded};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_owner_helpers_beside_it_and_a_stop_in_time() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    // Alone, the doctor starts the private server for its own run.
    let alone = process::run(&data_dir, &[], &["doctor"]).await;
    assert!(alone.success && alone.out.contains("private server"), "{}{}", alone.out, alone.err);
    assert!(alone.out.contains("run `pipewright migrate`"), "{}", alone.out);

    let metrics = format!("127.0.0.1:{}", process::free_port());
    let server = Server::start(&data_dir, &[("METRICS_BIND", &metrics)]).await;
    let second = process::run(&data_dir, &[("BIND", "127.0.0.1:0")], &["serve"]).await;
    assert!(!second.success && second.err.trim().lines().count() == 1, "{}", second.err);
    assert!(second.err.contains("in use by process") && second.err.contains("stop it first"), "{}", second.err);

    let doctor = process::run(&data_dir, &[], &["doctor"]).await;
    assert!(doctor.success, "{}{}", doctor.out, doctor.err);
    for line in
        ["ok    database", "ok    roles", "ok    migrations", "ok    clock", "ok    storage", "warn  mail", "0 failed"]
    {
        assert!(doctor.out.contains(line), "no {line:?} in\n{}", doctor.out);
    }
    let closed = format!("smtp://127.0.0.1:{}", process::free_port());
    let ill = process::run(&data_dir, &[("SMTP_URL", &closed)], &["doctor"]).await;
    assert!(!ill.success && ill.out.contains("FAIL  mail") && ill.out.contains("1 failed"), "{}", ill.out);
    let wrong = process::run(&data_dir, &[("BIND", "nowhere"), ("WORKERS", "many")], &["doctor"]).await;
    assert!(!wrong.success && wrong.out.matches("FAIL  configuration").count() == 2, "{}", wrong.out);
    let absent =
        process::run(&data_dir, &[("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/x")], &["doctor"]).await;
    assert!(
        !absent.success && absent.out.contains("FAIL  database") && absent.out.contains("mend DATABASE_URL"),
        "{}",
        absent.out
    );
    let down = process::run(&data_dir, &[("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/x")], &["serve"]).await;
    assert!(!down.success && down.err.trim().lines().count() == 1 && down.err.contains("refused"), "{}", down.err);
    assert!(!absent.out.contains("secret") && !absent.err.contains("secret"), "{}", absent.out);

    // SIGTERM with a live stream open and requests under way.
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let db = Db::connect(&attached.app_url(), None, 2).unwrap();
    fixtures::create_org(&db, "stops").await;
    // Files on the command line: what is wrong where, and no success when nothing came in.
    let (bad, here) = (scratch.path().join("bad.csv"), [("PUBLIC_URL", "https://sales.example.com")]);
    std::fs::write(&bad, "first name,email\nAnn,nonsense\n").unwrap();
    let bad = bad.to_str().unwrap();
    let import = process::run(&data_dir, &here, &["import", "contacts", bad, "--org", "stop"]).await;
    assert!(!import.success && import.err.contains("there are: stops"), "{}", import.err);
    assert!(!format!("{}{}", import.out, import.err).contains("connection failed"), "{}", import.err);
    let import = process::run(&data_dir, &here, &["import", "contacts", bad, "--org", "stops"]).await;
    assert!(!import.success && import.err.contains("every row is in error"), "{}", import.err);
    assert!(import.out.contains("line 2: E-mail: must be an e-mail address"), "{}", import.out);
    assert!(import.out.contains("All rows in error: https://sales.example.com/imports/"), "{}", import.out);
    let sold = scratch.path().join("sold.csv");
    std::fs::write(&sold, "Deal name,Product,Amount\nPilot,Unheard of,5\n").unwrap();
    let import = process::run(&data_dir, &here, &["import", "deals", sold.to_str().unwrap(), "--org", "stops"]).await;
    assert!(import.success, "{}{}", import.out, import.err);
    assert!(import.out.contains("does not have the product Unheard of: their deals have no line"), "{}", import.out);
    let client = Arc::new(Client::new(&server.base));
    client.sign_in("rep@stops.test", PASSWORD).await;
    // What is measured is told on a listener of its own, and not to the public.
    let told = client.http().get(format!("http://{metrics}/metrics")).send().await.unwrap().text().await.unwrap();
    for what in [
        "http_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"}",
        "http_request_duration_seconds",
        "db_connections_idle",
        "jobs{state=\"due\"}",
    ] {
        assert!(told.contains(what), "no {what} in\n{told}");
    }
    assert_eq!(client.get("/metrics").await.status(), 404);
    let mut stream = client.http().get(client.url("/live")).send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let busy = client.clone();
    let requests = tokio::spawn(async move {
        let mut broken = Vec::new();
        while let Ok(answer) = busy.http().get(busy.url("/settings/profile")).send().await {
            let status = answer.status();
            // What was begun is answered whole.
            if status.is_server_error() || answer.text().await.is_err() {
                broken.push(status);
            }
        }
        broken
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(db);
    let (took, well) = server.terminate().await;
    assert!(well && took < Duration::from_secs(10), "SIGTERM to exit took {took:?}, well: {well}");
    assert_eq!(requests.await.unwrap(), Vec::<reqwest::StatusCode>::new());
    while let Ok(Some(_)) = stream.chunk().await {}
    assert!(process::postmaster(&data_dir).is_none(), "Postgres outlives its owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_start_at_once_on_one_empty_database() {
    let database = crate::support::TestDatabase::create_empty();
    let (one, two) = (process::scratch(), process::scratch());
    let settings = [("DATABASE_URL", database.url.as_str()), ("SECRET_KEY", "0123456789abcdef0123456789abcdef")];
    let (first, second) = tokio::join!(Server::start(one.path(), &settings), Server::start(two.path(), &settings));
    assert_ne!(first.base, second.base);
    // A worker process joins them; the doctor minds only the superuser.
    let doctor = process::run(one.path(), &settings, &["doctor"]).await;
    assert!(
        doctor.success && doctor.out.contains("warn  roles") && doctor.out.contains("ok    migrations"),
        "{}",
        doctor.out
    );
    // What one process writes, the tabs of the other hear.
    let db = Db::connect(&database.url, None, 2).unwrap();
    let org = fixtures::create_org(&db, "both").await;
    let client = Client::new(&second.base);
    client.sign_in("rep@both.test", PASSWORD).await;
    let mut stream = client.http().get(client.url("/live")).send().await.unwrap();
    stream.chunk().await.unwrap();
    let id = Uuid::now_v7();
    db.org(&org.id, move |tx| pipewright::live::publish(tx, &pipewright::live::LiveMessage::record("deal", id)))
        .await
        .unwrap();
    let told =
        async { while !String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()).contains(&id.to_string()) {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("an event from the other process");
    drop(db);
    let (first, second) = tokio::join!(first.terminate(), second.terminate());
    assert!(first.1 && second.1);
}

/// A database that does not fit is left alone and told; what the doctor advises leads to a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_fit_is_told_and_the_advice_leads_to_a_start() {
    // Our roles are the cluster's: they are there as after an earlier installation.
    let other = crate::support::TestDatabase::create().await;
    let (database, scratch) = (crate::support::TestDatabase::create_empty(), process::scratch());
    let mut admin = PgConnection::establish(&other.url).unwrap();
    let name = url::Url::parse(&database.url).unwrap().path()[1..].to_owned();
    let (latin, plain) = (format!("{name}_latin"), format!("{name}_plain"));
    admin
        .batch_execute(&format!(
            "CREATE DATABASE {latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ))
        .unwrap();
    let run = async |url: &str, bind: &str, command: &str| {
        process::run(scratch.path(), &[("DATABASE_URL", url), ("BIND", bind)], &[command]).await
    };
    let any = "127.0.0.1:0";
    for command in ["serve", "migrate", "worker"] {
        let refused = run(&database.url.replace(&name, &latin), any, command).await;
        assert!(!refused.success && refused.err.contains("keeps text as LATIN1: create it anew"), "{}", refused.err);
    }
    admin.batch_execute(&format!("DROP DATABASE {latin} WITH (FORCE)")).unwrap();

    // A start that cannot succeed changes nothing.
    let taken = std::net::TcpListener::bind(any).unwrap();
    let refused = run(&database.url, &taken.local_addr().unwrap().to_string(), "serve").await;
    assert!(!refused.success && refused.err.contains("cannot listen on"), "{}", refused.err);
    let unmigrated = run(&database.url, any, "worker").await;
    assert!(unmigrated.err.contains(" to go): run `pipewright migrate`"), "{}", unmigrated.err);

    // A login that is nobody yet, and what the doctor says to do.
    admin.batch_execute(&format!("CREATE ROLE {plain} LOGIN NOINHERIT")).unwrap();
    let mut url = url::Url::parse(&database.url).unwrap();
    let rest: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(key, _)| key != "user")
        .chain([("user".into(), plain.clone())])
        .collect();
    url.query_pairs_mut().clear().extend_pairs(rest);
    let doctor = run(url.as_str(), any, "doctor").await;
    assert!(!doctor.success && doctor.out.contains("FAIL  roles"), "{}", doctor.out);
    let from = doctor.out.find("GRANT ").expect("advice");
    let advice = doctor.out[from..].split("; in ").next().unwrap();
    assert!(advice.contains("pipewright_owner") && advice.contains("ON SCHEMA public"), "{advice}");
    PgConnection::establish(&database.url).unwrap().batch_execute(advice).unwrap();
    let settings = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", "0123456789abcdef0123456789abcdef")];
    let server = Server::start(scratch.path(), &settings).await;
    let doctor = run(url.as_str(), any, "doctor").await;
    assert!(doctor.success && doctor.out.contains("ok    roles"), "{}", doctor.out);
    server.terminate().await;
    drop(database);
    admin.batch_execute(&format!("DROP ROLE {plain}")).unwrap();
}
