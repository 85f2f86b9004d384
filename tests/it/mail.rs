//! Mail over a real SMTP server, also when it refuses, puts off, hangs or breaks off.

use crate::support::{
    TestApp,
    smtp::{Mode, SmtpServer},
};
use pipewright::{
    db::Reason,
    jobs::{self, Job},
    mailer::{self, MailMessage},
};
use std::time::{Duration, Instant};

fn invitation(inviter: &str) -> MailMessage {
    MailMessage::Invitation {
        organisation: "Łódź & Söhne <GmbH>".into(),
        inviter: inviter.into(),
        role: "Rep".into(),
        token: "the-token".into(),
    }
}

async fn enqueue(app: &TestApp, to: &'static str, message: MailMessage) {
    app.db.system(Reason::Mail, move |tx| mailer::enqueue(tx, to, message)).await.unwrap();
}

async fn app_with(server: &SmtpServer) -> TestApp {
    TestApp::start_with(&[("SMTP_URL", &server.url()), ("MAIL_FROM", "Sales <sales@pipewright.test>")]).await
}

async fn status(app: &TestApp, to: &str) -> String {
    app.value(&format!("SELECT status || coalesce(': ' || error, '') FROM mails WHERE recipient = '{to}'")).await
}

/// Lets every queued job be due.
async fn later(app: &TestApp) {
    app.sql("UPDATE jobs SET run_at = now() WHERE status = 'queued'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_sent_once_with_both_parts_over_one_connection() {
    let server = SmtpServer::start(Mode::Accept).await;
    let app = app_with(&server).await;
    // A hostile name can neither add headers nor markup.
    let name = "Mallory\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>";
    enqueue(&app, "one@example.com", invitation(name)).await;
    enqueue(&app, "two@example.com", invitation("Zoë")).await;
    assert_eq!(app.run_jobs().await, 2);
    assert_eq!(app.run_jobs().await, 0);

    let mails = server.received();
    assert_eq!(mails.len(), 2);
    assert_eq!(server.connections(), 1, "the second mail goes over the connection of the first");
    let first = &mails[0];
    assert_eq!((first.from.as_str(), first.to.as_str()), ("sales@pipewright.test", "one@example.com"));
    assert_eq!(first.header("Bcc"), None);
    assert!(!first.data.contains("\r\nBcc:"), "{}", first.data);
    assert!(!first.data.split("text/html").nth(1).unwrap().contains("<script>"), "{}", first.data);
    assert!(first.header("From").unwrap().contains("<sales@pipewright.test>"));
    assert!(first.header("Content-Type").unwrap().starts_with("multipart/alternative"));
    assert!(first.data.contains("text/plain") && first.data.contains("text/html") && first.header("Date").is_some());
    let ids: Vec<String> = mails.iter().map(|m| m.header("Message-ID").unwrap()).collect();
    assert!(ids[0] != ids[1] && ids[0].ends_with("@pipewright.test>"), "{ids:?}");
    assert_eq!(app.value("SELECT string_agg(message_id, ',' ORDER BY id) FROM mails").await, ids.join(","));
    assert_eq!(app.value("SELECT string_agg(status, ',') FROM mails WHERE sent_at IS NOT NULL").await, "sent,sent");

    // Were the job done again after a crash, the mail would not be sent again.
    app.sql("INSERT INTO jobs (kind, payload) SELECT 'mail.send', jsonb_build_object('id', id, 'to', recipient, 'user', NULL, 'message',
             '{\"message\": \"already_registered\", \"name\": \"x\"}'::jsonb) FROM mails").await;
    assert_eq!(app.run_jobs().await, 2);
    assert_eq!((server.received().len(), app.value("SELECT count(*) FROM jobs").await.as_str()), (2, "0"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difficult_server_loses_no_mail_and_gets_none_twice() {
    let server = SmtpServer::start(Mode::Refuse).await;
    let app = app_with(&server).await;
    let org = app.org("post").await;
    app.db.org(&org.id, |tx| mailer::enqueue(tx, "nobody@example.com", invitation("Zoë"))).await.unwrap();
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(
        status(&app, "nobody@example.com").await,
        "refused: permanent error (550): 5.1.1 nobody of that name here"
    );
    later(&app).await;
    assert_eq!(app.run_jobs().await, 0, "a refusal is final");
    assert_eq!(server.attempts(), 1);
    // Unless an administrator says otherwise.
    server.set(Mode::Accept);
    let dead = app.db.org(&org.id, jobs::dead).await.unwrap();
    let id = dead[0].id;
    app.db.org(&org.id, move |tx| jobs::retry(tx, id)).await.unwrap();
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(status(&app, "nobody@example.com").await, "sent");

    server.set(Mode::Greylist);
    enqueue(&app, "grey@example.com", invitation("Zoë")).await;
    assert_eq!(app.run_jobs().await, 1);
    assert!(status(&app, "grey@example.com").await.starts_with("queued: transient error (451)"));
    assert_eq!(app.run_jobs().await, 0, "not again at once");
    later(&app).await;
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(status(&app, "grey@example.com").await, "sent");

    server.set(Mode::DropInData);
    enqueue(&app, "cut@example.com", invitation("Zoë")).await;
    app.run_jobs().await;
    assert!(status(&app, "cut@example.com").await.starts_with("queued: "));
    later(&app).await;
    app.run_jobs().await;
    assert_eq!(status(&app, "cut@example.com").await, "sent");
    for to in ["nobody@example.com", "grey@example.com", "cut@example.com"] {
        assert_eq!(server.received().iter().filter(|m| m.to == to).count(), 1, "{to}");
    }
    app.stop().await;

    // A wrong password is the installation's trouble: no mail dies of it.
    server.set(Mode::WrongPassword);
    let url = server.url().replace("smtp://", "smtp://user:wrong@");
    let app = TestApp::start_with(&[("SMTP_URL", &url)]).await;
    enqueue(&app, "later@example.com", invitation("Zoë")).await;
    app.run_jobs().await;
    assert!(status(&app, "later@example.com").await.starts_with("queued: permanent error (535)"));
    assert_eq!(app.value("SELECT status FROM jobs").await, "queued");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_and_holds_nothing_else_up() {
    let server = SmtpServer::start(Mode::Hang).await;
    let app = app_with(&server).await;
    for to in ["a@example.com", "b@example.com", "c@example.com"] {
        enqueue(&app, to, invitation("Zoë")).await;
    }
    let running = app.workers().clone().start(2).unwrap();
    let started = Instant::now();
    app.db.system(Reason::Jobs, |tx| jobs::enqueue(tx, Job::new("unknown", &())?.max_attempts(1))).await.unwrap();
    while app.value("SELECT count(*) FROM jobs WHERE kind = 'unknown' AND status = 'dead'").await != "1" {
        assert!(started.elapsed() < Duration::from_secs(3), "the other job waited for the mail server");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while app.value("SELECT count(*) FROM mails WHERE error IS NOT NULL").await != "3" {
        assert!(started.elapsed() < Duration::from_secs(10), "mails hang for longer than their timeout");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.set(Mode::Accept);
    while server.received().len() < 3 {
        assert!(started.elapsed() < Duration::from_secs(20), "the mails are not tried again");
        app.sql("UPDATE jobs SET run_at = now() WHERE status = 'queued'").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
    assert_eq!(server.received().len(), 3);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_mails_are_kept_and_read_as_written() {
    let app = TestApp::start().await;
    enqueue(&app, "kept@example.com", invitation("Mallory\r\nBcc: x@example.com <b>&\"")).await;
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(status(&app, "kept@example.com").await, "kept");
    let text = app.value("SELECT subject || E'\\n\\n' || body_text FROM mails").await;
    let html = app.value("SELECT body_html FROM mails").await;
    assert!(!app.value("SELECT subject FROM mails").await.contains(['\r', '\n']));
    assert!(html.contains("&#60;b&#62;&#38;&#34;") && !html.contains("<b>"), "{html}");
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(html);
    app.stop().await;
}
