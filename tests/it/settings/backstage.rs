//! Outgoing mail and background jobs.

use super::{ask, enter, run};
use crate::support::TestApp;
use pipewright::mailer::{self, MailMessage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_listed_and_links_to_accounts_are_for_their_owners() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    let (id, me, rep) = (org.id, org.admin, org.rep);
    app.db
        .org(&org.id, move |tx| {
            let invitation = MailMessage::Invitation {
                organisation: "Aurelia".into(),
                inviter: "Ada".into(),
                role: "Rep".into(),
                token: "INVITE-TOKEN".into(),
            };
            mailer::enqueue(tx, "new@aurelia.test", invitation)?;
            let verify = |token: &str| MailMessage::VerifyEmail { name: "<b>Ada</b>".into(), token: token.into() };
            mailer::enqueue_for(tx, id, me.into(), "admin@aurelia.test", verify("MY-TOKEN"))?;
            mailer::enqueue_for(tx, id, rep.into(), "rep@aurelia.test", verify("REP-TOKEN"))?;
            let reset = MailMessage::ResetPassword { name: "Ada".into(), token: "RESET-TOKEN".into() };
            mailer::enqueue_for(tx, id, me.into(), "admin@aurelia.test", reset)
        })
        .await
        .unwrap();
    app.run_jobs().await;
    let list = admin.get("/settings/mail").await;
    assert!(
        list.contains("No mail server is set up")
            && list.contains("new@aurelia.test")
            && list.contains("Kept, not sent")
    );
    assert!(!stranger.get("/settings/mail").await.contains("aurelia.test"));
    let mails = ask(&app, &org, "SELECT id::text AS value FROM mails ORDER BY created_at, id").await;
    for (mail, token, readable) in [
        (&mails[0], "/invitations/INVITE-TOKEN", true),
        (&mails[1], "/verify-email/MY-TOKEN", true),
        (&mails[2], "REP-TOKEN", false),
        (&mails[3], "RESET-TOKEN", false),
    ] {
        let (page, body) = (format!("/settings/mail/{mail}"), format!("/settings/mail/{mail}/body"));
        let (shown, framed) = (admin.get(&page).await, admin.get(&body).await);
        assert_eq!(shown.status(), 200);
        assert_eq!(shown.contains(token), readable, "{token}");
        assert_eq!((framed.status(), framed.contains(token)), if readable { (200, true) } else { (404, false) });
        assert_eq!(stranger.get(&page).await.status(), 404);
        assert_eq!(stranger.get(&body).await.status(), 404);
        if readable {
            assert!(shown.header("content-security-policy").unwrap().contains("frame-src 'self'"));
            assert_eq!(shown.header("x-frame-options"), Some("DENY"));
            let policy = framed.header("content-security-policy").unwrap();
            assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
            assert_eq!(framed.header("x-frame-options"), Some("SAMEORIGIN"));
            assert!(!framed.contains("<b>Ada</b>"));
        }
    }
    assert!(admin.get("/settings/mail?status=sent").await.contains("No mails"));
    assert_eq!(admin.get("/settings/mail?after=rubbish").await.status(), 400);
    run(&app, &org, "INSERT INTO mails (id, template, recipient, subject, body_text, body_html, message_id, created_at)
        SELECT app.uuid7(), 'invitation', 'n' || n || '@x.test', 'Old', '', '', n::text, now() - n * interval '1 day' FROM generate_series(1, 60) n".into()).await;
    let first = admin.get("/settings/mail").await;
    let next = first.between("hx-get=\"", "\"").unwrap().replace("&#38;", "&");
    let more = admin.get_partial(&next).await;
    assert!(
        more.contains("n60@x.test")
            && !more.contains("<html")
            && more.contains("hx-partial")
            && !first.contains("n60@x.test")
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_jobs_are_retried_or_discarded() {
    let app = TestApp::start().await;
    let (org, other) = (app.org("aurelia").await, app.org("borealis").await);
    let (admin, stranger) = (enter(&app, &org, "admin").await, enter(&app, &other, "admin").await);
    assert!(admin.get("/settings/jobs").await.contains("Nothing here"));
    run(&app, &org, "INSERT INTO jobs (kind, payload, status, attempts, last_error)
        SELECT 'mail.send', '{\"to\": \"ada@x.test\", \"message\": {\"token\": \"SECRET\"}}', 'dead', 12, 'connection <refused>' FROM generate_series(1, 2)".into()).await;
    let page = admin.get("/settings/jobs").await;
    assert!(
        page.contains("Send a mail to ada@x.test")
            && page.contains("12 of 12")
            && page.contains("connection &#60;refused&#62;")
    );
    assert!(!page.contains("SECRET"));
    let jobs = ask(&app, &org, "SELECT id::text AS value FROM jobs ORDER BY id").await;
    assert_eq!(stranger.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 404);
    assert_eq!(stranger.post(&format!("/settings/jobs/{}/discard", jobs[0]), &[]).await.status(), 404);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 303);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/discard", jobs[1]), &[]).await.status(), 303);
    assert_eq!(ask(&app, &org, "SELECT status || attempts AS value FROM jobs").await, ["queued0"]);
    assert_eq!(admin.post(&format!("/settings/jobs/{}/retry", jobs[0]), &[]).await.status(), 404, "waiting already");
    let told = ask(&app, &org, "SELECT kind AS value FROM events ORDER BY at").await;
    assert_eq!(told, ["job.retried", "job.discarded"]);

    // An import that failed for good has ended; to try once more would do nothing, so it is not offered.
    run(&app, &org, "INSERT INTO jobs (kind, payload, status, attempts, last_error)
        VALUES ('imports.run', '{\"import\": \"01900000-0000-7000-8000-000000000000\"}', 'dead', 5, 'the disk was full')".into()).await;
    let import = ask(&app, &org, "SELECT id::text AS value FROM jobs WHERE kind = 'imports.run'").await.remove(0);
    let page = admin.get("/settings/jobs?status=dead").await;
    assert!(page.contains("/imports/01900000") && page.contains(&format!("{import}/discard")), "{}", page.body);
    assert!(!page.contains("/retry"));
    let refused = admin.post(&format!("/settings/jobs/{import}/retry"), &[]).await;
    assert!(refused.status() == 409 && refused.contains("Send the file again"));
    app.stop().await;
}
