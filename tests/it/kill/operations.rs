//! `kill -9` in the middle of a bulk change, and of its undo: every record is changed with its event and its before-image, or not at
//! all; taken up again, it goes on where it was and does nothing twice.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server, sql};
use diesel::{PgConnection, connection::SimpleConnection};
use pipewright::db::{Db, embedded::Embedded};
use std::time::{Duration, Instant};

const RECORDS: usize = 20_000;

/// Contacts changed, their events, their before-images, what the operation counts: always the same number.
const CHANGED: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM contacts WHERE lifecycle = 'customer' AND version = 2),
  (SELECT count(*) FROM events WHERE kind = 'contact.updated' AND version = 2), (SELECT count(*) FROM operation_changes),
  (SELECT changed FROM operations))";
const RESTORED: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM contacts WHERE lifecycle = 'lead' AND version = 3),
  (SELECT count(*) FROM events WHERE kind = 'contact.updated' AND version = 3),
  (SELECT count(*) FROM operation_changes WHERE undo = 'restored'), (SELECT restored FROM operations))";

async fn wait_for(conn: &mut PgConnection, query: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while sql::value(conn, query) != "true" {
        assert!(Instant::now() < deadline, "never true: {query}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How many, when all four say the same.
fn agreed(conn: &mut PgConnection, query: &str) -> usize {
    let found = sql::value(conn, query);
    let numbers: Vec<&str> = found.split(' ').collect();
    assert!(numbers.len() == 4 && numbers.iter().all(|n| *n == numbers[0]), "half done: {found}");
    numbers[0].parse().unwrap()
}

/// Kills the server while that many are done and not all; then time passes, and another takes the job up.
async fn kill_in_the_middle(server: &mut Server, admin_url: &str, done: &str, query: &str) {
    let mut conn = sql::connect(admin_url);
    wait_for(&mut conn, &format!("SELECT {done} > 0 FROM operations")).await;
    server.kill_and_restart().await;
    let mut conn = sql::connect(admin_url);
    wait_for(
        &mut conn,
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%operation%' AND state <> 'idle'",
    )
    .await;
    let count = agreed(&mut conn, query);
    assert!(count > 0 && count < RECORDS, "{count}: not in the middle");
    conn.batch_execute("UPDATE jobs SET locked_until = now() - interval '1 s' WHERE kind = 'operations.run'").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_change_and_its_undo_that_are_killed_leave_nothing_half_done() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let mut server = Server::start(&data_dir, &[]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    let org = fixtures::create_org(&db, "chaos").await;
    let mut conn = sql::connect(&admin_url);
    conn.batch_execute(&format!(
        "INSERT INTO contacts (org_id, id, last_name, owner_id, lifecycle)
         SELECT '{}', gen_random_uuid(), 'Nr ' || n, '{}', 'lead' FROM generate_series(1, {RECORDS}) n",
        org.id, org.admin
    ))
    .unwrap();
    let client = Client::new(&server.base);
    client.sign_in("admin@chaos.test", PASSWORD).await;
    let form = [
        ("record_type", "contact"),
        ("action", "edit"),
        ("field", "lifecycle"),
        ("value", "customer"),
        ("scope", "matching"),
        ("matching", ""),
    ];
    let begun = client.post("/operations", &form).await;
    assert_eq!(begun.status(), 303, "{}", begun.body);
    kill_in_the_middle(&mut server, &admin_url, "changed", CHANGED).await;
    let mut conn = sql::connect(&admin_url);
    wait_for(&mut conn, "SELECT status = 'done' FROM operations").await;
    assert_eq!(agreed(&mut conn, CHANGED), RECORDS);

    let undone = client.post(&format!("{}/undo", begun.location.unwrap()), &[]).await;
    assert_eq!(undone.status(), 303, "{}", undone.body);
    kill_in_the_middle(&mut server, &admin_url, "restored", RESTORED).await;
    let mut conn = sql::connect(&admin_url);
    wait_for(&mut conn, "SELECT status = 'undone' FROM operations").await;
    assert_eq!(agreed(&mut conn, RESTORED), RECORDS);
    assert_eq!(sql::value(&mut conn, "SELECT left_alone FROM operations"), "0");
    drop(conn);
    assert!(server.terminate().await.1);
}
