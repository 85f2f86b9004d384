//! `kill -9` of two workers, again and again, while scheduled mails and a mailing go out: nobody is lost, and only whom a worker was
//! speaking with the server about when it died may get the same mail, with the same Message-ID, twice.

use crate::support::{
    Client, PASSWORD, fixtures, process,
    process::Server,
    smtp::{Mode, SmtpServer},
    sql,
};
use diesel::connection::SimpleConnection;
use pipewright::db::{Db, embedded::Embedded};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use uuid::Uuid;

const PEOPLE: usize = 80;
const SCHEDULED: usize = 25;
const ROUNDS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_of_killed_workers_are_delivered_and_none_is_lost() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    // A server that takes its time: workers are killed in the middle of conversations.
    let smtp = SmtpServer::start(Mode::Slow).await;
    let url = smtp.url();
    let server = Server::start(&data_dir, &[("WORKERS", "0"), ("SMTP_URL", &url)]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 2).unwrap());
    let org = fixtures::create_org(&db, "letters").await;
    let mut conn = sql::connect(&admin_url);
    conn.batch_execute(&format!(
        "INSERT INTO contacts (org_id, id, first_name, email, owner_id)
         SELECT '{}', gen_random_uuid(), 'Nr ' || n, 'many' || n || '@example.com', '{}' FROM generate_series(1, {PEOPLE}) n",
        org.id, org.rep
    ))
    .unwrap();
    let rep = Client::new(&server.base);
    rep.sign_in("rep@letters.test", PASSWORD).await;
    for n in 0..SCHEDULED {
        let (id, to) = (Uuid::now_v7().to_string(), format!("one{n}@example.com, two{n}@example.com"));
        let form = [("id", id.as_str()), ("to", to.as_str()), ("subject", "Hello"), ("body", "x"), ("action", "send")];
        assert_eq!(rep.post("/mails", &form).await.status(), 303);
    }
    let id = Uuid::now_v7().to_string();
    let form = [
        ("id", id.as_str()),
        ("record_type", "contact"),
        ("scope", "matching"),
        ("matching", ""),
        ("subject", "News"),
        ("body", "Dear {{ contact.first_name }}"),
        ("action", "send"),
    ];
    assert_eq!(rep.post("/mailings", &form).await.status(), 303);
    conn.batch_execute("UPDATE jobs SET run_at = now() + interval '1 s'").unwrap();

    let worker = || process::command(&data_dir, &[("SMTP_URL", &url), ("WORKERS", "3")], &["worker"]).spawn().unwrap();
    let mut workers = [worker(), worker()];
    let hurry = "UPDATE jobs SET locked_until = now() - interval '1 s' WHERE status = 'running' AND locked_until < now() + interval '55 s';
                 UPDATE jobs SET run_at = now() WHERE status = 'queued' AND run_at > now()";
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(900 + (round as u64 % 3) * 170)).await;
        workers[round % 2].kill().await.unwrap();
        workers[round % 2] = worker();
        conn.batch_execute(hurry).unwrap();
    }
    let open = "SELECT (SELECT count(*) FROM mail_messages WHERE status IN ('scheduled', 'sending')) || ' mails, mailing ' || (SELECT status FROM mailings)
                || ', ' || (SELECT coalesce(string_agg(DISTINCT coalesce(last_error, kind), ' | '), '') FROM jobs WHERE kind LIKE 'mails.%')";
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let left = sql::value(&mut conn, open);
        if left.starts_with("0 mails, mailing done") {
            break;
        }
        assert!(Instant::now() < deadline, "{left}; {} received", smtp.received().len());
        conn.batch_execute(hurry).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for worker in &mut workers {
        worker.kill().await.unwrap();
    }
    let mut times: HashMap<(String, String), usize> = HashMap::new();
    for mail in smtp.received() {
        *times.entry((mail.header("Message-ID").unwrap(), mail.to.clone())).or_default() += 1;
    }
    let expected = PEOPLE + 2 * SCHEDULED;
    assert_eq!(times.len(), expected, "a mail for each, with one Message-ID however often its worker died");
    let twice: usize = times.values().map(|n| n - 1).sum();
    println!("{expected} deliveries, {twice} of them twice, {ROUNDS} workers killed");
    // A worker speaks with the server on two threads at most; what it was saying when it died may have been heard.
    assert!(twice <= 2 * ROUNDS, "{twice} deliveries too many");
    assert_eq!(
        sql::value(&mut conn, "SELECT count(*) FROM mail_recipients WHERE status = 'sent'"),
        expected.to_string()
    );
    let events = "SELECT count(*) FROM events WHERE kind = 'mail.sent'";
    assert_eq!(sql::value(&mut conn, events), SCHEDULED.to_string());
    drop(conn);
    assert!(server.terminate().await.1);
}
