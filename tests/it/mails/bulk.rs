//! One mail to many: each their own, who is left out and why, limits that pause it, a cancellation that stops it.

use super::Post;
use crate::support::smtp::Mode;
use uuid::Uuid;

async fn more(post: &Post) {
    post.contact("Ben", Some("ben@example.com"), "").await;
    post.contact("Zoë", Some("zoe@example.com"), "").await;
    post.contact("None", None, "").await;
    post.contact("Shy", Some("shy@example.com"), "do_not_contact=true").await;
    post.contact("Gone", Some("gone@example.com"), "").await;
    post.contact("Left", Some("left@example.com"), "").await;
    post.contact("Twin", Some("ada@example.com"), "").await;
    post.app
        .sql(&format!(
            "INSERT INTO mail_addresses (org_id, email, refused_at) VALUES ('{0}', 'gone@example.com', now());
             INSERT INTO mail_addresses (org_id, email, unsubscribed_at) VALUES ('{0}', 'left@example.com', now())",
            post.org.id
        ))
        .await;
}

pub(super) fn form(id: &Uuid) -> Vec<(&'static str, String)> {
    vec![
        ("id", id.to_string()),
        ("record_type", "contact".into()),
        ("scope", "matching".into()),
        ("matching", String::new()),
        ("subject", "News for {{ contact.first_name | you }}".into()),
        (
            "body",
            "<div>Dear {{ contact.first_name }}, <a href=\"https://shop.example/?a=1&amp;b=2\">look</a></div>".into(),
        ),
        ("action", "send".into()),
    ]
}

pub(super) fn fields<'a>(form: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_to_all_that_match_reaches_each_and_says_who_is_left_out() {
    let post = Post::start(&[]).await;
    more(&post).await;
    assert!(post.rep.get("/contacts").await.contains("formaction=\"/mailings/new\""));
    let id = Uuid::now_v7();
    let mut asked = form(&id);
    asked.last_mut().unwrap().1 = "preview".into();
    let page = post.rep.post("/mailings/new", &fields(&asked)).await;
    for told in [
        "Mail to 3 contacts",
        "1 without an e-mail address",
        "1 asked not to be contacted",
        "1 unsubscribed",
        "1 with an address that the mail server refused",
        "1 with the same address as another",
        ">Shy Test</a>",
    ] {
        assert!(page.contains(told), "{told}: {}", page.body);
    }
    let form = form(&id);
    assert_eq!(post.rep.post("/mailings", &fields(&form)).await.status(), 303);
    assert_eq!(post.rep.post("/mailings", &fields(&form)).await.status(), 303, "the form sent twice");
    assert_eq!(post.app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM jobs) FROM mailings").await, "1 1");
    post.later().await;
    let mails = post.server.received();
    let mut to: Vec<_> = mails.iter().map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["ada@example.com", "ben@example.com", "zoe@example.com"]);
    for mail in &mails {
        let parsed = mail_parser::MessageParser::default().parse(mail.data.as_bytes()).unwrap();
        let name = match mail.to.as_str() {
            "ada@example.com" => "Ada",
            "ben@example.com" => "Ben",
            _ => "Zoë",
        };
        assert_eq!(parsed.subject().unwrap(), format!("News for {name}"));
        assert!(parsed.body_text(0).unwrap().contains(&format!("Dear {name}, look <https://shop.example/?a=1&b=2>")));
        let url = mail.header("List-Unsubscribe").unwrap();
        assert!(url.starts_with("<http://") && url.contains("/m/u/"), "{url}");
        assert_eq!(mail.header("List-Unsubscribe-Post").unwrap(), "List-Unsubscribe=One-Click");
        assert_eq!(mail.header("To").unwrap().matches('@').count(), 1, "nobody sees the others");
    }
    let page = post.rep.get(&format!("/mailings/{id}")).await;
    assert!(page.contains("Sent") && page.contains("1 unsubscribed") && page.contains("100 % done"), "{}", page.body);
    assert!(post.rep.get(&format!("/mails?mailing={id}")).await.contains("News for Ben"));
    assert!(!post.rep.get("/mails").await.contains("News for Ben"), "the list of mails is not flooded");
    assert!(post.rep.get(&format!("/contacts/{}", post.ada)).await.contains("News for Ada"));
    assert_eq!(post.app.value("SELECT sum(sent) FROM mail_counts").await, "3");
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailing_rests_at_the_limit_stops_when_told_and_knows_refusals() {
    let post = Post::start(&[]).await;
    more(&post).await;
    post.app.sql(&format!("INSERT INTO mail_settings (org_id, daily_member) VALUES ('{}', 2)", post.org.id)).await;
    let id = Uuid::now_v7();
    let form = form(&id);
    let page = post.rep.post("/mailings/new", &fields(&form)).await;
    assert!(page.contains("2 of them can be written to today"), "{}", page.body);
    // Taken back before anybody was written to.
    post.rep.post("/mailings", &fields(&form)).await;
    post.rep.post(&format!("/mailings/{id}/cancellation"), &[]).await;
    post.later().await;
    assert_eq!(post.server.received().len(), 0);

    let id = Uuid::now_v7();
    let mut form = form;
    form[0].1 = id.to_string();
    post.rep.post("/mailings", &fields(&form)).await;
    post.app.sql("UPDATE jobs SET run_at = now()").await;
    post.app.run_jobs().await;
    assert_eq!(post.server.received().len(), 2);
    assert!(post.rep.get(&format!("/mailings/{id}")).await.contains("limit is reached"));
    assert_eq!(post.app.value("SELECT run_at > now() FROM jobs WHERE kind = 'mails.mailing'").await, "true");
    // The next day it goes on; the server refuses the last one, and that is remembered.
    post.server.set(Mode::Refuse);
    post.app.sql("UPDATE mail_counts SET day = day - 1; UPDATE jobs SET run_at = now()").await;
    post.app.run_jobs().await;
    assert_eq!(post.app.value(&format!("SELECT status FROM mailings WHERE id = '{id}'")).await, "done");
    assert_eq!(
        post.app
            .value(&format!("SELECT count(*) FROM mail_messages WHERE mailing_id = '{id}' AND status = 'failed'"))
            .await,
        "1"
    );
    assert_eq!(post.app.value("SELECT count(*) FROM mail_addresses WHERE refused_at IS NOT NULL").await, "2");

    // Stopped in the middle.
    post.server.set(Mode::Accept);
    let id = Uuid::now_v7();
    form[0].1 = id.to_string();
    post.app.sql("DELETE FROM mail_counts; UPDATE mail_settings SET daily_member = 1").await;
    post.rep.post("/mailings", &fields(&form)).await;
    post.app.sql("UPDATE jobs SET run_at = now()").await;
    post.app.run_jobs().await;
    let stopped = post.rep.post(&format!("/mailings/{id}/cancellation"), &[]).await;
    assert_eq!(stopped.status(), 303, "{}", stopped.body);
    post.later().await;
    let states = "SELECT string_agg(status, ',' ORDER BY status) FROM mail_messages WHERE mailing_id = ";
    assert_eq!(post.app.value(&format!("{states}'{id}'")).await, "cancelled,sent");
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailing_goes_out_at_its_time_and_survives_a_server_that_hangs() {
    let post = Post::start(&[]).await;
    post.contact("Ben", Some("ben@example.com"), "").await;
    let id = Uuid::now_v7();
    let mut form = form(&id);
    form.last_mut().unwrap().1 = "schedule".into();
    let page = post.rep.post("/mailings", &fields(&form)).await;
    assert!(page.status() == 422 && page.contains("is required"), "{}", page.body);
    let day = post.app.value("SELECT ((now() AT TIME ZONE 'Europe/Amsterdam')::date + 3)::text").await;
    form.extend([("send_on", day.clone()), ("send_time", "9:00".into())]);
    assert_eq!(post.rep.post("/mailings", &fields(&form)).await.status(), 303);
    let due = "SELECT to_char(run_at AT TIME ZONE 'Europe/Amsterdam', 'YYYY-MM-DD HH24:MI') FROM jobs WHERE kind = 'mails.mailing'";
    assert_eq!(post.app.value(due).await, format!("{day} 09:00"));
    assert!(post.rep.get(&format!("/mailings/{id}")).await.contains("Scheduled"));
    assert_eq!(post.app.run_jobs().await, 0);
    // Whoever comes into the selection until then gets it, whoever leaves does not.
    post.contact("Zoë", Some("zoe@example.com"), "").await;
    post.app.sql("UPDATE contacts SET do_not_contact = true WHERE first_name = 'Ben'").await;
    // The server says nothing: nobody counts as written to, nobody as refused, and it is tried again.
    post.server.set(Mode::Hang);
    post.app.sql("UPDATE mailings SET send_at = now(); UPDATE jobs SET run_at = now()").await;
    post.app.run_jobs().await;
    let state = "SELECT string_agg(r.email || ' ' || r.status, ', ' ORDER BY r.email) FROM mail_recipients r";
    assert_eq!(post.app.value(state).await, "ada@example.com queued, zoe@example.com queued");
    assert_eq!(post.app.value("SELECT count(*) FROM mail_addresses").await, "0");
    assert_eq!(post.app.value("SELECT run_at > now() FROM jobs WHERE kind = 'mails.mailing'").await, "true");
    post.server.set(Mode::Accept);
    post.later().await;
    assert_eq!(post.app.value(state).await, "ada@example.com sent, zoe@example.com sent");
    assert_eq!(post.server.received().len(), 2);
    assert_eq!(post.app.value("SELECT status FROM mailings").await, "done");
    post.app.stop().await;
}

/// Without a mail server nothing was sent, and nothing says that it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailing_without_a_server_says_that_it_was_kept() {
    let app = crate::support::TestApp::start().await;
    let org = app.org("kept").await;
    app.sql(&format!(
        "INSERT INTO contacts (org_id, id, first_name, last_name, email, owner_id)
         SELECT '{}', gen_random_uuid(), 'P' || n, 'Test', 'p' || n || '@example.com', '{}' FROM generate_series(1, 4) n",
        org.id, org.rep
    ))
    .await;
    let rep = app.signed_in(&org, "rep").await;
    let id = Uuid::now_v7();
    assert_eq!(rep.post("/mailings", &fields(&form(&id))).await.status(), 303);
    app.sql("UPDATE jobs SET run_at = now()").await;
    app.run_jobs().await;
    app.sql("UPDATE jobs SET run_at = now() WHERE status = 'queued'").await;
    app.run_jobs().await;
    let page = rep.get(&format!("/mailings/{id}")).await;
    assert!(page.contains("<dt>Kept, not sent</dt><dd class=\"num\">4</dd>"), "{}", page.body);
    assert!(page.contains("<dt>Sent</dt><dd class=\"num\">0</dd>") && page.contains("No mail server is set up"));
    let row = rep.get("/mailings").await;
    let row = row.between(&format!("id=\"mailing-{id}\""), "</tr>").unwrap();
    assert!(row.contains("Kept, not sent") && !row.contains(">Sent<"), "{row}");
    let notices = rep.get("/notifications").await;
    assert!(notices.contains("was kept, not sent: there is no mail server"), "{}", notices.body);
    // Scheduled, it says the time as well as the day.
    let later = app.value("SELECT (now() AT TIME ZONE 'Europe/Amsterdam')::date + 9").await;
    let mut timed = form(&Uuid::now_v7());
    timed.retain(|(name, _)| *name != "action");
    timed.extend([("action", "schedule".into()), ("send_on", later), ("send_time", "08:30".into())]);
    assert_eq!(rep.post("/mailings", &fields(&timed)).await.status(), 303);
    let shown = rep.get("/mailings").await;
    assert!(shown.contains(" 08:30</time>"), "{}", shown.body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_unasked_or_with_holes_in_it() {
    let post = Post::start(&[]).await;
    let id = Uuid::now_v7();
    let with = |name: &str, value: &str| {
        let mut form = form(&id);
        form.iter_mut().filter(|(field, _)| *field == name).for_each(|(_, kept)| value.clone_into(kept));
        form
    };
    // Only what says "send" is sent.
    for action in ["preview", "", "nonsense"] {
        let page = post.rep.post("/mailings", &fields(&with("action", action))).await;
        assert!(page.status() == 422 && page.contains("Nothing was sent."), "{action}: {}", page.body);
        let mail = [
            ("id", "0199aaaa-0000-7000-8000-000000000001"),
            ("to", "ada@example.com"),
            ("subject", "S"),
            ("body", "B"),
            ("action", action),
        ];
        let page = post.rep.post("/mails", &mail).await;
        assert!(page.status() == 422 && page.contains("Nothing was sent."), "{action}: {}", page.body);
    }
    // What contacts have nothing to fill from is neither offered nor taken.
    let offered = post.rep.post("/mailings/new", &fields(&with("action", "template"))).await;
    assert!(offered.contains("contact.first_name") && offered.contains("company.name"), "{}", offered.body);
    assert!(!offered.contains("deal.name") && !offered.contains("lead.first_name"), "{}", offered.body);
    for (field, value) in [("subject", "About {{ deal.name }}"), ("body", "<div>{{ lead.first_name }}</div>")] {
        for (action, path) in [("send", "/mailings"), ("preview", "/mailings/new")] {
            let mut form = with(field, value);
            form.last_mut().unwrap().1 = action.into();
            let page = post.rep.post(path, &fields(&form)).await;
            assert!(page.status() == 422 && page.contains("would stay empty"), "{field} {action}: {}", page.body);
        }
    }
    // With a fallback there is something to say.
    let mut form = with("subject", "About {{ deal.name | it }}");
    form.last_mut().unwrap().1 = "preview".into();
    let page = post.rep.post("/mailings/new", &fields(&form)).await;
    assert!(!page.contains("would stay empty"), "{}", page.body);
    assert_eq!(
        post.app.value("SELECT (SELECT count(*) FROM mailings) + (SELECT count(*) FROM mail_messages)").await,
        "0"
    );
    post.app.stop().await;
}
