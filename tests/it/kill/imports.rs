//! `kill -9` in the middle of an import, on the command line and behind an upload: all of the file is there or nothing of it.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server, sql};
use diesel::{PgConnection, connection::SimpleConnection};
use pipewright::db::{Db, embedded::Embedded};
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

const ROWS: usize = 12_000;
const FIRMS: usize = 400;
const SUMMARY: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM contacts), (SELECT count(*) FROM events WHERE kind = 'contact.created'),
  (SELECT count(*) FROM companies), (SELECT count(*) FROM events WHERE kind = 'company.created'),
  (SELECT coalesce(sum(created), 0) FROM imports), (SELECT coalesce(sum(updated), 0) FROM imports),
  (SELECT count(*) FROM events WHERE kind = 'contact.updated'), (SELECT coalesce(sum(rows_read), 0) FROM imports WHERE status = 'done'))";

fn people(title: &str) -> String {
    let rows = (0..ROWS).map(|n| format!("Ann {n},Of {n},a{n}@firm{0}.example,{title},Firm {0}\n", n % FIRMS));
    std::iter::once("first name,last name,email,title,company\n".to_owned()).chain(rows).collect()
}

fn at_work(conn: &mut PgConnection) -> bool {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%import_%' AND state <> 'idle'";
    sql::value(conn, query) != "0"
}

/// Until the import's own connection says so.
async fn wait_until(conn: &mut PgConnection, working: bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while at_work(conn) != working {
        assert!(Instant::now() < deadline, "waited in vain for an import to {}", if working { "begin" } else { "end" });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn wait_for(conn: &mut PgConnection, query: &str, value: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while sql::value(conn, query) != value {
        assert!(Instant::now() < deadline, "{value} never comes of {query}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn some_moment() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..500))).await;
}

async fn upload(client: &Client, text: &str) {
    let file = reqwest::multipart::Part::bytes(text.as_bytes().to_vec()).file_name("people.csv");
    let form = reqwest::multipart::Form::new().text("csrf_token", client.csrf().await).text("record_type", "contact");
    let sent = client.http().post(client.url("/imports/new")).multipart(form.part("file", file)).send().await.unwrap();
    assert_eq!(sent.status(), 303);
}

async fn command_line(data_dir: &Path, file: &str) -> String {
    let done = process::run(data_dir, &[], &["import", "contacts", file, "--org", "chaos"]).await;
    assert!(done.success, "{}", done.err);
    done.out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_is_there_whole_or_not_at_all() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let mut server = Server::start(&data_dir, &[]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    fixtures::create_org(&db, "chaos").await;
    let mut conn = sql::connect(&admin_url);
    let file = scratch.path().join("people.csv");
    std::fs::write(&file, people("Buyer")).unwrap();
    let file = file.to_str().unwrap();

    let nothing = "0 0 0 0 0 0 0 0";
    let all = format!("{ROWS} {ROWS} {FIRMS} {FIRMS} {ROWS} 0 0 ");
    let mut killed_in_the_middle = 0;
    for _ in 0..3 {
        let mut importing =
            process::command(&data_dir, &[], &["import", "contacts", file, "--org", "chaos"]).spawn().unwrap();
        wait_until(&mut conn, true).await;
        some_moment().await;
        importing.kill().await.unwrap();
        wait_until(&mut conn, false).await;
        let found = sql::value(&mut conn, SUMMARY);
        assert!(found == nothing || found.starts_with(&all), "half an import: {found}");
        assert_eq!(sql::value(&mut conn, "SELECT count(*) FROM imports WHERE status <> 'done'"), "0");
        killed_in_the_middle += usize::from(found == nothing);
    }
    assert!(killed_in_the_middle > 0, "every import was done before it was killed");
    command_line(&data_dir, file).await;
    assert!(sql::value(&mut conn, SUMMARY).starts_with(&all));
    let again = command_line(&data_dir, file).await;
    assert!(again.contains(&format!("skipped {ROWS:>9}")), "{again}");
    assert!(sql::value(&mut conn, SUMMARY).starts_with(&all), "a second time changes nothing");

    // Behind an upload: the job is taken up again once its lease has ended, which time passing faster brings about here.
    let client = Client::new(&server.base);
    client.sign_in("admin@chaos.test", PASSWORD).await;
    let uploads = data_dir.join("uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    for (name, days) in [("left.csv", 3), ("arriving.csv", 1)] {
        let file = std::fs::File::create(uploads.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    }
    upload(&client, &people("Head of purchasing")).await;
    wait_until(&mut conn, true).await;
    some_moment().await;
    server.kill_and_restart().await;
    conn = sql::connect(&admin_url);
    wait_until(&mut conn, false).await;
    assert!(sql::value(&mut conn, SUMMARY).starts_with(&all), "half an upload");
    conn.batch_execute("UPDATE jobs SET locked_until = now() - interval '1 s' WHERE kind = 'imports.run'").unwrap();
    wait_for(&mut conn, "SELECT count(*) FROM imports WHERE status <> 'done'", "0").await;
    let found = sql::value(&mut conn, SUMMARY);
    assert!(found.starts_with(&format!("{ROWS} {ROWS} {FIRMS} {FIRMS} {ROWS} {ROWS} {ROWS} ")), "{found}");
    wait_for(&mut conn, "SELECT count(*) FROM jobs WHERE kind = 'imports.run'", "0").await;
    let left: Vec<_> = std::fs::read_dir(&uploads).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["arriving.csv"], "uploads that a crash left behind are removed, others are not");

    // Undone, killed on the way: all of it is as before or nothing, and the job is taken up again.
    let page = sql::value(
        &mut conn,
        "SELECT '/imports/' || id FROM imports WHERE created_by IS NOT NULL ORDER BY created_at DESC LIMIT 1",
    );
    let titles = |title: &str| format!("SELECT count(*) FROM contacts WHERE title = '{title}'");
    for n in 0..2 {
        if n == 0 {
            let client = Client::new(&server.base);
            client.sign_in("admin@chaos.test", PASSWORD).await;
            assert_eq!(client.post(&format!("{page}/undo"), &[]).await.status(), 303);
        }
        let undoing = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%undo_updated%' AND state <> 'idle'";
        let deadline = Instant::now() + Duration::from_secs(120);
        while sql::value(&mut conn, undoing) == "0" && sql::value(&mut conn, &titles("Buyer")) == "0" {
            assert!(Instant::now() < deadline, "waited in vain for the undoing to begin");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        some_moment().await;
        server.kill_and_restart().await;
        conn = sql::connect(&admin_url);
        let old = sql::value(&mut conn, &titles("Buyer"));
        assert!(old == "0" || old == ROWS.to_string(), "half undone: {old}");
        conn.batch_execute("UPDATE jobs SET locked_until = now() - interval '1 s' WHERE kind = 'imports.undo'")
            .unwrap();
    }
    wait_for(&mut conn, &titles("Buyer"), &ROWS.to_string()).await;
    wait_for(&mut conn, "SELECT count(*) FROM imports WHERE status = 'undone'", "1").await;
    wait_for(&mut conn, "SELECT count(*) FROM jobs WHERE kind = 'imports.undo'", "0").await;
    assert_eq!(sql::value(&mut conn, &titles("Head of purchasing")), "0");
    let found = sql::value(&mut conn, SUMMARY);

    // One that ends its worker each time is given up, and says so.
    upload(&client, &people("Buyer")).await;
    wait_until(&mut conn, true).await;
    server.kill_and_restart().await;
    conn = sql::connect(&admin_url);
    wait_until(&mut conn, false).await;
    let died =
        "UPDATE jobs SET attempts = max_attempts, locked_until = now() - interval '1 s' WHERE kind = 'imports.run'";
    conn.batch_execute(died).unwrap();
    server.kill_and_restart().await;
    conn = sql::connect(&admin_url);
    wait_for(&mut conn, "SELECT count(*) FROM imports WHERE status = 'failed' AND error IS NOT NULL", "1").await;
    assert_eq!(sql::value(&mut conn, SUMMARY), found);
    drop(conn);
    assert!(server.terminate().await.1);
}
