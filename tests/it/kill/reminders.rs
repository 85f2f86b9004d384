//! `kill -9` of two workers, again and again, while reminders come due and are mailed: each is delivered once, none is lost.

use crate::support::{fixtures, process, process::Server, sql};
use diesel::connection::SimpleConnection;
use pipewright::db::{Db, embedded::Embedded};
use std::time::{Duration, Instant};

const ACTIVITIES: usize = 600;
const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminders_of_killed_workers_are_delivered_once_and_none_is_lost() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    // Holds the database; the workers are processes of their own.
    let server = Server::start(&data_dir, &[("WORKERS", "0")]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    let org = fixtures::create_org(&db, "alarm").await;
    let mut conn = sql::connect(&admin_url);
    conn.batch_execute(&format!(
        "INSERT INTO notice_choices (org_id, member_id, kind, centre, browser, mail)
           SELECT org_id, id, 'reminder', true, true, 'now' FROM members;
         INSERT INTO reminder_clocks (org_id, reached) VALUES ('{0}', now()) ON CONFLICT (org_id) DO UPDATE SET reached = now();
         INSERT INTO activities (org_id, id, type_id, class, subject, owner_id, start_at)
           SELECT '{0}', gen_random_uuid(), (SELECT id FROM activity_types WHERE org_id = '{0}' AND key = 'call'), 'activity', 'Call ' || n,
             (ARRAY['{1}', '{2}', '{3}', '{4}'])[n % 4 + 1]::uuid, now() + interval '15 minutes' + (n % 9 + 1) * interval '1 second'
           FROM generate_series(1, {ACTIVITIES}) n",
        org.id, org.admin, org.manager, org.rep, org.viewer
    ))
    .unwrap();
    let worker = || process::command(&data_dir, &[], &["worker"]).spawn().unwrap();
    let mut workers = [worker(), worker()];
    // They sweep as they start: every one that is killed leaves that to the next.
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(700 + round * 350)).await;
        let one = usize::try_from(round % 2).unwrap();
        workers[one].kill().await.unwrap();
        workers[one] = worker();
    }
    let deadline = Instant::now() + Duration::from_secs(180);
    let open = format!(
        "SELECT (SELECT count(*) FROM notices WHERE kind = 'reminder') = {ACTIVITIES}
           AND NOT EXISTS (SELECT 1 FROM notices WHERE mailed_at IS NULL) AND NOT EXISTS (SELECT 1 FROM jobs WHERE kind LIKE 'notices.%' OR kind = 'mail.send')"
    );
    let mut beat = Instant::now();
    while sql::value(&mut conn, &open) != "true" {
        assert!(
            Instant::now() < deadline,
            "{}",
            sql::value(
                &mut conn,
                "SELECT (SELECT count(*) FROM notices) || ' notices; ' || coalesce((SELECT string_agg(kind || ' ' || status || ' ' || n, ', ') FROM (SELECT kind, status, count(*) AS n FROM jobs GROUP BY 1, 2) x), '')"
            )
        );
        // Time passes faster here: leases of the killed run out, and the sweep's minute too.
        conn.batch_execute("UPDATE jobs SET locked_until = now() - interval '1 s' WHERE status = 'running' AND locked_until < now() + interval '55 s'")
            .unwrap();
        if beat.elapsed() > Duration::from_secs(8) {
            beat = Instant::now();
            workers[0].kill().await.unwrap();
            workers[0] = worker();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for worker in &mut workers {
        worker.kill().await.unwrap();
    }
    // Each activity told once, to its owner; each notice in exactly one mail.
    let doubled = "SELECT count(*) FROM (SELECT record_id FROM notices GROUP BY 1 HAVING count(*) > 1) x";
    assert_eq!(sql::value(&mut conn, doubled), "0");
    let mailed = "SELECT sum(CASE WHEN subject LIKE '% notifications' THEN split_part(subject, ' ', 1)::int ELSE 1 END) FROM mails WHERE template = 'notices'";
    assert_eq!(sql::value(&mut conn, mailed), ACTIVITIES.to_string());
    drop(conn);
    assert!(server.terminate().await.1);
}
