//! Mail to customers over a real SMTP server that accepts, refuses and puts off: written, merged, sent, taken back, left out.

mod attachments;
mod bulk;
mod limits;
mod merge;
mod plans;
mod public;
mod templates;
mod threads;

use crate::support::{
    Client, Org, TestApp,
    smtp::{Mode, SmtpServer},
};
use uuid::Uuid;

/// An application with a mail server, an organisation, a contact with a company.
pub(super) struct Post {
    pub server: SmtpServer,
    pub app: TestApp,
    pub org: Org,
    pub rep: Client,
    pub company: Uuid,
    pub ada: Uuid,
}

impl Post {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let server = SmtpServer::start(Mode::Accept).await;
        let url = server.url();
        let mut all = vec![("SMTP_URL", url.as_str()), ("MAIL_FROM", "Sales <sales@pipewright.test>")];
        all.extend_from_slice(settings);
        let app = TestApp::start_with(&all).await;
        let org = app.org("post").await;
        let (company, ada) = (Uuid::now_v7(), Uuid::now_v7());
        app.sql(&format!(
            "INSERT INTO companies (org_id, id, name, owner_id) VALUES ('{o}', '{company}', 'Analytical <Engines>', '{rep}');
             INSERT INTO contacts (org_id, id, first_name, last_name, email, company_id, owner_id)
               VALUES ('{o}', '{ada}', 'Ada', 'Lovelace', 'ada@example.com', '{company}', '{rep}')",
            o = org.id,
            rep = org.rep
        ))
        .await;
        let rep = app.signed_in(&org, "rep").await;
        Self { server, app, org, rep, company, ada }
    }

    pub async fn contact(&self, first: &str, email: Option<&str>, more: &str) -> Uuid {
        let id = Uuid::now_v7();
        let email = email.map_or("NULL".to_owned(), |email| format!("'{email}'"));
        let (columns, values) =
            more.split_once('=').map_or((String::new(), String::new()), |(c, v)| (format!(", {c}"), format!(", {v}")));
        self.app
            .sql(&format!(
                "INSERT INTO contacts (org_id, id, first_name, last_name, email, owner_id{columns})
                 VALUES ('{}', '{id}', '{first}', 'Test', {email}, '{}'{values})",
                self.org.id, self.org.rep
            ))
            .await;
        id
    }

    /// Writes and sends; the mail's id.
    pub async fn send(&self, fields: &[(&str, &str)]) -> Uuid {
        let id = Uuid::now_v7();
        let (named, contact) = (id.to_string(), self.ada.to_string());
        let mut all = vec![("id", named.as_str()), ("contact_id", contact.as_str()), ("action", "send")];
        if !fields.iter().any(|(name, _)| *name == "to") {
            all.push(("to", "Ada Lovelace <ada@example.com>"));
        }
        all.extend_from_slice(fields);
        let sent = self.rep.post("/mails", &all).await;
        assert_eq!(sent.status(), 303, "{}", sent.body);
        id
    }

    /// Ten seconds pass, and every put-off job is due.
    pub async fn later(&self) {
        self.app
            .sql("UPDATE mail_messages SET send_at = now() WHERE status = 'scheduled'; UPDATE jobs SET run_at = now() WHERE status = 'queued'")
            .await;
        self.app.run_jobs().await;
    }

    pub async fn status(&self, id: Uuid) -> String {
        self.app
            .value(&format!(
                "SELECT m.status || ': ' || string_agg(r.email || ' ' || r.status, ', ' ORDER BY r.email) FROM mail_messages m
                 JOIN mail_recipients r ON r.message_id = m.id WHERE m.id = '{id}' GROUP BY m.status"
            ))
            .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_is_written_merged_sent_and_stands_on_the_timelines() {
    let post = Post::start(&[]).await;
    let page = post.rep.get(&format!("/mails/new?contact_id={}", post.ada)).await;
    assert!(page.contains("Ada Lovelace &#60;ada@example.com&#62;"), "{}", page.body);
    assert!(page.contains("Rep post (post Ltd) &#60;sales@pipewright.test&#62;"), "{}", page.body);
    let id = post
        .send(&[
            ("cc", "Ben <ben@example.com>"),
            ("bcc", "boss@example.com"),
            ("subject", "Hello {{ contact.first_name }} at {{ company.name }}"),
            ("body", "<div>Dear {{ contact.first_name | friend }}, from {{ contact.city | your town }}: <b>{{ company.name }}</b></div>"),
        ])
        .await;
    assert_eq!(post.server.attempts(), 0, "ten seconds to think better of it");
    assert_eq!(post.app.run_jobs().await, 0);
    post.later().await;
    assert_eq!(post.status(id).await, "sent: ada@example.com sent, ben@example.com sent, boss@example.com sent");
    let mails = post.server.received();
    assert_eq!(mails.len(), 3);
    for mail in &mails {
        assert_eq!(mail.header("Message-ID").unwrap(), format!("<{id}@pipewright.test>"));
        assert_eq!(mail.header("Bcc"), None);
        assert!(mail.header("From").unwrap().contains("<sales@pipewright.test>"));
        assert!(mail.header("Reply-To").unwrap().contains("<rep@post.test>"));
        assert!(
            mail.header("To").unwrap().contains("ada@example.com")
                && mail.header("Cc").unwrap().contains("ben@example.com")
        );
        assert!(mail.header("List-Unsubscribe").is_none());
        let parsed = mail_parser::MessageParser::default().parse(mail.data.as_bytes()).unwrap();
        assert_eq!(parsed.subject(), Some("Hello Ada at Analytical <Engines>"));
        let html = parsed.body_html(0).unwrap();
        assert!(html.contains("Dear Ada, from your town: <b>Analytical &lt;Engines&gt;</b>"), "{html}");
        assert_eq!(parsed.body_text(0).unwrap().trim(), "Dear Ada, from your town: Analytical <Engines>");
    }
    // The job done again sends nothing again.
    post.app.sql(&format!("INSERT INTO jobs (org_id, kind, payload) VALUES ('{}', 'mails.send', '{{\"message\": \"{id}\", \"turn\": 1}}')", post.org.id)).await;
    post.app.run_jobs().await;
    assert_eq!(post.server.received().len(), 3);

    for path in [format!("/contacts/{}", post.ada), format!("/companies/{}", post.company)] {
        let page = post.rep.get(&path).await;
        assert!(
            page.contains(&format!("/mails/{id}\">Hello Ada at Analytical &#60;Engines&#62;")),
            "{path}: {}",
            page.body
        );
    }
    let shown = post.rep.get(&format!("/mails/{id}")).await;
    assert!(shown.contains("boss@example.com") && shown.contains("hidden copy"), "{}", shown.body);
    let body = post.rep.get(&format!("/mails/{id}/body")).await;
    assert!(body.header("content-security-policy").unwrap().starts_with("sandbox;"));
    assert!(body.contains("Analytical &lt;Engines&gt;"));
    assert!(post.rep.get("/mails").await.contains("Hello Ada at"));
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_are_kept_taken_back_scheduled_and_thrown_away() {
    let post = Post::start(&[]).await;
    let id = Uuid::now_v7().to_string();
    let draft =
        [("id", id.as_str()), ("version", "0"), ("to", "Ada <ada@exam"), ("subject", "Half"), ("body", "so far")];
    let saved = post.rep.post_partial("/mails/draft", &draft).await;
    assert!(saved.status() == 200 && saved.contains("data-draft-version=\"1\""), "{}", saved.body);
    // Half an address is a draft all the same, and nobody else's to see.
    let page = post.rep.get(&format!("/mails/{id}")).await;
    assert_eq!(page.location.as_deref(), Some(format!("/mails/{id}/edit").as_str()));
    assert!(post.rep.get(&format!("/mails/{id}/edit")).await.contains("Ada &#60;ada@exam"));
    assert!(post.rep.get("/mails?folder=drafts").await.contains("Half"));
    let admin = post.app.signed_in(&post.org, "admin").await;
    assert_eq!(admin.get(&format!("/mails/{id}")).await.status(), 404);
    // Two windows: the older one is told.
    let again =
        [("id", id.as_str()), ("version", "1"), ("to", "ada@example.com"), ("subject", "Whole"), ("body", "all of it")];
    assert!(post.rep.post_partial("/mails/draft", &again).await.contains("data-draft-version=\"2\""));
    assert_eq!(post.rep.post_partial("/mails/draft", &again).await.status(), 409);
    // What is wrong stays in the form.
    let wrong = [
        ("id", id.as_str()),
        ("version", "2"),
        ("to", "ada@"),
        ("subject", ""),
        ("body", "{{ contact.frist_name }}"),
        ("action", "send"),
    ];
    let refused = post.rep.post("/mails", &wrong).await;
    assert_eq!(refused.status(), 422);
    for told in [
        "holds “ada@”, which is no e-mail address",
        "Subject is required",
        "There is no field “contact.frist_name”. Did you mean {{ contact.first_name }}?",
    ] {
        assert!(refused.contains(told), "{told}: {}", refused.body);
    }
    // Sent, and taken back.
    let good = [
        ("id", id.as_str()),
        ("version", "2"),
        ("to", "ada@example.com"),
        ("subject", "Whole"),
        ("body", "all of it"),
        ("action", "send"),
    ];
    assert_eq!(post.rep.post("/mails", &good).await.status(), 303);
    assert_eq!(post.rep.post("/mails", &good).await.status(), 303, "the form sent twice");
    assert_eq!(
        post.app.value("SELECT count(*) || ' ' || (SELECT count(*) FROM mail_recipients) FROM jobs").await,
        "1 1"
    );
    let back = post.rep.post(&format!("/mails/{id}/cancellation"), &[]).await;
    assert_eq!(back.location.as_deref(), Some(format!("/mails/{id}/edit").as_str()));
    post.later().await;
    assert_eq!(post.server.received().len(), 0);
    // Scheduled in the writer's own zone (Amsterdam), and due then.
    let ahead = [
        ("id", id.as_str()),
        ("to", "ada@example.com"),
        ("subject", "Whole"),
        ("body", "all of it"),
        ("action", "schedule"),
        ("send_on", "2020-01-01"),
        ("send_time", "9:00"),
    ];
    assert!(post.rep.post("/mails", &ahead).await.contains("choose one ahead"));
    let day = post.app.value("SELECT ((now() AT TIME ZONE 'Europe/Amsterdam')::date + 3)::text").await;
    let mut ahead = ahead.to_vec();
    ahead[5] = ("send_on", day.as_str());
    assert_eq!(post.rep.post("/mails", &ahead).await.status(), 303);
    let at = post
        .app
        .value("SELECT to_char(send_at AT TIME ZONE 'Europe/Amsterdam', 'YYYY-MM-DD HH24:MI') FROM mail_messages")
        .await;
    assert_eq!(at, format!("{day} 09:00"));
    assert!(post.rep.get("/mails?folder=scheduled").await.contains("Whole"));
    assert_eq!(post.app.run_jobs().await, 0);
    post.later().await;
    assert_eq!(post.server.received().len(), 1);
    let late = post.rep.post(&format!("/mails/{id}/cancellation"), &[]).await;
    assert_eq!(late.location.as_deref(), Some(format!("/mails/{id}").as_str()), "too late");
    assert!(post.status(Uuid::parse_str(&id).unwrap()).await.starts_with("sent"));
    // Another draft, thrown away and back.
    let id = Uuid::now_v7().to_string();
    post.rep.post("/mails", &[("id", &id), ("subject", "Not now"), ("action", "draft")]).await;
    assert_eq!(post.rep.post(&format!("/mails/{id}/deletion"), &[]).await.status(), 303);
    assert!(!post.rep.get("/mails?folder=drafts").await.contains(">Not now</a>"));
    post.rep.post(&format!("/mails/{id}/deletion/undo"), &[]).await;
    assert!(post.rep.get("/mails?folder=drafts").await.contains("Not now"));
    post.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difficult_server_loses_nobody_and_refusals_are_remembered() {
    let post = Post::start(&[]).await;
    // Put off first: nothing is lost, nobody gets it twice.
    post.server.set(Mode::Greylist);
    let id = post.send(&[("cc", "ben@example.com"), ("subject", "Grey"), ("body", "x")]).await;
    post.later().await;
    assert_eq!(post.status(id).await, "sending: ada@example.com queued, ben@example.com queued");
    assert!(post.app.value("SELECT error FROM mail_recipients LIMIT 1").await.contains("451"));
    assert_eq!(
        post.rep.post(&format!("/mails/{id}/cancellation"), &[]).await.location.as_deref(),
        Some(format!("/mails/{id}").as_str())
    );
    post.later().await;
    assert_eq!(post.status(id).await, "sent: ada@example.com sent, ben@example.com sent");
    assert_eq!(post.server.received().len(), 2);

    // Refused for good: said on the contact, the sender is told, left out next time.
    post.server.set(Mode::Refuse);
    let id = post.send(&[("subject", "No"), ("body", "x")]).await;
    post.later().await;
    assert_eq!(post.status(id).await, "failed: ada@example.com refused");
    assert!(post.rep.get("/mails?folder=failed").await.contains("No"));
    let contact = post.rep.get(&format!("/contacts/{}", post.ada)).await;
    assert!(
        contact.contains("The mail server refused ada@example.com")
            && contact.contains("Address refused: ada@example.com"),
        "{}",
        contact.body
    );
    assert_eq!(post.app.value("SELECT count(*) FROM notices WHERE kind = 'bounced'").await, "1");
    let draft = Uuid::now_v7().to_string();
    let form =
        [("id", draft.as_str()), ("to", "ada@example.com"), ("subject", "Again"), ("body", "x"), ("action", "send")];
    let refused = post.rep.post("/mails", &form).await;
    assert!(refused.status() == 422 && refused.contains("must do without ada@example.com"), "{}", refused.body);
    let ada = post.ada.to_string();
    let clear =
        [("record_type", "contact"), ("record_id", ada.as_str()), ("email", "ada@example.com"), ("clear", "refused")];
    assert_eq!(post.rep.post("/mails/addresses", &clear).await.status(), 303);
    post.server.set(Mode::Accept);
    assert_eq!(post.rep.post("/mails", &form).await.status(), 303);
    post.later().await;
    assert_eq!(post.server.received().len(), 3);
    post.app.stop().await;
}

/// Only what the server says of the address is kept with the address: not its own troubles, and not what it thinks of us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_not_blamed_for_the_server_or_the_sender() {
    let post = Post::start(&[]).await;
    let kept =
        "SELECT coalesce(string_agg(email, ',' ORDER BY email), '') FROM mail_addresses WHERE refused_at IS NOT NULL";
    for (n, answer) in [
        "550 5.7.1 your server is on our list",
        "553 5.1.8 your domain does not exist",
        "552 5.2.2 mailbox is full",
        "552 5.2.3 message too long for this mailbox",
        "554 transaction failed",
    ]
    .into_iter()
    .enumerate()
    {
        post.server.set(Mode::Say(answer));
        let to = format!("n{n}@example.com");
        let id = post.send(&[("to", &to), ("subject", answer), ("body", "x")]).await;
        post.later().await;
        assert_eq!(post.status(id).await, format!("failed: {to} refused"), "{answer}");
        assert_eq!(post.app.value(kept).await, "", "{answer}");
    }
    for (answer, to) in [
        ("550 no such user", "a@example.com"),
        ("554 5.1.1 unknown", "b@example.com"),
        ("550 5.2.1 disabled", "c@example.com"),
    ] {
        post.server.set(Mode::Say(answer));
        post.send(&[("to", to), ("subject", answer), ("body", "x")]).await;
        post.later().await;
    }
    assert_eq!(post.app.value(kept).await, "a@example.com,b@example.com,c@example.com");
    // A server that hangs, and one that hangs up: nothing is lost, nothing is kept against anybody, nothing goes twice.
    for mode in [Mode::Hang, Mode::DropInData] {
        post.server.set(mode);
        let id = post.send(&[("to", "d@example.com, e@example.com"), ("subject", "Later"), ("body", "x")]).await;
        post.later().await;
        assert_eq!(post.status(id).await, "sending: d@example.com queued, e@example.com queued", "{mode:?}");
        post.server.set(Mode::Accept);
        post.later().await;
        assert_eq!(post.status(id).await, "sent: d@example.com sent, e@example.com sent", "{mode:?}");
    }
    assert_eq!(post.server.received().len(), 4);
    assert_eq!(post.app.value(kept).await, "a@example.com,b@example.com,c@example.com");
    post.app.stop().await;
}
