//! Notices by mail: at once and gathered, after quiet hours, of what is still unread and in sight.

use super::{browser, mention, tell, unread};
use crate::support::{
    Org, TestApp,
    smtp::{Mode, SmtpServer},
};
use pipewright::features::notifications::{self, Kind, Notice, To};

const SUBJECTS: &str =
    "SELECT coalesce(string_agg(subject, '|' ORDER BY created_at, subject), '') FROM mails WHERE template = 'notices'";

async fn sweep(app: &TestApp) -> usize {
    app.sql(&format!("SET ROLE pipewright_system; {}; RESET ROLE", notifications::DIGESTS)).await;
    app.run_jobs().await
}

/// Of the representative: told yesterday, for a mail of that way.
async fn yesterday(app: &TestApp, org: &Org, way: &str, name: &str) {
    app.sql(&format!(
        "INSERT INTO notices (org_id, member_id, kind, params, once, centre, browser, mail, created_at)
         VALUES ('{}', '{}', 'joined', '{{\"who\": \"{name}\"}}', '{name}', true, false, '{way}', now() - interval '8 days')",
        org.id, org.rep
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_at_once_says_where_such_mail_is_turned_off() {
    let server = SmtpServer::start(Mode::Accept).await;
    let app = TestApp::start_with(&[("SMTP_URL", &server.url()), ("MAIL_FROM", "Sales <sales@pipewright.test>")]).await;
    let org = app.org("posted").await;
    let ours = app.belongings(&org).await;
    tell(&app, &org, org.admin, mention(ours.deal).quoting("Look\nhere").once("1"), To::people([org.rep])).await;
    // Two more before the first is on its way: one mail of all.
    tell(&app, &org, org.admin, mention(ours.deal).once("2"), To::people([org.rep, org.manager])).await;
    app.run_jobs().await;
    let mut mails = server.received();
    mails.sort_by(|a, b| a.to.cmp(&b.to));
    assert_eq!(mails.iter().map(|m| m.to.as_str()).collect::<Vec<_>>(), ["manager@posted.test", "rep@posted.test"]);
    assert_eq!(mails[0].header("Subject").unwrap(), "Admin posted mentioned you on Deal of posted");
    assert_eq!(mails[1].header("Subject").unwrap(), "2 notifications");
    for mail in &mails {
        assert_eq!(mail.header("List-Unsubscribe").unwrap(), "<http://pipewright.test/settings/notifications>");
    }
    let text = app.value("SELECT body_text FROM mails WHERE recipient = 'rep@posted.test'").await;
    assert!(text.contains("“Look here”") && text.contains("http://pipewright.test/notifications/"), "{text}");
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_hold_mail_and_browser_back_but_not_the_bell() {
    let app = TestApp::start().await;
    let org = app.org("quiet").await;
    let ours = app.belongings(&org).await;
    app.sql("DELETE FROM notices").await;
    let rep = app.signed_in(&org, "rep").await;
    // From an hour ago to an hour ahead, where the representative is.
    app.sql(&format!(
        "WITH clock AS (SELECT extract(hour FROM now() AT TIME ZONE 'Europe/Amsterdam')::int * 60 AS hour)
         INSERT INTO notice_settings (org_id, member_id, quiet_from, quiet_to)
         SELECT '{}', '{}', (hour + 1380) % 1440, (hour + 120) % 1440 FROM clock",
        org.id, org.rep
    ))
    .await;
    for once in ["1", "2"] {
        tell(&app, &org, org.admin, mention(ours.deal).once(once), To::people([org.rep])).await;
    }
    app.run_jobs().await;
    assert_eq!(unread(&rep).await, "2");
    assert!(browser(&rep).await.is_empty());
    assert_eq!(app.value(SUBJECTS).await, "");
    let put_off = "SELECT count(*) || ' ' || bool_and(run_at BETWEEN now() + interval '30 minutes' AND now() + interval '130 minutes') FROM jobs WHERE kind = 'notices.mail'";
    assert_eq!(app.value(put_off).await, "1 true");
    // They are over.
    app.sql("UPDATE notice_settings SET quiet_from = NULL, quiet_to = NULL; UPDATE jobs SET run_at = now() WHERE kind = 'notices.mail'").await;
    app.run_jobs().await;
    assert_eq!(app.value(SUBJECTS).await, "2 notifications");
    assert_eq!(browser(&rep).await.len(), 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_gathers_what_is_unread_once() {
    let app = TestApp::start().await;
    let org = app.org("gathered").await;
    for (way, name) in [("daily", "Ada"), ("daily", "Bea"), ("weekly", "Cleo"), ("daily", "Read")] {
        yesterday(&app, &org, way, name).await;
    }
    app.sql("UPDATE notices SET read_at = now() WHERE once = 'Read'").await;
    // Of this morning: for tomorrow's.
    tell(&app, &org, org.admin, Notice::new(Kind::Overdue).param("due_on", &"2026-01-01"), To::people([org.rep])).await;
    sweep(&app).await;
    assert_eq!(app.value(SUBJECTS).await, "Your summary: 3 notifications");
    let text = app.value("SELECT body_text FROM mails WHERE template = 'notices'").await;
    assert!(["Ada", "Bea", "Cleo"].iter().all(|name| text.contains(name)) && !text.contains("Read"), "{text}");
    assert_eq!(sweep(&app).await, 0, "told once");
    // Whoever is no longer a member gets none.
    yesterday(&app, &org, "daily", "Dora").await;
    app.sql(&format!("UPDATE members SET deactivated_at = now() WHERE id = '{}'", org.rep)).await;
    sweep(&app).await;
    assert_eq!(sweep(&app).await, 0);
    assert_eq!(app.value(SUBJECTS).await, "Your summary: 3 notifications");
    app.stop().await;
}
