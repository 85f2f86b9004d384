//! `kill -9` in the middle of a merge and of its undo: two records with all that is theirs, or one; nothing between.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server, sql};
use diesel::{PgConnection, connection::SimpleConnection};
use pipewright::db::{Db, embedded::Embedded};
use std::time::{Duration, Instant};

const PEOPLE: usize = 4_000;

/// How many people the two companies have, whether the second is deleted, standing merges, events of people that changed company.
const SUMMARY: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM contacts p JOIN companies c ON c.id = p.company_id WHERE c.name = 'Stays'),
  (SELECT count(*) FROM contacts p JOIN companies c ON c.id = p.company_id WHERE c.name = 'Goes'),
  (SELECT count(*) FROM companies WHERE deleted_at IS NOT NULL), (SELECT count(*) FROM merges WHERE undone_at IS NULL),
  (SELECT count(*) FROM events WHERE data ? 'merge_id' AND record_type = 'contact'), (SELECT count(*) FROM notes n JOIN companies c ON c.id = n.company_id WHERE c.name = 'Stays'))";

fn at_work(conn: &mut PgConnection) -> bool {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%linked AS%' AND state = 'active'";
    sql::value(conn, query) != "0"
}

/// Waits until the server is in the middle of it, or has answered.
async fn in_the_middle(conn: &mut PgConnection, sent: &tokio::task::JoinHandle<()>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !at_work(conn) && !sent.is_finished() {
        assert!(Instant::now() < deadline, "it never began");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Until no transaction of a killed server is left.
async fn settled(conn: &mut PgConnection) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while at_work(conn) {
        assert!(Instant::now() < deadline, "a statement of the killed server goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the form; nobody waits for the answer.
async fn send(client: &Client, path: &str, fields: &[(&str, &str)]) -> tokio::task::JoinHandle<()> {
    let token = client.csrf().await;
    let mut all: Vec<(String, String)> = vec![("csrf_token".into(), token)];
    all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let request = client.http().post(client.url(path)).timeout(Duration::from_secs(20)).form(&all);
    tokio::spawn(async move { drop(request.send().await) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_killed_is_done_whole_or_not_at_all_and_so_is_its_undo() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let mut server = Server::start(&data_dir, &[]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    fixtures::create_org(&db, "chaos").await;
    let mut conn = sql::connect(&admin_url);
    conn.batch_execute(&format!(
        "SELECT set_config('app.org_id', (SELECT id::text FROM organisations), false);
         INSERT INTO companies (id, name) VALUES (gen_random_uuid(), 'Stays'), (gen_random_uuid(), 'Goes');
         INSERT INTO contacts (id, first_name, last_name, company_id) SELECT gen_random_uuid(), 'P', n::text, c.id
           FROM generate_series(1, {PEOPLE}) n, companies c WHERE c.name = 'Goes';
         INSERT INTO notes (id, company_id, author_id, body_html) SELECT gen_random_uuid(), c.id, m.id, 'x' FROM companies c, (SELECT id FROM members LIMIT 1) m WHERE c.name = 'Goes'"
    ))
    .unwrap();
    let id = |conn: &mut PgConnection, name: &str| {
        sql::value(conn, &format!("SELECT id FROM companies WHERE name = '{name}'"))
    };
    let (stays, goes) = (id(&mut conn, "Stays"), id(&mut conn, "Goes"));
    let client = Client::new(&server.base);
    client.sign_in("admin@chaos.test", PASSWORD).await;

    let apart = format!("0 {PEOPLE} 0 0 ");
    let together = format!("{PEOPLE} 0 1 1 ");
    let (mut killed, mut rounds) = (0, 0);
    while killed < 2 || rounds < 4 {
        rounds += 1;
        assert!(rounds <= 16, "never killed in the middle");
        let was = sql::value(&mut conn, SUMMARY);
        let page = client.get(&format!("/companies/{stays}")).await;
        let sent = if was.starts_with(&apart) {
            let form = client.get(&format!("/companies/{stays}/merge?with={goes}")).await;
            let version =
                |which: &str| form.between(&format!("name=\"version_{which}\" value=\""), "\"").unwrap().to_owned();
            let (va, vb) = (version("a"), version("b"));
            let fields = [
                ("with", goes.as_str()),
                ("survivor", "a"),
                ("pick-name", "a"),
                ("version_a", &va),
                ("version_b", &vb),
            ];
            send(&client, &format!("/companies/{stays}/merge"), &fields).await
        } else {
            let merge = page
                .between("action=\"/merges/", "/undo\"")
                .unwrap_or_else(|| panic!("no undo: {}", page.body))
                .to_owned();
            send(&client, &format!("/merges/{merge}/undo"), &[]).await
        };
        in_the_middle(&mut conn, &sent).await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..120))).await;
        server.kill_and_restart().await;
        sent.await.unwrap();
        conn = sql::connect(&admin_url);
        settled(&mut conn).await;
        let found = sql::value(&mut conn, SUMMARY);
        assert!(found.starts_with(&apart) || found.starts_with(&together), "half a merge: {found}");
        killed += usize::from(found == was);
    }
    drop(conn);
    assert!(server.terminate().await.1);
}
