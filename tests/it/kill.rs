//! `kill -9` of the program and of its Postgres: no acknowledged write is lost, nothing is half done, no mail goes out twice.

mod automations;
mod files;
mod imports;
mod mails;
mod merges;
mod operations;
mod reminders;

use crate::support::{
    Client, PASSWORD, fixtures, process,
    process::Server,
    smtp::{Mode, SmtpServer},
    sql,
};
use pipewright::{
    db::{Db, Reason, embedded::Embedded},
    mailer::{self, MailMessage},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// What the server has said yes to, and what it may have done without being able to say so.
#[derive(Default)]
struct Ledger {
    created: Vec<Uuid>,
    /// Of each deal: the stages it may be in now. One acknowledged move makes it exactly one.
    stages: HashMap<Uuid, HashSet<Uuid>>,
    moves: usize,
    failures: usize,
}

impl Ledger {
    fn note(&mut self, path: &str, answer: Option<reqwest::StatusCode>, id: Uuid, stage: Uuid) {
        match answer {
            Some(status) if status == 303 => {
                self.stages.insert(id, HashSet::from([stage]));
                if path == "/deals/new" { self.created.push(id) } else { self.moves += 1 }
            }
            Some(status) if status.is_client_error() => panic!("{path}: {status}"),
            _ => self.failures += 1,
        }
    }
}

/// Creates deals and moves them about until told to stop; a request that gets no clear answer may or may not have happened.
async fn sell(client: Client, stages: Vec<Uuid>, ledger: Arc<Mutex<Ledger>>, stop: Arc<AtomicBool>) {
    let mut mine: Vec<Uuid> = Vec::new();
    let mut turn = 0usize;
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let stage = stages[turn % stages.len()];
        let (path, fields, id) = if turn % 3 == 1 || mine.is_empty() {
            let id = Uuid::now_v7();
            let fields = vec![
                ("id", id.to_string()),
                ("name", format!("Deal {turn}")),
                ("stage_id", stage.to_string()),
                ("amount", turn.to_string()),
            ];
            ("/deals/new".to_owned(), fields, id)
        } else {
            let id = mine[turn * 7 % mine.len()];
            (format!("/deals/{id}/position"), vec![("stage_id", stage.to_string())], id)
        };
        let created = path == "/deals/new";
        ledger.lock().unwrap().stages.entry(id).or_default().insert(stage);
        let token = client.csrf().await;
        let mut all = vec![("csrf_token", token.as_str())];
        all.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = client.http().post(client.url(&path)).timeout(Duration::from_secs(20)).form(&all).send().await;
        ledger.lock().unwrap().note(&path, answer.map(|answer| answer.status()).ok(), id, stage);
        if created && ledger.lock().unwrap().created.contains(&id) {
            mine.push(id);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_dash_nine_loses_nothing_that_was_acknowledged() {
    let scratch = process::scratch();
    let data_dir = scratch.path().join("data");
    let smtp = SmtpServer::start(Mode::Accept).await;
    let mut server = Server::start(&data_dir, &[("SMTP_URL", &smtp.url())]).await;
    let attached = Embedded::attach_or_start(&data_dir).unwrap();
    let (admin_url, db) = (attached.admin_url(), Db::connect(&attached.app_url(), None, 4).unwrap());
    assert!(!attached.owns());
    let org = fixtures::create_org(&db, "chaos").await;
    let stages: Vec<Uuid> =
        sql::lines(&mut sql::connect(&admin_url), "SELECT id::text AS line FROM stages ORDER BY position")
            .iter()
            .map(|id| id.parse().unwrap())
            .collect();

    let (ledger, stop) = (Arc::new(Mutex::new(Ledger::default())), Arc::new(AtomicBool::new(false)));
    let mut sellers = Vec::new();
    for who in ["admin", "rep"] {
        let client = Client::new(&server.base);
        client.sign_in(&format!("{who}@chaos.test"), PASSWORD).await;
        sellers.push(tokio::spawn(sell(client, stages.clone(), ledger.clone(), stop.clone())));
    }
    let mut mails = 0;
    for round in 0..6 {
        for n in 0..5 {
            let to = format!("round{round}-{n}@example.com");
            let mail = db.system(Reason::Mail, move |tx| {
                mailer::enqueue(tx, &to, MailMessage::AlreadyRegistered { name: "Zoë".into() })
            });
            mails += usize::from(mail.await.is_ok());
        }
        tokio::time::sleep(Duration::from_millis(700 + round * 130)).await;
        if round % 2 == 0 {
            server.kill_and_restart().await;
        } else {
            process::signal("KILL", process::postmaster(&data_dir).expect("Postgres is up"));
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.ready().await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    for seller in sellers {
        seller.await.unwrap();
    }

    let mut conn = sql::connect(&admin_url);
    let found: HashMap<Uuid, Uuid> = sql::lines(&mut conn, "SELECT id || ' ' || stage_id AS line FROM deals")
        .iter()
        .map(|line| line.split_once(' ').map(|(id, stage)| (id.parse().unwrap(), stage.parse().unwrap())).unwrap())
        .collect();
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    println!(
        "{} created, {} moved, {} without an answer, {mails} mails",
        ledger.created.len(),
        ledger.moves,
        ledger.failures
    );
    assert!(ledger.created.len() > 20 && ledger.moves > 20, "hardly anything happened");
    for id in &ledger.created {
        let stage = found.get(id).unwrap_or_else(|| panic!("deal {id} was acknowledged and is gone"));
        assert!(ledger.stages[id].contains(stage), "deal {id} is in a stage nobody put it in last");
    }
    let mut none = |what: &str, query: &str| assert_eq!(sql::value(&mut conn, query), "0", "{what}");
    none(
        "deals without exactly one event of their making, with another version than their history",
        "SELECT count(*) FROM deals d WHERE (SELECT count(*) FROM events e WHERE e.record_id = d.id AND e.kind = 'deal.created') <> 1
           OR d.version <> (SELECT max(version) FROM events e WHERE e.record_id = d.id)",
    );
    none(
        "events of deals that do not exist",
        "SELECT count(*) FROM events e WHERE record_type = 'deal' AND NOT EXISTS (SELECT 1 FROM deals d WHERE d.id = e.record_id)",
    );
    none("totals that differ from a plain count", DIFFERENT_TOTALS);
    none("deals that share a number", "SELECT count(*) - count(DISTINCT number) FROM deals");

    // Leases of killed workers run out by themselves after a minute: time passes here faster.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        diesel::connection::SimpleConnection::batch_execute(
            &mut conn,
            "UPDATE jobs SET locked_until = now() - interval '1 s' WHERE status = 'running' AND locked_until < now() + interval '50 s';
             UPDATE jobs SET run_at = now() WHERE status = 'queued'",
        )
        .unwrap();
        if sql::value(&mut conn, "SELECT count(*) FROM jobs WHERE kind = 'mail.send'") == "0" {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "mails are left: {}",
            sql::value(&mut conn, "SELECT string_agg(status || coalesce(last_error, ''), ' ') FROM jobs")
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let received = smtp.received();
    let ids: HashSet<_> = received.iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    let people: HashSet<_> = received.iter().map(|mail| mail.to.clone()).collect();
    assert!(people.len() >= mails, "{} of {mails} acknowledged mails arrived", people.len());
    assert_eq!(ids.len(), people.len(), "one mail, one Message-ID, however often its worker died");
    assert_eq!(sql::value(&mut conn, "SELECT count(*) FROM mails WHERE status = 'sent'"), people.len().to_string());
    assert!(received.len() <= people.len() + 3, "{} deliveries of {} mails", received.len(), people.len());
    drop(conn);
    drop(org);
    let (took, well) = server.terminate().await;
    assert!(well && took < Duration::from_secs(10), "{took:?}");
}

const DIFFERENT_TOTALS: &str = "
SELECT count(*) FROM (
  SELECT stage_id, owner_id, currency, sum(deals) AS n, sum(amount) AS amount FROM deal_totals GROUP BY 1, 2, 3 HAVING sum(deals) <> 0
) kept FULL JOIN (
  SELECT stage_id, owner_id, currency, count(*) AS n, sum(coalesce(amount, 0)) AS amount FROM deals
  WHERE status = 'open' AND archived_at IS NULL AND deleted_at IS NULL GROUP BY 1, 2, 3
) counted ON kept.stage_id = counted.stage_id AND kept.owner_id IS NOT DISTINCT FROM counted.owner_id AND kept.currency = counted.currency
WHERE kept.n IS DISTINCT FROM counted.n OR kept.amount IS DISTINCT FROM counted.amount";
