//! `kill -9` of two workers, again and again, while a hundred deals set an automation off: each deal gets its tag, its note in the log
//! and its turn once, and none is left out.

use crate::support::{Client, PASSWORD, fixtures, process, process::Server, sql};
use diesel::connection::SimpleConnection;
use pipewright::db::{Db, embedded::Embedded};
use std::time::{Duration, Instant};

const DEALS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_deals_set_off_happens_once_however_often_its_workers_are_killed() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let server = Server::start(&data_dir, &[("WORKERS", "0")]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    let org = fixtures::create_org(&db, "robot").await;
    let mut conn = sql::connect(&admin_url);
    let (team, tag) = ("00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002");
    conn.batch_execute(&format!(
        "INSERT INTO teams (org_id, id, name) VALUES ('{0}', '{team}', 'All');
         INSERT INTO team_members (org_id, team_id, member_id) VALUES ('{0}', '{team}', '{1}'), ('{0}', '{team}', '{2}');
         INSERT INTO tags (org_id, id, name) VALUES ('{0}', '{tag}', 'Moved');
         INSERT INTO automations (org_id, id, pipeline_id, stage_id, name, event, active_since, saved_by, actions)
           SELECT org_id, gen_random_uuid(), pipeline_id, id, 'All', 'entered', now(), '{3}', '[
             {{\"id\": \"{tag}\", \"do\": \"tag\", \"tags\": [\"{tag}\"]}},
             {{\"id\": \"{team}\", \"do\": \"assign\", \"to\": {{\"team\": \"{team}\"}}}}]'
           FROM stages WHERE org_id = '{0}' ORDER BY position OFFSET 1 LIMIT 1;
         INSERT INTO deals (org_id, id, number, name, pipeline_id, stage_id, position, currency, owner_id)
           SELECT s.org_id, gen_random_uuid(), n, 'Deal ' || n, s.pipeline_id, s.id, 'a' || lpad(n::text, 6, '0') || 'V', 'EUR', '{3}'
           FROM (SELECT * FROM stages WHERE org_id = '{0}' ORDER BY position LIMIT 1) s, generate_series(1, {DEALS}) n",
        org.id, org.manager, org.rep, org.admin
    ))
    .unwrap();
    let target = sql::value(&mut conn, "SELECT id FROM stages ORDER BY position OFFSET 1 LIMIT 1");
    let client = Client::new(&server.base);
    client.sign_in("admin@robot.test", PASSWORD).await;
    let worker = || process::command(&data_dir, &[], &["worker"]).spawn().unwrap();
    let mut workers = [worker(), worker()];
    let form = [
        ("record_type", "deal"),
        ("action", "edit"),
        ("field", "stage_id"),
        ("value", target.as_str()),
        ("scope", "matching"),
        ("matching", ""),
    ];
    assert_eq!(client.post("/operations", &form).await.status(), 303);
    let deadline = Instant::now() + Duration::from_secs(240);
    let done = format!(
        "SELECT (SELECT count(*) FROM automation_runs) = {DEALS} AND NOT EXISTS (SELECT FROM automation_inbox)
           AND (SELECT status = 'done' FROM operations)"
    );
    let mut round = 0;
    while sql::value(&mut conn, &done) != "true" {
        assert!(Instant::now() < deadline, "{}", sql::value(&mut conn, "SELECT count(*) FROM automation_runs"));
        conn.batch_execute("UPDATE jobs SET locked_until = now() - interval '1 s' WHERE status = 'running' AND locked_until < now() + interval '58 s';
          UPDATE jobs SET run_at = now() WHERE status = 'queued'")
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        if round < 20 && round % 4 == 3 {
            let one = (round / 4) % 2;
            workers[one].kill().await.unwrap();
            workers[one] = worker();
        }
        round += 1;
    }
    for worker in &mut workers {
        worker.kill().await.unwrap();
    }
    let mut is = |what: &str, query: &str, expected: &str| assert_eq!(sql::value(&mut conn, query), expected, "{what}");
    let n = DEALS.to_string();
    is("runs that were done", "SELECT count(*) FROM automation_runs WHERE status = 'done'", &n);
    is("deals with the tag", "SELECT count(*) FROM record_tags", &n);
    is("events of the tag", "SELECT count(*) FROM events WHERE changes ? 'tags'", &n);
    is("events of the owner", "SELECT count(*) FROM events WHERE changes ? 'owner_id' AND data ? 'automation'", &n);
    is(
        "each took half",
        "SELECT count(*) FROM deals WHERE owner_id = (SELECT member_id FROM team_members LIMIT 1)",
        &(DEALS / 2).to_string(),
    );
    drop(conn);
    assert!(server.terminate().await.1);
}
